"""What a recurrent layer keeps to itself: its states and gates at every time step.

Keras returns the last state, or h alone. The rest is computed here once more from the layer's weights and from what the
layer was given within the model's own run, and is returned only if it arrives at the layer's own result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe import batches, inputs
from tswidgets.probe.given import is_recurrent, unwrapped
from tswidgets.probe.probe import Probe
from tswidgets.probe.recurrence import Bools, Floats, absent_steps, cell_of, scan
from tswidgets.probe.recurrent_check import check
from tswidgets.probe.registry import as_probe


@dataclass(frozen=True, eq=False)
class RecurrentStates:
    """States of one recurrent layer for a batch; read-only, and NaN where a step is absent.

    layer : the tap's name; of one direction of a Bidirectional layer `both/forward_lstm`.
    h : ndarray of shape (n_samples, n_timesteps, n_units), float32, as all other arrays of numbers: the state after
        each step of the layer's input, also if the layer reads its input backwards. Of a layer within TimeDistributed,
        which begins anew at each of the outer steps, (n_samples, n_outer_steps, n_timesteps, n_units), as all others.
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
        Name of a tap that an LSTM, GRU, SimpleRNN, RNN or Bidirectional layer returns, or a TimeDistributed layer
        that runs one of them at each of its steps.

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
    recurrent = recurrent_taps(probe)
    if name not in recurrent:
        inner = unwrapped(probe.calls.operation(name))
        _validate.not_recurrent(name, recurrent, inner.name if isinstance(inner, keras.Model) else "")
    operation, parts = unwrapped(probe.calls.operation(name)), parts_of(probe, name)
    kinds = [cell_of(part) for part in parts]
    given, own = around(probe, x, name)
    sequence, mask, initial = given["sequence"], given["mask"], given["initial_state"]
    outer = sequence.shape[:-2]  # samples, and the steps of a TimeDistributed layer
    sequence = sequence.reshape(-1, *sequence.shape[-2:])
    n_states = 0 if initial is None else len(initial) // len(parts)
    found = [
        scan(part, sequence, mask, initial and initial[k * n_states : (k + 1) * n_states])
        for k, part in enumerate(parts)
    ]
    absent = absent_steps(sequence, mask)
    check(operation, parts, found, absent, [array.reshape(-1, *array.shape[len(outer) :]) for array in own])
    absent = absent.reshape(*outer, sequence.shape[1])
    absent.flags.writeable = False
    names = [f"{name}/{part.name}" for part in parts] if len(parts) > 1 else [name]
    states = [
        _STATES[kind](layer=name, absent=absent, **_present(arrays, absent))
        for kind, name, arrays in zip(kinds, names, found, strict=True)
    ]
    return BidirectionalStates(name, *states) if len(parts) > 1 else states[0]


def recurrent_taps(probe: Probe) -> list[str]:
    """Taps that a recurrent layer returns, or a TimeDistributed layer that runs one."""
    return [tap.name for tap in probe.taps if is_recurrent(probe.calls.operation(tap.name))]


def parts_of(probe: Probe, layer: str) -> list[Any]:
    """The recurrent layer that a tap is the result of; of a Bidirectional layer that forwards and that backwards."""
    operation = unwrapped(probe.calls.operation(layer))
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


def around(probe: Probe, x: Any, name: str) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """What the call of a recurrent layer was given, as in `Observation.given`, and all that it returned."""
    x = inputs.arranged(probe.model, x)
    flat, own = probe.checked(x), probe.calls.beside(name)

    def run(*part: NDArray[Any]) -> Any:
        seen = probe.observe(tree.pack_sequence_as(x, list(part)))  # from memory, if that has been looked at already
        if own[0] not in seen.given:
            _validate.not_reached(name)
        return seen.given[own[0]], [seen[one] for one in own]

    at_once = batches.rows_at_once(batches.bytes_per_row(probe.taps, flat))
    found: tuple[dict[str, Any], list[NDArray[Any]]] = batches.in_pieces(run, flat, at_once, probe.batch_size)
    return found


_STATES: dict[type[keras.Layer], Callable[..., RecurrentStates]] = {
    keras.layers.LSTMCell: LSTMStates,
    keras.layers.GRUCell: GRUStates,
    keras.layers.SimpleRNNCell: SimpleRNNStates,
}


def _present(arrays: dict[str, Floats], absent: Bools) -> dict[str, Floats]:
    found = {name: values.reshape(*absent.shape, values.shape[-1]) for name, values in arrays.items()}
    for values in found.values():
        values[absent] = np.nan
        values.flags.writeable = False
    return found
