"""One step of a layer, number by number, as it can be computed by hand."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from keras import tree

from tswidgets import _validate
from tswidgets._validate import layer_step as refuse
from tswidgets.analysis.bound import with_sample_axis
from tswidgets.analysis.convolution_step import TOLERANCE, ConvolutionStep, ConvolutionSteps
from tswidgets.analysis.pooling_step import PoolingStep, PoolingSteps
from tswidgets.analysis.recurrent_step import RecurrentStep, RecurrentSteps
from tswidgets.probe import Probe, as_probe
from tswidgets.probe.given import is_recurrent, unwrapped
from tswidgets.probe.kernels import is_convolution, kernel_of, pool_of
from tswidgets.probe.layer_input import is_before_activation, layer_call
from tswidgets.probe.recurrent import quantities_of
from tswidgets.probe.recurrent_check import tolerance_of

LayerStep = ConvolutionStep | PoolingStep | RecurrentStep
LayerSteps = ConvolutionSteps | PoolingSteps | RecurrentSteps


def layer_step(
    model: Any, x: Any, layer: str, step: int = 0, filter: int = 0, *, direction: str = "forward"
) -> LayerStep:
    """What a layer computes at one step, number by number, as the model itself does in inference.

    Parameters
    ----------
    model : keras.Model or Probe
    x : ndarray of shape (n_timesteps, n_channels), or (1, n_timesteps, n_channels)
        One series, in the model's own structure where it has several inputs.
    layer : str
        Name of a tap that a Conv1D, DepthwiseConv1D, SeparableConv1D or Conv1DTranspose layer returns, a pooling layer
        over time, an LSTM, GRU, SimpleRNN or Bidirectional layer. Of `conv:pre-activation` the activation function is
        left out.
    step : int
        Index of the layer's output step; of a recurrent layer that returns its last output alone that of its input,
        in the order of the series. Default: 0.
    filter : int
        Index of the filter, channel or unit on the layer's last axis. Default: 0.
    direction : str
        `forward` or `backward`, of a Bidirectional layer that adds or averages the two; where they stand side by side
        the filter says so. Default: `forward`.

    Returns
    -------
    ConvolutionStep, PoolingStep or RecurrentStep
        Its `activation` is the number that the layer itself returned. The layer's input is what the model gave it in
        this very call.

    Raises
    ------
    ValueError
        If the model has no such tap, if what it does cannot be followed by hand, or if a recurrent layer does not read
        the step, because it is padding that the model masks.
    IndexError
        If it has no such step or filter.
    RuntimeError
        If the numbers do not lead to what the layer itself returned.
    """
    steps = layer_steps(model, x, layer, direction=direction)
    of = f"layer {steps.layer!r}"
    return steps.at(
        _validate.index(step, steps.n_steps, "step", of), _validate.index(filter, steps.n_filters, "filter", of)
    )


def layer_steps(model: Any, x: Any, layer: str, *, direction: str = "forward") -> LayerSteps:
    """The same for all steps and filters of a layer, of which `at(step, filter)` costs next to nothing."""
    batch, _ = with_sample_axis(model, x)
    probe = as_probe(model, batch)
    name = probe.tap_name(layer)
    refuse.one_series_at_a_time(len(tree.flatten(batch)[0]))
    _validate.one_of(direction, ("forward", "backward"), "direction")
    kind = kind_of(probe, name)
    if not kind:
        _not_followed(probe, name)
    tap = next(tap for tap in probe.taps if tap.name == name)
    if kind == "recurrent":
        return RecurrentSteps(probe, batch, name, tap, direction)
    call, operation = layer_call(probe, batch, name), probe.calls.operation(name)
    if call is None:
        return _not_followed(probe, name)
    mask = probe.observe(batch).masks.get(name)
    n_steps = call.output.shape[1] if call.output.ndim == 3 else 1
    masked = np.zeros(n_steps, bool) if mask is None or mask.shape[1:] != (n_steps,) else ~mask[0]
    tolerance = max(TOLERANCE, tolerance_of(getattr(operation, "compute_dtype", "float32")))
    if (pool := pool_of(operation)) is not None:
        return PoolingSteps(name, pool, call, masked, tolerance)
    kernel = kernel_of(operation)
    assert kernel is not None
    return ConvolutionSteps(name, kernel, call, masked, tolerance)


def kind_of(probe: Probe, tap: str) -> str:
    """`convolution`, `pooling` or `recurrent`, of a tap whose steps can be followed; "" of all others."""
    operation = probe.calls.operation(tap)
    if is_convolution(operation):
        return "convolution"
    if pool_of(operation) is not None:
        return "pooling"
    if is_recurrent(operation) and unwrapped(operation) is operation and quantities_of(probe, tap):
        return "recurrent"
    return ""


def followed(probe: Probe) -> list[str]:
    """Names of the taps whose steps can be followed."""
    return [tap.name for tap in probe.taps if kind_of(probe, tap.name)]


def _not_followed(probe: Probe, name: str) -> NoReturn:
    operation = probe.calls.operation(name)
    inner = unwrapped(operation)
    got = f"a layer of class {type(operation).__name__}"
    if inner is not operation:
        got += f" that runs one of class {type(inner).__name__} at each of its steps"
    elif getattr(operation, "data_format", "channels_last") == "channels_first":
        got += " whose channels come before its steps"
    refuse.no_steps(name, got, [one for one in followed(probe) if not is_before_activation(probe, one)])
