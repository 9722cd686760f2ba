"""Output time × input time as a picture: which input steps each step of an output uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.future import percent
from tswidgets.analysis.influence import TimeInfluence
from tswidgets.plots.figure import counting_ticks
from tswidgets.plots.time_by_time import TimeByTime
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.shade import Range, color_bar, color_range

Floats = NDArray[np.float32]
HEIGHT = 300


class InfluenceView:
    """`rows` go among the figures, `colors` beside them.

    The input's time is the shared axis, the output's runs downwards. A line marks where each output step stands:
    what is to the right of it is its future.
    """

    def __init__(self, time: TimeAxis) -> None:
        self._plot = TimeByTime(time, "Output step", height=HEIGHT, name="influence")
        self._raster, self._own, self._row_axis = self._plot.raster, self._plot.own, self._plot.row_axis
        self._steps = np.zeros(0, np.int64)
        self._caption, self.colors = text.Text("tsw-caption"), text.Text("tsw-colors")
        self._last, self._last_choice = Last(), Last()
        self.figure = self._plot.figure
        self.rows = [self._caption, self.figure]

    def show(self, found: TimeInfluence) -> Range:
        """The influences on one series; returns from where to where colours go."""
        low, high = 0.0, color_range(found.values)[1] or 1.0
        drawn = found.values, found.now, found.output_steps, found.absent
        if not self._last.differs(found.of, *drawn, found.graph_ahead, _unit(found)):
            return low, high
        self._last_choice.forget()
        self._steps = found.output_steps
        at = np.arange(found.values.shape[1], dtype=np.float32)
        step_run, row_run = self._raster.show(at, found.values.T, found.absent, low, high, signed=False)
        self._plot.mark_own(None if found.across else found.now.astype(np.float32))
        self._label_rows(found.output_steps)
        self._caption.write(_caption(found, step_run, row_run))
        self.colors.write(color_bar(found.values, low, high, False, "Influence", _unit(found)))
        return low, high

    def choose(self, step: int) -> None:
        """Mark the row of an output step, or of the nearest that was looked at."""
        if len(self._steps) and self._last_choice.differs(step):
            self._raster.choose(int(np.abs(self._steps - step).argmin()))

    def explain(self, why: str) -> None:
        """Nothing to draw: say why."""
        self._last.forget()
        self._last_choice.forget()
        self._steps = self._steps[:0]
        self._plot.hide()
        self._caption.write(text.caption("Nothing to draw", why))
        self.colors.write("")

    def close(self) -> None:
        self._raster.close()

    def _label_rows(self, steps: NDArray[np.int64]) -> None:
        """Round numbers of output steps, where they are among the rows that were looked at."""
        wanted = counting_ticks(int(steps[-1]) + 1)
        at = np.round(4 * np.interp(wanted, steps, np.arange(len(steps)))) / 4  # JavaScript writes quarters alike
        with self._row_axis.hold_sync():
            self._row_axis.tick_labels = {f"{row:.6g}": f"{int(step):,}" for row, step in zip(at, wanted, strict=True)}
            self._row_axis.tick_values = at
            self._row_axis.visible = True


def _caption(found: TimeInfluence, step_run: int, row_run: int) -> str:
    future, n_rows = found.future, len(found.output_steps)
    told = "no use of the future"
    if found.across:
        told = f"by {', '.join(found.by)}, on another time axis"
    elif future.used:
        told = (
            f"looks ahead: step {future.output_step} uses input {future.input_step} (+{future.n_ahead}), "
            f"{percent(future.share)} of the largest"
        )
    elif found.graph_ahead is None:
        told += " in this series"
    elif found.graph_ahead:
        told += f" in this series, though layers can look {text.plural(found.graph_ahead, 'step')} ahead"
    return text.caption(
        f"Influence on {found.of}",
        told,
        f"{n_rows} output steps, evenly spread" if n_rows <= int(found.output_steps[-1]) else "",
        f"each row is the strongest of {row_run} of them" if row_run > 1 else "",
        f"each column is the strongest of {step_run} steps" if step_run > 1 else "",
    )


def _unit(found: TimeInfluence) -> str:
    unit = "standard deviation" if found.options.get("scale") == "std" else "unit"
    return f"change per {unit} of the input"
