"""In which order to look at a layer's units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate

Floats = NDArray[np.float32]
ORDERS = ("index", "activity", "similarity")


def unit_order(values: Floats, by: str = "similarity") -> NDArray[np.int64]:
    """Indices of units, so that those that belong together stand together.

    Parameters
    ----------
    values : ndarray of shape (n_timesteps, n_units)
        Steps that are NaN, as padding is, do not count.
    by : str
        `index`; `activity`: the largest mean magnitude first; `similarity`: units that rise and fall together stand
        next to each other, those that do the opposite far apart.

    Source of `similarity`: Friendly, "Corrgrams: exploratory displays for correlation matrices", 2002: the angle of
    each unit in the plane of the two largest eigenvectors of the units' correlations.
    """
    _validate.one_of(by, ORDERS, "order")
    there = values[np.isfinite(values).all(axis=1)].astype(np.float64)
    if by == "index" or not len(there):
        return np.arange(values.shape[1])
    if by == "activity":
        return np.argsort(-np.abs(there).mean(axis=0), kind="stable")
    centred = there - there.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=size > 1e-12)
    _, _, axes = np.linalg.svd(unit, full_matrices=False)
    first, second = axes[0], axes[1] if len(axes) > 1 else np.zeros_like(axes[0])
    angle = np.mod(np.arctan2(second, first), 2 * np.pi)
    order = np.argsort(angle, kind="stable")
    widest = int(np.diff(angle[order], append=angle[order[0]] + 2 * np.pi).argmax())  # the circle is cut there
    turned: NDArray[np.int64] = np.roll(order, -widest - 1)
    return turned
