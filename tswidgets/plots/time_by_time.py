"""A picture whose columns are steps of the shared time axis, and whose rows are steps that run downwards."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import NEUTRAL
from tswidgets.plots.figure import figure
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis


class TimeByTime:
    """The picture, an axis of its rows, and a line where each row's own place is on the shared axis.

    label : what a row is.
    """

    def __init__(self, time: TimeAxis, label: str, *, height: int, name: str) -> None:
        self._time, self.raster = time, Raster(time)
        self.own = bqplot.Lines(
            x=np.array(time.home, np.float32),
            y=np.zeros(2, np.float32),
            scales={"x": time.scale, "y": self.raster.rows},
            colors=[NEUTRAL],
            stroke_width=1.2,
            visible=False,
        )
        self.row_axis = bqplot.Axis(
            scale=self.raster.rows,
            side="left",
            grid_lines="none",
            tick_format="d",
            label=label,
            label_offset="3.4em",
            visible=False,
        )
        marks = [self.raster.image, self.own, self.raster.chosen]
        axes = [self.row_axis, time.axis(title=True, numbers=True)]
        self.figure = figure(marks, axes, height=height, name=name, bottom=44)

    def mark_own(self, steps: NDArray[np.float32] | None) -> None:
        """The line at these input steps, (n_rows,), NaN where a row has no place; None where no row has."""
        there = np.zeros(0, bool) if steps is None else np.isfinite(steps)
        with self.own.hold_sync():
            self.own.visible = bool(there.sum() > 1)
            if steps is not None and self.own.visible:
                self.own.x, self.own.y = self._time.of(steps[there]), np.flatnonzero(there).astype(np.float32)

    def hide(self) -> None:
        self.raster.hide()
        self.own.visible = self.row_axis.visible = False
