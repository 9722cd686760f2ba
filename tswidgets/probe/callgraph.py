"""What came from what in a model: the calls of its runs as a graph, and what each tap sees."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras

from tswidgets.probe.axes import STATIC, Length
from tswidgets.probe.dataflow import Field, field_of
from tswidgets.probe.fields import layer_timeline, together
from tswidgets.probe.taps import Shape, Tap, Words, family, kind
from tswidgets.probe.timeline import Timeline

# They read how large a tensor is, which stays the same whatever its values are.
SIZE_ONLY = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"}


@dataclass(frozen=True)
class Node:
    """One call: which tensors went in and came out, by number, and which taps its outputs are.

    inputs : in the order in which the operation declares its arguments.
    shapes : of the outputs, batch axis included; `masked` tells which of them carry a mask, `causal` whether the call
        was told to use a causal mask.
    attends : query and key of a layer that knows its attention scores, else None.
    """

    operation: keras.Operation
    taps: list[str]
    inputs: list[int]
    outputs: list[int]
    shapes: list[Shape]
    masked: list[bool]
    causal: bool
    attends: tuple[int, int] | None = None


@dataclass(frozen=True)
class Run:
    """One way through a model: its calls, and the tensors between them by number, the model's inputs first.

    Of a run that was not traced the tensors are None: only what layers do to them is known.
    """

    nodes: list[Node]
    tensors: list[Any]

    def made_from(self, node: Node, known: Collection[int]) -> Iterator[int]:
        """Numbers of the tensors among those in `known` that a call's output was made from, the nearest on each way."""
        if node.outputs[0] in node.inputs or self.tensors[node.outputs[0]] is None:
            yield from (number for number in node.inputs if number in known)
            return
        waiting, seen = list(self.tensors[node.outputs[0]].op.inputs), set()
        while waiting:
            tensor = waiting.pop(0)
            if id(tensor) in seen or tensor.dtype == "bool":  # masks
                continue
            seen.add(id(tensor))
            number = self._numbers.get(id(tensor))
            if number is not None and number in known:
                yield number
            elif tensor.op.type not in SIZE_ONLY:
                waiting.extend(tensor.op.inputs)

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {id(tensor): number for number, tensor in enumerate(self.tensors) if tensor is not None}

    def places(self, lengths: Sequence[Length]) -> Places:
        """Where its tensors lie on the time axis for inputs of the given lengths."""
        places = Places(self, lengths)
        for node in self.nodes:
            inputs = [places.of(number) for number in node.inputs]
            for number, shape in zip(node.outputs, node.shapes, strict=True):
                # What an inner layer returned may be the outer's result, too, and the outer may know better.
                if not places.settled(number) or family(node.operation):
                    places.put(number, layer_timeline(node.operation, inputs, len(shape), node.causal))
                if places.of(number) is None and len(shape) <= 2:
                    known = [timeline for timeline in inputs if timeline is not None]
                    places.put(number, together(known) if known and len(known) == len(inputs) else None)
        return places


