"""What a model takes, and x as it takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from tswidgets import _validate
from tswidgets.probe.taps import Shape


@dataclass(frozen=True)
class Input:
    """One input that a model declares: its shape without the batch axis, and whether it reads whole numbers."""

    name: str
    shape: Shape
    integers: bool


def declared_inputs(model: keras.Model) -> list[Input]:
    """What a model takes, in its own order; empty for a model that does not say."""
    _validate.keras_model(model, keras)
    tensors = (getattr(model, "inputs", None) or []) if model.built else []  # older Keras raises before
    return [Input(one.name, tuple(one.shape[1:]), "int" in str(one.dtype)) for one in tensors]


def built(model: keras.Model, x: Any, any_length: bool = False) -> list[Shape] | None:
    """The shapes that a model declares, batch axis included, if it does; one that is not built yet is built from x.

    any_length : leave the number of time steps open, whatever the model says.
    """
    declared = getattr(model, "inputs", None) if model.built else None
    if not declared and x is None:
        _validate.unbuilt_model(model)
    if not model.built:
        model(tree.map_structure(lambda array: tf.constant(array[:1]), x), training=False)
        declared = getattr(model, "inputs", None)
    if not declared:
        return None
    keeps = getattr(model, "_inputs_struct", None) is not None or any(
        getattr(layer, "stateful", False) for layer in model._flatten_layers(include_self=False)
    )  # a Sequential model that was built from data declares that batch's size, and yet takes any
    shapes: list[Shape] = [(tensor.shape[0] if keeps else None, *tensor.shape[1:]) for tensor in declared]
    return [(shape[0], None, *shape[2:]) for shape in shapes] if any_length else shapes


def example(model: keras.Model, free_length: int) -> Any:
    """One sample of zeros for a model that declares its inputs."""
    flat = [np.zeros((1, *(n or free_length for n in tensor.shape[1:])), tensor.dtype) for tensor in model.inputs]
    structure = getattr(model, "_inputs_struct", None)
    return flat[0] if len(flat) == 1 else tree.pack_sequence_as(structure, flat) if structure else flat


def numbered(n_inputs: int) -> list[str]:
    """Names for the inputs of a model that does not name them."""
    return [f"input_{number}" for number in range(n_inputs)]


def names(model: keras.Model, x: Any) -> list[str]:
    """What the inputs of a model are called, in the order in which x is flattened; "" for one that has none."""
    declared = [one.name for one in declared_inputs(model)]
    if takes_dict(model):
        return sorted(declared)
    if declared or not tree.is_nested(x):
        return declared or [""]
    return sorted(x) if isinstance(x, dict) else numbered(len(x))


def takes_dict(model: keras.Model) -> bool:
    """Whether the model takes its inputs by name."""
    return isinstance(getattr(model, "_inputs_struct", None), dict)


def arranged(model: keras.Model, x: Any) -> Any:
    """x in the model's own structure: several inputs may be given by name, or as a list in the model's order."""
    structure = getattr(model, "_inputs_struct", None)
    if structure is None or not tree.is_nested(structure) or not isinstance(x, (dict, list, tuple)):
        return x
    if isinstance(structure, dict) and isinstance(x, dict):
        return x
    named = _validate.several(x, [tensor.name for tensor in model.inputs], model.name)
    return tree.pack_sequence_as(structure, list(named.values()))
