"""What does not fit into memory is refused before the machine stands still, with the batch size that would fit."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.models import case, series
from tests.probe.comparing import assert_close
from tswidgets.probe import Probe, batches

FITS = re.compile(
    r"Expected a result that fits into the free memory; got 40 samples of \d+\.\d MiB each\. "
    r"A batch of (\d+) would fit; .+"
)


@pytest.fixture
def little_memory(monkeypatch):
    """Room for about ten samples; every batch is large."""

    def limit(probe, x):
        a_row = batches.bytes_per_row(probe.taps, [x])
        free = int(10 * a_row / batches.SHARE)
        monkeypatch.setattr(batches.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
        monkeypatch.setattr(batches, "CHUNK", 4 * a_row)

    return limit


def test_a_result_that_does_not_fit_names_the_batch_that_would(little_memory):
    found = case("sequential")
    probe, x = Probe(found.model), series(40, 30, 3)
    little_memory(probe, x)
    with pytest.raises(MemoryError) as error:
        probe.observe(x)
    fits = int(FITS.match(str(error.value))[1])
    assert fits == 10
    observation = probe.observe(x[:fits])
    assert_close(observation["conv1"], found.expected(x[:fits])["conv1"])


def test_fewer_layers_fit_where_all_do_not(little_memory):
    found = case("sequential")
    probe, x = Probe(found.model), series(40, 30, 3)
    little_memory(probe, x)
    assert_close(probe.observe(x, ["head"])["head"], found.expected(x)["head"])


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")])
def test_memory_that_runs_out_on_the_way_is_explained(error, monkeypatch):
    found = case("sequential")
    probe, x = Probe(found.model), series(40, 30, 3)
    monkeypatch.setattr(batches, "CHUNK", 4 * batches.bytes_per_row(probe.taps, [x]))

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(batches, "in_pieces", fail)
        with pytest.raises(MemoryError) as told:
            probe.observe(x)
    assert int(FITS.match(str(told.value))[1]) == 20, "half of what failed"
    assert told.value.__cause__ is error
    assert np.isfinite(probe.observe(x)["head"]).all(), "the next look works"


def test_not_even_one(monkeypatch):
    found = case("sequential")
    probe, x = Probe(found.model), series(40, 30, 3)
    monkeypatch.setattr(batches.psutil, "virtual_memory", lambda: SimpleNamespace(available=10))
    monkeypatch.setattr(batches, "CHUNK", 4 * batches.bytes_per_row(probe.taps, [x]))
    with pytest.raises(MemoryError, match=r"Not even one fits: name the layers"):
        probe.observe(x)
