"""A series as lines: one per channel, or one filter's answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import ACCENT, CATEGORIES, NEUTRAL, category
from tswidgets.plots.decimate import envelope
from tswidgets.plots.figure import POINTS
from tswidgets.plots.memory import remembered
from tswidgets.plots.timeaxis import TimeAxis, steps_within

Floats = NDArray[np.float32]
_GROUP = len(CATEGORIES)
MOST_POINTS = 2 * POINTS  # of a line; more are drawn as the lowest and highest of runs
FEW = 400  # of the parts of a line that are out of sight


class ChannelLines:
    """All channels of a series on one scale; every eighth channel begins a new line style.

    opacity : of a line that has not been faded.
    """

    def __init__(self, time: TimeAxis, value: bqplot.Scale, n_channels: int, *, opacity: float = 1.0) -> None:
        self._time = time
        self._n_channels = n_channels
        self._opacity = opacity
        self.run = 1
        self.marks = [
            bqplot.Lines(
                x=np.zeros(2, np.float32),
                y=np.zeros((len(group), 2), np.float32),
                scales={"x": time.scale, "y": value},
                colors=[category(channel)[0] for channel in group],
                line_style=category(group[0])[1],
                stroke_width=1.4,
                opacities=[opacity] * len(group),
            )
            for group in self._groups()
        ]

    def show(self, values: Floats, steps: Floats | None = None) -> None:
        """`values` of shape (n_steps, n_channels), at the input steps `steps` if not one each; not finite is a gap."""
        at, points, self.run = _points(values, steps, self._time.window)
        x = self._time.of(at)
        for mark, group in zip(self.marks, self._groups(), strict=True):
            with mark.hold_sync():
                mark.x = x
                mark.y = np.ascontiguousarray(points[:, group[0] : group[-1] + 1].T)

    @property
    def visible(self) -> bool:
        return all(mark.visible for mark in self.marks)

    @visible.setter
    def visible(self, on: bool) -> None:
        for mark in self.marks:
            mark.visible = on

    def lift(self, channels: Collection[int]) -> None:
        """Bring some channels forward and fade the others; none lifts all."""
        for mark, group in zip(self.marks, self._groups(), strict=True):
            mark.opacities = [
                self._opacity * (1.0 if not channels or channel in channels else 0.12) for channel in group
            ]

    def _groups(self) -> list[range]:
        starts = range(0, self._n_channels, _GROUP)
        return [range(start, min(start + _GROUP, self._n_channels)) for start in starts]


class Curve:
    """One filter's answer over time, drawn at the centres of what its steps see, above a zero line."""

    def __init__(self, time: TimeAxis, value: bqplot.Scale) -> None:
        self._time = time
        self.run = 1
        scales = {"x": time.scale, "y": value}
        self.zero = zero_line(time, value)
        self.line = bqplot.Lines(
            x=np.zeros(2, np.float32), y=np.zeros(2, np.float32), scales=scales, colors=[ACCENT], stroke_width=1.8
        )

    @property
    def marks(self) -> list[bqplot.Mark]:
        return [self.zero, self.line]

    def show(self, steps: Floats, values: Floats) -> None:
        """`values` of shape (n_steps,) at `steps`, input steps that need not be evenly spaced."""
        at, points, self.run = _points(values[:, None], steps, self._time.window)
        with self.line.hold_sync():
            self.line.x = self._time.of(at)
            self.line.y = np.ascontiguousarray(points[:, 0])
            self.line.visible = self.zero.visible = True

    def hide(self) -> None:
        self.line.visible = self.zero.visible = False


class NamedLines:
    """A few lines of different meaning on one scale, each with a colour and a line style of its own.

    styles : name → (colour, line style); `filled` : name → the side of the line that is filled, `bottom` or `top`.
    """

    def __init__(
        self,
        time: TimeAxis,
        value: bqplot.Scale,
        styles: Mapping[str, tuple[str, str]],
        *,
        filled: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._time, self.run = time, 1
        scales, none = {"x": time.scale, "y": value}, np.zeros(2, np.float32)
        self._lines = {
            name: bqplot.Lines(
                x=none,
                y=none,
                scales=scales,
                colors=[color],
                line_style=style,
                stroke_width=1.6,
                fill=filled.get(name, "none"),
                fill_opacities=[0.25],
                visible=False,
            )
            for name, (color, style) in styles.items()
        }

    @property
    def marks(self) -> list[bqplot.Mark]:
        return list(self._lines.values())

    def show(self, steps: Floats, values: Mapping[str, Floats]) -> None:
        """Name → ndarray of shape (n_steps,) at the input steps `steps`; a line without values is not drawn."""
        for name, line in self._lines.items():
            if name not in values:
                line.visible = False
                continue
            at, points, self.run = _points(values[name][:, None], steps, self._time.window)
            with line.hold_sync():
                line.x, line.y, line.visible = self._time.of(at), np.ascontiguousarray(points[:, 0]), True

    def hide(self) -> None:
        for line in self._lines.values():
            line.visible = False


def zero_line(time: TimeAxis, value: bqplot.Scale) -> bqplot.Lines:
    ends, zeros = np.array(time.home, np.float32), np.zeros(2, np.float32)
    return bqplot.Lines(x=ends, y=zeros, scales={"x": time.scale, "y": value}, colors=[NEUTRAL], stroke_width=0.8)


def _points(values: Floats, steps: Floats | None, window: tuple[float, float] | None) -> tuple[Floats, Floats, int]:
    """Where the points of a line stand on the step axis, their values, and how many steps two of them stand for.

    window : input steps from where to where time is shown; inside more steps are drawn, outside fewer.
    """
    n_steps = len(values)
    first, last = (0, n_steps) if n_steps <= MOST_POINTS else steps_within(window, n_steps, steps)
    pieces = [(0, first, FEW), (first, last, MOST_POINTS), (last, n_steps, FEW)]
    at, points, runs = zip(*(_piece(values, *piece) for piece in pieces), strict=True)
    places, joined = np.concatenate(at), np.concatenate(points)
    if steps is not None:
        whole = len(places) == len(steps)
        places = steps if whole else np.interp(places, np.arange(len(steps)), steps).astype(np.float32)
    if len(places) == 1:  # a single step is drawn as wide as its place
        places, joined = places + np.array([-0.5, 0.5], np.float32), np.repeat(joined, 2, axis=0)
    return places, joined, runs[1]


@remembered
def _piece(values: Floats, first: int, last: int, most: int) -> tuple[Floats, Floats, int]:
    """A part of the line; what is not finite is a gap."""
    part = values[first:last]
    at, points, run = envelope(np.where(np.isfinite(part), part, np.float32(np.nan)), most)
    return at + np.float32(first), points, run
