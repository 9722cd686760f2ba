"""The arithmetic of receptive fields, element by element.

A reach is an int32 array of shape (4, *shape): for every element of a tensor how far back it sees, how far on, and both
again for the element's own place in time. A larger number sees more and 0 sees nothing, so that the union of elements
is their maximum, and where a tensor is padded with zeros its reach is too. Axes are counted as the tensor's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.probe.timeline import NEVER

Reach = NDArray[np.int32]
Mask = NDArray[np.bool_]
Shape = Sequence[int]
Label = str | int
LARGEST = 2**23  # elements of a tensor, 128 MiB of reach
_HORIZON = 2**30  # later than any step


def from_steps(
    lo: NDArray[np.int64], hi: NDArray[np.int64], near_lo: NDArray[np.int64], near_hi: NDArray[np.int64]
) -> Reach:
    back = (_HORIZON - np.minimum(part, _HORIZON) for part in (lo, near_lo))
    return np.stack([next(back), hi + 1, next(back), near_hi + 1]).astype(np.int32)


def to_steps(reach: Reach) -> list[NDArray[np.int64]]:
    """lo, hi, near_lo, near_hi; `NEVER` and −1 where nothing is seen."""
    steps = reach.astype(np.int64)
    for back, on in ((0, 1), (2, 3)):
        steps[back] = np.where(steps[back] > 0, _HORIZON - steps[back], NEVER)
        steps[on] -= 1
    return list(steps)


def check_size(shape: Shape) -> None:
    if math.prod(shape) > LARGEST:
        raise MemoryError(f"a tensor of shape {tuple(shape)} is too large to follow")


def spread(reach: Reach, shape: Shape) -> Reach:
    """Broadcast to a tensor's shape."""
    check_size(shape)
    ahead = [1] * (len(shape) + 1 - reach.ndim)
    return np.broadcast_to(reach.reshape(4, *ahead, *reach.shape[1:]), (4, *shape))


def _moves(near: Reach, axis: int) -> NDArray[np.bool_]:
    """Does the place in time change along an axis? What has no place is passed over."""
    lowest = near.min(axis + 1, keepdims=True, initial=_HORIZON + 1, where=near > 0)
    return np.asarray((lowest < near.max(axis + 1, keepdims=True, initial=0)).any(0, keepdims=True))


def overlaid(reaches: list[Reach], shape: Shape) -> Reach:
    """What combines several tensors element by element sees what they see.

    Its place is that of the tensors that move along the first axis along which any of them moves: the series' and not
    that of a gate computed from all of it, that of rows, which ask, and not that of columns, which answer.
    """
    parts = [spread(reach, shape) for reach in reaches]
    if len(parts) == 1:
        return parts[0]
    moving = [next((axis for axis in range(len(shape)) if _moves(part[2:], axis).any()), len(shape)) for part in parts]
    out = np.zeros((4, *shape), np.int32)
    for part, axis in zip(parts, moving, strict=True):
        rows = slice(4 if axis == min(moving) else 2)
        np.maximum(out[rows], part[rows], out=out[rows])
    return out


def mixed(reach: Reach, axes: Sequence[int]) -> Reach:
    """What mixes all elements along some axes, which stay with size 1.

    Elements that stay in one place along the first other axis along which their neighbours move give no place: channels
    that hold a summary of the series, next to channels that hold the series.
    """
    far, near = reach[:2], reach[2:]
    for axis in (axis for axis in range(near.ndim - 1) if axis not in axes):
        moves = _moves(near, axis)
        if moves.any():
            near = near if moves.all() else np.where(moves, near, 0)
            break
    over = tuple(axis + 1 for axis in axes)
    return np.concatenate([part.max(over, keepdims=True, initial=0) for part in (far, near)])


def mixed_in_place(reach: Reach, axis: int) -> Reach:
    """What mixes all elements along an axis and leaves each where it is: softmax."""
    far = np.broadcast_to(mixed(reach, [axis])[:2], reach[:2].shape)
    return np.concatenate([far, reach[2:]])


def accumulated(reach: Reach, axis: int, *, reverse: bool, exclusive: bool) -> Reach:
    order = slice(None, None, -1 if reverse else None)
    steps = np.moveaxis(reach, axis + 1, 0)[order].copy()
    steps[:, :2] = np.maximum.accumulate(steps[:, :2])
    if exclusive:
        steps = np.concatenate([np.zeros_like(steps[:1]), steps])[: len(steps)]
    return np.moveaxis(steps[order], 0, axis + 1)


