"""Names everything in a model that can be looked at.

A tap is one output of one call of one layer. Its name is the layer's path in the model, `encoder/conv1`; `#2` marks the
second call of a shared layer and `:1` the second output of a call. What a layer computes before its own activation
function is a tap, too: `encoder/conv1:pre-activation`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras

from tswidgets.probe.timeline import Timeline

Kind = Literal["sequence", "map", "units", "other"]
Family = Literal["convolution", "recurrent", "attention", ""]
Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Tap:
    """One output of one layer call.

    shape : the output's shape without the batch axis; None for a length that follows the input.
    kind : `sequence` is (n_timesteps, n_filters) on a known place of the input's time axis, `map` the same with rows,
        (n_timesteps, n_rows, n_filters), `units` is (n_units,), `other` cannot be drawn yet and `note` says why.
    word : what one entry of the last axis is called: filter (convolution), unit (recurrent, dense) or channel.
    family : `convolution`, `recurrent`, `attention` or "" for all other layers.
    """

    name: str
    layer_class: str
    shape: Shape
    kind: Kind
    word: str
    family: Family = ""
    note: str = ""

    @property
    def drawable(self) -> bool:
        return self.kind != "other"

    @property
    def time_axis(self) -> int | None:
        """Axis of `shape` that is time, or None."""
        return 0 if self.kind in ("sequence", "map") else None

    @property
    def filter_axis(self) -> int | None:
        """Axis of `shape` that counts filters or units, or None."""
        return len(self.shape) - 1 if self.drawable else None

    @property
    def n_filters(self) -> int:
        return int(self.shape[-1] or 0) if self.drawable else 0

    @property
    def n_rows(self) -> int:
        """How many rows a map has at each step: the product of all axes between time and filters, else 1."""
        return math.prod(n or 0 for n in self.shape[1:-1]) if self.kind == "map" else 1


class Words:
    """What the entries of a tensor's last axis are called: the name that the layer which made them gave them."""

    def __init__(self) -> None:
        self._of: dict[int, str] = {}

    def of(self, operation: keras.Operation, inputs: Sequence[int], outputs: Sequence[int], rank: int) -> str:
        """The word for a call's outputs; tensors are numbers here."""
        word = {"convolution": "filter", "recurrent": "unit"}.get(family(operation))
        if isinstance(operation, (keras.layers.Dense, keras.layers.EinsumDense)):
            word = "unit"
        if word is None:
            word = self._of.get(outputs[0]) or next((self._of[number] for number in inputs if number in self._of), None)
        if word is None or type(operation).__name__ == "Flatten":
            word = "unit" if rank == 2 else "channel"
        for number in outputs:
            self._of[number] = word
        return word


def family(operation: keras.Operation) -> Family:
    if isinstance(operation, (keras.layers.RNN, keras.layers.Bidirectional)):
        return "recurrent"
    attention = keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention, keras.layers.Attention
    if isinstance(operation, attention):  # AdditiveAttention is an Attention
        return "attention"
    return "convolution" if hasattr(operation, "kernel_size") else ""


def kind(shape: Shape, timeline: Timeline | None, layer_class: str) -> tuple[Kind, str]:
    """How an output of this shape, batch axis included, can be drawn, and if not, why."""
    axes = " × ".join("?" if n is None else str(n) for n in shape[1:])
    if len(shape) == 2 and shape[1] is not None:
        return "units", ""
    if len(shape) >= 3 and None not in shape[2:]:
        if timeline is not None and timeline.has_place:
            return "sequence" if len(shape) == 3 else "map", ""
        output = f"{layer_class}'s {axes} output"
        if timeline is None:
            return "other", f"which input steps the steps of {output} see is not known, so they have no place in time"
        if (timeline.lo > timeline.hi).all():
            return "other", f"no step of {output} sees any of the input, but padding alone"
        return "other", f"each of the steps of {output} sees all of the input: none has a place"
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
