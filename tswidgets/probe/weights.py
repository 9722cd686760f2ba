"""Whether a model's weights are still the same."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_RAMP = np.linspace(1, 2, 2**18, dtype=np.float32)


class Weights:
    """The variables of a model, with the states of its stateful layers, and a checksum of them.

    The checksum changes when anything trains, loads, sets or resets a variable. Reading costs no copy, and NumPy sums
    faster than a TensorFlow graph does.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = weakref.ref(model)
        self._variables: list[Any] = []
        self._read: Any = None

    def version(self) -> bytes:
        variables = _variables(self._model())
        if self._read is None or [*map(id, variables)] != [*map(id, self._variables)]:
            self._variables = variables
            self._read = tf.function(self.tensors, autograph=False).get_concrete_function()
        return checksum(self._read())

    def tensors(self) -> list[Any]:
        """The values, to be read within another program."""
        return [tf.convert_to_tensor(variable.value) for variable in _variables(self._model())]


def checksum(tensors: Iterable[Any]) -> bytes:
    return hashlib.blake2b(b"".join(_sums(np.asarray(tensor)) for tensor in tensors), digest_size=16).digest()


def _variables(model: Any) -> list[Any]:
    states = [
        state
        for layer in model._flatten_layers(include_self=False)
        if getattr(layer, "stateful", False)
        for state in getattr(layer, "states", None) or []
        if state is not None
    ]
    return [*model.variables, *keras.tree.flatten(states)]


def _sums(array: NDArray[Any]) -> bytes:
    """The sum of all words of 8 bytes, which no single change leaves as it is, and one that sees their order and sign.

    The second is a dot product with a ramp: of everything that NumPy can do with numbers, the fastest.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    raw = flat.view(np.uint8)
    whole = len(raw) // 8 * 8
    total = int(raw[:whole].view(np.uint64).sum()) + int.from_bytes(raw[whole:].tobytes(), "little")
    numbers = flat if flat.dtype.kind == "f" and flat.dtype.itemsize > 2 else raw.astype(np.float32)
    ramp, products = _RAMP.astype(numbers.dtype, copy=False), []
    for start in range(0, len(numbers), len(ramp)):
        part = numbers[start : start + len(ramp)]
        products.append(np.dot(part, ramp[: len(part)]))
    return (total % 2**64).to_bytes(8, "little") + np.array(products).tobytes()
