"""What a recurrent layer is given within a model's run."""

from __future__ import annotations

import inspect
from typing import Any

import keras
from keras import tree

from tswidgets.probe.intercept import Call, as_given, is_tensor, mask_of


def unwrapped(operation: Any) -> Any:
    """The layer that a TimeDistributed layer runs at each of its steps, or the operation itself."""
    while isinstance(operation, keras.layers.TimeDistributed):
        operation = operation.layer
    return operation


def is_recurrent(operation: Any) -> bool:
    """Whether it is a recurrent layer, or runs one at each of its steps."""
    return isinstance(unwrapped(operation), (keras.layers.RNN, keras.layers.Bidirectional))


def given(name: str, call: Call) -> dict[str, dict[str, Any]]:
    """Name → `sequence`, `mask` and a flat list `initial_state` as tensors, the last two None where there are none.

    Empty for a call of something of the user's own that has no sequence.
    """
    names = list(inspect.signature(call.operation.call).parameters)
    arguments = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    sequence, initial_state, mask = (arguments.get(key) for key in (names[0], "initial_state", "mask"))
    if not is_tensor(sequence):
        return {}
    if mask is None and initial_state is None:  # Keras takes the mask from a tensor if there is no other argument
        with as_given(call):
            mask = mask_of(sequence)
    states = None if initial_state is None else tree.flatten(initial_state)
    found = {"sequence": sequence, "mask": mask, "initial_state": states}
    return {name: tree.map_structure(lambda leaf: None if leaf is None else keras.ops.convert_to_tensor(leaf), found)}
