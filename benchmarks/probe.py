"""What looking inside a model costs, against running it and against doing it by hand: `make bench`.

Ours and theirs are timed in turn in one process, each on arrays that it has not seen; the goals are those of the
project's plan.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gc
import statistics
import sys
import threading
import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import keras
import numpy as np
import psutil
import tensorflow as tf
from architectures import ARCHITECTURES, sample_shape
from keras import layers as L
from timing import compare, seconds, versions

import tswidgets as tsw

PROCESS = psutil.Process()
Row = tuple[str, str, str, str]


def scenario_a() -> keras.Model:
    blocks = [
        layer
        for _ in range(2)
        for layer in (L.Conv1D(128, 9), L.BatchNormalization(), L.Activation("relu"), L.MaxPooling1D(5))
    ]
    return keras.Sequential([keras.Input((300, 9)), *blocks, L.Flatten(), L.Dense(300)])


def scenario_b() -> keras.Model:
    layers = [
        L.Conv1D(8, 10, padding="same", activation="relu"),
        L.Conv1D(1, 8, padding="same", activation="tanh"),
        L.GlobalMaxPooling1D(),
    ]
    return keras.Sequential([keras.Input((100, 1)), *layers])


def scenario_d() -> keras.Model:
    return keras.Sequential([keras.Input((None, 12)), L.Masking(), L.LSTM(100), L.Dense(9), L.Activation("softmax")])


def fresh(shape: tuple[int, ...], n: int) -> list[np.ndarray]:
    """Single samples that differ."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(1, *shape)).astype(np.float32) for _ in range(n)]


def bare(model: keras.Model, shape: tuple[int, ...]) -> Callable[[np.ndarray], Any]:
    signature = [tf.TensorSpec((None, *shape))]
    compiled = tf.function(lambda x: model(x, training=False), autograph=False, input_signature=signature)
    return lambda x: np.asarray(compiled(tf.constant(x)))


def bare_gradient(model: keras.Model, shape: tuple[int, ...]) -> Callable[[np.ndarray], Any]:
    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            answer = model(x, training=False)
            score = tf.reshape(answer, [tf.shape(answer)[0], -1])[:, 0]
        return tape.gradient(score, x)

    signature = [tf.TensorSpec((None, *shape))]
    compiled = tf.function(gradient, autograph=False, input_signature=signature)
    return lambda x: np.asarray(compiled(tf.constant(x)))


def costs(name: str, model: keras.Model, shape: tuple[int, ...]) -> tuple[float, float]:
    """All taps against a bare compiled forward pass, and a gradient against a bare compiled gradient."""
    samples = fresh(shape, 40)
    probe, run, slope = tsw.Probe(model, samples[0]), bare(model, shape), bare_gradient(model, shape)
    rank = len(probe.output_shapes[0])
    target = 0 if rank == 1 else (0,) * rank
    _, _, taps = compare(lambda i: probe.observe(samples[i]), lambda i: run(samples[i]))
    _, _, gradient = compare(lambda i: probe.gradient(samples[i], target), lambda i: slope(samples[i]))
    print(f"  {name}: all taps {1 / taps:.2f}x, gradient {1 / gradient:.2f}x", file=sys.stderr)
    return 1 / taps, 1 / gradient


def against_a_forward_pass() -> list[Row]:
    """Twenty published architectures."""
    found = {name: costs(name, build(), sample_shape(name)) for name, build in ARCHITECTURES.items()}
    rows = []
    for k, (what, goal) in enumerate(
        (
            ("all taps of a new sample / bare compiled forward pass", "≤ 1.25x median, ≤ 1.6x worst"),
            ("gradient of a new sample / bare compiled gradient", "≤ 1.3x"),
        )
    ):
        worst = max(found, key=lambda name, k=k: found[name][k])
        median = statistics.median(ratios[k] for ratios in found.values())
        rows.append(
            (what, goal, f"{median:.2f}x median", f"{found[worst][k]:.2f}x worst ({worst}), {len(found)} models")
        )
    return rows


def against_predict(name: str, model: keras.Model, layer: int) -> Row:
    """All taps against `predict` of a sub-model for one layer, both for series of one length."""
    shape = tuple(n or 20 for n in model.inputs[0].shape[1:])
    probe, by_hand = tsw.Probe(model), keras.Model(model.inputs, model.layers[layer].output)
    samples = fresh(shape, 150)
    ours, theirs, ratio = compare(
        lambda i: probe.observe(samples[i]), lambda i: by_hand.predict(samples[i], verbose=0), rounds=15, times=10
    )
    return (
        f"{name}: all taps / predict of one layer",
        "≥ 40x faster",
        f"{ratio:.0f}x",
        f"{ours:.2f} / {theirs:.1f} ms",
    )


def another_layer() -> Row:
    model = scenario_a()
    x = fresh((300, 9), 1)[0]
    explorer, calls = tsw.Explorer(model, x), 0
    original = keras.Layer.__call__

    def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        return original(self, *args, **kwargs)

    keras.Layer.__call__ = counting
    try:
        for layer in explorer.layers:
            explorer.layer = layer
    finally:
        keras.Layer.__call__ = original
    explorer.close()
    return "another layer, sample seen: Keras calls", "none", str(calls), f"{len(explorer.layers)} layers"


