"""How well outputs of a model agree with what they should be, for many variants of the outputs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate

Metric = str | Callable[[NDArray[Any], NDArray[Any]], Any]
"""`mse`, `mae`, `accuracy`, `score`, or a function `(y_true, y_pred) -> float`."""
Floats = NDArray[np.float64]
Measure = Callable[[NDArray[Any]], Iterator[Floats]]
"""Outputs of shape (n_variants, n_samples, …) → the metric of some variants at a time, in order."""


def metric_name(metric: Metric) -> str:
    _validate.metric(metric, keras)
    return metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)


def measuring(metric: Metric, y: Any, untouched: NDArray[Any], present: NDArray[np.bool_] | None = None) -> Measure:
    """A metric that compares variants of a model's output with y.

    metric : "mse" and "mae" are means over all numbers of the output. "accuracy" is the share of samples, or of their
        steps, whose class is y's: the class is the largest entry of the output's last axis or, where that has no more
        than one, whether the output is above 0.5. "score" is the mean output at y's class, 1 minus the output for the
        class 0 of a single output. A function gets copies of y and of one output, which have the same shape.
    y : ndarray of the output's shape (n_samples, …), give or take axes of length 1 at its end; for "accuracy" and
        "score" class numbers without the output's last axis as well, or one-hot. Entries 0 and 1 in the output's shape
        that are not one-hot are a yes or no for each. None compares with `untouched`, for "accuracy" and "score" with
        the classes that it tells.
    untouched : ndarray of shape (n_samples, …), the output of the model as it is.
    present : bool ndarray of shape (n_samples, n_timesteps), False at steps that do not count: those that the model
        masks as padding. A function gets all.

    What is not a number makes the result NaN.
    """
    truth = None if y is None else _validate.true_values(y)
    if not isinstance(metric, str):
        return _calling(metric, untouched if truth is None else _like(truth, untouched, metric_name(metric)))
    if metric in ("mse", "mae"):
        wanted = (untouched if truth is None else _like(truth, untouched, metric)).astype(np.float64)
        size = np.square if metric == "mse" else np.abs
        return _averaging(lambda outputs: size(outputs - wanted), present)
    if _has_classes(untouched.shape) and not _yes_or_no(truth, untouched):
        return _averaging(_of_classes(metric, _classes(truth, untouched, metric)), present)
    _validate.probabilities(untouched, metric)
    yes = untouched > 0.5 if truth is None else _validate.class_numbers(_like(truth, untouched, metric), 2) == 1
    return _averaging(_of_yes_or_no(metric, yes), present)


def _averaging(each: Callable[[Floats], Floats], present: NDArray[np.bool_] | None) -> Measure:
    def measure(outputs: NDArray[Any]) -> Iterator[Floats]:
        with np.errstate(invalid="ignore"):  # infinite outputs; 0 / 0 where nothing counts
            values = each(outputs.astype(np.float64))
            counted = np.ones(values.shape[1:], bool)
            if present is not None:
                counted &= present.reshape(present.shape + (1,) * (counted.ndim - present.ndim))
            means = np.sum(values, axis=tuple(range(1, values.ndim)), where=counted) / counted.sum()
        yield means

    return measure


def _calling(metric: Callable[[NDArray[Any], NDArray[Any]], Any], truth: NDArray[Any]) -> Measure:
    name = metric_name(metric)

    def measure(outputs: NDArray[Any]) -> Iterator[Floats]:
        for output in outputs:
            try:
                result = metric(truth.copy(), output.copy())
            except Exception as error:
                _validate.metric_failed(name, output.shape, error)
            yield np.array([_validate.metric_result(result, name)])

    return measure


def _of_classes(metric: str, classes: NDArray[np.int64]) -> Callable[[Floats], Floats]:
    def each(outputs: Floats) -> Floats:
        if metric == "score":
            at = np.broadcast_to(classes[..., None], (*outputs.shape[:-1], 1))
            return np.take_along_axis(outputs, at, axis=-1)[..., 0]
        right = (outputs.argmax(axis=-1) == classes).astype(np.float64)
        return np.where(np.isnan(outputs).any(axis=-1), np.nan, right)

    return each


def _of_yes_or_no(metric: str, yes: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    def each(outputs: Floats) -> Floats:
        if metric == "score":
            return np.where(yes, outputs, 1 - outputs)
        return np.where(np.isnan(outputs), np.nan, (outputs > 0.5) == yes)

    return each


def _classes(y: NDArray[Any] | None, untouched: NDArray[Any], metric: str) -> NDArray[np.int64]:
    """Class numbers of shape (n_samples, …), without the output's last axis."""
    if y is None:
        return untouched.argmax(axis=-1)
    if y.shape == untouched.shape:
        if not _one_hot(y):
            _validate.not_one_hot(y.shape, metric)
        return y.argmax(axis=-1)
    places = untouched.shape[:-1]
    if _core(y.shape) != _core(places):
        _validate.not_like_output(y.shape, untouched.shape, metric)
    return _validate.class_numbers(y.reshape(places), untouched.shape[-1])


def _has_classes(shape: tuple[int, ...]) -> bool:
    """Whether the last axis of an output counts classes."""
    return len(shape) > 1 and shape[-1] > 1


def _yes_or_no(y: NDArray[Any] | None, untouched: NDArray[Any]) -> bool:
    """Whether y is a yes or no for each number of the output, whose last axis is then no choice between classes."""
    if y is None or y.shape != untouched.shape or _one_hot(y):
        return False
    return not np.allclose(untouched.sum(axis=-1), 1, atol=1e-3)  # softmax


def _one_hot(y: NDArray[Any]) -> bool:
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=-1) == 1).all())


def _like(y: NDArray[Any], untouched: NDArray[Any], metric: str) -> NDArray[Any]:
    """y in the output's very shape: (n_samples,) against (n_samples, 1) would be n_samples × n_samples differences."""
    if _core(y.shape) != _core(untouched.shape):
        looks_like_classes = (
            _has_classes(untouched.shape)
            and _core(y.shape) == _core(untouched.shape[:-1])
            and bool((y == np.round(y)).all())
        )
        _validate.not_like_output(y.shape, untouched.shape, metric, looks_like_classes)
    return y.reshape(untouched.shape)


def _core(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without the axes of length 1 at its end; the samples' axis stays."""
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape
