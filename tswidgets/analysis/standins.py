"""What takes the place of a series, or of a part of it, that a model is asked without."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.attribution import Explained
from tswidgets.probe.inputs import arranged


def baselines(asked: Explained, value: Any, what: str) -> list[NDArray[Any]]:
    """For every input an array like it: a number, "mean" of each channel, or what was given; padding as it is."""
    parts = value
    if isinstance(value, (dict, list, tuple)) and len(asked.flat) > 1:
        parts = tree.flatten(arranged(asked.probe.model, value))
    given = _validate.stand_in(parts, [array.shape[1:] for array in asked.flat], what)
    found = []
    for i, (array, there) in enumerate(zip(asked.flat, asked.present, strict=True)):
        other = _means(array, there) if given is None else given[i]
        found.append(np.where(there, np.broadcast_to(other, array.shape), array).astype(array.dtype))
    return found


def _means(array: NDArray[Any], there: NDArray[np.bool_]) -> NDArray[Any]:
    """Mean of each channel of each sample over the steps that are no padding."""
    over = tuple(range(1, array.ndim - 1)) or (1,)
    shown = np.broadcast_to(there, array.shape)
    return (array * shown).sum(axis=over, keepdims=True) / np.maximum(shown.sum(axis=over, keepdims=True), 1)