def pairs_of_eight() -> Row:
    """28 pairs of channels set to 0 for 200 windows, and a sub-model and two `predict` a pair, as in the document."""
    model = scenario_b()
    x = np.sin(2 * np.pi * (np.arange(200)[:, None, None] + np.arange(100)[:, None]) / 100).astype(np.float32)
    pairs, probe = list(combinations(range(8), 2)), tsw.Probe(model)
    keep = np.ones((28, 8), np.float32)
    for row, pair in zip(keep, pairs, strict=True):
        row[list(pair)] = 0

    def ours(_: int) -> Any:
        return probe.replace(x, model.layers[0].name, [lambda h, k=k: h * k for k in keep])

    def theirs(_: int) -> Any:
        answers = []
        for pair in pairs:
            hidden = keras.Model(model.inputs, model.layers[0].output).predict(x, verbose=0)
            hidden[..., list(pair)] = 0
            rest = keras.Sequential([keras.Input(hidden.shape[1:]), *model.layers[1:]])
            answers.append(rest.predict(hidden, verbose=0))
        return np.stack(answers)

    difference = np.abs(ours(0) - theirs(0)).max()
    mine, other, ratio = compare(ours, theirs, rounds=4, warm_up=1)
    shown = f"{mine:.1f} / {other:.0f} ms, equal to {difference:.0e}"
    return "B: 28 pairs of channels × 200 windows / by hand", "≥ 150x faster, equal to 1e-6", f"{ratio:.0f}x", shown


def pairs_of_many() -> Row:
    model = scenario_a()
    probe, x, layer = tsw.Probe(model), fresh((300, 9), 1)[0], model.layers[3].name

    def without(i: int, j: int) -> Callable[[np.ndarray], np.ndarray]:
        def edit(h: np.ndarray) -> np.ndarray:
            h[..., [i, j]] = 0
            return h

        return edit

    def ours(_: int) -> Any:
        return probe.replace(x, layer, (without(i, j) for i, j in combinations(range(128), 2)))

    probe.observe(x)
    with Peak() as peak:
        ours(0)
        taken = statistics.median(seconds(ours, i) for i in range(3))
    shown = f"{layer}, peak extra memory {peak.mib:.0f} MiB"
    return "A: 8,128 pairs of filters, one window", "≤ 1 s, ≤ 1 GB", f"{taken:.2f} s", shown


def states_and_gates() -> Row:
    model = keras.Sequential([keras.Input((400, 12)), L.LSTM(100, return_sequences=True), L.Dense(1)])
    probe, samples, name = tsw.Probe(model), fresh((400, 12), 40), model.layers[0].name
    for x in samples:
        probe.observe(x)  # as the explorer has when it asks for the gates
    alone = statistics.median(seconds(lambda i: tsw.recurrent_states(probe, samples[i], name), i) for i in range(40))
    return (
        "states and gates of LSTM(100), T = 400",
        "≤ 5 ms",
        f"{alone * 1e3:.1f} ms",
        "with the check against the layer",
    )


def memory() -> Row:
    """500 changes of layer, sample and length, after a first round over all lengths."""
    model = scenario_d()
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(int(n), 12)).astype(np.float32) for n in rng.integers(7, 60, 200)]
    explorer = tsw.Explorer(model, series)
    for i in range(len(series)):
        explorer.sample = i
    traces = len(explorer._subject.probe._programs._programs)
    gc.collect()
    before = PROCESS.memory_info().rss
    for i in range(500):
        explorer.sample = int(rng.integers(len(series)))
        explorer.layer = explorer.layers[i % len(explorer.layers)]
        explorer.filter = i % 9 if explorer.layer != explorer.layers[0] else 0
    gc.collect()
    grown = (PROCESS.memory_info().rss - before) / 2**20
    new = len(explorer._subject.probe._programs._programs) - traces
    explorer.close()
    return "memory after 500 changes", "< 50 MB, no retrace", f"{grown:.0f} MiB", f"{new} new programs"


class Peak:
    """Most memory that the process takes while a block runs, above what it had before."""

    def __enter__(self) -> Peak:
        self._start = self._most = PROCESS.memory_info().rss
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            self._most = max(self._most, PROCESS.memory_info().rss)
            time.sleep(0.002)

    @property
    def mib(self) -> float:
        return (self._most - self._start) / 2**20


def main() -> None:
    print(versions(), "\n\n| what | goal | measured | |\n|---|---|---|---|")
    for rows in (
        lambda: [another_layer()],
        lambda: [against_predict("A", scenario_a(), 4), against_predict("D", scenario_d(), 1)],
        lambda: [pairs_of_eight()],
        lambda: [pairs_of_many()],
        lambda: [states_and_gates()],
        lambda: [memory()],
        against_a_forward_pass,
    ):
        for row in rows():
            print(f"| {' | '.join(row)} |", flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
