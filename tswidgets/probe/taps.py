"""Names everything in a model that can be looked at.

A tap is one output of one call of one layer. Its name is the layer's path in the model, `encoder/conv1`; `#2` marks the
second call of a shared layer and `:1` the second output of a call.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import keras

from tswidgets.probe.fields import layer_timeline
from tswidgets.probe.intercept import Call, mask_of
from tswidgets.probe.timeline import Timeline

Kind = Literal["sequence", "units", "other"]


@dataclass(frozen=True)
class Tap:
    """One output of one layer call.

    shape : the output's shape without the batch axis; None for a length that follows the input.
    kind : `sequence` is (n_timesteps, n_filters) on a known place of the input's time axis, `units` is (n_units,),
        `other` cannot be drawn yet and `note` says why.
    word : what one entry of the last axis is called: filter (convolution), unit (recurrent, dense) or channel.
    family : `convolution`, `recurrent` or "" for all other layers.
    """

    name: str
    layer_class: str
    shape: tuple[int | None, ...]
    kind: Kind
    word: str
    family: Literal["convolution", "recurrent", ""] = ""
    note: str = ""

    @property
    def drawable(self) -> bool:
        return self.kind != "other"

    @property
    def time_axis(self) -> int | None:
        """Axis of `shape` that is time, or None."""
        return 0 if self.kind == "sequence" else None

    @property
    def filter_axis(self) -> int | None:
        """Axis of `shape` that counts filters or units, or None."""
        return len(self.shape) - 1 if self.drawable else None

    @property
    def n_filters(self) -> int:
        return int(self.shape[-1] or 0) if self.drawable else 0


@dataclass
class _Node:
    """One recorded call: which tensors went in and came out, by number."""

    operation: keras.Operation
    taps: list[str]
    inputs: list[int | None]
    outputs: list[int]
    shapes: list[tuple[int | None, ...]]


@dataclass
class Recording:
    """Listens to one run of a model and keeps what every call returned.

    `results` and `masks` hold the tensors by tap name; `nodes` is the graph of calls. `runs` keeps one graph for every
    way that the model went, of which there are several if its Python depends on the data; from them `timelines` works
    out what each tap sees for any length of input.
    """

    model: keras.Model | None = None
    graph: Any = None
    results: dict[str, Any] = field(default_factory=dict)
    masks: dict[str, Any] = field(default_factory=dict)
    nodes: list[_Node] = field(default_factory=list)
    runs: dict[tuple[str, ...], list[_Node]] = field(default_factory=dict)
    output_names: list[str] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)
    _alive: list[Any] = field(default_factory=list)  # a number is an id(), good only while the tensor lives
    _calls: Counter[str] = field(default_factory=Counter)
    _paths: dict[int, str] = field(default_factory=dict)

    def start(self, model: keras.Model, inputs: list[Any], graph: Any) -> None:
        self.model, self.graph = model, graph
        self.nodes = []
        self._paths = layer_paths(model)
        for tensor in inputs:
            self._number(tensor)

    def __call__(self, call: Call, result: Any) -> Any:
        reachable = [t for t in call.outputs if getattr(t, "graph", None) is self.graph]
        if call.operation is self.model or len(reachable) < len(call.outputs) or self._is_inner(call):
            return result
        names = self._names(call)
        inputs = [self._known(tensor) for tensor in call.inputs if tensor.dtype != "bool"]  # masks are no input
        shapes = [tuple(tensor.shape.as_list()) if tensor.shape.rank is not None else () for tensor in call.outputs]
        for name, tensor in zip(names, call.outputs, strict=True):
            self.results[name] = tensor
            if mask_of(tensor) is not None:
                self.masks[name] = mask_of(tensor)
        self.nodes.append(_Node(call.operation, names, inputs, [self._number(t) for t in call.outputs], shapes))
        return result

    def note_outputs(self, outputs: list[Any]) -> None:
        """Remember which taps the model's own outputs are; "" for one that no layer returned as it is."""
        names = {id(tensor): name for name, tensor in self.results.items()}
        self.output_names = [names.get(id(tensor), "") for tensor in outputs]
        self.runs[tuple(self.results)] = self.nodes

    def finish(self) -> None:
        """Forget the tensors, keep the names and the graph of calls."""
        for store in (self.results, self.masks, self._numbers, self._alive, self._calls, self._paths):
            store.clear()
        self.model = self.graph = None

    def timelines(self, lengths: list[int]) -> dict[str, Timeline | None]:
        """Timeline of every tap for inputs of the given lengths; None where a layer has no rule."""
        found: dict[str, Timeline | None] = {}
        for nodes in self.runs.values():
            known: dict[int, Timeline | None] = {i: Timeline.of_input(n) for i, n in enumerate(lengths)}
            for node in nodes:
                inputs = [known.get(number) if number is not None else None for number in node.inputs]
                for name, number, shape in zip(node.taps, node.outputs, node.shapes, strict=True):
                    if known.get(number) is None:
                        known[number] = layer_timeline(node.operation, inputs, len(shape))
                    found.setdefault(name, known[number])
        return found

    def taps(self, lengths: list[int]) -> tuple[Tap, ...]:
        timelines = self.timelines(lengths)
        taps: dict[str, Tap] = {}
        for nodes in self.runs.values():
            words = _Words()
            for node in nodes:
                word, kind_of_layer = words.of(node), type(node.operation).__name__
                for name, shape in zip(node.taps, node.shapes, strict=True):
                    kind, note = _kind(shape, timelines[name], kind_of_layer)
                    tap = Tap(name, kind_of_layer, shape[1:], kind, word, _family(node.operation), note)
                    taps.setdefault(name, tap)
        return tuple(taps.values())

    def _is_inner(self, call: Call) -> bool:
        """A cell at one step of a recurrence, the arithmetic of masks, or of Keras' own layers: nobody's layer."""
        if any(isinstance(parent, keras.layers.RNN) for parent in call.parents):
            return True
        if isinstance(call.operation, keras.Layer) or id(call.operation) in self._paths:
            return all(tensor.dtype == "bool" for tensor in call.outputs)
        outer = call.parents[-1] if call.parents else self.model
        return type(outer).__module__.startswith("keras.")

    def _names(self, call: Call) -> list[str]:
        path = self._path(call)
        while True:  # once, unless a layer is itself called `conv#2`
            self._calls[path] += 1
            count = self._calls[path]
            name = path if count == 1 else f"{path}#{count}"
            if name not in self.results:
                return [name] + [f"{name}:{k}" for k in range(1, len(call.outputs))]

    def _path(self, call: Call) -> str:
        if id(call.operation) in self._paths:
            return self._paths[id(call.operation)]
        outer = [self._paths.get(id(parent), "") for parent in call.parents[1:]]
        return "/".join([part for part in outer[-1:] if part] + [call.operation.name])

    def _number(self, tensor: Any) -> int:
        if id(tensor) not in self._numbers:
            self._alive.append(tensor)
            self._numbers[id(tensor)] = len(self._numbers)
        return self._numbers[id(tensor)]

    def _known(self, tensor: Any) -> int | None:
        """Number of a tensor seen before, looking through the casts and copies that Keras puts between two layers."""
        while id(tensor) not in self._numbers:
            source = getattr(tensor, "op", None)
            if source is None or source.type not in ("Identity", "Cast", "StopGradient", "EnsureShape"):
                return None
            tensor = source.inputs[0]
        return self._numbers[id(tensor)]


