"""Looking changes nothing."""

import random

import keras
import numpy as np
import pytest
from keras import layers as L

from tests import reference
from tests.models import CASES, randomise, sampled, series
from tests.probe.comparing import assert_close
from tests.probe.training import trained
from tswidgets.probe import Probe

NAMES = list(CASES)


def state_of(model):
    variables = [*model.variables, *(model.optimizer.variables if getattr(model, "optimizer", None) else ())]
    return [np.copy(variable.numpy()) for variable in variables]


@pytest.mark.parametrize("name", sampled([name for name in NAMES if name != "deferred"]))
def test_observe_changes_nothing(name):
    """Weights, seeds, trainable flags, the user's arrays and the global random states are bit-identical afterwards."""
    found = CASES[name]()
    found.model.layers[0].trainable = False
    x = keras.tree.map_structure(np.copy, found.x)
    before, flags = state_of(found.model), [layer.trainable for layer in found.model.layers]
    layer_call, attributes = keras.Layer.__call__, set(vars(found.model))
    numpy_state, python_state = np.random.get_state(), random.getstate()
    training, seed = keras.config.dtype_policy(), keras.random.SeedGenerator(0).state.numpy()

    Probe(found.model, found.x).observe(found.x)

    for old, new in zip(before, state_of(found.model), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(keras.tree.flatten(x), keras.tree.flatten(found.x), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [layer.trainable for layer in found.model.layers] == flags
    assert set(vars(found.model)) == attributes
    assert keras.Layer.__call__ is layer_call
    assert all(np.array_equal(a, b) for a, b in zip(numpy_state, np.random.get_state(), strict=True))
    assert random.getstate() == python_state
    assert keras.config.dtype_policy() == training
    np.testing.assert_array_equal(keras.random.SeedGenerator(0).state.numpy(), seed)


def test_optimizer_and_metrics_are_not_touched():
    found = trained()
    before = state_of(found.model)
    assert len(found.model.optimizer.variables) > 5
    Probe(found.model).observe(found.x)
    for old, new in zip(before, state_of(found.model), strict=True):
        np.testing.assert_array_equal(old, new)


class AlwaysDropping(keras.Layer):
    """Monte-Carlo dropout: draws in inference too."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(7)

    def call(self, x):
        return keras.random.dropout(x, 0.5, seed=self.seeds)


def test_looking_draws_no_random_number():
    """A layer that draws at every call finds its seed as it was."""
    layer = AlwaysDropping(name="mc")
    model = keras.Sequential([keras.Input((8, 2)), layer])
    x = series(2, 8, 2)
    before = np.copy(layer.seeds.state.numpy())
    dropped = Probe(model).observe(x)["mc"]
    np.testing.assert_array_equal(layer.seeds.state, before)
    assert (dropped == 0).any(), "it did draw"


def stateful():
    layers = [L.LSTM(3, stateful=True, return_sequences=True, name="lstm"), L.Dense(1, name="dense")]
    return randomise(keras.Sequential([keras.Input((6, 2), batch_size=2), *layers]))


def test_the_state_of_a_stateful_lstm_is_not_touched():
    model, x = stateful(), series(2, 6, 2)
    model(x)
    states = [np.copy(state.numpy()) for state in model.layers[0].states]
    assert np.abs(states[0]).max() > 0
    Probe(model).observe(x)
    for old, new in zip(states, model.layers[0].states, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_stateful_lstm_is_seen_going_on_from_its_state():
    """What is observed is what the model would answer now: other states, other values, also for the same series."""
    model, x = stateful(), series(2, 6, 2)
    probe = Probe(model)
    weights = [np.asarray(weight) for weight in model.layers[0].weights]
    for n, h in enumerate(probe.observe(x)["lstm"]):
        assert_close(h, reference.lstm(x[n], *weights))
    model(x)
    for n, h in enumerate(probe.observe(x)["lstm"]):
        assert_close(h, reference.lstm(np.concatenate([x[n], x[n]]), *weights)[6:])


def path_of_a_new_weight():
    layer = L.Dense(1, name="fresh")
    layer.build((None, 1))
    return layer.kernel.path


@pytest.mark.parametrize("name", ["data_dependent", "odd_names"])
def test_a_trace_leaves_no_name_behind(name):
    """Layers made afterwards are called what they would have been called, also if the trace failed half way."""
    found = CASES[name]()
    before = path_of_a_new_weight()
    Probe(found.model, found.x)
    assert path_of_a_new_weight() == before
