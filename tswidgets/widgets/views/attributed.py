"""The input with a quantity as colour behind it, channels apart or together; and the quantity alone, channel × time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import limits
from tswidgets.plots.figure import TOP, ValueAxis, figure
from tswidgets.plots.lanes import channel_ranges, in_lanes, lane_borders, lane_lines, row_axis
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.legend import ChannelLegend
from tswidgets.widgets.views.shade import NO_BAR, color_bar, color_range, lacking, merged, paint, total

Floats = NDArray[np.float32]
Range = tuple[float, float]
LAYOUTS = {"apart": "Channels apart", "together": "On one axis"}
STRENGTH, FAINT = 0.45, 0.4  # opacity of the strongest colour behind lines, and of lines to compare with
LANE, LEAST_LANE = 34, 14  # pixels of a channel's lane while there is room; lines find no room in a lower one
LOWEST, HIGHEST = 170, 450  # pixels of the plot area, with few and with many channels
ROW, LOWEST_RASTER, HIGHEST_RASTER = 18, 54, 300  # likewise of the raster
BOTTOM, TITLE = 22, 22  # pixels for the time axis' numbers, and for its title


class AttributedSeries:
    """`rows` go among the figures, `colors` and `legend` beside them. Both layouts share one figure and its height.

    A lane has `LANE` pixels, and down to `LEAST_LANE` where the figure would otherwise be too high; with still more
    channels only their colours are drawn apart, and all lines together.

    title : what the series is; `compared` : whether another series can be drawn faintly behind it; `lanes` : whether
        there is to be room for channels apart.
    """

    def __init__(
        self,
        time: TimeAxis,
        channel_names: Sequence[str],
        note: str = "",
        *,
        title: str = "Input",
        compared: bool = False,
        lanes: bool = True,
    ) -> None:
        self._time, self._note, self._n_channels = time, note, len(channel_names)
        self._title = title
        area = min(max(self._n_channels * LANE, LOWEST), HIGHEST) if lanes else LOWEST
        height = TOP + area + BOTTOM
        self._fits = area >= LEAST_LANE * self._n_channels
        self._band, self._value = Raster(time, strength=STRENGTH), ValueAxis(height)
        rows, opacities = self._band.rows, (1.0, FAINT) if compared else (1.0,)
        self._lanes = [lane_lines(time, rows, self._n_channels, opacity=one) for one in opacities]
        self._lines = [ChannelLines(time, self._value.scale, self._n_channels, opacity=one) for one in opacities]
        self._borders = lane_borders(time, rows, self._n_channels)
        self._names = row_axis(rows, channel_names, area)
        self._caption, self.colors = text.Text("tsw-caption"), text.Text("tsw-quantity")
        self._last, self._last_band, self._run = Last(), Last(), 1
        drawn = [mark for lines in reversed(self._lanes + self._lines) for mark in lines.marks]
        self.figure = figure(
            [self._band.image, self._borders, *drawn],
            [self._value.axis, self._names, time.axis(numbers=True)],
            height=height,
            name="input",  # on which the pointer shows what a step sees
            bottom=BOTTOM,
        )
        self.figure.add_class("tsw-attributed")
        self.rows = [self._caption, self.figure]
        self.legend = ChannelLegend(channel_names)
        self.legend.observe(lambda change: self._lift(change.new), "lifted")

    def show(
        self,
        series: Floats,
        absent: NDArray[np.bool_],
        values: Floats | None,
        of: str,
        value_range: Range | None = None,
        *,
        ranges: Floats | None = None,
        layout: str = "apart",
        total_range: Range | None = None,
        against: tuple[str, Floats] | None = None,
    ) -> None:
        """Draw the series, and `values` behind it.

        Parameters
        ----------
        series : ndarray of shape (n_timesteps, n_channels); the steps that are `absent` (padding) are not drawn.
        values : ndarray of shape (n_timesteps, n_channels), or (n_timesteps,) for all channels; None while there are
            none. NaN has no colour.
        of : str
            What the colour is; without values why there are none.
        value_range, total_range : (low, high), optional
            What colours span: those of the values, and of their sum over channels. Default: `color_range` of what is
            drawn.
        ranges : ndarray of shape (n_channels, 2), optional
            Low and high of each channel in the data set, by `channel_ranges`, widened where this series goes beyond.
        layout : str
            `apart`, each channel in a lane, on its own scale; or `together`, all on one scale, and behind them the sum
            over channels. One channel is drawn on its scale in both.
        against : (str, ndarray of shape (n_timesteps, n_channels)), optional
            What another series is called, and the series, of a view that was made to be `compared`.
        """
        apart = layout == "apart" and self._n_channels > 1
        notes = self._show_lines(series, absent, ranges, apart, against)
        self._read(values, absent, against)
        if values is None:
            self._hide_band()
            self._caption.write(text.caption(self._title, of, *notes))
            return
        summed = values.ndim == 2 and self._n_channels > 1 and not apart
        drawn, note = (total(values), "sum over channels") if summed else (values, "")
        span = (total_range if summed else value_range) or color_range(drawn[~absent])
        self._show_band(drawn, absent, span, of, note)
        colour = f"colour: {of}, {note}" if note else f"colour: {of}"
        self._caption.write(text.caption(self._title, colour, *notes, lacking(drawn, absent), merged(self._run)))

    def close(self) -> None:
        self._band.close()

    def _show_lines(
        self,
        series: Floats,
        absent: NDArray[np.bool_],
        ranges: Floats | None,
        apart: bool,
        against: tuple[str, Floats] | None,
    ) -> tuple[str, ...]:
        """Draw the channels, and return what is to be said of them."""
        present = np.where(absent[:, None], np.float32(np.nan), series)
        drawn = [present] if against is None else [present, against[1]]
        own = channel_ranges(*drawn)
        fitted = own if ranges is None else _widened(ranges, own)
        if not apart:
            self._value.fit(float(np.fmin.reduce(fitted[:, 0])), float(np.fmax.reduce(fitted[:, 1])))
        shown, hidden = (self._lanes, self._lines) if apart else (self._lines, self._lanes)
        if self._last.differs(*drawn, fitted, apart):
            self._names.visible, self._value.axis.visible = apart, not apart
            self._borders.visible = apart and self._fits
            for i, lines in enumerate(shown):
                lines.visible = there = i < len(drawn) and (self._fits or not apart)
                if there:
                    lines.show(in_lanes(drawn[i], fitted) if apart else drawn[i])
            for lines in hidden:
                lines.visible = False
            self.legend.show(series)
        unreal = int((~np.isfinite(series)).sum())
        scales = "each channel on its own scale" if self._fits else f"no room for {self._n_channels} lines"
        return (
            "" if against is None else f"faint: {against[0]}",
            scales if apart else "",
            text.plural(series.shape[1], "channel"),
            text.plural(len(series), "step"),
            self._time.duration(len(series)),
            f"{absent.sum():,} of them padding" if absent.any() else "",
            f"{text.plural(unreal, 'value')} missing or infinite, drawn as gaps" if unreal else "",
            text.decimated(shown[0].run),
            self._note,
        )

    def _show_band(self, values: Floats, absent: NDArray[np.bool_], span: Range, of: str, note: str) -> None:
        low, high, signed = limits(*span)
        rows = np.broadcast_to(values if values.ndim == 2 else values[:, None], (len(values), self._n_channels))
        if self._last_band.differs(values, absent, of, note, low, high):
            self._run, _ = paint(self._band, rows, absent, low, high, signed)
            self.colors.write(color_bar(values[~absent], low, high, signed, of, note))

    def _hide_band(self) -> None:
        self._last_band.forget()
        self._band.hide()
        self._band.rows.max = self._n_channels - 0.5
        self.colors.write(NO_BAR)

    def _read(self, values: Floats | None, absent: NDArray[np.bool_], against: tuple[str, Floats] | None) -> None:
        """What the legend reads beside the series: the quantity, nothing at padding; or what it is compared with."""
        compared = None if against is None else against[1]
        if values is None and compared is not None:
            self.legend.read(compared, "faint", total=False)
        elif values is None:
            self.legend.read(None)
        else:
            self.legend.read(np.where(absent if values.ndim == 1 else absent[:, None], np.float32(np.nan), values))

    def _lift(self, channels: Sequence[int]) -> None:
        for lines in self._lanes + self._lines:
            lines.lift(channels)


class ChannelRaster:
    """The quantity at full strength, a row a channel. `rows` go among the figures, `colors` beside them.

    title : whether the time axis is named here.
    """

    def __init__(self, time: TimeAxis, channel_names: Sequence[str], *, title: bool = True) -> None:
        area = min(max(len(channel_names) * ROW, LOWEST_RASTER), HIGHEST_RASTER)
        bottom = BOTTOM + title * TITLE
        self._raster = Raster(time)
        self._names = row_axis(self._raster.rows, channel_names, area)
        self._caption, self.colors = text.Text("tsw-caption"), text.Text("tsw-quantity")
        self._last = Last()
        self.figure = figure(
            [self._raster.image],
            [self._names, time.axis(title=title, numbers=True)],
            height=TOP + area + bottom,
            name="input",
            bottom=bottom,
        )
        self.figure.add_class("tsw-channel-raster")
        self.rows = [self._caption, self.figure]

    def show(self, values: Floats, absent: NDArray[np.bool_], of: str, value_range: Range | None = None) -> None:
        """`values` of shape (n_timesteps, n_channels), or (n_timesteps,) for all channels; NaN has no colour."""
        low, high, signed = limits(*(value_range or color_range(values[~absent])))
        if not self._last.differs(values, absent, of, low, high):
            return
        rows = values if values.ndim == 2 else values[:, None]
        self._names.visible = values.ndim == 2
        step_run, channel_run = paint(self._raster, rows, absent, low, high, signed)
        self.colors.write(color_bar(values[~absent], low, high, signed, of))
        self._caption.write(
            text.caption(
                of,
                "channel by channel" if values.ndim == 2 else "all channels alike",
                merged(step_run),
                f"each row is the strongest of {text.plural(channel_run, 'channel')}" if channel_run > 1 else "",
                lacking(values, absent),
            )
        )

    def explain(self, why: str) -> None:
        """Nothing to draw: say why."""
        self._last.forget()
        self._raster.hide()
        self._caption.write(text.caption("Channel by channel", why))
        self.colors.write(NO_BAR)

    def close(self) -> None:
        self._raster.close()


def _widened(ranges: Floats, own: Floats) -> Floats:
    return np.stack([np.fmin(ranges[:, 0], own[:, 0]), np.fmax(ranges[:, 1], own[:, 1])], axis=1)
