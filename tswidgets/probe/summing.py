"""What a run of a model makes of many numbers: they are summed up where they come about, and never leave it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tswidgets.probe.intercept import Call, mask_of
from tswidgets.probe.program import Forward, Task
from tswidgets.probe.recording import source_of


def summing(
    ends: Mapping[str, tuple[float, float]], padding: str | None, alike: Collection[str], inputs_of: Sequence[str]
) -> Task:
    """Name → the parts of a `Summary`, for every input and every tap, of what is no padding.

    ends : tap → (a, b), beyond which a value lies at a bound of its activation function.
    padding : a tap whose mask tells which steps of the input are padding; so it does for the taps in `alike`, which
        have a step for each of the input's and no mask of their own.
    inputs_of : names of the inputs, flat.

    The task takes one argument more where the last samples of a batch only fill it up: bool (n_samples,), True for
    those that count.
    """

    def task(forward: Forward, inputs: Sequence[Any], *real: Any) -> Any:
        seen: dict[str, tuple[Any, Any]] = {}
        own: list[Any] = [None] * len(inputs)

        def visit(name: str, tensor: Any, call: Call) -> Any:
            mask = mask_of(tensor)
            seen[name] = tensor, mask
            if mask is not None and not any(one is not None for one in call.masks):  # it comes in here
                sources = [source_of(one) for one in call.inputs]
                for i, given in enumerate(inputs):
                    if own[i] is None and any(one is source_of(given) for one in sources):
                        own[i] = mask
            return tensor

        forward(inputs, visit)
        common = seen[padding][1] if padding in seen else None
        given = {name: (tensor, own[i]) for i, (name, tensor) in enumerate(zip(inputs_of, inputs, strict=True))}
        found = {}
        for name, (tensor, mask) in (given | seen).items():
            if not _holds_numbers(tensor):
                continue
            if mask is None:  # what goes into an activation function is padding where what comes out of it is
                mask = seen.get(name.removesuffix(":pre-activation"), (None, None))[1]
            mask = common if mask is None and name in alike else mask
            found[name] = _summary(tensor, mask, real[0] if real else None, ends.get(name))
        return found

    return task


def _holds_numbers(tensor: Any) -> bool:
    return isinstance(tensor, tf.Tensor) and (tensor.dtype.is_floating or tensor.dtype.is_integer or _complex(tensor))


def _complex(tensor: Any) -> bool:
    return bool(tensor.dtype.is_complex)


def _summary(tensor: Any, mask: Any, real: Any, ends: tuple[float, float] | None) -> dict[str, Any]:
    """Of each entry of the last axis, or of all together where its length is not known; summed in float64.

    Few operations, since a deep model has hundreds of taps, and every operation has to be traced.
    """
    rank, size = tensor.shape.rank, 1
    if rank is not None and rank > 1 and not (rank == 2 and tensor.dtype.is_integer):  # tokens, one a step
        size = tensor.shape[-1] or 1
    flat = tf.reshape(tf.abs(tensor) if _complex(tensor) else tensor, [-1, size])
    flat = flat if flat.dtype.is_floating else tf.cast(flat, tf.float64)
    present = _present(tensor, mask, real)
    counts = None if present is None else tf.reshape(present, [-1, size])

    def count(true: Any) -> Any:
        return tf.reduce_sum(tf.cast(true if counts is None else true & counts, tf.int64), 0)

    is_finite = tf.math.is_finite(flat)
    finite = is_finite if counts is None else is_finite & counts
    n_finite = tf.reduce_sum(tf.cast(finite, tf.int64), 0)
    doubles = tf.cast(flat, tf.float64)
    total = tf.reduce_sum(tf.where(finite, doubles, tf.constant(0.0, tf.float64)), 0)
    mean = total / tf.cast(tf.maximum(n_finite, 1), tf.float64)
    kept = tf.where(finite, doubles, mean)  # in whose place the mean changes neither extremes nor deviation
    found = {
        "n": tf.shape(flat, tf.int64)[0] if counts is None else tf.reduce_sum(tf.cast(counts, tf.int64), 0),
        "n_finite": n_finite,
        "n_nan": count(tf.math.is_nan(flat)),
        "n_zero": count(tf.equal(flat, 0)),
        "mean": mean,
        "m2": tf.reduce_sum(tf.math.squared_difference(kept, mean), 0),  # a second pass: what all share does not cancel
        "low": tf.reduce_min(kept, 0),
        "high": tf.reduce_max(kept, 0),
    }
    if ends is not None:
        found["n_bound"] = count((doubles <= ends[0]) | (doubles >= ends[1]))
    if rank:
        sound = is_finite if counts is None else is_finite | ~counts
        found["sound"] = tf.reduce_all(tf.reshape(sound, [tf.shape(tensor)[0], -1]), 1)
    return found


def _folded(n_rows: Any, n_samples: Any) -> Any:
    """How many rows each sample has: more than one where its steps were folded into the batch."""
    return tf.maximum(n_rows // tf.maximum(n_samples, 1), 1)


def _present(tensor: Any, mask: Any, real: Any) -> Any | None:
    """Bool, of the tensor's shape: what is no padding and of no sample that fills up; None where all counts."""
    present = None
    if mask is not None and mask.shape.rank == 2 and (tensor.shape.rank or 0) > 1 and _may_be(mask, tensor):
        fits = tf.reduce_all(tf.shape(mask) == tf.shape(tensor)[:2])
        steps = tf.cond(fits, lambda: tf.identity(mask), lambda: tf.ones(tf.shape(tensor)[:2], tf.bool))
        present = _spread(steps, tensor)
    if real is not None and tensor.shape.rank:
        n_rows = tf.shape(tensor)[0]
        rows = tf.repeat(real, _folded(n_rows, tf.shape(real)[0]))
        rows = _spread(tf.cond(tf.shape(rows)[0] == n_rows, lambda: rows, lambda: tf.ones([n_rows], tf.bool)), tensor)
        present = rows if present is None else present & rows
    return present


def _may_be(mask: Any, tensor: Any) -> bool:
    return all(a in (None, b) or b is None for a, b in zip(mask.shape, tensor.shape[:2], strict=True))


def _spread(present: Any, tensor: Any) -> Any:
    """Bool along the first axes of a tensor, along all of them."""
    rank = tensor.shape.rank
    axes = tf.concat([tf.shape(present), tf.ones([rank - len(present.shape)], tf.int32)], 0)
    return tf.broadcast_to(tf.reshape(present, axes), tf.shape(tensor))
