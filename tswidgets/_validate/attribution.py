"""What an attribution needs, and what it cannot be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate.messages import message


def no_numbers(dtype: Any) -> NoReturn:
    raise TypeError(message("x of numbers", f"dtype {dtype}", "Pass an array of floating-point numbers."))


def not_finite(flat: Sequence[NDArray[Any]], score: NDArray[Any]) -> NoReturn:
    broken = ~np.isfinite(score)
    for array in flat:
        if array.dtype.kind == "f":
            broken |= ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
    i = int(np.flatnonzero(broken)[0])
    missing = sum(int((~np.isfinite(array[i])).sum()) for array in flat if array.dtype.kind == "f")
    got = f"{score[i]} for sample {i}"
    todo = (
        "Its weights or activations are not finite: look at its layers in the explorer, the first such one is to blame."
    )
    if missing:
        got += f", which holds {missing:,} missing or infinite values"
        todo = "Fill the gaps (np.nan_to_num, interpolation) before asking."
    raise ValueError(message("a finite answer of the model to explain", got, todo))


def not_finite_values(method: str) -> NoReturn:
    got = "values that are infinite or not a number"
    todo = "The model's derivative is not finite at this series, as that of a root is at 0; use occlusion or rise."
    raise ValueError(message(f"finite values of {method}", got, todo))


def numbers_to_mix(dtype: Any, method: str) -> None:
    if np.dtype(dtype).kind != "f":
        todo = "Use grad_cam of the Embedding or of a layer behind it, or occlusion."
        raise ValueError(
            message(f"floating-point numbers for {method}, which takes parts of them", f"dtype {np.dtype(dtype)}", todo)
        )


def one_array(X: Any) -> NoReturn:
    todo = "Pass the array itself."
    got = f"a {type(X).__name__} of {len(X)}"
    raise TypeError(message("one array, for a model with one input", got, todo))


def at_least(value: Any, least: int, what: str) -> int:
    """A whole number from `least` on."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(message(f"a whole number from {least} on for {what}", repr(value), f"Pass {least} or more."))
    return int(value)


def within(value: Any, low: float, high: float, what: str) -> float:
    """A number above `low` and below `high`."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not low < value < high:
        todo = f"Pass a number such as {(low + min(high, low + 1)) / 2:g}."
        raise ValueError(message(f"a number between {low:g} and {high:g} for {what}", repr(value), todo))
    return float(value)


def stand_in(value: Any, shapes: Sequence[tuple[int, ...]], what: str) -> list[NDArray[Any]] | None:
    """What takes the place of a series, one array for each input; None for "mean".

    shapes : of every input without the sample axis, which the arrays broadcast to.
    """
    if isinstance(value, str):
        if value == "mean":
            return None
        raise ValueError(message(f'a number, "mean" or an array for {what}', repr(value), "Pass one of these."))
    if isinstance(value, dict):
        todo = "Pass a number, or an array of the shape of a series."
        raise ValueError(message(f"one value for {what} of a model with one input", f"a dict of {list(value)}", todo))
    parts = value if _one_each(value, shapes) else [value] * len(shapes)
    found = []
    for part, shape in zip(parts, shapes, strict=True):
        array = np.asarray(part)
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise ValueError(message(f'finite numbers for {what}, or "mean"', repr(part), "Pass a number or an array."))
        try:
            np.broadcast_to(array, shape)
        except ValueError:
            todo = f"Pass a number, {shape[-1]} numbers (one for each channel), or an array of that shape."
            raise ValueError(
                message(f"{what} of shape {shape}, like a series of x", f"shape {array.shape}", todo)
            ) from None
        found.append(array)
    return found


def background(X: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Series to compare with: (n_background, …)."""
    array = np.asarray(X)
    if array.dtype.kind not in "fiub" or array.shape[1:] != shape or not len(array) or not np.isfinite(array).all():
        got = f"an array of shape {array.shape} and dtype {array.dtype}"
        todo = "Pass some of the training series, cut or padded to the length of x."
        expected = f"a background of finite numbers of shape (n_background, {', '.join(map(str, shape))})"
        raise ValueError(message(expected, got, todo))
    return array.astype(np.float32)


def one_input(n_inputs: int, method: str) -> None:
    if n_inputs != 1:
        todo = "Use saliency, gradient_x_input, smooth_grad, integrated_gradients or occlusion."
        raise ValueError(message(f"a model with one input for {method}", f"one with {n_inputs}", todo))


def even_batch(batch_size: int) -> int:
    if batch_size % 2:
        todo = "Use integrated_gradients, or build the model without a batch size."
        raise ValueError(
            message("a model that takes a series and its baseline at once", f"batches of {batch_size}", todo)
        )
    return batch_size


def occlusion_window(window: Any, stride: Any, n_timesteps: int) -> tuple[int, int]:
    """Steps that are hidden together, and steps from one window to the next."""
    size = max(n_timesteps // 20, 1) if window is None else at_least(window, 1, "window")
    if size > n_timesteps:
        todo = f"Pass a window from 1 to {n_timesteps}."
        raise ValueError(message(f"a window that fits into {n_timesteps} steps", f"{size} steps", todo))
    step = max(size // 2, 1) if stride is None else at_least(stride, 1, "stride")
    if step > size:
        todo = f"Pass a stride from 1 to {size}, or a longer window."
        raise ValueError(message("windows that leave no step out", f"a stride of {step} for windows of {size}", todo))
    return size, step


def one_map(n_axes: int, method: str, methods: Sequence[str]) -> None:
    if n_axes:
        todo = "Ask for one series at a time: trust(model, X[i], method(model, X[i]))."
        raise ValueError(message("the attribution of one series", "that of a batch", todo))
    if method not in methods:
        raise ValueError(message("what a method of tswidgets returned", f"method {method!r}", f"Use one of {methods}."))


def map_of(shape: tuple[int, ...], absent: tuple[int, ...]) -> None:
    if shape != (1, *absent):
        got = f"that of one with {absent[0]} steps for one with {shape[1]}" if len(absent) == 1 else "that of a batch"
        raise ValueError(message("the attribution of this very series", got, "Pass the x that the map was made of."))


def no_time_axis(name: str, note: str, others: Sequence[str]) -> NoReturn:
    todo = (
        f"Choose one of: {', '.join(map(repr, others))}."
        if others
        else "This model has none; use saliency or occlusion."
    )
    raise ValueError(message("a layer with a time axis for a class activation map", f"{name!r}, {note}", todo))


def no_class_activation_map(layer: str) -> NoReturn:
    got = f"{layer!r}, whose steps and filters the answer weighs in another way"
    todo = "Use grad_cam, which takes any layer with a time axis."
    raise ValueError(message("a layer whose average over time is all that a linear layer answers to", got, todo))


def _one_each(value: Any, shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether it is a list of one value for each of several inputs."""
    return isinstance(value, (list, tuple)) and len(shapes) > 1 and len(value) == len(shapes)
