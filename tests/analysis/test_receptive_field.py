"""Which input steps a layer's steps see: counted by hand, and by what a change of the input changes."""

import re

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops

from tests import models, reference
from tests.models import CASES, Cumulating, case
from tswidgets.analysis.receptive_field import receptive_field
from tswidgets.probe import Probe

THREE_PARTS = re.compile(r"Expected .+; got .+\. .+[.?]$", re.DOTALL)


def functional(*layers, length=None, n_channels=2):
    x = h = keras.Input((length, n_channels))
    for layer in layers:
        h = layer(h)
    return keras.Model(x, h)


def field_of(*layers, length, fixed=True):
    """Of the last of a chain of layers."""
    model = functional(*layers, length=length if fixed else None)
    return receptive_field(model, [tap.name for tap in Probe(model).taps][-1], length)


def sees(field):
    return list(zip(field.lo.tolist(), field.hi.tolist(), strict=True))


# ------------------------------------------------------------------------------------------------------ counted by hand


@pytest.mark.parametrize("layer", ["conv2", "norm2", "relu2"])
def test_the_second_convolution_of_the_window_classifier(layer):
    """Kernel 9, pooling 5, kernel 9: step i sees [5i, 5i + 52]."""
    field = receptive_field(models.window_classifier(), layer)
    i = np.arange(50)
    np.testing.assert_array_equal(field.lo, 5 * i)
    np.testing.assert_array_equal(field.hi, 5 * i + 52)
    np.testing.assert_array_equal(field.centres, 5 * i + 26)
    assert (field.layer, field.n_timesteps, field.size, field.sees_everything) == (layer, 300, 53, False)
    assert repr(field) == f"ReceptiveField('{layer}', 50 steps, each sees up to 53 of 300)"


def test_a_residual_sees_what_both_its_branches_see():
    """Three of the past by one way, the next but one by another, itself by the third."""
    x = keras.Input((10, 2))
    past = L.Conv1D(2, 4, padding="causal", name="past")(x)
    future = L.Cropping1D((2, 0), name="cropped")(L.ZeroPadding1D((0, 2), name="padded")(x))
    model = keras.Model(x, L.Add(name="sum")([x, past, future]))
    i = np.arange(10)
    field = receptive_field(model, "sum")
    np.testing.assert_array_equal(field.lo, np.maximum(i - 3, 0))
    np.testing.assert_array_equal(field.hi, np.where(i < 8, i + 2, i))
    assert field.size == 6
    padded = receptive_field(model, "padded")
    assert sees(padded)[-3:] == [(9, 9), *[(padded.lo[-1], padded.hi[-1])] * 2]
    assert padded.lo[-1] > padded.hi[-1]
    assert np.isnan(padded.centres).tolist() == [False] * 10 + [True] * 2
    assert padded.size == 1


def test_same_padding_is_uneven():
    """Four zeros in front and five behind a kernel of 10, none of them input; with a stride it is by the length."""
    i = np.arange(20)
    field = field_of(L.Conv1D(1, 10, padding="same"), length=20)
    np.testing.assert_array_equal(field.lo, np.maximum(i - 4, 0))
    np.testing.assert_array_equal(field.hi, np.minimum(i + 5, 19))
    assert field.size == 10
    for n, first in ((10, 2), (12, 3)):
        assert sees(field_of(L.Conv1D(1, 4, strides=3, padding="same"), length=n, fixed=False))[0] == (0, first)


def test_strides_undone_by_upsampling():
    """Pairs of steps see the same; a closed form with one jump would not know them."""
    field = field_of(L.Conv1D(1, 3, strides=3), L.UpSampling1D(2), L.Conv1D(1, 2), length=9)
    assert sees(field) == [(0, 2), (0, 5), (3, 5), (3, 8), (6, 8)]
    assert field.size == 6


def test_transposed_convolution():
    field = field_of(L.Conv1DTranspose(1, 3, strides=2), length=3)
    assert sees(field) == [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 2)]
    np.testing.assert_array_equal(field.centres, [0, 0, 0.5, 1, 1.5, 2, 2])


