"""Whether samples are windows of a wave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from tswidgets._validate.messages import message


def windows_of_one_length(lengths: Sequence[int]) -> NoReturn:
    todo = "Cut them with sliding_windows(wave, size), or leave wave out."
    raise ValueError(
        message("windows of one length, as they are cut from a wave", f"{len(set(lengths))} lengths", todo)
    )


def too_many_windows(n_windows: int, fit: int, size: int, stride: int, horizon: int) -> NoReturn:
    behind = f" and {horizon} steps behind each" if horizon else ""
    expected = f"at most {fit:,} windows, as a wave of that length has with {size} steps{behind}, one every {stride}"
    todo = "Pass the wave that X was cut from, with the stride and horizon that it was cut with."
    raise ValueError(message(expected, f"{n_windows:,} in X", todo))


def other_windows(i: int, first: int, size: int, stride: int) -> NoReturn:
    expected = f"windows of the wave, one every {stride} steps: X[{i}] equal to wave[{first}:{first + size}]"
    todo = "Pass the stride that X was cut with, and a wave that begins where the first window does."
    raise ValueError(message(expected, "other values in X", todo))


def one_series(n_inputs: int) -> NoReturn:
    todo = "Leave wave out; the other panels show all inputs."
    raise ValueError(message("a model with one input for the windows of a wave", f"{n_inputs} inputs", todo))


def whole_windows(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or 0 in shape:
        todo = "Cut them with sliding_windows(wave, size)."
        raise ValueError(message("windows of shape (n_windows, size, n_channels)", f"shape {shape}", todo))


def no_window(model: str) -> NoReturn:
    todo = "Pass window=, the number of steps that it was trained on."
    raise ValueError(message("a model that takes windows of one length", f"{model!r}, which takes any", todo))


def no_truth(n_outputs: int, behind: tuple[int, ...]) -> NoReturn:
    got = " × ".join(map(str, behind)) + " values behind each window"
    todo = "Pass y= with what the model should answer, for example one channel of sliding_windows' targets."
    raise ValueError(message(f"as many values behind a window as the model answers, {n_outputs}", got, todo))
