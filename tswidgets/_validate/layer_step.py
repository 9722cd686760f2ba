"""What stands in the way of following a layer by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from tswidgets._validate.messages import message

KINDS = (
    "a Conv1D, DepthwiseConv1D, SeparableConv1D or Conv1DTranspose layer, a pooling layer over time, or an LSTM, GRU "
    "or SimpleRNN layer"
)


def no_steps(name: str, got: str, known: Sequence[str]) -> NoReturn:
    """`known` are the taps that can be followed."""
    raise ValueError(message(KINDS, f"{name!r}, {got}", _has(known)))


def no_convolution(name: str, layer_class: str, known: Sequence[str]) -> NoReturn:
    raise ValueError(message("a convolution over time", f"{name!r}, a layer of class {layer_class}", _has(known)))


def between_steps(name: str, stride: int) -> NoReturn:
    got = f"{name!r}, which puts {stride - 1} zeros between two steps of its input"
    todo = "Look at its kernel in `layer_step`: it has other frequencies than its input."
    raise ValueError(message("a convolution with one answer to each frequency", got, todo))


def one_series_at_a_time(n_samples: int) -> None:
    if n_samples != 1:
        todo = "Pass one sample: X[0], or X[:1]."
        raise ValueError(message("one series", f"{n_samples} of them", todo))


def padding_step(name: str, step: int) -> NoReturn:
    todo = "Choose a step of the series itself."
    raise ValueError(message("a step that the model reads", f"step {step} of {name!r}, padding that it masks", todo))


def other_numbers(name: str, layer_class: str) -> NoReturn:
    todo = "The layer computes something else than Keras' layer: look at what it returns instead."
    raise RuntimeError(message(f"what {name!r} returned", f"another number from the weights of a {layer_class}", todo))


def no_unit(name: str, n_outputs: int, n_units: int) -> NoReturn:
    got = f"{name!r}, whose {n_outputs} outputs are not those of {n_units} units"
    raise ValueError(message("a layer that returns a number for each unit", got, "Look at what it returns instead."))


def n_frequencies(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 2:
        todo = "Pass a whole number: how many there are from 0 to half the sampling rate."
        raise ValueError(message("two frequencies or more", repr(value), todo))
    return value


def _has(names: Sequence[str]) -> str:
    return f"This model has: {', '.join(map(repr, names))}." if names else "This model has none."
