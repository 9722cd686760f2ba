"""One long wave cut into overlapping windows, and what a layer answers to them folded back onto the wave."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.fold import Fold


def sliding_windows(
    wave: Any, size: int, *, stride: int = 1, horizon: int = 0
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Overlapping windows of a long wave, and the values that come behind each.

    Parameters
    ----------
    wave : array of shape (n_wave_steps,) or (n_wave_steps, n_channels), of finite floating-point numbers
    size : int
        Steps of a window.
    stride : int
        Wave steps from one window to the next.
    horizon : int
        How many steps behind a window to predict. Windows that do not have so many behind them are left out.

    Returns
    -------
    windows : ndarray of shape (n_windows, size, n_channels), with one channel for a wave of one axis. Window w
        begins at wave step `w * stride`; there are `(n_wave_steps - size - horizon) // stride + 1`.
    targets : ndarray of shape (n_windows, horizon) for a wave of one axis, otherwise (n_windows, horizon, n_channels).

    Both are read-only views: they take no memory and show the wave's own values. Copy what you want to write to, and
    what is to stay when the wave changes.

    Raises
    ------
    TypeError
        If the wave does not hold floating-point numbers, or if size, stride or horizon are not whole numbers.
    ValueError
        If a window and its horizon are longer than the wave, if a number is out of range, if the wave has another
        shape, or if it has values that are NaN or infinite.
    """
    array = _validate.long_wave(wave)
    size, stride = _validate.whole(size, "size"), _validate.whole(stride, "stride")
    horizon = _validate.whole(horizon, "horizon", 0)
    _validate.window_fits(array.shape, size, horizon)
    channels = array if array.ndim == 2 else array[:, None]
    both = np.moveaxis(sliding_window_view(channels, size + horizon, axis=0)[::stride], -1, 1)
    windows, targets = both[:, :size], both[:, size:]
    return windows, targets if array.ndim == 2 else targets[..., 0]


def fold_windows(
    values: Any, *, stride: int = 1, how: str = "mean", time: Any = None, size: int | None = None
) -> NDArray[Any]:
    """What a layer answers to overlapping windows, as one curve for each filter on the wave.

    Parameters
    ----------
    values : array of shape (n_windows, n_steps, n_filters)
        NaN, as of masked steps, does not contribute. Integers are taken as float32.
    stride : int
        Wave steps from one window to the next.
    how : "mean", "sum" or "copy_edges"
        `mean` divides by the number of values that contribute, so that ends with fewer windows are not lower; a layer's
        own padding does weigh more there. `copy_edges` is
        a sum of `n_steps` values everywhere: where the wave's ends have fewer, the first window steps and the last ones
        are counted again, which are those that padding alters most. It needs stride 1, a layer with a step for
        each step of a window, and `n_windows >= n_steps - 1`.
    time : array of shape (n_steps,), optional
        For a layer whose steps are not the window's: the window step at the centre of what each step sees, as
        `tsw.activations(model, windows, layer).time`. NaN for a step that sees nothing but padding. See `landing`.
    size : int, optional
        Steps of a window; needed with `time`.

    Returns
    -------
    ndarray of shape (n_wave_steps, n_filters), float64 if the values are, otherwise float32, with
    `n_wave_steps = (n_windows - 1) * stride + size`. Step s of window w belongs to wave step `w * stride + s`. A wave
    step that nothing belongs to is NaN.

    Raises
    ------
    TypeError, ValueError
        If arguments have another shape or kind, or if `copy_edges` is asked for where it is not defined.

    Source of `copy_edges`: S. Sugisaki, 【深層学習】時系列データに対する1次元畳み込み層の出力を可視化, 2018, which
    copies values into a matrix of (n_steps, n_wave_steps) and adds up its rows. `mean` is ours.
    """
    array = _validate.window_values(values)
    stride = _validate.whole(stride, "stride")
    n_windows, n_steps, n_filters = array.shape
    if time is None:
        _validate.window_size(size, n_steps)
        at, length = np.arange(n_steps), n_steps
    else:
        places, length = _validate.window_times(time, n_steps, size)
        at = landing(places, length)
    dtype = np.float64 if array.dtype.kind == "f" and array.dtype.itemsize >= 8 else np.float32
    fold = Fold((n_windows - 1) * stride + length, n_filters, at, stride, dtype)
    fold.check(how)
    fold.add(0, array)
    return fold.result(how)


def fold_count(n_windows: int, size: int, stride: int = 1) -> NDArray[np.int64]:
    """How many windows contain each step of the wave.

    Parameters
    ----------
    n_windows, size, stride : int
        Number of windows, steps of each, and how many steps lie between the starts of two.

    Returns
    -------
    int ndarray of shape (n_wave_steps,)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a whole number from 1 on.
    """
    n_windows, size = _validate.whole(n_windows, "n_windows"), _validate.whole(size, "size")
    first = np.arange(n_windows) * _validate.whole(stride, "stride")
    change = np.zeros(int(first[-1]) + size + 1, np.int64)
    change[first] += 1
    change[first + size] -= 1
    return change[:-1].cumsum()


def landing(time: NDArray[np.floating[Any]], size: int) -> NDArray[np.int64]:
    """The window step that each step of a layer lands on: int ndarray of shape (n_steps,), -1 for none.

    A step lands on the centre of what it sees, `time`; between two steps on the earlier, which is where TensorFlow's
    `same` padding puts a kernel of an even number of steps. Padding cuts fields short at the ends and so moves their
    centres inwards: a layer with as many steps as the window, in order, of which a middle one lands on its own place,
    lands step on step.
    """
    nowhere = np.isnan(time)
    at = np.where(nowhere, -1, np.floor(np.where(nowhere, 0, time))).astype(np.int64)
    steps = np.arange(len(at))
    middle = [(size - 1) // 2, size // 2]  # the same for an odd size
    if len(at) == size and (at[middle] == middle).any() and (np.diff(at[~nowhere]) >= 0).all():
        return np.where(nowhere, -1, steps)
    return at
