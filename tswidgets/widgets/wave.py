"""The long wave that an explorer's samples are windows of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.windows import sliding_windows
from tswidgets.inputs import SeveralInputs
from tswidgets.samples import Samples

CHECKED = 256  # windows, spread over the set, that are compared with the wave


@dataclass(frozen=True, eq=False)
class Wave:
    """Where windows lie on their wave.

    values : ndarray of shape (n_wave_steps, n_channels).
    n_windows : how many windows there are, of `size` steps each, one every `stride` steps.
    horizon : how many steps behind a window the model predicts; 0 if its answer is about the window itself.
    """

    values: NDArray[np.floating[Any]]
    n_windows: int
    size: int
    stride: int
    horizon: int

    def __len__(self) -> int:
        return len(self.values)

    @property
    def covered(self) -> int:
        """Number of wave steps from the first step of the first window to the last of the last."""
        return (self.n_windows - 1) * self.stride + self.size

    def answered(self, n_outputs: int) -> NDArray[np.int64]:
        """Wave steps that the answers of each window are about: (n_windows, n_outputs).

        As many outputs as the horizon has steps are the steps behind the window, one each; otherwise all of them are
        about the last step of the horizon, which is the window's own last step if there is no horizon.
        """
        behind = self.stride * np.arange(self.n_windows)[:, None] + self.size
        return behind + (np.arange(n_outputs) if n_outputs == self.horizon else np.full(n_outputs, self.horizon - 1))


def wave_of(samples: Samples, wave: Any, stride: int, horizon: int) -> Wave:
    """The wave and its windows, checked against each other."""
    if isinstance(samples, SeveralInputs):
        _validate.one_series(len(samples.parts))
    size = samples.longest
    if min(samples.lengths) != size:
        _validate.windows_of_one_length(samples.lengths)
    windows, _ = sliding_windows(wave, size, stride=stride, horizon=horizon)
    if len(windows) < len(samples):
        _validate.too_many_windows(len(samples), len(windows), size, stride, horizon)
    for i in samples.spread(CHECKED, CHECKED * size):
        if not np.allclose(windows[i], samples[i], rtol=1e-5, atol=1e-6):
            _validate.other_windows(i, i * stride, size, stride)
    values = np.asarray(wave)
    return Wave(values[:, None] if values.ndim == 1 else values, len(samples), size, stride, horizon)
