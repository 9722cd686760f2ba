"""What each TensorFlow operation does to the steps that its elements see: one rule an operation type.

Rules know the values of shapes, axes and constants; what an operation does with a series they say in `reach`es.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tswidgets.probe.operation import (
    Undetermined,
    Value,
    attribute,
    axes_of,
    number_of,
    only_first,
    reach_of,
    run,
    shapes,
)
from tswidgets.probe.reach import (
    Mask,
    Reach,
    accumulated,
    check_size,
    contracted,
    footprints,
    mixed,
    mixed_in_place,
    overlaid,
    spread,
    windows,
)

Rule = Callable[[Any, list[Value]], list[Reach]]

# ------------------------------------------------------------------------------------------- elements that stay or move


def _same(op: Any, inputs: list[Value]) -> list[Reach]:
    if attribute(op, "is_training", False):
        raise Undetermined
    return [only_first(inputs)]


def _elementwise(op: Any, inputs: list[Value]) -> list[Reach]:
    reaches = [value.reach for value in inputs if value.reach is not None]
    out = overlaid(reaches, np.broadcast_shapes(*(value.shape for value in inputs)))
    for mask in _masks(inputs) if op.type == "Mul" else ():
        out = out if mask is None else np.where(mask, out, 0)
    return [out]


def _masks(inputs: list[Value]) -> list[Mask | None]:
    """Where constants are not 0; None for what is never 0, or not constant."""
    masks = [number_of(value) != 0 if value.number is not None else None for value in inputs]
    return [None if mask is None or mask.all() else mask for mask in masks]


def _movement(op: Any, inputs: list[Value]) -> list[Reach]:
    """Run the operation on numbers that say where every element comes from; constants and padding are number 0."""
    tensors = [value.number for value in inputs]
    sources, numbers, first = [np.zeros((4, 1), np.int32)], [], 1
    for value in inputs[_MOVED[op.type]]:
        if value.reach is None:
            numbers.append(tf.zeros(value.shape, tf.int32))
        else:
            sources.append(value.reach.reshape(4, math.prod(value.shape)))
            numbers.append(tf.reshape(tf.range(first, first + math.prod(value.shape)), value.shape))
            first += math.prod(value.shape)
    tensors[_MOVED[op.type]] = numbers
    if any(tensor is None for tensor in tensors):
        raise Undetermined
    pool = np.concatenate(sources, axis=1)
    return [_taken(pool, moved.numpy()) for moved in run(op, tensors)]


def _taken(pool: Reach, numbers: NDArray[np.int32]) -> Reach:
    check_size(numbers.shape)
    return pool.take(numbers, axis=1)


def _selection(op: Any, inputs: list[Value]) -> list[Reach]:
    return _elementwise(op, inputs) if inputs[0].number is None else _movement(op, inputs)


def _lookup(op: Any, inputs: list[Value]) -> list[Reach]:
    """Fixed steps of a series, or rows of a table of weights at what a series says."""
    if inputs[0].reach is not None:
        return _movement(op, inputs)
    if any(number_of(axis) != 0 for axis in inputs[2:]):
        raise Undetermined
    reach, row = reach_of(inputs[1]), op.outputs[0].shape.as_list()[len(inputs[1].shape) :]
    return [spread(reach.reshape(*reach.shape, *[1] * len(row)), (*inputs[1].shape, *row))]


def _one_hot(op: Any, inputs: list[Value]) -> list[Reach]:
    axis = op.get_attr("axis") % (len(inputs[0].shape) + 1)
    return [np.expand_dims(only_first(inputs), axis + 1).repeat(int(number_of(inputs[1])), axis + 1)]


def _slice_update(op: Any, inputs: list[Value]) -> list[Reach]:
    """`keras.ops.slice_update`; XLA has it start earlier where it would not fit."""
    whole, part = (np.zeros((4, *v.shape), np.int32) if v.reach is None else v.reach for v in inputs[:2])
    starts = np.clip(number_of(inputs[2]), 0, np.subtract(inputs[0].shape, inputs[1].shape))
    out = whole.copy()
    out[(slice(None), *map(slice, starts, starts + inputs[1].shape))] = part
    return [out]


# -------------------------------------------------------------------------------------------------- elements that mix


def _reduction(op: Any, inputs: list[Value]) -> list[Reach]:
    axes = axes_of(inputs[1], len(inputs[0].shape))
    out = mixed(reach_of(inputs[0]), axes)
    return [out if attribute(op, "keep_dims", False) else out.squeeze(tuple(axis + 1 for axis in axes))]


def _over_last_axes(op: Any, inputs: list[Value]) -> list[Reach]:
    n_kept, rank = len(inputs[0].shape) - _OVER_LAST_AXES[op.type], len(inputs[0].shape)
    out = mixed(only_first(inputs), range(n_kept, rank)).reshape(4, *inputs[0].shape[:n_kept])
    found = [shape for shape in shapes(op, inputs) if shape is not None]
    return [spread(out.reshape(*out.shape, *[1] * (len(shape) - n_kept)), shape) for shape in found]


def _normalisation(op: Any, inputs: list[Value]) -> list[Reach]:
    return [mixed_in_place(reach_of(inputs[0]), len(inputs[0].shape) - 1)]


def _cumulation(op: Any, inputs: list[Value]) -> list[Reach]:
    (axis,) = axes_of(inputs[1], len(inputs[0].shape))
    how = {name: op.get_attr(name) for name in ("reverse", "exclusive")}
    return [accumulated(reach_of(inputs[0]), axis, **how)]


def _einsum(op: Any, inputs: list[Value]) -> list[Reach]:
    equation = op.get_attr("equation").decode()
    if any(len(set(term)) < len(term) for term in equation.replace("...", "").split("->")[0].split(",")):
        raise Undetermined  # a diagonal
    return _contraction(equation, inputs)


def _matrix_product(op: Any, inputs: list[Value]) -> list[Reach]:
    a = "ji" if attribute(op, "transpose_a", False) or attribute(op, "adj_x", False) else "ij"
    b = "kj" if attribute(op, "transpose_b", False) or attribute(op, "adj_y", False) else "jk"
    return _contraction(f"...{a},...{b}->...ik", inputs)


def _contraction(equation: str, inputs: list[Value]) -> list[Reach]:
    return [contracted(equation, [v.shape for v in inputs], [v.reach for v in inputs], _masks(inputs))]


# ------------------------------------------------------------------------------------------------ elements that slide


def _layout(op: Any, rank: int) -> tuple[range, int]:
    """Axes that a convolution slides along, and the axis of its channels."""
    first = op.get_attr("data_format").startswith(b"NC")
    return (range(2, rank), 1) if first else (range(1, rank - 1), rank - 1)


def _padding(op: Any, axis: int, n: int, size: int, stride: int, dilation: int) -> tuple[int, int]:
    how = op.get_attr("padding")
    if how == b"EXPLICIT":
        before, after = op.get_attr("explicit_paddings")[2 * axis : 2 * axis + 2]
        return before, after
    total = max((-(-n // stride) - 1) * stride + dilation * (size - 1) + 1 - n, 0) if how == b"SAME" else 0
    return total // 2, total - total // 2


def _convolution(op: Any, inputs: list[Value]) -> list[Reach]:
    """Each group of channels is mixed and makes a group of outputs; depthwise, a channel is a group."""
    out, (slides, channels), kernel = only_first(inputs), _layout(op, len(inputs[0].shape)), inputs[1].shape
    depthwise = op.type.startswith("Depthwise")
    n_groups = inputs[0].shape[channels] // (1 if depthwise else kernel[-2])
    n_outputs = kernel[-1] if not depthwise else kernel[-2] * kernel[-1]
    strides, dilations = op.get_attr("strides"), op.get_attr("dilations")

    out = np.moveaxis(out, channels + 1, -1)
    out = mixed(out.reshape(*out.shape[:-1], n_groups, -1), [out.ndim - 1])
    out = np.moveaxis(out[..., 0], -1, channels + 1)
    for axis, size in zip(slides, kernel, strict=False):
        how = size, strides[axis], dilations[axis]
        out = windows(out, axis, *how, _padding(op, axis, out.shape[axis + 1], *how))
    if n_groups > 1:
        return [out.repeat(n_outputs // n_groups, channels + 1)]
    return [np.broadcast_to(out, [n_outputs if axis == channels + 1 else n for axis, n in enumerate(out.shape)])]


def _transposed_convolution(op: Any, inputs: list[Value]) -> list[Reach]:
    kernel, out = inputs[1], reach_of(inputs[2])
    slides, channels = _layout(op, len(inputs[2].shape))
    (shape,) = shapes(op, inputs)
    if kernel.reach is not None or shape is None:
        raise Undetermined
    strides, dilations = op.get_attr("strides"), op.get_attr("dilations")
    out = mixed(out, [channels])
    for axis, size in zip(slides, kernel.shape, strict=False):
        how = size, strides[axis], dilations[axis]
        before, _ = _padding(op, axis, shape[axis], *how)
        out = footprints(out, axis, *how, before, shape[axis])
    return [spread(out, shape)]


def _pooling(op: Any, inputs: list[Value]) -> list[Reach]:
    if len(inputs) == 3:
        sizes, strides = ([int(n) for n in number_of(value)] for value in inputs[1:])
    else:
        sizes, strides = op.get_attr("ksize"), op.get_attr("strides")
    out = reach_of(inputs[0])
    for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        out = windows(out, axis, size, stride, 1, _padding(op, axis, out.shape[axis + 1], size, stride, 1))
    return [out]


_SAME = """
    Identity StopGradient PreventGradient EnsureShape Snapshot CheckNumerics PlaceholderWithDefault Cast Bucketize
    BiasAdd BiasAddV1 FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
    Relu Relu6 LeakyRelu Elu Selu Softplus Softsign Sigmoid Tanh Erf Erfc Erfinv Ndtri Exp Expm1 Log Log1p Neg Sign Abs
    ComplexAbs Square Sqrt Rsqrt Inv Reciprocal Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Floor Ceil Round
    Rint IsNan IsInf IsFinite LogicalNot Invert Real Imag Conj Angle Digamma Lgamma BesselI0e BesselI1e
