"""The explorer on sliding windows of one long wave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.windows import sliding_windows
from tswidgets.probe import Probe, as_probe, declared_inputs
from tswidgets.widgets.explorer import Explorer


class WindowExplorer(Explorer):
    """Cut one long wave into windows, and look at what a model makes of all of them at once.

    Parameters
    ----------
    model : keras.Model or Probe
        A model of one input of shape (size, n_channels).
    wave : array of shape (n_wave_steps, n_channels) or (n_wave_steps,)
        Floating-point numbers without NaN.
    window : int, optional
        Number of steps of a window; by default what the model takes.
    stride : int
        How many steps lie between the starts of two windows.
    horizon : int
        How many steps behind its window the model predicts; 0 if its answer is about the window itself. With a horizon
        the wave is the truth that the predictions are drawn against.
    y : array, optional
        Labels of the windows, as `Explorer` takes them, where the wave itself is not the truth.
    **options
        channel_names, class_names, sampling_rate, panels, as `Explorer` takes them.

    Raises
    ------
    TypeError, ValueError
        What was expected, what was got and what to do.
    """

    _first_panels = ("windows",)

    def __init__(
        self,
        model: Any,
        wave: Any,
        window: int | None = None,
        *,
        stride: int = 1,
        horizon: int = 0,
        y: Any = None,
        **options: Any,
    ) -> None:
        if window is None:
            window = _length(model.model if isinstance(model, Probe) else model)
        windows, targets = sliding_windows(wave, window, stride=stride, horizon=horizon)
        if y is None and horizon:
            y = _truth(targets, as_probe(model, np.asarray(windows[:1], np.float32)))
        super().__init__(model, windows, y, wave=wave, stride=stride, horizon=horizon, **options)


def _length(model: Any) -> int:
    shapes = [one.shape for one in declared_inputs(model)]
    if len(shapes) != 1 or not shapes[0] or shapes[0][0] is None:
        _validate.no_window(getattr(model, "name", type(model).__name__))
    return int(shapes[0][0])


def _truth(targets: NDArray[Any], probe: Probe) -> NDArray[Any] | None:
    """What follows each window, one number for each that the model answers; None if it has several outputs."""
    shapes = probe.output_shapes
    if len(shapes) > 1 or None in shapes[0]:
        return None
    flat, n_outputs = targets.reshape(len(targets), -1), math.prod(n or 0 for n in shapes[0])
    if n_outputs != flat.shape[1]:
        _validate.no_truth(n_outputs, targets.shape[1:])
    return flat
