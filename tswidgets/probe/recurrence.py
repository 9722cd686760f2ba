"""The recurrence of Keras' LSTM, GRU and SimpleRNN cells with all that happens inside, step by step.

The loop is compiled with XLA for blocks of so many steps, the last of which need not be full: a series of another
length is computed by the same program. A short series runs through a graph that takes any length, which XLA does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate

logger = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Step = Callable[..., Any]

FEWEST = 8  # steps of a series that are over before a graph is made
FEW = 128  # … before a compiler is done, and as a graph not noticed
MOST_STEPS, MOST_SAMPLES, MOST_ROWS = 512, 64, 2048  # of a block; rows are steps times samples


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
    cell = _CELLS[cell_of(layer)]
    x = np.asarray(x, np.float32)
    found = {name: np.empty((*x.shape[:2], layer.cell.units), np.float32) for name in cell[1]}
    order, present = steps_of(layer), ~absent_steps(x, mask)
    start, weights = starting_states(layer, len(x), initial_state), weights_of(layer.cell)
    options = getattr(layer.cell, "recurrent_activation", None), layer.cell.activation, resets_after(layer.cell)
    for first in range(0, len(x), MOST_SAMPLES):
        rows = slice(first, first + MOST_SAMPLES)
        read = x[rows, order].transpose(1, 0, 2), present[rows, order].T[..., None]
        written = [found[name][rows, order].transpose(1, 0, 2) for name in cell[1]]
        _follow(cell, options, weights, *read, [state[rows] for state in start], written)
    return found


def cell_of(layer: Any) -> type[keras.Layer]:
    """Which of Keras' cells the layer runs; others are refused, and those that replace what Keras' cell computes."""
    cell = getattr(layer, "cell", None)
    got = f"{layer.name!r}, a layer of class {type(layer).__name__}"
    if cell is not None:
        got += f" that runs a {type(cell).__name__}"
    for kind in _CELLS:
        if isinstance(cell, kind):
            if getattr(cell.call, "__func__", None) is kind.call:
                return kind
            got += " with a `call` of its own"
    todo = "Look at what the layer returns instead; what happens inside it is not known."
    raise ValueError(_validate.message("a layer that runs Keras' LSTMCell, GRUCell or SimpleRNNCell", got, todo))


def absent_steps(x: NDArray[Any], mask: NDArray[Any] | None) -> Bools:
    """Bool ndarray of shape (n_samples, n_timesteps)."""
    return np.zeros(x.shape[:2], bool) if mask is None else ~np.asarray(mask, bool).reshape(x.shape[:2])


def steps_of(layer: Any) -> slice:
    """From the input's order of steps to the layer's own, and back."""
    return slice(None, None, -1 if layer.go_backwards else 1)


# ------------------------------------------------------------------------------------ one step, in TensorFlow's tensors
# Each function returns one of x and h, which returns what is found at a step, states first. x: (n_samples, n_gates ·
# n_units), what the kernel made of the input, with its bias. U, b: recurrent kernel and its bias.


def _lstm(U: Any, b: Any, gate: Step, activation: Step, reset_after: bool) -> Step:
    def step(x: Any, h: Any, c: Any) -> list[Any]:
        i, f, g, o = tf.split(x + h @ U + b, 4, axis=-1)
        i, f, g, o = gate(i), gate(f), activation(g), gate(o)
        c = f * c + i * g
        h = o * activation(c)
        return [h, c, i, f, g, o]

    return step


def _gru(U: Any, b: Any, gate: Step, activation: Step, reset_after: bool) -> Step:
    n_gates = U.shape[1] // 3 * 2
    U_gates, U_candidate = U[:, :n_gates], U[:, n_gates:]

    def step(x: Any, h: Any) -> list[Any]:
        x_z, x_r, x_candidate = tf.split(x, 3, axis=-1)
        if reset_after:
            of_z, of_r, of_candidate = tf.split(h @ U + b, 3, axis=-1)
        else:
            of_z, of_r = tf.split(h @ U_gates, 2, axis=-1)
        z, r = gate(x_z + of_z), gate(x_r + of_r)
        candidate = activation(x_candidate + (r * of_candidate if reset_after else (r * h) @ U_candidate))
        h = z * h + (1 - z) * candidate
        return [h, z, r, candidate]

    return step


def _simple(U: Any, b: Any, gate: Step, activation: Step, reset_after: bool) -> Step:
    return lambda x, h: [activation(x + h @ U + b)]


Cell = tuple[Callable[..., Step], tuple[str, ...]]
"""What a cell does in one step, and the names of what is found there."""

_CELLS: dict[type[keras.Layer], Cell] = {
    keras.layers.LSTMCell: (_lstm, ("h", "c", "i", "f", "g", "o")),
    keras.layers.GRUCell: (_gru, ("h", "z", "r", "candidate")),
    keras.layers.SimpleRNNCell: (_simple, ("h",)),
}


# ------------------------------------------------------------------------------------------------------------ all steps


def _block(
    cell: Cell,
    options: tuple[Any, Any, bool],
    weights: Sequence[Any],
    x: Any,
    present: Any,
    start: Sequence[Any],
    n_steps: Any,
) -> tuple[Any, Any]:
    """The states after `n_steps` of the steps of x, and all that was found, each (n_timesteps, n_samples, n_units)."""
    (steps, names), (kernel, U, bias), (gate, activation, reset_after) = cell, weights, options
    x = x @ kernel + bias[0]
    step = steps(U, bias[1], _float32(gate), _float32(activation), reset_after)

    def one(t: Any, states: Any, kept: Any) -> tuple[Any, Any, Any]:
        found = step(x[t], *states)
        states = [tf.where(present[t], after, before) for after, before in zip(found, states, strict=False)]
        found[: len(states)] = states
        return t + 1, states, [array.write(t, values) for array, values in zip(kept, found, strict=True)]

    size = tf.shape(x)[0] if x.shape[0] is None else x.shape[0]
    room = [tf.TensorArray(tf.float32, size, element_shape=start[0].shape) for _ in names]
    _, states, kept = tf.while_loop(lambda t, *_: t < n_steps, one, (tf.constant(0), list(start), room))
    return states, [array.stack() for array in kept]


_compiled = tf.function(_block, jit_compile=True, autograph=False)
_traced = tf.function(_block, autograph=False)


def _short(*arguments: Any) -> tuple[Any, Any]:
    """`_block` as a graph, traced once for a kind of layer, its channels and units: any number of steps and samples."""
    _traced.get_concrete_function(*tree.map_structure(_free, arguments))
    result: tuple[Any, Any] = _traced(*arguments)  # finds the graph of the free shapes, which fits
    return result


def _free(argument: Any) -> Any:
    if not tf.is_tensor(argument):
        return argument
    free = argument.shape if argument.shape.rank == 0 else [None] * (argument.shape.rank - 1) + argument.shape[-1:]
    return tf.TensorSpec(free, argument.dtype)


def _follow(
    cell: Cell,
    options: tuple[Any, Any, bool],
    weights: Sequence[Floats],
    x: Floats,
    present: Bools,
    states: Sequence[Any],
    written: Sequence[Floats],
) -> None:
    """Write what is found at every step; time is the first axis, samples are the second."""
    n_timesteps, n_samples, _ = x.shape
    run: Callable[..., Any] = _block if n_timesteps < FEWEST else _short if n_timesteps <= FEW else _compiled
    whole = run is not _compiled
    rows = n_samples if whole else 1 << (n_samples - 1).bit_length()  # few sizes, each is compiled for itself
    size = n_timesteps if whole else min(MOST_STEPS, MOST_ROWS // rows)
    with tf.device("CPU:0"):  # a GPU takes longer for one step after the other, and multiplies with fewer bits
        weights, states = tree.map_structure(tf.constant, (list(weights), [_filled(one, rows) for one in states]))
        for start in range(0, n_timesteps, max(size, 1)):
            part, n = slice(start, start + size), min(size, n_timesteps - start)
            steps = [_filled(one[part], size, rows) for one in (x, present)]
            arguments = cell, options, weights, *map(tf.constant, steps), states, tf.constant(n)
            try:
                states, found = run(*arguments)
            except Exception as error:  # of XLA, which knows no Python and not all of TensorFlow; of Python in a graph
                if run is _block:
                    raise
                logger.info("not compiled, runs step by step: %s", _validate.reason(error))
                run = _block
                states, found = run(*arguments)
            for values, into in zip(found, written, strict=True):
                into[part] = values.numpy()[:n, :n_samples]


def _filled(array: NDArray[Any], *shape: int) -> NDArray[Any]:
    """The array with zeros up to such a shape."""
    missing = [(0, n - m) for n, m in zip(shape, array.shape, strict=False)]
    return np.pad(array, missing + [(0, 0)] * (array.ndim - len(missing))) if np.any(missing) else array


def _float32(activation: Any) -> Step:
    """An activation function, which may be a layer that computes with other numbers."""
    return lambda x: tf.cast(activation(x), tf.float32)


def starting_states(layer: Any, n_samples: int, given: Sequence[Any] | None) -> list[Floats]:
    """The states before the first step, each of shape (n_samples, n_units)."""
    if given is None:
        given = tree.flatten((layer.stateful and layer.states) or layer.get_initial_state(n_samples))
    # A stateful layer has states for one batch; the probe runs more samples batch by batch, each from these states.
    return [state[np.arange(n_samples) % len(state)] for state in map(_array, given)]


def weights_of(cell: Any) -> list[Floats]:
    """Kernel, recurrent kernel, and a bias for what either of them makes: (2, n_gates · n_units)."""
    kernel, recurrent = _array(cell.kernel), _array(cell.recurrent_kernel)
    bias = np.zeros((2, kernel.shape[1]), np.float32)
    if cell.bias is not None:
        bias[: 2 if resets_after(cell) else 1] = _array(cell.bias)
    return [kernel, recurrent, bias]


def resets_after(cell: Any) -> bool:
    """Whether a GRU's reset gate acts on the product with the recurrent kernel and not on the state."""
    return bool(getattr(cell, "reset_after", False))


def _array(variable: Any) -> Floats:
    return np.asarray(variable).astype(np.float32)
