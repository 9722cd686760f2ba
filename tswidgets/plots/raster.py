"""Filters × time as one picture at screen resolution."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import ABSENT, NEUTRAL, palette
from tswidgets.plots.decimate import strongest
from tswidgets.plots.figure import POINTS
from tswidgets.plots.picture import Picture, levels, png
from tswidgets.plots.timeaxis import TimeAxis, Window, steps_within

Floats = NDArray[np.float32]
ROWS = 600  # more rows than any screen gives the picture


class Raster:
    """A bqplot image of (n_steps, n_filters) values: filter 0 on top, each step where it belongs on the time axis.

    strength : opacity of the strongest colour; a band behind lines must leave them legible.
    """

    def __init__(self, time: TimeAxis, *, strength: float = 1.0) -> None:
        self._time, self._strength = time, strength
        self.rows = bqplot.LinearScale(min=-0.5, max=0.5, reverse=True, allow_padding=False)
        scales = {"x": time.scale, "y": self.rows}
        self.image = Picture(palette(signed=True), scales)
        ends = np.array(time.home, np.float32)
        self.chosen = bqplot.Lines(
            x=ends, y=np.zeros((2, 2), np.float32), scales=scales, colors=[NEUTRAL] * 2, stroke_width=1.2
        )

    @property
    def marks(self) -> list[bqplot.Mark]:
        return [self.image, self.chosen]

    def show(
        self,
        steps: Floats,
        values: Floats,
        absent: NDArray[np.bool_],
        low: float,
        high: float,
        *,
        signed: bool,
        window: Window = None,
    ) -> tuple[int, int]:
        """Paint `values` of shape (n_steps, n_filters) between two limits, nothing where a step is `absent`.

        window : input steps of which alone a layer of many steps is painted.

        Returns how many steps share a column and how many filters share a row.
        """
        n_filters = values.shape[1]
        if len(values) > POINTS and window is not None:
            first, last = steps_within(window, len(values), steps)
            steps, values, absent = steps[first:last], values[first:last], absent[first:last]
        by_time, step_run = strongest(values, POINTS)
        starts = np.arange(0, len(values), step_run)
        rows, run = strongest(np.ascontiguousarray(by_time.T), ROWS)
        columns, edges = columns_of(steps[np.minimum(starts + step_run // 2, len(steps) - 1)])
        entries = levels(rows, low, high)
        entries[:, np.logical_and.reduceat(absent, starts)] = ABSENT
        entries = np.where(columns < 0, np.uint8(ABSENT), entries[:, columns])
        colors = palette(signed)
        colors[:, 3] = np.round(colors[:, 3] * self._strength)
        x, y = self._time.of(np.array(edges, np.float32)), np.array([n_filters - 0.5, -0.5], np.float32)
        self.image.paint(png(entries, colors), x, y)
        if self.rows.max != n_filters - 0.5:
            self.rows.max = n_filters - 0.5
        return step_run, run

    def choose(self, filter: int) -> None:
        """Mark one filter's row by a line above and below it."""
        self.chosen.y = np.array([[filter - 0.5] * 2, [filter + 0.5] * 2], np.float32)
        self.chosen.visible = True

    def hide(self) -> None:
        self.image.visible = self.chosen.visible = False

    def close(self) -> None:
        self.chosen.close()  # which not every figure shows


def columns_of(steps: Floats) -> tuple[NDArray[np.int64], tuple[float, float]]:
    """Which step each column of the picture shows (-1: none), and the input steps at which the picture starts and ends.

    A step takes the place up to half way to its neighbours. Steps need not be evenly spaced, may run backwards, and are
    NaN where they see nothing but padding.
    """
    order = np.argsort(steps, kind="stable")[: int(np.isfinite(steps).sum())]
    if not len(order):
        return np.array([-1]), (0.0, 1.0)
    at = steps[order].astype(np.float64)
    gaps = np.diff(at)
    typical = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 1.0
    edges = np.concatenate([[at[0] - typical / 2], at[:-1] + gaps / 2, [at[-1] + typical / 2]])
    even = len(at) <= POINTS and bool((np.abs(gaps - typical) < 1e-4 * typical).all())
    n_columns = len(at) if even else POINTS
    columns = edges[0] + (np.arange(n_columns) + 0.5) * (edges[-1] - edges[0]) / n_columns
    place = np.clip(np.searchsorted(edges, columns, side="right") - 1, 0, len(order) - 1)
    return order[place], (float(edges[0]), float(edges[-1]))
