"""That attribution gives the numbers of xplique, tf-keras-vis and Captum: rows of `attribution.py`."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from attribution_cases import STEPS, Case, lstm, pooled, watch, windows_of
from numpy.typing import NDArray
from peers.environments import python_with

import tswidgets as tsw

Row = tuple[str, str, str, str]
GOAL, CAPTUM_GOAL = 1e-6, 1e-5
HEAD = "| what | goal | measured | |\n|---|---|---|---|"


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
