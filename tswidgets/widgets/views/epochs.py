"""A training, epoch by epoch: a filter's curve over those of other epochs, the loss, and the epoch that is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.plots.epochs import DOT, Dots, EpochAxis, EpochLine, Upright
from tswidgets.plots.faint import FaintLines
from tswidgets.plots.figure import ValueAxis, figure
from tswidgets.plots.lines import Curve
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.panel import actions
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.quantity import TRAINING, VALIDATION

Floats = NDArray[np.float32]
HEIGHT, LOSS_HEIGHT = 130, 150
OTHERS = 24  # other epochs whose curves are drawn


class EpochChoice(traitlets.HasTraits):
    """A slider and a play button. `epoch` is None at the last epoch, and stays there while more are added."""

    epoch = traitlets.Int(None, allow_none=True)

    def __init__(self) -> None:
        super().__init__()
        self._first = self._last = 0
        self._own = False
        self.slider = ipywidgets.IntSlider(value=0, min=0, max=0, description="Epoch")
        self.slider.add_class("tsw-epoch-slider")
        self.play = ipywidgets.Play(
            value=0, min=0, max=0, interval=300, show_repeat=False, tooltip="Walk through the epochs"
        )
        self.play.add_class("tsw-play")
        self.toolbar = actions(self.play, self.slider)
        self.slider.observe(self._moved, "value")
        self.play.observe(self._moved, "value")
        self.observe(lambda _: self._follow(), "epoch")

    def follow(self, first: int, last: int) -> None:
        """Let the slider run from the first epoch to the last."""
        self._first, self._last = first, last
        self._follow()

    def _moved(self, change: Any) -> None:
        if not self._own:
            self.epoch = None if change.new >= self._last else change.new

    def _follow(self) -> None:
        at = self._last if self.epoch is None else min(max(self.epoch, self._first), self._last)
        self._own = True
        try:
            for widget in (self.slider, self.play):
                widget.max = max(self._last, widget.min)  # a message of its own: the front end cuts to the old range
                widget.min = self._first
                widget.value = at
            self.slider.disabled = self._first == self._last
        finally:
            self._own = False


class EpochCurves:
    """The chosen filter's curve at the chosen epoch; in grey those of others, the earlier the fainter."""

    def __init__(self, time: TimeAxis) -> None:
        self._value = ValueAxis(HEIGHT)
        self._others = FaintLines(time, self._value.scale, OTHERS)
        self._curve = Curve(time, self._value.scale)
        self._caption, self._last = text.Text("tsw-caption"), Last()
        marks = [self._others.mark, *self._curve.marks]
        self.figure = figure(marks, [self._value.axis, time.axis()], height=HEIGHT, name="curve")
        self.rows = [self._caption, self.figure]

    def show(
        self,
        title: str,
        steps: Floats,
        values: Floats,
        others: Floats,
        other_epochs: NDArray[np.int64],
        value_range: tuple[float, float],
    ) -> None:
        """`values` of shape (n_steps,) at the input steps `steps`, `others` of shape (n_epochs, n_steps)."""
        self._value.axis.visible = True
        self._value.fit(*value_range)
        if self._last.differs(steps, values, others):
            self._others.show(steps, others)
            self._curve.show(steps, values)
        behind = ""
        if len(others):
            first, last = other_epochs[0], other_epochs[-1]
            which = f"of epochs {first:,} to {last:,}" if len(others) > 1 else f"of epoch {first:,}"
            behind = f"grey: {text.plural(len(others), 'curve')} {which}, the earlier the fainter"
        self._caption.write(text.caption(title, behind))

    def explain(self, title: str, why: str) -> None:
        """Nothing to draw: say why."""
        self._last.forget()
        self._curve.hide()
        self._others.hide()
        self._value.axis.visible = False
        self._caption.write(text.caption(title, why))


class LossView:
    """Loss over the epochs, solid in training and dashed in validation, with a line at the epoch that is shown."""

    def __init__(self) -> None:
        self._value, self._epochs = ValueAxis(LOSS_HEIGHT), EpochAxis(0, 1)
        scales = {"x": self._epochs.scale, "y": self._value.scale}
        self._lines = {
            "": EpochLine(self._epochs, self._value.scale, TRAINING),
            "val_": EpochLine(self._epochs, self._value.scale, VALIDATION, "dashed"),
        }
        self._at = Upright(self._epochs, self._value.scale)
        self._dots = {
            "": Dots(scales, TRAINING, size=2 * DOT),
            "val_": Dots(scales, VALIDATION, size=2 * DOT, hollow=True),
        }
        self._caption = text.Text("tsw-caption")
        self._drawn = {prefix: Last() for prefix in self._lines}
        marks = [self._at.mark, *(mark for line in self._lines.values() for mark in line.marks)]
        marks += [dots.mark for dots in self._dots.values()]
        axes = [self._value.axis, self._epochs.axis(title=True)]
        self.figure = figure(marks, axes, height=LOSS_HEIGHT, name="loss", bottom=44)
        self.figure.add_class("tsw-apart")  # its horizontal axis is not time
        self.rows = [self._caption, self.figure]

    def show(
        self, history: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]], epoch: int, first: int, last: int
    ) -> None:
        """Name of a loss or metric → (epochs, values); `epoch` is the one that is shown, of `first` to `last`."""
        name = "loss" if "loss" in history else next(iter(history), "")
        tracks = {prefix: history[prefix + name] for prefix in self._lines if name and prefix + name in history}
        self._epochs.fit(first, max(last, first + 1))
        finite = [values[np.isfinite(values)] for _, values in tracks.values()]
        drawn = np.concatenate([np.empty(0), *finite])
        self._value.fit(*((drawn.min(), drawn.max()) if drawn.size else (0.0, 1.0)))
        told = []
        for prefix, word in (("", "solid"), ("val_", "dashed")):
            epochs, values = tracks.get(prefix, (np.empty(0, np.int64), np.empty(0)))
            if self._drawn[prefix].differs(epochs, values):
                self._lines[prefix].show(epochs, values) if len(epochs) else self._lines[prefix].hide()
            here = epochs == epoch
            self._dots[prefix].show(epochs[here & np.isfinite(values)], values[here & np.isfinite(values)])
            if here.any():
                told.append(f"{word}: {prefix}{name} {text.number(float(values[here][0]))}")
        self._at.show(epoch)
        where = "before the training" if epoch == 0 else f"epoch {epoch:,}"
        title = f"{name.capitalize()} at {where}" if told else where.capitalize()
        self._caption.write(text.caption(title, *told))
