"""Checks of what is removed from a layer, and of what the model's answers are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate.messages import index, message, one_of, reason

VALUES = ("zero", "mean")
METRICS = ("mse", "mae", "accuracy", "score")
MOST_FILTERS = 4096  # whose matrix takes 128 MiB


def n_samples(lengths: Sequence[int]) -> int:
    """The number of samples, which is that of every input."""
    if len(set(lengths)) > 1 or not lengths[0]:
        expected = "at least one sample" + (", and as many in every input" if len(lengths) > 1 else "")
        raise ValueError(message(expected, " and ".join(map(str, lengths)), "Pass one row for each sample."))
    return lengths[0]


def filter_axis(shape: tuple[int, ...], layer: str) -> None:
    """Whether values of this shape, batch axis included, have a last axis with more than one filter."""
    if len(shape) < 2:
        todo = "Choose another layer."
        raise ValueError(message(f"a layer with filters or units, unlike {layer!r}", f"values of shape {shape}", todo))
    if shape[-1] < 2:
        got = "one, without which nothing of the layer is left"
        raise ValueError(message(f"a layer with several filters or units, unlike {layer!r}", got, "Choose another."))


def filter_sets(filters: Any, size: int, word: str, layer: str) -> tuple[tuple[tuple[int, ...], ...], bool]:
    """(sets of filters, each sorted and without repetition; whether it is but one that was asked for)."""
    filters = filters[()] if isinstance(filters, np.ndarray) and not filters.ndim else filters
    items = list(filters) if _is_collection(filters) else [filters]
    several = any(_is_collection(item) for item in items)
    sets = [item if _is_collection(item) else [item] for item in items] if several else [items]
    return tuple(_filter_set(one, size, word, layer) for one in sets), not several


def _filter_set(filters: Iterable[Any], size: int, word: str, layer: str) -> tuple[int, ...]:
    found = sorted({index(one, size, word, repr(layer)) for one in filters})
    if not found:
        todo = f"Pass {word} numbers from 0 to {size - 1}, such as {{0, 1}}, or a list of such sets."
        raise ValueError(message(f"at least one {word} of {layer!r} in every set", "an empty one", todo))
    if len(found) == size:
        todo = f"Leave at least one {word} in."
        raise ValueError(message(f"fewer than the {size} {word}s of {layer!r}", "all: nothing of it is left", todo))
    return tuple(found)


def _is_collection(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes)) and getattr(value, "ndim", 1) > 0


def enough_filters(size: int, pairs: bool, word: str, layer: str) -> None:
    """Whether pairs of filters can be removed, and whether their matrix is of a size that can be handled."""
    if pairs and size < 3:
        todo = "Remove them one at a time: iter_ablate_pairs(…, pairs=False), or ablate."
        got = f"{size}, so that a pair is all of them"
        raise ValueError(message(f"at least 3 {word}s in {layer!r}, of which pairs are removed", got, todo))
    if size > MOST_FILTERS:
        todo = "Choose a layer before it, or remove chosen sets by ablate."
        raise ValueError(message(f"at most {MOST_FILTERS:,} {word}s in {layer!r}", f"{size:,}", todo))


def removal_value(value: Any) -> str | NDArray[Any]:
    """What takes the place of a filter: one of `VALUES`, or an array of numbers."""
    expected, todo = "'zero', 'mean' or numbers for value", "Pass a word, a number, or an array of shape (n_filters,)."
    if isinstance(value, str) and value not in VALUES:
        raise ValueError(message(expected, repr(value), todo))
    if isinstance(value, str):
        return value
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(message(expected, f"a {type(value).__name__}: {reason(error).rstrip('.')}", todo)) from error
    if array.dtype.kind not in "fiub":
        got = f"an array of dtype {array.dtype}" if array.ndim else repr(value)
        raise ValueError(message(expected, got, todo))
    return array


def removal_value_fits(value: NDArray[Any], shape: tuple[int, ...], layer: str) -> None:
    """Whether it broadcasts to a tap's values."""
    pairs = zip(reversed(value.shape), reversed(shape), strict=False)
    if value.ndim > len(shape) or any(n not in (1, size) for n, size in pairs):
        todo = f"Pass one number for each filter, shape ({shape[-1]},), or an array of that shape."
        raise ValueError(
            message(f"a value that broadcasts to {shape}, as {layer!r} returns", f"shape {value.shape}", todo)
        )


