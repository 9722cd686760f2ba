"""What a look inside a recurrent layer costs, against the loops that people write by hand: `make bench`.

Ours and theirs are timed in turn in one process, each on a series that it has not seen; the ratio is what counts, the
machine is not. Loops by hand are run over some steps, and what a step takes is multiplied by the number of steps. That
both give the same numbers is asserted.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L
from timing import compare, seconds, versions

import tswidgets as tsw
from tswidgets.widgets import states
from tswidgets.widgets.panels.recurrent import RecurrentPanel

Row = tuple[str, str, str, str]
ROUNDS, WARM_UP, BY_HAND, RUNS, N_CHANNELS = 8, 3, 20, 5, 6
LAYERS: dict[str, Callable[[], keras.Layer]] = {
    "LSTM(100)": lambda: L.LSTM(100, name="layer"),
    "GRU(100)": lambda: L.GRU(100, name="layer"),
    "Bidirectional(LSTM(100))": lambda: L.Bidirectional(L.LSTM(100), name="layer"),
}


def classifier(layer: keras.Layer, n_timesteps: int | None) -> keras.Model:
    return keras.Sequential([keras.Input((n_timesteps, N_CHANNELS)), layer, L.Dense(9, activation="softmax")])


def series(n_timesteps: int, count: int = ROUNDS) -> np.ndarray:
    shape = count, 1, n_timesteps, N_CHANNELS
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def stepped(layer: keras.Layer, x: np.ndarray) -> np.ndarray:
    """h of the first steps, from Keras' cell called step by step with the states kept; no gates."""
    state, h = layer.get_initial_state(1), []
    for t in range(BY_HAND):
        output, state = layer.cell(x[:, t], state)
        h.append(output)
    return np.stack(h, axis=1)


def predicted(
    layer: keras.Layer, n_channels: int = N_CHANNELS, n_steps: int | None = BY_HAND
) -> Callable[[np.ndarray], np.ndarray]:
    """The same from `predict` on one step at a time, None for all: a model of a single layer that keeps its state."""
    twin = type(layer).from_config({**layer.get_config(), "stateful": True})
    model = keras.Sequential([keras.Input((1, n_channels), batch_size=1), twin])
    twin.set_weights(layer.get_weights())

    def run(x: np.ndarray) -> np.ndarray:
        twin.reset_states()
        steps = range(x.shape[1])[:n_steps]
        return np.stack([model.predict(x[:, t : t + 1], verbose=0) for t in steps], axis=1)

    return run


def states_by_hand(name: str, n_timesteps: int, way: str = "") -> Row:
    """States and gates of a series that was observed before, as one on screen was."""
    model, X = classifier(LAYERS[name](), n_timesteps), series(n_timesteps)
    layer, probe = model.layers[0], tsw.Probe(model)
    for x in X:
        probe.observe(x)
    parts = [layer.forward_layer, layer.backward_layer] if isinstance(layer, L.Bidirectional) else [layer]
    by_hand = [predicted(part) if way == "predict" else (lambda x, part=part: stepped(part, x)) for part in parts]

    def theirs(i: int) -> list[np.ndarray]:
        return [run(X[i]) for run in by_hand]

    found = tsw.recurrent_states(probe, X[0], "layer")
    h = found.forward.h if len(parts) > 1 else found.h
    difference = np.abs(h[:, :BY_HAND] - theirs(0)[0]).max()
    assert difference < 1e-5, difference
    mine, other, ratio = compare(lambda i: tsw.recurrent_states(probe, X[i], "layer"), theirs, ROUNDS, WARM_UP)
    factor = n_timesteps / BY_HAND
    how = "`predict` for each step" if way else "its cell step by step"
    goal = "≤ 100 ms" if (name, n_timesteps) == ("LSTM(100)", 5000) else ""
    shown = f"{mine:.1f} / {other * factor:.0f} ms"
    return f"{name}, {n_timesteps:,} steps: states and gates / {how}", goal, f"{ratio * factor:.0f}x", shown


