"""A model's run with every layer call recorded, compiled where the model can be traced."""

from __future__ import annotations

import logging
import re
import weakref
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe.intercept import intercepting
from tswidgets.probe.taps import Recording

logger = logging.getLogger(__name__)


class Program:
    """All taps of a batch in one call, for one kind of input.

    recording : the graph of calls that the model went through.
    eager_because : why the model could not be traced; empty when it is compiled.
    """

    def __init__(
        self, model: keras.Model, specs: list[tf.TensorSpec], flat: list[NDArray[Any]], structure: Any
    ) -> None:
        self.recording = Recording()
        self.eager_because = ""
        self._model = weakref.ref(model)
        self._structure = structure
        self._run: Callable[..., Any] = self._record
        try:
            self._run = tf.function(self._record, input_signature=specs, autograph=False).get_concrete_function()
        except Exception as error:
            # Python that depends on the data cannot be traced; the run raises a mistake of the model itself again.
            self.eager_because = _validate.reason(error)
            logger.info("not traceable, runs step by step: %s", self.eager_because)
            self(flat)

    def __call__(self, flat: list[NDArray[Any]]) -> tuple[dict[str, Any], dict[str, Any], Any]:
        """(results by tap, masks by tap, the model's own output), as tensors."""
        return self._run(*(tf.constant(array) for array in flat))

    def _record(self, *flat: Any) -> tuple[dict[str, Any], dict[str, Any], Any]:
        model: Any = self._model()
        recording = self.recording
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        if graph is not None:
            _accept_any_name(graph)
        recording.start(model, list(flat), graph)
        try:
            # The scope swallows assignments: a stateful layer runs without its state being touched.
            with keras.StatelessScope(), intercepting(recording):
                output = model(tree.pack_sequence_as(self._structure, list(flat)), training=False)
            recording.note_outputs(tree.flatten(output))
            return dict(recording.results), dict(recording.masks), output
        finally:
            recording.finish()


def _accept_any_name(graph: Any) -> None:
    """Let this one graph take layer names that TensorFlow refuses as scopes: with spaces, unicode or HTML."""
    original = graph.name_scope

    def name_scope(name: str | None) -> Any:
        if name:
            name = re.sub(r"^[^A-Za-z0-9.]|[^A-Za-z0-9_.\\/>-]", ".", name)
        return original(name)

    graph.name_scope = name_scope
