"""Which number of a model's output is meant, for every sample of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate

Target = int | None | tuple[int | None, ...] | NDArray[np.integer[Any]]


def indices(target: Target, shape: Sequence[int], n_samples: int) -> tuple[NDArray[np.int32], tuple[bool, ...]]:
    """(index along every axis for every sample, whether an axis is averaged over instead).

    target : an int is the class or filter, for an output with one axis longer than 1; a tuple has an index for every
        axis, or None to take the mean over that axis; an array of ints of shape (n_samples,) or (n_samples, n_axes)
        gives every sample its own.
    shape : the output's, without the batch axis. Axes of length 1 at its end need no index.
    """
    if isinstance(target, np.ndarray):
        if target.dtype.kind not in "iu" or target.shape[:1] != (n_samples,) or target.ndim > 2:
            _validate.no_target(target, shape)
        rows = target.reshape(n_samples, -1).astype(np.int64)
        averaged = [False] * rows.shape[1]
    else:
        parts = target if isinstance(target, tuple) else (target,)
        if any(
            isinstance(part, (bool, np.bool_)) or not isinstance(part, (int, np.integer, type(None))) for part in parts
        ):
            _validate.no_target(target, shape)
        averaged = [part is None for part in parts]
        rows = np.array([[0 if part is None else int(part) for part in parts]] * n_samples).reshape(n_samples, -1)
    left = list(shape[rows.shape[1] :])
    if rows.shape[1] > len(shape) or any(size != 1 for size in left):
        _validate.no_target(target, shape)
    for axis, size in enumerate(shape[: rows.shape[1]]):
        if ((rows[:, axis] < -size) | (rows[:, axis] >= size)).any():
            _validate.no_target(target, shape)
    rows = np.concatenate([rows, np.zeros((n_samples, len(left)), np.int64)], axis=1)
    return (rows % np.maximum(shape, 1)).astype(np.int32), (*averaged, *(False for _ in left))
