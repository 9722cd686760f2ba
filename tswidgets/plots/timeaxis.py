"""The one time axis that all figures share."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

Window = tuple[float, float] | None


class TimeAxis:
    """A scale in seconds when the sampling rate is known, else in time steps; zoom and pan in one figure moves all.

    Step i is drawn at i / sampling_rate and takes the place from half a step before to half a step after.
    """

    def __init__(self, n_timesteps: int, sampling_rate: float | None = None) -> None:
        self.seconds_per_step = 1.0 if sampling_rate is None else 1.0 / sampling_rate
        self.unit = "" if sampling_rate is None else "s"
        self.label = "Time step" if sampling_rate is None else "Time (s)"
        self.n_timesteps = n_timesteps
        self.home = self.at(-0.5), self.at(n_timesteps - 0.5)
        self.scale = bqplot.LinearScale(min=self.home[0], max=self.home[1], allow_padding=False)
        self.pan_zoom = bqplot.PanZoom(scales={"x": [self.scale]})

    @property
    def window(self) -> Window:
        """The input steps from where to where time is shown; None where all of it is."""
        shown = self.scale.min, self.scale.max
        return None if shown == self.home else (shown[0] / self.seconds_per_step, shown[1] / self.seconds_per_step)

    def at(self, step: float) -> float:
        return float(step) * self.seconds_per_step

    def of(self, steps: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(steps * self.seconds_per_step, np.float32)

    def reset(self) -> None:
        with self.scale.hold_sync():
            self.scale.min, self.scale.max = self.home

    def duration(self, n_timesteps: int) -> str:
        """Length of a series in seconds, or "" where the sampling rate is not known."""
        return f"{n_timesteps * self.seconds_per_step:.3g} {self.unit}" if self.unit else ""

    def axis(self, *, numbers: bool = False, title: bool = False) -> bqplot.Axis:
        """A bottom axis, with or without numbers at its ticks and a title."""
        return bqplot.Axis(
            scale=self.scale,
            label=self.label if title else "",
            grid_lines="none",
            label_offset="2.4em",
            tick_style={} if numbers or title else {"display": "none"},
        )


def steps_within(window: Window, n_steps: int, places: NDArray[np.float32] | None = None) -> tuple[int, int]:
    """First step in a window and the one behind its last, with one more on either side.

    places : the input steps at which steps stand, by default one each; all where they do not stand in their order.
    """
    at = np.arange(n_steps, dtype=np.float32) if places is None else places
    if window is None or not (np.diff(at) >= 0).all():
        return 0, n_steps
    first, last = np.searchsorted(at, window)
    return max(int(first) - 1, 0), min(int(last) + 1, n_steps)
