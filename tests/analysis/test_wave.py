"""A layer on a wave: any layer, any stride, in pieces, against sub-models and a triple loop."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tswidgets as tsw
from tests.probe.comparing import THREE_PARTS
from tswidgets.analysis import wave as wave_module

RNG = np.random.default_rng(11)
WAVE = RNG.normal(size=(150, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def deep() -> keras.Model:
    """Valid and same padding, strides, pooling, up-sampling, recurrence, and units at the end."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input((24, 3))
    x = keras.layers.Conv1D(5, 5, activation="relu", name="valid")(inputs)
    x = keras.layers.Conv1D(4, 4, strides=2, padding="same", name="strided")(x)
    x = keras.layers.MaxPooling1D(2, name="pooled")(x)
    x = keras.layers.UpSampling1D(2, name="up")(x)
    x = keras.layers.GRU(6, return_sequences=True, name="gru")(x)
    x = keras.layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="out")(x))


def by_hand(model: keras.Model, windows: np.ndarray, layer: str, time: np.ndarray, stride: int) -> np.ndarray:
    """Every answer put into a list of its wave step, by a sub-model and plain loops."""
    answers = np.asarray(keras.Model(model.inputs[0], model.get_layer(layer).output)(windows))
    answers = answers if answers.ndim == 3 else answers[:, None, :]
    n_wave_steps = (len(windows) - 1) * stride + windows.shape[1]
    said: list[list[np.ndarray]] = [[] for _ in range(n_wave_steps)]
    for w in range(len(windows)):
        for s in range(answers.shape[1]):
            said[w * stride + int(np.floor(time[s]))].append(answers[w, s].astype(np.float64))
    nothing = np.full(answers.shape[2], np.nan)
    return np.array([np.mean(some, axis=0) if some else nothing for some in said])


# Where steps lie, by hand: `valid` sees s … s + 4, `strided` pads 1 before, `mean` and `out` see all.
CENTRES = {
    "valid": np.arange(20) + 2,
    "strided": 2 * np.arange(10) + 2.5,
    "mean": np.array([11.5]),
    "out": np.array([11.5]),
}


@pytest.mark.parametrize("stride", [1, 2, 7, 30])
@pytest.mark.parametrize("layer", ["valid", "strided", "pooled", "up", "gru", "mean", "out"])
def test_every_layer_lands_where_it_looks(deep: keras.Model, layer: str, stride: int) -> None:
    windows, _ = tsw.sliding_windows(WAVE, 24, stride=stride)
    found = tsw.fold_activations(deep, windows, layer, stride=stride)
    time = tsw.activations(deep, windows[0], layer).time
    time = np.array([11.5]) if time is None else time
    if layer in CENTRES:  # the middle steps, whose fields are not cut short at the ends
        middle = slice(len(time) // 3, -(len(time) // 3) or None)
        assert time[middle] == pytest.approx(CENTRES[layer][middle])
    expected = by_hand(deep, windows, layer, time, stride)
    assert found.values == pytest.approx(expected, abs=1e-5, nan_ok=True)
    assert np.array_equal(found.count > 0, ~np.isnan(expected[:, 0]))
    assert found.layer == layer


def test_steps_that_nothing_covers_are_nan_and_not_zero(deep: keras.Model) -> None:
    windows, _ = tsw.sliding_windows(WAVE, 24, stride=30)
    found = tsw.fold_activations(deep, windows, "valid", stride=30)
    assert np.isnan(found.values[[0, 1, 22, 29, 31]]).all()
    assert np.isfinite(found.values[[2, 21, 32, 51]]).all()
    assert (found.count[[0, 22, 29]] == 0).all()


def test_the_size_of_the_pieces_changes_nothing(deep: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    windows, _ = tsw.sliding_windows(WAVE, 24)
    whole = tsw.fold_activations(deep, windows, "gru")
    for first, most in ((1, 1), (5, 7), (127, 127)):
        monkeypatch.setattr(wave_module, "AT_ONCE", (first, most))
        parts = tsw.fold_activations(deep, windows, "gru")
        assert parts.values == pytest.approx(whole.values, abs=1e-5, nan_ok=True)
        assert np.array_equal(parts.count, whole.count)


def test_it_is_fold_windows_of_the_activations(deep: keras.Model) -> None:
    windows, _ = tsw.sliding_windows(WAVE, 24, stride=3)
    some = tsw.activations(deep, windows, "up")
    expected = tsw.fold_windows(some.values, stride=3, time=some.time, size=24)
    assert tsw.fold_activations(deep, windows, "up", stride=3).values == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_masked_steps_do_not_count() -> None:
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [keras.Input((10, 1)), keras.layers.Masking(0.0, name="mask"), keras.layers.LSTM(3, return_sequences=True)]
    )
    wave = np.ones((40, 1), np.float32)
    wave[12:17] = 0.0
    windows, _ = tsw.sliding_windows(wave, 10)
    found = tsw.fold_activations(model, windows, "mask")
    assert np.array_equal(np.isnan(found.values[:, 0]), wave[:, 0] == 0)
    assert np.array_equal(found.count == 0, wave[:, 0] == 0)
    assert np.nanmin(found.values) == 1.0


def test_what_cannot_be_folded_says_why(deep: keras.Model) -> None:
    windows, _ = tsw.sliding_windows(WAVE, 24)
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.fold_activations(deep, windows, "vallid")
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.fold_activations(deep, windows[0], "valid")
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.fold_activations(deep, windows[:, :20], "valid")
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.fold_activations(deep, windows[:0], "valid")
