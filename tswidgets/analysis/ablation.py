"""What a model answers without some of a layer's filters, and how much worse it is for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, islice
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.metrics import Metric, measuring, metric_name
from tswidgets.analysis.removal import Removal


@dataclass(frozen=True, eq=False)
class Ablation:
    """A model's answers with and without filters of a layer.

    layer : the tap's name, `encoder/conv1`.
    filters : the sets of filters that were removed, each in rising order.
    before : ndarray of shape (n_samples, …), the answer of the model as it is.
    after : ndarray of shape (n_sets, n_samples, …), the answer without each set; (n_samples, …) where one was asked
        for.
    """

    layer: str
    filters: tuple[tuple[int, ...], ...]
    before: NDArray[Any]
    after: NDArray[Any]

    @property
    def change(self) -> NDArray[np.float32]:
        """ndarray of the shape of `after`: after - before."""
        return np.subtract(self.after, self.before, dtype=np.float32)

    def __repr__(self) -> str:
        return f"Ablation({self.layer!r}, {_counted(len(self.filters), 'set')} of filters, output {self.before.shape})"


@dataclass(frozen=True, eq=False)
class PairAblation:
    """What a metric becomes without each filter of a layer, and without each pair.

    layer : the tap's name.
    metric : "mse", "mae", "accuracy", "score", or the name of the function that was given.
    before : the metric of the model as it is; NaN until it is known.
    matrix : ndarray of shape (n_filters, n_filters), float64, symmetric: entry (i, j) is the metric without i and j,
        entry (i, i) without i alone; NaN where it is not computed yet.
    done, total : number of removals that are computed, and that were asked for.
    """

    layer: str
    metric: str
    before: float
    matrix: NDArray[np.float64]
    done: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether all that was asked for is computed."""
        return self.done == self.total

    @property
    def singles(self) -> NDArray[np.float64]:
        """ndarray of shape (n_filters,): the metric without each filter."""
        return self.matrix.diagonal().copy()

    @property
    def change(self) -> NDArray[np.float64]:
        """ndarray of shape (n_filters, n_filters): how much each removal changes the metric."""
        return self.matrix - self.before

    @property
    def interaction(self) -> NDArray[np.float64]:
        """ndarray of shape (n_filters, n_filters): the change by a pair beyond the changes by its two filters alone.

        Positive for an error: the two stand in for each other, so that neither is missed as much as both are. NaN on
        the diagonal.
        """
        singles = self.singles
        beyond = self.matrix - singles[:, None] - singles + self.before
        np.fill_diagonal(beyond, np.nan)
        return beyond

    @property
    def ranking(self) -> NDArray[np.int64]:
        """int ndarray: the filters by the size of their change alone, largest first; only those that are computed."""
        size = np.abs(self.singles - self.before)
        order = np.argsort(-size, kind="stable")  # NaN comes last
        return order[: np.count_nonzero(~np.isnan(size))]

    def __repr__(self) -> str:
        done = f"{self.done} of {_counted(self.total, 'removal')}"
        return f"PairAblation({self.layer!r}, {done}, {self.metric} {self.before:.4g} before)"


def ablate(model: Any, X: Any, layer: str, filters: Any, *, value: Any = "zero", output: int = 0) -> Ablation:
    """What the model answers if some filters of a layer are switched off.

    Parameters
    ----------
    model : keras.Model or Probe
    X : ndarray of shape (n_samples, n_timesteps, n_channels), or the model's own structure of several
        A batch; of a single series pass X[None].
    layer : str
        Name of a tap, as `Probe(model).taps` lists them; its filters or units are its last axis.
    filters : int, set of int, or several of these
        What is removed together: one filter, or a set, list, tuple, range or array of them. A list, array of two axes,
        or any other iterable of sets makes as many runs, each by itself. Negative numbers count from the end.
    value : "zero", "mean" or array
        What takes the place of a removed filter: 0; its mean over all samples and steps of this X, without padding and
        without what is not finite; or its part of an array that broadcasts to the layer's values, (n_filters,) for
        example.
    output : int
        Number of the output, of a model that has several.

    Raises
    ------
    ValueError, TypeError, IndexError
        If the model does not take X, has no such layer or does not run it for this X; if its output does not depend on
        that layer; if a set is empty, out of range, or all filters of the layer; or if the value does not fit.

    Source: Meyes, Lu, Waubert de Puiseau, Meisen, "Ablation studies in artificial neural networks", 2019; Morcos,
    Barrett, Rabinowitz, Botvinick, "On the importance of single directions for generalization", 2018, who clamp whole
    feature maps to 0 or to their mean. Departures: Meyes et al. set the weights and the bias of a unit to 0, which is
    the same only where the activation function is 0 at 0; here, as with Morcos et al., the activation is set. The mean
    is over X, not over the training data, and is one number for all steps of a filter.
    """
    removal = Removal(model, X, layer, value, output)
    sets, single = _validate.filter_sets(filters, removal.n_filters, removal.word, removal.layer)
    for _ in removal.look():
        pass
    after = np.concatenate([piece for piece in removal.without(sets) if piece is not None])
    return Ablation(removal.layer, sets, removal.before, after[0] if single else after)


