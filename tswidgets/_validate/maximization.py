"""Checks of what an input is optimised for, and of where it may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate.messages import index, message, reason


def one_input_of_numbers(inputs: Sequence[Any], name: str) -> None:
    """Whether a model takes one input, of floating-point numbers; of `inputs` each has a name and `integers`."""
    if len(inputs) > 1:
        got = f"{name!r}, which takes {len(inputs)}: {', '.join(repr(one.name) for one in inputs)}"
        todo = "Wrap it in a model of one input, in which the others are constants."
        raise ValueError(message("a model with one input, which is to be optimised", got, todo))
    if any(one.integers for one in inputs):
        got = f"{name!r}, which reads whole numbers, between which there is nothing to climb"
        todo = "Pass the part of the model behind its Embedding, as a model of its own."
        raise ValueError(message("a model that reads floating-point numbers", got, todo))


def series_input(shape: tuple[int | None, ...], name: str) -> None:
    if len(shape) not in (1, 2):
        axes = ", ".join("any" if n is None else str(n) for n in ("n_samples", *shape))
        todo = "Wrap it in a model that takes a series and reshapes it."
        got = f"{name!r}, which takes ({axes})"
        raise ValueError(message("a model of series, (n_samples, n_timesteps, n_channels)", got, todo))


def no_length(name: str, what: str, keyword: str) -> NoReturn:
    todo = f"Pass {keyword}X=, real series, from which it is taken."
    raise ValueError(message(f"the number of {what}, as {name!r} takes any", "neither it nor X", todo))


def length_fails(n_timesteps: int, name: str, error: Exception) -> NoReturn:
    got = f"{n_timesteps}, with which TensorFlow fails ({type(error).__name__})"
    todo = "Pass a larger n_timesteps, or X with longer series."
    raise ValueError(message(f"a number of time steps that {name!r} can take", got, todo)) from error


def one_filter(target: Any, n_filters: int | None, word: str, layer: str) -> int:
    """The filter of a layer that a target is; None is the only one."""
    if target is None and n_filters == 1:
        return 0
    if n_filters is None or target is None:
        todo = f"Pass its number, or (step, {word})" + ("." if n_filters is None else f": 0 to {n_filters - 1}.")
        raise ValueError(message(f"a target, which {word} of {layer!r}", repr(target), todo))
    if isinstance(target, (str, np.ndarray, list)) and np.ndim(target) != 0:
        raise TypeError(message(f"one {word} of {layer!r}", repr(target), "Pass a number, or a tuple (step, number)."))
    return index(target, n_filters, word, repr(layer))


def one_target(target: Any) -> None:
    if isinstance(target, (list, np.ndarray)) and np.ndim(target) > 0:
        got = f"an array of shape {np.shape(target)}"
        raise TypeError(message("one target for all starts", got, "Pass a class number, or a tuple (step, class)."))


def not_negative(value: Any, what: str, *, zero: bool = True) -> float:
    """A finite number that is positive, or 0 where that is allowed."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or value < 0 or not (value or zero):
        kind = "a number from 0 on" if zero else "a number above 0"
        raise ValueError(message(f"{kind} for {what}", repr(value), "Pass such a number, or leave it out."))
    return float(value)


def value_bounds(given: Any, n_channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(lowest, highest) value of each channel, (n_channels,) each."""
    expected = "bounds as (low, high), each a number or one for each channel"
    todo = f"Pass two numbers such as (-3, 3), or two arrays of shape ({n_channels},)."
    try:
        low, high = (np.asarray(end, np.float64) for end in given)
        ends = np.broadcast_to(low, (n_channels,)).copy(), np.broadcast_to(high, (n_channels,)).copy()
    except (ValueError, TypeError) as error:
        raise ValueError(message(expected, f"{given!r} ({reason(error).rstrip('.')})", todo)) from error
    if not (ends[0] <= ends[1]).all() or (ends[0] == np.inf).any() or (ends[1] == -np.inf).any():
        channel = int((~(ends[0] <= ends[1])).argmax())
        got = f"{ends[0][channel]:g} to {ends[1][channel]:g} for channel {channel}"
        raise ValueError(message("bounds of which the first is the lower", got, todo))
    return ends


def finite_channels(known: NDArray[np.bool_]) -> None:
    if not known.all():
        got = f"none in channel {int((~known).argmax())}"
        todo = "Leave such a channel out, or give it the value that the model was trained with."
        raise ValueError(message("finite values in every channel of X", got, todo))


def something_varies(varies: bool) -> None:
    if not varies:
        todo = "Pass several samples or bounds in which the input may move."
        raise ValueError(message("a channel that varies in X, or within bounds", "none", todo))


def nothing_to_climb(n_starts: int, alternative: str) -> NoReturn:
    todo = f"Choose layer={alternative!r}, before the activation." if alternative else "Choose another target or layer."
    got = f"one whose gradient is 0 at all {n_starts} starts"
    if n_starts == 1:
        got = "one whose gradient is 0 at the only start"
    raise ValueError(message("a number that changes with the input", got, f"{todo} More n_starts may find one."))


def no_finite_start(n_starts: int) -> NoReturn:
    got = f"NaN or infinite ones at all {n_starts} starts" if n_starts > 1 else "NaN or an infinite one"
    todo = "Look at the model's weights, which may be NaN, or pass bounds= in which it can be computed."
    raise ValueError(message("a finite score and gradient", got, todo))
