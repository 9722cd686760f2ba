"""What one look into a model found."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray


class Observation(dict[str, NDArray[Any]]):
    """Tap name → read-only ndarray with the batch axis, of one run of a model.

    masks : tap name → bool ndarray of shape (n_samples, n_timesteps), False where the step is padding; only taps that
        carry a mask.
    output : what the model returned, as ndarrays in the model's own structure; `outputs` is the same as a flat list.
    version : checksum of the weights that it was made with, `Probe.version()`.
    """

    masks: dict[str, NDArray[np.bool_]]
    output: Any
    outputs: list[NDArray[Any]]
    version: bytes

    def __init__(self, results: dict[str, Any], masks: dict[str, Any], output: Any, version: bytes = b"") -> None:
        super().__init__({name: _array(tensor) for name, tensor in results.items()})
        self.masks = {name: _array(mask) for name, mask in masks.items()}
        self.output = tree.map_structure(_array, output)
        self.outputs = tree.flatten(self.output)
        self.version = version

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.values())


def _array(tensor: Any) -> NDArray[Any]:
    array = np.asarray(tensor)
    if array.dtype.kind not in "biuSUO" and array.dtype != np.float32:  # float16, float64, and bfloat16 of kind V
        array = array.astype(np.float32)
    array.flags.writeable = False
    return array