"""
_ELEMENTWISE = """
    Add AddV2 AddN Sub Mul MulNoNan Div DivNoNan RealDiv FloorDiv TruncateDiv Mod FloorMod TruncateMod Pow Maximum
    Minimum SquaredDifference Atan2 Xlogy Xdivy Xlog1py Complex ClipByValue Greater GreaterEqual Less LessEqual Equal
    NotEqual ApproximateEqual LogicalAnd LogicalOr BitwiseAnd BitwiseOr BitwiseXor LeftShift RightShift Igamma Igammac
    Polygamma
"""
_REDUCTIONS = "Sum Mean Prod Max Min All Any EuclideanNorm ArgMax ArgMin"
_MOVING_THE_FIRST = """
    Reshape Transpose ConjugateTranspose ExpandDims Squeeze StridedSlice Slice GatherV2 GatherNd Unpack SplitV Pad
    MirrorPad Tile BroadcastTo ReverseV2 ReverseSequence Roll SpaceToBatchND BatchToSpaceND SpaceToDepth DepthToSpace
    ExtractImagePatches ResizeNearestNeighbor MatrixBandPart
"""
_MOVED = {  # which inputs are moved; the others say how
    **dict.fromkeys(_MOVING_THE_FIRST.split(), slice(0, 1)),
    **dict.fromkeys(("Pack", "IdentityN"), slice(None)),
    **dict.fromkeys(("PadV2", "TensorScatterUpdate", "MatrixDiagPartV3"), slice(0, 3, 2)),
    **dict.fromkeys(("Select", "SelectV2"), slice(1, 3)),
    **dict.fromkeys(("Split", "Fill"), slice(1, 2)),
    "MatrixSetDiagV3": slice(0, 2),
    "MatrixDiagV3": slice(0, 5, 4),
    "ConcatV2": slice(0, -1),
}
_OVER_LAST_AXES = {
    **dict.fromkeys(("FFT", "IFFT", "RFFT", "IRFFT", "TopKV2"), 1),
    **dict.fromkeys(("FFT2D", "IFFT2D", "RFFT2D", "IRFFT2D", "MatrixInverse", "MatrixDeterminant", "Cholesky"), 2),
}

RULES: dict[str, Rule] = {
    **dict.fromkeys(_MOVED, _movement),
    **dict.fromkeys(_SAME.split(), _same),
    **dict.fromkeys(_ELEMENTWISE.split(), _elementwise),
    **dict.fromkeys(_REDUCTIONS.split(), _reduction),
    **dict.fromkeys(_OVER_LAST_AXES, _over_last_axes),
    **dict.fromkeys(("Softmax", "LogSoftmax", "LRN"), _normalisation),
    **dict.fromkeys(("Cumsum", "Cumprod", "CumulativeLogsumexp"), _cumulation),
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _matrix_product),
    **dict.fromkeys(("Conv2D", "Conv3D", "DepthwiseConv2dNative"), _convolution),
    **dict.fromkeys(("Conv2DBackpropInput", "Conv3DBackpropInputV2"), _transposed_convolution),
    **dict.fromkeys(("MaxPool", "MaxPoolV2", "MaxPool3D", "AvgPool", "AvgPool3D"), _pooling),
    **dict.fromkeys(("Select", "SelectV2"), _selection),
    **dict.fromkeys(("GatherV2", "ResourceGather"), _lookup),
    "OneHot": _one_hot,
    "XlaDynamicUpdateSlice": _slice_update,
    "Einsum": _einsum,
}
