"""Query step × key step as a picture on the keys' time axis: what every step of an attention layer looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.figure import counting_ticks
from tswidgets.plots.time_by_time import TimeByTime
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.attention import Attended
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.shade import color_bar

Floats = NDArray[np.float32]
HEIGHT = 300


class AttentionView:
    """`rows` go among the figures, `colors` beside them.

    Queries run downwards, keys stand where they lie in time. Where both are steps of one time axis a line marks each
    query's own place.
    """

    def __init__(self, time: TimeAxis) -> None:
        self._plot = TimeByTime(time, "Query step", height=HEIGHT, name="attention")
        self._raster, self._own, self._row_axis = self._plot.raster, self._plot.own, self._plot.row_axis
        self._caption, self.colors = text.Text("tsw-caption"), text.Text("tsw-colors")
        self._last, self._last_choice = Last(), Last()
        self.figure = self._plot.figure
        self.rows = [self._caption, self.figure]

    def show(
        self, found: Attended, shown: Floats, key_time: Floats, own: Floats | None, largest: float, of: str
    ) -> None:
        """Paint scores of shape (n_query_steps, n_key_steps), NaN at padding, on a scale from 0 to `largest`.

        key_time : (n_key_steps,), the input step at the centre of what each key sees; `own` likewise of the queries,
        None where they are on another time axis. `of` is whose attention it is.
        """
        if not self._last.differs(shown, key_time, own, largest, of):
            return
        drawn = np.where(np.isnan(shown), np.float32(0), shown)
        step_run, row_run = self._raster.show(key_time, drawn.T, found.absent_keys, 0.0, largest, signed=False)
        self._plot.mark_own(own)
        with self._row_axis.hold_sync():
            self._row_axis.tick_values = counting_ticks(len(shown))
            self._row_axis.visible = True
        self._caption.write(
            text.caption(
                of,
                f"mean of {found.n_parts} series that are folded into the sample" if found.n_parts > 1 else "",
                f"{_steps(found.absent_queries, 'query step')} × {_steps(found.absent_keys, 'key step')}",
                "line: each query's own place" if self._own.visible else "",
                f"each row is the strongest of {row_run} queries" if row_run > 1 else "",
                f"each column is the strongest of {step_run} keys" if step_run > 1 else "",
            )
        )
        self.colors.write(color_bar(shown[~np.isnan(shown)], 0.0, largest, False, "Attention score"))

    def choose(self, query: int) -> None:
        """Mark a query's row."""
        if self._last_choice.differs(query):
            self._raster.choose(query)

    def explain(self, why: str) -> None:
        """Nothing to draw: say why."""
        self._last.forget()
        self._last_choice.forget()
        self._plot.hide()
        self._caption.write(text.caption("Nothing to draw", why))
        self.colors.write("")

    def close(self) -> None:
        self._raster.close()


def _steps(absent: NDArray[np.bool_], word: str) -> str:
    padding = f" ({absent.sum():,} padding)" if absent.any() else ""
    return f"{text.plural(len(absent), word)}{padding}"
