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
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf
from attribution_cases import STEPS, Case, lstm, pooled, watch, windows_of
from attribution_parity import HEAD, Row, captum, parity
from numpy.typing import NDArray
from peers.environments import ROOT, python_with
from timing import compare, versions

import tswidgets as tsw
from tswidgets.probe.program import Program


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
