"""One recorded quantity over the epochs: training solid, validation dashed, the best epoch marked."""

from __future__ import annotations

from html import escape

import numpy as np

from tswidgets.plots.colors import ACCENT, CATEGORIES
from tswidgets.plots.epochs import Dots, EpochAxis, EpochLine, Upright
from tswidgets.plots.figure import figure
from tswidgets.plots.logaxis import SwitchableAxis
from tswidgets.widgets import text
from tswidgets.widgets.training import LEARNING_RATE, Quantity, Track

HEIGHT = 190
TITLE = 24  # more for the last figure, which names the axis
TRAINING, VALIDATION = CATEGORIES[0], ACCENT
_WORDS = {"loss": "Loss", "accuracy": "Accuracy", "acc": "Accuracy", **dict.fromkeys(LEARNING_RATE, "Learning rate")}


class QuantityView:
    """`rows` are a caption, remarks where there are any, and the figure."""

    def __init__(self, quantity: Quantity, epochs: EpochAxis, *, title: bool) -> None:
        """`title`: whether the horizontal axis is named."""
        self._quantity = quantity
        self._value = SwitchableAxis(HEIGHT)
        scales = {"x": epochs.scale, "y": self._value.scale}
        self._training = EpochLine(epochs, self._value.scale, TRAINING)
        self._validation = EpochLine(epochs, self._value.scale, VALIDATION, "dashed")
        self._best = Dots(scales, VALIDATION if quantity.validation else TRAINING, size=90, hollow=True)
        self._best_epoch = Upright(epochs, self._value.scale)
        self._caption, self._remarks = text.Text("tsw-caption"), text.Text("tsw-status")
        marks = [self._best_epoch.mark, *self._training.marks, *self._validation.marks, self._best.mark]
        self.figure = figure(
            marks,
            [self._value.axis, epochs.axis(title=title)],
            height=HEIGHT + title * TITLE,
            name="history",
            bottom=22 + title * TITLE,
        )
        self.rows = [self._caption, self._remarks, self.figure]

    def show(self, *, logarithmic: bool) -> None:
        """Draw everything; values that have no logarithm are drawn as they are."""
        quantity, self._value.logarithmic = self._quantity, logarithmic and not self._quantity.not_positive
        finite = quantity.finite
        self._value.fit(*((finite.min(), finite.max()) if finite.size else (np.nan, np.nan)))
        for line, track in ((self._training, quantity.training), (self._validation, quantity.validation)):
            if track is not None and track.epochs is not None:
                line.show(track.epochs, self._value.of(track.values))
        best = self._judged.best(quantity.better == "lowest") if quantity.better else None
        if best is not None and best[1] is not None:
            self._best_epoch.show(best[1])
            self._best.show(np.array([best[1]]), self._value.of(np.array([best[0]])))
        title = _WORDS.get(quantity.name, quantity.name)
        self._caption.write(text.caption(title, self._last(), self._extremes()))
        linear = f"Not logarithmic: {quantity.not_positive}" if logarithmic and quantity.not_positive else ""
        self._remarks.write(_remarks(quantity, max(self._training.run, self._validation.run), linear))
        self._remarks.layout.display = None if self._remarks.value else "none"

    @property
    def _judged(self) -> Track:
        return self._quantity.validation or self._quantity.tracks[0]

    def _last(self) -> str:
        training, validation = self._quantity.training, self._quantity.validation
        told = [] if training is None else [f"last {text.number(float(training.values[-1]))}"]
        if validation is not None:
            told.append(f"{'' if told else 'last '}validation {text.number(float(validation.values[-1]))}")
        return ", ".join(told)

    def _extremes(self) -> str:
        """The best value and its epoch; the lowest and the highest where it is not known which is better."""
        of = "validation " if self._quantity.validation else ""
        if self._quantity.better:
            return _where(f"best {of}", self._judged.best(self._quantity.better == "lowest"))
        low, high = self._judged.best(True), self._judged.best(False)
        if low is None or high is None:
            return ""
        if low == high:
            return f"{of}the same in every epoch" if len(self._judged.values) > 1 else ""
        if self._quantity.name in LEARNING_RATE:
            return f"first {text.number(float(self._judged.values[0]))}"
        return f"{_where(f'{of}lowest ', low)}, {_where('highest ', high)}"


def _where(what: str, found: tuple[float, int | None] | None) -> str:
    if found is None:
        return ""
    return f"{what}{text.number(found[0])}" + ("" if found[1] is None else f" in epoch {found[1]:,}")


def _remarks(quantity: Quantity, run: int, linear: str) -> str:
    """What is strange, in a warning's colour, and how it is drawn."""
    named = {"Training": quantity.training, "Validation": quantity.validation}
    tracks = {name: track for name, track in named.items() if track is not None}
    warnings = [f"{name}: {track.trouble}" for name, track in tracks.items() if track.trouble]
    if len({track.trouble for track in tracks.values()}) == 1 and len(warnings) == 2:
        warnings = [f"Training and validation: {quantity.tracks[0].trouble}"]
    notes = [f"{name}: {note}" for name, track in tracks.items() for note in track.notes]
    if run > 1:
        notes.append(f"Drawn: lowest and highest of every {run:,} epochs")
    notes += filter(None, [linear])
    said = [f'<span class="tsw-warn">{escape(one)}</span>' for one in warnings] + [escape(one) for one in notes]
    return " · ".join(said)
