"""What the values of every layer are like over many series: zeros, mean, deviation, extremes, and what is no number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import wrap
from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.dead import bounds, ends
from tswidgets.analysis.feeding import Feed, feed
from tswidgets.analysis.findings import Finding, findings
from tswidgets.analysis.layer_statistics import (
    LayerStatistics,
    WeightStatistics,
    layer_statistics,
    row,
    table,
    weight_statistics,
)
from tswidgets.analysis.made import BEFORE, Made, made
from tswidgets.probe import Probe, axes
from tswidgets.probe.summaries import Summary, of_weights, read
from tswidgets.probe.summing import summing
from tswidgets.probe.timeline import is_step_by_step

Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]
MOST_LISTED = 12  # rows of a printed table


@dataclass(frozen=True, eq=False)
class Statistics:
    """What `statistics` returns.

    layers : the data first, then every tap in the order in which the model runs them.
    weights : every weight of the model.
    n_samples : how many samples have been counted, `total` how many there are; None where that is not known.

    `statistics[name]` is the entry of `layers` of that name.
    """

    layers: tuple[LayerStatistics, ...]
    weights: tuple[WeightStatistics, ...]
    n_samples: int
    total: int | None
    _made: Made = field(repr=False)

    def __getitem__(self, layer: str) -> LayerStatistics:
        known = {one.layer: one for one in self.layers}
        return known[_validate.layer_name(layer, list(known))]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, the gravest first, and of equally grave ones that which the model runs first.

        A layer that is wrong only because of one before it is not named. The criteria, S being the size of the data or
        1, whichever is larger, and s the same, whichever is smaller:

        not finite
            NaN or infinite values in the data, in the weights, or in what a layer makes of finite values.
        exploding
            values of a size above 10,000 S, as many powers of ten as `vanishing` has the other way, or one whose square
            float32 cannot hold. Not an output, which is as large as what it was taught.
        vanishing
            values of a size below s / 10,000, though not constant: a stack of 30 layers by Glorot's initialisation is
            below and does not learn, one of 22 is above and does (He et al. 2015). Not an output, not a softmax.
        dead, constant, saturated
            filters that are 0 at every step, or one other value, or at a bound of their activation function at 95 % of
            the steps: as the gallery's signs say it. Bad if it is 90 % of a layer's filters or more, of saturated ones
            half; fewer are a remark, that is not `serious`. Not where fewer than 30 values are known of a filter, and
            not saturated outputs: a classifier that is sure is no fault.

        Exploding and vanishing are remarks while a BatchNormalization has not been trained, which keeps no size then.
        Large and infinite values that go into nothing but a softmax are how attention leaves something out: no fault.

        Sources: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, for
        sizes over depth and for saturation; He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015; Pascanu,
        Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013; Lu, Shin, Su, Karniadakis,
        "Dying ReLU and initialization", 2020. The 10,000 follows He et al.; 90 %, half and 30 are ours, so that models
        that work and fresh ones are not called bad.
        """
        return tuple(findings(self.layers, self.weights, self._made))

    @property
    def first(self) -> Finding | None:
        """The first bad layer: the first of the findings, if it is serious."""
        return next((one for one in self.findings if one.serious), None)

    @property
    def complete(self) -> bool:
        """Whether all samples have been counted."""
        return self.total is None or self.n_samples == self.total

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict for each layer, with numbers of all its filters together: `pandas.DataFrame(statistics.rows)`."""
        return [row(one) for one in self.layers]

    def __repr__(self) -> str:
        of = "" if self.complete or self.total is None else f" of {self.total:,}"
        told = [f"Statistics of {len(self.layers):,} layers over {self.n_samples:,}{of} samples"]
        bad = [one for one in self.findings if one.serious]
        remarks = self.findings[len(bad) :]
        for one in [*bad[:3], *remarks[: not bad]]:
            told += wrap(str(one), 100, initial_indent="  ", subsequent_indent="  ")
        if not bad:
            told.insert(1, "  No layer is bad.")
        more = [f"{len(bad) - 3} more bad layers"] if len(bad) > 3 else []
        n_remarks = len(remarks) - (not bad)
        more += [f"{n_remarks} more remarks" if not bad else f"{n_remarks} remarks"] if n_remarks > 0 else []
        told += [f"  and {' and '.join(more)} in .findings"] if more else []
        return "\n".join([*told, "", *table(self.layers, [one.layer for one in bad])])


def statistics(model: Any, X: Any, *, batch_size: int | None = None) -> Statistics:
    """What the values of every layer are like over many series, and what is wrong with them.

    Parameters
    ----------
    model : keras.Model or Probe
    X : what the model is to be run on, however much that is
        An array of shape (n_samples, n_timesteps, n_channels), which may lie on a disk (`numpy.memmap`, h5py, zarr) and
        is read batch by batch; a list of series of different lengths; a dict or list of one array for each input; or an
        iterable of batches, such as a generator, a `tf.data.Dataset` or a `PyDataset`, of whose (x, y) the x is taken.
        NaN and infinite values are counted.
    batch_size : int, optional
        Samples that are run together; by default as many as 32 MiB of the layers' values hold, 1,024 at most. The
        result does not depend on it, and memory does not on the number of samples.

    Returns
    -------
    Statistics
        `statistics(model, X).findings` says what is wrong, and `.first` where it begins.

    Raises
    ------
    TypeError, ValueError
        If the model does not take X, if X has no sample, or if a batch is unlike the first.

    The layers' values are summed within the compiled run, in float64, and put together by the formula of Chan, Golub
    and LeVeque, 1979. Of complex values the magnitude counts.
    """
    return deque(iter_statistics(model, X, batch_size=batch_size), maxlen=1).pop()  # those before are not kept


def iter_statistics(model: Any, X: Any, *, batch_size: int | None = None) -> Iterator[Statistics]:
    """The same batch by batch: yields what is known so far, the last being all of it.

    Whoever stops drawing stops the work. Parameters as in `statistics`; what is wrong with them is said at once.
    """
    return statistics_of(feed(model, X, batch_size))


def statistics_of(fed: Feed) -> Iterator[Statistics]:
    """The same of what is fed."""
    probe, given = fed.probe, [f"X[{name!r}]" for name in fed.input_names]
    given = ["X"] if len(given) == 1 else given
    names = [tap.name for tap in probe.taps if not tap.name.endswith(BEFORE)]
    operations = {name: probe.calls.operation(name) for name in names}
    limits = {name: bounds(one) for name, one in operations.items()}
    at = {name: ends(limit) for name, limit in limits.items() if limit is not None}
    weights = tuple(weight_statistics(*one) for one in of_weights(probe.model, operations))
    known: dict[str, Summary] = {}
    n_samples, n_runs, whence = 0, 0, None
    for x, numbers, n_real in fed:
        lengths = axes.of(tree.flatten(x))
        padding, alike = _padding(probe, lengths)
        task, key = summing(at, padding, alike, given), ("statistics", padding, alike, frozenset(at))
        real = [] if n_real == len(numbers) else [np.arange(len(numbers)) < n_real]
        for name, parts in probe.tensors(x, key, task, *real).items():
            found = read(parts, numbers)
            known[name] = known[name].joined(found) if name in known else found
        n_samples += n_real
        ordered = {name: known[name] for name in [*given, *(tap.name for tap in probe.taps)] if name in known}
        what = {name: ("Data", word) for name, word in zip(given, fed.words, strict=True)}
        what |= {tap.name: (tap.layer_class, tap.word) for tap in probe.taps}
        layers = tuple(layer_statistics(name, *what[name], part, limited=name in at) for name, part in ordered.items())
        if whence is None or n_runs != len(probe.calls.runs):
            whence, n_runs = made(probe, given), len(probe.calls.runs)
        yield Statistics(layers, weights, n_samples, fed.n_samples, whence)


def _padding(probe: Probe, lengths: tuple[axes.Length, ...]) -> tuple[str | None, frozenset[str]]:
    """A tap whose mask tells what is padding of the input, and the taps that have a step for each of the input's."""
    if not probe.calls.masked:
        return None, frozenset()
    timelines, n = probe.timelines(lengths), axes.longest(lengths)
    return probe.padding_tap(lengths), frozenset(name for name, one in timelines.items() if is_step_by_step(one, n))
