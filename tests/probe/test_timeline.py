"""Which input steps a step sees: known facts, then random architectures against gradients and perturbations."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from keras import layers as L

from tests import models, reference
from tests.models import case, series
from tests.probe.conftest import random_models
from tswidgets.probe import Probe, Timeline


def functional(*layers, length=None, n_channels=2):
    x = h = keras.Input((length, n_channels))
    for layer in layers:
        h = layer(h)
    return keras.Model(x, h)


def timeline_of(*layers, length):
    """Timeline of the last of a chain of layers."""
    return list(Probe(functional(*layers, length=length)).timelines(length).values())[-1]


def sees(timeline):
    return list(zip(timeline.lo.tolist(), timeline.hi.tolist(), strict=True))


# ------------------------------------------------------------------------------------------------------ known facts


def test_window_classifier_second_convolution():
    """Reference numbers of scenario A: step i sees [5i, 5i + 52], centre 5i + 26."""
    timelines = Probe(models.window_classifier()).timelines(300)
    i = np.arange(50)
    for name in ("conv2", "norm2", "relu2"):
        np.testing.assert_array_equal(timelines[name].lo, 5 * i)
        np.testing.assert_array_equal(timelines[name].hi, 5 * i + 52)
        np.testing.assert_array_equal(timelines[name].centres, 5 * i + 26)
    assert sees(timelines["conv1"])[0] == (0, 8)
    assert sees(timelines["pool1"])[:2] == [(0, 12), (5, 17)]
    assert sees(timelines["pool2"])[0] == (0, 72)
    assert sees(timelines["flat"]) == sees(timelines["head"]) == [(0, 25 * 9 + 72)]


def test_same_padding_of_an_even_kernel_is_uneven():
    """TensorFlow pads 4 left and 5 right for a kernel of 10; padding is not input."""
    i = np.arange(20)
    timeline = timeline_of(L.Conv1D(1, 10, padding="same"), length=20)
    np.testing.assert_array_equal(timeline.lo, np.maximum(i - 4, 0))
    np.testing.assert_array_equal(timeline.hi, np.minimum(i + 5, 19))


def test_same_padding_depends_on_the_length():
    """Kernel 4 with stride 3 on 10, 11 and 12 steps: 1, 1 and 0 zeros in front."""
    probe = Probe(functional(L.Conv1D(1, 4, strides=3, padding="same")))
    for n, before in ((10, 1), (11, 1), (12, 0)):
        (timeline,) = probe.timelines(n).values()
        first = np.arange(4) * 3 - before
        np.testing.assert_array_equal(timeline.lo, np.maximum(first, 0))
        np.testing.assert_array_equal(timeline.hi, np.minimum(first + 3, n - 1))


def test_causal_sees_no_future():
    i = np.arange(12)
    timeline = timeline_of(L.Conv1D(1, 3, dilation_rate=2, padding="causal"), length=12)
    np.testing.assert_array_equal(timeline.hi, i)
    np.testing.assert_array_equal(timeline.lo, np.where(i >= 4, i - 4, i % 2))


def test_upsampling_after_a_stride():
    """Where start, jump and size would be wrong: pairs of steps stand on the same place."""
    timeline = timeline_of(L.Conv1D(1, 3, strides=3), L.UpSampling1D(2), length=9)
    assert sees(timeline) == [(0, 2), (0, 2), (3, 5), (3, 5), (6, 8), (6, 8)]
    np.testing.assert_array_equal(timeline.centres, [1, 1, 4, 4, 7, 7])


def test_transposed_convolution():
    """Input i reaches outputs 2i to 2i + 2: even outputs see two inputs, odd ones one."""
    timeline = timeline_of(L.Conv1DTranspose(1, 3, strides=2), length=3)
    assert sees(timeline) == [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 2)]


def test_padding_sees_nothing():
    """A step of zeros only has no field and no place in time."""
    timeline = timeline_of(L.ZeroPadding1D((2, 1)), length=3)
    np.testing.assert_array_equal(timeline.centres, [np.nan, np.nan, 0, 1, 2, np.nan])
    assert (timeline.lo > timeline.hi).tolist() == [True, True, False, False, False, True]


def test_recurrence_sees_the_past_and_keeps_its_place():
    for layer in (L.LSTM, L.GRU, L.SimpleRNN):
        timeline = timeline_of(layer(2, return_sequences=True), length=7)
        assert sees(timeline) == [(0, i) for i in range(7)]
        np.testing.assert_array_equal(timeline.centres, range(7))


def test_recurrence_backwards_answers_in_reading_order():
    """Keras returns the steps of go_backwards in the order in which they were read: the last input step first."""
    timeline = timeline_of(L.LSTM(2, return_sequences=True, go_backwards=True), length=5)
    assert sees(timeline) == [(4 - j, 4) for j in range(5)]
    np.testing.assert_array_equal(timeline.centres, [4, 3, 2, 1, 0])


def test_bidirectional_sees_everything_but_keeps_its_place():
    timeline = timeline_of(L.Bidirectional(L.GRU(2, return_sequences=True)), length=6)
    assert sees(timeline) == [(0, 5)] * 6
    np.testing.assert_array_equal(timeline.centres, range(6))


@pytest.mark.parametrize(
    "layers",
    [
        [L.GlobalAveragePooling1D],
        [L.GlobalMaxPooling1D],
        [L.Flatten],
        [lambda: L.LSTM(2)],
        [lambda: L.Bidirectional(L.LSTM(2))],
        [L.Flatten, lambda: L.Dense(3)],
    ],
    ids=["mean", "max", "flatten", "last state", "last states", "dense"],
)
def test_without_a_time_axis_one_step_sees_all(layers):
    timeline = timeline_of(L.Conv1D(2, 3), *(layer() for layer in layers), length=9)
    assert sees(timeline) == [(0, 8)]


def test_what_a_valid_stride_leaves_out_is_not_seen():
    """All steps together do not see the last input step that no window reached."""
    timeline = timeline_of(L.Conv1D(2, 3, strides=2), L.GlobalAveragePooling1D(), length=8)
    assert sees(timeline) == [(0, 6)]


STEP_BY_STEP = {
    "Dense": lambda: L.Dense(3),
    "TimeDistributed": lambda: L.TimeDistributed(L.Dense(3)),
    "BatchNormalization": lambda: L.BatchNormalization(),
    "LayerNormalization": lambda: L.LayerNormalization(),
    "Softmax": lambda: L.Softmax(),
    "PReLU": lambda: L.PReLU(),
    "SpatialDropout1D": lambda: L.SpatialDropout1D(0.5),
    "gelu": lambda: L.Activation("gelu"),
    "tf.nn.relu": lambda: L.Activation(tf.nn.relu),
    "keras.ops.tanh": lambda: L.Activation(keras.ops.tanh),
    "activation layer": lambda: L.Dense(2, activation=L.LeakyReLU()),
}


@pytest.mark.parametrize("layer", STEP_BY_STEP.values(), ids=STEP_BY_STEP)
def test_layers_that_work_step_by_step(layer):
    assert sees(timeline_of(layer(), length=5)) == [(i, i) for i in range(5)]


@pytest.mark.parametrize("layer", [lambda: L.Softmax(axis=1), lambda: L.LayerNormalization(axis=1)])
def test_normalisation_over_time_sees_everything(layer):
    assert sees(timeline_of(layer(), length=5)) == [(0, 4)] * 5


def test_concatenation_joins_filters_not_time():
    x = keras.Input((6, 2))
    same, causal = L.Conv1D(2, 3, padding="same")(x), L.Conv1D(2, 3, padding="causal")(x)
    filters = L.Concatenate(name="filters")([same, causal])
    time = L.Concatenate(axis=1, name="time")([same, causal])
    end = L.GlobalMaxPooling1D(name="end")(time)
    probe = Probe(keras.Model(x, [filters, end]))
    timelines = probe.timelines(6)
    assert sees(timelines["filters"]) == [(max(i - 2, 0), min(i + 1, 5)) for i in range(6)]
    assert timelines["time"] is None
    assert [tap.drawable for tap in probe.taps if tap.name == "time"] == [False]


def test_a_broadcast_branch_sees_all_but_has_no_place():
    """Squeeze and excitation: a gate computed from the whole series scales every step where it stands."""
    x = keras.Input((5, 2))
    gate = L.GlobalAveragePooling1D(keepdims=True)(x)
    scaled = Probe(keras.Model(x, L.Multiply(name="scaled")([x, gate]))).timelines(5)["scaled"]
    assert sees(scaled) == [(0, 4)] * 5
    np.testing.assert_array_equal(scaled.centres, range(5))


def test_shared_layer_has_a_field_for_every_call():
    timelines = Probe(case("shared").model).timelines(16)
    assert sees(timelines["shared"])[5] == (4, 6)
    assert sees(timelines["shared#2"])[5] == sees(timelines["merged"])[5] == (3, 7)


def test_nested_model():
    timelines = Probe(case("nested").model).timelines(20)
    assert sees(timelines["encoder/pool"])[:2] == sees(timelines["encoder"])[:2] == [(0, 3), (2, 5)]
    assert sees(timelines["conv1"])[0] == (0, 7)


def test_operators_of_a_functional_model():
    x = keras.Input((4, 2))
    h = L.Conv1D(2, 2, padding="causal")(x)
    timelines = Probe(keras.Model(x, keras.ops.relu(2.0 * h + x) - 1.0)).timelines(4)
    assert all(sees(timeline) == [(max(i - 1, 0), i) for i in range(4)] for timeline in timelines.values())


@pytest.mark.parametrize(
    "layer",
    [
        models.Cumulating,
        lambda: models.Reversing(2, 3),
        lambda: L.Lambda(lambda x: x[:, ::-1]),
        lambda: L.Reshape((4, 3)),
        lambda: L.Permute((2, 1)),
        lambda: L.Conv1D(2, 3, data_format="channels_first", padding="same"),
        lambda: L.Activation(lambda x: keras.ops.cumsum(x, axis=1)),
        lambda: L.Conv1D(2, 3, activation=lambda x: keras.ops.flip(x, axis=1)),
    ],
    ids=["own", "own Conv1D", "Lambda", "Reshape", "Permute", "channels first", "Activation", "Conv1D's activation"],
)
def test_what_is_not_known_is_said_not_guessed(layer):
    """No timeline, no place in time; and what follows does not know either."""
    probe = Probe(functional(layer(), L.ReLU(name="after"), length=6))
    assert list(probe.timelines(6).values()) == [None, None]
    assert not any(tap.drawable for tap in probe.taps)


def test_a_series_too_short_for_the_model_has_no_steps():
    """Keras refuses to run it; the timeline says why instead of failing."""
    probe = Probe(functional(L.Conv1D(2, 5), L.MaxPooling1D(2), L.LSTM(2, return_sequences=True)))
    assert [len(timeline) for timeline in probe.timelines(3).values()] == [0, 0, 0]


def test_union_and_input():
    timeline = Timeline.of_input(4)
    assert sees(timeline) == [(i, i) for i in range(4)]
    np.testing.assert_array_equal(timeline.centres, range(4))
    assert sees(timeline.union()) == [(0, 3)]
    assert sees(timeline.over_all_steps()) == [(0, 3)] * 4


# -------------------------------------------------------------------------------- recurrence and attention by gradient


def recurrent_stack():
    return functional(
        L.Conv1D(2, 4, strides=2, padding="same", name="conv"),
        L.LSTM(2, return_sequences=True, name="lstm"),
        L.AveragePooling1D(2, name="pool"),
        L.GRU(2, return_sequences=True, go_backwards=True, name="gru"),
        L.Dense(2, name="dense"),
        L.SimpleRNN(2, name="rnn"),
    )


def two_directions():
    return functional(
        L.Conv1D(2, 3, name="conv"),
        L.Bidirectional(L.LSTM(2, return_sequences=True), name="both"),
        L.MaxPooling1D(2, name="pool"),
        L.UpSampling1D(2, name="up"),
    )


def encoder_decoder():
    """The decoder starts from what the encoder knows: each of its steps has seen the whole series."""
    x = keras.Input((None, 2))
    _, h, c = L.LSTM(2, return_state=True, name="encoder")(x)
    short = L.Cropping1D((2, 2), name="short")(x)
    return keras.Model(x, L.LSTM(2, return_sequences=True, name="decoder")(short, initial_state=[h, c]))


def self_attention():
    x = keras.Input((None, 2))
    h = L.Conv1D(2, 3, name="conv")(x)
    attended = L.MultiHeadAttention(1, 2, name="attention")(h, h)
    return keras.Model(x, L.Add(name="sum")([h, attended]))


def cross_attention():
    """Few steps ask, all steps answer."""
    x = keras.Input((None, 2))
    query = L.Cropping1D((3, 3), name="query")(x)
    return keras.Model(x, L.Attention(name="attention")([query, x]))


def cross_attention_heads():
    x = keras.Input((None, 2))
    query = L.Cropping1D((3, 3), name="query")(x)
    return keras.Model(x, L.MultiHeadAttention(1, 2, name="attention")(query, x))


@pytest.mark.parametrize(
    "build",
    [recurrent_stack, two_directions, encoder_decoder, self_attention, cross_attention, cross_attention_heads],
)
def test_recurrence_and_attention_see_what_the_gradient_says(build):
    """First and last step seen are those that the gradient reaches, no more and no less."""
    model = build()
    reference.make_positive(model, low=0.1, high=0.6)
    probe = Probe(model)
    for n in (10, 13):
        timelines = probe.timelines(n)
        for name, support in reference.gradient_support(model, n, tries=4).items():
            first, last = reference.extent(support)
            np.testing.assert_array_equal(timelines[name].lo, first, err_msg=name)
            np.testing.assert_array_equal(timelines[name].hi, last, err_msg=name)


# ----------------------------------------------------------------------------------------------- random architectures

N_CHANNELS = 2  # everywhere, so that any two branches can be added
WINDOWS = ("conv", "depthwise", "separable", "max", "average")


def length_after(n, kind, size, stride, dilation, padding):
    """Steps after a layer; only to keep a random model from running out of steps, Keras has the last word."""
    reach = dilation * (size - 1)
    if kind in WINDOWS:
        return (n - reach - 1) // stride + 1 if padding == "valid" else -(-n // stride)
    if kind == "transposed":
        return n * stride + (max(reach + 1 - stride, 0) if padding == "valid" else 0)
    return {"up": n * stride, "pad": n + size + stride - 1, "crop": n - size - stride + 1}.get(kind, n)


@st.composite
def architectures(draw):
    """(shortest length, layers): each layer is (kind, size, stride, dilation, padding)."""
    n = shortest = draw(st.integers(6, 26), label="n_timesteps")
    specs = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from((*WINDOWS, "transposed", "up", "pad", "crop", "residual", "branches", "relu")))
        size, stride = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        dilates = kind in ("conv", "separable", "depthwise", "transposed", "residual", "branches")
        dilation = draw(st.integers(1, 3)) if dilates and stride == 1 else 1
        paddings = ("valid", "same", "causal") if kind == "conv" else ("valid", "same")
        padding = draw(st.sampled_from(paddings))
        after = length_after(n, kind, size, stride, dilation, padding)
        if not 1 <= after <= 60:
            continue
        n = after
        specs.append((kind, size, stride, dilation, padding))
    return shortest, specs


def grow(x, spec, name):
    kind, size, stride, dilation, padding = spec
    strided = {"strides": stride, "padding": padding}
    convolving = dict(**strided, dilation_rate=dilation, name=name)
    if kind in ("residual", "branches"):
        one = L.Conv1D(N_CHANNELS, size, padding="same", dilation_rate=dilation, name=f"{name}_same")(x)
        other = x if kind == "residual" else L.Conv1D(N_CHANNELS, stride + 1, padding="causal", name=f"{name}_past")(x)
        return L.Add(name=name)([one, other])
    layer = {
        "conv": lambda: L.Conv1D(N_CHANNELS, size, activation="relu", **convolving),
        "depthwise": lambda: L.DepthwiseConv1D(size, **convolving),
        "separable": lambda: L.SeparableConv1D(N_CHANNELS, size, **convolving),
        "transposed": lambda: L.Conv1DTranspose(N_CHANNELS, size, **convolving),
        "max": lambda: L.MaxPooling1D(size, **strided, name=name),
        "average": lambda: L.AveragePooling1D(size, **strided, name=name),
        "up": lambda: L.UpSampling1D(stride, name=name),
        "pad": lambda: L.ZeroPadding1D((size, stride - 1), name=name),
        "crop": lambda: L.Cropping1D((size, stride - 1), name=name),
        "relu": lambda: L.ReLU(name=name),
    }[kind]()
    return layer(x)


def build(specs, length):
    x = h = keras.Input((length, N_CHANNELS))
    for i, spec in enumerate(specs):
        h = grow(h, spec, f"{i}_{spec[0]}")
    model = keras.Model(x, L.Dense(1, name="end")(h))
    reference.make_positive(model)
    return model


def check(model, n_timesteps, timelines, *, by_gradient):
    """Lengths are Keras' own; fields hold all that a step depends on (sound) and end where it ends (tight)."""
    supports = {"perturbation": reference.perturbation_support(model, n_timesteps)}
    if by_gradient:
        supports["gradient"] = reference.gradient_support(model, n_timesteps, tries=2)
    blind = False  # the gradient passes max pooling in one place only
    for layer in model.layers[1:]:
        timeline = timelines[layer.name]
        blind = blind or isinstance(layer, L.MaxPooling1D)
        for how, support in ((how, found[layer.name]) for how, found in supports.items()):
            assert len(timeline) == len(support), layer.name
            first, last = reference.extent(support)
            some = support.any(axis=1)
            assert (timeline.lo[some] <= first[some]).all(), f"{how}: {layer.name} sees earlier steps"
            assert (timeline.hi[some] >= last[some]).all(), f"{how}: {layer.name} sees later steps"
            if how == "perturbation" or not blind:
                np.testing.assert_array_equal(timeline.lo <= timeline.hi, some, err_msg=f"{how}: {layer.name}")
                np.testing.assert_array_equal(timeline.lo[some], first[some], err_msg=f"{how}: {layer.name}")
                np.testing.assert_array_equal(timeline.hi[some], last[some], err_msg=f"{how}: {layer.name}")


