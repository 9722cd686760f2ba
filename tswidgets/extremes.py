"""Least and greatest of many numbers, quickly: a series may have a million steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


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


def of_each(values: NDArray[Any]) -> NDArray[np.float32]:
    """(n, 2): smallest and largest finite value of each entry of the last axis; (inf, -inf) if there is none."""
    flat = values.reshape(-1, values.shape[-1])
    if not len(flat):
        return np.repeat(np.array([[np.inf, -np.inf]], np.float32), flat.shape[1], axis=0)
    finite = np.isfinite(flat)
    whole = bool(finite.all())
    ends = ((np.minimum, np.inf), (np.maximum, -np.inf))
    found = [of_runs(best, flat if whole else np.where(finite, flat, none), len(flat))[0] for best, none in ends]
    return np.column_stack(found).astype(np.float32)
