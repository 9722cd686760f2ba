"""What Keras makes of an output and labels of given shapes: its own losses and metrics, run on a few numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate

Sizes = tuple[int, ...]
_LARGEST = 2**22  # numbers that are drawn at most


@dataclass(frozen=True)
class Compiled:
    """What one output of a model was compiled with; None and () of a model that was not compiled."""

    loss: Any
    metrics: tuple[Any, ...]


def compiled(model: keras.Model, output: int, loss: Any = None, metrics: Any = None) -> Compiled:
    """Loss and metrics of an output; `loss` and `metrics`, as `compile` takes them, go before the model's own."""
    _known(loss, metrics)
    if metrics is None:
        inside = getattr(model, "_compile_metrics", None)
        metrics = _both(getattr(inside, "_user_metrics", None), getattr(inside, "_user_weighted_metrics", None))
    names = list(getattr(model, "output_names", None) or [])
    found = _of_output(metrics, output, names)
    if isinstance(found, (list, tuple)):
        flat = [one for entry in found for one in (entry if isinstance(entry, (list, tuple)) else [entry])]
    else:
        flat = [found]
    chosen = _of_output(getattr(model, "loss", None) if loss is None else loss, output, names)
    return Compiled(chosen, tuple(one for one in flat if one is not None))


def _known(loss: Any, metrics: Any) -> None:
    for what, given, find in (("loss", loss, keras.losses.get), ("metric", metrics, keras.metrics.get)):
        for one in tree.flatten(given):
            try:
                if one is not None and one not in ("accuracy", "acc", "crossentropy", "ce"):
                    find(one)
            except (ValueError, TypeError) as error:
                _validate.scorer(error, what)


def name_of(scorer: Any) -> str:
    """`mse` for what Keras knows by that name, or the class's or function's own name."""
    if isinstance(scorer, str):
        return scorer
    return str(getattr(scorer, "__name__", None) or type(scorer).__name__)


def is_keras_own(scorer: Any) -> bool:
    """Whether it is a loss or metric of Keras' own; what users write may well take shapes that differ."""
    if isinstance(scorer, str):
        return True
    home = scorer.__module__ if hasattr(scorer, "__name__") else type(scorer).__module__
    return str(home).startswith("keras.")


def family(scorer: Any) -> str:
    """`sparse`, `categorical`, `binary` or "" for how a loss or metric reads classes."""
    name = name_of(scorer).lower().replace("_", "")
    kinds = ("sparse", "categorical", "binary")
    return next((kind for kind in kinds if kind in name), "")


def loss_value(loss: Any, y: NDArray[Any], output: NDArray[Any]) -> float | None:
    """What `fit` would report as the loss; None where Keras raises."""
    return _value({"loss": loss}, y, output)


def metric_value(metric: Any, y: NDArray[Any], output: NDArray[Any]) -> float | None:
    """What `fit` would report as the metric; None where Keras raises."""
    return _value({"loss": _nothing, "metrics": [_copy(metric)]}, y, output)


def numbers(output: Sizes, y: Sizes, n_classes: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Labels 0 … n_classes − 1 and probabilities of these shapes without samples; None where that is too much."""
    n_samples = next(
        n for n in (5, 7, 11, 13, 17, 19, 23, 29, 31) if n not in (*output, *y)
    )  # matches no axis by chance
    if n_samples * max(np.prod(output, dtype=float), np.prod(y, dtype=float)) > _LARGEST:
        return None
    rng = np.random.default_rng(seed)
    probabilities = rng.uniform(0.05, 0.95, (n_samples, *output)).astype(np.float32)
    if output and output[-1] > 1:
        probabilities /= probabilities.sum(-1, keepdims=True)
        probabilities *= np.float32(1.5)  # some above one half
    return rng.integers(0, n_classes, (n_samples, *y)).astype(np.float32), np.clip(probabilities, 0.001, 0.999)


def _value(options: dict[str, Any], y: NDArray[Any], output: NDArray[Any]) -> float | None:
    # Named, so that the numbers in the names of the user's next layers are what they would have been.
    x = keras.Input(output.shape[1:], dtype="float32", name="tsw_scored")
    same = keras.layers.Identity(dtype="float32", name="tsw_same")(x)
    model = keras.Model(x, same, name="tsw_scoring")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.compile(run_eagerly=True, **options)
            found = np.atleast_1d(model.test_on_batch(output, y))
        except Exception:
            return None
    return float(found[-1])


def _nothing(y: Any, output: Any) -> Any:
    return keras.ops.mean(output) * 0


def _copy(metric: Any) -> Any:
    """A metric counts what it has seen; the user's own is left alone."""
    return type(metric).from_config(metric.get_config()) if isinstance(metric, keras.metrics.Metric) else metric


def _of_output(given: Any, output: int, names: Sequence[str]) -> Any:
    if isinstance(given, dict):
        return given.get(names[output]) if output < len(names) else next(iter(given.values()), None)
    several = isinstance(given, (list, tuple)) and len(names) > 1 and len(given) == len(names)
    return given[output] if several else given


def _both(first: Any, second: Any) -> Any:
    if not second or not first:
        return first or second
    if isinstance(first, dict) and isinstance(second, dict):
        return {name: [first.get(name), second.get(name)] for name in {**first, **second}}
    return [*first, *second] if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)) else first
