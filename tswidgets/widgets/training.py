"""What a fit recorded, sorted out: which quantities, in which epochs, how good, and what is odd about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.widgets import text

Numbers = NDArray[np.float64]
LEARNING_RATE = ("learning_rate", "lr")
# Words of the names of Keras' losses and metrics; the last one that is known tells which way is better.
_LOWER = {
    "loss",
    "error",
    "mse",
    "mae",
    "mape",
    "msle",
    "rmse",
    "crossentropy",
    "hinge",
    "divergence",
    "logcosh",
    "poisson",
}
_HIGHER = {"accuracy", "acc", "auc", "precision", "recall", "score", "f1", "iou", "io", "correlation", "similarity"}
_HIGHER |= {"sensitivity", "specificity"}


@dataclass(frozen=True, eq=False)
class Track:
    """One recorded list.

    values : ndarray of shape (n_values,).
    epochs : ndarray of shape (n_values,), counted from 1 as Keras prints them; None where they cannot be known.
    notes : what has to be said of it.
    """

    values: Numbers
    epochs: NDArray[np.int64] | None
    notes: tuple[str, ...] = ()

    def best(self, lowest: bool) -> tuple[float, int | None] | None:
        """The lowest or the highest value and the first epoch that had it; None if no value is finite."""
        finite = np.flatnonzero(np.isfinite(self.values))
        if not len(finite):
            return None
        place = finite[self.values[finite].argmin() if lowest else self.values[finite].argmax()]
        return float(self.values[place]), None if self.epochs is None else int(self.epochs[place])

    @property
    def trouble(self) -> str:
        """Where it is not finite."""
        odd = ~np.isfinite(self.values)
        if not odd.any():
            return ""
        what = "infinite" if np.isinf(self.values[odd]).all() else "not a number"
        if np.isinf(self.values[odd]).any() and what != "infinite":
            what = "infinite or not a number"
        if odd.all():
            return f"{what} in every epoch" if len(odd) > 1 else what
        first = int(odd.argmax())
        where = f"value {first + 1}" if self.epochs is None else f"epoch {self.epochs[first]:,}"
        if odd[first:].all():
            return f"{what} from {where} on"
        return f"{what} in {odd.sum():,} epochs, first in {where}" if odd.sum() > 1 else f"{what} in {where}"


@dataclass(frozen=True, eq=False)
class Quantity:
    """A loss, a metric or the learning rate, in training and validation as far as recorded.

    better : `lowest`, `highest`, or "" where its name does not tell.
    """

    name: str
    training: Track | None
    validation: Track | None
    better: str

    @property
    def tracks(self) -> list[Track]:
        return [track for track in (self.training, self.validation) if track is not None]

    @property
    def finite(self) -> Numbers:
        """All values that can be drawn."""
        values = np.concatenate([track.values for track in self.tracks])
        return values[np.isfinite(values)]

    @property
    def not_positive(self) -> str:
        """Why its values have no logarithm; "" if they have."""
        if not self.finite.size:
            return f"{self.name} has no number"
        return f"{self.name} goes down to {text.number(float(self.finite.min()))}" if self.finite.min() <= 0 else ""


@dataclass(frozen=True, eq=False)
class Training:
    """All quantities, loss first and learning rate last, and the epochs in which they may lie."""

    quantities: list[Quantity]
    epochs: NDArray[np.int64]
    note: str


def read(given: Any, validation_freq: Any = None) -> Training:
    """Sort out what model.fit returned, or its lists."""
    columns, told = _validate.recorded(given)
    freq = _validate.validation_freq(validation_freq)
    n = max(map(len, columns.values()))
    epochs, note, counted = _epochs(told, n)
    tracks = {name: _track(name, array, epochs, freq, counted) for name, array in columns.items() if len(array)}
    names = list(dict.fromkeys(name.removeprefix("val_") for name in tracks))
    names.sort(key=lambda name: (name in LEARNING_RATE, name != "loss"))  # stable
    quantities = [Quantity(name, tracks.get(name), tracks.get(f"val_{name}"), better(name)) for name in names]
    return Training([one for one in quantities if one.tracks], epochs, note)


def better(name: str) -> str:
    """`lowest` or `highest`, whichever is better of a quantity with that name; "" if it is not known."""
    words = re.findall("[a-z]+[0-9]*", name.lower())
    if {"positives", "negatives"} & set(words):
        return "lowest" if "false" in words else "highest"
    known = [word for word in words if word in _LOWER | _HIGHER]
    if not known or name in LEARNING_RATE:
        return ""
    return "lowest" if known[-1] in _LOWER else "highest"


def _epochs(told: list[int] | None, n: int) -> tuple[NDArray[np.int64], str, bool]:
    """Number of each epoch, what has to be said of that, and whether these are Keras' own numbers."""
    counted = np.arange(1, n + 1)
    if told is None:
        return counted, "", True
    if len(told) == n:
        return np.array(told), "", True
    if (
        len(told) < n and told[0] == n - len(told) + 1
    ):  # one History for several fits, each going on where another ended
        return counted, "", True
    return counted, f"Several fits in one history, the last of {len(told)} epochs: counted through", False


