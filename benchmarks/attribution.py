"""Attribution against xplique, tf-keras-vis and Captum, in speed and in numbers: `make bench`.

    python benchmarks/attribution.py                       everything
    python benchmarks/attribution.py --parity tensorflow   only that xplique and tf-keras-vis give the same numbers
    python benchmarks/attribution.py --parity captum       only that Captum does, with the same weights on PyTorch

Ours and theirs are timed in turn in one process with the same TensorFlow, the same weights and threads, each on series
that it has not seen; the process is that of `.venv-peers/tensorflow`, made at the first run. Ours are given the models
as they are and explain the logit, theirs are given models that end in the logits. The rows "bare" are no method at
all: a compiled gradient of as many series, which is the least that TensorFlow takes for them, against the same peer.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L
from numpy.typing import NDArray
from peers.environments import ROOT, python_with
from timing import compare, versions

import tswidgets as tsw
from tswidgets.probe.program import Program

Row = tuple[str, str, str, str]
STEPS = 50
GOAL, CAPTUM_GOAL = 1e-6, 1e-5


@dataclass
class Case:
    """A model, series of one length (n_samples, n_timesteps, n_channels) and what is explained of each."""

    name: str
    model: keras.Model
    X: NDArray[Any]
    target: Any
    window: int = 15
    conv: str | None = None

    @property
    def logits(self) -> keras.Model:
        """The same without its last activation."""
        model = keras.models.clone_model(self.model)
        model.set_weights(self.model.get_weights())
        model.layers[-1].activation = keras.activations.linear
        return model


def watch() -> Case:
    data = tsw.datasets.watch_exercises()
    return Case("watch CNN 300 × 6", data.model, data.X, target=1, conv="conv1d_1")


def pooled() -> Case:
    """Random biases: without them IG would be gradient × input for every rule."""
    rng = np.random.default_rng(0)
    inputs = keras.Input((300, 6))
    h = L.Conv1D(32, 9, strides=2, activation="relu", name="conv_1")(inputs)
    h = L.Conv1D(64, 9, activation="relu", name="conv_2")(h)
    model = keras.Model(inputs, L.Dense(7, activation="softmax")(L.GlobalAveragePooling1D()(h)))
    model.set_weights([rng.normal(0, 0.1, weights.shape) for weights in model.get_weights()])
    return Case("GAP CNN 300 × 6", model, rng.normal(size=(80, 300, 6)).astype(np.float32), target=1, conv="conv_2")


def lstm() -> Case:
    data = tsw.datasets.japanese_vowels()
    X = np.stack([series[:15] for series in data.X if len(series) >= 15])
    return Case("LSTM(100) 15 × 12", data.model, X, target=1, window=3)


def speed(case: Case) -> Iterator[Row]:
    from peers.explainers import TfKerasVis, Xplique

    logits, target, model = case.logits, case.target, case.model
    xplique, vis = Xplique(logits, target), TfKerasVis(logits, target)

    def row(what: str, goal: str, ours: Callable[[Any], Any], theirs: Callable[[Any], Any], rounds: int = 30) -> Row:
        mine, other, ratio = compare(
            lambda i: ours(case.X[i]),
            lambda i: theirs(case.X[i : i + 1]),
            rounds=rounds,
            warm_up=3 if rounds > 9 else 1,
        )
        return f"{case.name}: {what}", goal, f"{ratio:.1f}x", f"{mine:.1f} / {other:.1f} ms"

    def smooth_grad(x: Any) -> Any:
        return tsw.smooth_grad(model, x, target, n_samples=STEPS)

    yield row(
        "gradient × input / xplique",
        "–",
        lambda x: tsw.gradient_x_input(model, x, target),
        xplique.gradient_x_input(),
    )
    yield row(
        f"IG-{STEPS} / xplique",
        "≥ 5x",
        lambda x: tsw.integrated_gradients(model, x, target, n_steps=STEPS),
        xplique.integrated_gradients(STEPS),
    )
    yield row(f"bare, {STEPS} rows / xplique's IG", "–", bare(logits, target), xplique.integrated_gradients(STEPS))
    yield row(f"SmoothGrad-{STEPS} / xplique", "≥ 10x", smooth_grad, xplique.smooth_grad(STEPS))
    yield row(f"bare, {STEPS} rows / xplique's SmoothGrad", "–", bare(logits, target), xplique.smooth_grad(STEPS))
    yield row(f"SmoothGrad-{STEPS} / tf-keras-vis", "≥ 30x", smooth_grad, vis.smooth_grad(STEPS), rounds=4)
    if case.conv:
        yield row(
            f"Grad-CAM of {case.conv} / tf-keras-vis",
            "≥ 20x",
            lambda x: tsw.grad_cam(model, x, target, layer=case.conv),
            vis.grad_cam(case.conv),
        )
        yield row(f"bare, by {case.conv} / tf-keras-vis", "–", bare(logits, target, case.conv), vis.grad_cam(case.conv))
    ours = windows_of(case)
    n_edits = case.X[0].size // case.window
    yield row(f"occlusion, {n_edits} places / xplique", "–", ours, xplique.occlusion(case.window))
    yield row(f"occlusion, {n_edits} places / loop", "–", ours, one_by_one(case, logits), rounds=4)
    sizes = batches_of(lambda: ours(case.X[-1]))
    yield f"{case.name}: occlusion, calls of the model", "1 batch", f"{len(sizes)}", f"rows of each: {sizes}"


def bare(logits: keras.Model, target: int, layer: str | None = None) -> Callable[[Any], Any]:
    """The gradient by `STEPS` rows of a series, or by what a layer makes of one."""
    rows = 1 if layer else STEPS
    head = keras.Model(logits.inputs, [logits.get_layer(layer).output, logits.outputs[0]]) if layer else logits

    def gradient(x: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            by, answer = head(x, training=False) if layer else (x, head(x, training=False))
            score = answer[:, target]
        return tape.gradient(score, by)

    signature = [tf.TensorSpec((rows, *logits.input_shape[1:]), tf.float32)]
    run = tf.function(gradient, input_signature=signature, autograph=False).get_concrete_function()
    return lambda x: run(tf.constant(np.repeat(x[None].astype(np.float32), rows, axis=0))).numpy()


def windows_of(case: Case) -> Callable[[Any], Any]:
    def ours(x: Any) -> Any:
        return tsw.occlusion(case.model, x, case.target, window=case.window, stride=case.window)

    return ours


def batches_of(action: Callable[[], Any]) -> list[int]:
    """Rows of every batch of several series that a model is run on meanwhile."""
    sizes: list[int] = []
    original = Program.__call__

    def counted(self: Program, *arrays: NDArray[Any]) -> Any:
        sizes.append(len(arrays[0]))
        return original(self, *arrays)

    with patch.object(Program, "__call__", counted):
        action()
    return [n for n in sizes if n > 1]


def one_by_one(case: Case, logits: keras.Model) -> Callable[[Any], NDArray[Any]]:
    """Occlusion by hand: a copy and a run of the model for each place, without what `predict` costs on top."""

    def theirs(x: NDArray[Any]) -> NDArray[Any]:
        drop, score = np.zeros(x.shape), float(logits(x, training=False)[0, case.target])
        for start in range(0, x.shape[1], case.window):
            for channel in range(x.shape[2]):
                place = 0, slice(start, start + case.window), channel
                edited = x.copy()
                edited[place] = 0
                drop[place] = score - float(logits(edited, training=False)[0, case.target])
        return drop

    return theirs


def parity(case: Case, n_samples: int = 8) -> Iterator[Row]:
    """Relative to the largest number of a series."""
    from peers.explainers import TfKerasVis, Xplique

    logits, target, model = case.logits, case.target, case.model
    xplique, vis = Xplique(logits, target), TfKerasVis(logits, target)

    def row(what: str, ours: Callable[[Any], Any], theirs: Callable[[Any], Any]) -> Row:
        series = case.X[-n_samples:]
        pairs = [(ours(x).values, np.asarray(theirs(x[None]))[0]) for x in series]
        return f"{case.name}: {what}", *agreement(pairs, GOAL)

    yield row(
        "gradient × input = xplique", lambda x: tsw.gradient_x_input(model, x, target), xplique.gradient_x_input()
    )
    yield row("gradient = tf-keras-vis", lambda x: tsw.saliency(model, x, target), vis.gradient())
    yield row(
        f"IG-{STEPS}, midpoints = xplique",
        lambda x: tsw.integrated_gradients(model, x, target, n_steps=STEPS),
        xplique.integrated_gradients_by_midpoints(STEPS),
    )
    if case.conv:
        yield row(
            f"Grad-CAM of {case.conv} = tf-keras-vis",
            lambda x: tsw.grad_cam(model, x, target, layer=case.conv),
            vis.grad_cam(case.conv, raw=True),
        )
    yield row("occlusion = xplique", windows_of(case), xplique.occlusion(case.window))


def agreement(pairs: list[tuple[NDArray[Any], NDArray[Any]]], goal: float) -> tuple[str, str, str]:
    """Goal, worst relative difference, and what else is worth knowing, of pairs of equal shape."""
    assert all(ours.shape == theirs.shape and np.abs(theirs).max() > 0 for ours, theirs in pairs)
    absolute = [float(np.abs(ours - theirs).max()) for ours, theirs in pairs]
    relative = [one / float(np.abs(theirs).max()) for one, (_, theirs) in zip(absolute, pairs, strict=True)]
    within = f"{sum(one <= goal for one in relative)} of {len(pairs)} series within"
    return f"≤ {goal:.0e}", f"{max(relative):.1e}", f"{within}, median {np.median(relative):.0e}"


def captum(n_samples: int = 8) -> Iterator[Row]:
    """Ours on TensorFlow, Captum on PyTorch, the same weights from a file.

    Two libraries round differently, and a point of IG's path that falls on the corner of a ReLU, or on the tie of a
    maximum, has one gradient here and another there: one of 50 points of one series in eight, in float32. That nothing
    else differs is seen in float64, where it is unlikely enough.
    """
    segment = tsw.datasets.watch_segment()
    single = [
        watch(),
        pooled(),
        lstm(),
        Case("Conv + LSTM 400 × 6, step 200", segment.model, segment.X, target=(200, 0)),
    ]
    cases = [*single, *map(in_double, single)]
    python = python_with("captum")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, case in enumerate(cases):
            case.logits.save(folder / f"{i}.keras")
            target = np.tile(np.atleast_1d(case.target), (n_samples, 1))
            np.savez(folder / f"{i}.npz", x=case.X[:n_samples], target=target)
        worker = Path(__file__).parent / "peers" / "captum_ig.py"
        answer = subprocess.run([python, worker, folder], check=True, stdout=subprocess.PIPE, text=True)
        print(f"{answer.stdout}\n{HEAD}")
        for i, case in enumerate(cases):
            theirs, x = np.load(folder / f"{i}.captum.npz"), case.X[:n_samples]
            for what, ours in (
                ("gradient", tsw.saliency(case.model, x, case.target)),
                ("integrated_gradients", tsw.integrated_gradients(case.model, x, case.target, n_steps=STEPS)),
            ):
                pairs = list(zip(ours.values, theirs[what], strict=True))
                yield f"{case.name}: {what.replace('_', ' ')} = Captum", *agreement(pairs, CAPTUM_GOAL)


def in_double(case: Case) -> Case:
    """The same weights in float64."""
    config = json.dumps(case.model.get_config()).replace('"float32"', '"float64"')
    model = type(case.model).from_config(json.loads(config))
    model.set_weights(case.model.get_weights())
    return replace(case, name=f"{case.name}, float64", model=model, X=case.X.astype(np.float64))


HEAD = "| what | goal | measured | |\n|---|---|---|---|"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parity", choices=("tensorflow", "captum"), help="compare numbers only, with these")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of TensorFlow (all cores)")
    arguments = parser.parse_args()
    if arguments.parity == "captum":
        print(versions())
        show(captum())
        return
    if find_spec("xplique") is None:
        path = {"PYTHONPATH": str(ROOT)}
        python = python_with("tensorflow")
        sys.exit(subprocess.call([python, *sys.argv], env={**os.environ, **path}))

    from peers import explainers

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    print(f"{versions()}, {explainers.versions()}, {arguments.threads} threads\n\n{HEAD}")
    for make in (watch, pooled, lstm):
        if not arguments.parity:
            show(speed(make()))
        show(parity(make()))
    print()
    if not arguments.parity:
        show(captum())


def show(rows: Iterator[Row]) -> None:
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
    keras.backend.clear_session()


if __name__ == "__main__":
    main()
