"""Deletion and insertion: what a model answers while what a map points at is hidden, or shown, more and more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets.analysis.attribution import Attribution, Explained
from tswidgets.analysis.gradients import AT_ONCE
from tswidgets.analysis.standins import baselines

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
SLOPES = {"saliency", "smooth_grad", "guided_backprop"}
"""Gradients by themselves: their sign tells which way to turn a value, not whether the value speaks for the target."""
NOISE = 1e-5  # of the score: a change that is no larger is a rounding error


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores, (n_points,) each, at `fractions` of the cells: most important first, and in random order on the average.

    deletion : the share is hidden; insertion : all else is hidden.
    """

    fractions: Doubles
    deletion: Doubles
    insertion: Doubles
    random_deletion: Doubles
    random_insertion: Doubles

    @property
    def unit(self) -> float:
        """The largest difference between any two scores on the curves, 0 where it is nothing but rounding.

        It is the difference between the series and the hidden series where the score goes down on the whole way.
        """
        scores = np.concatenate([self.deletion, self.insertion, self.random_deletion, self.random_insertion])
        found = float(np.ptp(scores))
        return found if found > NOISE * max(1.0, float(np.abs(scores).max())) else 0.0

    @property
    def deletion_gain(self) -> float:
        return self._gain(self.random_deletion - self.deletion)

    @property
    def insertion_gain(self) -> float:
        return self._gain(self.insertion - self.random_insertion)

    def _gain(self, above: Doubles) -> float:
        area = float(np.sum((above[1:] + above[:-1]) / 2 * np.diff(self.fractions)))
        return area / self.unit if self.unit > 0 else 0.0


def measuring(
    asked: Explained, attribution: Attribution, fill: Any, n_points: int, n_orders: int, rng: np.random.Generator
) -> Iterator[Curves]:
    """Curves of one series, better and better: after every random order; the first has one.

    Source: Petsiuk, Das, Saenko, "RISE: randomized input sampling for explanation of black-box models", 2018.
    Departures: the score is a logit; what is hidden turns into `fill`; random orders for comparison; equal values come
    in random order.
    """
    cells = _Cells(asked, attribution)
    others, fractions = baselines(asked, fill, "fill"), np.linspace(0, 1, n_points)
    own = cells.scores(asked, others, np.lexsort((rng.random(cells.n), -cells.importance)), fractions)
    total = np.zeros((2, n_points))
    for k in range(n_orders):
        total += cells.scores(asked, others, rng.permutation(cells.n), fractions)
        yield Curves(fractions, *own, *(total / (k + 1)))


class _Cells:
    """What is hidden piece by piece: a value at a step and channel, or of the CAM family all values of a step.

    importance : ndarray of shape (n,), lowest where the map says nothing. Padding is no cell.
    """

    def __init__(self, asked: Explained, attribution: Attribution) -> None:
        there = [np.broadcast_to(one, array.shape)[0] for one, array in zip(asked.present, asked.flat, strict=True)]
        if attribution.timeline is None:
            maps = [np.asarray(one) for one in tree.flatten(attribution.on_input)]
            ends = np.cumsum([0, *(int(one.sum()) for one in there)])
            self._numbers = [np.full(one.shape, -1) for one in there]
            for numbers, one, first in zip(self._numbers, there, ends, strict=False):
                numbers[one] = first + np.arange(one.sum())
            found = np.concatenate([array[one] for array, one in zip(maps, there, strict=True)])
        else:
            steps = ~attribution.absent
            of_step = np.where(steps, np.cumsum(steps) - 1, -1)
            self._numbers = [
                np.broadcast_to(of_step.reshape(-1, *[1] * (one.ndim - 1)), one.shape)
                if one.shape[:1] == of_step.shape
                else np.full(one.shape, -1)
                for one in there
            ]
            found = np.asarray(attribution.on_input)[steps]
        size = np.abs(found) if attribution.method in SLOPES else found
        self.importance: Doubles = np.where(np.isfinite(size), size, -np.inf).astype(np.float64)
        self.n = len(self.importance)

    def scores(self, asked: Explained, others: list[NDArray[Any]], order: Integers, fractions: Doubles) -> Doubles:
        """(deletion, insertion), the cells taken in an order: (2, n_points)."""
        rank = np.empty(self.n + 1, np.int64)
        rank[order], rank[-1] = np.arange(self.n), self.n  # the last is that of -1: never taken
        counts = np.tile(np.round(fractions * self.n).astype(np.int64), 2)
        deleting = np.arange(len(counts)) < len(fractions)
        size = max(AT_ONCE // max(sum(array[:1].nbytes for array in asked.flat), 1), 1)
        found = []
        for start in range(0, len(counts), size):
            part, variants = slice(start, start + size), []
            for array, other, numbers in zip(asked.flat, others, self._numbers, strict=True):
                across = -1, *[1] * numbers.ndim
                taken = rank[numbers] < counts[part].reshape(across)
                hidden = (taken == deleting[part].reshape(across)) & (numbers >= 0)
                variants.append(np.where(hidden, other, array))
            found.append(asked.score.of(variants, np.zeros(len(counts[part]), np.int64)))
        return np.concatenate(found).reshape(2, -1).astype(np.float64)
