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
    finite = np.isfinite(flat)
    low = np.where(finite, flat, np.inf).min(axis=0, initial=np.inf)
    high = np.where(finite, flat, -np.inf).max(axis=0, initial=-np.inf)
    return np.column_stack([low, high]).astype(np.float32)


@remembered
def has_gaps(values: NDArray[Any]) -> NDArray[np.bool_]:
    """(n_steps,): whether a step of (n_steps, n_filters) has a value that is not finite."""
    gaps: NDArray[np.bool_] = (~np.isfinite(values)).any(axis=-1)
    return gaps


def union(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])
