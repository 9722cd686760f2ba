"""Runs a model with filters of one of its layers removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, tee
from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import at_layer, placed
from tswidgets.probe import Observation, Probe, as_probe, axes, batches
from tswidgets.probe.dependence import reaches_output
from tswidgets.probe.inputs import arranged
from tswidgets.probe.replacement import removing

AT_ONCE = 8 * 2**20  # bytes that a model's layers may take between two places to stop: 0.01 s, 0.1 s of a long LSTM

Floats = NDArray[np.float32]
FilterSet = tuple[int, ...]


class Removal:
    """A model and a batch, ready to have filters of a layer removed.

    A large batch is run in parts along the sample axis, so that work can be stopped between two of them: `look` and
    `without` yield after each. A model that runs step by step is given all samples at once, since what it does may
    depend on the batch.

    layer, word : the tap's name, and what one entry of its last axis is called.
    n_filters : length of that axis.
    n_timesteps : of the series.
    """

    def __init__(self, model: Any, X: Any, layer: str, value: Any, output: int) -> None:
        x, self._value = _arrays(X), _validate.removal_value(value)
        self._by_mean = isinstance(self._value, str) and self._value == "mean"
        self._probe = as_probe(model, x)
        self.layer = self._probe.tap_name(layer)
        self._x = arranged(self._probe.model, x)
        flat = self._probe.checked(self._x)
        n_samples = _validate.n_samples([len(array) for array in flat])
        self.n_timesteps = axes.longest(axes.of(flat))
        names = self._probe.output_names
        self._output = _validate.index(output, len(names), "output", f"model {self._probe.model.name!r}")
        padding = self._probe.padding_tap(axes.of(flat)) if self._by_mean else None
        self._names = {name for name in (self.layer, names[self._output], padding) if name}
        self._bytes = batches.bytes_per_row(self._probe.taps, flat)
        self._parts = _parts(self._probe, n_samples, self._bytes)
        self._outputs: list[NDArray[Any]] = []
        self._masks: list[NDArray[np.bool_] | None] = []
        self._sum, self._count = np.zeros(()), np.zeros(())

        first = self._look(self._parts[0])
        if self.layer not in first:
            _validate.not_reached(self.layer)
        if not reaches_output(self._probe, self._x, self.layer, self._output):
            _validate.nothing_depends(self.layer, self._output, len(names))
        self._shape = n_samples, *first[self.layer].shape[1:]
        _validate.filter_axis(self._shape, self.layer)
        if not isinstance(self._value, str):
            _validate.removal_value_fits(self._value, self._shape, self.layer)
        self.n_filters = self._shape[-1]
        self.word = next(tap.word for tap in self._probe.taps if tap.name == self.layer)

    def look(self) -> Iterator[None]:
        """Observe the model as it is, part by part."""
        for part in self._parts[len(self._outputs) :]:
            yield
            self._look(part)

    @property
    def before(self) -> NDArray[Any]:
        """ndarray of shape (n_samples, …), what the model answers as it is; all of it once `look` has ended."""
        return self._outputs[0] if len(self._outputs) == 1 else np.concatenate(self._outputs)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the answer, without the sample axis."""
        return self._outputs[0].shape[1:]

    @property
    def present(self) -> NDArray[np.bool_] | None:
        """Bool ndarray of shape (n_samples, n_timesteps), False where the answer is padding; None if none is masked."""
        masks = [mask for mask in self._masks if mask is not None]
        return np.concatenate(masks) if len(masks) == len(self._masks) else None

    def without(self, sets: Iterable[FilterSet]) -> Iterator[NDArray[Any] | None]:
        """The answers without each set of filters: (n_sets_of_the_piece, n_samples, …) for as many as run together.

        None comes between the parts of one such piece. The sets are drawn as they are needed.
        """
        own, streams = tee(sets, len(self._parts)), []
        for part, sets_of_part in zip(self._parts, own, strict=True):
            streams.append(self._pieces(part, sets_of_part))
            yield None
        if len(streams) == 1:
            yield from streams[0]
            return
        one_by_one = [chain.from_iterable(stream) for stream in streams]
        for first in one_by_one[0]:
            answers = [first]
            for others in one_by_one[1:]:
                yield None
                answers.append(next(others))
            yield np.concatenate(answers)[None]

    def _pieces(self, part: slice, sets: Iterator[FilterSet]) -> Iterator[NDArray[Any]]:
        fill = np.broadcast_to(self._fill(), self._shape)[part]
        pieces = removing(self._probe, self._take(part), self.layer, sets, fill)
        return (tree.flatten(piece)[self._output] for piece in pieces)

    def _fill(self) -> NDArray[Any]:
        """What takes the place of the filters: broadcasts to the tap's values for all samples."""
        if isinstance(self._value, str):
            return np.asarray(self._sum / np.maximum(self._count, 1), np.float32)  # both are 0 for "zero"
        return self._value

    def _look(self, part: slice) -> Observation:
        x, n_rows = self._take(part), part.stop - part.start
        few = n_rows * self._bytes <= AT_ONCE  # all taps of so few are kept, for the runs that follow
        observation = self._probe.observe(x, None if few else self._names)
        self._outputs.append(observation.outputs[self._output])
        mask = observation.masks.get(self._probe.output_names[self._output])
        of_steps = mask is not None and self._outputs[-1].ndim > 2 and mask.shape == self._outputs[-1].shape[:2]
        self._masks.append(mask if of_steps else None)
        if self._by_mean and self.layer in observation:
            values = _unpadded(self._probe, observation, self.layer)
            finite, over = np.isfinite(values), tuple(range(values.ndim - 1))
            self._sum = self._sum + np.sum(values, axis=over, dtype=np.float64, where=finite)
            self._count = self._count + finite.sum(axis=over)
        return observation

    def _take(self, part: slice) -> Any:
        return self._x if len(self._parts) == 1 else tree.map_structure(lambda array: array[part], self._x)


def _arrays(X: Any) -> Any:
    """X as one array, or as the structure of several that it is."""
    if tree.is_nested(X) and all(hasattr(leaf, "shape") for leaf in tree.flatten(X)):
        return tree.map_structure(np.asarray, X)
    return np.asarray(X)


def _parts(probe: Probe, n_samples: int, bytes_per_row: int) -> list[slice]:
    size = n_samples if probe.eager_because else batches.rows_at_once(bytes_per_row, AT_ONCE)
    if probe.batch_size is not None:
        size = max(size // probe.batch_size, 1) * probe.batch_size
    return [slice(start, min(start + size, n_samples)) for start in range(0, n_samples, size)]


def _unpadded(probe: Probe, observation: Observation, layer: str) -> Floats:
    """A tap's values, NaN where a step is padding that the model masks."""
    tap = next(tap for tap in probe.taps if tap.name == layer)
    values, mask = at_layer(probe, observation, placed(probe, observation, tap)).values, observation.masks.get(layer)
    if mask is None or mask.shape != values.shape[:2] or values.ndim < 3:
        return values
    return np.where(mask.reshape(mask.shape + (1,) * (values.ndim - 2)), values, np.float32(np.nan))
