"""The input series, its channels as lines, and their legend."""

from __future__ import annotations

from collections.abc import Sequence

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.figure import ValueAxis, figure
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.legend import ChannelLegend

HEIGHT, APART_HEIGHT = 200, 130


class SeriesView:
    """`rows` go among the figures, `legend` beside them; `behind` are marks that the lines are drawn on.

    title : what the series is called; `apart` says that `time` is not the axis of the figures around it.
    """

    def __init__(
        self,
        time: TimeAxis,
        channel_names: Sequence[str],
        note: str = "",
        *,
        behind: Sequence[bqplot.Mark] = (),
        title: str = "Input",
        apart: bool = False,
    ) -> None:
        self._time, self._note, self._title, self._apart = time, note, title, apart
        self._value = ValueAxis(APART_HEIGHT if apart else HEIGHT)
        self._lines = ChannelLines(time, self._value.scale, len(channel_names))
        self._caption = text.Text("tsw-caption")
        self._last = Last()
        height = APART_HEIGHT if apart else HEIGHT
        axes = [self._value.axis, time.axis(numbers=True)]
        self.figure = figure([*behind, *self._lines.marks], axes, height=height, name="input", bottom=22)
        if apart:
            self.figure.add_class("tsw-apart")
            self._caption.add_class("tsw-apart")
        self.rows = [self._caption, self.figure]
        self.legend = ChannelLegend(channel_names)
        self.legend.observe(lambda change: self._lines.lift(change.new), "lifted")

    def show(
        self,
        series: NDArray[np.float32],
        absent: NDArray[np.bool_],
        value_range: tuple[float, float],
        *notes: str,
    ) -> None:
        """`series` of shape (n_timesteps, n_channels); the steps that are `absent` (padding) are not drawn.

        notes : what is said of it first.
        """
        self._value.fit(*value_range)
        if not self._last.differs(series, absent, self._time.window, *notes):
            return
        self._lines.show(np.where(absent[:, None], np.float32(np.nan), series) if absent.any() else series)
        if not self._apart:  # the pointer's time is not this one's
            self.legend.show(series)
        unreal = int((~np.isfinite(series)).sum())
        self._caption.write(
            text.caption(
                self._title,
                *notes,
                text.plural(series.shape[1], "channel"),
                text.plural(len(series), "step"),
                self._time.duration(len(series)),
                f"{absent.sum():,} of them padding" if absent.any() else "",
                f"{text.plural(unreal, 'value')} missing or infinite, drawn as gaps" if unreal else "",
                text.decimated(self._lines.run),
                self._note,
            )
        )
