"""A model and the shapes that go into it, which may be all that is known: nothing is run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tswidgets import _validate
from tswidgets.probe import axes
from tswidgets.probe.inputs import arranged
from tswidgets.probe.probe import Probe
from tswidgets.probe.registry import as_probe
from tswidgets.probe.stages import Stage, stages


@dataclass(frozen=True, eq=False)
class Look:
    """A model's probe and the shapes of its inputs without the axis of samples, all of them known.

    model : held, since a probe holds its model weakly. It is a copy if the user's own has not been built.
    n_samples : of x; None if none was given.
    """

    model: keras.Model
    probe: Probe
    shapes: tuple[tuple[int, ...], ...]
    n_samples: int | None

    def graphs(self) -> Iterator[tuple[int, dict[str, Stage]]]:
        """For every time axis among the inputs its length, and the stages by name."""
        for lengths in axes.each(self.shapes):
            n_timesteps = max(n or 0 for n in lengths)
            yield n_timesteps, {stage.name: stage for stage in stages(self.probe, self.shapes, lengths)}


def looked_at(model: keras.Model | Probe, x: Any, input_shape: Any) -> Look:
    """What is known of a model's inputs from itself, from x or from their shapes.

    A Sequential model that has not been built is copied and the copy is built, so that the model stays as it is.
    """
    if not isinstance(model, Probe):
        _validate.keras_model(model, keras)
        if not model.built and x is None and input_shape is not None and isinstance(model, keras.Sequential):
            model = _copy(model, _validate.input_sizes(input_shape, None, model.name))
    probe = as_probe(model, x)
    name, declared = probe.model.name, probe.input_shapes
    n_samples = None
    shapes: Sequence[Sequence[int | None]] = declared
    if x is not None:
        flat = probe.checked(arranged(probe.model, x))
        n_samples, shapes = len(flat[0]), [array.shape[1:] for array in flat]
    elif input_shape is not None:
        shapes = [
            _validate.input_sizes(one, wanted, name)
            for one, wanted in zip(_each(probe, input_shape), declared, strict=True)
        ]
    for sizes in shapes:
        _validate.input_length(sizes, name)
    known = tuple(tuple(int(n) for n in sizes if n is not None) for sizes in shapes)
    if not any(n for n in axes.each(known)[0] if n):
        _validate.no_time_steps(known, name)
    return Look(probe.model, probe, known, n_samples)


def _each(probe: Probe, input_shape: Any) -> list[Any]:
    """One shape for each input, in the order of the model."""
    n_inputs = len(probe.input_shapes)
    if n_inputs == 1 and isinstance(input_shape, dict) and len(input_shape) == 1:
        return list(input_shape.values())
    if n_inputs == 1:
        one = isinstance(input_shape, (list, tuple)) and len(input_shape) == 1 and np.ndim(input_shape[0]) == 1
        return [input_shape[0] if one else input_shape]
    tensors = getattr(probe.model, "inputs", None) or []
    names = [tensor.name for tensor in tensors] or [f"input {number}" for number in range(n_inputs)]
    named = _validate.several(input_shape, names, probe.model.name)
    return [named[name] for name in names]


def _copy(model: keras.Sequential, sizes: tuple[int | None, ...]) -> keras.Sequential:
    """The same layers with weights of their own; Python's random numbers stay where they are."""
    state = random.getstate()
    try:
        layers = [type(layer).from_config(layer.get_config()) for layer in model.layers]
        return keras.Sequential([keras.Input(sizes, name="tsw_input"), *layers], name=model.name)
    except Exception as error:
        _validate.not_copied(model.name, error)
    finally:
        random.setstate(state)
