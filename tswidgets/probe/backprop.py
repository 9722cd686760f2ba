"""Rules by which a gradient goes backwards through a layer, other than its derivative.

Each is a visitor of a model's run: it puts a tensor of the same values in the place of what a layer returns, through
which gradients go another way. No layer is changed, and no model is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import keras
import tensorflow as tf

from tswidgets import _validate
from tswidgets.probe.intercept import Call, has_activation
from tswidgets.probe.logits import SLOPE, without_activation
from tswidgets.probe.taps import family

RECTIFIERS = {"relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "softplus"}
RECTIFIERS |= {"hard_silu", "hard_swish", "squareplus", "sparse_plus", "threshold"}
RECTIFIER_LAYERS = (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.PReLU, keras.layers.ELU)
RECTIFIER_OPS = (
    "Relu",
    "Relu6",
    "LeakyRelu",
    "Elu",
    "Selu",
    "Softplus",
    "Maximum",
    "Erf",
    "Erfc",
)  # GELU is made of the last
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
MAXIMA = (keras.layers.MaxPooling1D, keras.layers.MaxPooling2D, keras.layers.GlobalMaxPooling1D)
PRODUCTS = ("Multiply", "Dot", "Matmul", "Einsum", "Maximum", "Minimum", "Divide", "Power")  # of two signals
NOT_ELEMENTWISE = {"softmax", "log_softmax", "sparsemax", "glu", "linear"}


class Plain:
    """The gradient as it is."""

    def __init__(self) -> None:
        self._refuse: list[Callable[[], NoReturn]] = []  # not raised inside a layer's call, which would wrap it

    def visit(self, name: str, tensor: Any, call: Call) -> Any:
        return tensor

    def check(self, value: Any) -> None:
        """Raise if something on the way to `value` is not covered by the rule."""
        for refuse in reversed(self._refuse):  # the outermost layer comes last
            refuse()


class Guided(Plain):
    """Only what would raise the score goes backwards through a rectifier."""

    def __init__(self) -> None:
        super().__init__()
        self._covered: set[str] = set()

    def visit(self, name: str, tensor: Any, call: Call) -> Any:
        if not _rectifies(call):
            if family(call.operation) == "recurrent" and (inner := _recurrent_rectifier(call.operation)):
                self._refuse.append(partial(_validate.not_guided, f"the activation {inner!r} inside {name!r}"))
            return tensor
        before = call.outputs if call.before_activation else call.inputs
        if not call.before_activation:
            self._covered |= _rectifying_ops(tensor, {id(one) for one in before})
            return _clipped(tensor)
        return tensor

    def check(self, value: Any) -> None:
        super().check(value)
        if tf.executing_eagerly():
            _validate.not_guided("code that runs step by step, in which they cannot be found")
        loose = _rectifying_ops(value, set()) - self._covered
        if loose:
            _validate.not_guided(f"one in the model's own code, {min(loose)!r}")


class Rescale(Plain):
    """DeepLIFT's rescale rule: the slope between a series and its baseline takes the place of the derivative.

    The first half of the batch are series, the second half their baselines.
    """

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[int, Any] = {}

    def visit(self, name: str, tensor: Any, call: Call) -> Any:
        layer = call.operation
        if call.before_activation:
            self._before[id(layer)] = tensor
            return tensor
        products = type(layer).__name__ in PRODUCTS and len(call.inputs) > 1
        if family(layer) in ("recurrent", "attention") or products:
            self._refuse.append(partial(_validate.not_rescaled, name, type(layer).__name__))
            return tensor
        if isinstance(layer, MAXIMA):
            return _through_maximum(layer, call.inputs[0], tensor)
        if id(layer) in self._before:
            before = self._before.pop(id(layer))
            return tensor if _activation_name(layer) in NOT_ELEMENTWISE else _through_slope(before, tensor)
        if isinstance(layer, keras.layers.TimeDistributed) and has_activation(layer.layer):
            known = _activation_name(layer.layer) in NOT_ELEMENTWISE
            return tensor if known else _through_slope(without_activation(call), tensor)
        if isinstance(layer, RECTIFIER_LAYERS) or _elementwise(layer):
            return _through_slope(call.inputs[0], tensor)
        return tensor


RULES: dict[str, type[Plain]] = {"gradient": Plain, "guided": Guided, "rescale": Rescale}


def _activation_name(layer: Any) -> str:
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _rectifies(call: Call) -> bool:
    layer = call.operation
    if family(layer) == "recurrent":
        return False
    layer = layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer
    if isinstance(layer, RECTIFIER_LAYERS):
        return True
    return _activation_name(layer) in RECTIFIERS or type(layer).__name__.lower() in {
        name.replace("_", "") for name in RECTIFIERS
    }


def _elementwise(operation: Any) -> bool:
    """Whether it applies an activation function and nothing else: an Activation layer, or `keras.ops.relu`."""
    if isinstance(operation, keras.layers.Activation):
        return _activation_name(operation) not in NOT_ELEMENTWISE
    known = {name.replace("_", "") for name in (*RECTIFIERS, "sigmoid", "tanh", "softsign", "hard_sigmoid", "exp")}
    return not isinstance(operation, keras.Layer) and type(operation).__name__.lower() in known


def _recurrent_rectifier(layer: Any) -> str:
    inner = [layer, *(getattr(layer, part, None) for part in ("forward_layer", "backward_layer", "cell"))]
    inner += getattr(getattr(layer, "cell", None), "cells", [])
    gates = [getattr(getattr(one, "recurrent_activation", None), "__name__", "") for one in inner]
    return next((name for name in (*map(_activation_name, inner), *gates) if name in RECTIFIERS), "")


def _rectifying_ops(tensor: Any, stops: set[int]) -> set[str]:
    """Names of the rectifiers among the traced operations that a tensor comes from, as far back as `stops`."""
    if tf.executing_eagerly():
        return set()
    found, seen, waiting = set(), set(), [tensor]
    while waiting:
        one = waiting.pop()
        if id(one) in stops or one.op.name in seen:
            continue
        seen.add(one.op.name)
        if _rectifies_op(one.op):
            found.add(one.op.name)
        waiting.extend(one.op.inputs)
    return found


def _rectifies_op(op: Any) -> bool:
    """Whether an operation is a rectifier, or calls a function that has one; x · sigmoid(x) is SiLU."""
    if op.type in CALLS:
        body = op.graph._get_function(op.get_attr("f").name).graph
        return any(_rectifies_op(inner) for inner in body.get_operations())
    if op.type == "Mul":
        gates = [one.op for one in op.inputs if one.op.type == "Sigmoid"]
        return any(other is not gate.outputs[0] for gate in gates for other in op.inputs if _shares(gate, other))
    return op.type in RECTIFIER_OPS


def _shares(gate: Any, other: Any) -> bool:
    """Whether a sigmoid is that of the other factor, give or take a constant one."""
    before = gate.inputs[0]
    return before is other or (before.op.type == "Mul" and any(one is other for one in before.op.inputs))


def _clipped(tensor: Any) -> Any:
    return _like(tensor, tf.custom_gradient(lambda x: (tf.identity(x), tf.nn.relu))(tensor))


def _through_slope(before: Any, after: Any) -> Any:
    """`after`, whose gradient by `before` is the slope between both halves; the derivative where they hardly differ."""
    before = tf.cast(before, after.dtype)
    below, above = _difference(before), _difference(after)
    far = tf.abs(below) > 1e-6
    slope = tf.stop_gradient(tf.math.divide_no_nan(above, tf.where(far, below, tf.zeros_like(below))))
    straight = tf.stop_gradient(after) + slope * _moved(before)
    return _like(after, tf.where(far, straight, after, name=SLOPE))


def _through_maximum(layer: Any, before: Any, after: Any) -> Any:
    """The maximum over windows: its change is owed to the series' largest step and to the baseline's largest step."""
    (series, baseline), (highest, lowest) = tf.split(before, 2), tf.split(after, 2)
    above = tf.stop_gradient(tf.maximum(highest, lowest))
    share = tf.math.divide_no_nan(_moved(series), tf.stop_gradient(series - baseline))
    gained = (above - tf.stop_gradient(lowest)) * _at_largest(layer, series, share)
    lost = (tf.stop_gradient(highest) - above) * _at_largest(layer, baseline, share)
    return _like(after, tf.concat([tf.stop_gradient(highest) + gained + lost, lowest], 0))


def _at_largest(layer: Any, x: Any, values: Any) -> Any:
    """The values at the steps where x is largest in its window."""
    if isinstance(layer, keras.layers.GlobalMaxPooling1D):
        steps = tf.argmax(x, axis=1)
        taken = tf.gather(tf.transpose(values, (0, 2, 1)), steps, batch_dims=2)
        return taken[:, None] if layer.keepdims else taken
    wide = x if x.shape.rank == 4 else x[:, None]
    size, strides = ([1] * (4 - 1 - len(part)) + [*part, 1] for part in (layer.pool_size, layer.strides))
    _, places = tf.nn.max_pool_with_argmax(
        tf.stop_gradient(wide), size, strides, layer.padding.upper(), include_batch_in_index=False
    )
    n_rows = tf.shape(places)[0]
    taken = tf.gather(tf.reshape(values, [n_rows, -1]), tf.reshape(places, [n_rows, -1]), batch_dims=1)
    shape = tf.shape(places)
    return tf.reshape(taken, shape if x.shape.rank == 4 else tf.concat([shape[:1], shape[2:]], 0))


def _difference(tensor: Any) -> Any:
    """Series minus baseline, for both halves of the batch; no gradient goes through it."""
    series, baseline = tf.split(tf.stop_gradient(tensor), 2)
    return tf.concat([series - baseline] * 2, 0)


def _moved(tensor: Any) -> Any:
    """Zero, with the gradient of the tensor."""
    return tensor - tf.stop_gradient(tensor)


def _like(tensor: Any, other: Any) -> Any:
    """The other tensor, with what Keras has hung on the first: the mask comes by itself, the logits do not."""
    logits = getattr(tensor, "_keras_logits", None)
    if logits is not None:
        other._keras_logits = logits
    return other
