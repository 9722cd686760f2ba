"""Whether a model's weights are still the same."""

from __future__ import annotations

import weakref
from typing import Any

import keras
import numpy as np
import tensorflow as tf

MOST = 2**20  # numbers of one variable that are read; a larger one is sampled evenly


class Checksum:
    """Called, it returns bytes that change when anything trains, loads, sets or resets the model's variables.

    It runs in TensorFlow, for less than a forward pass. The states of stateful layers count as variables here.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = weakref.ref(model)
        self._variables: list[Any] = []
        self._compiled: Any = None

    def __call__(self) -> bytes:
        variables = _variables(self._model())
        if self._compiled is None or [*map(id, variables)] != [*map(id, self._variables)]:
            values = [variable.value for variable in variables]
            traced = tf.function(lambda: [_checksum(value) for value in values], autograph=False)
            self._variables, self._compiled = variables, traced.get_concrete_function()
        return np.array([int(value) for value in self._compiled()], np.int64).tobytes()


def _variables(model: Any) -> list[Any]:
    states = [
        state
        for layer in model._flatten_layers(include_self=False)
        if getattr(layer, "stateful", False)
        for state in getattr(layer, "states", None) or []
        if state is not None
    ]
    return [*model.variables, *keras.tree.flatten(states)]


def _checksum(variable: Any) -> Any:
    flat = tf.reshape(variable, [-1])
    flat = flat[:: max(int(np.prod(variable.shape)) // MOST, 1)]
    if flat.dtype == tf.bool:
        flat = tf.cast(flat, tf.uint8)
    words = {1: tf.uint8, 2: tf.uint16, 4: tf.int32, 8: tf.int64}[flat.dtype.size]
    bits = tf.cast(flat if flat.dtype == words else tf.bitcast(flat, words), tf.int64)
    return tf.reduce_sum(bits * (2 * tf.range(tf.size(bits, tf.int64), dtype=tf.int64) + 1))
