"""One step of a curve, marked."""

from __future__ import annotations

import bqplot
import numpy as np

from tswidgets.plots.colors import ACCENT, NEUTRAL
from tswidgets.plots.timeaxis import TimeAxis


class StepPoint:
    """A dot on the curve, and a line through it from top to bottom."""

    def __init__(self, time: TimeAxis, value: bqplot.Scale) -> None:
        self._time = time
        height = bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)
        ends = np.array([0, 1], np.float32)
        self.line = bqplot.Lines(
            x=np.zeros(2, np.float32),
            y=ends,
            scales={"x": time.scale, "y": height},
            colors=[NEUTRAL],
            stroke_width=1.2,
            visible=False,
        )
        self.dot = bqplot.Scatter(
            x=np.zeros(1, np.float32),
            y=np.zeros(1, np.float32),
            scales={"x": time.scale, "y": value},
            colors=[ACCENT],
            default_size=48,
            visible=False,
        )

    @property
    def marks(self) -> list[bqplot.Mark]:
        return [self.line, self.dot]

    def show(self, step: float | None, value: float) -> None:
        """At an input step; None, or a value that is not a number, shows nothing."""
        there = step is not None and bool(np.isfinite(step))
        self.line.visible = there
        self.dot.visible = there and bool(np.isfinite(value))
        if step is None or not there:
            return
        at = self._time.of(np.array([step, step], np.float32))
        self.line.x = at
        if self.dot.visible:
            with self.dot.hold_sync():
                self.dot.x, self.dot.y = at[:1], np.array([value], np.float32)
