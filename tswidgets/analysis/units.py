"""In which order to look at a layer's units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate

Floats = NDArray[np.float32]
EXACT = 512  # steps or units up to which the eigenvectors are found exactly
SKETCH, PASSES = 32, 4  # vectors that stand for the rest, and how often they are refined
ORDERS = ("index", "activity", "similarity")


def unit_order(values: Floats, by: str = "similarity") -> NDArray[np.int64]:
    """Indices of units, so that those that belong together stand together.

    Parameters
    ----------
    values : ndarray of shape (n_timesteps, n_units)
        Steps that are NaN for all units, as padding is, do not count; units that are not a number at any other step
        come last, by number.
    by : str
        `index`; `activity`: the largest mean magnitude first; `similarity`: units that rise and fall together stand
        next to each other, those that do the opposite far apart.

    Source of `similarity`: Friendly, "Corrgrams: exploratory displays for correlation matrices", 2002: the angle of
    each unit in the plane of the two largest eigenvectors of the units' correlations. With more than 512 units and
    steps that plane is found by Algorithm 4.4 of Halko, Martinsson & Tropp, "Finding structure with randomness", 2011.
    """
    _validate.one_of(by, ORDERS, "order")
    finite = np.isfinite(values)
    there = finite.any(axis=1)
    sound = finite[there].all(axis=0)
    order = np.arange(values.shape[1])
    if by == "index" or not there.any():
        return order
    first, last = order[sound], order[~sound]
    found = values[there][:, sound].astype(np.float64)
    if found.shape[1]:
        first = first[_by_activity(found) if by == "activity" else _by_similarity(found)]
    return np.concatenate([first, last])


def _by_activity(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.argsort(-np.abs(values).mean(axis=0), kind="stable")


def _by_similarity(values: NDArray[np.float64]) -> NDArray[np.int64]:
    centred = values - values.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=size > 1e-12)
    first, second = _plane(unit)
    angle = np.mod(np.arctan2(second, first), 2 * np.pi)
    order = np.argsort(angle, kind="stable")
    widest = int(np.diff(angle[order], append=angle[order[0]] + 2 * np.pi).argmax())  # the circle is cut there
    turned: NDArray[np.int64] = np.roll(order, -widest - 1)
    return turned


def _plane(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """The two leading right singular vectors of (n_steps, n_units), neither of them with a negative sum."""
    n_units, small = unit.shape[1], unit
    if min(unit.shape) > EXACT:
        basis = np.random.default_rng(0).normal(size=(n_units, SKETCH)).astype(np.float32)
        rows = unit.astype(np.float32)
        for _ in range(PASSES):
            basis = np.linalg.qr(rows.T @ np.linalg.qr(rows @ basis)[0])[0]
        small = np.linalg.qr(rows @ basis)[0].T @ unit
    axes = np.zeros((2, n_units))
    across = len(small) < n_units
    values, vectors = np.linalg.eigh(small @ small.T if across else small.T @ small)  # in rising order
    for i in range(min(2, int((values > 1e-12 * max(values[-1], 1e-12)).sum()))):
        axis = small.T @ vectors[:, -1 - i] if across else vectors[:, -1 - i]
        axes[i] = axis / max(np.linalg.norm(axis), 1e-12) * (-1 if axis.sum() < 0 else 1)
    return axes
