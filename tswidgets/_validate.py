"""The boundary: checks what users pass in, and holds every message they can meet.

A message has three parts: what was expected, what was got, what to do. Inner code trusts its arguments.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np


def message(expected: str, got: str, todo: str) -> str:
    return f"Expected {expected}; got {got}. {todo}"


def reason(error: BaseException) -> str:
    """The sentence of an error that says what went wrong, without what Keras wraps around it."""
    plain = re.sub(r"\x1b\[\d+m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    wrapping = "Exception encountered when calling"
    return next((line for line in lines if not line.startswith(wrapping)), type(error).__name__)


def keras_model(model: Any, keras: Any) -> None:
    if isinstance(model, keras.Model):
        return
    got = f"a {type(model).__name__}"
    if isinstance(model, type):
        got = f"the class {model.__name__}"
    elif isinstance(model, keras.Layer):
        got = f"the layer {model.name!r} ({type(model).__name__})"
    raise TypeError(
        message(
            "a Keras 3 model", got, "Pass the model object itself, for example keras.models.load_model('model.keras')."
        )
    )


def unbuilt_model(model: Any) -> NoReturn:
    raise ValueError(
        message(
            "a model whose input shape is known",
            f"{model.name!r}, which has not been built",
            "Call it once on data, begin it with keras.Input(shape), or pass X, from which the shape is taken.",
        )
    )


def near_names(name: Any, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    shown = ", ".join(map(repr, names[:30])) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
    return f"This model has: {shown}." + (f" Did you mean {near[0]!r}?" if near else "")


def layer_name(name: Any, names: Sequence[str]) -> str:
    if name in names:
        return str(name)
    raise ValueError(message("the name of a layer", repr(name), near_names(name, names)))


def index(value: Any, size: int, what: str, of: str) -> int:
    """An index into `size` things; negative ones count from the end, as in NumPy."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(message(f"a whole number for {what}", repr(value), f"Pass a number from 0 to {size - 1}."))
    if not -size <= value < size:
        raise IndexError(
            message(f"{what} 0 to {size - 1}", str(value), f"{of} has {size}; pass a number in that range.")
        )
    return int(value) % size


def nothing_to_draw(name: str, note: str) -> NoReturn:
    raise ValueError(message(f"a layer with steps × filters or units, unlike {name!r}", note, "Choose another layer."))


_WHOLE_X = (
    "X of shape (n_samples, n_timesteps, n_channels), (n_samples, n_timesteps), or a list of (n_timesteps, n_channels)"
)


def batch(shapes: Sequence[tuple[int, ...]], declared: Sequence[tuple[int | None, ...]], name: str) -> None:
    """Whether arrays of these shapes, batch axis included, are what a model takes."""
    if len(shapes) != len(declared):
        todo = "Pass them as the model takes them, a list or a dict of arrays."
        raise ValueError(message(f"{len(declared)} inputs, as {name!r} takes", f"{len(shapes)} arrays", todo))
    for shape, wanted in zip(shapes, declared, strict=True):
        fits = len(shape) == len(wanted) + 1 and all(w in (None, n) for n, w in zip(shape[1:], wanted, strict=True))
        if not fits:
            axes = ", ".join(["n_samples", *("any" if n is None else str(n) for n in wanted)])
            todo = "Pass the axes in that order; one series needs a sample axis of length 1."
            raise ValueError(message(f"an array of shape ({axes}), as {name!r} takes", f"shape {shape}", todo))


def one_or_a_batch(shape: tuple[int, ...]) -> None:
    if len(shape) not in (2, 3):
        expected = "x of shape (n_timesteps, n_channels), or (n_samples, n_timesteps, n_channels)"
        raise ValueError(message(expected, f"shape {shape}", "Give a single channel an axis of its own: x[:, None]."))


NOT_REACHED = "the model's own code passes it by for this input"


def not_reached(name: str) -> NoReturn:
    todo = "Choose another layer or another sample."
    raise ValueError(message(f"a layer that the model runs for this input, unlike {name!r}", NOT_REACHED, todo))


def series(X: Any, *, integers: bool = False) -> Any:
    """X as an array of rank 2 or 3, or as a list of arrays of rank 1 or 2, unconverted."""
    if isinstance(X, dict):
        raise TypeError(
            message(_WHOLE_X, "a dict", "Models with several inputs cannot be explored yet; pass one array.")
        )
    if isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 1):
        return _series_list(list(X), integers)
    array = X if isinstance(X, np.ndarray) else np.asarray(X)
    _numbers(array.dtype, "X", integers)
    if array.ndim not in (2, 3):
        todo = "Add the sample axis: X[None]." if array.ndim == 1 else "Reshape it to one axis each."
        raise ValueError(message(_WHOLE_X, f"an array of shape {array.shape}", todo))
    if 0 in array.shape:
        raise ValueError(
            message("at least one sample, time step and channel", f"X of shape {array.shape}", "Pass data.")
        )
    return array


