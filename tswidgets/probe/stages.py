"""What a model does to the time axis, call by call: the layers of a run as a graph, each with its axis of time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import keras
import numpy as np

from tswidgets.probe.axes import Length
from tswidgets.probe.callgraph import Node, Places, Run
from tswidgets.probe.dataflow import Field
from tswidgets.probe.reach import from_steps, mixed, to_steps
from tswidgets.probe.taps import Shape
from tswidgets.probe.timeline import Timeline

if TYPE_CHECKING:
    from tswidgets.probe.probe import Probe

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Stage:
    """One call of a layer, or an input of the model, which has no operation.

    shape : of the output, without the batch axis. Where it follows the input's length it is the length that was asked.
    sources : names of the stages whose outputs go in.
    axis : the axis of `shape` along which the place in time moves; None where none does.
    timeline : what the steps along that axis see, or None where that cannot be followed.
    """

    name: str
    operation: keras.Operation | None
    shape: Shape
    sources: tuple[str, ...]
    axis: int | None
    timeline: Timeline | None

    @property
    def layer_class(self) -> str:
        return type(self.operation).__name__ if self.operation is not None else "Input"

    @property
    def n_steps(self) -> int | None:
        """Number of time steps; None without a time axis."""
        return None if self.axis is None else self.shape[self.axis]


def stages(probe: Probe, shapes: Sequence[tuple[int, ...]], lengths: tuple[Length, ...]) -> list[Stage]:
    """The inputs, of the given shapes without the batch axis, and all layers in the order of the run.

    What Keras' layers consist of, their activation functions and the states that they also return are left out, and so
    is a model inside the model, whose layers are all there.
    """
    run = next(iter(probe.calls_for(lengths).runs.values()))
    found = _Stages(run, run.places(lengths))
    names = [tensor.name for tensor in getattr(probe.model, "inputs", None) or []]
    for number, (shape, n) in enumerate(zip(shapes, lengths, strict=True)):
        name = "input" if len(shapes) == 1 else names[number] if number < len(names) else f"input {number}"
        found.add_input(number, name, shape, n)
    for node in run.nodes:
        found.add(node)
    return list(found.of.values())


class _Stages:
    def __init__(self, run: Run, places: Places) -> None:
        self.of: dict[str, Stage] = {}
        self._run, self._places = run, places
        self._owner: dict[int, str] = {}
        self._longest = 1
        self._opaque = [f"{node.taps[0]}/" for node in run.nodes if _is_whole(node.operation)]

    def add_input(self, number: int, name: str, shape: Shape, n: Length) -> None:
        timed = n is not None and n > 0
        self._longest = max(self._longest, n or 0)
        self.of[name] = Stage(name, None, shape, (), 0 if timed else None, self._places.of(number) if timed else None)
        self._owner[number] = name

    def add(self, node: Node) -> None:
        name, number = node.taps[0], node.outputs[0]
        inside = any(name.startswith(prefix) for prefix in self._opaque)
        passed = number in self._owner and number not in node.inputs  # it returns what a layer inside of it returned
        if inside or passed or name.endswith(":pre-activation"):
            return
        sources = tuple(dict.fromkeys(self._owner[number] for number in self._run.made_from(node, self._owner)))
        stage = Stage(name, node.operation, node.shapes[0][1:], sources, None, None)
        placed = self._placed(stage, number)
        alone = placed.n_steps == 1 < self._longest  # one vector for the whole series
        self.of[name] = replace(placed, axis=None, timeline=None) if alone else placed
        self._owner.update(dict.fromkeys(node.outputs, name))

    def _placed(self, stage: Stage, number: int) -> Stage:
        timeline = self._places.of(number)
        if len(stage.shape) > 1 and timeline is not None and timeline.has_place:
            return replace(stage, axis=0, timeline=timeline, shape=(len(timeline), *stage.shape[1:]))
        if len(stage.shape) > 1 and timeline is None:
            before = [self.of[name] for name in stage.sources if self.of[name].axis == 0]
            moved = self._moved(stage, number)
            return moved or (replace(stage, axis=0) if before and "channels_first" not in _format(stage) else stage)
        moved = self._moved(stage, number)
        if moved is None and len(stage.sources) == 1 and _is_elementwise(stage.operation):
            before = [self.of[stage.sources[0]]]
            if before[0].shape == stage.shape:  # one number a step, without an axis for channels
                return replace(stage, axis=before[0].axis, timeline=before[0].timeline)
        return moved or stage

    def _moved(self, stage: Stage, number: int) -> Stage | None:
        """With the axis along which the place moves, unless that is the first of several."""
        try:
            field = self._places.field(number)
        except Exception as error:
            logger.debug("%s cannot be followed: %s", stage.name, error)
            return None
        if field is None or field.lo.ndim != len(stage.shape) + 1:
            return None
        along = {axis: _along(field, axis) for axis in range(1, field.lo.ndim)}
        for axis, timeline in along.items():
            n_places = len(np.unique(timeline.centres[~np.isnan(timeline.centres)]))
            if n_places > 1 and (len(along) > 1 or n_places == len(timeline)):
                return replace(stage, axis=axis - 1, timeline=timeline, shape=field.lo.shape[1:])
        return None


def _along(field: Field, axis: int) -> Timeline:
    reach = from_steps(field.lo, field.hi, field.near_lo, field.near_hi)
    reach = mixed(reach, [other for other in range(field.lo.ndim) if other != axis])
    return Timeline(*(part.ravel() for part in to_steps(reach)))


def _is_whole(operation: keras.Operation) -> bool:
    """Whether what is inside of it is nobody's business: a layer of Keras' own."""
    own = type(operation).__module__.startswith("keras.") and isinstance(operation, keras.Layer)
    return own and not isinstance(operation, keras.Model)


def _is_elementwise(operation: keras.Operation | None) -> bool:
    layers = keras.layers
    kinds = layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Dropout, layers.Identity
    return isinstance(operation, (*kinds, layers.Rescaling, layers.ActivityRegularization))


def _format(stage: Stage) -> str:
    return str(getattr(stage.operation, "data_format", ""))
