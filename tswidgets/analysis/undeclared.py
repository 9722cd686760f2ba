"""The inputs of a model that declares none, told by the arrays that it is given and by what it takes.

A dict is one array for each input. A list may be that, too, or the samples of a single input. Arrays of three axes are
inputs, as a sample has two, unless the model takes each of them as a sample; arrays of two axes are samples, unless the
model takes none of them as such. A model that is not built yet is not asked, since asking would build it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree
from numpy.typing import NDArray

from tswidgets.probe import Input, Probe
from tswidgets.probe.inputs import numbered


def several_inputs(model: Any, X: Any) -> list[Input]:
    """One entry for each array of X, in its order, where X is one for each input; none where it is samples of one."""
    inner = model.model if isinstance(model, Probe) else model
    if isinstance(inner, keras.Sequential) or not isinstance(X, (Mapping, list, tuple)) or not len(X):
        return []
    named = X if isinstance(X, Mapping) else dict(zip(numbered(len(X)), X, strict=True))
    arrays = {str(name): _array(values) for name, values in named.items()}
    if not isinstance(X, Mapping):
        known = len(model.input_shapes) > 1 if isinstance(model, Probe) else _are_inputs(inner, list(arrays.values()))
        if not known:
            return []
    return [_described(name, array) for name, array in arrays.items()]


def _array(values: Any) -> NDArray[Any]:
    """Anything that NumPy can read; series of different lengths as an array of objects."""
    if not isinstance(values, (list, tuple)) or len({np.shape(one) for one in values}) < 2:
        return np.asarray(values)
    array = np.empty(len(values), object)
    array[:] = [np.asarray(one) for one in values]
    return array


def _described(name: str, array: NDArray[Any]) -> Input:
    """What takes (n_samples, n_timesteps, n_channels), (n_samples, n_features), or a list of series."""
    one = _first(array)
    return Input(name, (None, *one.shape[1:]) if one.ndim > 1 else one.shape, one.dtype.kind in "iu")


def _are_inputs(model: keras.Model, arrays: list[NDArray[Any]]) -> bool:
    """Whether the arrays of a list are one for each input, and not one for each sample."""
    ranks = {1 + _first(array).ndim if array.size else 0 for array in arrays}
    if len(arrays) < 2 or min(ranks) < 2:
        return False
    n_axes, as_many = max(ranks), len({len(array) for array in arrays}) == 1
    ragged = any(array.dtype.kind == "O" for array in arrays)
    alike = not ragged and len({array.shape[1:] for array in arrays}) == 1  # as samples of one input are
    if n_axes > 2 and not alike:
        return True
    if not model.built:
        return as_many and n_axes > 2
    inputs, sample = [_first(array)[None] for array in arrays], arrays[0][None]
    if n_axes > 2:
        return (as_many and _takes(model, inputs)) or not _takes(model, sample)
    return as_many and not (alike and _takes(model, sample)) and _takes(model, inputs)


def _first(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array[0]) if array.ndim and len(array) else array


def _takes(model: keras.Model, x: Any) -> bool:
    """Whether a model has one answer to one sample, of which nothing is left in a stateful layer."""
    try:
        with keras.StatelessScope():
            found = model(tree.map_structure(_tensor, x), training=False)
        return all(len(one) == 1 for one in tree.flatten(found))
    except Exception:  # of whatever kind the model's own code raises
        return False


def _tensor(array: NDArray[Any]) -> Any:
    return tf.constant(array, tf.int32 if array.dtype.kind in "iu" else tf.float32)
