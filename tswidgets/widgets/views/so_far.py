"""The model's answer after each time step, a curve for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import category
from tswidgets.plots.figure import ValueAxis, figure
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import answers, text
from tswidgets.widgets.views.last import Last

Floats = NDArray[np.float32]
HEIGHT = 150
MOST = 32  # more curves than that cannot be told apart


class AnswerCurves:
    """`rows` go among the figures; `styles` are (colour, line style) of each class, for its name beside them."""

    def __init__(self, time: TimeAxis, n_outputs: int) -> None:
        self._n_outputs = n_outputs
        self._value = ValueAxis(HEIGHT)
        self._lines = ChannelLines(time, self._value.scale, min(n_outputs, MOST))
        self._caption, self._last = text.Text("tsw-caption"), Last()
        axes = [self._value.axis, time.axis()]
        self.figure = figure(self._lines.marks, axes, height=HEIGHT, name="output")
        self.rows = [self._caption, self.figure]
        self.styles = [category(i) for i in range(min(n_outputs, MOST))] if n_outputs > 1 else []

    def show(self, values: Floats, told: str, changes: NDArray[np.int64]) -> None:
        """`values` of shape (n_timesteps, n_outputs), NaN where there is no answer."""
        if self._n_outputs > MOST:
            self.explain(f"{self._n_outputs} outputs are too many for curves")
            return
        if not self._last.differs(values):
            return
        known = np.flatnonzero(np.isfinite(values).all(axis=1))
        self._lines.visible = len(known) > 0
        if len(known):
            self._lines.show(values[known], known.astype(np.float32))
            self._value.fit(min(0.0, float(values[known].min())), max(1.0, float(values[known].max())))
        self._caption.write(text.caption("Prediction so far", _changes(changes, len(known), self._n_outputs), told))

    def beside(
        self, output: Floats, so_far: Floats | None, now: int | None, label: Any, class_names: Sequence[str] | None
    ) -> str:
        """In words the answer, or that after step `now`, of shape (n_outputs,)."""
        title = "Prediction"
        if so_far is not None and now is not None:
            known = np.flatnonzero(np.isfinite(so_far[: now + 1]).all(axis=1))
            if len(known):
                output, title = so_far[known[-1]], f"Prediction after step {known[-1]}"
        if output.ndim > 1:
            return f"<h4>Prediction</h4>{text.shape(output.shape)} values, one row a step"
        told = label if isinstance(label, (int, float)) else None
        return answers.prediction(output, told, class_names, title=title, styles=self.styles)

    def explain(self, why: str) -> None:
        self._last.forget()
        self._lines.visible = False
        self._caption.write(text.caption("Prediction so far", why))


def _changes(changes: NDArray[np.int64], n_known: int, n_outputs: int) -> str:
    """Where another class takes the lead."""
    if n_outputs < 2 or n_known < 2:
        return ""
    if not len(changes):
        return "the same class from the first step on"
    shown = ", ".join(f"{step:,}" for step in changes[-4:])
    more = f"{len(changes)} times, the last at step" if len(changes) > 4 else "at step"
    return f"another class takes the lead {more} {shown}"
