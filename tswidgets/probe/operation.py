"""One TensorFlow operation, seen from outside: what goes in, how to run it again, and which shapes come out."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tswidgets.probe.reach import Reach, spread


class Undetermined(Exception):
    """The rule does not cover the case."""


@dataclass(frozen=True, eq=False)
class Value:
    """What is known of one tensor at batch size 1.

    reach : None where nothing of the input gets to.
    number : the tensor itself, if it follows from shapes and constants alone.
    """

    shape: tuple[int, ...]
    reach: Reach | None = None
    number: Any = None


def run(op: Any, tensors: Iterable[Any]) -> list[Any]:
    """The same operation on other tensors, eagerly or in the graph that is open."""
    given, arguments, inferred = iter(tensors), {}, set()
    for argument in op.op_def.input_arg:
        count = op.get_attr(argument.number_attr) if argument.number_attr else None
        if argument.type_list_attr:
            count = len(op.get_attr(argument.type_list_attr))
        arguments[argument.name] = next(given) if count is None else list(islice(given, count))
        inferred |= {argument.number_attr, argument.type_attr, argument.type_list_attr}
    arguments |= {attr.name: op.get_attr(attr.name) for attr in op.op_def.attr if attr.name not in inferred}
    function = getattr(tf.raw_ops, op.type)
    names = [name for name in inspect.signature(function).parameters if name != "name"]
    old = [name for name in arguments if name not in names]  # `dim` in a graph is `axis` in Python
    renamed = dict(zip(old, [name for name in names if name not in arguments], strict=True))
    return list(tf.nest.flatten(function(**{renamed.get(name, name): value for name, value in arguments.items()})))


def shapes(op: Any, inputs: list[Value]) -> list[tuple[int, ...] | None]:
    """Shapes of the outputs by TensorFlow's own inference, which computes nothing; None for what it leaves open."""
    found = [output.shape for output in op.outputs]
    if holds_functions(op):  # what they leave open is the batch
        found = [tf.TensorShape([1]).concatenate(shape[1:]) if shape.rank else shape for shape in found]
    elif not all(shape.is_fully_defined() for shape in found):
        with tf.Graph().as_default():
            found = [output.shape for output in run(op, map(_stand_in, op.inputs, inputs))]
    return [tuple(shape.as_list()) if shape.is_fully_defined() else None for shape in found]


def holds_functions(op: Any) -> bool:
    """Loops and branches, which cannot be run again."""
    return any(attr.type == "func" for attr in op.op_def.attr)


def _stand_in(tensor: Any, value: Value) -> Any:
    return tf.compat.v1.placeholder(tensor.dtype, value.shape) if value.number is None else value.number.numpy()


def opaque(op: Any, inputs: list[Value]) -> list[Reach | None]:
    """Every element may see all that goes in, and has no place of its own."""
    seen = [value.reach.reshape(4, -1).max(1, initial=0) for value in inputs if value.reach is not None]
    everything = np.max(seen, axis=0) * np.array([1, 1, 0, 0], np.int32)
    return [None if shape is None else spread(everything, shape) for shape in shapes(op, inputs)]


def reach_of(value: Value) -> Reach:
    if value.reach is None:
        raise Undetermined
    return value.reach


def number_of(value: Value) -> NDArray[Any]:
    if value.number is None:
        raise Undetermined
    number: NDArray[Any] = value.number.numpy()
    return number


def only_first(inputs: list[Value]) -> Reach:
    if any(value.reach is not None for value in inputs[1:]):
        raise Undetermined
    return reach_of(inputs[0])


def attribute(op: Any, name: str, otherwise: Any) -> Any:
    return op.get_attr(name) if name in op.node_def.attr else otherwise


def axes_of(value: Value, rank: int) -> list[int]:
    return [int(axis) % rank for axis in np.ravel(number_of(value))]
