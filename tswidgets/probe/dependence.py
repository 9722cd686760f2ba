"""Whether an output of a model depends on what one of its layers returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from keras import tree

from tswidgets.probe.callgraph import SIZE_ONLY
from tswidgets.probe.inputs import arranged
from tswidgets.probe.intercept import Call
from tswidgets.probe.logits import Logits
from tswidgets.probe.program import Forward, Task

if TYPE_CHECKING:
    from tswidgets.probe.probe import Probe


def reaches_output(probe: Probe, x: Any, tap: str, output: int = 0) -> bool:
    """Whether other values of a tap can change an output of the model, for inputs such as x.

    Not so the states that an LSTM returns and nobody reads, or a branch whose result is dropped. It is told by what the
    compiled run is made of: a loop or an inner function counts as passing on all that goes into it, and weights of 0 as
    passing on what they are multiplied with. Of a model that runs step by step it is not known: True.
    """
    if probe.eager_because:
        return True
    one = tree.map_structure(lambda array: array[:1], arranged(probe.model, x))
    reached = probe.compute(one, "reaching", reaching)
    return tap in reached and bool(reached[tap][0, output])


def reaching(forward: Forward, inputs: Sequence[Any]) -> Any:
    """Tap name → bool tensor of shape (n_samples, n_outputs): whether the output depends on the tap."""
    marked: dict[str, Any] = {}

    def visit(name: str, tensor: Any, call: Call) -> Any:
        marked[name] = tf.identity(tensor)  # its own, even where two taps are one tensor
        return marked[name]

    outputs = tree.flatten(forward(inputs, visit))
    eagerly = tf.executing_eagerly()
    upstream = [set() if eagerly else _upstream(tensor) for tensor in outputs]
    shape = tf.stack([tf.shape(inputs[0])[0], len(outputs)])
    return {
        name: tf.broadcast_to(tf.constant([eagerly or tensor.op.name in names for names in upstream]), shape)
        for name, tensor in marked.items()
    }


def only_through(probe: Probe, x: Any, tap: str, output: int = 0) -> bool:
    """Whether inputs such as x change an output of the model through what a tap holds, and in no other way.

    Told as in `reaches_output`. Of a model that runs step by step it is not known: False.
    """
    if probe.eager_because:
        return False
    one = tree.map_structure(lambda array: array[:1], arranged(probe.model, x))
    return bool(probe.compute(one, ("only through", tap, output), _cutting(tap, output))[0])


def _cutting(tap: str, output: int) -> Task:
    """Bool tensor of shape (n_samples,): whether no input is left of what an output depends on, without the tap."""

    def task(forward: Forward, inputs: Sequence[Any]) -> Any:
        marked = [tf.identity(tensor) for tensor in inputs]
        cut: list[str] = []

        def visit(name: str, tensor: Any, call: Call) -> Any:
            if name != tap:
                return tensor
            cut.append(name)
            return tf.zeros_like(tensor)

        upstream = _upstream(tree.flatten(forward(marked, visit))[output])
        alone = bool(cut) and not any(one.op.name in upstream for one in marked)
        return tf.fill(tf.shape(inputs[0])[:1], alone)

    return task


def leading_to(of: str | int) -> Task:
    """Tap name → bool tensor of shape (n_samples,): whether tap `of`, or output number `of`'s logits, depend on it."""

    def task(forward: Forward, inputs: Sequence[Any]) -> Any:
        marked: dict[str, Any] = {}
        find = Logits()

        def visit(name: str, tensor: Any, call: Call) -> Any:
            logits = getattr(tensor, "_keras_logits", None)
            marked[name] = tf.identity(tensor)
            if logits is not None:
                marked[name]._keras_logits = logits
            return find.visit(name, marked[name], call)

        outputs = tree.flatten(forward(inputs, visit))
        value = marked[of] if isinstance(of, str) else find.of(outputs[of])
        upstream = None if tf.executing_eagerly() else _upstream(value)
        shape = tf.shape(inputs[0])[:1]
        return {name: tf.fill(shape, upstream is None or one.op.name in upstream) for name, one in marked.items()}

    return task


def _upstream(tensor: Any) -> set[str]:
    """Names of all operations whose results go into a traced tensor."""
    found: set[str] = set()
    waiting = [tensor.op]
    while waiting:
        op = waiting.pop()
        if op.name not in found and op.type not in SIZE_ONLY:
            found.add(op.name)
            waiting.extend(one.op for one in op.inputs)
    return found