def _track(name: str, array: Numbers, epochs: NDArray[np.int64], freq: int | list[int] | None, counted: bool) -> Track:
    notes: tuple[str, ...] = ()
    if array.ndim > 1:
        notes = (f"mean of {array[0].size} values",)
        with np.errstate(all="ignore"):
            array = array.reshape(len(array), -1).mean(axis=1) if array[0].size else np.full(len(array), np.nan)
    if name.startswith("val_") and freq is not None:
        chosen = np.isin(epochs, freq) if isinstance(freq, list) else epochs % freq == 0
        if len(array) == len(epochs) and np.isfinite(array[~chosen]).any():
            chosen = np.ones(len(epochs), bool)
        array = array[chosen] if len(array) == len(epochs) else array
        _validate.validated_epochs(name, len(array), int(chosen.sum()), freq)
        return Track(array, epochs[chosen], notes)
    if len(array) == len(epochs):
        every = _blanks(array, epochs) if name.startswith("val_") else 1
        chosen = epochs % every == 0
        return Track(array[chosen], epochs[chosen], (*notes, *_every(every, "")))
    candidates = _frequencies(len(array), epochs) if counted else []
    if len(candidates) == 1:
        chosen = epochs % candidates[0] == 0
        return Track(array, epochs[chosen], (*notes, *_every(candidates[0], ", as their number tells")))
    told = f"not drawn: {len(array)} values for {len(epochs)} epochs, and Keras does not record for which"
    return Track(array, None, (*notes, told + ("; pass validation_freq" if name.startswith("val_") else "")))


def _every(freq: int, why: str) -> Sequence[str]:
    return [] if freq == 1 else [f"one value every {freq} epochs{why}"]


def _frequencies(n_values: int, epochs: NDArray[np.int64]) -> list[int]:
    """The whole numbers f for which so many epochs are multiples of f, as `validation_freq=f` chooses them."""
    freq = np.arange(2, epochs[-1] + 1)
    return freq[epochs[-1] // freq - (epochs[0] - 1) // freq == n_values].tolist()


def _blanks(values: Numbers, epochs: NDArray[np.int64]) -> int:
    """The f for which a table has numbers in every f-th epoch only, up to the last that has one; else 1."""
    filled = epochs[~np.isnan(values)]
    if not len(filled) or len(filled) == len(epochs):
        return 1
    freq = int(filled[1] - filled[0]) if len(filled) > 1 else int(filled[0])
    until = epochs <= filled[-1] if len(filled) > 1 else np.ones(len(epochs), bool)
    return freq if freq > 1 and np.array_equal(epochs[until][epochs[until] % freq == 0], filled) else 1
