"""A model with other weights in the place of its own, against a twin that has them, and against itself."""

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import CASES, case, randomise, series
from tests.probe.comparing import assert_close, probe_of
from tswidgets.probe import Probe
from tswidgets.probe.other_weights import OtherWeights

NAMES = [
    "sequential",  # with normalisation
    "masked_lstm",
    "nested",
    "subclassed",
    "data_dependent",  # runs step by step
    "mixed_float16",
]


def values(model):
    return [np.array(np.asarray(weight)) for weight in model.weights]


def small(seed=0):
    layers = [L.Conv1D(4, 3, activation="relu", name="conv"), L.BatchNormalization(name="norm"), L.Flatten()]
    return randomise(keras.Sequential([keras.Input((8, 2)), *layers, L.Dense(2, name="head")], name="small"), seed)


@pytest.mark.parametrize("name", NAMES)
def test_like_a_twin_that_has_them(name):
    """Every layer answers as that of the twin; the model has kept its own."""
    found, twin = case(name), CASES[name](seed=1)
    before, expected = values(found.model), twin.expected(found.x)
    other = OtherWeights(found.model)
    assert len(other.pairs()) == len(found.model.weights)
    for own, weight in zip(found.model.weights, values(twin.model), strict=True):
        other.instead_of(own).assign(weight)
    observed = Probe(found.model, found.x, other).observe(found.x)
    tolerance = max(found.tolerance, 1e-4)
    assert set(observed) == set(expected) or name == "data_dependent"
    for tap in observed:
        assert_close(observed[tap], expected[tap], tolerance)
    assert_close(observed.outputs[0], np.asarray(twin.model(found.x), "float32"), tolerance)
    for old, new in zip(before, values(found.model), strict=True):
        np.testing.assert_array_equal(old, new)
    for tap, own in found.expected(found.x).items():
        assert_close(probe_of(name).observe(found.x)[tap], own, tolerance)


def test_the_same_at_first():
    model, x = small(), series(3, 8, 2)
    np.testing.assert_array_equal(
        Probe(model, x, OtherWeights(model)).observe(x).output, Probe(model, x).observe(x).output
    )


def test_attributions_are_those_of_the_twin():
    """Whatever is computed from a run reads the other weights: gradients, variants and replaced taps."""
    model, twin, x = small(), small(seed=1), series(3, 8, 2)
    other = OtherWeights(model)
    for own, weight in zip(model.weights, values(twin), strict=True):
        other.instead_of(own).assign(weight)
    probe = Probe(model, x, other)
    for method in (tsw.saliency, tsw.occlusion, tsw.grad_cam):
        ours, expected = method(probe, x, 1), method(twin, x, 1)
        assert_close(ours.values, expected.values)
        assert_close(ours.score, expected.score)
    assert_close(probe.replace(x, "conv", 0.5), Probe(twin).replace(x, "conv", 0.5))
    assert np.abs(tsw.saliency(model, x, 1).values - tsw.saliency(twin, x, 1).values).max() > 1e-2


def test_shuffling():
    """The same numbers in other places, of the layer that is named alone; the same seed, the same places."""
    model = small()
    other, again, elsewhere = OtherWeights(model), OtherWeights(model), OtherWeights(model)
    before = values(model)
    layer = model.get_layer("norm")
    other.shuffle(layer, np.random.default_rng(2))
    again.shuffle(layer, np.random.default_rng(2))
    elsewhere.shuffle(layer, np.random.default_rng(3))
    assert any((np.asarray(other.instead_of(w)) != np.asarray(elsewhere.instead_of(w))).any() for w in layer.weights)
    moved = 0
    for own, old in zip(model.weights, before, strict=True):
        new = np.asarray(other.instead_of(own))
        np.testing.assert_array_equal(new, np.asarray(again.instead_of(own)))
        np.testing.assert_array_equal(np.sort(new, axis=None), np.sort(old, axis=None))
        np.testing.assert_array_equal(np.asarray(own), old)
        if not any(own is one for one in layer.weights):
            np.testing.assert_array_equal(new, old)
        moved += not np.array_equal(new, old)
    assert moved >= 3
    for layer in model.layers:
        other.shuffle(layer, np.random.default_rng(0))
    kernel = model.get_layer("head").kernel
    assert not np.array_equal(np.asarray(other.instead_of(kernel)), np.asarray(kernel))
    assert np.asarray(other.instead_of(kernel)).shape == kernel.shape


def test_after_shuffling_nothing_comes_from_memory():
    """The same series is run again, by programs that were made before."""
    model, x = small(), series(3, 8, 2)
    other = OtherWeights(model)
    probe = Probe(model, x, other)
    version, first = probe.version(), probe.observe(x)
    assert probe.observe(x) is first
    gradient = tsw.saliency(probe, x, 1).values
    other.shuffle(model.get_layer("conv"), np.random.default_rng(0))
    assert probe.version() != version
    twin = small()
    twin.set_weights([np.asarray(other.instead_of(weight)) for weight in model.weights])
    second = probe.observe(x)
    assert np.abs(second.output - first.output).max() > 1e-2
    assert_close(second.output, twin(x))
    assert_close(tsw.saliency(probe, x, 1).values, tsw.saliency(twin, x, 1).values)
    assert np.abs(tsw.saliency(probe, x, 1).values - gradient).max() > 1e-3


def test_training_the_model_does_not_change_them():
    """They started as the model's, and are their own since."""
    model, x = small(), series(3, 8, 2)
    other = OtherWeights(model)
    probe = Probe(model, x, other)
    first, version = probe.observe(x), probe.version()
    for weight in model.weights:
        weight.assign(np.asarray(weight) * 2)
    assert probe.version() == version
    assert_close(probe.observe(x).output, first.output)
    assert np.abs(Probe(model).observe(x).output - first.output).max() > 1e-2


def test_a_variable_of_no_model():
    """What is not replaced is itself."""
    variable = keras.Variable(1.0)
    assert OtherWeights(small()).instead_of(variable) is variable
