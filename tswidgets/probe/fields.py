"""What each kind of layer does to the time axis: one rule per layer, from its inputs' timelines to its output's.

A layer's step is placed on the input's time axis by what it sees, never by stretching the layer over the input: on a
strided, valid-padded network stretching puts a peak tens of samples off. The rules give exact first and last input
steps through convolution, pooling, resampling, merging and recurrence; an affine (start, jump, size) would be wrong as
soon as upsampling follows a stride.

Source of the idea: Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill 2019.
Departure: index arrays instead of their closed form, clipped at the series' ends, because padding is not input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import keras
import numpy as np
from numpy.typing import NDArray

from tswidgets.probe.timeline import NEVER, Steps, Timeline


def layer_timeline(layer: Any, inputs: list[Timeline | None], rank: int, causal: bool = False) -> Timeline | None:
    """What the steps of `layer`'s output see, given what its inputs' steps see; None where no rule is known.

    `rank` is the output's, batch axis included. Without a time axis (rank 2) the output is one step that sees all that
    its inputs see. `causal` attention was told to use a causal mask. A rule is used only where the layer runs the very
    `call` that the rule was written for, so that a subclass with a `call` of its own is unknown instead of wrong.
    """
    if not inputs or any(timeline is None for timeline in inputs):
        return None
    known = cast(list[Timeline], inputs)
    rule = _rule(layer) if _is_elementwise(getattr(layer, "activation", None)) else None
    if rule is None:
        return None
    if rank <= 2 and rule is not _same_step:
        return together(known)
    return _causal_attention(layer, known) if causal and rule is _attention else rule(layer, known)


def together(inputs: Sequence[Timeline]) -> Timeline | None:
    """One step that sees all that these see: the worst that a layer without a time axis can do."""
    return _merge(None, [timeline.union() for timeline in inputs])


def _rule(layer: Any) -> _Rule | None:
    kind: Any
    for kind in type(layer).__mro__:
        if kind.__name__ in RULES and kind.__module__.startswith("keras."):
            own = any(getattr(type(layer), name, None) is not getattr(kind, name, None) for name in _COMPUTING)
            return None if own else RULES[kind.__name__]
    return None


_COMPUTING = ("call", "convolution_op")  # where a subclass may compute something else than its rule is for


def _is_elementwise(activation: Any) -> bool:
    """Keras' own activations work on one step at a time; what a user passes is tried: is a step alone the same step?"""
    home = getattr(activation, "__module__", None) or type(activation).__module__
    if activation is None or home.startswith("keras."):
        return True
    x = np.random.default_rng(0).normal(size=(1, 4, 3)).astype(np.float32)
    try:
        together = np.asarray(activation(keras.ops.convert_to_tensor(x)))
        alone = [np.asarray(activation(keras.ops.convert_to_tensor(x[:, t : t + 1]))) for t in range(x.shape[1])]
        return np.allclose(together, np.concatenate(alone, axis=1), rtol=1e-4, atol=1e-6)
    except Exception:
        return False  # unknown, and so not drawn


def _gather(source: Timeline, taps: Iterable[tuple[Steps, NDArray[np.bool_]]], n_steps: int) -> Timeline:
    """Union of the source steps `index` (where `valid`) over all kernel taps."""
    firsts = [np.full(n_steps, NEVER) for _ in range(2)]
    lasts = [np.full(n_steps, -1) for _ in range(2)]
    for index, valid in taps:
        valid = valid & (index >= 0) & (index < len(source))
        index = np.clip(index, 0, max(len(source) - 1, 0))
        for out, part in zip(firsts, (source.lo, source.near_lo), strict=True):
            np.minimum(out, np.where(valid, part[index], NEVER), out=out)
        for out, part in zip(lasts, (source.hi, source.near_hi), strict=True):
            np.maximum(out, np.where(valid, part[index], -1), out=out)
    return Timeline(firsts[0], lasts[0], firsts[1], lasts[1])


def _windows(source: Timeline, n_steps: int, first: Steps, size: int, dilation: int = 1) -> Timeline:
    """Output step j reads the source steps first[j], first[j] + dilation, … (`size` of them)."""
    if len(source) == 0:
        n_steps = 0
    if _runs_on(source):
        return _ends(source, first[:n_steps], size, dilation)
    everywhere = np.ones(n_steps, bool)
    return _gather(source, ((first[:n_steps] + q * dilation, everywhere) for q in range(size)), n_steps)


