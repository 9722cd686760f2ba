"""What overlapping windows say about each step of the wave that they were cut from, piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.overlap import Adder, runs_of

HOWS = "mean", "sum", "copy_edges"


class Fold:
    """The fold of windows onto their wave: `add` some windows at a time, in any order, and ask for a `result` any time.

    Parameters
    ----------
    n_wave_steps, n_filters : int
    at : int ndarray of shape (n_steps,)
        The wave steps that the steps of window 0 land on; -1 for steps that land nowhere.
    stride : int
        Wave steps from one window to the next.
    dtype : float32 or float64, in which is added and returned.

    How the windows were divided and in which order they came shows in rounding only.
    """

    def __init__(
        self, n_wave_steps: int, n_filters: int, at: NDArray[np.integer[Any]], stride: int = 1, dtype: Any = np.float32
    ) -> None:
        self.stride, self.n_steps = stride, len(at)
        self._runs = runs_of(at)
        self._places = at[at >= 0].tolist()
        self._sums = np.zeros((n_wave_steps, n_filters), dtype)
        self._given = np.zeros(n_wave_steps, np.int64)  # values for each wave step, NaN or not
        self._missing: NDArray[np.int64] | None = None  # of these NaN, for each filter; None as long as there are none
        self._no_copies = self._why_no_copies(n_wave_steps - len(at) + 1)
        self._ends = np.full((0 if self._no_copies else 2, len(at) - 1, n_filters), np.nan, dtype)

    def add(self, first_window: int, values: NDArray[Any]) -> None:
        """Add the windows from `first_window` on, each of them once: values of shape (n_windows, n_steps, n_filters).

        NaN does not contribute.
        """
        n, stride, sums = len(values), self.stride, self._sums
        adder = Adder(self._runs, stride, n, sums.shape[1], sums.dtype)
        with np.errstate(invalid="ignore"):  # inf - inf
            for i in range(0, n, adder.size):
                block = np.asarray(values[i : i + adder.size], sums.dtype)
                begin, total = (first_window + i) * stride, adder.total(block)
                place = slice(begin, begin + len(total))
                if np.isnan(total).any():
                    nan = np.isnan(block)
                    if self._missing is None:
                        self._missing = np.zeros(sums.shape, np.int64)
                    self._missing[place] += adder.total(nan.astype(sums.dtype)).astype(np.int64)
                    total = adder.total(np.where(nan, sums.dtype.type(0), block))
                sums[place] += total
        for step in self._places:
            begin = first_window * stride + step
            self._given[begin : begin + (n - 1) * stride + 1 : stride] += 1
        if not self._no_copies:
            keep(self._ends[0], first_window, values[:, 0])
            keep(self._ends[1], first_window - (len(sums) - 2 * (self.n_steps - 1)), values[:, -1])

    @property
    def count(self) -> NDArray[np.int64]:
        """Int ndarray of shape (n_wave_steps,): how many values each wave step has so far, in the filter with most."""
        return self._counts().max(axis=1)

    def result(self, how: str = "mean") -> NDArray[Any]:
        """What has been added so far, an ndarray of shape (n_wave_steps, n_filters): NaN where there is nothing yet."""
        self.check(how)
        count = self._counts()
        result: NDArray[Any] = self._sums.copy()
        if how == "mean":
            result /= np.maximum(count, 1).astype(result.dtype)
        elif how == "copy_edges":
            first, last = self._ends
            copies = np.arange(1, self.n_steps, dtype=result.dtype)[:, None]
            result[: len(first)] += copies[::-1] * first
            result[len(result) - len(last) :] += copies * last
        if not count.all():
            np.copyto(result, np.nan, where=count == 0)
        return result

    def check(self, how: str) -> None:
        """Whether these windows can be folded so; a ValueError if not."""
        _validate.one_of(how, HOWS, "how")
        if how == "copy_edges" and self._no_copies:
            _validate.no_copied_edges(self._no_copies, self.n_steps)

    def _counts(self) -> NDArray[np.int64]:
        """How many values each wave step has, for each filter or in one column for all."""
        given = self._given[:, None]
        return given if self._missing is None else given - self._missing

    def _why_no_copies(self, n_windows: int) -> str:
        if self.stride != 1:
            return f"stride {self.stride}"
        if self._places != list(range(self.n_steps)):
            return "a layer whose steps land elsewhere"
        return f"{n_windows} windows of {self.n_steps} steps" if n_windows < self.n_steps - 1 else ""


def keep(kept: NDArray[Any], first: int, values: NDArray[Any]) -> None:
    """Write `values` to the places from `first` on, as far as there are such places."""
    begin, end = max(first, 0), min(first + len(values), len(kept))
    if begin < end:
        kept[begin:end] = values[begin - first : end - first]
