"""Weights that take the place of a model's own while a probe runs it; the model keeps its own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class OtherWeights:
    """A variable for each of a model's, which starts with the same value and can be given another.

    `Probe(model, x, weights)` looks into the model as it would be with them. Layers that read a variable past Keras,
    such as a bare `tf.Variable`, keep their own.
    """

    def __init__(self, model: keras.Model) -> None:
        self._own = list(model.weights)
        self._others = [keras.Variable(np.asarray(one), trainable=False, dtype=one.dtype) for one in self._own]
        self._of = {id(own): other for own, other in zip(self._own, self._others, strict=True)}

    def pairs(self) -> list[tuple[Any, Any]]:
        """(the model's variable, the value that takes its place), as a `keras.StatelessScope` wants them."""
        return [(own, other.value) for own, other in zip(self._own, self._others, strict=True)]

    def instead_of(self, variable: Any) -> Any:
        """The variable that is read in the place of one of the model's."""
        return self._of.get(id(variable), variable)

    def shuffle(self, layer: keras.Layer, rng: np.random.Generator) -> None:
        """Shuffle the entries of each of a layer's own weights: same numbers, other places."""
        for own in layer.weights:
            if id(own) in self._of:
                value: NDArray[Any] = np.asarray(self._of[id(own)])
                self._of[id(own)].assign(rng.permutation(value.reshape(-1)).reshape(value.shape))
