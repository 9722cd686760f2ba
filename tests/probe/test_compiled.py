"""Models are compiled where they can be, and run step by step where they cannot."""

import keras
import numpy as np
import pytest
from keras import layers as L

from tests.models import CASES, case, series
from tests.probe.comparing import assert_close
from tests.probe.training import ticking_model
from tswidgets.probe import Probe, as_probe

NAMES = list(CASES)


def test_models_of_every_kind_are_compiled():
    """All but the one with Python that depends on the data."""
    eager = {name for name in NAMES if as_probe(case(name).model, case(name).x).eager_because}
    assert eager == {"data_dependent"}


def test_data_dependent_python_runs_step_by_step():
    """Both branches of the `if` are followed, each with the numbers of the layers called by hand."""
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    assert probe.eager_because != ""
    branches = set()
    for x in (found.x + 3, found.x - 3):
        observation, expected = probe.observe(x), found.expected(x)
        assert set(observation) == set(expected)
        branches |= set(expected)
        for tap, values in expected.items():
            assert_close(observation[tap], values)
    assert branches == {"conv", "up", "down"}


def test_a_new_length_needs_no_new_trace():
    """A model that takes any length is compiled once."""
    model, runs, traces = ticking_model()
    probe = Probe(model)
    compiled = len(traces)
    for n in (5, 6, 17, 1):
        x = series(2, n, 2)
        assert_close(probe.observe(x)["conv"], np.asarray(model.layers[0](x)))
    assert len(traces) == compiled
    assert [shape[1] for shape in runs] == [5, 6, 17, 1]


def test_a_mistake_of_the_model_s_own_is_raised():
    class Wrong(keras.Model):
        def call(self, x):
            raise RuntimeError("forgot something")

    model = Wrong(name="wrong")
    x = series(1, 4, 2)
    with pytest.raises(RuntimeError, match="forgot something"):
        Probe(model, x).observe(x)
