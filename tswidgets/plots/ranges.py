"""From where to where values go."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.memory import remembered

Range = tuple[float, float]
"""(low, high); (inf, -inf) of nothing."""


def extremes(*arrays: NDArray[Any]) -> Range:
    """Smallest and largest finite value; (inf, -inf) if there is none."""
    finite = [array[np.isfinite(array)] for array in arrays]
    return min((float(a.min()) for a in finite if a.size), default=np.inf), max(
        (float(a.max()) for a in finite if a.size), default=-np.inf
    )


@remembered
def extremes_of_each(values: NDArray[Any]) -> NDArray[np.float32]:
    """(n, 2): smallest and largest finite value of each entry of the last axis; (inf, -inf) if there is none."""
    flat = values.reshape(-1, values.shape[-1])
    if not len(flat):
        return np.repeat(np.array([[np.inf, -np.inf]], np.float32), flat.shape[1], axis=0)
    finite = np.isfinite(flat)
    whole = bool(finite.all())
    low, high = ((np.minimum, np.inf), (np.maximum, -np.inf))
    found = [of_runs(best, flat if whole else np.where(finite, flat, none), len(flat))[0] for best, none in (low, high)]
    return np.column_stack(found).astype(np.float32)


def of_runs(best: np.ufunc, values: NDArray[Any], run: int) -> NDArray[Any]:
    """The least or greatest of each run of consecutive rows, the last of which may be shorter: ndarray (n_runs, ...).

    As `reduceat` does, by halves that overlap where the number is odd: of few columns that takes a third of its time.
    """
    whole = len(values) // run
    runs = values[: whole * run].reshape(whole, run, *values.shape[1:])
    while runs.shape[1] > 1:
        half = (runs.shape[1] + 1) // 2
        runs = best(runs[:, :half], runs[:, -half:])
    rest = values[whole * run :]
    found: NDArray[Any] = runs[:, 0] if not len(rest) else np.concatenate([runs[:, 0], best.reduce(rest)[None]])
    return found


@remembered
def has_gaps(values: NDArray[Any]) -> NDArray[np.bool_]:
    """(n_steps,): whether a step of (n_steps, n_filters) has a value that is not finite."""
    gaps: NDArray[np.bool_] = (~np.isfinite(values)).any(axis=-1)
    return gaps


def union(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])
