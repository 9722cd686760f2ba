"""Whether an output depends on a layer: told by the graph, against what really happens when the layer is replaced."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests.models import CASES, case, randomise, series
from tests.probe.comparing import probe_of
from tswidgets.probe import Probe
from tswidgets.probe.dependence import reaches_output

NOWHERE = {  # (tap, output) pairs of models that are made for it; all others reach
    "returned_states": {
        *((tap, k) for tap in ("rnn:1", "gru:1", "lstm:1") for k in (0, 1)),
        *((tap, 0) for tap in ("lstm:2", "from_state", "from_state:pre-activation")),
        *((tap, 1) for tap in ("lstm", "steps")),
    },
    "several_outputs": {("lstm", 0), ("lstm:1", 0), ("lstm:1", 1), ("lstm:2", 1), ("steps", 0), ("label", 1)},
    "lists": {("pooled", 0), ("label", 0), ("label:pre-activation", 0), ("steps", 1), ("steps:pre-activation", 1)},
    "additive_attention": {("lstm:2", 0)},
    "encoder_decoder": set(),
    "shared": set(),
    "nested": set(),
    "subclassed": set(),
    "masked_lstm": set(),
    "inner_function": set(),
}


@pytest.mark.parametrize("name", NOWHERE)
def test_every_tap_and_output(name):
    found, probe = case(name), probe_of(name)
    n_outputs = len(probe.output_names)
    pairs = [(tap.name, k) for tap in probe.taps for k in range(n_outputs)]
    assert {pair for pair in pairs if not reaches_output(probe, found.x, *pair)} == NOWHERE[name]


@pytest.mark.parametrize("name", ["lists", "dict_layer", "dag"])
def test_what_reaches_is_what_changes_the_output(name):
    """With random weights the output changes with a layer exactly if it depends on it."""
    found, probe = case(name), probe_of(name)
    untouched = probe.observe(found.x)
    for tap in probe.taps:
        noise = np.random.default_rng(0).normal(size=untouched[tap.name].shape)
        answers = keras.tree.flatten(probe.replace(found.x, tap.name, noise))
        for k, answer in enumerate(answers):
            changed = np.abs(answer - untouched.outputs[k]).max() > 1e-6
            assert reaches_output(probe, found.x, tap.name, k) == changed, (tap.name, k)


class OddEnds(keras.Model):
    """A layer whose result is dropped, one of which only the size is read, and one that is only masked away."""

    def __init__(self):
        super().__init__(name="odd_ends")
        self.used, self.dropped, self.measured = (L.Dense(2, name=name) for name in ("used", "dropped", "measured"))
        self.switched = L.Dense(2, name="switched")

    def call(self, x):
        self.dropped(x)
        measured = self.measured(x)
        size = tf.cast(tf.shape(measured)[1], x.dtype) + tf.zeros_like(measured)
        return self.used(x) * size + tf.where(self.switched(x) > 0, 1.0, 0.0)


def test_dropped_and_only_measured():
    x = series(2, 5, 3)
    model = OddEnds()
    model(x)
    probe = Probe(randomise(model), x)
    reached = {tap.name: reaches_output(probe, x, tap.name) for tap in probe.taps}
    assert reached == {"dropped": False, "measured": False, "used": True, "switched": True}


def test_two_taps_that_are_one_tensor():
    """An unrolled LSTM returns its last result and its state as one tensor; only what is read counts."""
    x = keras.Input((4, 3))
    _, state, _ = L.LSTM(3, return_state=True, unroll=True, name="lstm")(x)
    probe = Probe(randomise(keras.Model(x, L.Dense(1, name="head")(state))))
    reached = [reaches_output(probe, series(2, 4, 3), name) for name in ("lstm", "lstm:1", "lstm:2", "head")]
    assert reached == [False, True, False, True]


def test_a_model_that_runs_step_by_step_is_not_known():
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    assert probe.eager_because
    assert all(reaches_output(probe, found.x, tap.name) for tap in probe.taps)


def test_a_fixed_batch_and_other_lengths():
    found = case("stateful")
    assert reaches_output(probe_of("stateful"), found.x, "lstm")
    probe = probe_of("conv_lstm")
    for n in (7, 30):
        assert reaches_output(probe, series(3, n, 3), "conv")
