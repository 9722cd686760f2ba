"""The chosen filter's answer over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.figure import ValueAxis, figure
from tswidgets.plots.lines import Curve
from tswidgets.plots.point import StepPoint
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last

HEIGHT = 120


class CurveView:
    """One line above a zero line; empty, with a sentence why, where a layer has no time axis.

    point : whether one of its steps can be marked.
    """

    def __init__(self, time: TimeAxis, *, point: bool = False) -> None:
        self._time, self._value = time, ValueAxis(HEIGHT)
        self._curve = Curve(time, self._value.scale)
        self._caption = text.Text("tsw-caption")
        self._last = Last()
        self._point = StepPoint(time, self._value.scale) if point else None
        marks = [*self._curve.marks, *(self._point.marks if self._point else [])]
        self.figure = figure(marks, [self._value.axis, time.axis()], height=HEIGHT, name="curve")
        self.rows = [self._caption, self.figure]

    @property
    def parts(self) -> dict[str, Any]:
        """What changes with the filter, by the names of a `FilterSlicer`'s traits."""
        value = self._value
        return {
            "line": self._curve.line,
            "scale": value.scale,
            "axis": value.axis,
            "n_ticks": value.n_ticks,
            "caption": self._caption,
        }

    def show(
        self, title: str, steps: NDArray[np.float32], values: NDArray[np.float32], value_range: tuple[float, float]
    ) -> None:
        """`values` of shape (n_steps,) at the input steps `steps`."""
        self._value.axis.visible = True
        self._value.fit(*value_range)
        if self._last.differs(steps, values, self._time.window):
            self._curve.show(steps, values)
        finite = values[np.isfinite(values)]
        unreal = len(values) - len(finite)
        span = "no finite value"
        if len(finite):
            span = f"{text.number(float(finite.min()))} to {text.number(float(finite.max()))}"
        self._caption.write(
            text.caption(
                title,
                span,
                f"{text.plural(unreal, 'step')} without a value" if unreal else "",
                text.decimated(self._curve.run),
            )
        )

    def mark(self, step: float | None, value: float) -> None:
        """Mark a value at an input step; None, or what is not a number, marks nothing."""
        if self._point is not None:
            self._point.show(step, value)

    def explain(self, title: str, why: str) -> None:
        """Nothing to draw: say why."""
        self._last.forget()
        self.mark(None, 0.0)
        self._curve.hide()
        self._value.axis.visible = False
        self._caption.write(text.caption(title, why))
