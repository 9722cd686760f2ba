"""One filter's answer to every window: each window a column where it begins, its steps from top to bottom."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import limits
from tswidgets.plots.figure import figure
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last

Floats = NDArray[np.float32]
HEIGHT = 190


class WindowsView:
    """`rows` go among the figures, `colors` beside them."""

    def __init__(self, time: TimeAxis) -> None:
        self._raster = Raster(time)
        self._caption, self.colors = text.Text("tsw-caption"), text.Text("tsw-colors")
        self._last = Last()
        label = "Step in window"
        self._row_axis = bqplot.Axis(
            scale=self._raster.rows, side="left", grid_lines="none", tick_format="d", label=label, label_offset="3.4em"
        )
        axes = [self._row_axis, time.axis(title=True)]
        self.figure = figure([self._raster.image], axes, height=HEIGHT, name="windows", bottom=44)
        self.rows = [self._caption, self.figure]

    def show(self, title: str, starts: Floats, values: Floats, run: int, value_range: tuple[float, float]) -> None:
        """`values` of shape (n_columns, n_steps), each column the strongest of `run` windows, at the steps `starts`."""
        low, high, signed = limits(*value_range)
        if self._last.differs(starts, values, low, high):
            absent = np.asarray(np.isnan(values).all(axis=1))
            _, step_run = self._raster.show(starts, values, absent, low, high, signed=signed)
            self._caption.write(
                text.caption(
                    title,
                    "in every window, which stands where it begins",
                    f"each column is the strongest of {run} windows" if run > 1 else "",
                    f"each row is the strongest of {step_run} steps" if step_run > 1 else "",
                )
            )
            self.colors.write(text.colorbar(low, high, signed, "", title="Colour of the windows"))

    def explain(self, why: str) -> None:
        self._last.forget()
        self._raster.hide()
        self._caption.write(text.caption("Nothing to draw", why))
        self.colors.write("")

    def close(self) -> None:
        self._raster.close()
