"""Which input steps reach which elements of any tensor in a TensorFlow graph.

Where no layer says what it does to the time axis, its operations do: they are followed back to tensors whose fields are
known, and forth again by one rule an operation (`ops.py`). Graphs are traced for any batch and any length; they are
followed for one sample of the length that the known tensors have.

Idea: abstract interpretation, Cousot and Cousot, POPL 1977, with an interval of input steps for every element.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tswidgets.probe.operation import Undetermined, Value, holds_functions, opaque, run, shapes
from tswidgets.probe.ops import RULES
from tswidgets.probe.reach import from_steps, mixed, to_steps
from tswidgets.probe.timeline import NEVER, Steps, Timeline

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Field:
    """Input steps seen by each element of one tensor.

    lo, hi, near_lo, near_hi : int arrays of the tensor's shape, with a batch of 1. The same as `Timeline`'s.
    """

    lo: Steps
    hi: Steps
    near_lo: Steps
    near_hi: Steps

    @staticmethod
    def of(timeline: Timeline, shape: tuple[int, ...]) -> Field:
        """Every element of a tensor of this shape sees what its step sees; axis 1 counts the steps."""
        steps = (1, len(timeline), *[1] * (len(shape) - 2))[: len(shape)]
        parts = timeline.lo, timeline.hi, timeline.near_lo, timeline.near_hi
        return Field(*(np.broadcast_to(part.reshape(steps), shape) for part in parts))

    def timeline(self) -> Timeline:
        """What each step along axis 1 sees; a tensor without steps and channels is one step.

        Steps that are all in one place are no steps in time, such as the channels that axis 1 counts after a transpose.
        """
        reach = from_steps(self.lo, self.hi, self.near_lo, self.near_hi)
        steps = [axis for axis in range(self.lo.ndim) if axis == 1 and self.lo.ndim > 2]
        reach = mixed(reach, [axis for axis in range(self.lo.ndim) if axis not in steps])
        lo, hi, near_lo, near_hi = (part.ravel() for part in to_steps(reach))
        if len(lo) > 1 and np.ptp(near_lo) == np.ptp(near_hi) == 0:
            near_lo, near_hi = np.full_like(lo, NEVER), np.full_like(hi, -1)
        return Timeline(lo, hi, near_lo, near_hi)


def field_of(tensor: Any, known: Mapping[int, Field | None]) -> Field | None:
    """Field of a symbolic tensor; None where it cannot be worked out.

    known : Field by id() of the tensors to start from, all of which have to be alive: inputs, and what layers returned.
    """
    with tf.init_scope(), tf.device("CPU:0"):  # what is run here is arithmetic on shapes and places, and no model
        (value,) = _followed([tensor], {}, known)
    if value is None:
        return None
    reach = np.zeros((4, *value.shape), np.int32) if value.reach is None else value.reach
    return Field(*to_steps(reach))


def _followed(
    targets: list[Any], values: dict[int, Value | None], known: Mapping[int, Field | None]
) -> list[Value | None]:
    """Values of tensors, from `values` and `known` on; without recursion, since graphs are deep."""
    pending, entered = list(targets), set()
    while pending:
        tensor = pending[-1]
        if id(tensor) in values:
            pending.pop()
        elif id(tensor) in known:
            field = known[id(tensor)]
            values[id(tensor)] = (
                None
                if field is None
                else Value(field.lo.shape, from_steps(field.lo, field.hi, field.near_lo, field.near_hi))
            )
        elif getattr(tensor, "op", None) is None:  # numbers that an operation was given, of NumPy's or TensorFlow's own
            values[id(tensor)] = Value(tuple(tensor.shape), number=tf.constant(tensor))
        elif id(tensor) not in entered:
            entered.add(id(tensor))
            pending += tensor.op.inputs
        else:  # a second time: all that goes in is known now, unless it goes round in a circle
            found = _outputs(tensor.op, [values.get(id(source)) for source in tensor.op.inputs])
            outputs = zip(map(id, tensor.op.outputs), found, strict=True)
            values.update((number, value) for number, value in outputs if number not in known)
    return [values[id(target)] for target in targets]


def _outputs(op: Any, inputs: list[Value | None]) -> list[Value | None]:
    known = [value for value in inputs if value is not None]
    if len(known) == len(inputs):
        try:
            found = _applied(op, known)[: len(op.outputs)]  # a body that was differentiated returns more
            return found + [None] * (len(op.outputs) - len(found))
        except Exception as error:
            logger.debug("%s (%s) cannot be followed: %s", op.name, op.type, error)
    return [None] * len(op.outputs)


def _applied(op: Any, inputs: list[Value]) -> list[Value | None]:
    number = _given(op)
    if number is not None:
        return [Value(tuple(number.shape), number=number)]
    if op.type in _CALLS:
        body = op.graph._get_function(op.get_attr("f").name).graph
        return _followed(body.outputs, {id(t): v for t, v in zip(body.inputs, inputs, strict=True)}, {})
    if op.type in _OF_SHAPES:
        return _run(
            op, [Value(v.shape, number=tf.zeros(v.shape, t.dtype)) for t, v in zip(op.inputs, inputs, strict=True)]
        )
    if all(value.reach is None for value in inputs):
        return _constant(op, inputs)
    try:
        found = RULES.get(op.type, opaque)(op, inputs)
    except Undetermined:
        found = opaque(op, inputs)
    return [None if reach is None else Value(reach.shape[1:], reach) for reach in found]


def _given(op: Any) -> Any:
    """A constant, or a tensor from outside that was used like one; None for anything else."""
    if op.type == "Const":
        return tf.constant(tf.get_static_value(op.outputs[0]))
    for outer, inner in getattr(op.graph, "captures", ()) if op.type == "Placeholder" else ():
        if inner is op.outputs[0] and hasattr(outer, "numpy") and outer.dtype != tf.resource:
            return outer
    return None


def _constant(op: Any, inputs: list[Value]) -> list[Value | None]:
    """Weights, random numbers and what is computed from them have a shape; what follows from constants has a value."""
    if (
        op.type != "Placeholder"
        and all(value.number is not None for value in inputs)
        and not (op.op_def.is_stateful or holds_functions(op))
    ):
        return _run(op, inputs)
    return [None if shape is None else Value(shape) for shape in shapes(op, inputs)]


def _run(op: Any, inputs: list[Value]) -> list[Value | None]:
    return [Value(tuple(number.shape), number=number) for number in run(op, [value.number for value in inputs])]


_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_OF_SHAPES = ("Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike")
