"""How alike two maps are, whatever their scale: rank correlations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
CARRIED = 0.97  # of a map's magnitude: the rest is too faint to be seen, and would be most of the ranks
FEWEST = 3  # cells between which an order says something


def rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Spearman's, of two arrays of shape (n,); equal values share the mean of their ranks.

    0 where one of them is the same everywhere, NaN of fewer than three values or where one is not finite.
    """
    if len(a) < FEWEST or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan")
    first, second = (_ranks(values) - (len(values) + 1) / 2 for values in (a, b))
    size = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(np.sum(first * second) / size) if size > 0 else 0.0


def likeness(a: NDArray[Any], b: NDArray[Any]) -> tuple[float, float]:
    """Rank correlations of two maps of any one shape: (of their values, of their magnitudes).

    Compared are the cells that carry one of the maps, 97 % of its magnitude. Recurrent layers leave exponentially small
    values far in the past, and causal ones zeros in the future: by rank these would outweigh all that can be seen.
    """
    a, b = np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan"), float("nan")
    if not a.any() and not b.any():
        return 0.0, 0.0
    of = _carrying(np.abs(a)) | _carrying(np.abs(b))
    return rank_correlation(a[of], b[of]), rank_correlation(np.abs(a[of]), np.abs(b[of]))


def _carrying(sizes: Doubles) -> NDArray[np.bool_]:
    """The fewest cells that together have most of the size."""
    order = np.argsort(-sizes, kind="stable")
    total = np.cumsum(sizes[order])
    carrying = np.zeros(len(sizes), bool)
    if len(sizes) and total[-1] > 0:
        carrying[order[: int(np.searchsorted(total, CARRIED * total[-1])) + 1]] = True
    return carrying


def _ranks(values: NDArray[Any]) -> Doubles:
    """1 for the smallest."""
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean: Doubles = np.cumsum(counts) - (counts - 1) / 2
    return mean[at]
