"""From where to where values go."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.extremes import of_each
from tswidgets.plots.memory import remembered

Range = tuple[float, float]
"""(low, high); (inf, -inf) of nothing."""


def extremes(*arrays: NDArray[Any]) -> Range:
    """Smallest and largest finite value; (inf, -inf) if there is none."""
    finite = [array[np.isfinite(array)] for array in arrays]
    return min((float(a.min()) for a in finite if a.size), default=np.inf), max(
        (float(a.max()) for a in finite if a.size), default=-np.inf
    )


extremes_of_each = remembered(of_each)


@remembered
def has_gaps(values: NDArray[Any]) -> NDArray[np.bool_]:
    """(n_steps,): whether a step of (n_steps, n_filters) has a value that is not finite."""
    finite = np.isfinite(values)
    gaps: NDArray[np.bool_] = np.zeros(values.shape[:-1], bool) if finite.all() else ~finite.all(axis=-1)
    return gaps


def union(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])
