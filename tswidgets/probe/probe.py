"""Looks inside a model while it runs: every layer's output for a sample, in one compiled call."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe.observation import Observation
from tswidgets.probe.program import Program
from tswidgets.probe.taps import Tap
from tswidgets.probe.timeline import Timeline
from tswidgets.probe.weights import Checksum

MEMORY = 256 * 2**20  # bytes of observations kept per probe
_FREE_LENGTH = 1024  # length at which the taps of a model that takes any length are described


class Probe:
    """Observes what every layer of a Keras model returns.

    Parameters
    ----------
    model : keras.Model
        Any Keras 3 model on the TensorFlow backend. It is never changed: no clone, no sub-model, no hook left behind.
        The probe holds it weakly and reads its weights at every call, so a retrained model needs no new probe.
    x : ndarray of shape (n_samples, n_timesteps, n_channels), optional
        Example input, needed once for a model that has not been built and declares no input shape.
    """

    def __init__(self, model: keras.Model, x: Any = None) -> None:
        _validate.keras_model(model, keras)
        self._model = weakref.ref(model)
        self._lock = threading.RLock()
        self._programs: dict[Any, Program] = {}
        self._memory: OrderedDict[bytes, Observation] = OrderedDict()
        self._timelines: dict[tuple[int, int], dict[str, Timeline | None]] = {}
        self._checksum = Checksum(model)
        declared = getattr(model, "inputs", None) if model.built else None
        if not declared and x is None:
            _validate.unbuilt_model(model)
        if not model.built:
            model(tree.map_structure(lambda array: tf.constant(array[:1]), x), training=False)
            declared = getattr(model, "inputs", None)
        self._declared = [tuple(tensor.shape) for tensor in declared] if declared else None
        example = x if self._takes(x) else self._example()
        self._program = self._program_for(tree.flatten(example), example)

    def __repr__(self) -> str:
        return f"Probe({self.model.name!r}, {len(self.taps)} taps)"

    @property
    def model(self) -> keras.Model:
        model = self._model()
        if model is None:
            raise ReferenceError("the model that this probe looked into no longer exists")
        return model

    @property
    def taps(self) -> tuple[Tap, ...]:
        """Everything that can be looked at, in the order in which the model runs it."""
        return self._program.recording.taps(self._lengths())

    @property
    def output_names(self) -> list[str]:
        """For every output of the model the tap that it is, or "" where no layer returned it as it is."""
        return self._program.recording.output_names

    @property
    def input_shapes(self) -> list[tuple[int | None, ...]]:
        """Shape of every input without the batch axis, None for a length that is free."""
        return [shape[1:] for shape in self._declared or [spec[0] for spec in next(iter(self._programs))]]

    @property
    def eager_because(self) -> str:
        """Why the model runs step by step instead of compiled; empty when it is compiled."""
        return self._program.eager_because

    def observe(self, x: Any) -> Observation:
        """Every tap's value for a batch.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_timesteps, n_channels), or the model's own structure of several

        Returns
        -------
        Observation
            Tap name → ndarray with the batch axis. Asked again for the same values while the weights are the same, it
            is returned from memory without running the model.
        """
        flat = [np.asarray(array) for array in tree.flatten(x)]
        _validate.batch([array.shape for array in flat], self.input_shapes, self.model.name)
        version = self.version()
        key = _key(version, flat)
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                return self._memory[key]
            program = self._program_for(flat, x)
        observation = Observation(*program(flat), version)
        with self._lock:
            self._memory[key] = observation
            while len(self._memory) > 1 and sum(kept.nbytes for kept in self._memory.values()) > MEMORY:
                self._memory.popitem(last=False)
        return observation

    def timelines(self, n_timesteps: int) -> dict[str, Timeline | None]:
        """Tap name → which input steps each of its steps sees, for a series of `n_timesteps`; None where unknown."""
        recording = self._program.recording
        key = n_timesteps, len(recording.runs)
        if key not in self._timelines:
            self._timelines[key] = recording.timelines([n_timesteps] * len(self._lengths()))
        return self._timelines[key]

    def version(self) -> bytes:
        """Checksum of the weights and of stateful layers' states: equal as long as nothing has changed them."""
        return self._checksum()

    def _program_for(self, flat: list[Any], structure: Any) -> Program:
        flat = [np.asarray(array) for array in flat]
        specs = [self._spec(i, array) for i, array in enumerate(flat)]
        key = tuple((tuple(spec.shape), spec.dtype.name) for spec in specs)
        if key not in self._programs:
            self._programs[key] = Program(self.model, specs, flat, tree.map_structure(lambda _: 0, structure))
        return self._programs[key]

    def _spec(self, i: int, array: NDArray[Any]) -> tf.TensorSpec:
        """What the program accepts: any batch, any length that the model takes."""
        if self._declared is not None and len(self._declared) > i and len(self._declared[i]) == array.ndim:
            return tf.TensorSpec((None, *self._declared[i][1:]), array.dtype)
        return tf.TensorSpec((None, *array.shape[1:]), array.dtype)

    def _takes(self, x: Any) -> bool:
        """Whether x has as many axes as the model declares, or the model declares nothing."""
        return x is not None and (
            self._declared is None or [np.ndim(a) for a in tree.flatten(x)] == [len(shape) for shape in self._declared]
        )

    def _example(self) -> Any:
        flat = [
            np.zeros((1, *(n or _FREE_LENGTH for n in tensor.shape[1:])), tensor.dtype) for tensor in self.model.inputs
        ]
        structure = getattr(self.model, "_inputs_struct", None)
        return flat[0] if len(flat) == 1 else tree.pack_sequence_as(structure, flat) if structure else flat

    def _lengths(self) -> list[int]:
        key = next(key for key, program in self._programs.items() if program is self._program)
        return [int(shape[1] or _FREE_LENGTH) if len(shape) > 1 else 1 for shape, _ in key]


_probes: weakref.WeakKeyDictionary[keras.Model, Probe] = weakref.WeakKeyDictionary()


def as_probe(model: keras.Model | Probe, x: Any = None) -> Probe:
    """The one probe of a live model, so that functions called in turn share compiled programs and observations."""
    if isinstance(model, Probe):
        return model
    _validate.keras_model(model, keras)
    if model not in _probes:
        _probes[model] = Probe(model, x)
    return _probes[model]


def reads_integers(model: Any) -> bool:
    """Whether the model takes whole numbers (it begins with an Embedding) and not measurements."""
    if isinstance(model, Probe):
        model = model.model
    _validate.keras_model(model, keras)
    inputs = getattr(model, "inputs", None) if model.built else None
    return inputs is not None and len(inputs) > 0 and "int" in str(inputs[0].dtype)


def _key(version: bytes, flat: list[NDArray[Any]]) -> bytes:
    digest = hashlib.blake2b(version, digest_size=16)
    for array in flat:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.digest()
