"""What the series that a model reads are like, and which of them is most like a given one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.regularizers import usual_size

Floats = NDArray[np.float64]
Bounds = tuple[Floats, Floats]

ASSUMED_CHANGE = np.sqrt(0.2)  # neighbouring steps that correlate by 0.9
ASSUMED_REACH = 2.0


@dataclass(frozen=True, eq=False)
class Likeness:
    """Statistics of series channel by channel, each of shape (n_channels,).

    mean, deviation : of all steps. A channel that is the same everywhere has deviation 0.
    change : the usual size (root mean square) of the change from a step to the next, in deviations.
    low, high : the range that a value has to be in.
    reach : one number, how far from the mean the most extreme of the series is: its sum of squares by that of sizes.

    Standard units, below, are deviations from the mean; `reach` is in these, too.
    """

    mean: Floats
    deviation: Floats
    change: Floats
    low: Floats
    high: Floats
    reach: float

    @staticmethod
    def of(series: Sequence[NDArray[Any]], bounds: Bounds | None) -> Likeness:
        """That of series of shape (n_timesteps_i, n_channels), NaN where there is nothing; the range is theirs."""
        steps = np.concatenate(series).astype(np.float64)
        _validate.finite_channels(np.any(np.isfinite(steps), axis=0))
        low, high = np.nanmin(steps, axis=0), np.nanmax(steps, axis=0)
        mean, deviation = np.nanmean(steps, axis=0), np.nanstd(steps, axis=0)
        ends = np.cumsum([len(one) for one in series])[:-1] - 1
        changes = np.delete(np.diff(steps, axis=0), ends, axis=0) ** 2
        known = np.isfinite(changes)
        typical = np.sqrt(np.sum(changes, axis=0, where=known) / np.maximum(known.sum(axis=0), 1))
        change = np.where(known.any(axis=0), typical / np.where(deviation > 0, deviation, 1.0), ASSUMED_CHANGE)
        low, high = (low, high) if bounds is None else bounds
        like = Likeness(mean, deviation, change, low, high, ASSUMED_REACH)
        reach = max(float(usual_size(np.nan_to_num(like.standard(one))[None])[0]) for one in series)
        return replace(like, reach=reach)

    @staticmethod
    def assumed(bounds: Bounds) -> Likeness:
        """Without data: bounds are three deviations to either side of the mean; endless ones tell nothing."""
        low, high = bounds
        finite = np.isfinite(high - low)
        width = np.where(finite, high - low, 6.0)
        mean = np.where(finite, low + width / 2, np.clip(0.0, low, high))
        return Likeness(mean, width / 6, np.full(len(mean), ASSUMED_CHANGE), low, high, ASSUMED_REACH)

    @property
    def correlation(self) -> Floats:
        """That of neighbouring steps, from 0 to almost 1."""
        return np.clip(1 - self.change**2 / 2, 0.0, 1 - 1e-6)

    @property
    def width(self) -> Floats:
        """Standard deviation in steps of the Gaussian that makes noise as smooth as the series."""
        known = np.maximum(self.correlation, 1e-9)
        return np.where(self.correlation > 0, np.sqrt(-0.25 / np.log(known)), 0.0)

    def standard(self, series: NDArray[Any]) -> Floats:
        away = series.astype(np.float64) - self.mean
        return np.divide(away, self.deviation, out=np.zeros_like(away), where=self.deviation > 0)

    def series(self, z: Floats) -> NDArray[np.float32]:
        """Back from standard units, within the range."""
        return np.clip(self.mean + self.deviation * z, self.low, self.high).astype(np.float32)

    def clipped(self, z: Floats) -> Floats:
        return np.clip(z, self._ends[0], self._ends[1])

    def moved(self, z: Floats) -> Floats:
        """A thousandth of a deviation away, into the range."""
        low, high = self._ends
        up = high - z >= z - low
        return np.where(up, z + np.minimum(1e-3, (high - z) / 2), z - np.minimum(1e-3, (z - low) / 2))

    def noise(self, n_series: int, n_timesteps: int, rng: np.random.Generator) -> Floats:
        """Random series with the mean, the deviation and the smoothness of real ones (autoregressive of order 1)."""
        z = rng.standard_normal((n_series, n_timesteps, len(self.mean)))
        left = np.sqrt(1 - self.correlation**2)
        for step in range(1, n_timesteps):
            z[:, step] = self.correlation * z[:, step - 1] + left * z[:, step]
        return self.clipped(z)

    @property
    def _ends(self) -> Bounds:
        free = self.deviation > 0
        scale = np.where(free, self.deviation, 1.0)
        low, high = (self.low - self.mean) / scale, (self.high - self.mean) / scale
        return np.where(free, low, 0.0), np.where(free, high, 0.0)


class Neighbours:
    """Real series in standard units, among which to look for the one most like another of `n_timesteps` steps.

    The distance is 1 minus the cosine of the angle between both, all channels together, at the shift where that is
    largest: from 0, the same but for its size, over 1, unrelated, to 2. Steps that only one of them has are compared
    with the mean, so that more overlap is better. What is not known is the mean, too.

    Source: Paparrizos & Gravano, "k-Shape", 2015, whose shape-based distance it is. Departures: several channels, which
    are shifted together; each is standardised by the mean and deviation of all series, not by its own, so that levels
    count.
    """

    def __init__(self, series: Sequence[Floats], n_timesteps: int) -> None:
        longest = max(len(one) for one in series)
        self._size = 2 ** int(np.ceil(np.log2(longest + n_timesteps)))
        padded = np.zeros((len(series), longest, series[0].shape[1]), np.float32)
        for row, one in zip(padded, series, strict=True):
            row[: len(one)] = np.nan_to_num(one)
        self._transformed = np.fft.rfft(padded, self._size, axis=1).astype(np.complex64)
        self._norms = np.sqrt(np.sum(padded**2, axis=(1, 2), dtype=np.float64))
        self._shifts = np.arange(-longest + 1, n_timesteps)

    def nearest(self, z: Floats) -> tuple[int, int, float]:
        """(which of the series, by how many steps it has to be moved, later if positive; the distance)."""
        own = np.conj(np.fft.rfft(z, self._size, axis=0)).astype(np.complex64)
        product = np.einsum("sfc,fc->sf", self._transformed, own)
        overlaps = np.fft.irfft(product, self._size, axis=1)[:, -self._shifts % self._size]
        norms = self._norms[:, None] * np.sqrt(np.sum(z**2))
        cosines = np.divide(overlaps, norms, out=np.zeros_like(overlaps), where=norms > 0)
        found, at = np.unravel_index(int(cosines.argmax()), cosines.shape)
        return int(found), int(self._shifts[at]), float(1 - cosines[found, at])
