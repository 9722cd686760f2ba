"""What a recurrent layer keeps to itself: its states and gates at every time step.

Keras returns the last state, or h alone. The rest is computed here once more from the layer's weights and from what the
layer was given within the model's own run, and is returned only if it arrives at the layer's own result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe.intercept import Call, mask_of
from tswidgets.probe.probe import Probe
from tswidgets.probe.registry import as_probe

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

TOLERANCE = 1e-5  # how far, of its magnitude, a result may be from the layer's own
ROUNDED = {"float16": 5e-3, "bfloat16": 4e-2}  # the same for layers that compute with 11 or 8 significant bits
ROUNDED_BY_GPU = 5e-3  # a GPU multiplies with 11 bits, too, unless that is switched off


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
        has = f"This model has: {', '.join(map(repr, recurrent))}." if recurrent else "This model has none."
        raise ValueError(_validate.message("a recurrent layer", f"{name!r}, which is none", has))
    operation = _operation(probe, name)
    both = isinstance(operation, keras.layers.Bidirectional)
    parts = [operation.forward_layer, operation.backward_layer] if both else [operation]
    kinds = [_kind(part) for part in parts]
    given = probe.at_call(x, name, _given)
    sequence, mask, initial = given["sequence"], given["mask"], given["initial_state"]
    n_states = 0 if initial is None else len(initial) // len(parts)
    found = [
        scan(part, sequence, mask, initial and initial[k * n_states : (k + 1) * n_states])
        for k, part in enumerate(parts)
    ]
    absent = _absent(sequence, mask)
    _check(operation, parts, found, absent, given["outputs"])
    absent.flags.writeable = False
    names = [f"{name}/{part.name}" for part in parts] if both else [name]
    states = [
        _STATES[kind](layer=name, absent=absent, **_present(arrays, absent))
        for kind, name, arrays in zip(kinds, names, found, strict=True)
    ]
    return BidirectionalStates(name, *states) if both else states[0]


def scan(
    layer: Any, x: NDArray[Any], mask: NDArray[Any] | None = None, initial_state: Sequence[Any] | None = None
) -> dict[str, Floats]:
    """States and gates of a layer from its weights.

    Parameters
    ----------
    layer : keras.layers.RNN
        Built, with one of Keras' LSTMCell, GRUCell or SimpleRNNCell. A stateful one begins with the states that it is
        in, and keeps them.
    x : ndarray of shape (n_samples, n_timesteps, n_channels)
    mask : bool ndarray of shape (n_samples, n_timesteps), optional
        False where a step is absent.
    initial_state : sequence of ndarray of shape (n_samples, n_units), optional

    Returns
    -------
    dict
        Name, as the fields of `LSTMStates` and its like → float32 ndarray of shape (n_samples, n_timesteps, n_units),
        in the order of the steps of x. An absent step keeps the states; its gates mean nothing.
    """
    steps = _RECURRENCES[_kind(layer)]
    order = _order(layer)
    x = np.ascontiguousarray(np.asarray(x, np.float32).transpose(1, 0, 2)[order])
    projected = np.dot(x.reshape(-1, x.shape[-1]), _weights(layer.cell.kernel)).reshape(*x.shape[:2], -1)
    absent = _absent(x.transpose(1, 0, 2), mask).T[order]
    with np.errstate(over="ignore", invalid="ignore"):  # states of a layer without bounds may grow beyond all
        found = steps(layer.cell, projected, _start(layer, x.shape[1], initial_state), absent)
    return {name: values[order].transpose(1, 0, 2) for name, values in found.items()}


def _operation(probe: Probe, name: str) -> Any:
    """The layer whose result the tap is."""
    runs = list(probe._program.calls.runs.values())
    return next(node.operation for run in runs for node in run.nodes if name in node.taps)


def _given(call: Call) -> dict[str, Any]:
    """What a recurrent layer was given, and what it made of it, as tensors."""
    names = list(inspect.signature(call.operation.call).parameters)
    arguments = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    sequence, initial_state, mask = (arguments.get(key) for key in (names[0], "initial_state", "mask"))
    if mask is None and initial_state is None:  # Keras takes the mask from a tensor if there is no other argument
        mask = mask_of(sequence)
    states = None if initial_state is None else tree.flatten(initial_state)
    given = {"sequence": sequence, "mask": mask, "initial_state": states, "outputs": call.outputs}
    return tree.map_structure(lambda leaf: None if leaf is None else keras.ops.convert_to_tensor(leaf), given)


def _kind(layer: Any) -> type[keras.Layer]:
    """Which of Keras' cells the layer runs; others are refused, and those that replace what Keras' cell computes."""
    cell = getattr(layer, "cell", None)
    got = f"{layer.name!r}, a layer of class {type(layer).__name__}"
    if cell is not None:
        got += f" that runs a {type(cell).__name__}"
    for kind in _RECURRENCES:
        if isinstance(cell, kind):
            if getattr(cell.call, "__func__", None) is kind.call:
                return kind
            got += " with a `call` of its own"
    todo = "Look at what the layer returns instead; what happens inside it is not known."
    raise ValueError(_validate.message("a layer that runs Keras' LSTMCell, GRUCell or SimpleRNNCell", got, todo))


# ------------------------------------------------------------------------------------------- the recurrence, time first


def _lstm(cell: Any, z: Floats, start: Sequence[Floats], absent: Bools) -> dict[str, Floats]:
    """z: x @ kernel for all steps, (n_timesteps, n_samples, 4 · n_units); the gates take its place."""
    recurrent = _weights(cell.recurrent_kernel)
    if cell.bias is not None:
        z += _weights(cell.bias)
    h, c = _room(start[0], len(z)), _room(start[1], len(z))
    i, f, g, o = np.split(z, 4, axis=-1)
    gate, activation = _in_place(cell.recurrent_activation), _in_place(cell.activation)
    at_once = cell.recurrent_activation is keras.activations.sigmoid and cell.activation is keras.activations.tanh
    # sigmoid(x) = tanh(x / 2) / 2 + 1 / 2: with halved weights one tanh does for all four gates
    scale, shift = np.repeat(np.array([[0.5, 0.5, 1, 0.5], [0.5, 0.5, 0, 0.5]], np.float32), cell.units, axis=1)
    if at_once:
        recurrent *= scale
        z *= scale
    product, fresh = np.empty_like(z[0]), np.empty_like(h[0])
    steps = zip(z, i, f, g, o, h, h[1:], c, c[1:], absent, np.logical_or.reduce(absent, axis=1), strict=False)
    for z_t, i_t, f_t, g_t, o_t, h_before, h_t, c_before, c_t, absent_t, some_absent in steps:
        z_t += np.dot(h_before, recurrent, out=product)
        if at_once:
            np.tanh(z_t, out=z_t)
            z_t *= scale
            z_t += shift
        else:
            for part, squash in ((i_t, gate), (f_t, gate), (g_t, activation), (o_t, gate)):
                squash(part)
        np.multiply(f_t, c_before, out=c_t)
        c_t += np.multiply(i_t, g_t, out=fresh)
        h_t[:] = c_t
        activation(h_t)
        h_t *= o_t
        if some_absent:
            h_t[absent_t], c_t[absent_t] = h_before[absent_t], c_before[absent_t]
    return {"h": h[1:], "c": c[1:], "i": i, "f": f, "g": g, "o": o}


def _gru(cell: Any, x: Floats, start: Sequence[Floats], absent: Bools) -> dict[str, Floats]:
    """x: x @ kernel for all steps, (n_timesteps, n_samples, 3 · n_units); the gates take its place."""
    n = cell.units
    recurrent, bias = _weights(cell.recurrent_kernel), np.zeros((2, 3 * n), np.float32)
    to_gates, to_candidate = recurrent[:, : 2 * n].copy(), recurrent[:, 2 * n :].copy()
    if cell.bias is not None:
        bias[: 2 if cell.reset_after else 1] = _weights(cell.bias)  # of the input, and of the state
    h, z, r, candidate = _room(start[0], len(x)), x[..., :n], x[..., n : 2 * n], x[..., 2 * n :]
    gates = x[..., : 2 * n]
    x += bias[0]
    gates += bias[1, : 2 * n]
    gate, activation = _in_place(cell.recurrent_activation), _in_place(cell.activation)
    product, inner, reset = np.empty(gates.shape[1:], np.float32), np.empty_like(h[0]), np.empty_like(h[0])
    steps = zip(gates, z, r, candidate, h, h[1:], absent, np.logical_or.reduce(absent, axis=1), strict=False)
    for gates_t, z_t, r_t, candidate_t, h_before, h_t, absent_t, some_absent in steps:
        gates_t += np.dot(h_before, to_gates, out=product)
        gate(z_t)
        gate(r_t)
        if cell.reset_after:
            np.dot(h_before, to_candidate, out=inner)
            inner += bias[1, 2 * n :]
            inner *= r_t
        else:
            np.dot(np.multiply(r_t, h_before, out=reset), to_candidate, out=inner)
        candidate_t += inner
        activation(candidate_t)
        np.subtract(h_before, candidate_t, out=h_t)
        h_t *= z_t
        h_t += candidate_t
        if some_absent:
            h_t[absent_t] = h_before[absent_t]
    return {"h": h[1:], "z": z, "r": r, "candidate": candidate}


def _simple(cell: Any, x: Floats, start: Sequence[Floats], absent: Bools) -> dict[str, Floats]:
    """x: x @ kernel for all steps, (n_timesteps, n_samples, n_units)."""
    recurrent = _weights(cell.recurrent_kernel)
    if cell.bias is not None:
        x += _weights(cell.bias)
    h, activation = _room(start[0], len(x)), _in_place(cell.activation)
    for x_t, h_before, h_t, absent_t in zip(x, h, h[1:], absent, strict=False):
        np.dot(h_before, recurrent, out=h_t)
        h_t += x_t
        activation(h_t)
        h_t[absent_t] = h_before[absent_t]
    return {"h": h[1:]}


def _start(layer: Any, n_samples: int, given: Sequence[Any] | None) -> list[Floats]:
    """The states before the first step, each of shape (n_samples, n_units)."""
    if given is None:
        given = tree.flatten((layer.stateful and layer.states) or layer.get_initial_state(n_samples))
    # A stateful layer has states for one batch; the probe runs more samples batch by batch, each from these states.
    return [state[np.arange(n_samples) % len(state)] for state in map(_weights, given)]


def _room(start: Floats, n_timesteps: int) -> Floats:
    """Array of shape (1 + n_timesteps, n_samples, n_units) for a state before the first and after every step."""
    states = np.empty((1 + n_timesteps, *start.shape), np.float32)
    states[0] = start
    return states


def _weights(variable: Any) -> Floats:
    return np.asarray(variable).astype(np.float32)


def _order(layer: Any) -> slice:
    """From the input's order of steps to the layer's own, and back."""
    return slice(None, None, -1 if layer.go_backwards else 1)


def _in_place(activation: Any) -> Callable[[Floats], Any]:
    """An activation function that overwrites its argument."""
    return _NUMPY.get(id(activation)) or (lambda x: _put(x, keras.ops.convert_to_numpy(activation(tf.constant(x)))))


def _put(x: Floats, values: NDArray[Any]) -> None:
    x[:] = values


def _sigmoid(x: Floats) -> None:
    x *= 0.5
    np.tanh(x, out=x)
    x += 1
    x *= 0.5


_NUMPY: dict[int, Callable[[Floats], Any]] = {
    id(keras.activations.linear): lambda x: x,
    id(keras.activations.tanh): lambda x: np.tanh(x, out=x),
    id(keras.activations.sigmoid): _sigmoid,
    id(keras.activations.relu): lambda x: np.maximum(x, 0, out=x),
    id(keras.activations.hard_sigmoid): lambda x: _put(x, np.clip(x / 6 + 0.5, 0, 1)),
}
_RECURRENCES: dict[type[keras.Layer], Callable[[Any, Floats, Sequence[Floats], Bools], dict[str, Floats]]] = {
    keras.layers.LSTMCell: _lstm,
    keras.layers.GRUCell: _gru,
    keras.layers.SimpleRNNCell: _simple,
}
_STATES: dict[type[keras.Layer], Callable[..., RecurrentStates]] = {
    keras.layers.LSTMCell: LSTMStates,
    keras.layers.GRUCell: GRUStates,
    keras.layers.SimpleRNNCell: SimpleRNNStates,
}


# ----------------------------------------------------------------------------------------------- the layer's own result


def _check(
    layer: Any, parts: Sequence[Any], found: Sequence[dict[str, Floats]], absent: Bools, own: Sequence[Any]
) -> None:
    """Refuse states that do not lead to what the layer returned, `own`."""
    answers = [_answer(part, arrays) for part, arrays in zip(parts, found, strict=True)]
    outputs, states = answers[0] if len(parts) == 1 else _merged(layer, *answers)
    certain = _certain(parts[0], absent)
    cells = [part.cell for part in parts]
    tolerance = max(_tolerance(one.compute_dtype) for one in (layer, *parts, *cells))
    computed = [*outputs, *states]
    if [array.shape for array in computed] == [array.shape for array in own]:
        pairs = [(a[certain], b[certain]) for a, b in zip(outputs, own, strict=False)]
        pairs += zip(states, own[len(outputs) :], strict=True)
        if all(_agree(a, b, tolerance) for a, b in pairs):
            return
    todo = (
        "The layer computes something else than Keras' layer, or rounding errors grow in it without bound: "
        "no states are returned, as they would be wrong. Look at what the layer returns instead."
    )
    raise RuntimeError(_validate.message(f"states that lead to what {layer.name!r} returned", "others", todo))


def _answer(layer: Any, arrays: dict[str, Floats]) -> tuple[list[Floats], list[Floats]]:
    """What a layer with these states returns: its output, and its last states if it returns them."""
    in_order = {name: arrays[name][:, _order(layer)] for name in ("h", "c") if name in arrays}
    output = in_order["h"] if layer.return_sequences else in_order["h"][:, -1]
    return [output], [array[:, -1] for array in in_order.values()] if layer.return_state else []


def _merged(layer: Any, forward: Any, backward: Any) -> tuple[list[Floats], list[Floats]]:
    """What a Bidirectional layer makes of the answers of its two directions."""
    ([ahead], states), ([back], states_back) = forward, backward
    if layer.return_sequences:
        back = back[:, ::-1]
    merge: dict[str | None, Callable[[], list[Floats]]] = {
        None: lambda: [ahead, back],
        "concat": lambda: [np.concatenate([ahead, back], axis=-1)],
        "sum": lambda: [ahead + back],
        "mul": lambda: [ahead * back],
        "ave": lambda: [(ahead + back) / 2],
    }
    return merge[layer.merge_mode](), [*states, *states_back]


def _certain(layer: Any, absent: Bools) -> Bools:
    """Where the output is a state. At an absent step Keras repeats its output or returns 0, by version and device."""
    present = ~absent[:, _order(layer)]
    if layer.return_sequences:
        return present
    return present[:, -1] if getattr(layer, "zero_output_for_mask", False) else np.logical_or.reduce(present, axis=1)


def _tolerance(dtype: str) -> float:
    gpu = tf.config.list_logical_devices("GPU") and tf.config.experimental.tensor_float_32_execution_enabled()
    return max(ROUNDED.get(dtype, TOLERANCE), ROUNDED_BY_GPU if gpu else 0)


def _agree(computed: Floats, own: NDArray[Any], tolerance: float) -> bool:
    size = np.abs(own[np.isfinite(own)]).max(initial=1)
    return bool(np.allclose(computed, own, rtol=0, atol=tolerance * size, equal_nan=True))


def _absent(x: NDArray[Any], mask: NDArray[Any] | None) -> Bools:
    """Bool ndarray of shape (n_samples, n_timesteps)."""
    return np.zeros(x.shape[:2], bool) if mask is None else ~np.asarray(mask, bool).reshape(x.shape[:2])


def _present(arrays: dict[str, Floats], absent: Bools) -> dict[str, Floats]:
    found = {name: np.array(values, order="C") for name, values in arrays.items()}
    for values in found.values():
        values[absent] = np.nan
        values.flags.writeable = False
    return found
