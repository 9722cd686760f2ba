"""Many numbers in a few: counts, mean, deviation and extremes of every filter, put together batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]
AT_ONCE = 2**20  # numbers of a weight that are looked at together


@dataclass(frozen=True, eq=False)
class Summary:
    """Of the values of each filter; all arrays have shape (n_filters,).

    n : how many values; of these `n_finite` are finite, `n_nan` NaN, the others infinite.
    n_zero : how many are 0; `n_bound` lie at a bound of the activation function.
    mean, m2 : of the finite values the mean, and the sum of squared distances from it; 0 without any.
    low, high : the least and the greatest finite value; inf and -inf without any.
    first : number of the first sample with a value that is not finite, -1 without one; the same for all filters.
    """

    n: Counts
    n_finite: Counts
    n_nan: Counts
    n_zero: Counts
    n_bound: Counts
    mean: Doubles
    m2: Doubles
    low: Doubles
    high: Doubles
    first: int = -1

    @property
    def n_infinite(self) -> Counts:
        return self.n - self.n_finite - self.n_nan

    def joined(self, other: Summary) -> Summary:
        """Of the values of both, of which `other` comes later.

        Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979:
        means are moved by their difference, so that a large value that all numbers share never cancels digits.
        """
        if self.n.shape != other.n.shape:  # the last axis is time, and these series have another length
            return self.together().joined(other.together())
        n_finite = self.n_finite + other.n_finite
        with np.errstate(over="ignore", invalid="ignore"):
            apart = np.where((self.n_finite > 0) & (other.n_finite > 0), other.mean - self.mean, 0.0)
            share = other.n_finite / np.maximum(n_finite, 1)
            mean = np.where(self.n_finite > 0, self.mean + apart * share, other.mean)
            m2 = self.m2 + other.m2 + apart**2 * self.n_finite * share
        return Summary(
            n=self.n + other.n,
            n_finite=n_finite,
            n_nan=self.n_nan + other.n_nan,
            n_zero=self.n_zero + other.n_zero,
            n_bound=self.n_bound + other.n_bound,
            mean=mean,
            m2=m2,
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            first=self.first if self.first >= 0 else other.first,
        )

    def together(self) -> Summary:
        """Of the values of all filters, as if they were one."""
        one = self.of(slice(0, 1))
        for i in range(1, len(self.n)):
            one = one.joined(self.of(slice(i, i + 1)))
        return one

    def of(self, filters: slice) -> Summary:
        """Of some filters."""
        arrays = {name: part[filters] for name, part in vars(self).items() if name != "first"}
        return Summary(**arrays, first=self.first)


def read(parts: Mapping[str, Any], samples: Counts) -> Summary:
    """What `summing` (`probe/summing.py`) returns of a tap; `samples` are the numbers of the batch's samples."""
    arrays = {name: np.asarray(part) for name, part in parts.items()}
    unsound = np.flatnonzero(~arrays.pop("sound", np.ones(1, bool)))
    n_finite = arrays["n_finite"]
    arrays["n"] = np.broadcast_to(arrays["n"], n_finite.shape)
    arrays["low"] = np.where(n_finite > 0, arrays["low"], np.inf)
    arrays["high"] = np.where(n_finite > 0, arrays["high"], -np.inf)
    arrays.setdefault("n_bound", np.zeros_like(n_finite))
    first = -1
    if len(unsound):
        n_rows = np.asarray(parts["sound"]).size
        first = int(samples[min(unsound[0] * len(samples) // n_rows, len(samples) - 1)])
    return Summary(**arrays, first=first)


def of_array(values: NDArray[Any]) -> Summary:
    """Of all numbers of an array, as one filter's."""
    found = _of_flat(np.empty(0))
    flat = np.ascontiguousarray(values).reshape(-1)
    for start in range(0, flat.size, AT_ONCE):
        found = found.joined(_of_flat(flat[start : start + AT_ONCE].astype(np.float64)))
    return found


def _of_flat(values: Doubles) -> Summary:
    finite = values[np.isfinite(values)]
    mean = finite.mean() if finite.size else 0.0

    def count(many: Any) -> Counts:
        return np.array([np.count_nonzero(many)], np.int64)

    return Summary(
        n=np.array([values.size], np.int64),
        n_finite=np.array([finite.size], np.int64),
        n_nan=count(np.isnan(values)),
        n_zero=count(values == 0),
        n_bound=np.zeros(1, np.int64),
        mean=np.array([mean]),
        m2=np.array([np.square(finite - mean).sum()]),
        low=np.array([finite.min(initial=np.inf)]),
        high=np.array([finite.max(initial=-np.inf)]),
    )


def of_weights(model: keras.Model, made_by: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[int, ...], Summary]]:
    """(tap, name, shape, summary) of every weight of a model, under the first tap whose layer it belongs to.

    made_by : tap → its layer or operation, in the order of the run. What belongs to none of them is under "".
    """
    owner: dict[int, str] = {}
    for tap, operation in made_by.items():
        for variable in getattr(operation, "weights", None) or []:
            owner.setdefault(id(variable), tap)
    for variable in model.weights:
        array = np.asarray(tf.convert_to_tensor(variable.value))
        numbers = array if array.dtype.kind in "fiub" else array.astype(np.float32)  # bfloat16 is of kind V
        yield owner.get(id(variable), ""), str(variable.name), tuple(array.shape), of_array(numbers)
