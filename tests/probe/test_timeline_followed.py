"""Which input steps a step sees where no layer has a rule for it: exactly those that its operations let through."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L
from keras import ops

from tests import models, reference
from tests.models import CASES, case, sampled, series
from tests.probe.chains import functional, sees
from tswidgets.probe import Probe, as_probe
from tswidgets.probe.timeline import NEVER


def assert_sees(timeline, support, name="", *, exact=True):
    """All that a step depends on; nothing else, if `exact`."""
    assert len(timeline) == len(support), name
    some = support.any(axis=1)
    first, last = reference.extent(support)
    if exact:
        np.testing.assert_array_equal(timeline.lo, np.where(some, first, NEVER), err_msg=name)
        np.testing.assert_array_equal(timeline.hi, np.where(some, last, -1), err_msg=name)
    assert (timeline.lo[some] <= first[some]).all(), f"{name} sees earlier steps"
    assert (timeline.hi[some] >= last[some]).all(), f"{name} sees later steps"


# --------------------------------------------------------------------------------------- layers without a rule, alone


class ReversedBefore(L.Conv1D):
    """A Conv1D that reverses time where Keras calls `convolution_op`; newer versions do not, and it is a plain one."""

    def convolution_op(self, inputs, kernel):
        return super().convolution_op(keras.ops.flip(inputs, axis=1), kernel)


class Rolling(keras.Layer):
    def call(self, x):
        return tf.roll(x, 2, axis=1) + x[:, :1]


FOLLOWED = {
    "own": models.Cumulating,
    "own, rolling": Rolling,
    "own Conv1D": lambda: models.Reversing(2, 3),
    "own convolution_op": lambda: ReversedBefore(2, 3),
    "Lambda": lambda: L.Lambda(lambda x: x[:, ::-1]),
    "Lambda, strided": lambda: L.Lambda(lambda x: x[:, 1::2] * 2.0 + x[:, :-1:2]),
    "Reshape": lambda: L.Reshape((4, 3)),
    "Reshape, folded": lambda: L.Reshape((3, 4)),
    "Permute": lambda: L.Permute((2, 1)),
    "channels first": lambda: L.Conv1D(3, 2, data_format="channels_first", padding="same"),
    "Activation": lambda: L.Activation(lambda x: ops.cumsum(x, axis=1)),
    "Conv1D's activation": lambda: L.Conv1D(2, 3, activation=lambda x: ops.flip(x, axis=1)),
    "EinsumDense": lambda: L.EinsumDense("btc,cd->btd", (None, 3)),
    "EinsumDense over time": lambda: L.EinsumDense("btc,ts->bsc", (4, 2)),
    "RepeatVector": lambda: keras.Sequential([L.GlobalAveragePooling1D(), L.RepeatVector(3)]),
    "Conv2D": lambda: keras.Sequential([L.Reshape((6, 2, 1)), L.Conv2D(3, (3, 2)), L.Reshape((4, 3))]),
}
WITHOUT_A_PLACE = ("Permute", "channels first", "EinsumDense over time", "RepeatVector")


@pytest.mark.parametrize("which", FOLLOWED)
def test_what_no_rule_is_for_is_followed(which):
    """As far as the gradient reaches, and so does what comes after; for a fixed length."""
    model = functional(FOLLOWED[which](), L.ReLU(name="after"), length=6)
    reference.make_positive(model, low=0.1, high=0.6)
    probe = Probe(model)
    timelines = probe.timelines(6)
    support = reference.gradient_support(model, 6)
    assert support.keys() <= timelines.keys()
    for name, found in support.items():
        assert_sees(timelines[name], found, name)
    last = {tap.name: tap for tap in probe.taps}["after"]
    assert last.kind == ("other" if which in WITHOUT_A_PLACE else "sequence")
    assert ("none has a place" in last.note) == (which in WITHOUT_A_PLACE)
    assert np.isnan(timelines["after"].centres).any() == (which in WITHOUT_A_PLACE)


@pytest.mark.parametrize("which", ["own", "own, rolling", "own Conv1D", "Lambda", "Activation", "EinsumDense"])
def test_what_no_rule_is_for_is_followed_for_any_length(which):
    """One probe, one graph."""
    model = functional(FOLLOWED[which](), L.AveragePooling1D(2, name="after"))
    reference.make_positive(model, low=0.1, high=0.6)
    probe = Probe(model)
    for n in (6, 9):
        timelines = probe.timelines(n)
        for name, found in reference.gradient_support(model, n).items():
            assert_sees(timelines[name], found, name)


def test_places_of_what_is_followed():
    """Reversed, folded by two, and shifted."""
    for layer, centres in (
        (L.Lambda(lambda x: x[:, ::-1]), [5, 4, 3, 2, 1, 0]),
        (L.Reshape((3, 4)), [0.5, 2.5, 4.5]),
        (L.Lambda(lambda x: x[:, 2:]), [2, 3, 4, 5]),
        (models.Cumulating(), [0, 1, 2, 3, 4, 5]),
    ):
        model = functional(layer, L.ReLU(name="after"), length=6)
        np.testing.assert_array_equal(Probe(model).timelines(6)["after"].centres, centres)


def test_permuting_there_and_back():
    """In between axis 1 counts channels: no place; afterwards every step is where it was."""
    layers = [
        L.Permute((2, 1), name="there"),
        L.Dense(6, activation="relu", name="mixed"),
        L.Permute((2, 1), name="back"),
    ]
    model = functional(*layers, length=6)
    timelines = Probe(model).timelines(6)
    assert not timelines["there"].has_place
    assert sees(timelines["there"]) == [(0, 5)] * 2
    assert not timelines["mixed"].has_place
    assert sees(timelines["back"]) == [(0, 5)] * 6

    unmixed = Probe(functional(L.Permute((2, 1)), L.Permute((2, 1), name="back"), length=6)).timelines(6)["back"]
    assert sees(unmixed) == [(i, i) for i in range(6)]
    np.testing.assert_array_equal(unmixed.centres, range(6))


@pytest.mark.parametrize(
    "last",
    [lambda x: x[:, -1], lambda x: L.Lambda(lambda h: h[:, -1])(x), lambda x: ops.take(x, -1, axis=1)],
    ids=["index", "Lambda", "take"],
)
def test_the_last_step_sees_what_that_step_saw(last):
    """A head on the last step of a causal network, as in a TCN: its field ends with the series and begins late."""
    x = keras.Input((12, 2))
    end = L.Dense(2, name="head")(last(L.Conv1D(2, 3, padding="causal", name="conv")(x)))
    model = keras.Model(x, end)
    reference.make_positive(model)
    timelines, support = Probe(model).timelines(12), reference.gradient_support(model, 12)
    assert sees(timelines["conv"])[-1] == (9, 11)
    assert sees(timelines["head"]) == [(9, 11)]
    assert_sees(timelines["head"], support["head"])


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.MultiHeadAttention(1, 2, name="attention"),
        lambda: L.Attention(name="attention"),
        lambda: L.GroupQueryAttention(2, 2, 1, name="attention"),
    ],
    ids=["MultiHeadAttention", "Attention", "GroupQueryAttention"],
)
def test_causal_attention_sees_no_future(layer):
    x = keras.Input((6, 2))
    inputs = (x, x) if "Multi" in type(layer()).__name__ or "Group" in type(layer()).__name__ else ([x, x],)
    model = keras.Model(x, layer()(*inputs, use_causal_mask=True))
    reference.make_positive(model, low=0.1, high=0.6)
    support = reference.gradient_support(model, 6)["attention"]
    assert reference.extent(support)[1].tolist() == [0, 1, 2, 3, 4, 5]
    assert_sees(Probe(model).timelines(6)["attention"], support)


# ------------------------------------------------------------------------------------------------ whole models by hand

NOT_ONE_SERIES = ("several_outputs", "lists", "embedding", "forecaster")
OF_A_BATCH = ("stateful", "data_dependent")  # a batch of fixed size; and one that all goes one way
BY_HAND = [name for name in CASES if name not in (*NOT_ONE_SERIES, *OF_A_BATCH)]
LOOPS = {"conv_lstm1d": {"steps", "last", "flat"}}  # over any number of samples
ALSO_SEES_WHAT_IS_SMALL = {  # of these the hand finds less than there is: it fades out, saturates or is rounded off
    "separable",
    "activation_arguments",
    "returned_states",
    "mixed_float16",
    "mixed_bfloat16",
}
EXACT = [name for name in BY_HAND if name not in ALSO_SEES_WHAT_IS_SMALL]


def support_by_hand(found, tolerance):
    """Tap name → bool (n_steps, n_timesteps): what changes when one input step does, of layers called by hand."""
    n_timesteps, n_channels = found.x.shape[1:]
    one = np.random.default_rng(0).uniform(0.5, 1, (1, n_timesteps, n_channels)).astype("float32")
    supports = {}
    for more in (0.5, 5, 100):
        x = np.repeat(one, n_timesteps + 1, axis=0)
        for i in range(n_timesteps):
            x[i + 1, i] += more * np.linspace(1, 1.5, n_channels)
        for name, y in found.expected(x).items():
            y = y.reshape(len(y), y.shape[1] if y.ndim > 2 else 1, -1)
            changed = (np.abs(y[1:] - y[0]) > tolerance * np.abs(y).max()).any(axis=-1).T
            supports[name] = supports.get(name, False) | changed
    return supports


@pytest.mark.parametrize("name", sampled(BY_HAND))
def test_no_layer_sees_more_than_it_is_said_to(name):
    """Every tap of every kind of model, with its random weights."""
    found = case(name) if name != "stateful" else CASES[name]()  # whose state a plain call moves on
    timelines = as_probe(found.model, found.x).timelines(found.x.shape[1])
    supports = support_by_hand(found, max(1e-4, 10 * found.tolerance))
    assert {tap for tap, timeline in timelines.items() if timeline is None} == LOOPS.get(name, set())
    assert supports.keys() == timelines.keys()
    for tap, support in supports.items():
        if timelines[tap] is not None:
            assert_sees(timelines[tap], support, tap, exact=False)


@pytest.mark.parametrize("name", sampled(EXACT))
def test_every_layer_sees_all_that_it_is_said_to(name):
    """With small positive weights, so that no two paths cancel: the first and last step seen, no more and no less."""
    found = CASES[name]()
    probe = Probe(found.model, found.x)
    reference.make_positive(found.model, low=0.02, high=0.1)
    timelines = probe.timelines(found.x.shape[1])
    for tap, support in support_by_hand(found, 1e-6).items():
        if timelines[tap] is not None:
            assert_sees(timelines[tap], support, tap)


def test_plain_arithmetic_between_layers_counted_by_hand():
    """x + conv, then x[2:-1] − mix[1:-2], then the last step of that: every tap has its field and its place."""
    found = CASES["plain_tensors"]()
    probe = Probe(found.model, found.x)
    timelines, i = probe.timelines(12), np.arange(12)
    for tap in ("conv:pre-activation", "conv", "mix"):
        assert sees(timelines[tap]) == [*zip(np.maximum(i - 1, 0), np.minimum(i + 1, 11), strict=True)]
    assert sees(timelines["head"]) == sees(timelines["head:pre-activation"]) == [(8, 11)]
    assert {tap.name: tap.kind for tap in probe.taps} == {
        "conv:pre-activation": "sequence",
        "conv": "sequence",
        "mix": "sequence",
        "head:pre-activation": "units",
        "head": "units",
    }


def test_plain_arithmetic_of_another_length():
    """A model that declares no length has a timeline for each that it has seen, whichever came first."""
    found = CASES["plain_tensors"]()
    probe = Probe(found.model, found.x)
    for n in (9, 12, 10):
        probe.observe(series(2, n, 3))
        i = np.arange(n)
        timelines = probe.timelines(n)
        for tap in ("conv:pre-activation", "conv", "mix"):
            assert sees(timelines[tap]) == [*zip(np.maximum(i - 1, 0), np.minimum(i + 1, n - 1), strict=True)]
        assert sees(timelines["head"]) == [(n - 4, n - 1)]


# --------------------------------------------------------------------------------------------------- what stays unknown


class Choosing(keras.Model):
    """Runs step by step; between its layers there is arithmetic that leaves no trace."""

    def __init__(self):
        super().__init__(name="choosing")
        self.conv = L.Conv1D(3, 3, name="conv")
        self.shift = L.Dense(2, name="shift")
        self.pooled = L.GlobalMaxPooling1D(name="pooled")

    def call(self, x):
        h = self.conv(x)
        if float(ops.mean(h)) > -1e6:
            h = h[:, ::-1] + 1.0
        return self.pooled(self.shift(h))


def test_a_model_that_runs_step_by_step_is_known_as_far_as_its_layers_go():
    x = series(2, 8, 2)
    model = Choosing()
    model(x)
    probe = Probe(model, x)
    assert probe.eager_because
    timelines = probe.timelines(8)
    assert sees(timelines["conv"]) == [(i, i + 2) for i in range(6)]
    assert timelines["shift"] is None
    taps = {tap.name: tap for tap in probe.taps}
    assert {name: tap.kind for name, tap in taps.items()} == {"conv": "sequence", "shift": "other", "pooled": "units"}
    assert "which input steps the steps of Dense's 6 × 2 output see is not known" in taps["shift"].note
