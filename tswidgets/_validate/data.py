"""Checks of X, y and what comes with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tswidgets._validate.messages import message, near_names

_WHOLE_X = (
    "X of shape (n_samples, n_timesteps, n_channels), (n_samples, n_timesteps), or a list of (n_timesteps, n_channels)"
)


def series(X: Any, *, integers: bool = False) -> Any:
    """X as an array of rank 2 or more, or as a list of arrays of rank 1 or more, unconverted."""
    if isinstance(X, dict):
        raise TypeError(message(_WHOLE_X, "a dict", "This model takes one input: pass its array."))
    if isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 1):
        return _series_list(list(X), integers)
    array = X if isinstance(X, np.ndarray) else np.asarray(X)
    _numbers(array.dtype, "X", integers)
    if array.ndim < 2:
        todo = "Add the sample axis: X[None]." if array.ndim == 1 else "Pass an array with one axis each."
        raise ValueError(message(_WHOLE_X, f"an array of shape {array.shape}", todo))
    if 0 in array.shape:
        raise ValueError(
            message("at least one sample, time step and channel", f"X of shape {array.shape}", "Pass data.")
        )
    return array


def several(X: Any, names: Sequence[str], model: str) -> dict[str, Any]:
    """X as a dict of one array for each of a model's inputs, in the model's order."""
    expected = f"{len(names)} arrays in X, as {model!r} takes: {', '.join(map(repr, names))}"
    todo = "Pass a dict with these keys, or a list in this order, of arrays with one row for each sample."
    if isinstance(X, dict):
        wrong = [str(name) for name in X if name not in names] + [name for name in names if name not in X]
        if wrong:
            raise ValueError(message(expected, f"{', '.join(map(repr, X))}", todo))
        return {name: X[name] for name in names}
    if not isinstance(X, (list, tuple)) or len(X) != len(names):
        got = f"{len(X)} of them" if isinstance(X, (list, tuple)) else f"one {type(X).__name__}"
        raise ValueError(message(expected, got, todo))
    return dict(zip(names, X, strict=True))


def same_number(samples: dict[str, int]) -> None:
    if len(set(samples.values())) > 1:
        got = ", ".join(f"{n} in {name!r}" for name, n in samples.items())
        raise ValueError(message("the same number of samples in every input", got, "Pass one row for each sample."))


def _series_list(items: list[Any], integers: bool) -> list[Any]:
    if not items:
        raise ValueError(message("at least one sample", "an empty list", "Pass at least one series."))
    arrays = [item if isinstance(item, np.ndarray) else np.asarray(item) for item in items]
    for i, array in enumerate(arrays):
        _numbers(array.dtype, f"series {i} of X", integers)
        if array.ndim < 1 or (array.ndim > 2 and array.ndim != arrays[0].ndim):
            raise ValueError(
                message(_WHOLE_X, f"a list whose item {i} has shape {array.shape}", "Give each series two axes.")
            )
        if 0 in array.shape:
            todo = "Leave empty series out."
            raise ValueError(
                message("at least one time step and channel in every series", f"{array.shape} for series {i}", todo)
            )
    channels = [array.shape[1:] or (1,) for array in arrays]
    odd = next((i for i, shape in enumerate(channels) if shape != channels[0]), None)
    if odd is not None:
        first, other = (" × ".join(map(str, shape)) for shape in (channels[0], channels[odd]))
        got = f"{first} in series 0 and {other} in series {odd}"
        raise ValueError(
            message("the same number of channels in every series", got, "Time is the first axis: transpose?")
        )
    return arrays


def _numbers(dtype: np.dtype[Any], what: str, integers: bool) -> None:
    wanted, kinds, cast = ("whole numbers", "iu", "int32") if integers else ("floating-point numbers", "f", "float32")
    if dtype.kind in kinds:
        return
    todo = f"Convert them: X.astype({cast!r})."
    if dtype.kind == "c":
        todo = "Pass the real and imaginary parts as channels, or the magnitude."
    raise TypeError(message(f"{wanted} in {what}", f"dtype {dtype}", todo))


def labels(
    y: Any, lengths: Sequence[int], output_shape: tuple[int, ...], class_names: Sequence[str] | None
) -> tuple[str, Any]:
    """(kind, y) with kind `class`, `value`, `values` or `steps`; classes as indices into the model's output."""
    n_samples, n_outputs = len(lengths), int(output_shape[-1]) if output_shape else 1
    if isinstance(y, np.ndarray) and y.dtype.kind == "O" and y.ndim == 1 and any(np.ndim(one) for one in y):
        y = list(y)
    if isinstance(y, (list, tuple)) and any(np.ndim(one) for one in y) and len({np.shape(one) for one in y}) > 1:
        array, shape = None, (len(y),)
    else:
        array = np.asarray(y)
        shape = array.shape
    if not shape or shape[0] != n_samples:
        got = f"{shape[0]} labels" if shape else "a single value"
        raise ValueError(
            message(f"one label for each of the {n_samples} samples", got, "Pass X and y of the same length.")
        )
    several = array is not None and array.shape[1:] == tuple(output_shape) == (n_outputs,) != (1,)
    if several and n_outputs not in lengths and not _one_hot(array, n_outputs):
        return "values", array
    if array is None or (array.ndim >= 2 and array.shape[1:] != (1,) and not _one_hot(array, n_outputs)):
        return "steps", _of_steps(list(y) if array is None else array, lengths, output_shape)
    if array.dtype.kind in "USO" and class_names is not None:
        places = {name: i for i, name in enumerate(class_names)}
        unknown = next((one for one in array.ravel() if one not in places), None)
        if unknown is not None:
            raise ValueError(
                message("labels out of class_names", repr(unknown), near_names(unknown, list(class_names)))
            )
        array = np.array([places[one] for one in array.ravel()])
    if array.dtype.kind not in "biuf":
        todo = "Pass class_names=[…] in the order of the model's outputs, or y as class numbers."
        raise TypeError(message("numbers in y", f"dtype {array.dtype}", todo))
    if array.ndim == 2 and array.shape[1] > 1:
        array = array.argmax(axis=1)
    array = array.reshape(n_samples)
    whole = array.dtype.kind in "biu" or bool((array == np.round(array)).all())
    if len(output_shape) != 1 or n_outputs == 1 or not whole:
        return "value", array
    if array.min() < 0 or array.max() >= n_outputs:
        got = f"{array.min():.0f} to {array.max():.0f}"
        todo = "Subtract 1 from y." if array.min() == 1 and array.max() == n_outputs else "Number the classes from 0."
        raise ValueError(
            message(f"class numbers 0 to {n_outputs - 1}, as the model has {n_outputs} outputs", got, todo)
        )
    return "class", array.astype(int)


