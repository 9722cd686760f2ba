"""Fewer points than there are, without losing a peak: the screen has no more columns anyway."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tswidgets.extremes import of_runs
from tswidgets.plots.memory import remembered

Floats = NDArray[np.float32]


@remembered
def envelope(values: Floats, most: int) -> tuple[NDArray[np.float32], Floats, int]:
    """Smallest and largest value of runs of consecutive steps.

    Parameters
    ----------
    values : ndarray of shape (n_steps, n_channels)
    most : int
        How many points are wanted at the most, at least 2.

    Returns
    -------
    steps : ndarray of shape (n_points,), where on the step axis a point stands
    values : ndarray of shape (n_points, n_channels); NaN only where a whole run is NaN
    run : int, how many steps became two points; 1 if all points are the original ones
    """
    n_steps = len(values)
    if n_steps <= most:
        return np.arange(n_steps, dtype=np.float32), values, 1
    run = -(-n_steps // max(most // 2, 1))
    starts = np.arange(0, n_steps, run)
    points = np.empty((2 * len(starts), values.shape[1]), np.float32)
    points[0::2], points[1::2] = of_runs(np.fmin, values, run), of_runs(np.fmax, values, run)
    places = (starts[:, None] + np.array([0.25, 0.75]) * (run - 1)).ravel()
    return np.minimum(places, n_steps - 1).astype(np.float32), points, run


@remembered
def strongest(values: Floats, n_runs: int) -> tuple[Floats, int]:
    """The value of largest magnitude of each run of consecutive rows: ndarray of at most `n_runs` rows, and the run."""
    if len(values) <= n_runs:
        return values, 1
    run = -(-len(values) // n_runs)
    low, high = of_runs(np.fmin, values, run), of_runs(np.fmax, values, run)
    return np.where(-low > high, low, high), run
