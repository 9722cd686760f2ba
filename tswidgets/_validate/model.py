"""Checks of the model, of its layers' names, and of whether data fit it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from tswidgets._validate.messages import message, near_names, reason


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


def layer_name(name: Any, names: Sequence[str]) -> str:
    if name in names:
        return str(name)
    raise ValueError(message("the name of a layer", repr(name), near_names(name, names)))


def nothing_to_draw(name: str, note: str) -> NoReturn:
    raise ValueError(message(f"a layer with steps × filters or units, unlike {name!r}", note, "Choose another layer."))


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


def one_or_a_batch(shape: tuple[int, ...], rank: int = 2) -> None:
    """Whether x is one series of so many axes, or a batch of them."""
    if len(shape) not in (rank, rank + 1):
        axes = ", ".join(["n_timesteps", "n_channels", *["…"] * (rank - 2)][:rank])
        expected = f"x of shape ({axes}), or (n_samples, {axes})"
        raise ValueError(message(expected, f"shape {shape}", "Give a single channel an axis of its own: x[:, None]."))


def fits_model(lengths: Sequence[int], step_shape: tuple[int, ...], shape: tuple[int | None, ...], name: str) -> None:
    """Whether series of these lengths, with steps of this shape, are what the model takes for an input of `shape`."""
    steps = shape[0] if shape else None
    wanted = shape[1:] or (1,)
    if len(step_shape) != len(wanted):
        axes = ", ".join(["n_samples", *("n_timesteps" if n is None else str(n) for n in shape)])
        todo = "Reshape it to these axes."
        if (*step_shape, 1) == wanted:
            todo = "Add the last axis: X[..., None]."
        elif step_shape == (*wanted, 1):
            todo = "Drop the last axis: X[..., 0]."
        n_timesteps = lengths[0] if len(set(lengths)) == 1 else "n_timesteps"
        got = f"({', '.join(map(str, [len(lengths), n_timesteps, *step_shape]))})"
        raise ValueError(message(f"X of shape ({axes}), as {name!r} takes", got, todo))
    wrong_axis = next((i for i, n in enumerate(wanted) if n not in (None, step_shape[i])), None)
    if wrong_axis is not None:
        channels, n_channels = wanted[wrong_axis], step_shape[wrong_axis]
        what, axis = ("channels", "last axis") if wrong_axis == len(wanted) - 1 else ("rows", f"axis {wrong_axis + 2}")
        todo = f"Pass X with {channels} {what} on its {axis}."
        if channels in lengths and len(wanted) == 1:
            todo = "Time and channels look swapped: pass X.transpose(0, 2, 1)."
        raise ValueError(message(f"{channels} {what}, as {name!r} takes", f"{n_channels} in X", todo))
    wrong = next((i for i, n in enumerate(lengths) if steps is not None and n != steps), None)
    if wrong is not None:
        rest = ", ".join(map(str, step_shape))
        todo = f"Cut or pad every series to {steps} steps, or build the model with keras.Input((None, {rest}))."
        raise ValueError(message(f"{steps} time steps, as {name!r} takes", f"{lengths[wrong]} in series {wrong}", todo))


def refused(name: str, shapes: Sequence[tuple[int, ...]], error: BaseException) -> NoReturn:
    """One sample of X, arrays of these shapes, made a model raise an error."""
    arrays = " and ".join(f"({', '.join(map(str, shape))})" for shape in shapes)
    got = f"{arrays} for one sample, at which it raises {type(error).__name__}: {reason(error)}"
    todo = "Pass one array, (n_samples, n_timesteps, n_channels), or a list or dict of one for each input of its call."
    raise ValueError(message(f"X that {name!r} takes", got, todo)) from error


def length(n_timesteps: Any, declared: int | None, name: str) -> None:
    if isinstance(n_timesteps, bool) or not isinstance(n_timesteps, (int, np.integer)) or n_timesteps < 1:
        raise ValueError(message("a number of time steps from 1 on", repr(n_timesteps), "Pass a whole number."))
    if declared is not None and n_timesteps != declared:
        todo = "Leave n_timesteps out, or build the model with keras.Input((None, …)) to take any length."
        raise ValueError(message(f"{declared} time steps, as {name!r} takes", str(n_timesteps), todo))


def unknown_field(name: str, note: str) -> NoReturn:
    got = f"{name!r}, of which that is not known" + (f" ({note})" if note else "")
    todo = "Choose a layer before it, or one of the layers that Probe(model).taps lists as a sequence."
    raise ValueError(message("a layer whose input steps can be told", got, todo))


NOT_REACHED = "the model's own code passes it by for this input"


def not_reached(name: str) -> NoReturn:
    todo = "Choose another layer or another sample."
    raise ValueError(message(f"a layer that the model runs for this input, unlike {name!r}", NOT_REACHED, todo))
