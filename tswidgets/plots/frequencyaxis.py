"""An axis of frequencies, on which marks stand as they do on a time axis: entry i at i times the distance of two."""

from __future__ import annotations

import bqplot

from tswidgets.plots.timeaxis import TimeAxis


class FrequencyAxis(TimeAxis):
    """Evenly spread from 0 to half a cycle a step, or to half the sampling rate where that is known."""

    def __init__(self, n_frequencies: int) -> None:
        super().__init__(n_frequencies)
        self.label = ""
        self._made: list[bqplot.Axis] = []
        self.fit(0.5, "cycles per step")

    def fit(self, highest: float, unit: str) -> None:
        """Let the last entry be the frequency `highest`."""
        self.seconds_per_step, self.unit = highest / (self.n_timesteps - 1), unit
        self.home = self.at(0), self.at(self.n_timesteps - 1)
        self.label = f"Frequency ({unit})"
        self.reset()
        for axis in self._made:
            axis.label = self.label

    def axis(self, *, numbers: bool = False, title: bool = False) -> bqplot.Axis:
        self._made.append(super().axis(numbers=numbers, title=title))
        return self._made[-1]