def _series_list(items: list[Any], integers: bool) -> list[Any]:
    if not items:
        raise ValueError(message("at least one sample", "an empty list", "Pass at least one series."))
    arrays = [item if isinstance(item, np.ndarray) else np.asarray(item) for item in items]
    for i, array in enumerate(arrays):
        _numbers(array.dtype, f"series {i} of X", integers)
        if array.ndim not in (1, 2):
            raise ValueError(
                message(_WHOLE_X, f"a list whose item {i} has shape {array.shape}", "Give each series two axes.")
            )
        if 0 in array.shape:
            todo = "Leave empty series out."
            raise ValueError(
                message("at least one time step and channel in every series", f"{array.shape} for series {i}", todo)
            )
    channels = [array.shape[1] if array.ndim == 2 else 1 for array in arrays]
    odd = next((i for i, n in enumerate(channels) if n != channels[0]), None)
    if odd is not None:
        got = f"{channels[0]} in series 0 and {channels[odd]} in series {odd}"
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


def one_input(model: Any) -> None:
    inputs = getattr(model, "inputs", None) if model.built else None  # older Keras raises where there are none yet
    count = len(inputs) if inputs else 1
    if count != 1:
        todo = "Explore a model that fixes the other inputs; several inputs cannot be drawn yet."
        raise ValueError(message("a model with one input", f"{model.name!r}, which has {count}", todo))


def fits_model(lengths: Sequence[int], n_channels: int, declared: Sequence[tuple[int | None, ...]], name: str) -> None:
    """Whether series of these lengths and channels are what the model takes."""
    shape = declared[0]
    steps = shape[0] if shape else None
    channels = shape[1] if len(shape) > 1 else 1
    if channels is not None and n_channels != channels:
        todo = f"Pass X with {channels} channels on its last axis."
        if channels in lengths:
            todo = "Time and channels look swapped: pass X.transpose(0, 2, 1)."
        raise ValueError(message(f"{channels} channels, as {name!r} takes", f"{n_channels} in X", todo))
    wrong = next((i for i, n in enumerate(lengths) if steps is not None and n != steps), None)
    if wrong is not None:
        todo = f"Cut or pad every series to {steps} steps, or build the model with keras.Input((None, {n_channels}))."
        raise ValueError(message(f"{steps} time steps, as {name!r} takes", f"{lengths[wrong]} in series {wrong}", todo))


def labels(
    y: Any, lengths: Sequence[int], output_shape: tuple[int, ...], class_names: Sequence[str] | None
) -> tuple[str, Any]:
    """(kind, y) with kind `class`, `value` or `steps`; classes as indices into the model's output."""
    n_samples, n_outputs = len(lengths), int(output_shape[-1]) if output_shape else 1
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
    if array is None or (array.ndim >= 2 and array.shape[1:] != (1,) and not _one_hot(array, n_outputs)):
        for i, length in enumerate(lengths):
            if len(y[i]) != length:
                got = f"{len(y[i])} labels for the {length} steps of sample {i}"
                raise ValueError(message("one label per time step", got, "Pass y of shape (n_samples, n_timesteps)."))
        return "steps", y
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


def _one_hot(array: Any, n_outputs: int) -> bool:
    return (
        array.ndim == 2
        and array.shape[1] == n_outputs
        and bool(np.isin(array, (0, 1)).all() and (array.sum(1) == 1).all())
    )


def names(given: Sequence[Any] | None, size: int | None, what: str, of: str) -> list[str] | None:
    """Names as strings, one for each of `size` things, or None if none were given."""
    if given is None:
        return None
    texts = [str(name) for name in given]
    if size is not None and len(texts) != size:
        raise ValueError(
            message(f"{size} {what}, one for each {of}", str(len(texts)), f"Pass {size} names or leave them out.")
        )
    return texts


def sampling_rate(rate: Any) -> float | None:
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number)) or not 0 < float(rate) < float("inf"):
        todo = "Pass the number of time steps per second, or leave it out to count in steps."
        raise ValueError(message("a positive sampling_rate in Hz", repr(rate), todo))
    return float(rate)