class _Words:
    """Entries of the last axis keep the name that the layer which made them gave them."""

    def __init__(self) -> None:
        self._of: dict[int, str] = {}

    def of(self, node: _Node) -> str:
        family = _family(node.operation)
        word = {"convolution": "filter", "recurrent": "unit"}.get(family)
        if isinstance(node.operation, (keras.layers.Dense, keras.layers.EinsumDense)):
            word = "unit"
        if word is None:
            word = self._of.get(node.outputs[0]) or next(
                (self._of[number] for number in node.inputs if number in self._of), None
            )
        if word is None or type(node.operation).__name__ == "Flatten":
            word = "unit" if len(node.shapes[0]) == 2 else "channel"
        for number in node.outputs:
            self._of[number] = word
        return word


def _family(operation: keras.Operation) -> Literal["convolution", "recurrent", ""]:
    if isinstance(operation, (keras.layers.RNN, keras.layers.Bidirectional)):
        return "recurrent"
    return "convolution" if hasattr(operation, "kernel_size") else ""


def _kind(shape: tuple[int | None, ...], timeline: Timeline | None, layer_class: str) -> tuple[Kind, str]:
    axes = " × ".join("?" if n is None else str(n) for n in shape[1:])
    if len(shape) == 2 and shape[1] is not None:
        return "units", ""
    if len(shape) == 3 and shape[2] is not None:
        if timeline is not None:
            return "sequence", ""
        return "other", f"which input steps {layer_class} sees is not known, so its {axes} output has no place in time"
    if len(shape) > 3:
        return "other", f"{layer_class} gives {axes}: {len(shape) - 1} axes besides the batch, where two can be drawn"
    return "other", f"{layer_class} gives an output of shape ({axes}) with nothing to draw"


def layer_paths(model: keras.Model) -> dict[int, str]:
    """id(layer) → path from the model, `encoder/conv1`, for every layer and operation that the model owns."""
    paths: dict[int, str] = {id(model): ""}
    taken: Counter[str] = Counter()

    def walk(owner: Any, prefix: str) -> None:
        for child in _children(owner):
            if id(child) in paths:
                continue
            path = f"{prefix}/{child.name}" if prefix else child.name
            taken[path] += 1
            paths[id(child)] = path if taken[path] == 1 else f"{path} ({taken[path]})"
            walk(child, paths[id(child)])

    walk(model, "")
    return paths


def _children(owner: Any) -> list[Any]:
    if isinstance(owner, keras.Sequential):
        return list(owner.layers)
    operations = getattr(owner, "operations", None)  # a functional model also holds operations that are no layers
    return list(operations if operations is not None else getattr(owner, "_layers", ()))
