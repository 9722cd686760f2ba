"""One computation on a model's run, compiled where the model can be traced."""

from __future__ import annotations

import logging
import re
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe.callgraph import CallGraph
from tswidgets.probe.intercept import intercepting, stand_in
from tswidgets.probe.other_weights import OtherWeights
from tswidgets.probe.recording import MaskVisitor, Recording, Visitor, shape_of

logger = logging.getLogger(__name__)

Forward = Callable[..., Any]
"""`forward(inputs, visit, visit_mask)`: the model's output for a flat list of tensors; `visit` is shown every tap, and
`visit_mask`, if given, every mask that is made in the model's graph."""
Task = Callable[..., Any]
"""`task(forward, inputs, *arguments)`: what to compute from one run; returns nested tensors."""

WORTHWHILE = 0.25  # seconds spent on single series, about what another compiler takes, after which it is worth trying


class Program:
    """A task on a model for inputs of one kind: any batch, and any length that the model takes.

    calls : what the model's run consists of.
    eager_because : why the model could not be traced; empty when it is compiled.
    """

    def __init__(
        self,
        model: keras.Model,
        task: Task,
        structure: Any,
        specs: Sequence[tf.TensorSpec],
        *,
        weights: OtherWeights | None = None,
        any_length: bool = False,
        eager_because: str = "",
    ) -> None:
        self.calls = CallGraph()
        self.eager_because = eager_because
        self._model = weakref.ref(model)
        self._task, self._structure, self._specs, self._weights = task, structure, specs, weights
        self._any_length = any_length
        self._n_inputs = len(tree.flatten(structure))
        self._run: Any = self._body
        self._runs, self._spent, self._tried = 0, 0.0, False
        self._faster: Callable[..., Any] | None = None
        if not eager_because:
            try:
                traced = tf.function(self._body, input_signature=specs, autograph=False)
                self._run = traced.get_concrete_function()
            except _validate.Refusal:
                raise
            except Exception as error:
                # Python that depends on the data cannot be traced; the run raises a mistake of the model itself again.
                self.eager_because = _validate.reason(error)
                logger.info("not traceable, runs step by step: %s", self.eager_because)

    def __call__(self, *arrays: NDArray[Any]) -> Any:
        """The task's result as tensors; `arrays` are the inputs, flat, and then the task's arguments."""
        tensors = [tf.constant(array) for array in arrays]
        if self._faster is not None and len(arrays[0]) == 1:
            return self._faster(*tensors)
        started = time.perf_counter()
        result = self._run(*tensors)
        if len(arrays[0]) == 1:
            self._runs += 1
            if self._runs > 1:  # the first run is always slow
                self._spent += time.perf_counter() - started
            if self._runs > 1 and self._spent > WORTHWHILE and not self._tried:
                self._tried = True
                self._try_faster(tensors)
        return result

    def fits(self, lengths: Sequence[int | None]) -> bool:
        """Whether it was made for inputs of such lengths."""
        shapes = [spec.shape for spec in self._specs[: self._n_inputs]]
        return all(not n or shape[1] in (None, abs(n)) for shape, n in zip(shapes, lengths, strict=True))

    def zeros(self, lengths: Sequence[int | None]) -> Any:
        """One sample of zeros with so many time steps, in the model's own structure."""
        specs = self._specs[: self._n_inputs]
        flat = [
            np.zeros([1, *([abs(n)] if n else spec.shape[1:2]), *spec.shape[2:]], spec.dtype.as_numpy_dtype)
            for spec, n in zip(specs, lengths, strict=True)
        ]
        return tree.pack_sequence_as(self._structure, flat)

    def _body(self, *tensors: Any) -> Any:
        return self._task(self._forward, tensors[: self._n_inputs], *tensors[self._n_inputs :])

    def _forward(self, inputs: Sequence[Any], visit: Visitor, visit_mask: MaskVisitor | None = None) -> Any:
        model: Any = self._model()
        if self._any_length:
            model = stand_in(model, _assert_input_compatibility=lambda *_: None)
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        if graph is not None:
            _accept_any_name(graph)
        recording = Recording(model, inputs, graph, visit, visit_mask)
        # The scope swallows assignments: a stateful layer runs without its state being touched.
        others = self._weights.pairs() if self._weights else ()
        with keras.StatelessScope(state_mapping=others), intercepting(recording):
            output = model(tree.pack_sequence_as(self._structure, list(inputs)), training=False)
        outputs = tree.flatten(output)
        if graph is None or not self.calls.runs:
            self.calls.add(recording.run, recording.output_names(outputs), [shape_of(one)[1:] for one in outputs])
        return output

    def _try_faster(self, tensors: list[Any]) -> None:
        """Compile a recurrent model of fixed length with XLA, and keep what is faster: often 5 to 10 times.

        Models without a loop gain little or lose, and one of free length would have to be compiled for every length.
        """
        graph = getattr(self._run, "graph", None)
        if graph is None or not any(op.type in ("While", "StatelessWhile") for op in graph.get_operations()):
            return
        if any(n is None for tensor in self._run.inputs[: self._n_inputs] for n in tensor.shape[1:]):
            return
        run = self._run
        faster = tf.function(self._body, autograph=False, jit_compile=True)  # traced anew: XLA wants the batch's size
        try:
            faster(*tensors)
        except Exception as error:
            logger.info("not compiled with XLA: %s", _validate.reason(error))
            return
        if _seconds(faster, tensors) < 0.8 * _seconds(run, tensors):
            self._faster = faster


def _seconds(run: Callable[..., Any], tensors: list[Any]) -> float:
    times = []
    for _ in range(3):
        started = time.perf_counter()
        np.asarray(tree.flatten(run(*tensors))[0])
        times.append(time.perf_counter() - started)
    return min(times)


def _accept_any_name(graph: Any) -> None:
    """Let this one graph take layer names that TensorFlow refuses as scopes: with spaces, unicode or HTML."""
    original = graph.name_scope

    def name_scope(name: str | None) -> Any:
        if name:
            name = re.sub(r"^[^A-Za-z0-9.]|[^A-Za-z0-9_./-]", ".", name)
        return original(name)

    graph.name_scope = name_scope
