"""The answer after each time step, against the eager model run on the series cut off there."""

import re
from functools import cache
from unittest.mock import patch

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import case, in_gate, randomise, series
from tswidgets.probe.program import Program

THREE_PARTS = re.compile(r"^Expected .+; got .+\. .+\.$", re.DOTALL)


def sequential(*layers, length=None, channels=3):
    return randomise(keras.Sequential([keras.Input((length, channels)), *layers]))


def cut_off(model, x, step):
    """A copy of the model that takes any length, layer by layer, run eagerly."""
    h = x[None, : step + 1]
    for layer in model.layers:
        if not isinstance(layer, L.InputLayer):
            h = layer(h, training=False)
    h = np.asarray(h)[0]
    return h if h.ndim == 1 else h[-1]


MODELS = {  # layers, way, first step with an answer
    "LSTM": (lambda: [L.LSTM(6), L.Dense(4, "softmax")], "states", 0),
    "GRU": (lambda: [L.GRU(6), L.Dense(2)], "states", 0),
    "GRU, reset before": (lambda: [L.GRU(6, reset_after=False), L.Dense(2)], "states", 0),
    "SimpleRNN": (lambda: [L.SimpleRNN(6), L.Dense(2)], "states", 0),
    "two LSTMs": (lambda: [L.LSTM(6, return_sequences=True), L.LSTM(5), L.Dense(3)], "states", 0),
    "causal convolution": (lambda: [L.Conv1D(4, 5, padding="causal"), L.LSTM(5), L.Dense(3)], "states", 0),
    "valid convolution": (lambda: [L.Conv1D(4, 5, activation="relu"), L.LSTM(5), L.Dense(3)], "states", 4),
    "convolution and pooling": (
        lambda: [L.Conv1D(4, 3), L.MaxPooling1D(4), L.GRU(5), L.Dense(3)],
        "states",
        5,
    ),
    "head of several layers": (lambda: [L.LSTM(6), L.Dense(7, "relu"), L.Dropout(0.5), L.Dense(2)], "states", 0),
    "same convolution": (lambda: [L.Conv1D(4, 5, padding="same"), L.LSTM(5), L.Dense(3)], "truncated", 0),
    "same pooling": (lambda: [L.MaxPooling1D(4, padding="same"), L.LSTM(5), L.Dense(3)], "truncated", 0),
    "backwards": (lambda: [L.LSTM(6, go_backwards=True), L.Dense(2)], "truncated", 0),
    "both directions": (lambda: [L.Bidirectional(L.LSTM(3)), L.Dense(2)], "truncated", 0),
    "both, then forward": (
        lambda: [L.Bidirectional(L.GRU(3, return_sequences=True)), L.LSTM(4), L.Dense(2)],
        "truncated",
        0,
    ),
    "mean over steps": (lambda: [L.LSTM(4, return_sequences=True), L.GlobalAveragePooling1D()], "truncated", 0),
    "label per step": (lambda: [L.LSTM(4, return_sequences=True), L.Dense(2, "softmax")], "output", 0),
    "label per step, same convolution": (
        lambda: [L.Conv1D(3, 3, padding="same"), L.LSTM(4, return_sequences=True), L.Dense(1)],
        "truncated",
        0,
    ),
    "convolutions": (lambda: [L.Conv1D(4, 3), L.Conv1D(4, 3), L.GlobalMaxPooling1D(), L.Dense(2)], "truncated", 4),
}


N = 9  # time steps
OF_ANY_LENGTH = ("LSTM", "convolution and pooling", "same convolution", "both directions", "label per step")


CUT_OFF = in_gate(  # every way, at a declared length and at any
    [*((name, N) for name in MODELS), *((name, None) for name in OF_ANY_LENGTH)],
    ("LSTM", N),
    ("causal convolution", N),
    ("convolution and pooling", N),
    ("same convolution", N),
    ("both directions", N),
    ("mean over steps", N),
    ("label per step", N),
    ("convolutions", N),
    ("GRU, reset before", N),
    ("same convolution", None),
)


@pytest.mark.parametrize("name, length", CUT_OFF)
def test_the_series_cut_off(name, length):
    layers, way, first = MODELS[name]
    model, x = sequential(*layers(), length=length), series(1, N, 3)[0]
    found = tsw.prediction_so_far(model, x)
    assert found.way == way
    assert found.values.shape[0] == N and found.values.dtype == np.float32
    assert np.isnan(found.values[:first]).all() and np.isfinite(found.values[first:]).all()
    for step in range(first, N):
        np.testing.assert_allclose(found.values[step], cut_off(model, x, step), atol=2e-6)
    whole = np.asarray(model(x[None], training=False))[0]
    np.testing.assert_allclose(found.values[-1], whole if whole.ndim == 1 else whole[-1], atol=2e-6)