def nothing_depends(layer: str, output: int, n_outputs: int) -> NoReturn:
    got = f"one whose result does not go into {'the output' if n_outputs == 1 else f'output {output}'}"
    todo = "Choose another layer." if n_outputs == 1 else "Choose another layer, or another output."
    raise ValueError(message(f"a layer that the model's answer depends on, unlike {layer!r}", got, todo))


# -- metrics -----------------------------------------------------------------------------------------------------------


def metric(metric: Any, keras: Any) -> None:
    if isinstance(metric, keras.metrics.Metric):
        got = f"a Keras metric ({type(metric).__name__}), which adds up what it is called with"
        todo = "Pass a function that makes a new one each time."
        raise TypeError(message("a metric that is a function (y_true, y_pred) → number", got, todo))
    if not callable(metric):
        one_of(metric, METRICS, "metric, unless it is a function")


def true_values(y: Any) -> NDArray[Any]:
    """y as an array of its own."""
    try:
        array = np.array(y)
    except ValueError as error:
        todo = "Pass one array; pad what is shorter."
        raise ValueError(message("y as one array", "parts of different lengths", todo)) from error
    if array.dtype.kind not in "biuf":
        todo = "Pass class numbers, counted from 0 in the order of the model's outputs, or what the output should be."
        raise TypeError(message("numbers in y", f"dtype {array.dtype}", todo))
    return array


def not_like_output(
    y: tuple[int, ...], output: tuple[int, ...], metric: str, looks_like_classes: bool = False
) -> NoReturn:
    expected, todo = f"y of shape {output}, as the output", "Pass one number for each of the output's."
    if metric in ("accuracy", "score") and len(output) > 1 and output[-1] > 1:
        expected = f"y of shape {output[:-1]} with class numbers, or of shape {output}"
        todo = "Pass the class of each sample, or of each of its steps if the output has steps."
    elif looks_like_classes:
        todo = 'Compare class numbers by metric="accuracy" or metric="score", or pass them one-hot.'
    raise ValueError(message(f"{expected}, for metric {metric!r}", f"shape {y}", todo))


def not_one_hot(shape: tuple[int, ...], metric: str) -> NoReturn:
    got = f"shape {shape} with rows that are not"
    todo = f"Pass class numbers of shape {shape[:-1]}."
    raise ValueError(message(f"y with class numbers or one-hot, for metric {metric!r}", got, todo))


def class_numbers(y: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """Whole numbers from 0 to n_classes - 1."""
    whole = bool((y == np.round(y)).all()) if y.dtype.kind == "f" else True
    if whole and y.min() >= 0 and y.max() < n_classes:
        return y.astype(np.int64)
    got = f"{y.min():.0f} to {y.max():.0f}" if whole else "numbers that are not whole"
    one_too_many = whole and y.min() == 1 and y.max() == n_classes
    todo = "Subtract 1 from y." if one_too_many else "Number the classes from 0, or compare by another metric."
    raise ValueError(message(f"class numbers 0 to {n_classes - 1} in y", got, todo))


def probabilities(output: NDArray[Any], metric: str) -> None:
    """Whether an output that does not tell classes apart by its last axis tells them by numbers between 0 and 1."""
    finite = output[np.isfinite(output)]
    if finite.size and not 0 <= finite.min() <= finite.max() <= 1:
        got = f"numbers from {finite.min():.3g} to {finite.max():.3g}"
        todo = 'Compare by metric="mse", "mae" or a function (y_true, y_pred).'
        raise ValueError(message(f"an output between 0 and 1, or one per class, for metric {metric!r}", got, todo))


def metric_failed(name: str, shape: tuple[int, ...], error: Exception) -> NoReturn:
    expected = f"a metric {name!r} that takes (y_true, y_pred) of shape {shape}"
    got = f"{type(error).__name__}: {reason(error).rstrip('.')}"
    raise ValueError(message(expected, got, "Pass a function that returns a number for such arrays.")) from error


def metric_result(result: Any, name: str) -> float:
    array = np.asarray(result)
    if array.ndim or array.dtype.kind not in "fiub":
        got = f"an array of shape {array.shape}" if array.ndim else f"a {type(result).__name__}"
        raise ValueError(message(f"one number from metric {name!r}", got, "Return a float, such as the mean over all."))
    return float(array)


def removable(filters: Sequence[Any], size: int, word: str, layer: str) -> list[int]:
    """Some of a layer's filters, or none, in rising order; not all of them."""
    return list(_filter_set(filters, size, word, layer)) if len(filters) else []
