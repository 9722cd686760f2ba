"""What a probe computes from one run of a model: observe it, replace a tap, differentiate it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from tswidgets import _validate
from tswidgets.probe.backprop import RULES
from tswidgets.probe.given import given, is_recurrent
from tswidgets.probe.intercept import Call, as_given, mask_of
from tswidgets.probe.logits import Logits
from tswidgets.probe.program import Forward, Task
from tswidgets.probe.recording import Visitor, source_of
from tswidgets.probe.targets import How


def observing(wanted: Collection[str] | None, weights: Callable[[], list[Any]]) -> Task:
    """(results by tap, masks by tap, what recurrent layers are given, the model's output, its weights).

    `wanted` None means every tap, and only then it is told what recurrent layers are given.
    """

    def task(forward: Forward, inputs: Sequence[Any]) -> Any:
        values, results, masks = weights(), {}, {}
        begins: dict[str, Any] = {}

        def visit(name: str, tensor: Any, call: Call) -> Any:
            if wanted is None or name in wanted:
                results[name] = tensor
                if mask_of(tensor) is not None:
                    masks[name] = mask_of(tensor)
            if wanted is None and is_recurrent(call.operation) and tensor is call.outputs[0]:
                begins.update(given(name, call))
            return tensor

        output = forward(inputs, visit)
        return results, masks, begins, output, values

    return task


def replacing(tap: str) -> Task:
    """The model's output with the tap's result replaced by the argument."""

    def task(forward: Forward, inputs: Sequence[Any], value: Any) -> Any:
        def visit(name: str, tensor: Any, call: Call) -> Any:
            if name != tap:
                return tensor
            return tf.ensure_shape(tf.cast(value, tensor.dtype), tensor.shape)

        return forward(inputs, visit)

    return task


def removing(tap: str) -> Task:
    """The model's output for several variants of the tap's values at once: (n_variants * n_samples, …).

    values, fill : (n_samples, …, n_filters). keep : bool (n_variants, n_filters), whether a filter has its own values
    or those of `fill`.
    """

    def task(forward: Forward, inputs: Sequence[Any], values: Any, fill: Any, keep: Any) -> Any:
        between = [1] * (len(values.shape) - 1)
        which = tf.reshape(keep, [tf.shape(keep)[0], *between, tf.shape(keep)[1]])
        mixed = tf.where(which, values, fill)
        edited = tf.reshape(mixed, tf.concat([[-1], tf.shape(values)[1:]], axis=0))

        def visit(name: str, tensor: Any, call: Call) -> Any:
            if name != tap:
                return tensor
            return tf.ensure_shape(tf.cast(edited, tensor.dtype), tensor.shape)

        n_variants = tf.shape(keep)[0]
        repeated = [tf.repeat(tensor[None], n_variants, axis=0) for tensor in inputs]
        return forward([tf.reshape(one, tf.concat([[-1], tf.shape(one)[2:]], axis=0)) for one in repeated], visit)

    return task


def differentiating(
    wrt: str | None, of: str | int, how: tuple[How, ...], masked: str | None = None, rule: str = "gradient"
) -> Task:
    """(score, its gradient, mask, point, whether there is a path), for a score that `_pick` finds.

    It is looked for in tap `of` or in the logits of output number `of`. The gradient is with respect to the inputs, or
    to tap `wrt`, whose values are the point; the mask is the one that tap `masked` carries; `rule` is one of `RULES`.
    """

    def task(forward: Forward, inputs: Sequence[Any], indices: Any) -> Any:
        seen: dict[str, Any] = {}
        reached: set[str] = set()
        find, backwards = Logits(), RULES[rule]()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            points = [tf.identity(tensor) for tensor in inputs]
            if wrt is None:
                tape.watch(points)

            def visit(name: str, tensor: Any, call: Call) -> Any:
                reached.add(name)
                if name == masked:
                    seen["mask"] = mask_of(tensor)
                tensor = backwards.visit(name, tensor, call)
                if name == wrt:
                    tensor = tf.identity(tensor)
                    tape.watch(tensor)
                    seen["wrt"] = tensor
                if name == of:
                    seen["of"] = tensor
                return find.visit(name, tensor, call)

            output = forward(points, visit)
            for tap in (wrt, of):
                if isinstance(tap, str) and tap not in reached:
                    _validate.not_reached(tap)
            value = seen["of"] if isinstance(of, str) else find.of(tree.flatten(output)[of])
            backwards.check(value)
            score = _pick(tf.cast(value, tf.float32), indices, how)
        point = points if wrt is None else seen["wrt"]
        found = tape.gradient(score, point)
        there = [one is not None for one in tree.flatten(found)] if found is not None else [False]
        gradient = tree.map_structure(
            lambda one, at: tf.zeros_like(at) if one is None else tf.convert_to_tensor(one),
            [None] * len(points) if found is None and wrt is None else found,
            point,
        )
        path = tf.fill(tf.shape(score), any(there))
        return score, gradient, seen.get("mask"), None if wrt is None else point, path

    return task


def scoring(of: str | int, how: tuple[How, ...], tap: str | None = None) -> Task:
    """The same score alone; with the values of a tap replaced by the second argument."""

    def task(forward: Forward, inputs: Sequence[Any], indices: Any, *values: Any) -> Any:
        seen: list[Any] = []
        find = Logits()

        def visit(name: str, tensor: Any, call: Call) -> Any:
            if name == tap:
                tensor = tf.ensure_shape(tf.cast(values[0], tensor.dtype), tensor.shape)
            if name == of:
                seen.append(tensor)
            return find.visit(name, tensor, call)

        output = forward(inputs, visit)
        if isinstance(of, str) and not seen:
            _validate.not_reached(of)
        value = seen[-1] if isinstance(of, str) else find.of(tree.flatten(output)[of])
        return _pick(tf.cast(value, tf.float32), indices, how)

    return task


def asking(of: str | int, padding: str | None) -> Task:
    """(numbers of tap `of` or logits of output `of`, the mask of tap `padding`, masks by input, masks that come in).

    By input: that which is made of this input alone, or None. The last is a dict: name → mask of shape (n_samples,
    n_steps), for every place where one comes into the model.
    """

    def task(forward: Forward, inputs: Sequence[Any]) -> Any:
        seen: dict[str, Any] = {}
        found: dict[str, Any] = {}
        made: dict[str, Any] = {}
        used: list[Any] = []
        own: list[Any] = [None] * len(inputs)
        find = Logits()

        def visit(name: str, tensor: Any, call: Call) -> Any:
            mask = mask_of(tensor)
            if mask is not None and len(mask.shape) == 2 and not any(one is not None for one in call.masks):
                found[name] = mask
                sources = [source_of(one) for one in call.inputs]
                for i, tensor_in in enumerate(inputs):
                    if own[i] is None and any(one is source_of(tensor_in) for one in sources):
                        own[i] = mask
            used.extend(one for key, part in call.kwargs.items() if key.endswith("mask") for one in tree.flatten(part))
            if name == padding:
                seen["padding"] = mask
            if name == of:
                seen["of"] = tensor
            return find.visit(name, tensor, call)

        def visit_mask(name: str, tensor: Any) -> Any:
            made[name] = tensor
            return tensor

        output = forward(inputs, visit, visit_mask)
        if isinstance(of, str) and "of" not in seen:
            _validate.not_reached(of)
        value = seen["of"] if isinstance(of, str) else find.of(tree.flatten(output)[of])
        held = found | {name: mask for name, mask in made.items() if any(mask is one for one in used)}
        return tf.cast(value, tf.float32), seen.get("padding"), own, held

    return task


def holding(task: Task, sources: Sequence[str]) -> Task:
    """The same task, with the masks that come in at `sources`, names of `asking`, given as its last arguments.

    A variant of a series, such as one with some steps set to zero, then keeps the padding of the series itself.
    """
    if not sources:
        return task

    def held(forward: Forward, inputs: Sequence[Any], *arguments: Any) -> Any:
        masks = dict(zip(sources, arguments[-len(sources) :], strict=True))

        def visit_mask(name: str, tensor: Any) -> Any:
            return masks.get(name, tensor)

        def going_on(points: Sequence[Any], visit: Visitor) -> Any:
            def also(name: str, tensor: Any, call: Call) -> Any:
                tensor = visit(name, tensor, call)
                if name in masks:
                    tensor = _kept(tensor, call, masks[name])
                    tensor._keras_mask = masks[name]
                return tensor

            return forward(points, also, visit_mask)

        return task(going_on, inputs, *arguments[: -len(sources)])

    return held


def _kept(tensor: Any, call: Call, mask: Any) -> Any:
    """What a layer returned; a Masking layer sets steps to 0 that look like padding now, and are none."""
    if isinstance(call.operation, keras.layers.Masking):
        return tf.where(mask[..., None], call.inputs[0], tensor)
    return tf.identity(tensor)


def logits(forward: Forward, inputs: Sequence[Any]) -> Any:
    """The model's output before a final softmax or sigmoid."""
    find = Logits()
    return tree.map_structure(find.of, forward(inputs, find.visit))


def at_call(tap: str, function: Callable[[Call], Any]) -> Task:
    """What `function` makes of the call that the tap is the result of."""

    def task(forward: Forward, inputs: Sequence[Any]) -> Any:
        found: list[Any] = []

        def visit(name: str, tensor: Any, call: Call) -> Any:
            if name == tap:
                with as_given(call):
                    found.append(function(call))
            return tensor

        forward(inputs, visit)
        return found[:1]

    return task


def _pick(value: Any, indices: Any, how: tuple[How, ...]) -> Any:
    """One number for each sample: along every axis the entry that `indices` names, the mean, or the largest."""
    indices = tf.cast(indices, tf.int32)
    for axis in reversed(range(len(how))):
        if how[axis] == "mean":
            value = tf.reduce_mean(value, axis=axis + 1)
        else:
            largest = how[axis] == "largest"  # the last axes are gone by then: this is the only one that is left
            at = tf.argmax(value, axis=1, output_type=tf.int32) if largest else indices[:, axis]
            value = tf.gather(value, at, axis=axis + 1, batch_dims=1)
    return value
