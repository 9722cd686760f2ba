"""Whether a model's weights are still the same."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tswidgets.probe.other_weights import OtherWeights

_looks: weakref.WeakKeyDictionary[keras.Model, int] = weakref.WeakKeyDictionary()
_RAMP = np.linspace(1, 2, 2**18, dtype=np.float32)


class Weights:
    """The variables of a model, with the states of its stateful layers, and a checksum of them.

    The checksum changes when anything trains, loads, sets or resets a variable. Only variables that were written to
    since the last look are summed: TensorFlow writes into a variable's memory only while nobody else holds it, and
    into new memory otherwise, so that whoever holds it sees by the address whether the variable has changed.
    """

    def __init__(self, model: keras.Model, others: OtherWeights | None = None) -> None:
        self._model, self._others = weakref.ref(model), others
        self._lock = threading.Lock()
        self._summing: list[Any] = []
        self._read: Any = None
        self._held: list[tuple[NDArray[Any], bytes]] = []

    def version(self) -> bytes:
        variables, looks = self._variables_now(), self.looks
        with self._lock:
            if self._read is None or [*map(id, variables)] != [*map(id, self._summing)]:
                self._summing = variables
                self._read = tf.function(self.tensors, autograph=False).get_concrete_function()
        return self.version_of(self._read(), looks)

    @property
    def looks(self) -> int:
        """A part of the checksum: how often what was known of the model was given up."""
        model = self._model()
        return 0 if model is None else _looks.get(model, 0)

    def tensors(self) -> list[Any]:
        """The values, to be read within another program."""
        return [tf.convert_to_tensor(variable.value) for variable in self._variables_now()]

    def _variables_now(self) -> list[Any]:
        own = _variables(self._model())
        return own if self._others is None else [self._others.instead_of(variable) for variable in own]

    def version_of(self, tensors: Sequence[Any], looks: int) -> bytes:
        """The checksum of values that another program has read, and of `looks` as it was before."""
        with self._lock:
            held = self._held if len(self._held) == len(tensors) else [(np.empty(0), b"")] * len(tensors)
            self._held = [_summed(tensor, *known) for tensor, known in zip(tensors, held, strict=True)]
            return hashlib.blake2b(
                b"".join([looks.to_bytes(8, "little"), *(sums for _, sums in self._held)]), digest_size=16
            ).digest()


def distrust(model: keras.Model) -> None:
    """Let nothing that is known of a model count any more: weights may have changed while it was computed."""
    _looks[model] = _looks.get(model, 0) + 1


def _variables(model: Any) -> list[Any]:
    states = [
        state
        for layer in model._flatten_layers(include_self=False)
        if getattr(layer, "stateful", False)
        for state in getattr(layer, "states", None) or []
        if state is not None
    ]
    return [*model.variables, *keras.tree.flatten(states)]


def _summed(tensor: Any, held: NDArray[Any], sums: bytes) -> tuple[NDArray[Any], bytes]:
    """The value, which has to be held on to, and its sums."""
    if "GPU" in getattr(tensor, "device", ""):
        return np.empty(0), np.asarray(sum_on_device(tensor)).tobytes()
    array = np.asarray(tensor)
    same = array.ctypes.data == held.ctypes.data and (array.shape, array.dtype) == (held.shape, held.dtype)
    return (held, sums) if same and array.size else (array, _sums(array))


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


def sum_on_device(tensor: Any) -> Any:
    """The same for a tensor that would have to be copied from a GPU: its words, weighted, modulo 2^32."""
    if tensor.dtype == tf.bool:
        tensor = tf.cast(tensor, tf.uint8)
    words = {1: tf.uint8, 2: tf.uint16}.get(tensor.dtype.size, tf.int32)
    bits = tf.reshape(tensor if tensor.dtype == words else tf.bitcast(tensor, words), [-1])
    bits = tf.cast(bits, tf.int32)
    bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, 7))  # or an even number of changed signs cancels
    return tf.reduce_sum(bits * (2 * tf.range(tf.size(bits)) + 1))
