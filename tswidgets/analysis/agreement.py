"""Labels and predictions of each step side by side, and what to count of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Numbers = NDArray[np.float64]
NONE = -1  # where there is no label, or no prediction


@dataclass(frozen=True, eq=False)
class Counts:
    """What scores are made of, a row for each sample; NaN where a counted step has an output that is not a number.

    right, total : ndarrays of shape (n_samples,), of the steps that count; where each of several outputs is a yes or
        no, of their steps × outputs.
    both, either : ndarrays of shape (n_samples, n_outputs): steps at which an output is labelled and predicted, and at
        which it is labelled or predicted.
    """

    right: Numbers
    total: Numbers
    both: Numbers
    either: Numbers

    @staticmethod
    def nothing(n_samples: int, n_outputs: int) -> Counts:
        """No step counted."""
        one, each = (n_samples,), (n_samples, n_outputs)
        return Counts(np.zeros(one), np.zeros(one), np.zeros(each), np.zeros(each))

    def put(self, rows: Sequence[int], counts: Counts) -> None:
        """Fill in what is known of some samples."""
        self.right[rows], self.total[rows] = counts.right, counts.total
        self.both[rows], self.either[rows] = counts.both, counts.either

    def copy(self) -> Counts:
        return Counts(self.right.copy(), self.total.copy(), self.both.copy(), self.either.copy())

    @property
    def together(self) -> Counts:
        """All samples as one."""
        right, total = self.right.sum(keepdims=True), self.total.sum(keepdims=True)
        return Counts(right, total, self.both.sum(axis=0)[None], self.either.sum(axis=0)[None])

    @property
    def accuracy(self) -> Numbers:
        """(n_samples,); NaN where nothing counts."""
        return _share(self.right, self.total)

    @property
    def output_iou(self) -> Numbers:
        """(n_samples, n_outputs); NaN where an output is neither labelled nor predicted."""
        return _share(self.both, self.either)

    @property
    def iou(self) -> Numbers:
        """(n_samples,): the mean over those outputs that occur; NaN where none does."""
        each, occurs = self.output_iou, self.either != 0
        return _share(np.where(occurs, each, 0).sum(axis=1), occurs.sum(axis=1))

    @property
    def worst(self) -> NDArray[np.int64]:
        """Samples by their intersection over union, lowest first, then by accuracy; of NaN those that have outputs that
        are not numbers come first, and those without anything labelled or predicted are left out."""
        broken = np.isnan(self.right)
        order = np.lexsort([np.where(broken, 0, self.accuracy), np.where(broken, -1, self.iou)])
        return order[: int((broken | ~np.isnan(self.iou)).sum())]


@dataclass(frozen=True, eq=False)
class Agreement:
    """Of samples of one length.

    yes, predicted_yes : bool ndarrays of shape (n_samples, n_steps, n_outputs); no wherever a step does not count.
    counted : bool ndarray of shape (n_samples, n_steps), steps that have a label and are no padding.
    unanswered : likewise, counted steps at which an output is not a number.
    exclusive : whether a step has one of several classes.
    """

    yes: Bools
    predicted_yes: Bools
    counted: Bools
    unanswered: Bools
    exclusive: bool

    @cached_property
    def missed(self) -> Bools:
        """(n_samples, n_steps, n_outputs): labelled and not predicted."""
        return self.yes & ~self.predicted_yes & ~self.unanswered[..., None]

    @cached_property
    def false(self) -> Bools:
        """(n_samples, n_steps, n_outputs): predicted and not labelled."""
        return self.predicted_yes & ~self.yes

    @property
    def labels(self) -> NDArray[np.int32]:
        """(n_samples, n_steps) of a single output or of classes; (n_samples, n_steps, n_outputs) of several outputs."""
        return self._numbers(self.yes, self.counted)

    @property
    def predicted(self) -> NDArray[np.int32]:
        """Likewise; -1 also where an output is not a number."""
        return self._numbers(self.predicted_yes, self.counted & ~self.unanswered)

    @cached_property
    def counts(self) -> Counts:
        wrong: Bools = self.missed | self.false
        if self.exclusive:
            wrong = np.asarray(wrong.any(axis=2, keepdims=True))
        total = self.counted.sum(axis=1) * wrong.shape[2]
        broken = np.asarray(self.unanswered.any(axis=1))
        both, either = (self.yes & self.predicted_yes).sum(axis=1), (self.yes | self.predicted_yes).sum(axis=1)
        return Counts(
            np.where(broken, np.nan, total - wrong.sum(axis=(1, 2))),
            total.astype(np.float64),
            np.where(broken[:, None], np.nan, both),
            np.where(broken[:, None], np.nan, either),
        )

    def _numbers(self, yes: Bools, there: Bools) -> NDArray[np.int32]:
        if not self.exclusive and yes.shape[2] > 1:
            return np.where(there[..., None], yes, NONE).astype(np.int32)
        numbers = yes.argmax(axis=2) if self.exclusive else yes[..., 0]
        return np.where(there, numbers, NONE).astype(np.int32)


def agreement(outputs: NDArray[Any], yes: Bools, counted: Bools, threshold: float, *, exclusive: bool) -> Agreement:
    """Compare outputs of shape (n_samples, n_steps, n_outputs) with a yes or no for each, where steps are `counted`.

    The largest of outputs that exclude each other is predicted, else each that is above the threshold.
    """
    nowhere: Bools = np.asarray(np.isnan(outputs).any(axis=2))
    unanswered, answered = counted & nowhere, (counted & ~nowhere)[..., None]
    largest = outputs.argmax(axis=2)[..., None] == np.arange(outputs.shape[2])
    predicted = largest if exclusive else outputs > threshold
    return Agreement(yes & counted[..., None], predicted & answered, counted, unanswered, exclusive)


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Numbers:
    """part / whole; NaN for 0 / 0."""
    share: Numbers = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0)
    return share