@random_models
@given(architectures())
def test_random_models_of_any_length(architecture):
    """One probe of a (None, channels) model knows the fields for every length."""
    shortest, specs = architecture
    model = build(specs, None)
    probe = Probe(model)
    for n in (shortest, shortest + 1, shortest + 5):
        check(model, n, probe.timelines(n), by_gradient=n == shortest)


@random_models
@given(architectures())
def test_random_models_of_fixed_length(architecture):
    """Each tap's shape and its timeline agree, and both with what really comes out."""
    n, specs = architecture
    model = build(specs, n)
    probe = Probe(model)
    timelines, observation = probe.timelines(n), probe.observe(series(1, n, N_CHANNELS))
    for tap in probe.taps:
        assert tap.drawable
        assert tap.shape[0] == len(timelines[tap.name]) == observation[tap.name].shape[1]
    check(model, n, timelines, by_gradient=True)


def test_the_oracles_agree_with_a_field_counted_by_hand():
    """Two independent ways to find a field, on one that can be counted: kernel 3, then pooling by 2."""
    model = functional(L.Conv1D(2, 3, name="conv"), L.AveragePooling1D(2, name="pool"), length=8)
    reference.make_positive(model)
    for oracle in (reference.gradient_support, reference.perturbation_support):
        support = oracle(model, 8)["pool"]
        first, last = reference.extent(support)
        assert first.tolist() == [0, 2, 4]
        assert last.tolist() == [3, 5, 7]


def test_a_convolution_of_one_s_own_is_unknown():
    """Only `convolution_op` is overridden; the rule for Conv1D says nothing about that."""

    class Reversed(L.Conv1D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(keras.ops.flip(inputs, axis=1), kernel)

    probe = Probe(functional(Reversed(2, 3), length=6))
    assert list(probe.timelines(6).values()) == [None]
