"""Checks of a long wave, of its windows, and of what is folded back onto it."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate.messages import message

_WAVE = "a wave of shape (n_wave_steps,) or (n_wave_steps, n_channels)"
_VALUES = "values of shape (n_windows, n_steps, n_filters)"


def long_wave(given: Any) -> NDArray[np.floating[Any]]:
    """The wave as an array of rank 1 or 2 of finite floating-point numbers, not copied where it is one already."""
    array = _rectangular(given, _WAVE)
    if array.dtype.kind != "f":
        todo = "Convert them: np.asarray(wave, 'float32')."
        if array.dtype.kind == "c":
            todo = "Pass the real and imaginary parts as channels, or the magnitude."
        raise TypeError(message("floating-point numbers in the wave", f"dtype {array.dtype}", todo))
    if array.ndim not in (1, 2):
        todo = "Pass one long series, with time on its first axis."
        raise ValueError(message(_WAVE, f"an array of shape {array.shape}", todo))
    if array.size == 0:
        raise ValueError(message("at least one step and channel", f"a wave of shape {array.shape}", "Pass data."))
    bad = ~np.isfinite(array)
    if bad.any():
        first = int(bad.reshape(len(bad), -1).any(axis=1).argmax())
        n_bad = int(bad.sum())
        got = f"{n_bad} value{'s' if n_bad > 1 else ''} NaN or infinite, the first at step {first}"
        todo = "Interpolate there, or cut the wave and pass its parts one by one."
        raise ValueError(message("finite values in the wave", got, todo))
    return array


def whole(value: Any, what: str, least: int = 1) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(message(f"a whole number for {what}", repr(value), f"Pass a number from {least} on."))
    if value < least:
        raise ValueError(message(f"{what} of at least {least}", str(value), f"Pass a number from {least} on."))
    return int(value)


def window_fits(shape: tuple[int, ...], size: int, horizon: int) -> None:
    if shape[0] >= size + horizon:
        return
    behind = f" and {horizon} behind it" if horizon else ""
    todo = "Pass a longer wave or choose a smaller size."
    if len(shape) == 2 and shape[1] >= size + horizon:
        todo = "Time is the first axis: pass wave.T."
    got = f"a wave of {shape[0]} steps" if shape[0] > 1 else "a wave of 1 step"
    raise ValueError(message(f"a wave of at least {size + horizon} steps, for a window of {size}{behind}", got, todo))


def window_values(given: Any) -> NDArray[Any]:
    """What a layer answers to windows, as an array of rank 3 of real numbers."""
    array = _rectangular(given, _VALUES)
    if array.dtype.kind not in "biuf":
        todo = "Pass what a layer answers, for example tsw.activations(model, windows, layer).values."
        raise TypeError(message("real numbers in values", f"dtype {array.dtype}", todo))
    if array.ndim != 3:
        todo = "Pass one number for each window, step and filter."
        if array.ndim == 2:
            todo = "Add the axis of filters: values[:, :, None]."
        raise ValueError(message(_VALUES, f"an array of shape {array.shape}", todo))
    if array.size == 0:
        raise ValueError(
            message("at least one window, step and filter", f"values of shape {array.shape}", "Pass data.")
        )
    return array


def window_times(given: Any, n_steps: int, size: Any) -> tuple[NDArray[np.floating[Any]], int]:
    """The centres of `n_steps` steps within a window of `size`, and that size."""
    if size is None:
        todo = "Pass size=, the number of steps of a window: windows.shape[1]."
        raise ValueError(message("size together with time", "time alone", todo))
    size = whole(size, "size")
    time = np.asarray(given)
    if time.dtype.kind not in "iuf":
        todo = "Pass tsw.activations(model, windows, layer).time."
        raise TypeError(message("real numbers in time", f"dtype {time.dtype}", todo))
    if time.shape != (n_steps,):
        todo = "Pass the time of the layer that the values are of: tsw.activations(model, windows, layer).time."
        raise ValueError(message(f"time of shape ({n_steps},), one for each step", f"shape {time.shape}", todo))
    placed = time[~np.isnan(time)]
    if placed.size and not (placed.min() >= 0 and np.floor(placed.max()) < size):
        got = f"{placed.min():g} to {placed.max():g}"
        todo = "Count in steps of the window, from 0, with NaN for a step that belongs to none."
        raise ValueError(message(f"time from 0 to {size - 1}, as windows have {size} steps", got, todo))
    return time.astype(np.float64), size


def window_size(size: Any, n_steps: int) -> None:
    """`size` without `time`: nothing says where the steps of a shorter layer belong."""
    if size is not None and whole(size, "size") != n_steps:
        todo = "Pass time=, the places of these steps: tsw.activations(model, windows, layer).time."
        raise ValueError(message(f"values with {size} steps, as size says", f"{n_steps} steps and no time", todo))


def no_copied_edges(got: str, n_steps: int) -> NoReturn:
    expected = "windows of stride 1, a layer with a step for each step of a window, and "
    expected += f"at least {n_steps - 1} windows for how='copy_edges'"
    todo = "Pass how='mean', which needs no copies: it divides by the number of windows that contribute."
    raise ValueError(message(expected, got, todo))


def _rectangular(given: Any, expected: str) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except ValueError:  # lists of different lengths
        raise ValueError(message(expected, "a ragged list", "Pass lists of one length.")) from None
