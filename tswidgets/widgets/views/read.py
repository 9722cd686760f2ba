"""What a layer is given, on the time axis, and which of its steps lie under the kernel."""

from __future__ import annotations

from collections.abc import Sequence

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.boxes import StepBoxes
from tswidgets.plots.colors import CATEGORIES, category, limits
from tswidgets.plots.figure import ValueAxis, counting_ticks, figure
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last

Floats = NDArray[np.float32]
HEIGHT = 190
MOST_LINES = len(CATEGORIES)  # channels; more are rows of a picture


class ReadView:
    """`rows` go among the figures. Few channels are lines, many are a picture with a row for each."""

    def __init__(self, time: TimeAxis) -> None:
        self._time, self._value = time, ValueAxis(HEIGHT)
        self._lines, self._raster = ChannelLines(time, self._value.scale, MOST_LINES), Raster(time)
        self._boxes = StepBoxes(time)
        look = {"grid_lines": "none", "tick_format": "d"}
        self._row_axis = bqplot.Axis(scale=self._raster.rows, side="left", visible=False, **look)
        self._caption = text.Text("tsw-caption")
        self._last, self._last_row, self._last_boxes = Last(), Last(), Last()
        self.figure = figure(
            [*self._raster.marks, self._boxes.mark, *self._lines.marks],
            [self._value.axis, self._row_axis, time.axis(numbers=True)],
            height=HEIGHT,
            name="read",
            bottom=22,
        )
        self.rows = [self._caption, self.figure]

    def show(
        self,
        of: str,
        x: Floats,
        absent: NDArray[np.bool_],
        steps: Floats,
        value_range: tuple[float, float],
        channels: Sequence[int],
        *notes: str,
    ) -> None:
        """Draw what layer `of` is given.

        Parameters
        ----------
        x : ndarray of shape (n_steps, n_channels), at the input steps `steps`; what is `absent` is not drawn.
        value_range : (low, high) that the scale spans.
        channels : those that the filter reads, which are brought forward.
        notes : what is said of it at the end.
        """
        n_channels = x.shape[1]
        self._value.fit(*value_range)
        few = n_channels <= MOST_LINES
        if self._last.differs(x, absent, steps, value_range, self._time.window):
            self._lines.visible = self._value.axis.visible = few
            self._row_axis.visible = not few
            present = np.where(absent[:, None], np.float32(np.nan), x)
            if few:
                self._raster.hide()
                filled = np.full((len(x), MOST_LINES), np.nan, np.float32)
                filled[:, :n_channels] = present
                self._lines.show(filled, steps)
            else:
                low, high, signed = limits(*value_range)
                self._raster.show(steps, x, absent, low, high, signed=signed, window=self._time.window)
                self._row_axis.tick_values = counting_ticks(n_channels)
        if self._last_row.differs(few, n_channels, tuple(channels)):
            alone = len(channels) == 1 and n_channels > 1
            self._lines.lift([] if len(channels) == n_channels else channels)
            if alone and not few:
                self._raster.choose(channels[0])
            else:
                self._raster.chosen.visible = False
        self._caption.write(
            text.caption(
                f"Input of {of}",
                text.plural(n_channels, "channel"),
                text.plural(len(x), "step"),
                f"{absent.sum():,} of them padding" if absent.any() else "",
                text.decimated(self._lines.run) if few else "",
                *notes,
            )
        )

    def mark(self, steps: Floats, half: float) -> None:
        """Mark what is read, at the input steps `steps`, with `half` a step on either side."""
        if self._last_boxes.differs(steps, half, filled := self._lines.visible):
            self._boxes.show(steps, half, filled=filled)

    def explain(self, title: str, why: str = "") -> None:
        """Nothing to draw: say why."""
        for last in (self._last, self._last_row, self._last_boxes):
            last.forget()
        self._raster.hide()
        self._boxes.hide()
        self._lines.visible = self._value.axis.visible = self._row_axis.visible = False
        self._caption.write(text.caption(title, why))

    def close(self) -> None:
        self._raster.close()


def styles(n_channels: int) -> list[str]:
    """The colour of each channel's line; "" where channels are rows of a picture."""
    return [category(i)[0] if n_channels <= MOST_LINES else "" for i in range(n_channels)]
