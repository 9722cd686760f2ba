"""Which inputs of a model run along the same time axis.

Inputs with different numbers of steps do not. Those with equal numbers may be two sensors of one recording or the past
and the future of a forecast; the layers tell: where a step is read together with the step of the same number, by adding
or concatenating them, time is one. Where a layer's steps know of another input as a whole, from the states that an
encoder hands on or by attention, each has a time of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tswidgets.probe.axes import STATIC, Length, each
from tswidgets.probe.probe import Probe
from tswidgets.probe.timeline import Timeline


def time_axes(probe: Probe, steps: Sequence[int]) -> list[list[int]]:
    """Numbers of the inputs on each time axis, in the order of the inputs; those without steps are on none.

    steps : number of time steps of every input, `STATIC` for one without.
    """
    found: list[list[int]] = []
    seen: dict[int, dict[str, Timeline | None]] = {}
    for number, n in enumerate(steps):
        for group in found if n != STATIC else ():
            if steps[group[0]] == n and _shared(probe, steps, group[0], number, seen):
                group.append(number)
                break
        else:
            if n != STATIC:
                found.append([number])
    return found


def lengths_on(axis: Sequence[int], steps: Sequence[int]) -> tuple[int, ...]:
    """The lengths of all inputs as `Probe.timelines` takes them, seen from one time axis."""
    return tuple(n if number in axis else -n for number, n in enumerate(steps))


def lengths_for(probe: Probe, tap: str, shapes: Sequence[tuple[int, ...]]) -> tuple[Length, ...]:
    """The lengths of inputs of these shapes, without the sample axis, seen from the first time axis where a tap has a
    place; from the first one if it has none."""
    found = each(shapes)
    for lengths in found if len(found) > 1 else ():
        timeline = probe.timelines(lengths).get(tap)
        if timeline is not None and timeline.has_place:
            return lengths
    return found[0]


def _shared(
    probe: Probe, steps: Sequence[int], first: int, second: int, seen: dict[int, dict[str, Timeline | None]]
) -> bool:
    """Whether two inputs of as many steps meet step by step, or never."""
    for number in (first, second):
        if number not in seen:
            seen[number] = probe.timelines(lengths_on([number], steps))
    meet = False
    for tap in probe.taps:
        a, b = seen[first].get(tap.name), seen[second].get(tap.name)
        if tap.time_axis is None or a is None or b is None:
            continue
        if a.has_place and b.has_place and len(a) > 1:
            return True
        meet = meet or (_sees(a) and _sees(b))
    return not meet


def _sees(timeline: Timeline) -> bool:
    return bool(np.any(timeline.lo <= timeline.hi))
