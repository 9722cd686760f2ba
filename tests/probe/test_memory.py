"""A series seen before is not computed again, and weights that have changed are seen."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests.models import CASES, randomise, series
from tests.probe.comparing import assert_close
from tests.probe.training import fit, ticking_model, trained
from tswidgets.probe import Probe, weights


def test_a_sample_seen_before_does_not_run_the_model():
    """Equal values come from memory, also in another array; a changed array, other weights and another dtype do not."""
    model, runs, _ = ticking_model()
    probe, x = Probe(model), series(2, 7, 2)
    first = probe.observe(x)
    assert len(runs) == 1
    assert probe.observe(x.copy()) is first
    assert len(runs) == 1
    x[0, 0, 0] += 1
    changed = probe.observe(x)
    assert len(runs) == 2
    assert np.abs(changed["conv"] - first["conv"]).max() > 0
    assert probe.observe(x[:1])["conv"].shape[0] == 1
    assert len(runs) == 3
    kernel = model.layers[0].kernel
    kernel.assign(kernel * 2)
    assert np.abs(probe.observe(x)["conv"] - changed["conv"]).max() > 0
    assert len(runs) == 4


def test_a_sample_seen_before_calls_no_layer_of_a_model_that_is_not_compiled(monkeypatch):
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    first = probe.observe(found.x)
    calls = []
    monkeypatch.setattr(L.Conv1D, "call", lambda self, x: calls.append(x) or x)
    assert probe.observe(found.x) is first
    assert calls == []
    probe.observe(found.x + 1)
    assert len(calls) == 1, "the patch would have seen a call"


def test_memory_is_bounded(monkeypatch):
    """What was not asked for longest is forgotten; the newest is kept even if it is larger than all memory."""
    monkeypatch.setattr("tswidgets.probe.memory.MOST", 3 * 7 * (3 + 3 + 2) * 4)
    monkeypatch.setattr("tswidgets.probe.memory.FEW", 0)
    model, runs, _ = ticking_model()
    probe = Probe(model)
    samples = [series(1, 7, 2, seed) for seed in range(4)]
    for x in samples:
        probe.observe(x)
    assert len(runs) == 4
    for x in (samples[2], samples[3], samples[1]):
        probe.observe(x)
    assert len(runs) == 4
    probe.observe(samples[0])  # takes the place of samples[2]
    assert len(runs) == 5
    probe.observe(samples[1])
    probe.observe(samples[3])
    assert len(runs) == 5
    probe.observe(samples[2])
    assert len(runs) == 6
    large = series(9, 7, 2)
    assert probe.observe(large) is probe.observe(large)


def test_a_few_long_series_are_remembered_where_many_would_be_too_much(monkeypatch):
    one = 70 * (3 + 3 + 2) * 4
    monkeypatch.setattr("tswidgets.probe.memory.MOST", one)
    monkeypatch.setattr("tswidgets.probe.memory.FEW", 3)
    monkeypatch.setattr("tswidgets.probe.memory.LARGE", 3 * one)
    model, runs, _ = ticking_model()
    probe = Probe(model)
    samples = [series(1, 70, 2, seed) for seed in range(4)]
    for _ in range(2):
        for x in samples[:3]:
            probe.observe(x)
    assert len(runs) == 3
    probe.observe(samples[3])  # takes the place of samples[0]
    probe.observe(samples[1])
    probe.observe(samples[2])
    assert len(runs) == 4
    monkeypatch.setattr("tswidgets.probe.memory.LARGE", 2 * one)
    probe.observe(samples[0])  # two have room, samples[2] is the other
    probe.observe(samples[2])
    assert len(runs) == 5
    probe.observe(samples[1])
    assert len(runs) == 6


@pytest.mark.parametrize("name", ["sequential", "conv_lstm", "subclassed", "data_dependent"])
def test_trained_weights_give_new_values_with_no_rebuild(name):
    found = CASES[name]()
    probe = Probe(found.model, found.x)
    before = probe.observe(found.x)
    randomise(found.model, seed=9)
    after = probe.observe(found.x)
    for tap, values in found.expected(found.x).items():
        assert_close(after[tap], values)
    assert np.abs(after.outputs[0] - before.outputs[0]).max() > 1e-3


def test_fit_gives_new_values_with_no_rebuild():
    found = trained()
    probe = Probe(found.model)
    version, before = probe.version(), probe.observe(found.x)
    fit(found)
    assert probe.version() != version
    after = probe.observe(found.x)
    assert np.abs(after["conv"] - before["conv"]).max() > 1e-3
    for tap, values in found.expected(found.x).items():
        assert_close(after[tap], values)


@pytest.mark.parametrize("name", ["sequential", "masked_lstm", "bidirectional"])
def test_version_tells_every_single_number(name):
    """The smallest change of one element of any weight changes the version; putting it back restores it."""
    found = CASES[name]()
    probe, rng = Probe(found.model), np.random.default_rng(0)
    version = probe.version()
    assert probe.version() == version
    for weight in found.model.weights:
        value = np.copy(weight.numpy())
        changed = value.copy()
        place = tuple(rng.integers(0, n) for n in value.shape)
        changed[place] = np.nextafter(value[place], np.float32(np.inf))
        weight.assign(changed)
        assert probe.version() != version, weight.path
        weight.assign(value)
        assert probe.version() == version, weight.path


def test_version_tells_two_exchanged_numbers_and_a_sign():
    """A plain sum of the weights would not see either."""
    found = CASES["sequential"]()
    probe, kernel = Probe(found.model), found.model.get_layer("conv1").kernel
    value = np.copy(kernel.numpy())
    versions = {probe.version()}
    kernel.assign(value[::-1])
    versions.add(probe.version())
    kernel.assign(-value)
    versions.add(probe.version())
    assert len(versions) == 3


def count_sums(monkeypatch):
    summed = []
    original = weights._sums
    monkeypatch.setattr(weights, "_sums", lambda array: summed.append(array.shape) or original(array))
    return summed


def test_only_weights_that_were_written_to_are_read_again(monkeypatch):
    """The address tells; what another holds is not written into."""
    found = CASES["sequential"]()
    probe = Probe(found.model)
    version, summed = probe.version(), count_sums(monkeypatch)
    assert probe.version() == version
    assert (5, 3, 4) not in summed
    before = len(summed)
    kernel = found.model.get_layer("conv1").kernel
    kernel.assign(kernel + 1)
    assert probe.version() != version
    assert (5, 3, 4) in summed[before:]
    assert len(summed) - before < len(found.model.variables)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_every_step_of_training_is_another_version(optimizer, jit_compile):
    found = CASES["dropout"]()
    found.model.compile(optimizer, loss="mse", jit_compile=jit_compile)
    probe, y = Probe(found.model), np.ones((len(found.x), 2), "float32")
    versions, kernels = [probe.version()], [np.copy(found.model.get_layer("conv").kernel.numpy())]
    for _ in range(4):
        found.model.train_on_batch(found.x, y)
        versions.append(probe.version())
        kernels.append(np.copy(found.model.get_layer("conv").kernel.numpy()))
    assert len(set(versions)) == 5
    assert all(np.abs(a - b).max() > 0 for a, b in itertools.pairwise(kernels))


def test_rows_of_a_table_that_are_written_one_by_one_are_seen():
    found = CASES["embedding"]()
    table = found.model.get_layer("embedding").embeddings
    probe = Probe(found.model)
    versions = {probe.version()}
    for k in range(4):
        table.value.scatter_update(tf.IndexedSlices(tf.fill((1, 3), float(k)), tf.constant([k])))
        versions.add(probe.version())
    assert len(versions) == 5


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "bool", "uint8"])
def test_sums_on_a_device_tell_every_change_and_sign(dtype):
    """What would be used on a GPU, run here on the CPU."""
    value = np.random.default_rng(0).integers(1, 9, (3, 4)).astype(dtype)
    sums = {int(weights.sum_on_device(tf.constant(value)))}
    for place in np.ndindex(value.shape):
        other = value.copy()
        other[place] = not other[place] if dtype == "bool" else other[place] + 1
        sums.add(int(weights.sum_on_device(tf.constant(other))))
    assert len(sums) == 1 + value.size
    if dtype.startswith("float"):
        assert int(weights.sum_on_device(tf.constant(-value))) not in sums
