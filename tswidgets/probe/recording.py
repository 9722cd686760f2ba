"""One run of a model, call by call: which tap each result is, and what came from what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import tree

from tswidgets.probe.attending import attending, in_order
from tswidgets.probe.callgraph import Node, Run
from tswidgets.probe.intercept import Call, is_tensor, mask_of, unobserved
from tswidgets.probe.taps import Shape, layer_paths

Visitor = Callable[[str, Any, Call], Any]
"""`visit(name, tensor, call)`: called for every tap of a run; the tensor that it returns goes on in its place."""
MaskVisitor = Callable[[str, Any], Any]
"""`visit(name, tensor)`: the same for what operations of the model's graph make masks of, such as `x != 0`."""


class Recording:
    """Listens to one run of a model, as the handler of `intercepting`, and hands every tap to a visitor."""

    def __init__(
        self,
        model: keras.Model,
        inputs: Sequence[Any],
        graph: Any,
        visit: Visitor,
        visit_mask: MaskVisitor | None = None,
    ) -> None:
        self._nodes: list[Node] = []
        self._tensors: list[Any] = []  # also keeps them alive: a number belongs to an id(), good only for so long
        self._model, self._graph, self._visit, self._visit_mask = model, graph, visit, visit_mask
        self._n_masks = 0
        self._paths = layer_paths(model)
        self._numbers: dict[int, int] = {}
        self._tap_of: dict[int, str] = {}
        self._calls: Counter[str] = Counter()
        self._taken: set[str] = set()
        for tensor in inputs:
            self._number(tensor)

    def __call__(self, call: Call, result: Any) -> Any:
        reachable = all(getattr(tensor, "graph", None) is self._graph for tensor in call.outputs)
        if call.operation is self._model or not call.outputs or not reachable:
            return result
        if self._is_inner(call):
            return self._masked(call, result)
        if call.before_activation and id(source_of(call.outputs[0])) in self._numbers:
            return result  # a layer that is nothing but an activation
        names = self._names(call)
        with unobserved():
            outputs = [self._visit(name, tensor, call) for name, tensor in zip(names, call.outputs, strict=True)]
        if any(after is not before for after, before in zip(outputs, call.outputs, strict=True)):
            left = iter(outputs)
            leaves = [next(left) if is_tensor(leaf) else leaf for leaf in tree.flatten(result)]
            result = tree.pack_sequence_as(result, leaves)
        inputs = [self._number(tensor) for tensor in in_order(call)]
        sides = None if call.before_activation else attending(call)
        attends = None if sides is None else (self._number(sides.query), self._number(sides.key))
        shapes, masked = [shape_of(tensor) for tensor in outputs], [mask_of(t) is not None for t in call.outputs]
        numbers = [self._number(tensor) for tensor in outputs]
        causal = call.kwargs.get("use_causal_mask") is True
        self._nodes.append(Node(call.operation, names, inputs, numbers, shapes, masked, causal, attends))
        for name, tensor in zip(names, outputs, strict=True):
            self._tap_of[id(tensor)] = name
        return result

    @property
    def run(self) -> Run:
        """What was listened to, in the order in which the calls ended."""
        return Run(self._nodes, self._tensors if self._graph is not None else [None] * len(self._tensors))

    def output_names(self, outputs: Sequence[Any]) -> list[str]:
        """For every output the tap that it is, or "" where no layer returned it as it is."""
        return [self._tap_of.get(id(tensor), "") for tensor in outputs]

    def _is_inner(self, call: Call) -> bool:
        """A cell at one step of a recurrence, the arithmetic of masks, or of Keras' own layers: nobody's layer.

        Within a TimeDistributed layer the first axis counts steps and not samples: only its result can be looked at.
        """
        if any(isinstance(parent, (keras.layers.RNN, keras.layers.TimeDistributed)) for parent in call.parents):
            return True
        if isinstance(call.operation, keras.Layer) or id(call.operation) in self._paths:
            return all(tensor.dtype == "bool" for tensor in call.outputs)
        outer = call.parents[-1] if call.parents else self._model
        return type(outer).__module__.startswith("keras.")

    def _masked(self, call: Call, result: Any) -> Any:
        """Keras writes what a Masking layer does to later layers as operations of their own into a functional graph."""
        if self._visit_mask is None or isinstance(call.operation, keras.Layer) or not is_tensor(result):
            return result
        if result.dtype != "bool" or len(result.shape) != 2:
            return result
        self._n_masks += 1
        with unobserved():
            return self._visit_mask(f"mask {self._n_masks}", result)

    def _names(self, call: Call) -> list[str]:
        path = self._path(call)
        if call.before_activation:
            name = f"{self._next(path)[1]}:pre-activation"
            self._taken.add(name)
            return [name]
        self._calls[path], name = self._next(path)
        names = [name] + [f"{name}:{k}" for k in range(1, len(call.outputs))]
        self._taken.update(names)
        return names

    def _next(self, path: str) -> tuple[int, str]:
        """Number and name of the next call of a layer."""
        count = self._calls[path] + 1
        while True:  # once, unless a layer is itself called `conv#2`
            name = path if count == 1 else f"{path}#{count}"
            if name not in self._taken:
                return count, name
            count += 1

    def _path(self, call: Call) -> str:
        if id(call.operation) in self._paths:
            return self._paths[id(call.operation)]
        outer = [self._paths.get(id(parent), "") for parent in call.parents[1:]]
        return "/".join([part for part in outer[-1:] if part] + [call.operation.name])

    def _number(self, tensor: Any) -> int:
        tensor = source_of(tensor)
        if id(tensor) not in self._numbers:
            self._numbers[id(tensor)] = len(self._tensors)
            self._tensors.append(tensor)
        return self._numbers[id(tensor)]


def source_of(tensor: Any) -> Any:
    """A traced tensor without the casts and copies that Keras puts between two layers."""
    while (op := getattr(tensor, "op", None)) is not None and op.type in (
        "Identity",
        "Cast",
        "StopGradient",
        "EnsureShape",
    ):
        tensor = op.inputs[0]
    return tensor


def shape_of(tensor: Any) -> Shape:
    return tuple(tensor.shape.as_list()) if tensor.shape.rank is not None else ()
