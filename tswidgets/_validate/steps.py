"""Checks of labels per time step, and of outputs that are to have one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate.ablation import class_numbers
from tswidgets._validate.messages import message, one_of

KEEP_STEPS = "padding='same', no pooling or strides, return_sequences=True in recurrent layers"


def output_axis(value: Any) -> bool:
    """Whether a flat output is said to be the time axis."""
    return value is not None and one_of(value, ("time",), "output_axis (or None)") == "time"


def flat_steps(shape: tuple[int, ...], lengths: Sequence[int]) -> bool:
    """Whether an output of this shape, without the sample axis, is flat; then it has a number for every time step."""
    expected = "an output with one number for each time step, as output_axis='time' says"
    if len(shape) == 2:
        return False
    if len(shape) != 1:
        raise ValueError(message(expected, f"shape (n_samples, {_axes(shape)})", "Leave output_axis out."))
    if set(lengths) != {shape[0]}:
        some = f"{min(lengths)}" + (f" to {max(lengths)}" if min(lengths) < max(lengths) else "")
        todo = "Leave output_axis out, or give the model as many outputs as the series have steps."
        raise ValueError(message(expected, f"{shape[0]} numbers for series of {some} steps", todo))
    return True


def output_per_step(shape: tuple[int, ...], n_timesteps: int, last: str) -> None:
    """Whether an output of this shape, without the sample axis, has steps; `last` is the last layer that has some."""
    if len(shape) == 2:
        return
    todo = f"Keep the steps: {KEEP_STEPS}."
    if last:
        todo = f"Behind {last!r} they are gone. {todo}"
    if shape == (n_timesteps,):
        todo = "If these are the time steps, pass output_axis='time'."
    expected = "an output per time step, (n_samples, n_timesteps, n_outputs)"
    raise ValueError(message(expected, f"one of shape ({', '.join(['n_samples', *map(str, shape)])})", todo))


def n_step_labels(sample: int, n_labels: int, n_steps: int, n_timesteps: int) -> None:
    """Whether a sample has as many labels as the model's output has steps."""
    if n_labels == n_steps:
        return
    todo = "Pass y of shape (n_samples, n_timesteps)."
    if n_labels == n_timesteps:
        todo = f"Keep all steps in the model ({KEEP_STEPS}), or pass one label for each step of the output."
    expected = f"one label for each of the {n_steps} steps of the model's output"
    raise ValueError(message(expected, f"{n_labels} for sample {sample}, which has {n_timesteps} steps", todo))


def step_label_blocks(y: Any, n_samples: int, n_outputs: int) -> Sequence[NDArray[Any]]:
    """Labels as arrays of shape (n_samples_of_the_block, n_steps, 1 | n_outputs), all in one or one each."""
    several = isinstance(y, (list, tuple)) or (isinstance(y, np.ndarray) and y.dtype.kind == "O" and y.ndim == 1)
    blocks = [np.asarray(one)[None] for one in y] if several else [np.asarray(y)]
    given = sum(len(block) if block.ndim else 0 for block in blocks)
    if given != n_samples:
        todo = "Pass X and y of the same length."
        raise ValueError(message(f"labels for each of the {n_samples} samples", f"{given}", todo))
    blocks = [_block(block, n_outputs, place) for place, block in enumerate(blocks)]
    odd = next((i for i, block in enumerate(blocks) if block.shape[2] != blocks[0].shape[2]), None)
    if odd is not None:
        got = f"{blocks[0].shape[2]} for sample 0 and {blocks[odd].shape[2]} for sample {odd}"
        raise ValueError(message("as many labels at each step in all of y", got, "Write all labels in one way."))
    return blocks


def _block(block: NDArray[Any], n_outputs: int, place: int) -> NDArray[Any]:
    array = block[..., None] if block.ndim == 2 else block
    if array.ndim != 3 or array.shape[2] not in (1, n_outputs):
        widths = "1" if n_outputs == 1 else f"1 or {n_outputs}"
        expected = f"one label per time step, y of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, {widths})"
        got = f"shape {block.shape}" if len(block) > 1 else f"shape {block.shape[1:]} for sample {place}"
        raise ValueError(message(expected, got, "Pass the labels of each step along the second axis."))
    if array.dtype.kind not in "biuf":
        todo = "Pass class numbers, counted from 0 in the order of the model's outputs."
        raise TypeError(message("numbers in y", f"dtype {array.dtype}", todo))
    return array


def yes_or_no(values: NDArray[Any], n_outputs: int) -> None:
    """Whether labels, without those that are not a number, are all 0 or 1."""
    wrong = values[~np.isin(values, (0, 1))]
    if wrong.size:
        one = "0 or 1 for each step" if n_outputs == 1 else "0 or 1 for each step and output"
        todo = "Pass what is to be found as 1; for values there is ablate_pairs(…, metric='mse')."
        raise ValueError(message(f"{one} in y", f"{wrong[0]:.3g}", todo))


def step_classes(values: NDArray[Any], n_outputs: int) -> None:
    """Whether labels, without those that are not a number, are classes of the output."""
    if values.size:
        class_numbers(values, n_outputs)


def one_class_a_step(most: float) -> NoReturn:
    got = f"{most:.0f} at some step, where the model's outputs add up to 1"
    raise ValueError(message("one class at each step in y", got, "Pass class numbers, or one-hot."))


def probable(outputs: NDArray[Any]) -> None:
    """Whether outputs are probabilities, for which a threshold of 0.5 means something."""
    finite = outputs[np.isfinite(outputs)]
    if finite.size and not 0 <= finite.min() <= finite.max() <= 1:
        got = f"numbers from {finite.min():.3g} to {finite.max():.3g}"
        todo = "Pass a threshold, 0 if they are logits; or let the model end with a sigmoid."
        raise ValueError(message("outputs between 0 and 1, where no threshold is given", got, todo))


def threshold(value: Any, low: float = -np.inf, high: float = np.inf) -> float:
    """A number that outputs are compared with, within what they can be."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not np.isfinite(value):
        raise ValueError(message("a number for threshold", repr(value), "Pass a number such as 0.5."))
    if not low <= value <= high:
        todo = "Pass a threshold that the model's outputs can reach."
        raise ValueError(message(f"a threshold from {low:g} to {high:g}", f"{value:g}", todo))
    return float(value)


def _axes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
