"""The values of one layer, and of one weight, in a few numbers for each filter."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.dead import states_of
from tswidgets.probe.summaries import Summary

Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]
MOST_LISTED = 12  # rows of a printed table


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """The values of one tap, or of the data, over all samples and steps; padded steps count nowhere.

    Everything but the name and the first sample is an ndarray of shape (n_filters,), n_filters being the length of the
    layer's last axis; 1 where that axis changes with the series, as time does.

    layer : the tap's name; "X" for the data, "X['…']" for each of several inputs.
    layer_class, word : what it is, and what an entry of its last axis is called: filter, unit or channel.
    n : int64, how many values there are; `n_nan` of them are NaN and `n_infinite` infinite.
    zeros : share of the values that are 0; `saturated`, of those that lie at a bound of the activation function: within
        1 % of the way between its bounds. NaN without values, and `saturated` where the function has no bounds.
    mean, std, low, high : of the finite values the mean, the standard deviation (by n, not n - 1), the least and the
        greatest; NaN without any.
    first_sample : number of the first sample in X with a value that is not finite, or None.
    """

    layer: str
    layer_class: str
    word: str
    n: Counts
    n_nan: Counts
    n_infinite: Counts
    zeros: Doubles
    saturated: Doubles
    mean: Doubles
    std: Doubles
    low: Doubles
    high: Doubles
    first_sample: int | None = None

    @property
    def n_filters(self) -> int:
        return len(self.n)

    @property
    def n_finite(self) -> Counts:
        return self.n - self.n_nan - self.n_infinite

    @property
    def size(self) -> float:
        """How large the finite values of all filters are: the root of their mean square; NaN without any."""
        return self._together(np.square(self.std) + np.square(self.mean))

    @property
    def spread(self) -> float:
        """How much they change within a filter: the root of the mean variance; NaN without any."""
        return self._together(np.square(self.std))

    @cached_property
    def states(self) -> NDArray[np.uint8]:
        """What is wrong with each filter, a number in `STATES` of `analysis/dead.py`: as the gallery's signs say it."""
        low = np.where(self.n_finite > 0, self.low, np.inf)
        high = np.where(self.n_finite > 0, self.high, -np.inf)
        limited = not np.isnan(self.saturated).all()
        n_bound = np.round(np.nan_to_num(self.saturated) * self.n) if limited else None
        return states_of(low, high, self.n_nan + self.n_infinite > 0, self.n, n_bound)

    def _together(self, squares: Doubles) -> float:
        known = self.n_finite > 0
        with np.errstate(over="ignore"):
            total = np.sum(squares * self.n_finite, where=known)
        return float(np.sqrt(total / self.n_finite.sum())) if known.any() else float("nan")

    def __repr__(self) -> str:
        return f"LayerStatistics({self.layer!r}, {self.n_filters} {self.word}s, size {self.size:.3g})"


@dataclass(frozen=True)
class WeightStatistics:
    """All numbers of one weight: a kernel, a bias, or what a layer keeps, such as BatchNormalization's variances.

    layer : the first tap whose layer it belongs to; "" where it belongs to none.
    name, shape : `kernel`, (3, 6, 32).
    n, n_nan, n_infinite, zeros, mean, std, low, high : as in `LayerStatistics`, one number each.
    """

    layer: str
    name: str
    shape: tuple[int, ...]
    n: int
    n_nan: int
    n_infinite: int
    zeros: float
    mean: float
    std: float
    low: float
    high: float


def layer_statistics(name: str, layer_class: str, word: str, found: Summary, *, limited: bool) -> LayerStatistics:
    finite = found.n_finite > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        zeros, saturated = found.n_zero / found.n, found.n_bound / found.n
        std = np.sqrt(found.m2 / found.n_finite)
    return LayerStatistics(
        layer=name,
        layer_class=layer_class,
        word=word,
        n=found.n,
        n_nan=found.n_nan,
        n_infinite=found.n_infinite,
        zeros=zeros,
        saturated=saturated if limited else np.full(len(zeros), np.nan),
        mean=np.where(finite, found.mean, np.nan),
        std=std,
        low=np.where(finite, found.low, np.nan),
        high=np.where(finite, found.high, np.nan),
        first_sample=found.first if found.first >= 0 else None,
    )


def weight_statistics(layer: str, name: str, shape: tuple[int, ...], found: Summary) -> WeightStatistics:
    one = layer_statistics(name, "", "", found, limited=False)
    numbers = {key: getattr(one, key)[0].item() for key in ("n", "n_nan", "n_infinite", "zeros", "mean", "std")}
    return WeightStatistics(layer, name, shape, **numbers, low=one.low[0].item(), high=one.high[0].item())


def row(one: LayerStatistics) -> dict[str, Any]:
    n = int(one.n.sum())
    told = one.n > 0
    shares = {
        name: float(np.sum(getattr(one, name) * one.n, where=told) / n) if n else float("nan")
        for name in ("zeros", "saturated")
    }
    with np.errstate(invalid="ignore"):
        low, high = np.fmin.reduce(one.low), np.fmax.reduce(one.high)
    return {
        "layer": one.layer,
        "class": one.layer_class,
        "filters": one.n_filters,
        "n": n,
        "nan": int(one.n_nan.sum()),
        "infinite": int(one.n_infinite.sum()),
        **shares,
        "size": one.size,
        "spread": one.spread,
        "low": float(low),
        "high": float(high),
    }


def table(layers: Sequence[LayerStatistics], named: Collection[str]) -> list[str]:
    """Lines for a notebook's cell: all layers if there are few, else those that are named and some between them."""
    at = list(range(len(layers)))
    if len(layers) > MOST_LISTED:
        wanted = [i for i in at if layers[i].layer in named][: MOST_LISTED // 2]
        even = np.linspace(0, len(layers) - 1, MOST_LISTED).round().astype(int).tolist()
        at = sorted({*wanted, *[i for i in even if i not in wanted][: MOST_LISTED - len(wanted)]})
    width = min(max([5, *(len(layers[i].layer) for i in at)]), 32)
    told = [
        f"{'layer':{width}} {'filters':>7} {'zeros':>6} {'size':>9} {'least':>9} {'greatest':>9} {'NaN or inf':>10}"
    ]
    for place, i in enumerate(at):
        if place and i - at[place - 1] > 1:
            told.append(f"{'…':{width}} {i - at[place - 1] - 1} more")
        told_of = row(layers[i])
        name = told_of["layer"] if len(told_of["layer"]) <= width else "…" + told_of["layer"][1 - width :]
        zeros = f"{100 * told_of['zeros']:.0f} %" if told_of["n"] else "–"
        numbers = " ".join(f"{told_of[key]:>9.3g}" for key in ("size", "low", "high"))
        told.append(
            f"{name:{width}} {told_of['filters']:>7,} {zeros:>6} {numbers} {told_of['nan'] + told_of['infinite']:>10,}"
        )
    return told
