"""Numbers over epochs: the axis that all figures of a training share, and the lines on it."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import NEUTRAL
from tswidgets.plots.decimate import envelope
from tswidgets.plots.figure import POINTS, nice_ticks

Floats = NDArray[np.floating]
DOT = 24  # area of a dot in square pixels
_TICKS = 10
_ROOM = 0.012
_LARGEST = float(np.finfo(np.float32).max)


class EpochAxis:
    """Whole epochs from `first` to `last`, with room for a mark and half a number on either side."""

    def __init__(self, first: int, last: int) -> None:
        self.scale = bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)
        self._axes: list[bqplot.Axis] = []
        self.fit(first, last)

    def fit(self, first: int, last: int) -> None:
        """Show these epochs from now on."""
        room = max(0.5, _ROOM * (last - first))
        if (self.scale.min, self.scale.max) == (first - room, last + room):
            return
        with self.scale.hold_sync():
            self.scale.min, self.scale.max = first - room, last + room
        ticks = np.unique(np.round(nice_ticks(first - 0.5, last + 0.5, _TICKS)))
        self._ticks = ticks[(ticks >= first) & (ticks <= last)]
        for axis in self._axes:
            axis.tick_values = self._ticks

    def axis(self, *, title: bool = False) -> bqplot.Axis:
        """A bottom axis with numbers, with or without a title."""
        made = bqplot.Axis(
            scale=self.scale,
            label="Epoch" if title else "",
            grid_lines="none",
            label_offset="2.4em",
            tick_format=",d",
            tick_values=self._ticks,
        )
        self._axes.append(made)
        return made


class EpochLine:
    """One value per epoch as a line; a value between two gaps is a dot, so that it can be seen."""

    def __init__(self, epochs: EpochAxis, value: bqplot.Scale, color: str, line_style: str = "solid") -> None:
        self.run = 1
        scales = {"x": epochs.scale, "y": value}
        zero = np.zeros(2, np.float32)
        self.line = bqplot.Lines(
            x=zero, y=zero, scales=scales, colors=[color], line_style=line_style, stroke_width=1.8, visible=False
        )
        self.dots = Dots(scales, color)

    @property
    def marks(self) -> list[bqplot.Mark]:
        return [self.line, self.dots.mark]

    def show(self, epochs: NDArray[np.integer], values: Floats) -> None:
        """`values` of shape (n_values,) at `epochs`; what is not finite is a gap."""
        finite = np.where(np.isfinite(values), values, np.nan).astype(np.float32)
        at, points, self.run = envelope(finite[:, None], POINTS * 2)
        at = np.interp(at, np.arange(len(epochs)), epochs).astype(np.float32)
        drawn = points[:, 0]
        with self.line.hold_sync():
            self.line.x, self.line.y = at, np.ascontiguousarray(drawn)
            self.line.visible = True
        there = np.isfinite(np.concatenate([[np.nan], drawn, [np.nan]]))
        alone = there[1:-1] & ~there[:-2] & ~there[2:]
        self.dots.show(at[alone], drawn[alone])

    def hide(self) -> None:
        self.line.visible = self.dots.mark.visible = False


class Upright:
    """A thin line across the figure at one epoch."""

    def __init__(self, epochs: EpochAxis, value: bqplot.Scale) -> None:
        zero = np.zeros(2, np.float32)
        self._value = value
        self.mark = bqplot.Lines(
            x=zero,
            y=zero,
            scales={"x": epochs.scale, "y": value},
            colors=[NEUTRAL],
            stroke_width=1.0,
            visible=False,
        )

    def show(self, epoch: float) -> None:
        """From the bottom of the value scale, as it is now, to its top."""
        with self.mark.hold_sync():
            self.mark.x = np.full(2, epoch, np.float32)
            self.mark.y = np.clip([self._value.min, self._value.max], -_LARGEST, _LARGEST).astype(np.float32)
            self.mark.visible = True


class Dots:
    """Round marks at some epochs."""

    def __init__(self, scales: dict[str, bqplot.Scale], color: str, *, size: int = DOT, hollow: bool = False) -> None:
        zero = np.zeros(1, np.float32)
        self.mark = bqplot.Scatter(
            x=zero,
            y=zero,
            scales=scales,
            colors=[color],
            stroke=color,
            stroke_width=2.0,
            fill=not hollow,
            default_size=size,
            visible=False,
        )

    def show(self, x: Floats, y: Floats) -> None:
        """Dots at these places, or none."""
        with self.mark.hold_sync():
            if len(x):
                self.mark.x, self.mark.y = x.astype(np.float32), y.astype(np.float32)
            self.mark.visible = bool(len(x))