MASKED = {
    "LSTM": (lambda: [L.LSTM(6), L.Dense(4, "softmax")], "states"),
    "two GRUs": (lambda: [L.GRU(6, return_sequences=True), L.GRU(5), L.Dense(3)], "states"),
    "both directions": (lambda: [L.Bidirectional(L.LSTM(3)), L.Dense(2)], "padded"),
    "mean over steps": (lambda: [L.LSTM(4, return_sequences=True), L.GlobalAveragePooling1D()], "padded"),
    "convolution that knows of no mask": (lambda: [L.Conv1D(4, 3, bias_initializer="ones"), L.GRU(4)], None),
}


@pytest.mark.filterwarnings("ignore:.*destroy the mask information")
@pytest.mark.parametrize(
    "name, blank",
    in_gate(
        [*((name, 0.0) for name in MASKED), ("LSTM", -9.0), ("both directions", -9.0)],
        ("both directions", 0.0),
        ("convolution that knows of no mask", 0.0),
        ("LSTM", -9.0),
    ),
)
def test_padded_series(name, blank):
    """Padding has no answer; before it stands what the series without its padding is answered."""
    layers, way = MASKED[name]
    model = sequential(L.Masking(blank), *layers())
    x = series(1, 9, 3)[0]
    x[6:] = blank
    found = tsw.prediction_so_far(model, x)
    if way:
        assert found.way == way
        assert np.isnan(found.values[6:]).all()
    first = int(np.isfinite(found.values).all(axis=1).argmax())
    assert first < 3
    for step in range(first, 6):
        np.testing.assert_allclose(found.values[step], cut_off(model, x, step), atol=2e-6)


def test_padding_in_front():
    model, x = sequential(L.Masking(0.0), L.LSTM(4), L.Dense(2)), series(1, 8, 3)[0]
    x[:3] = 0
    found = tsw.prediction_so_far(model, x)
    assert np.isnan(found.values[:3]).all() and np.isfinite(found.values[3]).all()


def test_tokens():
    layers = [L.Embedding(9, 4, mask_zero=True), L.LSTM(5), L.Dense(3, "softmax")]
    model = randomise(keras.Sequential([keras.Input((None,), dtype="int32"), *layers]))
    x = np.array([3, 1, 4, 1, 5, 0, 0])
    found = tsw.prediction_so_far(model, x)
    assert found.way == "states" and np.isnan(found.values[5:]).all()
    for step in range(5):
        np.testing.assert_allclose(found.values[step], cut_off(model, x, step), atol=2e-6)


def test_two_ways_to_the_answer_are_not_one():
    """States of the LSTM alone do not tell the answer where the input goes by it, too."""
    x = keras.Input((10, 3))
    joined = L.Concatenate()([L.LSTM(4)(x), L.GlobalMaxPooling1D()(x)])
    model = randomise(keras.Model(x, L.Dense(2)(joined)))
    found = tsw.prediction_so_far(model, series(1, 10, 3)[0])
    assert found.way == "truncated"
    given = series(1, 10, 3)[0]
    h, top = np.asarray(model.layers[1](given[None, :4])), given[None, :4].max(axis=1)
    by = {type(layer).__name__: layer for layer in model.layers}
    expected = np.asarray(by["Dense"](np.concatenate([by["LSTM"](given[None, :4]), top], axis=1)))[0]
    assert h.shape[0] == 1
    np.testing.assert_allclose(found.values[3], expected, atol=2e-6)


@pytest.mark.filterwarnings("ignore:.*softmax over axis 1")  # of a series of one step
def test_attention_over_an_lstm():
    x = keras.Input((None, 3))
    h = L.LSTM(5, return_sequences=True)(x)
    weights = L.Softmax(axis=1)(L.Dense(1)(h))
    model = randomise(keras.Model(x, L.Dense(2)(L.Flatten()(L.Dot(axes=1)([weights, h])))))
    given = series(1, 8, 3)[0]
    found = tsw.prediction_so_far(model, given)
    for step in range(8):
        expected = np.asarray(model(given[None, : step + 1], training=False))[0]
        np.testing.assert_allclose(found.values[step], expected, atol=2e-6)


ONE_LENGTH = ("gru", "bidirectional", "encoder_decoder", "resnet", "mixed_float16", "nested")


