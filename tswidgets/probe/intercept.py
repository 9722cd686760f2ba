"""Observe or replace what a layer call returns, while a model runs.

One class-level hook on `keras.Layer.__call__` and `keras.Operation.__call__` sees every call of every model:
sequential, functional, nested, shared or subclassed, eager or while a `tf.function` is traced. It is installed only
while at least one `intercepting` block is open, acts only in the thread that opened the block, and leaves nothing
behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from keras import tree

from tswidgets.probe.time_distributed import folded


@dataclass(frozen=True)
class Call:
    """One finished call of a layer or operation, or, if `before_activation`, one that is about to apply its activation.

    `parents` are the calls it ran inside of, outermost first; `args` and `kwargs` are what it was given; `inputs`, in
    the order in which they were written, and `outputs` are flat lists of tensors; `masks` are those of the inputs.
    """

    operation: keras.Operation
    parents: tuple[keras.Operation, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: list[Any]
    masks: list[Any]
    before_activation: bool = False

    @property
    def inputs(self) -> list[Any]:
        return tensors_in([*self.args, *self.kwargs.values()])


Handler = Callable[[Call, Any], Any]

_local = threading.local()
_lock = threading.Lock()
_open_blocks = 0
_layer_call = keras.Layer.__call__
_operation_call = keras.Operation.__call__


@contextmanager
def intercepting(handler: Handler) -> Iterator[None]:
    """Hand every layer call of this thread to `handler(call, result)`; what the handler returns replaces the result.

    Returning `result` itself observes without changing anything. A replaced tensor keeps the Keras mask of the one it
    replaces: without it a masked recurrent layer further down would see the padding.
    """
    outer = getattr(_local, "active", None)
    _install()
    _local.active = (handler, [])
    try:
        yield
    finally:
        _local.active = outer
        _uninstall()


@contextmanager
def as_given(call: Call) -> Iterator[None]:
    """The call's inputs carry the masks that they came with, for a while."""
    now = [mask_of(tensor) for tensor in call.inputs]
    _put_on(call.inputs, call.masks)
    try:
        yield
    finally:
        _put_on(call.inputs, now)


def _put_on(tensors: list[Any], masks: list[Any]) -> None:
    for tensor, mask in zip(tensors, masks, strict=True):
        if mask is not mask_of(tensor):
            tensor._keras_mask = mask


@contextmanager
def unobserved() -> Iterator[None]:
    """Calls of this thread are not handed on for a while: those that a handler makes itself."""
    outer = getattr(_local, "active", None)
    _local.active = None
    try:
        yield
    finally:
        _local.active = outer


def mask_of(tensor: Any) -> Any | None:
    """The Keras mask that rides on a tensor, or None."""
    return getattr(tensor, "_keras_mask", None)


def tensors_in(nested: Any) -> list[Any]:
    """The tensors of a nested structure, in order; numbers, strings and None are left out."""
    return [leaf for leaf in tree.flatten(nested) if is_tensor(leaf)]


def is_tensor(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def _install() -> None:
    global _open_blocks, _layer_call, _operation_call
    with _lock:
        if _open_blocks == 0:
            _layer_call, _operation_call = keras.Layer.__call__, keras.Operation.__call__  # others patch them, too
            keras.Layer.__call__ = _hooked_layer_call
            keras.Operation.__call__ = _hooked_operation_call
        _open_blocks += 1


def _uninstall() -> None:
    global _open_blocks
    with _lock:
        _open_blocks -= 1
        if _open_blocks == 0:
            keras.Layer.__call__ = _layer_call
            keras.Operation.__call__ = _operation_call


def _hooked_layer_call(self: keras.Layer, *args: Any, **kwargs: Any) -> Any:
    return _run(_layer_call, self, args, kwargs)


def _hooked_operation_call(self: keras.Operation, *args: Any, **kwargs: Any) -> Any:
    if isinstance(self, keras.Layer):  # a layer's own __call__ has been seen already
        return _operation_call(self, *args, **kwargs)
    return _run(_operation_call, self, args, kwargs)


def _run(original: Callable[..., Any], operation: keras.Operation, args: Any, kwargs: Any) -> Any:
    active = getattr(_local, "active", None)
    if active is None:
        return original(operation, *args, **kwargs)
    handler, stack = active
    parents = tuple(stack)
    inputs = tensors_in([*args, *kwargs.values()])
    masks, runs = [mask_of(tensor) for tensor in inputs], at_once(operation, inputs)  # attention takes masks off
    if has_activation(operation):
        runs = _with_activation_open(
            operation, lambda x: handler(Call(operation, parents, args, kwargs, [x], masks, before_activation=True), x)
        )
    stack.append(operation)
    try:
        result = original(runs, *args, **kwargs)
    finally:
        stack.pop()
    replaced = handler(Call(operation, parents, args, kwargs, tensors_in(result), masks), result)
    if replaced is not result:
        _carry_masks(result, replaced)
    return replaced


def has_activation(operation: Any) -> bool:
    """Whether a layer ends in an activation function of its own, which hides what it computes before."""
    activation = getattr(operation, "__dict__", {}).get(
        "activation"
    )  # a recurrent layer's is its cell's, and a property
    return (
        isinstance(operation, keras.Layer)
        and not isinstance(operation, (keras.Model, keras.layers.Activation))
        and operation.built
        and callable(activation)
        and activation is not keras.activations.linear
    )


def _with_activation_open(layer: Any, before: Callable[[Any], Any]) -> Any:
    """The same layer, whose activation function first hands its argument to `before`."""
    activation = layer.activation
    return stand_in(layer, activation=lambda x, *args, **kwargs: activation(before(x), *args, **kwargs))


def at_once(operation: Any, inputs: list[Any]) -> Any:
    """The operation, or a stand-in for a TimeDistributed layer that computes all steps of traced tensors at once."""
    keras_own = getattr(type(operation), "call", None) is keras.layers.TimeDistributed.call
    return stand_in(operation, call=partial(folded, operation)) if keras_own and _traced(inputs) else operation


def _traced(tensors: list[Any]) -> bool:
    return any(getattr(tensor, "graph", None) is not None for tensor in tensors)


def stand_in(layer: Any, /, **attributes: Any) -> Any:
    """The same layer with the same variables and some other attributes.

    The user's layer is not touched, not even for the time of a call: `fit` may be running.
    """
    other = object.__new__(type(layer))
    vars(other).update(vars(layer), **attributes)
    return other


def _carry_masks(original: Any, replacement: Any) -> None:
    for before, after in zip(tree.flatten(original), tree.flatten(replacement), strict=True):
        mask = mask_of(before)
        if mask is not None and mask_of(after) is None:
            after._keras_mask = mask
