"""The steps of an output: where they are in time, which number of each is meant, which of them are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe import Probe, Timeline, axes
from tswidgets.probe.inputs import names as input_names
from tswidgets.probe.score import Target
from tswidgets.probe.time_axes import lengths_on, time_axes

Floats = NDArray[np.float32]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """The inputs along one time axis.

    numbers : of these inputs; `lengths` are those of all, seen from this axis; `names` of these, where they have any.
    across : whether the output's steps are known to lie on another time axis.
    """

    numbers: list[int]
    lengths: tuple[axes.Length, ...]
    names: tuple[str, ...]
    across: bool

    @property
    def n_timesteps(self) -> int:
        return axes.longest(self.lengths)


def seen_by(probe: Probe, of: int | str, x: Any, by: str | None) -> tuple[Seen, Seen]:
    """(the inputs that are asked about, those along the output's own time axis), by default the same."""
    flat, names = probe.checked(x), input_names(probe.model, x)
    steps = [array.shape[1] if array.ndim > 2 or len(flat) == 1 else axes.STATIC for array in flat]
    along = time_axes(probe, steps) or [[0]]
    lengths = [lengths_on(axis, steps) for axis in along]
    timelines = [probe.timelines(one).get(tap_of(probe, of)) for one in lengths]
    own = next((k for k, timeline in enumerate(timelines) if timeline is not None and timeline.has_place), None)
    if by is None:
        asked = own or 0
    else:
        number = names.index(_validate.one_of(by, [names[k] for axis in along for k in axis], "name of an input"))
        asked = next(k for k, axis in enumerate(along) if number in axis)
    found = [
        Seen(axis, one, tuple(names[number] for number in axis), own is not None and k != own)
        for k, (axis, one) in enumerate(zip(along, lengths, strict=True))
    ]
    return found[asked], found[asked if own is None else own]


def timeline_of(
    probe: Probe,
    of: int | str,
    lengths: tuple[axes.Length, ...],
    shape: tuple[int, ...],
    output_axis: str | None,
    now: Whole | None,
) -> tuple[Timeline, bool]:
    """What the steps of an output of this shape see, and whether that is known or only what they could see at most.

    now : the input step of each, where the user names it.
    """
    n_timesteps = axes.longest(lengths)
    found = probe.timelines(lengths).get(tap_of(probe, of))
    own = found is not None and shape != (1,) and shape[:1] == (len(found),)
    if found is not None and own and found.has_place:
        return found, True
    name = of if isinstance(of, str) else probe.model.name
    if now is None and output_axis is None:
        others = [other.name for other in probe.taps if other.kind == "sequence"]
        _validate.no_output_steps(name, shape, n_timesteps, others)
    if now is None and shape[:1] != (n_timesteps,):
        _validate.other_output_axis(name, shape, n_timesteps)
    steps = np.arange(n_timesteps) if now is None else np.maximum(now, 0)
    seen = found if found is not None and own else (found or Timeline.of_input(n_timesteps)).union()
    lo, hi = (np.broadcast_to(part, steps.shape).copy() for part in (seen.lo, seen.hi))
    return Timeline(lo, hi, steps, steps), found is not None


def tap_of(probe: Probe, of: int | str) -> str:
    """Name of the tap that an output is, or ""."""
    return of if isinstance(of, str) else probe.output_names[of]


def classes(target: Target, answers: Floats, single: bool) -> Whole:
    """Index along every axis beside time, for every step: (n_samples, n_steps, n_axes)."""
    n_samples, n_steps, *shape = answers.shape
    if target is not None:
        found = _validate.step_target(target, (n_steps,) if single else (n_samples, n_steps), shape)
        return found[None] if single else found
    if not shape:
        return np.zeros((n_samples, n_steps, 0), np.int64)
    largest = answers.reshape(n_samples, n_steps, -1).argmax(axis=-1)
    return np.stack(np.unravel_index(largest, shape), axis=-1).astype(np.int64)


def spread(n_steps: int, most: int | None) -> Whole:
    """Evenly spread numbers of steps, the first and the last among them."""
    if most is None or n_steps <= most:
        return np.arange(n_steps)
    return np.unique(np.round(np.linspace(0, n_steps - 1, most)).astype(np.int64))


def unseen(timeline: Timeline, absent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether all that a step reads is padding: (n_steps,)."""
    present = np.concatenate([[0], np.cumsum(~absent)])
    first, last = np.minimum(timeline.near_lo, len(absent)), timeline.near_hi + 1
    return np.asarray(present[np.maximum(last, first)] == present[first])
