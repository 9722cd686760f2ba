"""One filter of two models: dashed before, solid after."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import ACCENT, CATEGORIES
from tswidgets.plots.figure import ValueAxis, figure
from tswidgets.plots.lines import NamedLines, zero_line
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last

Floats = NDArray[np.float32]
HEIGHT = 140
BEFORE, AFTER = CATEGORIES[0], ACCENT


class TwoCurves:
    """Both curves on one scale; empty, with a sentence why, where they cannot be compared."""

    def __init__(self, time: TimeAxis) -> None:
        self._value = ValueAxis(HEIGHT)
        self._before = NamedLines(time, self._value.scale, {"before": (BEFORE, "dashed")})
        self._after = NamedLines(time, self._value.scale, {"after": (AFTER, "solid")})
        self._zero = zero_line(time, self._value.scale)
        self._caption, self._last = text.Text("tsw-caption"), Last()
        marks = [self._zero, *self._before.marks, *self._after.marks]
        self.figure = figure(marks, [self._value.axis, time.axis()], height=HEIGHT, name="curve")
        self.rows = [self._caption, self.figure]

    def show(
        self, title: str, steps: tuple[Floats, Floats], values: tuple[Floats, Floats], value_range: tuple[float, float]
    ) -> None:
        """Of before and after: `values` of shape (n_steps,) at the input steps `steps`."""
        self._value.axis.visible = self._zero.visible = True
        self._value.fit(*value_range)
        if self._last.differs(*steps, *values):
            self._before.show(steps[0], {"before": values[0]})
            self._after.show(steps[1], {"after": values[1]})
        elsewhere = (
            "" if np.array_equal(*steps, equal_nan=True) else "its steps lie elsewhere in time in the two models"
        )
        run = max(self._before.run, self._after.run)
        self._caption.write(text.caption(title, "dashed: before", "solid: after", elsewhere, text.decimated(run)))

    def explain(self, title: str, why: str) -> None:
        """Nothing to draw: say why."""
        self._last.forget()
        self._before.hide()
        self._after.hide()
        self._value.axis.visible = self._zero.visible = False
        self._caption.write(text.caption(title, why))
