"""A recurrent layer's units over time, as a picture: all of them or some, in any order."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import limits
from tswidgets.plots.figure import counting_ticks, figure
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.shade import color_bar

Floats = NDArray[np.float32]
HEIGHT = 230


class UnitRaster:
    """`rows` go among the figures, `colors` beside them. A row is a unit; `order` tells which."""

    def __init__(self, time: TimeAxis) -> None:
        self._raster = Raster(time)
        self._axis = bqplot.Axis(
            scale=self._raster.rows, side="left", grid_lines="none", tick_format="d", label="Unit", label_offset="3.4em"
        )
        self._caption, self.colors = text.Text("tsw-caption"), text.Text("tsw-colors")
        self._last, self._last_choice = Last(), Last()
        axes = [self._axis, time.axis(title=True, numbers=True)]
        self.figure = figure(self._raster.marks, axes, height=HEIGHT, name="layer", bottom=44)
        self.rows = [self._caption, self.figure]

    def show(
        self,
        of: str,
        steps: Floats,
        values: Floats,
        absent: NDArray[np.bool_],
        order: NDArray[np.int64],
        unit: int,
        value_range: tuple[float, float],
        note: str = "",
    ) -> None:
        """Draw `values` of shape (n_steps, n_units) at the input steps `steps`, row i being unit `order[i]`."""
        low, high, signed = limits(*value_range)
        if self._last.differs(of, steps, values, absent, order, low, high):
            step_run, unit_run = self._raster.show(steps, values[:, order], absent, low, high, signed=signed)
            ticks = counting_ticks(len(order)) if len(order) > 12 else np.arange(len(order), dtype=float)
            with self._axis.hold_sync():
                self._axis.tick_values = ticks
                self._axis.tick_labels = {f"{int(i)}": str(int(order[int(i)])) for i in ticks}
            self._caption.write(
                text.caption(
                    of,
                    f"{len(order)} of {text.plural(values.shape[1], 'unit')}",
                    note,
                    f"each column is the strongest of {step_run} steps" if step_run > 1 else "",
                    f"each row is the strongest of {text.plural(unit_run, 'unit')}" if unit_run > 1 else "",
                )
            )
            self.colors.write(color_bar(values[~absent], low, high, signed, of))
        row = np.flatnonzero(order == unit)
        if self._last_choice.differs(order, unit):
            if len(row):
                self._raster.choose(int(row[0]))
            else:
                self._raster.chosen.visible = False

    def explain(self, why: str) -> None:
        """Nothing to draw: say why."""
        self._last.forget()
        self._last_choice.forget()
        self._raster.hide()
        self._caption.write(text.caption("Units over time", why))
        self.colors.write("")

    def close(self) -> None:
        self._raster.close()
