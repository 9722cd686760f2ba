"""Looks inside a model while it runs: observes, replaces and differentiates what its layers return."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe import axes, batches, differentiation, inputs, memory, replacement, tasks
from tswidgets.probe.axes import Length
from tswidgets.probe.callgraph import CallGraph
from tswidgets.probe.intercept import Call
from tswidgets.probe.memory import Memory
from tswidgets.probe.observation import Gradient, Observation, as_arrays
from tswidgets.probe.other_weights import OtherWeights
from tswidgets.probe.program import Program, Task
from tswidgets.probe.programs import Programs
from tswidgets.probe.replacement import Edit
from tswidgets.probe.taps import Tap
from tswidgets.probe.targets import Target
from tswidgets.probe.timeline import Timeline, is_step_by_step
from tswidgets.probe.weights import Weights

_MOST_TIMELINES = 64  # lengths for which timelines are kept


class Probe:
    """Observes, replaces and differentiates what the layers of a Keras model return.

    Parameters
    ----------
    model : keras.Model
        Any Keras 3 model on the TensorFlow backend. It is never changed: no clone, no sub-model, no hook left behind.
        The probe holds it weakly and reads its weights at every call, so a retrained model needs no new probe.
    x : ndarray of shape (n_samples, n_timesteps, n_channels), optional
        Example input, needed once for a model that has not been built and declares no input shape.
    weights : OtherWeights, optional, what the model would have for weights; without them its own
    any_length : bool, run series of any length, though the model declares one: its layers may take others
    """

    FREE_LENGTH = 1024  # steps at which a model that takes any length is described

    def __init__(
        self, model: keras.Model, x: Any = None, weights: OtherWeights | None = None, *, any_length: bool = False
    ) -> None:
        _validate.keras_model(model, keras)
        self._model = weakref.ref(model)
        self._lock, self._memory = threading.RLock(), Memory()
        self._timelines: dict[Hashable, dict[str, Timeline | None]] = {}
        self._described: tuple[int, tuple[Tap, ...]] = (0, ())
        self._weights = Weights(model, weights)
        declared = inputs.built(model, x, any_length)
        self._programs = Programs(model, declared, weights, any_length)
        fits = declared is None or [np.ndim(a) for a in tree.flatten(x)] == [len(shape) for shape in declared]
        example = x if x is not None and fits else inputs.example(model, self.FREE_LENGTH)
        flat = [np.asarray(array) for array in tree.flatten(example)]
        self._input_shapes = [shape[1:] for shape in declared or [(None, None, *array.shape[2:]) for array in flat]]
        self._described_axes = axes.each([array.shape[1:] for array in flat])
        self._program = self._observing(None, flat, example)
        self._programs.eager_because = self._program.eager_because
        if self._program.eager_because:
            self._program(*flat)

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
        calls = self._program.calls
        if self._described[0] != len(calls.runs):
            self._described = len(calls.runs), calls.taps(self._described_axes)
        return self._described[1]

    @property
    def output_names(self) -> list[str]:
        """For every output of the model the tap that it is, or "" where no layer returned it as it is."""
        return self._program.calls.output_names

    @property
    def output_shapes(self) -> list[tuple[int | None, ...]]:
        """Shape of every output without the batch axis, None for a length that follows the input."""
        return self._program.calls.output_shapes

    @property
    def input_shapes(self) -> list[tuple[int | None, ...]]:
        """Shape of every input without the batch axis, None for a length that is free."""
        return self._input_shapes

    @property
    def described_length(self) -> int:
        """Number of time steps for which `taps` describes the model."""
        return axes.longest(self._described_axes[0])

    @property
    def eager_because(self) -> str:
        """Why the model runs step by step instead of compiled; empty when it is compiled."""
        return self._program.eager_because

    def observe(self, x: Any, taps: Collection[str] | None = None) -> Observation:
        """What the layers return for a batch.

        Parameters
        ----------
        x : ndarray of shape (n_samples, n_timesteps, n_channels), or the model's own structure of several
        taps : list of str, optional
            Names of the taps that are wanted. Without them every tap is; with them a batch may be large, since what is
            not wanted is computed in pieces and dropped.

        Returns
        -------
        Observation
            Tap name → ndarray with the batch axis. Asked again for the same values while the weights are the same, it
            is returned from memory without running the model.
        """
        wanted = None if taps is None else frozenset(self.tap_name(name) for name in taps)
        x = inputs.arranged(self.model, x)
        flat = self.checked(x)
        key = self._memory.key(flat)
        if key in self._memory:
            known = self._memory.get(key, self.version())
            if known is not None:
                return known if wanted is None else known.only(wanted)
        program, lengths = self._observing(wanted, flat, x), axes.of(flat)
        whole = self._at_once(flat)
        if not whole:
            version = self.version()
            results, masks, given, output = self._in_pieces(lambda *part: program(*part)[:4], flat, flat, wanted)
        else:
            looks = self._weights.looks
            *found, values = program(*flat)
            results, masks, given, output = map(as_arrays, found)
            version = self._weights.version_of(values, looks)
        observation = Observation(results, masks, output, lengths, version, given)
        if wanted is None and (whole or observation.nbytes <= memory.MOST):
            self._memory.put(key, observation)
        return observation

    def replace(self, x: Any, tap: str, value: Edit | Iterable[Edit]) -> Any:
        """What the model would answer if a layer had returned something else.

        Parameters
        ----------
        x : as in `observe`
        tap : str, name of the tap whose values are replaced; what follows sees them, with the mask of the original
        value : array, function, or several of them
            An array that broadcasts to the tap's values, (n_samples, …); or a function that is given these values and
            returns such an array. A list or generator of those, or an array with a leading axis (n_edits, n_samples,
            …), makes as many edits, each by itself; they are run together and drawn as they are needed.

        Returns the model's output in its own structure, (n_samples, …); for several edits (n_edits, n_samples, …).
        """
        return replacement.replace(self, x, tap, value)

    def replacing(self, x: Any, tap: str, values: Iterable[Edit]) -> Iterator[Any]:
        """The same for many edits, piece by piece: yields outputs of shape (n_edits_of_the_piece, n_samples, …)."""
        return replacement.replacing(self, x, tap, values)

    def gradient(self, x: Any, target: Target = None, wrt: str = "input", *, output: int | str = 0) -> Gradient:
        """Gradient of one number of the output, for every sample of a batch.

        Parameters
        ----------
        x : as in `observe`
        target : int, tuple or ndarray of int, optional
            Which number: a class, or `(step, class)` for an output per step; None in a tuple averages over that axis.
            An array of shape (n_samples,) or (n_samples, n_axes) has one for each sample. By default the only number
            of the output, or the largest of its classes for each sample.
        wrt : str, "input", or the name of the tap that the gradient is with respect to
        output : int or str, number of the output, or the name of a tap: then the target is one of its numbers

        Returns
        -------
        Gradient
            `values` have the shape of the input or tap, `score` is the number itself. The number of a model's output is
            its logit: what went into a final softmax or sigmoid, if there is one.
        """
        return differentiation.gradient(self, x, target, wrt, output)

    def logits(self, x: Any) -> Any:
        """The model's output before a final softmax or sigmoid, in the model's own structure; else the output itself.

        `x` as in `observe`; ndarrays of shape (n_samples, …). Of a model that runs step by step Keras' softmax and
        sigmoid are recognised, TensorFlow's are not.
        """
        return self.compute(x, "logits", tasks.logits)

    def at_call(self, x: Any, tap: str, function: Callable[[Call], Any]) -> Any:
        """What `function` makes of the call that a tap is the result of: nested tensors in, nested ndarrays out.

        It runs within the model's own run, with the call's arguments and their masks; what it calls is not observed.
        """
        found = self.compute(x, ("at call", self.tap_name(tap), function), tasks.at_call(tap, function))
        return found[0] if found else _validate.not_reached(tap)

    def timelines(self, n_timesteps: int | tuple[Length, ...]) -> dict[str, Timeline | None]:
        """Tap name → which input steps each of its steps sees; None where that is unknown.

        n_timesteps : length of the series, or `Observation.lengths` where several inputs have lengths of their own.
        """
        lengths = n_timesteps if isinstance(n_timesteps, tuple) else axes.lengths(self._input_shapes, n_timesteps)
        calls = self.calls_for(lengths)
        key = id(calls), len(calls.runs), lengths
        if key not in self._timelines:
            self._timelines[key] = calls.timelines(lengths)
            while len(self._timelines) > _MOST_TIMELINES:
                self._timelines.pop(next(iter(self._timelines)))
        return self._timelines[key]

    def version(self) -> bytes:
        """Checksum of the weights and of stateful layers' states: equal as long as nothing has changed them."""
        return self._weights.version()

    # -- for the other modules of this ring ----------------------------------------------------------------------------

    def compute(self, x: Any, key: Hashable, task: Task, *arguments: NDArray[Any], of: Collection[str] = ()) -> Any:
        """The result of a task for a batch, as ndarrays, in pieces; `arguments` go along the batch axis.

        `key` identifies the task among all, and `of` names the taps that its result is as large as.
        """
        x = inputs.arranged(self.model, x)
        flat = self.checked(x)
        program = self._programs.get(key, task, flat, x, arguments)
        if self._at_once(flat):
            return as_arrays(program(*flat, *arguments))
        return self._in_pieces(program, [*flat, *arguments], flat, of)

    def run(self, x: Any, key: Hashable, task: Task, *arguments: NDArray[Any]) -> Any:
        """The same for arranged x all at once, with arguments of any length."""
        return as_arrays(self.tensors(x, key, task, *arguments))

    def tensors(self, x: Any, key: Hashable, task: Task, *arguments: NDArray[Any]) -> Any:
        """The same as tensors, of which none is rounded to float32."""
        return self._programs.get(key, task, tree.flatten(x), x, arguments)(*tree.flatten(x), *arguments)

    def checked(self, x: Any) -> list[NDArray[Any]]:
        """The arrays of x, arranged as the model takes them, whose shapes are what the model takes."""
        flat = [np.asarray(array) for array in tree.flatten(x)]
        _validate.batch([array.shape for array in flat], self._input_shapes, self.model.name)
        return flat

    def tap_name(self, name: str) -> str:
        return _validate.layer_name(name, [tap.name for tap in self.taps])

    @property
    def batch_size(self) -> int | None:
        """Number of samples that the model is built for, as stateful ones are; None for any."""
        declared = self._programs.declared or [(None,)]
        return declared[0][0] if declared[0] else None

    @property
    def calls(self) -> CallGraph:
        """What the model's run consists of."""
        return self._program.calls

    def padding_tap(self, lengths: tuple[Length, ...]) -> str | None:
        """Name of a tap whose mask tells which steps of the input are padding; None if the model masks nothing."""
        timelines, masked = self.timelines(lengths), self._program.calls.masked
        return next((name for name in masked if is_step_by_step(timelines.get(name), axes.longest(lengths))), None)

    def calls_for(self, lengths: tuple[Length, ...]) -> CallGraph:
        """The calls as they are for inputs of such lengths: a model that declares none may be traced anew."""
        if self.eager_because or self._programs.declared or self._program.fits(lengths) or None in lengths:
            return self._program.calls
        x = self._program.zeros(lengths)
        return self._observing(None, tree.flatten(x), x).calls

    def fits(self, flat: list[NDArray[Any]]) -> bool:
        """Whether the shapes that `taps` and `output_shapes` name are those for these inputs."""
        return self._program.fits(axes.of(flat))

    def _at_once(self, flat: list[NDArray[Any]]) -> bool:
        """Whether a batch is no more than a model takes at a time."""
        n_rows = len(flat[0])
        few = n_rows == 1 or n_rows <= batches.rows_at_once(batches.bytes_per_row(self.taps, flat))
        return few and self.batch_size in (None, n_rows)

    def _in_pieces(
        self, run: Callable[..., Any], arrays: list[NDArray[Any]], flat: list[NDArray[Any]], of: Collection[str] | None
    ) -> Any:
        with batches.memory_for(len(flat[0]), batches.bytes_per_row(self.taps, flat, of)):
            at_once = batches.rows_at_once(batches.bytes_per_row(self.taps, flat))
            return as_arrays(batches.in_pieces(lambda *part: as_arrays(run(*part)), arrays, at_once, self.batch_size))

    def _observing(self, wanted: frozenset[str] | None, flat: list[NDArray[Any]], x: Any) -> Program:
        return self._programs.get(("observe", wanted), tasks.observing(wanted, self._weights.tensors), flat, x)
