"""Which frequencies the chosen filter lets through."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.frequency import FrequencyResponse
from tswidgets.plots.colors import NEUTRAL, limits
from tswidgets.plots.figure import ValueAxis, counting_ticks, figure
from tswidgets.plots.frequencyaxis import FrequencyAxis
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.raster import Raster
from tswidgets.widgets import text
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.read import MOST_LINES
from tswidgets.widgets.views.shade import color_bar

Floats = NDArray[np.float32]
HEIGHT = 170
N_FREQUENCIES = 129


class FrequencyView:
    """`rows` go below the figures, `colors` beside them: gain by frequency, a line or a row for each channel."""

    def __init__(self) -> None:
        self._axis = FrequencyAxis(N_FREQUENCIES)
        self._value = ValueAxis(HEIGHT)
        self._lines, self._raster = ChannelLines(self._axis, self._value.scale, MOST_LINES), Raster(self._axis)
        look = {"grid_lines": "none", "tick_format": "d"}
        self._row_axis = bqplot.Axis(scale=self._raster.rows, side="left", visible=False, **look)
        height = bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)
        self._fold = bqplot.Lines(
            x=np.zeros(2, np.float32),
            y=np.array([0, 1], np.float32),
            scales={"x": self._axis.scale, "y": height},
            colors=[NEUTRAL],
            line_style="dashed",
            stroke_width=1.2,
            visible=False,
        )
        self._caption, self.colors = text.Text("tsw-caption"), text.Text("tsw-quantity")
        self._caption.add_class("tsw-apart")
        self._last = Last()
        self.figure = figure(
            [*self._raster.marks, self._fold, *self._lines.marks],
            [self._value.axis, self._row_axis, self._axis.axis(title=True, numbers=True)],
            height=HEIGHT,
            name="frequency",
            bottom=44,
        )
        self.figure.add_class("tsw-apart")  # the pointer's time is none here
        self.rows = [self._caption, self.figure]

    def show(self, found: FrequencyResponse, filter: int, word: str, channels: NDArray[np.int64]) -> None:
        """The gains of one filter; `channels` are those that it reads."""
        gain = found.gain[:, :, filter]
        if not self._last.differs(gain, found.unit, float(found.frequencies[-1]), found.folds_above):
            return
        self._visible(True)
        self._axis.fit(float(found.frequencies[-1]), found.unit)
        few, largest = gain.shape[1] <= MOST_LINES, float(gain.max(initial=0.0))
        self._value.fit(0.0, largest)
        self._lines.visible = self._value.axis.visible = few
        self._row_axis.visible = not few
        self.colors.write("")
        self._raster.hide()
        if few:
            shown = np.full((len(gain), MOST_LINES), np.nan, np.float32)
            shown[:, channels] = gain[:, channels]
            self._lines.show(shown)
        else:
            low, high, _ = limits(0.0, largest)
            places = np.arange(len(gain), dtype=np.float32)
            self._raster.show(places, gain, np.zeros(len(gain), bool), low, high, signed=False)
            self._raster.chosen.visible = False
            self._row_axis.tick_values = counting_ticks(gain.shape[1])
            self.colors.write(color_bar(gain, low, high, False, "Gain"))
        self._fold.visible = found.folds_above is not None
        if found.folds_above is not None:
            self._fold.x = np.full(2, found.folds_above, np.float32)
        which = "a line" if few else "a row"
        self._caption.write(
            text.caption(
                f"What {word} {filter} lets through",
                f"gain up to {text.number(largest)}, {which} for each channel",
                f"stride {found.stride}: what is faster than the dashed line looks slower behind it"
                if found.folds_above is not None
                else "",
            )
        )

    def hide(self) -> None:
        self._last.forget()
        self._visible(False)
        self.colors.write("")

    def close(self) -> None:
        self._raster.close()
        close_all(self._axis.pan_zoom)  # hangs on no figure

    def _visible(self, on: bool) -> None:
        for row in self.rows:
            row.layout.display = None if on else "none"
