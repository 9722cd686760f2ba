"""What goes on inside a recurrent layer for one series, as a panel shows it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate import message
from tswidgets.probe import Timeline
from tswidgets.probe.recurrent import BidirectionalStates, parts_of, quantities_of, recurrent_states, recurrent_taps
from tswidgets.widgets.subject import Subject

Floats = NDArray[np.float32]
Range = tuple[Floats, Floats]
"""(low, high) of every unit: two arrays of shape (n_units,)."""
KEPT = 64  # series whose states are kept
RANGE_SAMPLES, RANGE_STEPS = 8, 10_000  # series that scales are fitted to, and how many steps they have together
FROM_0_TO_1 = ("i", "f", "o", "z", "r")


@dataclass(frozen=True, eq=False)
class UnitStates:
    """States and gates of one direction of a layer.

    of : what it is called, `lstm` or `both, backward`.
    values : name → ndarray of shape (n_steps, n_units), NaN where a step is padding. Of a layer within TimeDistributed,
        which `begins_anew` at every step, what there is after the last of its own steps.
    timeline : which input steps the layer's steps see; `absent` tells which of them are padding.
    version : of the weights.
    """

    of: str
    values: dict[str, Floats]
    timeline: Timeline | None
    absent: NDArray[np.bool_]
    version: bytes
    begins_anew: bool = False


@dataclass(frozen=True)
class Unit:
    """One unit of a recurrent tap, whose last axis may hold the units of both directions one after the other.

    first : where on the tap's last axis the direction's units begin.
    """

    number: int
    n_units: int
    direction: str
    first: int


class States:
    """Finds states, and keeps what was found while the weights stay the same."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._known: OrderedDict[Any, UnitStates] = OrderedDict()
        self._seen: dict[Any, tuple[dict[str, Range], list[int]]] = {}  # ranges, and samples that are still to come
        self.layers = layers_of(subject)
        of = [quantities_of(subject.probe, name) for name in self.layers]
        self.names = tuple(dict.fromkeys(name for one in of for name in one))
        self.both = any(len(parts_of(subject.probe, name)) > 1 for name in self.layers)

    def layer(self, chosen: str) -> str:
        """The chosen layer, or the last recurrent one if that has no states."""
        return layer_for(self.layers, chosen)

    def unit(self, layer: str, filter: int, direction: str) -> Unit:
        """Which unit entry `filter` of a tap is."""
        parts = parts_of(self._subject.probe, layer)
        n_units = [part.cell.units for part in parts]
        if len(parts) == 1:
            return Unit(min(filter, n_units[0] - 1), n_units[0], "", 0)
        beside = self._subject.taps[layer].n_filters == sum(n_units)  # else they are added, or averaged
        backward = filter >= n_units[0] if beside else direction == "backward"
        first = n_units[0] if backward and beside else 0
        size = n_units[1 if backward else 0]
        return Unit(min(max(filter - first, 0), size - 1), size, "backward" if backward else "forward", first)

    def find(self, layer: str, direction: str, sample: int) -> UnitStates:
        """Raises ValueError or RuntimeError where the states of this layer cannot be known."""
        subject, version = self._subject, self._subject.probe.version()
        key = layer, direction, sample, version
        if key not in self._known:
            found = recurrent_states(subject.probe, subject.samples.batch(sample), layer)
            of = layer
            if isinstance(found, BidirectionalStates):
                found, of = (found.backward if direction == "backward" else found.forward), f"{layer}, {direction}"
            arrays = {"h": found.h, **({"c": found.c} if hasattr(found, "c") else {}), **found.gates}
            timeline = subject.probe.calls.timeline_before(layer, subject.samples.lengths_of(sample))
            if found.absent.ndim > 3:
                todo = "Its states have several axes of steps: look at them with `recurrent_states`."
                raise ValueError(message("a layer within one TimeDistributed layer", f"{layer!r} within several", todo))
            values, absent = {name: array[0] for name, array in arrays.items()}, found.absent[0]
            if anew := absent.ndim > 1:
                part = parts_of(subject.probe, layer)[-1 if direction == "backward" else 0]
                n_inner = absent.shape[-1]
                of = f"{of} after its last inner step of {n_inner}"
                values, absent = _at_the_end(values, absent, part.go_backwards)
            self._known[key] = UnitStates(of, values, timeline, absent, version, anew)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def ranges(self, layer: str, direction: str, states: UnitStates) -> Iterator[dict[str, Range]]:
        """Name → (low, high) over all that were seen and some samples, one more each time that have not been seen."""
        key = layer, direction, states.version
        if key not in self._seen:
            self._seen[key] = {}, self._subject.samples.spread(RANGE_SAMPLES, RANGE_STEPS)
        seen, waiting = self._seen[key]
        self._widen(seen, states)
        yield seen
        while waiting:
            with suppress(ValueError, RuntimeError):  # where states cannot be known, the others are enough
                self._widen(seen, self.find(layer, direction, waiting[-1]))
            waiting.pop()
            yield seen

    def _widen(self, ranges: dict[str, Range], states: UnitStates) -> None:
        for name, own in ranges_of(states).items():
            low, high = ranges.get(name, own)
            ranges[name] = np.fmin(low, own[0]), np.fmax(high, own[1])


def _at_the_end(
    values: dict[str, Floats], absent: NDArray[np.bool_], backwards: bool
) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """What there is at the last step that is no padding: (n_steps, n_units) of (n_steps, n_inner_steps, n_units)."""
    last = absent.argmin(axis=1) if backwards else absent.shape[1] - 1 - absent[:, ::-1].argmin(axis=1)
    at_the_end = {name: array[np.arange(len(last)), last] for name, array in values.items()}
    return at_the_end, np.logical_and.reduce(absent, axis=1)


def ranges_of(states: UnitStates) -> dict[str, Range]:
    """Name → (low, high) of every unit in one series; NaN where it is padding alone."""
    return {name: _range_of(values) for name, values in states.values.items()}


def whole(name: str, of: Range) -> tuple[float, float]:
    """(low, high) of all units together; gates from shut to open."""
    low, high = float(np.fmin.reduce(of[0])), float(np.fmax.reduce(of[1]))
    if not (np.isfinite(low) and np.isfinite(high)):
        return 0.0, 1.0
    return (min(low, 0.0), max(high, 1.0)) if name in FROM_0_TO_1 else (low, high)


def _range_of(values: Floats) -> Range:
    known = np.where(np.isfinite(values), values, np.float32(np.nan))
    return np.fmin.reduce(known, axis=0), np.fmax.reduce(known, axis=0)


def layers_of(subject: Subject) -> list[str]:
    """Taps of recurrent layers whose states can be computed."""
    known = [name for name in recurrent_taps(subject.probe) if quantities_of(subject.probe, name)]
    return [name for name in subject.taps if name in known]


def layer_for(layers: list[str], chosen: str) -> str:
    """The chosen layer, or the last recurrent one if that has no states."""
    return chosen if chosen in layers else layers[-1]