def windows(reach: Reach, axis: int, size: int, stride: int, dilation: int, padding: tuple[int, int]) -> Reach:
    """Output j sees the inputs j·stride + q·dilation − before for q < size."""
    pads = [(0, 0)] * reach.ndim
    pads[axis + 1] = padding
    steps = np.moveaxis(np.pad(reach, pads), axis + 1, 0)
    n_steps = max((len(steps) - dilation * (size - 1) - 1) // stride + 1, 0)
    taps = (steps[q * dilation :][: n_steps * stride : stride] for q in range(size))
    return np.moveaxis(reduce(np.maximum, taps), 0, axis + 1)


def footprints(reach: Reach, axis: int, size: int, stride: int, dilation: int, before: int, n_steps: int) -> Reach:
    """Input i is seen by the outputs i·stride + q·dilation − before for q < size: the transpose of `windows`."""
    steps = np.moveaxis(reach, axis + 1, 0)
    length = max(len(steps) * stride + dilation * (size - 1), before + n_steps)
    out = np.zeros((length, *steps.shape[1:]), np.int32)
    for q in range(size):
        at = out[q * dilation :][: len(steps) * stride : stride]
        np.maximum(at, steps, out=at)
    return np.moveaxis(out[before : before + n_steps], 0, axis + 1)


def contracted(equation: str, shapes: list[Shape], reaches: list[Reach | None], masks: list[Mask | None]) -> Reach:
    """Products summed as in `einsum`: every element sees what its row and its column see.

    masks : where a factor that is a constant is not 0; what it multiplies by 0 is not seen.
    """
    sources, target = equation.replace(" ", "").split("->")
    terms = [_labels(term, len(shape)) for term, shape in zip(sources.split(","), shapes, strict=True)]
    sizes: dict[str | int, int] = {}
    for labels, shape in zip(terms, shapes, strict=True):
        sizes.update({label: n for label, n in zip(labels, shape, strict=True) if n != 1 or label not in sizes})
    n_dots = sum(isinstance(label, int) for label in sizes) if "..." in target else 0
    kept = _labels(target, len(target.replace("...", "")) + n_dots)
    order = kept + [label for label in sizes if label not in kept]
    summed = range(len(kept), len(order))

    factors = [
        _in_order(part, [None, *x], [None, *order]) for x, part in zip(terms, reaches, strict=True) if part is not None
    ]
    zeros = [_in_order(mask, labels, order) for labels, mask in zip(terms, masks, strict=True) if mask is not None]
    if zeros:
        factors = [_narrowed(factor) for factor in factors]
    if zeros and math.prod(_common(factors, zeros)) <= LARGEST:
        out = overlaid(factors, _common(factors, zeros))
        for mask in zeros:
            out = np.where(mask, out, 0)
        out = mixed(out, summed)
    else:
        factors = [mixed(factor, summed) for factor in factors]
        out = overlaid(factors, _common(factors, []))
    return spread(out.reshape(out.shape[: len(kept) + 1]), [sizes[label] for label in kept])


def _common(factors: list[Reach], masks: list[Mask]) -> Shape:
    return np.broadcast_shapes(*(factor.shape[1:] for factor in factors), *(mask.shape for mask in masks))


def _narrowed(reach: Reach) -> Reach:
    """With size 1 for the axes along which nothing changes."""
    for axis in range(reach.ndim - 1):
        if not np.diff(reach, axis=axis + 1).any():
            reach = reach[(slice(None),) * (axis + 1) + (slice(0, 1),)]
    return reach


def _labels(term: str, rank: int) -> list[Label]:
    """`...ij` → one label an axis; those that the ellipsis stands for are numbers, counted from its end."""
    before, _, after = term.partition("...")
    return [*before, *range(len(before) + len(after) - rank, 0), *after]


def _in_order(array: NDArray[Any], labels: Sequence[Label | None], order: Sequence[Label | None]) -> NDArray[Any]:
    """The same axes in another order; those that the array has not got have size 1."""
    moved = array.transpose([labels.index(label) for label in order if label in labels])
    return moved.reshape([array.shape[labels.index(label)] if label in labels else 1 for label in order])