@dataclass
class CallGraph:
    """The calls of every way that a model went, of which there are several if its Python depends on the data.

    output_names : for every output of the model the tap that it is, or ""; `output_shapes` go without the batch axis.
    """

    output_names: list[str] = field(default_factory=list)
    output_shapes: list[Shape] = field(default_factory=list)
    runs: dict[tuple[str, ...], Run] = field(default_factory=dict)

    @property
    def masked(self) -> list[str]:
        """Taps that carry a mask."""
        nodes = (node for run in self.runs.values() for node in run.nodes)
        return [name for node in nodes for name, masked in zip(node.taps, node.masked, strict=True) if masked]

    def operation(self, tap: str) -> keras.Operation:
        """The layer or operation whose result a tap is."""
        nodes = (node for run in self.runs.values() for node in run.nodes)
        return next(node.operation for node in nodes if tap in node.taps)

    def beside(self, tap: str) -> list[str]:
        """All outputs of the call that a tap is one of, in their order."""
        return next(node.taps for run in self.runs.values() for node in run.nodes if tap in node.taps)

    def add(self, run: Run, output_names: list[str], output_shapes: list[Shape]) -> None:
        self.output_names, self.output_shapes = output_names, output_shapes
        self.runs[tuple(name for node in run.nodes for name in node.taps)] = run

    def timelines(self, lengths: Sequence[Length]) -> dict[str, Timeline | None]:
        """Timeline of every tap for inputs of the given lengths; None where what is done to time cannot be followed."""
        found: dict[str, Timeline | None] = {}
        for run in self.runs.values():
            places = run.places(lengths)
            numbers = {name: number for node in run.nodes for name, number in zip(node.taps, node.outputs, strict=True)}
            found |= {name: places.of(number) for name, number in numbers.items() if name not in found}
        return found

    def timeline_before(self, tap: str, lengths: Sequence[Length]) -> Timeline | None:
        """Timeline of what the call that a tap is the result of was given first."""
        run, node = next((run, node) for run in self.runs.values() for node in run.nodes if tap in node.taps)
        return run.places(lengths).of(node.inputs[0]) if node.inputs else None

    def number_before(self, tap: str) -> int:
        """Number of the tensor that the call was given first; the model's inputs are the first of all, -1 none."""
        node = next(node for run in self.runs.values() for node in run.nodes if tap in node.taps)
        return node.inputs[0] if node.inputs else -1

    def sources(self, inputs: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Tap → the taps, and the inputs by these names, that it was made from, the nearest on each way."""
        found: dict[str, tuple[str, ...]] = {}
        for run in self.runs.values():
            owner = dict(enumerate(inputs))
            for node in run.nodes:
                passed = node.outputs[0] in owner and node.outputs[0] not in node.inputs  # of a layer inside of it
                made = [node.outputs[0]] if passed else run.made_from(node, owner)
                names = tuple(dict.fromkeys(owner[number] for number in made))
                for name, number in zip(node.taps, node.outputs, strict=True):
                    found.setdefault(name, names)
                    owner[number] = name
        return found

    @property
    def attending(self) -> list[str]:
        """Taps that come from a layer which can be asked for its attention scores."""
        nodes = (node for run in self.runs.values() for node in run.nodes if node.attends)
        return list(dict.fromkeys(name for node in nodes for name in node.taps))

    def attended(self, tap: str, lengths: Sequence[Length]) -> tuple[Timeline | None, Timeline | None]:
        """Timelines of the query's and of the key's steps in the attention call that a tap is the result of."""
        for run in self.runs.values():
            for node in run.nodes:
                if tap in node.taps and node.attends is not None:
                    places = run.places(lengths)
                    return places.of(node.attends[0]), places.of(node.attends[1])
        return None, None

    def taps(self, axes: Sequence[Sequence[Length]]) -> tuple[Tap, ...]:
        """All taps, with the place that each has on the first of the time axes where it has one."""
        timelines: dict[str, Timeline | None] = {}
        for lengths in axes:
            for name, found in self.timelines(lengths).items():
                known = timelines.get(name)
                if known is None or (found is not None and found.has_place and not known.has_place):
                    timelines[name] = found
        taps: dict[str, Tap] = {}
        for run in self.runs.values():
            words = Words()
            for node in run.nodes:
                word = words.of(node.operation, node.inputs, node.outputs, len(node.shapes[0]))
                layer_class = type(node.operation).__name__
                for name, shape in zip(node.taps, node.shapes, strict=True):
                    how, note = kind(shape, timelines[name], layer_class)
                    tap = Tap(name, layer_class, shape[1:], how, word, family(node.operation), note)
                    taps.setdefault(name, tap)
        return tuple(taps.values())


class Places:
    """Timelines of a run's tensors: by the rule of the layer that made one, or else by following its operations."""

    def __init__(self, run: Run, lengths: Sequence[Length]) -> None:
        self.known: dict[int, Timeline | None] = {}
        self._tensors = run.tensors
        self._fields: dict[int, Field | None] = {}
        self._can_follow = all(
            tensor is not None and (tensor.shape.rank or 0) > 1 and (not n or tensor.shape[1] in (None, abs(n)))
            for tensor, n in zip(run.tensors, lengths, strict=False)
        )
        for number, n in enumerate(lengths):
            if n is None:
                self.known[number] = self._fields[id(self._tensors[number])] = None
            else:
                self.put(number, Timeline.nowhere(-n or 1) if n <= STATIC else Timeline.of_input(n))

    def settled(self, number: int) -> bool:
        timeline = self.known.get(number)
        return timeline is not None and timeline.has_place

    def of(self, number: int) -> Timeline | None:
        if number not in self.known and self._can_follow:
            tensor = self._tensors[number]
            found = field_of(tensor, self._fields)
            self.known[number] = None if found is None else found.timeline()
            if found is not None:
                self._fields[id(tensor)] = found
        return self.known.get(number)

    def field(self, number: int) -> Field | None:
        """The same, element by element; None where that is not known."""
        return field_of(self._tensors[number], self._fields) if self._can_follow else None

    def put(self, number: int, timeline: Timeline | None) -> None:
        if timeline is None:
            return
        self.known[number] = timeline
        shape = self._tensors[number].shape if self._can_follow else None
        if shape is not None and shape.rank is not None and all(n is not None for n in shape[2:]):
            whole = (
                1,
                *(
                    len(timeline) if axis == 1 and (shape.rank > 2 or len(timeline) > 1) else shape[axis]
                    for axis in range(1, shape.rank)
                ),
            )
            if None not in whole:
                self._fields[id(self._tensors[number])] = Field.of(timeline, whole)
