"""The gain of a filter, measured: sines are sent through the layer, and what comes out is compared."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import randomise

THREE_PARTS = re.compile(r"^Expected .+; got .+\. .+[.?]$", re.DOTALL)
LENGTH = 240  # steps of a sine; a period of it fits whole


def model_of(layer: Any, n_channels: int = 3) -> keras.Model:
    return randomise(keras.Sequential([keras.Input((None, n_channels)), layer]))


def measured(layer: Any, periods: int, channel: int, n_channels: int, every: int = 1) -> np.ndarray:
    """Amplitude of each filter's answer to a sine of amplitude 1 in one channel, away from the ends; (n_filters,).

    Sine and cosine together: at the frequencies of a stride's folding one of them may be sampled at its zeros alone.
    """
    t = np.arange(LENGTH)
    wave = np.zeros((2, LENGTH, n_channels), np.float32)
    wave[0, :, channel], wave[1, :, channel] = (f(2 * np.pi * periods / LENGTH * t) for f in (np.cos, np.sin))
    silence = np.asarray(layer(np.zeros_like(wave)))  # what bias alone gives
    answer = (np.asarray(layer(wave)) - silence)[:, 40 // every : 200 // every]
    return np.sqrt((answer**2).sum(axis=0).mean(axis=0))  # cos² + sin² is the same at every step


@pytest.mark.parametrize(
    ("layer", "n_channels"),
    [
        (L.Conv1D(4, 5, padding="same"), 3),
        (L.Conv1D(4, 4, dilation_rate=3, padding="causal"), 2),
        (L.Conv1D(4, 3, groups=2, padding="same", use_bias=False), 4),
        (L.Conv1D(2, 6, strides=2, padding="same"), 1),
        (L.DepthwiseConv1D(5, depth_multiplier=2, padding="same"), 3),
        (L.SeparableConv1D(3, 4, depth_multiplier=2, padding="same"), 3),
        (L.Conv1DTranspose(3, 5, padding="same"), 2),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
def test_the_gain_is_what_is_measured(layer: Any, n_channels: int) -> None:
    model = model_of(layer, n_channels)
    found = tsw.frequency_response(model, layer.name, n_frequencies=LENGTH // 2 + 1)
    assert found.gain.shape == (LENGTH // 2 + 1, n_channels, layer.compute_output_shape((1, 9, n_channels))[-1])
    stride = getattr(layer, "strides", (1,))[0] if not isinstance(layer, L.Conv1DTranspose) else 1
    assert found.stride == stride
    for periods in (0, 7, 31, 60, 83, 119):
        assert found.frequencies[periods] == pytest.approx(periods / LENGTH)
        for channel in range(n_channels):
            expected = measured(layer, periods, channel, n_channels, stride)
            np.testing.assert_allclose(found.gain[periods, channel], expected, rtol=0, atol=2e-5)


def test_a_moving_average_passes_what_is_slow_and_a_difference_what_is_fast() -> None:
    average, difference = (
        L.Conv1D(1, 4, use_bias=False, name="average"),
        L.Conv1D(1, 2, use_bias=False, name="difference"),
    )
    model = keras.Sequential([keras.Input((None, 1)), average, difference])
    average.set_weights([np.full((4, 1, 1), 0.25)])
    difference.set_weights([np.array([-1.0, 1.0]).reshape(2, 1, 1)])
    slow, fast = (tsw.frequency_response(model, name).gain[:, 0, 0] for name in ("average", "difference"))
    np.testing.assert_allclose(slow[[0, 128, 256]], [1, 0, 0], atol=1e-6)  # a quarter and half a cycle cancel out
    np.testing.assert_allclose(fast[[0, 256]], [0, 2], atol=1e-6)
    assert (np.diff(fast) > 0).all()


def test_in_hertz_and_what_a_stride_folds() -> None:
    model = model_of(L.Conv1D(2, 3, strides=2, name="conv"))
    found = tsw.frequency_response(model, "conv", sampling_rate=50, n_frequencies=26)
    np.testing.assert_allclose(found.frequencies, np.arange(26), atol=1e-5)
    assert (found.unit, found.stride, found.folds_above) == ("Hz", 2, 12.5)
    assert tsw.frequency_response(model, "conv").unit == "cycles per step"
    plain = tsw.frequency_response(model_of(L.Conv1D(2, 3, name="conv")), "conv")
    assert plain.folds_above is None and plain.frequencies[-1] == 0.5


def test_layers_without_one_answer_to_each_frequency() -> None:
    layers = [L.Conv1D(2, 3, name="conv"), L.Conv1DTranspose(2, 3, strides=2, name="longer"), L.LSTM(2, name="lstm")]
    model = randomise(keras.Sequential([keras.Input((None, 3)), *layers]))
    for name, says in (("lstm", "'lstm', a layer of class LSTM"), ("longer", "1 zeros"), ("konv", "'konv'")):
        with pytest.raises(ValueError, match=says) as error:
            tsw.frequency_response(model, name)
        assert THREE_PARTS.match(str(error.value))
    for wrong in (1, 2.5, True):
        with pytest.raises(ValueError, match="two frequencies") as error:
            tsw.frequency_response(model, "conv", n_frequencies=wrong)  # type: ignore[arg-type]
        assert THREE_PARTS.match(str(error.value))
