"""Which layers see later input than the step that they are at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tswidgets.probe.axes import Length, longest
from tswidgets.probe.probe import Probe
from tswidgets.probe.timeline import Steps, Timeline


@dataclass(frozen=True)
class LookAhead:
    """A layer that looks further ahead than all before it.

    layer : its tap's name.
    n_steps : how many input steps ahead one of its steps can see, through all that comes before.
    because : what about it looks ahead: its padding, or its class.
    """

    layer: str
    n_steps: int
    because: str


def most_ahead(timeline: Timeline, now: Steps) -> int:
    """How many input steps later than themselves these steps see, at most."""
    seen = timeline.lo <= timeline.hi
    return int((timeline.hi - now)[seen].max(initial=0))


def looking_ahead(
    probe: Probe, lengths: tuple[Length, ...], names: Collection[str], of: str, most: int
) -> tuple[LookAhead, ...]:
    """Those of the taps `names` that look further ahead than every one before them, in the order of the run.

    of : the tap, or "", whose steps look ahead by `most` steps: what no other explains is its own doing.
    """
    found: list[LookAhead] = []
    timelines, n_timesteps = probe.timelines(lengths), longest(lengths)
    for tap in probe.taps:
        timeline = timelines.get(tap.name)
        n_steps = 0 if timeline is None else most_ahead(timeline, timeline.now(n_timesteps))
        if tap.name == of:
            n_steps = most
        if tap.name in {*names, of} and (found[-1].n_steps if found else 0) < n_steps <= most:
            name = tap.name.removesuffix(":pre-activation")
            found.append(LookAhead(name, n_steps, because(probe.calls.operation(tap.name))))
    return tuple(found)


def because(layer: Any) -> str:
    """What a layer that looks ahead does."""
    if getattr(layer, "go_backwards", False):
        return "goes backwards"
    padding = getattr(layer, "padding", None)
    if padding == "valid":
        return 'padding "valid", a step stands in the middle of what it reads'
    return 'padding "same"' if padding == "same" else type(layer).__name__