def test_a_temporal_convolutional_network_sees_its_past():
    """Two kernels of 2 each with dilations 1, 2 and 4: 1 + 2·(1 + 2 + 4) steps."""
    model = case("tcn").model
    for layer, size in (("out1", 3), ("out2", 7), ("out4", 15)):
        field = receptive_field(model, layer)
        np.testing.assert_array_equal(field.hi, np.arange(20))
        np.testing.assert_array_equal(field.lo, np.maximum(np.arange(20) - size + 1, 0))
        assert field.size == size
    assert sees(receptive_field(model, "head")) == [(5, 19)]


@pytest.mark.parametrize("layer", [L.LSTM, L.GRU, L.SimpleRNN])
def test_a_recurrence_sees_the_past(layer):
    field = field_of(layer(2, return_sequences=True), length=7)
    assert sees(field) == [(0, i) for i in range(7)]
    np.testing.assert_array_equal(field.centres, range(7))
    assert not field.sees_everything
    back = field_of(layer(2, return_sequences=True, go_backwards=True), length=7)
    assert sees(back) == [(6 - j, 6) for j in range(7)]
    assert sees(field_of(layer(2), length=7)) == [(0, 6)]


EVERYTHING = {
    "Bidirectional": lambda h: L.Bidirectional(L.GRU(2, return_sequences=True))(h),
    "MultiHeadAttention": lambda h: L.MultiHeadAttention(1, 2)(h, h),
    "Attention": lambda h: L.Attention()([h, h]),
    "Flatten": lambda h: L.Flatten()(h),
    "Dense of Flatten": lambda h: L.Dense(2)(L.Flatten()(h)),
    "pooled": lambda h: L.GlobalMaxPooling1D()(h),
    "last state": lambda h: L.LSTM(2)(h),
    "gate": lambda h: L.Multiply()([h, L.GlobalAveragePooling1D(keepdims=True)(h)]),
    "normalised over time": lambda h: L.GroupNormalization(1)(h),
    "centred": lambda h: h - ops.mean(h, axis=1, keepdims=True),
}


@pytest.mark.parametrize("kind", EVERYTHING)
def test_what_sees_everything(kind):
    """Each step the whole series, whatever kernel came before; what keeps its steps keeps their places."""
    x = keras.Input((8, 2))
    model = keras.Model(x, EVERYTHING[kind](L.Conv1D(2, 3, padding="same", name="conv")(x)))
    last = Probe(model).taps[-1]
    field = receptive_field(model, last.name)
    assert field.sees_everything
    assert field.size == 8
    assert repr(field) == f"ReceptiveField({last.name!r}, {len(field.lo)} steps, each sees all of 8)"
    if len(last.shape) == 2:
        np.testing.assert_array_equal(field.centres, receptive_field(model, "conv").centres)
    assert not receptive_field(model, "conv").sees_everything


# ----------------------------------------------------------------- time moved about, and what the user's own code does