def ablate_pairs(
    model: Any,
    X: Any,
    layer: str,
    *,
    y: Any = None,
    metric: Metric = "mse",
    value: Any = "zero",
    output: int = 0,
    output_axis: str | None = None,
) -> PairAblation:
    """A metric of the model without each filter of a layer, and without each pair of them.

    Parameters
    ----------
    model, X, layer, value, output : as in `ablate`
    y : ndarray of shape (n_samples, …), optional
        What the output should be, in its shape, give or take axes of length 1 at the end; for "accuracy" and "score"
        class numbers, for each step if the output has steps, or one-hot. Without it the untouched model's own answers
        take its place.
    metric : str or callable
        "mse", "mae"; "accuracy", by the largest of several classes or by 0.5 where there is one number; "score", the
        mean output at y's class, or at the class that the untouched model predicts; or a function
        `(y_true, y_pred) -> float` of two arrays of the output's shape. Steps of the output that the model masks as
        padding do not count, save for a function, which is given all.
    output_axis : "time", optional
        Says that a flat output of n_timesteps numbers is the time axis, and not a number for each class.

    Raises
    ------
    ValueError, TypeError, IndexError
        As `ablate`; if the layer has fewer than three filters, since a pair would be all of it; if y does not fit the
        output or the metric; or if the function fails or returns no number.

    Source: the removal of two channels in Sugisaki's article
    【深層学習】時系列データに対する1次元畳み込み層の出力を可視化, 2018. Departures: single removals are on the
    diagonal, which the article leaves 0; each pair is run once, since the matrix is symmetric; any layer of any model,
    and any metric; and what the article calls the sum of squared errors is their mean, in its code as here. For single
    removals Meyes et al. 2019 and Morcos et al. 2018, as in `ablate`.
    """
    *_, found = iter_ablate_pairs(
        model, X, layer, y=y, metric=metric, value=value, output=output, output_axis=output_axis
    )
    return found


def iter_ablate_pairs(
    model: Any,
    X: Any,
    layer: str,
    *,
    y: Any = None,
    metric: Metric = "mse",
    value: Any = "zero",
    output: int = 0,
    output_axis: str | None = None,
    pairs: bool = True,
) -> Iterator[PairAblation]:
    """The same piece by piece: yields what is found so far, all single filters first and then the pairs.

    Whoever stops drawing stops the work. Pieces are short, and of a large X several may pass without anything new: the
    same result comes again. Weights that change meanwhile, as in training, count from then on. What is wrong with the
    arguments is said at once, with y when the untouched model has been run.

    Parameters
    ----------
    model, X, layer, y, metric, value, output, output_axis : as in `ablate_pairs`
    pairs : bool
        False leaves at the single filters, as for a ranking; two filters are enough then.
    """
    name = metric_name(metric)
    removal = Removal(model, X, layer, value, output)
    _validate.enough_filters(removal.n_filters, pairs, removal.word, removal.layer)
    steps = _validate.output_axis(output_axis) and _validate.flat_steps(removal.output_shape, [removal.n_timesteps])
    return _ablating(removal, y, metric, name, pairs, steps)


def _ablating(
    removal: Removal, y: Any, metric: Metric, name: str, pairs: bool, flat_steps: bool
) -> Iterator[PairAblation]:
    n, done = removal.n_filters, 0
    total = n + comb(n, 2) * pairs
    matrix = np.full((n, n), np.nan)
    found = _snapshot(removal.layer, name, np.nan, matrix, done, total)
    for _ in removal.look():
        yield found
    untouched = removal.before[..., None] if flat_steps else removal.before
    measure = measuring(metric, y, untouched, removal.present)
    before = float(next(measure(untouched[None]))[0])
    found = _snapshot(removal.layer, name, before, matrix, done, total)
    yield found
    sets = _sets(n, pairs)
    for outputs in removal.without(_sets(n, pairs)):
        if outputs is not None:
            results: list[NDArray[np.float64]] = []
            for some in measure(outputs[..., None] if flat_steps else outputs):
                if results:
                    yield found  # a function may be slow
                results.append(some)
            rows, columns = np.array([(one[0], one[-1]) for one in islice(sets, len(outputs))]).T
            matrix[rows, columns] = matrix[columns, rows] = np.concatenate(results)
            done += len(outputs)
            found = _snapshot(removal.layer, name, before, matrix, done, total)
        yield found


def _sets(n_filters: int, pairs: bool) -> Iterator[tuple[int, ...]]:
    """Each filter, and then each pair."""
    return chain(combinations(range(n_filters), 1), combinations(range(n_filters), 2) if pairs else ())


def _snapshot(
    layer: str, metric: str, before: float, matrix: NDArray[np.float64], done: int, total: int
) -> PairAblation:
    own = matrix.copy()
    own.flags.writeable = False
    return PairAblation(layer, metric, before, own, done, total)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")