def _runs_on(source: Timeline) -> bool:
    """Whether no step sees less far back, or less far ahead, than the one before it; padding sees nothing at all."""
    ends = {id(end): end for end in (source.lo, source.hi, source.near_lo, source.near_hi)}
    return all(bool((end[:-1] <= end[1:]).all()) for end in ends.values())


def _ends(source: Timeline, first: Steps, size: int, dilation: int) -> Timeline:
    """The same, by the first and the last step of each window that there is: of a million steps that matters."""
    n = len(source)
    begin = first + dilation * -(np.minimum(first, 0) // dilation)
    end = first + dilation * np.minimum((n - 1 - first) // dilation, size - 1)
    there = (begin < n) & (begin <= end)
    begin, end = np.clip(begin, 0, max(n - 1, 0)), np.clip(end, 0, max(n - 1, 0))
    lo, near_lo = (np.where(there, part[begin], NEVER) for part in (source.lo, source.near_lo))
    hi, near_hi = (np.where(there, part[end], -1) for part in (source.hi, source.near_hi))
    return Timeline(lo, hi, near_lo, near_hi)


def _one(value: Any) -> int:
    return int(value[0] if isinstance(value, (tuple, list)) else value)


def _sliding(source: Timeline, size: int, stride: int, dilation: int, padding: str) -> Timeline:
    n, reach = len(source), dilation * (size - 1)
    if padding == "valid":
        n_steps, before = (n - reach - 1) // stride + 1, 0
    else:
        n_steps = -(-n // stride)  # TensorFlow's `same` padding depends on n and is uneven: 4 and 5 for a kernel of 10
        before = reach if padding == "causal" else max((n_steps - 1) * stride + reach + 1 - n, 0) // 2
    n_steps = max(n_steps, 0)
    return _windows(source, n_steps, np.arange(n_steps) * stride - before, size, dilation)


def _convolution(layer: Any, inputs: list[Timeline]) -> Timeline | None:
    if layer.data_format == "channels_first":
        return None
    size, stride, dilation = _one(layer.kernel_size), _one(layer.strides), _one(layer.dilation_rate)
    return _sliding(inputs[0], size, stride, dilation, layer.padding)


def _pooling(layer: Any, inputs: list[Timeline]) -> Timeline | None:
    if layer.data_format == "channels_first":
        return None
    return _sliding(inputs[0], _one(layer.pool_size), _one(layer.strides), 1, layer.padding)


def _transposed_convolution(layer: Any, inputs: list[Timeline]) -> Timeline | None:
    if layer.data_format == "channels_first" or layer.output_padding is not None:
        return None
    source, size, stride = inputs[0], _one(layer.kernel_size), _one(layer.strides)
    dilation = _one(layer.dilation_rate)
    reach = dilation * (size - 1)
    n_steps = len(source) * stride + (max(reach + 1 - stride, 0) if layer.padding == "valid" else 0)
    before = 0 if layer.padding == "valid" else max(reach + 1 - stride, 0) // 2
    steps = np.arange(n_steps) + before  # input i reaches output i * stride + q * dilation - before
    return _gather(
        source,
        (((steps - q * dilation) // stride, (steps - q * dilation) % stride == 0) for q in range(size)),
        n_steps,
    )


def _upsampling(layer: Any, inputs: list[Timeline]) -> Timeline:
    n_steps = len(inputs[0]) * int(layer.size)
    return _windows(inputs[0], n_steps, np.arange(n_steps) // int(layer.size), 1)


def _zero_padding(layer: Any, inputs: list[Timeline]) -> Timeline | None:
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        return None
    before, after = layer.padding
    n_steps = len(inputs[0]) + before + after
    return _windows(inputs[0], n_steps, np.arange(n_steps) - before, 1)


def _cropping(layer: Any, inputs: list[Timeline]) -> Timeline:
    before, after = layer.cropping
    n_steps = max(len(inputs[0]) - before - after, 0)
    return _windows(inputs[0], n_steps, np.arange(n_steps) + before, 1)


def _recurrent(layer: Any, inputs: list[Timeline]) -> Timeline:
    source, *initial_states = inputs
    if layer.go_backwards:  # output step j is taken at input step n - 1 - j
        source = Timeline(*(part[::-1] for part in (source.lo, source.hi, source.near_lo, source.near_hi)))
    lo, hi = np.minimum.accumulate(source.lo), np.maximum.accumulate(source.hi)
    return Timeline(lo, hi, source.near_lo, source.near_hi).reaching(initial_states)


def _bidirectional(layer: Any, inputs: list[Timeline]) -> Timeline:
    return inputs[0].over_all_steps().reaching(inputs[1:])


def _same_step(layer: Any, inputs: list[Timeline]) -> Timeline:
    return inputs[0]


def _dense(layer: Any, inputs: list[Timeline]) -> Timeline:
    return inputs[0]  # step by step; without a time axis `layer_timeline` has joined all steps already


def _all_steps(layer: Any, inputs: list[Timeline]) -> Timeline:
    return inputs[0].over_all_steps()


def _attention(layer: Any, inputs: list[Timeline]) -> Timeline:
    return inputs[0].reaching(inputs[1:] or inputs)  # the query comes first, keeps its place, and sees all keys


def _causal_attention(layer: Any, inputs: list[Timeline]) -> Timeline:
    """A query's step takes from the keys up to its own number."""
    query = inputs[0]
    lo, hi = query.lo, query.hi
    for keys in inputs[1:] or inputs:
        last = np.minimum(np.arange(len(query)), len(keys) - 1)
        lo = np.minimum(lo, np.minimum.accumulate(keys.lo)[last])
        hi = np.maximum(hi, np.maximum.accumulate(keys.hi)[last])
    return Timeline(lo, hi, query.near_lo, query.near_hi)


def _no_steps(layer: Any, inputs: list[Timeline]) -> Timeline:
    return inputs[0].union()


def _over_last_axis(layer: Any, inputs: list[Timeline]) -> Timeline:
    axis = getattr(layer, "axis", -1)
    axes = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    return inputs[0] if axes in ([-1], [2]) else inputs[0].over_all_steps()


def _merge(layer: Any, inputs: Sequence[Timeline]) -> Timeline | None:
    n_steps = max(len(timeline) for timeline in inputs)
    if any(len(timeline) not in (1, n_steps) for timeline in inputs):
        return None

    def stacked(part: str) -> Steps:
        return np.stack([np.broadcast_to(getattr(timeline, part), n_steps) for timeline in inputs])

    at = [t for t in inputs if len(t) == n_steps]  # a step broadcast from a global branch has no place of its own
    return Timeline(
        stacked("lo").min(0),
        stacked("hi").max(0),
        np.min([t.near_lo for t in at], 0),
        np.max([t.near_hi for t in at], 0),
    )


def _concatenate(layer: Any, inputs: list[Timeline]) -> Timeline | None:
    return _merge(layer, inputs) if layer.axis in (-1, 2) else None


_Rule = Callable[[Any, list[Timeline]], Timeline | None]
_SAME_STEP = (
    "Dropout SpatialDropout1D GaussianNoise GaussianDropout AlphaDropout ActivityRegularization Masking Embedding "
    "Activation ReLU LeakyReLU PReLU ELU Identity Rescaling TimeDistributed Relu Relu6 Gelu Silu Elu Selu Sigmoid Tanh "
    "Softplus Softsign Absolute Abs Negative Square Sqrt Exp Log Sin Cos Clip Cast"
)
_MERGES = "Add Subtract Multiply Average Maximum Minimum Divide TrueDivide Power"
_GLOBAL = "GlobalAveragePooling1D GlobalMaxPooling1D"

RULES: dict[str, _Rule] = {
    **dict.fromkeys(("Conv1D", "DepthwiseConv1D", "SeparableConv1D"), _convolution),
    **dict.fromkeys(("MaxPooling1D", "AveragePooling1D"), _pooling),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "RNN"), _recurrent),
    **dict.fromkeys(_SAME_STEP.split(), _same_step),
    **dict.fromkeys(_MERGES.split(), _merge),
    **dict.fromkeys(_GLOBAL.split(), _no_steps),
    **dict.fromkeys(("BatchNormalization", "LayerNormalization", "UnitNormalization", "Softmax"), _over_last_axis),
    **dict.fromkeys(("MultiHeadAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention"), _attention),
    "GroupNormalization": _all_steps,
    "Dense": _dense,
    "Conv1DTranspose": _transposed_convolution,
    "UpSampling1D": _upsampling,
    "ZeroPadding1D": _zero_padding,
    "Cropping1D": _cropping,
    "Bidirectional": _bidirectional,
    "Concatenate": _concatenate,
}
