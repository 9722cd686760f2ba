"""One step of a convolution: what lies under the kernel, times the weights, added up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate import layer_step as refuse
from tswidgets.probe.kernels import NO_STEP, Kernel
from tswidgets.probe.layer_input import LayerCall

Floats = NDArray[np.float32]
Steps = NDArray[np.int64]
Bools = NDArray[np.bool_]
TOLERANCE = 1e-5  # of the magnitudes that are added up, how far a sum may be from the layer's own


@dataclass(frozen=True, eq=False)
class ConvolutionStep:
    """One filter of a convolution at one of its output steps: Σ window · kernel + bias, then the activation function.

    layer, step, filter : which tap, which of its steps, which of its filters.
    absent : whether the model masks this step as padding.
    steps : int ndarray of shape (kernel_size,), the input's step under each weight; -1 where there is none.
    padding : bool ndarray of shape (kernel_size,), True where there is none, and the layer reads 0.
    masked : bool ndarray of shape (kernel_size,), True where the model masks the step of the input as padding; a
        convolution reads its values all the same.
    channels : int ndarray of shape (n_channels,), the channels of the layer's input that the filter reads.
    window : ndarray of shape (kernel_size, n_channels), float32, what it reads; 0 where there is no step.
    kernel : ndarray of the same shape, its weights. Of a SeparableConv1D the product of both kernels.
    products : ndarray of the same shape, window · kernel.
    sum : of all products.
    bias : None where the layer has none.
    pre_activation : sum + bias.
    function : name of the layer's activation function, `linear` where there is none.
    activation : what the layer itself returned.
    """

    layer: str
    step: int
    filter: int
    absent: bool
    steps: Steps
    padding: Bools
    masked: Bools
    channels: Steps
    window: Floats
    kernel: Floats
    products: Floats
    sum: float
    bias: float | None
    pre_activation: float
    function: str
    activation: float


class ConvolutionSteps:
    """Every step and filter of a convolution for one series.

    x : ndarray of shape (n_timesteps, n_channels), the layer's input; `absent` tells which steps of it are masked.
    output : ndarray of shape (n_steps, n_filters).
    """

    kind = "convolution"

    def __init__(self, layer: str, kernel: Kernel, call: LayerCall, masked: Bools, tolerance: float) -> None:
        self.layer, self.kernel, self.x, self.absent, self._masked = layer, kernel, call.x[0], call.absent[0], masked
        self.output, self._before = call.output[0], None if call.before is None else call.before[0]
        self._tolerance = tolerance

    @property
    def n_steps(self) -> int:
        return len(self.output)

    @property
    def n_filters(self) -> int:
        return int(self.output.shape[-1])

    def reads(self, step: int) -> Steps:
        """Steps of the input under the kernel, as `ConvolutionStep.steps`."""
        return self.kernel.window.steps(step, len(self.x))

    def at(self, step: int, filter: int) -> ConvolutionStep:
        steps, channels = self.reads(step), self.kernel.channels[:, filter]
        there = steps != NO_STEP
        window = np.zeros((len(steps), len(channels)), np.float32)
        window[there] = self.x[np.ix_(steps[there], channels)]
        kernel = self.kernel.weights[:, :, filter]
        bias = None if self.kernel.bias is None else float(self.kernel.bias[filter])
        with np.errstate(invalid="ignore", over="ignore"):  # a series may hold what is not a number
            products = window * kernel
            total = float(products.sum(dtype=np.float64))
            size = float(np.abs(products).sum(dtype=np.float64)) + abs(bias or 0.0)
        before = total + (bias or 0.0)
        own = float((self.output if self._before is None else self._before)[step, filter])
        if not _agree(before, own, self._tolerance * max(size, 1e-3)):
            refuse.other_numbers(self.layer, "convolution")
        return ConvolutionStep(
            layer=self.layer,
            step=step,
            filter=filter,
            absent=bool(self._masked[step]),
            steps=steps,
            padding=~there,
            masked=there & self.absent[np.maximum(steps, 0)],
            channels=channels.copy(),
            window=window,
            kernel=kernel.copy(),
            products=products,
            sum=total,
            bias=bias,
            pre_activation=before,
            function="linear" if self._before is None else self.kernel.function,
            activation=float(self.output[step, filter]),
        )


def _agree(found: float, own: float, tolerance: float) -> bool:
    """Numbers that are none, or too large for float32, are alike."""
    if abs(found) <= float(np.finfo(np.float32).max) and np.isfinite(tolerance):
        return abs(found - own) <= tolerance
    return not np.isfinite(own)
