"""A model with filters of a layer removed, run on as many samples as answer while somebody waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.metrics import measuring
from tswidgets.analysis.removal import Removal
from tswidgets.selection import Selection
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject

Floats = NDArray[np.float32]
MOST = 256  # samples that errors are measured on
MOST_WINDOWS = 2000  # windows of a wave that are run: more answers than that cannot be told apart on a screen


@dataclass(frozen=True, eq=False)
class Trial:
    """What the model answers with and without the removed filters.

    indices : of the samples that were run, in rising order.
    before, after : ndarrays of shape (n_samples, …).
    errors : the metric before and after; NaN where it does not fit, and `why` says so.
    """

    layer: str
    indices: list[int]
    before: Floats
    after: Floats
    errors: tuple[float, float]
    why: str = ""


class Trials:
    """Runs trials, and keeps what the next one needs of the last."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._removal: tuple[Any, Removal | None] = None, None
        self._after: tuple[Removal | None, tuple[int, ...], Floats | None] = None, (), None

    def removal(self, selection: Selection) -> Removal:
        """What can be removed; raises ValueError where a layer has nothing to remove, or nothing depends on it."""
        indices = self.indices(selection.sample)
        key = selection.layer, selection.removed_value, tuple(indices), self._subject.probe.version()
        known, removal = self._removal
        if removal is None or known != key:
            X = self._subject.samples.take(indices)
            removal = Removal(self._subject.model, X, selection.layer, selection.removed_value, 0)
            self._removal = key, removal
        return removal

    def run(self, removal: Removal, selection: Selection, token: Token | None) -> Trial:
        for _ in removal.look():
            _check(token)
        removed = tuple(i for i in selection.removed if i < removal.n_filters)
        before, indices = np.asarray(removal.before, np.float32), self.indices(selection.sample)
        after = self._without(removal, removed, token) if removed else before
        before, after = self._subject.answers(before), self._subject.answers(after)
        errors, why = self._errors(selection.metric, indices, removal, before, after)
        return Trial(removal.layer, indices, before, after, errors, why)

    def indices(self, sample: int) -> list[int]:
        """The samples that are run together with this one: all of its length, or as many as answer in time."""
        samples, wave = self._subject.samples, self._subject.wave
        if wave is not None:
            return spread(list(range(len(samples))), MOST_WINDOWS)
        length = samples.lengths[sample]
        alike = [i for i, n in enumerate(samples.lengths) if n == length]
        return sorted({sample, *spread(alike, MOST)})

    def truth(self, indices: list[int]) -> NDArray[Any] | None:
        """The labels of some samples, (n_samples, …); None without labels."""
        labels = self._subject.labels
        return None if labels is None else np.stack([np.asarray(labels[i]) for i in indices])

    def _without(self, removal: Removal, removed: tuple[int, ...], token: Token | None) -> Floats:
        of, known, after = self._after
        if after is None or of is not removal or known != removed:
            found = []
            for piece in removal.without([removed]):
                _check(token)
                if piece is not None:
                    found.append(piece)
            after = np.asarray(np.concatenate(found)[0], np.float32)
            self._after = removal, removed, after
        return after

    def _errors(
        self, metric: str, indices: list[int], removal: Removal, before: NDArray[Any], after: NDArray[Any]
    ) -> tuple[tuple[float, float], str]:
        try:
            measure = measuring(metric, self.truth(indices), before, removal.present)
            return (float(next(measure(before[None]))[0]), float(next(measure(after[None]))[0])), ""
        except (ValueError, TypeError) as error:
            return (np.nan, np.nan), str(error)


def metrics_for(subject: Subject) -> list[str]:
    """What errors can be measured by, what suits the labels best first."""
    labels, shape = subject.labels, subject.output_shape
    if labels is None:
        return ["score", "accuracy"] if len(shape) == 1 and shape[-1] > 1 else ["mse", "mae"]
    if labels.kind == "class":
        return ["score", "accuracy"]
    told = np.concatenate([np.ravel(labels[i]) for i in subject.samples.spread(32)])
    return ["accuracy", "score", "mse", "mae"] if np.isin(told, (0, 1)).all() else ["mse", "mae"]


def spread(indices: list[int], most: int) -> list[int]:
    """At most so many of them, evenly spread."""
    if len(indices) <= most:
        return indices
    return [indices[i] for i in np.unique(np.linspace(0, len(indices) - 1, most).astype(int))]


def _check(token: Token | None) -> None:
    if token is not None:
        token.check()
