"""A long wave, its channels as lines, with a filter's answer as a band of colour behind them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import limits
from tswidgets.plots.figure import ValueAxis, figure
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.legend import ChannelLegend

Floats = NDArray[np.float32]
HEIGHT = 170
STRENGTH = 0.45


class BandView:
    """`rows` go among the figures, `legend` beside them. The wave is drawn once; the band follows the filter."""

    def __init__(self, time: TimeAxis, wave: Floats, channel_names: Sequence[str]) -> None:
        value = ValueAxis(HEIGHT)
        self._lines = ChannelLines(time, value.scale, wave.shape[1])
        self._band = Raster(time, strength=STRENGTH)
        self._caption = text.Text("tsw-caption")
        self._last = Last()
        self._wave = text.plural(wave.shape[1], "channel"), text.plural(len(wave), "step"), time.duration(len(wave))
        axes = [value.axis, time.axis(numbers=True)]
        self.figure = figure([self._band.image, *self._lines.marks], axes, height=HEIGHT, name="wave", bottom=22)
        self.rows = [self._caption, self.figure]
        self.legend = ChannelLegend(channel_names)
        self.legend.observe(lambda change: self._lines.lift(change.new), "lifted")
        self.legend.show(wave)
        self._lines.show(wave)
        value.fit(float(wave.min()), float(wave.max()))

    def show(self, of: str, steps: Floats, values: Floats, value_range: tuple[float, float]) -> None:
        """`values` of shape (n_steps,) at the wave steps `steps`, nothing where they are NaN."""
        low, high, signed = limits(*value_range)
        if self._last.differs(values, low, high):
            self._band.show(steps, values[:, None], np.isnan(values), low, high, signed=signed)
        self._caption.write(text.caption("Wave", *self._wave, text.decimated(self._lines.run), f"colour: {of}"))

    def explain(self, why: str) -> None:
        self._last.forget()
        self._band.hide()
        self._caption.write(text.caption("Wave", *self._wave, why))

    def close(self) -> None:
        self._band.close()