def first_states(name: str, n_timesteps: int) -> Row:
    """What compiling adds, once for each kind of layer: the first call, another length, another model."""
    times = []
    one, other = (classifier(LAYERS[name](), None) for _ in range(2))
    for model, n in ((one, n_timesteps), (one, n_timesteps + 7), (other, n_timesteps)):
        probe, (x,) = tsw.Probe(model), series(n, 1)
        probe.observe(x)
        times.append(1e3 * seconds(lambda _, at=(probe, x): tsw.recurrent_states(*at, "layer"), 0))
    first, another, new = times
    shown = f"another length {another:.0f} ms, another model {new:.0f} ms"
    return f"{name}, {n_timesteps:,} steps: the first states in a process", "≤ 1 s", f"{first:.0f} ms", shown


def answers_so_far(n_timesteps: int) -> Row:
    """The answer after every step, against compiled runs of the series cut off there; theirs for some lengths."""
    model, X = classifier(LAYERS["LSTM(100)"](), None), series(n_timesteps)
    signature = [tf.TensorSpec((None, None, N_CHANNELS))]
    bare = tf.function(lambda x: model(x, training=False), autograph=False, input_signature=signature)
    lengths = np.linspace(1, n_timesteps, RUNS).astype(int)

    def theirs(i: int) -> np.ndarray:
        return np.concatenate([bare(X[i][:, :n]).numpy() for n in lengths])

    found = tsw.prediction_so_far(model, X[0, 0]).values
    difference = np.abs(found[lengths - 1] - theirs(0)).max()
    assert difference < 1e-5, difference
    mine, other, ratio = compare(lambda i: tsw.prediction_so_far(model, X[i, 0]), theirs, ROUNDS, WARM_UP)
    factor = n_timesteps / RUNS
    shown = f"{mine:.0f} / {other * factor:.0f} ms"
    return f"LSTM(100), {n_timesteps:,} steps: answers so far / a run each", "", f"{ratio * factor:.0f}x", shown


def opening(n_timesteps: int, name: str = "LSTM(100)", rounds: int = 5) -> Row:
    """Of a new explorer: from the states of the first series to its picture, and to the last message."""
    model, X = classifier(LAYERS[name](), n_timesteps), series(n_timesteps, 16)[:, 0]
    known: list[float] = []
    shown: list[float] = []
    find, show = states.recurrent_states, RecurrentPanel.show

    def finding(*args: Any) -> Any:
        found = find(*args)
        known.append(time.perf_counter())
        return found

    def showing(panel: RecurrentPanel, picture: Any) -> None:
        show(panel, picture)
        shown.append(time.perf_counter())

    times = []
    states.recurrent_states, RecurrentPanel.show = finding, showing
    try:
        for _ in range(rounds):
            known.clear(), shown.clear()
            explorer = tsw.Explorer(model, X, panels=["recurrent"])
            times.append((1e3 * (shown[0] - known[0]), 1e3 * (time.perf_counter() - known[0])))
            explorer.close()
    finally:
        states.recurrent_states, RecurrentPanel.show = find, show
    first, again = times[0], np.median(times[1:], axis=0)
    told = f"last message {again[1]:.0f} ms; of a model never run before {first[0]:.0f} and {first[1]:.0f} ms"
    return (
        f"{name}, {n_timesteps:,} steps: panel, from states known to the picture",
        "≤ 500 ms",
        f"{again[0]:.0f} ms",
        told,
    )


def main() -> None:
    print(versions())
    print(f"Theirs: {BY_HAND} steps, or {RUNS} runs, multiplied by how many there are.")
    print("\n| what | goal | measured | ours / theirs |\n|---|---|---|---|")
    rows: list[Callable[[], Row]] = [lambda name=name: first_states(name, 400) for name in LAYERS]
    for n_timesteps in (400, 5000):
        rows += [lambda name=name, n=n_timesteps: states_by_hand(name, n) for name in LAYERS]
        rows += [
            lambda n=n_timesteps: states_by_hand("LSTM(100)", n, "predict"),
            lambda n=n_timesteps: answers_so_far(n),
            lambda n=n_timesteps: opening(n),
        ]
    for row in rows:
        print(f"| {' | '.join(row())} |", flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
