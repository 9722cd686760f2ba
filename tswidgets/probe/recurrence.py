"""The recurrence of Keras' LSTM, GRU and SimpleRNN cells in NumPy, with all that happens inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


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
    steps = _RECURRENCES[cell_of(layer)]
    order = steps_of(layer)
    x = np.ascontiguousarray(np.asarray(x, np.float32).transpose(1, 0, 2)[order])
    projected = np.dot(x.reshape(-1, x.shape[-1]), _weights(layer.cell.kernel)).reshape(*x.shape[:2], -1)
    absent = absent_steps(x.transpose(1, 0, 2), mask).T[order]
    with np.errstate(over="ignore", invalid="ignore"):  # states of a layer without bounds may grow beyond all
        found = steps(layer.cell, projected, _start(layer, x.shape[1], initial_state), absent)
    return {name: values[order].transpose(1, 0, 2) for name, values in found.items()}


def cell_of(layer: Any) -> type[keras.Layer]:
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


def absent_steps(x: NDArray[Any], mask: NDArray[Any] | None) -> Bools:
    """Bool ndarray of shape (n_samples, n_timesteps)."""
    return np.zeros(x.shape[:2], bool) if mask is None else ~np.asarray(mask, bool).reshape(x.shape[:2])


# Time is the first axis here.


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
        if at_once:
            np.tanh(c_t, out=h_t)
        else:
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


def steps_of(layer: Any) -> slice:
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
