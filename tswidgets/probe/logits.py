"""What a model's output was before its final softmax or sigmoid."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tswidgets.probe.intercept import Call, as_given, at_once, has_activation, stand_in

SQUASHING = ("softmax", "sigmoid")
SLOPE = "tswidgets_slope"  # name of what stands in for an activation function, which is its third input
SAME_ORDER = ("Identity", "Cast", "Reshape", "Squeeze", "ExpandDims", "EnsureShape", "StopGradient")


class Logits:
    """Watches a run, as its visitor; `of` then gives the logits of one of its tensors, or the tensor if it has none."""

    def __init__(self) -> None:
        self._wrapped: dict[int, Any] = {}

    def visit(self, name: str, tensor: Any, call: Call) -> Any:
        """A wrapper such as TimeDistributed hides its layer's activation: compute it once more without."""
        if isinstance(call.operation, keras.layers.TimeDistributed) and _squashes(call.operation.layer):
            self._wrapped[id(tensor)] = without_activation(call)
        return tensor

    def of(self, tensor: Any) -> Any:
        if id(tensor) in self._wrapped:
            return self._wrapped[id(tensor)]
        known = getattr(tensor, "_keras_logits", None)  # Keras leaves them there for its losses
        return known if known is not None else _before_squashing(tensor)


def without_activation(call: Call) -> Any:
    """What a TimeDistributed layer returns if the layer that it wraps has no activation function."""
    layer = call.operation
    linear = stand_in(layer, layer=stand_in(layer.layer, activation=keras.activations.linear))
    with as_given(call):
        return at_once(linear, call.inputs)(*call.args, **call.kwargs)


def _squashes(layer: Any) -> bool:
    return has_activation(layer) and getattr(layer.activation, "__name__", "") in SQUASHING


def _before_squashing(tensor: Any) -> Any:
    """The argument of the Softmax or Sigmoid operation that a traced tensor comes from, or the tensor itself."""
    source = None if tf.executing_eagerly() else tensor.op
    while source is not None and (source.type in SAME_ORDER or SLOPE in source.name):
        source = source.inputs[2 if SLOPE in source.name else 0].op
    if source is None or source.type not in ("Softmax", "Sigmoid"):
        return tensor
    logits = tf.reshape(source.inputs[0], tf.shape(tensor))
    logits.set_shape(tensor.shape)
    return logits