MOVED = {
    "halves": (lambda x: L.Reshape((4, 4))(x), [(0, 1), (2, 3), (4, 5), (6, 7)]),
    "longer": (lambda x: L.Reshape((16, 1))(x), [(i // 2, i // 2) for i in range(16)]),
    "there and back": (lambda x: L.Permute((2, 1))(L.Permute((2, 1))(x)), [(i, i) for i in range(8)]),
    "flipped": (lambda x: ops.flip(x, axis=1), [(7 - i, 7 - i) for i in range(8)]),
    "every second": (lambda x: x[:, 1::2], [(1, 1), (3, 3), (5, 5), (7, 7)]),
    "differences": (lambda x: x[:, 1:] - x[:, :-1], [(i, i + 1) for i in range(7)]),
    "arithmetic": (lambda x: ops.exp(-x * x) * 2 + 1, [(i, i) for i in range(8)]),
    "shifted": (lambda x: ops.roll(x, 3, axis=1), [((i - 3) % 8,) * 2 for i in range(8)]),
    "padded": (lambda x: ops.pad(x, [[0, 0], [1, 0], [0, 0]])[:, :-2], [None] + [(i, i) for i in range(6)]),
    "one after the other": (lambda x: L.Concatenate(axis=1)([x, x[:, :2]]), [(i % 8,) * 2 for i in range(10)]),
    "Lambda": (lambda x: L.Lambda(lambda h: h[:, 2:] * h[:, :-2])(x), [(i, i + 2) for i in range(6)]),
    "cumulated": (lambda x: Cumulating()(x), [(0, i) for i in range(8)]),
    "then convolved": (lambda x: L.Conv1D(2, 2)(ops.flip(x, axis=1)), [(6 - i, 7 - i) for i in range(7)]),
}


@pytest.mark.parametrize("kind", MOVED)
def test_time_moved_about(kind):
    move, expected = MOVED[kind]
    x = keras.Input((8, 2))
    model = keras.Model(x, L.Activation("linear", name="last")(move(x)))
    field = receptive_field(model, "last")
    assert len(field.lo) == len(expected)
    for lo, hi, steps in zip(field.lo, field.hi, expected, strict=True):
        assert (lo, hi) == steps if steps else lo > hi


def test_a_transposed_series_has_channels_for_steps():
    """Each sees the whole of one channel, and none has a place in time."""
    field = field_of(L.Permute((2, 1)), length=6)
    assert sees(field) == [(0, 5)] * 2
    assert np.isnan(field.centres).all()


@pytest.mark.parametrize("name", ["resnet", "inception_time", "unet", "dag"])
def test_published_architectures_see_what_a_change_reaches(name):
    """The first and the last step, for every layer but the softmax, where nothing that is large enough changes."""
    model = CASES[name]().model
    reference.make_positive(model)
    for layer, support in reference.perturbation_support(model, model.inputs[0].shape[1]).items():
        if getattr(getattr(model.get_layer(layer), "activation", None), "__name__", "") != "softmax":
            field, (first, last) = receptive_field(model, layer), reference.extent(support)
            np.testing.assert_array_equal(field.lo, first, err_msg=layer)
            np.testing.assert_array_equal(field.hi, last, err_msg=layer)


# ------------------------------------------------------------------------------------------------- lengths and mistakes


def test_length():
    """The model's own; 1,024 steps if it takes any; or the one that is asked for."""
    assert receptive_field(models.window_classifier(), "conv1").n_timesteps == 300
    free = functional(L.Conv1D(2, 5, name="conv"))
    field = receptive_field(free, "conv")
    assert (field.n_timesteps, len(field.lo), field.hi[-1]) == (1024, 1020, 1023)
    field = receptive_field(Probe(free), "conv", np.int64(9))
    assert (field.n_timesteps, len(field.lo)) == (9, 5)
    assert len(receptive_field(models.window_classifier(), "conv1", 300).lo) == 292
    short = receptive_field(free, "conv", 3)
    assert (len(short.lo), short.size, short.sees_everything) == (0, 0, False)


@pytest.mark.parametrize("n", [0, -3, 2.5, "10", True, 299, 301])
def test_lengths_that_a_model_does_not_take(n):
    with pytest.raises(ValueError) as error:
        receptive_field(models.window_classifier(), "conv1", n)
    assert THREE_PARTS.match(str(error.value)), str(error.value)
    assert f"got {n!r}." in str(error.value)


def test_what_cannot_be_told():
    """A model that runs step by step has no graph to follow through a layer of the user's own."""
    found = CASES["data_dependent"]()

    class Wrapping(keras.Model):
        def __init__(self):
            super().__init__(name="wrapping")
            self.own, self.inner = Cumulating(name="own"), found.model

        def call(self, x):
            return self.own(self.inner(x))

    model = Wrapping()
    probe = Probe(model, found.x)
    with pytest.raises(ValueError) as error:
        receptive_field(probe, "own")
    assert THREE_PARTS.match(str(error.value)), str(error.value)
    assert "got 'own'" in str(error.value)
    assert "Cumulating" in str(error.value)
    assert sees(receptive_field(probe, "deciding/conv"))[0] == (0, 2)


def test_wrong_names_and_models():
    with pytest.raises(ValueError, match=r"Expected the name of a layer; got 'conv_1'\. .*Did you mean 'conv1'\?$"):
        receptive_field(case("sequential").model, "conv_1")
    with pytest.raises(TypeError, match=r"Expected a Keras 3 model; got .+\. Pass the model object itself"):
        receptive_field(L.Conv1D(2, 3), "conv")
