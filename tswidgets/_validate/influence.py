"""What an influence of input steps on output steps needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate.messages import message


def no_output_steps(name: str, shape: Sequence[int], n_timesteps: int, others: Sequence[str]) -> NoReturn:
    got = f"{name!r}, which gives {' × '.join(map(str, shape)) or 'one number'}"
    if shape and shape[0] == n_timesteps:
        todo = f'If its {n_timesteps} entries are the time steps of the input, pass output_axis="time".'
    elif others:
        todo = f"Pass output= one of the layers that have one: {', '.join(map(repr, others[-8:]))}."
    else:
        todo = "No layer of this model has one: use saliency, which explains a single answer."
    if len(shape) > 1:
        todo += f" Or pass now=, the last input step that each of its {shape[0]} steps may use."
    raise ValueError(message("an output with steps whose place in time is known", got, todo))


def other_output_axis(name: str, shape: Sequence[int], n_timesteps: int) -> NoReturn:
    expected = f'an output with {n_timesteps} entries, as many as the series has steps, for output_axis="time"'
    todo = 'Leave output_axis="time" out, or name such an output with output=.'
    raise ValueError(message(expected, f"{name!r} of shape {tuple(shape)}", todo))


def step_target(target: Any, n_rows: tuple[int, ...], shape: Sequence[int]) -> NDArray[np.int64]:
    """An index along every axis that is not time for every step: n_rows + (n_axes,).

    n_rows : (n_samples, n_steps), or without the samples for a single series.
    shape : the output's without its samples and its steps.
    """
    expected = f"a class from 0 to {shape[0] - 1}" if len(shape) == 1 else f"an index for each axis of {tuple(shape)}"
    each = " × ".join(map(str, n_rows))
    todo = f"Pass one for all steps, an array of {each} whole numbers for one a step, or nothing for the largest."
    if not shape:
        expected, todo = "no target, since every step of this output has one number", "Leave target out."
    if isinstance(target, np.ndarray):
        got = f"an array of shape {target.shape} and dtype {target.dtype}"
        found = target[..., None] if target.shape == n_rows else target
        right = target.dtype.kind in "iu" and found.shape == (*n_rows, len(shape))
    else:
        got, parts = repr(target), target if isinstance(target, tuple) else (target,)
        right = len(parts) == len(shape) and all(_is_whole(part) for part in parts)
        found = np.broadcast_to(np.array(parts if right else (), np.int64), (*n_rows, len(shape) if right else 0))
    if not right or ((found < -np.array(shape)) | (found >= np.array(shape))).any() or not shape:
        if right and isinstance(target, np.ndarray):
            got = f"numbers from {target.min()} to {target.max()}"
        raise ValueError(message(f"{expected} as target of an output step", got, todo))
    return (found % np.array(shape)).astype(np.int64)


def last_known(now: Any, shape: Sequence[int], n_timesteps: int) -> NDArray[np.int64]:
    """For every step of an output of this shape the last input step that it may use."""
    array, n_steps = np.asarray(now), shape[0] if shape else 0
    if array.shape != (n_steps,) or array.dtype.kind not in "iu":
        got = f"an array of shape {array.shape} and dtype {array.dtype}"
        todo = f"Pass {n_steps} whole numbers, such as np.arange({n_steps}) if step t may use the input up to t."
        raise ValueError(message(f"now of shape ({n_steps},): the last input step that each may use", got, todo))
    return np.minimum(array.astype(np.int64), n_timesteps - 1)


def whole_number_input(dtype: Any) -> NoReturn:
    todo = "Ask a model that begins behind the Embedding, or use occlusion for one output step."
    raise ValueError(message("inputs of floating-point numbers for time_influence", f"dtype {np.dtype(dtype)}", todo))


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
