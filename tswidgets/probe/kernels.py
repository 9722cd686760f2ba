"""What the filters of a layer read at each step: convolutions over time by their weights, pooling by its window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Steps = NDArray[np.int64]
NO_STEP = -1
"""In place of the number of an input step, where a window reaches beyond the series."""


@dataclass(frozen=True)
class Window:
    """Where a layer looks: output step t reads the steps t · stride − before, … + dilation, …, `size` of them.

    padding : `valid`, `same` or `causal`, as Keras names it.
    transposed : of a Conv1DTranspose, which puts stride − 1 zeros between two steps of its input.
    """

    size: int
    stride: int = 1
    dilation: int = 1
    padding: str = "valid"
    transposed: bool = False

    def steps(self, t: int, n_steps: int) -> Steps:
        """Int array of shape (size,): the steps of an input of `n_steps` that step t reads; or `NO_STEP`."""
        reach, offsets = self.dilation * (self.size - 1), np.arange(self.size) * self.dilation
        if self.transposed:
            before = 0 if self.padding == "valid" else max(reach + 1 - self.stride, 0) // 2
            places, left = np.divmod(t + before - offsets, self.stride)
            return np.where((left == 0) & (places >= 0) & (places < n_steps), places, NO_STEP)
        steps = t * self.stride - self._before(n_steps, reach) + offsets
        return np.where((steps >= 0) & (steps < n_steps), steps, NO_STEP)

    def _before(self, n_steps: int, reach: int) -> int:
        """Steps of padding before the first. TensorFlow's `same` depends on the length: 4 before and 5 behind."""
        if self.padding == "same":
            n_outputs = -(-n_steps // self.stride)
            return max((n_outputs - 1) * self.stride + reach + 1 - n_steps, 0) // 2
        return reach if self.padding == "causal" else 0


@dataclass(frozen=True, eq=False)
class Kernel:
    """A convolution over time: filter f adds weights[:, :, f] · what it reads, and its bias.

    weights : ndarray of shape (kernel_size, n_read, n_filters), float32. Of a SeparableConv1D the product of both its
        kernels, which is what they come to.
    channels : int ndarray of shape (n_read, n_filters), which channels of the input each filter reads: all of them,
        those of its group, or of a DepthwiseConv1D one.
    bias : ndarray of shape (n_filters,), or None.
    """

    window: Window
    weights: Floats
    channels: NDArray[np.int64]
    bias: Floats | None
    activation: Any

    @property
    def function(self) -> str:
        """What the layer's own activation function is called, `linear` if it has none."""
        return name_of(self.activation)


@dataclass(frozen=True)
class Pool:
    """Pooling over time: the largest value of a window, or the mean of those that are there.

    window : None for all steps, as global pooling has it; its mean then leaves out what the model masks.
    """

    how: Literal["max", "average"]
    window: Window | None


def is_convolution(layer: Any) -> bool:
    """Whether it is one of Keras' convolutions over time, and not one that computes by itself."""
    known = _own(layer, _WEIGHTS, ("call", "convolution_op")) is not None
    return known and layer.built and getattr(layer, "output_padding", None) is None


def kernel_of(layer: Any) -> Kernel | None:
    """The kernel of a layer that `is_convolution`; None of any other."""
    if not is_convolution(layer):
        return None
    window = Window(
        size=_one(layer.kernel_size),
        stride=_one(layer.strides),
        dilation=_one(layer.dilation_rate),
        padding=layer.padding,
        transposed=isinstance(layer, keras.layers.Conv1DTranspose),
    )
    weights, channels = _own(layer, _WEIGHTS, ())(layer)
    bias = None if layer.bias is None else _array(layer.bias)
    return Kernel(window, weights, channels, bias, layer.activation)


def pool_of(layer: Any) -> Pool | None:
    """What one of Keras' pooling layers over time does; None for any other layer."""
    how = _own(layer, _POOLS, ("call",))
    if how is None:
        return None
    if not hasattr(layer, "pool_size"):
        return Pool(how, None)
    return Pool(how, Window(_one(layer.pool_size), _one(layer.strides), padding=layer.padding))


def name_of(function: Any) -> str:
    """What an activation function is called."""
    if function is None:
        return "linear"
    return str(getattr(function, "__name__", None) or getattr(function, "name", None) or type(function).__name__)


def _own(layer: Any, of: dict[str, Any], methods: tuple[str, ...]) -> Any:
    """The entry of the layer's class or of that of Keras' which it inherits; None if it replaces one of its methods."""
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        return None
    for kind in type(layer).__mro__:
        if kind.__name__ in of and kind.__module__.startswith("keras."):
            own = any(getattr(type(layer), name, None) is not getattr(kind, name, None) for name in methods)
            return None if own else of[kind.__name__]
    return None


# -------------------------------------------------- (weights, channels) of a layer, each with its filters as last axis


def _convolution(layer: Any) -> tuple[Floats, NDArray[np.int64]]:
    weights = _array(layer.kernel)
    _, n_read, n_filters = weights.shape
    group = np.arange(n_filters) // (n_filters // layer.groups)
    return weights, np.arange(n_read)[:, None] + group * n_read


def _depthwise(layer: Any) -> tuple[Floats, NDArray[np.int64]]:
    """Each channel has `depth_multiplier` filters, one after the other."""
    size, n_channels, n_each = (weights := _array(layer.kernel)).shape
    return weights.reshape(size, 1, -1), (np.arange(n_channels * n_each) // n_each)[None]


def _separable(layer: Any) -> tuple[Floats, NDArray[np.int64]]:
    each, mixing = _array(layer.depthwise_kernel), _array(layer.pointwise_kernel)[0]
    weights = np.einsum("kcm,cmf->kcf", each, mixing.reshape(*each.shape[1:], -1))
    return weights, _all_channels(weights)


def _transposed(layer: Any) -> tuple[Floats, NDArray[np.int64]]:
    weights = np.ascontiguousarray(_array(layer.kernel).transpose(0, 2, 1))
    return weights, _all_channels(weights)


def _all_channels(weights: Floats) -> NDArray[np.int64]:
    return np.broadcast_to(np.arange(weights.shape[1])[:, None], weights.shape[1:])


_WEIGHTS: dict[str, Callable[[Any], tuple[Floats, NDArray[np.int64]]]] = {
    "Conv1D": _convolution,
    "DepthwiseConv1D": _depthwise,
    "SeparableConv1D": _separable,
    "Conv1DTranspose": _transposed,
}
_POOLS = {
    "MaxPooling1D": "max",
    "AveragePooling1D": "average",
    "GlobalMaxPooling1D": "max",
    "GlobalAveragePooling1D": "average",
}


def _one(value: Any) -> int:
    return int(value[0] if isinstance(value, (tuple, list)) else value)


def _array(variable: Any) -> Floats:
    return np.asarray(variable).astype(np.float32)
