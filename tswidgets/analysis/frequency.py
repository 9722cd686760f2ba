"""Which frequencies a convolution lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets._validate import layer_step as refuse
from tswidgets.probe import as_probe
from tswidgets.probe.kernels import Kernel, is_convolution, kernel_of

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FrequencyResponse:
    """How much of each frequency of its input a convolution's filters let through, before bias and activation function.

    layer : the tap's name.
    frequencies : ndarray of shape (n_frequencies,), float32, from 0 to half a cycle a step, or half the sampling rate.
    unit : `cycles per step`, or `Hz` where the sampling rate is known.
    gain : ndarray of shape (n_frequencies, n_channels, n_filters), float32: by how much a filter multiplies the
        amplitude of a sine in one channel of the layer's input; 0 for a channel that it does not read.
    stride : the filter answers every `stride` steps; `folds_above` is the frequency above which its answers look like
        those to a lower one, and None where there is none.
    """

    layer: str
    frequencies: Floats
    unit: str
    gain: Floats
    stride: int
    folds_above: float | None


def frequency_response(
    model: Any, layer: str, *, n_frequencies: int = 257, sampling_rate: float | None = None
) -> FrequencyResponse:
    """The gain of every filter of a convolution over time for every frequency and channel of its input.

    Parameters
    ----------
    model : keras.Model or Probe
    layer : str
        Name of a tap that a Conv1D, DepthwiseConv1D or SeparableConv1D layer returns, or a Conv1DTranspose layer that
        puts no zeros between its input's steps.
    n_frequencies : int
        How many frequencies there are, evenly spread from 0 to half a cycle a step.
    sampling_rate : float, optional
        Steps of the layer's own input per second, in Hz. Behind a stride of 2 it is half that of the series.

    Returns
    -------
    FrequencyResponse

    Raises
    ------
    ValueError
        If the model has no such tap, or if it is no convolution over time.

    Source: Oppenheim & Schafer, "Discrete-Time Signal Processing", on linear time-invariant systems: the frequency
    response is the Fourier transform of the impulse response, H(f) = Σ w[k] exp(−2πi f k), and the gain its magnitude.
    With a dilation of d weight k is d · k steps on, so that H repeats itself. Departure: Keras does not turn the kernel
    round, as convolution does in that book; that changes the phase, and not the gain.
    """
    probe = as_probe(model)
    name = probe.tap_name(layer)
    operation = probe.calls.operation(name)
    kernel = kernel_of(operation)
    if kernel is None:
        known = [tap.name for tap in probe.taps if is_convolution(probe.calls.operation(tap.name))]
        refuse.no_convolution(name, type(operation).__name__, known)
    if kernel.window.transposed and kernel.window.stride > 1:
        refuse.between_steps(name, kernel.window.stride)
    rate = _validate.sampling_rate(sampling_rate)
    cycles = np.linspace(0, 0.5, refuse.n_frequencies(n_frequencies))
    stride, per_step = kernel.window.stride, 1.0 if rate is None else rate
    return FrequencyResponse(
        layer=name,
        frequencies=(cycles * per_step).astype(np.float32),
        unit="cycles per step" if rate is None else "Hz",
        gain=gains(kernel, cycles),
        stride=stride,
        folds_above=None if stride == 1 else per_step / (2 * stride),
    )


def gains(kernel: Kernel, cycles: NDArray[np.float64]) -> Floats:
    """|Σ w[k] exp(−2πi f k d)|, of shape (n_frequencies, n_channels, n_filters)."""
    places = np.arange(kernel.window.size) * kernel.window.dilation
    waves = np.exp(-2j * np.pi * cycles[:, None] * places)
    read = np.abs(np.tensordot(waves, kernel.weights.astype(np.float64), axes=1))
    gain = np.zeros((len(cycles), int(kernel.channels.max()) + 1, kernel.weights.shape[2]), np.float32)
    gain[:, kernel.channels, np.arange(kernel.weights.shape[2])] = read
    return gain
