"""Which input steps a step sees, of recurrence, of attention and of random architectures: what the gradient says."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers as L

from tests import reference
from tests.models import in_gate, series
from tests.probe.chains import functional
from tests.probe.conftest import random_models
from tswidgets.probe import Probe

# --------------------------------------------------------------------------------- recurrence and attention


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
    in_gate(
        [recurrent_stack, two_directions, encoder_decoder, self_attention, cross_attention, cross_attention_heads],
        two_directions,
        encoder_decoder,
        cross_attention,
    ),
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
        timeline = timelines[tap.name]
        assert tap.drawable == (timeline.near_lo <= timeline.near_hi).any(), "whatever sees something has a place"
        assert tap.shape[0] == len(timeline) == observation[tap.name].shape[1]
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