@pytest.mark.parametrize("name", in_gate(ONE_LENGTH, "gru", "resnet", "nested"))
def test_models_of_one_length(name):
    """Their layers take other lengths than the one that is declared; nothing is changed on the model."""
    found_case = case(name)
    model, x = found_case.model, found_case.x[0]
    before, attributes = [np.asarray(weight).copy() for weight in model.weights], set(vars(model))
    found = tsw.prediction_so_far(model, x)
    whole = keras.tree.flatten(model(found_case.x[:1], training=False))[0]
    np.testing.assert_allclose(
        found.values[-1], np.asarray(whole, np.float32)[0].reshape(-1, found.values.shape[1])[-1], atol=1e-2
    )
    assert np.isfinite(found.values).all(axis=1).sum() > len(x) // 2
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
    assert vars(model).keys() == attributes


def test_one_batch_and_not_a_run_for_every_step():
    model, x = sequential(L.LSTM(8), L.Dense(3, "softmax")), series(1, 700, 3)[0]
    rows, original = [], Program.__call__

    def counted(self, *arrays):
        rows.append(max(len(array) for array in arrays))
        return original(self, *arrays)

    with patch.object(Program, "__call__", counted):
        found = tsw.prediction_so_far(model, x)
    assert np.isfinite(found.values).all()
    assert len(rows) < 10 and max(rows) > 300


def test_steps():
    model, x = sequential(L.Bidirectional(L.LSTM(3)), L.Dense(2)), series(1, 9, 3)[0]
    whole, some = tsw.prediction_so_far(model, x), tsw.prediction_so_far(model, x, steps=np.array([7, 2]))
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(some.values).all(axis=1)), [2, 7])
    np.testing.assert_array_equal(some.values[[2, 7]], whole.values[[2, 7]])


def test_where_another_class_takes_the_lead():
    values = np.array([[0.6, 0.4], [np.nan, np.nan], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.9, 0.1]], np.float32)
    found = tsw.PredictionSoFar(values, "states", "lstm")
    np.testing.assert_array_equal(found.changes, [3, 5])
    assert "states of lstm" in repr(found)


def test_series_as_a_model_takes_them():
    """Without channels, and of a subclassed model that declares nothing."""
    layers = [L.Reshape((-1, 1)), L.LSTM(4), L.Dense(2)]
    model = randomise(keras.Sequential([keras.Input((None,)), *layers]))
    found = tsw.prediction_so_far(model, series(1, 7, 1)[0, :, 0])
    assert found.values.shape == (7, 2) and np.isfinite(found.values).all()
    with pytest.raises(ValueError) as error:
        tsw.prediction_so_far(model, series(2, 7, 1))
    assert THREE_PARTS.match(str(error.value))


def test_a_model_that_counts_on_all_steps_and_masks_them():
    """It takes no shorter series: what is left is the same series with its rest as padding."""
    x = keras.Input((6, 4))
    steps = L.TimeDistributed(L.LSTM(3))(L.Masking()(L.Reshape((6, 2, 2))(x)))
    model = randomise(keras.Model(x, L.Dense(2)(keras.ops.sum(steps, axis=1))))
    values = series(1, 6, 4)
    found = tsw.prediction_so_far(model, values[0])
    assert found.way == "padded"
    rest = np.arange(6)[:, None] > np.arange(6)
    expected = model(np.where(rest.T[..., None], 0, values).astype("float32"), training=False)
    np.testing.assert_allclose(found.values, expected, atol=1e-6)


@cache
def refused():
    flat = sequential(L.Flatten(), L.Dense(2), length=6)
    pair = case("several_outputs")
    image = randomise(keras.Sequential([keras.Input((6, 4, 1)), L.Conv2D(2, 2, padding="same")]))
    lstm, x = sequential(L.LSTM(3)), series(1, 6, 3)
    return {
        "a Dense layer that counts on all steps": (flat, x[0], {}, ValueError),
        "several inputs": (pair.model, keras.tree.map_structure(lambda a: a[0], pair.x), {}, ValueError),
        "an answer with three axes": (image, np.zeros((6, 4, 1), np.float32), {}, ValueError),
        "a batch": (lstm, x, {}, ValueError),
        "no such step": (lstm, x[0], {"steps": [6]}, IndexError),
        "half a step": (lstm, x[0], {"steps": [0.5]}, ValueError),
        "no model": ("lstm", x[0], {}, TypeError),
    }


@pytest.mark.parametrize("what", refused())
def test_bad_input(what):
    model, x, options, kind = refused()[what]
    with pytest.raises(kind) as error:
        tsw.prediction_so_far(model, x, **options)
    assert THREE_PARTS.match(str(error.value))
