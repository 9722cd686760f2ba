"""What keeps an optimised series from looking like nothing that was ever measured, and the steps that optimise it.

Series are in standard units here, (n_series, n_timesteps, n_channels): 0 is a channel's mean, 1 its deviation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def usual_size(values: Floats) -> Floats:
    """Of each series, (n_series,), the size of its values where they are not 0: the sum of squares by that of sizes.

    That is the mean size, weighted by size: what is 0, as outside of a filter's field, does not count.
    """
    sizes = np.sum(np.abs(values), axis=(1, 2))
    return np.divide(np.sum(values**2, axis=(1, 2)), sizes, out=np.zeros_like(sizes), where=sizes > 0)


def normalised(gradient: Floats) -> Floats:
    """The gradient of each series, with a usual size of 1 unless it is 0."""
    usual = usual_size(gradient)[:, None, None]
    return np.divide(gradient, usual, out=np.zeros_like(gradient), where=usual > 0)


def total_variation_gradient(z: Floats, usual: Floats) -> Floats:
    """Gradient of the sum of √(change² + usual²) over all changes from a step to the next.

    usual : shape (n_channels,). A change below it counts by its square, one above it by its size, so that a series as
        smooth as real ones costs little, and a jump no more than the same rise in many steps.
    """
    change = np.diff(z, axis=1)
    size = np.sqrt(change**2 + usual**2)
    slope = np.divide(change, size, out=np.zeros_like(change), where=size > 0)
    return -np.diff(slope, axis=1, prepend=0, append=0)


class Blur:
    """Smooths gradients along time: each step gets the sum of all, weighted by a Gaussian that is 1 at the step itself.

    widths : shape (n_channels,), the Gaussian's standard deviation in steps for each channel, 0 for none.

    This is the product with the covariance of random series of such smoothness. To climb by it is to climb by the plain
    gradient where the distance to the mean is measured with that covariance (Mahalanobis): what is smooth is near.
    """

    def __init__(self, n_timesteps: int, widths: Floats) -> None:
        self._n, self._size = n_timesteps, 2 * n_timesteps
        distance = np.minimum(np.arange(self._size), self._size - np.arange(self._size))[:, None]
        narrow = np.where(widths > 0, widths, 1e-3)  # of which nothing reaches the next step
        self._any = bool((widths > 0).any())
        self._response = np.fft.rfft(np.exp(-0.5 * (distance / narrow) ** 2), axis=0)

    def __call__(self, gradient: Floats) -> Floats:
        if not self._any:
            return gradient
        transformed = np.fft.rfft(gradient, self._size, axis=1) * self._response
        return np.fft.irfft(transformed, self._size, axis=1)[:, : self._n]


def shifted(z: Floats, by: NDArray[np.int64]) -> Floats:
    """Each series moved by so many steps, later where positive; the end that is left behind is held."""
    if not by.any():
        return z
    last = z.shape[1] - 1
    return np.take_along_axis(z, np.clip(np.arange(last + 1) - by[:, None], 0, last)[:, :, None], axis=1)


def shifted_back(gradient: Floats, by: NDArray[np.int64]) -> Floats:
    """The gradient at shifted series, on the steps of the series themselves; 0 for steps that were moved out."""
    if not by.any():
        return gradient
    last = gradient.shape[1] - 1
    steps = np.arange(last + 1) + by[:, None]
    moved = np.take_along_axis(gradient, np.clip(steps, 0, last)[:, :, None], axis=1)
    return np.where((steps[:, :, None] >= 0) & (steps[:, :, None] <= last), moved, 0.0)


class Adam:
    """Kingma & Ba 2015, with a step size that falls to 0 over the run, so that the end is not where it happens to be.

    Calling it with a direction of ascent returns the step to take.
    """

    def __init__(self, learning_rate: float, n_steps: int) -> None:
        self._rate, self._n_steps, self._taken = learning_rate, n_steps, 0
        self._mean: Floats | float = 0.0
        self._square: Floats | float = 0.0

    def __call__(self, direction: Floats) -> Floats:
        rate = self._rate * (1 - self._taken / self._n_steps)
        self._taken += 1
        self._mean = 0.9 * self._mean + 0.1 * direction
        self._square = 0.999 * self._square + 0.001 * direction**2
        mean, square = self._mean / (1 - 0.9**self._taken), self._square / (1 - 0.999**self._taken)
        return np.asarray(rate * mean / (np.sqrt(square) + 1e-8))