def _of_steps(rows: Any, lengths: Sequence[int], output_shape: tuple[int, ...]) -> Any:
    """Labels per step, an array or a list of one for each sample, after checking their number and what they are."""
    kept = output_shape[0] if len(output_shape) == 2 and len(set(lengths)) == 1 else None  # by a model that drops some
    for i, length in enumerate(lengths):
        if len(rows[i]) not in (length, kept):
            got = f"{len(rows[i])} labels for the {length} steps of sample {i}"
            raise ValueError(message("one label per time step", got, "Pass y of shape (n_samples, n_timesteps)."))
    for one in [rows] if isinstance(rows, np.ndarray) else rows:
        if (kind := np.asarray(one).dtype).kind not in "biuf":
            todo = "Pass class numbers, counted from 0 in the order of the model's outputs."
            raise TypeError(message("numbers in y", f"dtype {kind}", todo))
    return rows


def are_class_numbers(y: Any, n_outputs: int) -> bool:
    """Whether labels per step are numbers of several classes, one for each step."""
    blocks = [y] if isinstance(y, np.ndarray) else [np.asarray(one)[None] for one in y]
    if n_outputs < 2 or any(block.ndim > 2 and block.shape[2] != 1 for block in blocks):
        return False
    known = [block[~np.isnan(block)] for block in blocks]
    return all(bool(((one == np.round(one)) & (one >= 0) & (one < n_outputs)).all()) for one in known)


def _one_hot(array: Any, n_outputs: int) -> bool:
    return (
        array.ndim == 2
        and array.shape[1] == n_outputs
        and bool(np.isin(array, (0, 1)).all() and (array.sum(1) == 1).all())
    )


def sampling_rate(rate: Any) -> float | None:
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number)) or not 0 < float(rate) < float("inf"):
        todo = "Pass the number of time steps per second, or leave it out to count in steps."
        raise ValueError(message("a positive sampling_rate in Hz", repr(rate), todo))
    return float(rate)
