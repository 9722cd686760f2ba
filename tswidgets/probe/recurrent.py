"""What a recurrent layer keeps to itself: its states and gates at every time step.

Keras returns the last state, or h alone. The rest is computed here once more from the layer's weights and from what the
layer was given within the model's own run, and is returned only if it arrives at the layer's own result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import tree

from tswidgets import _validate
from tswidgets.probe.intercept import Call, mask_of
from tswidgets.probe.probe import Probe
from tswidgets.probe.recurrence import Bools, Floats, absent_steps, cell_of, scan
from tswidgets.probe.recurrent_check import check
from tswidgets.probe.registry import as_probe


@dataclass(frozen=True, eq=False)
class RecurrentStates:
    """States of one recurrent layer for a batch; read-only, and NaN where a step is absent.

    layer : the tap's name; of one direction of a Bidirectional layer `both/forward_lstm`.
    h : ndarray of shape (n_samples, n_timesteps, n_units), float32, as all other arrays of numbers: the state after
        each step of the layer's input, also if the layer reads its input backwards.
    absent : bool ndarray of shape (n_samples, n_timesteps), True where the step is padding that the model masks.
    """

    layer: str
    h: Floats
    absent: Bools
    _gates: ClassVar[tuple[str, ...]] = ()

    @property
    def gates(self) -> dict[str, Floats]:
        """Name → ndarray of shape (n_samples, n_timesteps, n_units), in the order of the cell's weights."""
        return {name: getattr(self, name) for name in self._gates}


@dataclass(frozen=True, eq=False)
class LSTMStates(RecurrentStates):
    """States of an LSTM layer: c = f · c_before + i · g, h = o · tanh(c).

    c : the cell state.
    i, f, g, o : input gate, forget gate, cell input (the candidate) and output gate.
    """

    c: Floats
    i: Floats
    f: Floats
    g: Floats
    o: Floats
    _gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")


@dataclass(frozen=True, eq=False)
class GRUStates(RecurrentStates):
    """States of a GRU layer: h = z · h_before + (1 − z) · candidate.

    z, r, candidate : update gate, reset gate and candidate state.
    """

    z: Floats
    r: Floats
    candidate: Floats
    _gates: ClassVar[tuple[str, ...]] = ("z", "r", "candidate")


@dataclass(frozen=True, eq=False)
class SimpleRNNStates(RecurrentStates):
    """States of a SimpleRNN layer, which has no gates."""


@dataclass(frozen=True, eq=False)
class BidirectionalStates:
    """States of both directions of a Bidirectional layer, both in the order of the input's steps."""

    layer: str
    forward: RecurrentStates
    backward: RecurrentStates


def recurrent_states(model: keras.Model | Probe, x: Any, layer: str) -> RecurrentStates | BidirectionalStates:
    """The states and gates of a recurrent layer at every time step, as the model computes them in inference.

    Parameters
    ----------
    model : keras.Model or Probe
    x : ndarray of shape (n_samples, n_timesteps, n_channels), or the model's own structure of several
    layer : str
        Name of a tap that an LSTM, GRU, SimpleRNN, RNN or Bidirectional layer returns.

    Returns
    -------
    LSTMStates, GRUStates, SimpleRNNStates or BidirectionalStates

    Raises
    ------
    ValueError
        If the model has no such tap, or if its cell is not one of Keras' LSTMCell, GRUCell and SimpleRNNCell.
    RuntimeError
        If the states do not lead to what the layer itself returns.
    """
    probe = as_probe(model, x)
    name = probe.tap_name(layer)
    recurrent = [tap.name for tap in probe.taps if tap.family == "recurrent"]
    if name not in recurrent:
        _validate.not_recurrent(name, recurrent)
    operation, parts = probe.calls.operation(name), parts_of(probe, name)
    both = len(parts) > 1
    kinds = [cell_of(part) for part in parts]
    given, own = probe.at_call(x, name, _given), probe.calls.beside(name)
    outputs = probe.observe(x, own)  # from memory, if somebody has looked at this series already
    sequence, mask, initial = given["sequence"], given["mask"], given["initial_state"]
    n_states = 0 if initial is None else len(initial) // len(parts)
    found = [
        scan(part, sequence, mask, initial and initial[k * n_states : (k + 1) * n_states])
        for k, part in enumerate(parts)
    ]
    absent = absent_steps(sequence, mask)
    check(operation, parts, found, absent, [outputs[one] for one in own])
    absent.flags.writeable = False
    names = [f"{name}/{part.name}" for part in parts] if both else [name]
    states = [
        _STATES[kind](layer=name, absent=absent, **_present(arrays, absent))
        for kind, name, arrays in zip(kinds, names, found, strict=True)
    ]
    return BidirectionalStates(name, *states) if both else states[0]


def parts_of(probe: Probe, layer: str) -> list[Any]:
    """The recurrent layer that a tap is the result of; of a Bidirectional layer that forwards and that backwards."""
    operation: Any = probe.calls.operation(layer)
    both = isinstance(operation, keras.layers.Bidirectional)
    return [operation.forward_layer, operation.backward_layer] if both else [operation]


def quantities_of(probe: Probe, layer: str) -> tuple[str, ...]:
    """Names of what `recurrent_states` finds of a layer, h first; none where it finds nothing."""
    try:
        kinds = [_STATES[cell_of(part)] for part in parts_of(probe, layer)]
    except ValueError:
        return ()
    kind: Any = kinds[0]
    return ("h", "c", *kind._gates) if kind is LSTMStates else ("h", *kind._gates)


def _given(call: Call) -> dict[str, Any]:
    """What a recurrent layer was given, as tensors."""
    names = list(inspect.signature(call.operation.call).parameters)
    arguments = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    sequence, initial_state, mask = (arguments.get(key) for key in (names[0], "initial_state", "mask"))
    if mask is None and initial_state is None:  # Keras takes the mask from a tensor if there is no other argument
        mask = mask_of(sequence)
    states = None if initial_state is None else tree.flatten(initial_state)
    given = {"sequence": sequence, "mask": mask, "initial_state": states}
    return tree.map_structure(lambda leaf: None if leaf is None else keras.ops.convert_to_tensor(leaf), given)


_STATES: dict[type[keras.Layer], Callable[..., RecurrentStates]] = {
    keras.layers.LSTMCell: LSTMStates,
    keras.layers.GRUCell: GRUStates,
    keras.layers.SimpleRNNCell: SimpleRNNStates,
}


def _present(arrays: dict[str, Floats], absent: Bools) -> dict[str, Floats]:
    found = {name: np.array(values, order="C") for name, values in arrays.items()}
    for values in found.values():
        values[absent] = np.nan
        values.flags.writeable = False
    return found
