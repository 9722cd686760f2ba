"""The compiled programs of one model, by task and by kind of input."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree
from numpy.typing import NDArray

from tswidgets.probe.other_weights import OtherWeights
from tswidgets.probe.program import Program, Task
from tswidgets.probe.taps import Shape

MOST = 64  # programs kept per model; what was not asked for longest is forgotten


class Programs:
    """Makes each program once and keeps it.

    declared : the shapes of the model's inputs, batch axis included, or None for a model that declares none. Such a
        model is compiled for the first shape that it sees; when another comes, for any length, if it can be.
    """

    def __init__(
        self,
        model: keras.Model,
        declared: list[Shape] | None,
        weights: OtherWeights | None = None,
        any_length: bool = False,
    ) -> None:
        self.declared, self._weights, self._any_length = declared, weights, any_length
        self._model = weakref.ref(model)
        self._lock = threading.RLock()
        self._programs: OrderedDict[tuple[Hashable, ...], Program] = OrderedDict()
        self._shapes: dict[Hashable, list[Shape]] = {}
        self._rigid: set[Hashable] = set()
        self.eager_because = ""

    def get(
        self, key: Hashable, task: Task, flat: Sequence[NDArray[Any]], structure: Any, arguments: Sequence[Any] = ()
    ) -> Program:
        """The program for a task that `key` identifies, for inputs like these."""
        with self._lock:
            if self.declared is not None and [len(s) for s in self.declared] == [array.ndim for array in flat]:
                return self._make(key, task, self.declared, flat, structure, arguments)
            kind = tuple((array.ndim, *array.shape[2:]) for array in flat)
            shapes: list[Shape] = [array.shape for array in flat]
            known = self._shapes.setdefault(kind, shapes)
            if not all(_fits(one, other) for one, other in zip(shapes, known, strict=True)) and kind not in self._rigid:
                free = [(None, None, *shape[2:]) for shape in shapes]
                program = self._make(key, task, free, flat, structure, arguments)
                if not program.eager_because or self.eager_because:
                    self._shapes[kind] = free
                    return program
                self._rigid.add(kind)  # its Python counts the steps: one program for every length
            return self._make(
                key, task, shapes if kind in self._rigid else self._shapes[kind], flat, structure, arguments
            )

    def _make(
        self,
        key: Hashable,
        task: Task,
        shapes: Sequence[Shape],
        flat: Sequence[NDArray[Any]],
        structure: Any,
        arguments: Sequence[Any],
    ) -> Program:
        structure = tree.map_structure(lambda _: 0, structure) if tree.is_nested(structure) else 0
        kinds = [((None, *shape[1:]), array.dtype) for shape, array in zip(shapes, flat, strict=True)]
        kinds += [((None,) * np.ndim(array), np.asarray(array).dtype) for array in arguments]
        whole = key, str(structure), tuple(kinds)
        if whole not in self._programs:
            specs = [tf.TensorSpec(shape, dtype) for shape, dtype in kinds]
            model = self._model()
            assert model is not None
            self._programs[whole] = Program(
                model,
                task,
                structure,
                specs,
                weights=self._weights,
                any_length=self._any_length,
                eager_because=self.eager_because,
            )
            while len(self._programs) > MOST:
                self._programs.popitem(last=False)
        self._programs.move_to_end(whole)
        return self._programs[whole]


def _fits(shape: Shape, known: Shape) -> bool:
    return all(w in (None, n) for n, w in zip(shape[1:], known[1:], strict=True))
