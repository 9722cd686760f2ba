"""What a method was asked for and cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from tswidgets._validate.messages import Refusal, message


def no_target(target: Any, shape: Sequence[int]) -> NoReturn:
    axes = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    got = f"an array of shape {target.shape}" if isinstance(target, np.ndarray) else repr(target)
    example = "a class number" if len(shape) == 1 else "a tuple such as (step, class)"
    raise ValueError(
        message(
            f"a target that picks one number of an output of shape {axes}",
            got,
            f"Pass {example}, counted from 0, with None for an axis to average over.",
        )
    )


def no_replacement(tap: str, shape: tuple[int, ...], got: str) -> NoReturn:
    todo = "Pass an array of that shape (or one that broadcasts to it), or a function that returns one."
    raise ValueError(message(f"numbers of shape {shape} for {tap!r}", got, todo))


def no_edits() -> NoReturn:
    raise ValueError(message("at least one value to put in", "none", "Pass an array, a function, or a list of them."))


def no_gradient(dtype: Any) -> NoReturn:
    todo = "Pass wrt= the name of the layer that turns them into numbers, an Embedding for example."
    raise ValueError(
        message("floating-point numbers to differentiate by", f"an input of dtype {np.dtype(dtype)}", todo)
    )


def not_differentiable(wrt: str | None, name: str) -> NoReturn:
    by = "the input" if wrt is None else repr(wrt)
    got = "one that does not depend on it, or only through steps without a derivative (argmax, round, whole numbers)"
    todo = "Explain another output or layer (output=), or use occlusion or rise, which need no derivative."
    raise ValueError(message(f"a number of {name!r} that can be differentiated by {by}", got, todo))


def not_guided(got: str) -> NoReturn:
    todo = "Put it into a layer of its own (keras.layers.ReLU), or use saliency or integrated_gradients."
    raise Refusal(message("every ReLU-like activation as a layer, or as a layer's activation", got, todo))


def not_rescaled(name: str, layer_class: str) -> NoReturn:
    todo = "Use integrated_gradients, which takes any layer."
    raise Refusal(
        message(
            "layers that add up and activation functions, for which DeepLIFT has a rule",
            f"{name!r}, a {layer_class}",
            todo,
        )
    )


def out_of_memory(n_rows: int, bytes_per_row: int, fits: int, error: BaseException | None = None) -> NoReturn:
    got = f"{n_rows} samples of {bytes_per_row / 2**20:.1f} MiB each"
    todo = f"A batch of {fits} would fit; pass fewer samples at a time, or name the layers that you need."
    if fits < 1:
        todo = "Not even one fits: name the layers that you need, or cut the series."
    raise MemoryError(message("a result that fits into the free memory", got, todo)) from error


def not_attending(name: str, attending: Sequence[str]) -> NoReturn:
    raise ValueError(message("a layer that returns attention scores", f"{name!r}, which has none", _has(attending)))


def no_scores(name: str, shape: Sequence[int]) -> NoReturn:
    wanted = "attention scores of shape (n_heads, n_query_steps, n_key_steps) or (n_query_steps, n_key_steps)"
    todo = "Return them so where `return_attention_scores` is True."
    raise ValueError(message(wanted, f"{tuple(shape)} from {name!r}", todo))


def without_attention(what: str, value: object) -> NoReturn:
    todo = "Leave it as it is: Keras' own attention layers know their scores."
    raise ValueError(
        message(f"None for {what}, since no layer of this model returns attention scores", repr(value), todo)
    )


def not_recurrent(name: str, recurrent: Sequence[str], model: str = "") -> NoReturn:
    """`model` is the model that the layer runs at each of its steps, or is itself, if there is one."""
    if model:
        todo = f"Name a recurrent layer, and not a model that may hold one. {_has(recurrent)}"
        raise ValueError(message("a recurrent layer", f"{name!r}, which runs the model {model!r}", todo))
    raise ValueError(message("a recurrent layer", f"{name!r}, which is none", _has(recurrent)))


def _has(names: Sequence[str]) -> str:
    return f"This model has: {', '.join(map(repr, names))}." if names else "This model has none."
