"""The model's answer against the label: bars for classes, a number, or curves for one answer per time step."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.figure import ValueAxis, figure
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import answers, text

HEIGHT = 110


class Prediction:
    """`summary` goes beside the figures; `rows` are empty unless the model answers step by step.

    where : what is said of answers per step that are not drawn here.
    """

    def __init__(
        self,
        time: TimeAxis,
        n_outputs: int,
        class_names: Sequence[str] | None,
        *,
        steps: bool,
        labelled: bool,
        where: str = "",
    ) -> None:
        self._class_names = class_names
        self._n_outputs = n_outputs
        self._where = where or "not laid out in time"
        self.summary = text.Text("tsw-summary")
        self.figures: list[bqplot.Figure] = []
        self.rows: list[ipywidgets.Widget] = []
        if not steps:
            return
        self._value = ValueAxis(HEIGHT)
        self._output = ChannelLines(time, self._value.scale, n_outputs)
        self._label = ChannelLines(time, self._value.scale, n_outputs)
        for mark in self._label.marks:
            mark.line_style, mark.interpolation, mark.visible = "dashed", "step-after", labelled
        self._caption = text.Text("tsw-caption")
        axes = [self._value.axis, time.axis()]
        self.figures = [figure([*self._label.marks, *self._output.marks], axes, height=HEIGHT, name="output")]
        self.rows = [self._caption, *self.figures]

    def show(self, output: NDArray[np.float32], steps: NDArray[np.float32] | None, label: Any) -> None:
        """`output` of shape (n_outputs,), or (n_steps, n_outputs) at the input steps `steps`."""
        if output.ndim == 1:
            self.summary.write(answers.prediction(output, label, self._class_names))
            return
        if steps is None or not self.figures:
            self.summary.write(f"<h4>Prediction</h4>{text.shape(output.shape)} values, {escape(self._where)}")
            return
        values = [output]
        self._output.show(output, steps)
        notes = ["solid: predicted"]
        if isinstance(label, np.ndarray):
            truth = np.full((len(label), self._n_outputs), np.nan, np.float32)
            truth[:, : label.shape[1]] = label[:, : self._n_outputs]
            at = steps if len(truth) == len(steps) else np.arange(len(truth), dtype=np.float32)
            edges = np.append(at - np.float32(0.5), at[-1:] + np.float32(0.5))  # a step is as wide as its place
            self._label.show(np.concatenate([truth, truth[-1:]]), edges.astype(np.float32))
            values.append(truth)
            notes.append("dashed: label")
        finite = np.concatenate([one[np.isfinite(one)] for one in values])
        if finite.size:
            self._value.fit(min(0.0, float(finite.min())), max(1.0, float(finite.max())))
        self._caption.write(text.caption("Output per step", *notes))
