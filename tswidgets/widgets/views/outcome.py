"""The model's answers over time, with and without what was removed, against what they should be."""

from __future__ import annotations

from collections.abc import Sequence

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import ACCENT, CATEGORIES, NEUTRAL
from tswidgets.plots.figure import ValueAxis, figure
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last

Floats = NDArray[np.float32]
HEIGHT = 190
STYLES = {"truth": (NEUTRAL, "solid"), "before": (CATEGORIES[0], "dashed"), "after": (ACCENT, "solid")}
"""Colour and line style of a single output: what should be, what the model answers, and without what is removed."""
_SEVERAL = {"truth": "dotted", "before": "dashed", "after": "solid"}


class OutcomeView:
    """Three sets of lines: what should be, what the model answers, what it answers without the removed filters."""

    def __init__(self, time: TimeAxis, n_outputs: int) -> None:
        self._value = ValueAxis(HEIGHT)
        self._n_outputs = n_outputs
        self.lines = {name: ChannelLines(time, self._value.scale, n_outputs) for name in STYLES}
        for name, lines in self.lines.items():
            for mark in lines.marks:
                mark.line_style = _SEVERAL[name]  # several outputs keep their own colours
                if n_outputs == 1:
                    color, mark.line_style = STYLES[name]
                    mark.colors, mark.stroke_width = [color], 3.0 if name == "truth" else 1.6
        self._caption = text.Text("tsw-caption")
        self._last = Last()
        marks: list[bqplot.Mark] = [mark for lines in self.lines.values() for mark in lines.marks]
        axes = [self._value.axis, time.axis(numbers=True)]
        self.figure = figure(marks, axes, height=HEIGHT, name="outcome", bottom=22)
        self.rows = [self._caption, self.figure]

    def show(
        self, title: str, steps: Floats, before: Floats, after: Floats, truth: tuple[Floats, Floats] | None, note: str
    ) -> None:
        """`before` and `after` of shape (n_steps, n_outputs) at the input steps `steps`; `truth` is (steps, values)."""
        if self._last.differs(steps, before, after, *(truth or ())):
            shown = {"before": (steps, before), "after": (steps, after), **({"truth": truth} if truth else {})}
            for name, (at, values) in shown.items():
                self.lines[name].show(values, at)
            finite = [values[np.isfinite(values)] for _, values in shown.values()]
            low = min((float(one.min()) for one in finite if one.size), default=0.0)
            high = max((float(one.max()) for one in finite if one.size), default=1.0)
            self._value.fit(low, high)
        there = {"truth": truth is not None, "before": True, "after": not np.array_equal(before, after, equal_nan=True)}
        words = {"truth": "grey: truth", "before": "dashed: with all", "after": "solid: without the removed"}
        if self._n_outputs > 1:
            words["truth"] = "dotted: truth"
        for name, lines in self.lines.items():
            lines.visible = there[name]
        said = [word for name, word in words.items() if there[name]]
        decimated = text.decimated(self.lines["after"].run)
        self._caption.write(text.caption(title, *said, note, decimated))

    def lift(self, chosen: Sequence[int]) -> None:
        """Bring some lines forward and fade the others: of one output its three lines, else the outputs."""
        for i, lines in enumerate(self.lines.values()):
            lines.lift(chosen if self._n_outputs > 1 else [0] if not chosen or i in chosen else [1])

    def hide(self, why: str) -> None:
        self._last.forget()
        for lines in self.lines.values():
            lines.visible = False
        self._caption.write(text.caption("Nothing to draw", why))
