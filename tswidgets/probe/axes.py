"""How long the inputs of a model are on one of their time axes.

The first input that has time steps gives the first axis. An input without steps, such as an age or a sex, is nowhere on
it. One with another number of steps has an axis of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from tswidgets.probe.taps import Shape

Length = int | None
STATIC = 0
"""The length of an input that has no time steps; −n is one with n steps on another axis, None one of unknown steps."""


def lengths(shapes: Sequence[Shape], n_timesteps: int) -> tuple[Length, ...]:
    """The length of every input on a time axis of `n_timesteps`, for inputs of these shapes without the batch axis."""
    return tuple(n_timesteps if n in (None, n_timesteps) else STATIC if n == STATIC else None for n in _steps(shapes))


def of(arrays: Sequence[NDArray[Any]]) -> tuple[Length, ...]:
    """The lengths of the inputs of a batch on the first time axis, −n for n steps on another."""
    return each([array.shape[1:] for array in arrays])[0]


def declared(shapes: Sequence[Shape]) -> int | None:
    """Number of steps of the time axis; None if inputs of these shapes may have any."""
    return next((n for n in _steps(shapes) if n != STATIC), 1)


def each(shapes: Sequence[tuple[int, ...]]) -> list[tuple[Length, ...]]:
    """One entry for every time axis among inputs of these shapes: the lengths of all, −n for n steps on another."""
    steps = [n or 0 for n in _steps(shapes)]
    found = dict.fromkeys(n for n in steps if n != STATIC)
    return [tuple(n if n == axis else -n for n in steps) for axis in found] or [tuple(steps)]


def longest(lengths: Sequence[Length]) -> int:
    """Number of steps of the time axis."""
    return max(n or 1 for n in lengths)


def _steps(shapes: Sequence[Shape]) -> list[int | None]:
    alone = not any(len(shape) > 1 for shape in shapes)  # (n_timesteps,) where there are no channels
    return [shape[0] if len(shape) > 1 or (alone and shape) else STATIC for shape in shapes]
