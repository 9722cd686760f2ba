"""Checks of what `time_axis` is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from tswidgets._validate.messages import message

Sizes = tuple[int, ...]


def only_one(first: Any, second: Any, names: str) -> None:
    """One of two ways to say the same."""
    if first is not None and second is not None:
        raise ValueError(message(f"one of {names}", "both", "Leave one of them out."))


def input_sizes(shape: Any, declared: Sequence[int | None] | None, name: str) -> tuple[int | None, ...]:
    """The shape of an input without the axis of samples, from one with or without; None where it says nothing."""
    wanted = "an input_shape such as (400, 16), n_timesteps and n_channels"
    if isinstance(shape, (str, bytes, dict)) or not hasattr(shape, "__len__"):
        todo = "Pass a tuple of whole numbers, or one for each input in a list or a dict."
        raise TypeError(message(wanted, repr(shape), todo))
    sizes = tuple(shape)
    if any(not (n is None or _whole(n)) for n in sizes) or not sizes:
        raise ValueError(message(wanted, repr(sizes), "Pass whole numbers from 1 on, without the samples."))
    if (declared is not None and len(sizes) == len(declared) + 1) or (declared is None and sizes[0] is None):
        sizes = sizes[1:]
    if declared is not None:
        fits = len(sizes) == len(declared) and all(
            w is None or n in (None, w) for n, w in zip(sizes, declared, strict=True)
        )
        if not fits:
            axes = ", ".join("any" if n is None else str(n) for n in declared)
            todo = "Pass the shape of one sample, time steps first, or leave input_shape out."
            raise ValueError(message(f"an input of shape ({axes}), as {name!r} takes", repr(tuple(shape)), todo))
        sizes = tuple(w if n is None else n for n, w in zip(sizes, declared, strict=True))
    return tuple(None if n is None else int(n) for n in sizes)


def input_length(sizes: Sequence[int | None], name: str) -> None:
    """Whether the number of time steps is known."""
    if any(n is None for n in sizes):
        got = f"{name!r}, which takes any length"
        channels = next((str(n) for n in sizes[1:] if n is not None), "1")
        todo = f"Say which one to look at: input_shape=(400, {channels}), or x=X."
        raise ValueError(message("a number of time steps", got, todo))


def label_sizes(y: Any, y_shape: Any, n_samples: int | None) -> Sizes | None:
    """The shape of y without the axis of samples; None if none was given."""
    only_one(y, y_shape, "y and y_shape")
    wanted = "y_shape such as (476, 400, 1), samples first, then time steps"
    if y is not None:
        try:
            array = np.asarray(y)
        except ValueError:
            array = np.asarray(None)
        if array.ndim == 0 or array.dtype.kind == "O":
            got = f"a {type(y).__name__} that is no array of numbers"
            raise ValueError(message("y as an array with one row a sample", got, "Pass np.asarray(y), or y_shape."))
        y_shape = array.shape
        if n_samples is not None and len(array) != n_samples:
            got = f"{len(array)} in y and {n_samples} in x"
            raise ValueError(message("as many samples in y as in x", got, "Pass x and y of the same length."))
    if y_shape is None:
        return None
    if isinstance(y_shape, (str, bytes, dict)) or not hasattr(y_shape, "__len__"):
        raise TypeError(message(wanted, repr(y_shape), "Pass a tuple of whole numbers, or the labels themselves: y=y."))
    sizes = tuple(y_shape)
    if not sizes or any(not _whole(n) for n in sizes[1:]) or not (sizes[0] is None or _whole(sizes[0], 0)):
        raise ValueError(message(wanted, repr(sizes), "Pass whole numbers; the samples may be None."))
    return tuple(int(n) for n in sizes[1:])


def output_number(output: Any, n_outputs: int) -> int:
    whole = isinstance(output, (int, np.integer)) and not isinstance(output, bool)
    if not whole or not -n_outputs <= output < n_outputs:
        has = "1 output" if n_outputs == 1 else f"{n_outputs} outputs"
        expected = f"the number of an output from 0 to {n_outputs - 1}"
        raise ValueError(message(expected, repr(output), f"The model has {has}: choose the one that y is for."))
    return int(output) % n_outputs


def scorer(error: BaseException, what: str) -> NoReturn:
    todo = f"Pass {what} as you would to model.compile: a name such as 'mse', or an object."
    raise ValueError(message(f"a {what} that Keras knows", str(error).splitlines()[0].rstrip("."), todo)) from error


def not_copied(name: str, error: BaseException) -> NoReturn:
    todo = "Pass x=X[:1], from which the model is built as by its first call, or call the model once."
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    raise ValueError(message(f"a model that takes this input_shape, unlike {name!r}", reason, todo)) from error


def no_time_steps(sizes: Any, name: str) -> NoReturn:
    todo = "Choose a model with an input of shape (n_timesteps, n_channels)."
    raise ValueError(message("a model with an input that has time steps", f"{name!r} with inputs {sizes}", todo))


def _whole(n: Any, least: int = 1) -> bool:
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool) and int(n) >= least
