"""Which number of a model's output is meant, for every sample of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate

Target = int | None | tuple[int | None, ...] | NDArray[np.integer[Any]]
How = Literal["index", "mean", "largest"]
"""What is taken along an axis: the entry that an index names, the mean, or the largest."""


def indices(target: Target, shape: Sequence[int], n_samples: int) -> tuple[NDArray[np.int32], tuple[How, ...]]:
    """(index along every axis for every sample, what to take along every axis).

    target : an int is the class or filter, for an output with one axis longer than 1; a tuple has an index for every
        axis, or None to take the mean over that axis; an array of ints of shape (n_samples,) or (n_samples, n_axes)
        gives every sample its own. None is the only number, or the largest along the only axis.
    shape : the output's, without the batch axis. Axes of length 1 at its end need no index.
    """
    if target is None:
        if any(size != 1 for size in shape[1:]):
            _validate.no_target(target, shape)
        return np.zeros((n_samples, len(shape)), np.int32), tuple(
            "index" if axis else "largest" for axis in range(len(shape))
        )
    rows, how = (
        _of_each(target, shape, n_samples) if isinstance(target, np.ndarray) else _of_all(target, shape, n_samples)
    )
    n_given = rows.shape[1]
    inside = n_given <= len(shape) and all(size == 1 for size in shape[n_given:])
    if not inside or any(((column < -n) | (column >= n)).any() for column, n in zip(rows.T, shape, strict=False)):
        _validate.no_target(target, shape)
    rows = np.concatenate([rows, np.zeros((n_samples, len(shape) - n_given), np.int64)], axis=1)
    left: list[How] = ["index"] * (len(shape) - n_given)
    return (rows % np.maximum(shape, 1)).astype(np.int32), (*how, *left)


def picked(values: NDArray[Any], rows: NDArray[np.int32], how: Sequence[How]) -> NDArray[Any]:
    """The number that a target chooses, of values of shape (n_samples, …): (n_samples,)."""
    for axis in reversed(range(len(how))):
        if how[axis] == "mean":
            values = values.mean(axis=axis + 1)
        else:
            at = rows[:, axis].reshape(-1, *[1] * (values.ndim - 1))
            values = np.take_along_axis(values, at, axis=axis + 1).squeeze(axis + 1)
    return values


def _of_each(target: NDArray[Any], shape: Sequence[int], n_samples: int) -> tuple[NDArray[np.int64], list[How]]:
    if target.dtype.kind not in "iu" or target.shape[:1] != (n_samples,) or target.ndim > 2:
        _validate.no_target(target, shape)
    rows = target.reshape(n_samples, -1).astype(np.int64)
    return rows, ["index"] * rows.shape[1]


def _of_all(target: Any, shape: Sequence[int], n_samples: int) -> tuple[NDArray[np.int64], list[How]]:
    parts = target if isinstance(target, tuple) else (target,)
    if any(isinstance(one, (bool, np.bool_)) or not isinstance(one, (int, np.integer, type(None))) for one in parts):
        _validate.no_target(target, shape)
    row = [0 if part is None else int(part) for part in parts]
    return np.array([row] * n_samples, np.int64).reshape(n_samples, -1), [
        "mean" if part is None else "index" for part in parts
    ]
