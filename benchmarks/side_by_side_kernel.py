"""The rows of `side_by_side.py` without a browser: run by it in the peers' environment, prints one `Pair` a line.

Every series is handed out once: nothing here is answered from what was computed for it before.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import keras
import numpy as np
from ablation import errors_by_hand, errors_by_weights, pairs_by_hand
from attribution_cases import STEPS, watch
from numpy.typing import NDArray
from recurrent import predicted
from timing import Pair, compare, equal

import tswidgets as tsw

Both = tuple[Callable[[NDArray[Any]], Any], Callable[[NDArray[Any]], Any]]
RANDOM = np.random.default_rng(0)


def unseen(X: Any, count: int) -> Iterator[NDArray[Any]]:
    """Series (1, n_timesteps, n_channels) that nobody had before: those of X, each with noise of its own."""
    for i in range(count):
        x = np.asarray(X[i % len(X)])
        yield (x + 1e-3 * RANDOM.normal(size=x.shape)).astype(np.float32)[None]


def difference(ours: Any, theirs: Any) -> str:
    """The largest, relative to the largest number; an error where it is more than rounding."""
    lists = [both if isinstance(both, list) else [both] for both in (ours, theirs)]
    apart = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(*lists, strict=True))
    assert apart < 1e-5, apart
    return equal(apart)


def pair(
    what: str, instead: str, X: Any, rounds: int, both: Both, told: str = "{}", checked: Both | None = None
) -> Pair:
    """Ours and theirs in turn on new series, and whether they, or those `checked` instead, agree on one more."""
    rounds, (ours, theirs) = max(2, rounds), both
    *series, last = unseen(X, rounds + 1)
    timed = compare(lambda i: ours(series[i]), lambda i: theirs(series[i]), rounds, warm_up=min(3, 1 + rounds // 5))
    return Pair(what, *timed, instead, told.format(difference(*(run(last) for run in checked or both))))


def looks(rounds: int) -> Iterator[Pair]:
    """Activations of the watch CNN."""
    data = tsw.datasets.watch_exercises()
    model, layer = data.model, "conv1d_1"
    one = keras.Model(model.inputs[0], model.get_layer(layer).output)
    every = keras.Model(model.inputs[0], [each.output for each in model.layers])
    probe = tsw.Probe(model)

    def ours(x: Any) -> Any:
        return tsw.activations(model, x, layer).values

    def ours_of_all(x: Any) -> Any:
        seen = probe.observe(x)
        return [seen[each.name] for each in model.layers]

    def predict(x: Any) -> Any:
        return one.predict(x, verbose=0)

    def predict_all(x: Any) -> Any:
        return every.predict(x, verbose=0)

    def call(x: Any) -> Any:
        return one(x, training=False).numpy()

    what = "activations of one layer, a new sample"
    yield pair(what, "`predict` of a sub-model", data.X, rounds, (ours, predict))
    yield pair(what, "the sub-model called, eagerly", data.X, rounds, (ours, call))
    what = f"activations of all {len(model.layers)} layers, a new sample"
    yield pair(what, "`predict` of a sub-model of all outputs", data.X, rounds, (ours_of_all, predict_all))


def states(rounds: int) -> Iterator[Pair]:
    """Hidden states of an LSTM that returns its last output only, over utterances of 7 to 29 steps."""
    data = tsw.datasets.japanese_vowels()
    lstm = data.model.get_layer("lstm")
    step_by_step = predicted(lstm, n_channels=12, n_steps=None)
    twin = type(lstm).from_config({**lstm.get_config(), "return_sequences": True})
    whole = keras.Sequential([keras.Input((None, 12)), twin])
    twin.set_weights(lstm.get_weights())

    def ours(x: Any) -> Any:
        return tsw.recurrent_states(data.model, x, "lstm").h

    def copy(x: Any) -> Any:
        return whole.predict(x, verbose=0)

    what, told = "states and gates of an LSTM(100), a new series of 7–29 steps", "states are {}; theirs has no gates"
    stepwise = "`predict` of one step after the other, the state kept"
    yield pair(what, stepwise, data.X, rounds, (ours, step_by_step), told)
    yield pair(what, "`predict` of a copy that returns sequences", data.X, rounds, (ours, copy), told)


def pairs(rounds: int) -> Iterator[Pair]:
    all_pairs = list(combinations(range(8), 2))
    for instead, by_hand in (
        ("two sub-models and two `predict` a pair", errors_by_hand),
        ("weights set to 0 and `predict` a pair", errors_by_weights),
    ):
        *timed, worst = pairs_by_hand(all_pairs, rounds, by_hand)
        what = "removing each of 28 pairs of 8 filters, 200 windows"
        yield Pair(what, *timed, instead, f"errors are {equal(worst)}")


def attributions(rounds: int) -> Iterator[Pair]:
    """Of a class of the watch CNN; theirs are given the model that ends in the logits."""
    from peers.explainers import TfKerasVis, Xplique

    case = watch()
    model, target, X = case.model, case.target, case.X
    xplique, vis = Xplique(case.logits, target), TfKerasVis(case.logits, target)

    def integrated(x: Any) -> Any:
        return tsw.integrated_gradients(model, x, target, n_steps=STEPS).values

    def smooth(x: Any, noise: float = 0.1) -> Any:
        return tsw.smooth_grad(model, x, target, n_samples=STEPS, noise=noise).values

    def still(x: Any) -> Any:
        return smooth(x, noise=1e-12)

    def cam(x: Any) -> Any:
        return tsw.grad_cam(model, x, target, layer=case.conv).on_input

    def cam_on_layer(x: Any) -> Any:
        return tsw.grad_cam(model, x, target, layer=case.conv).values

    what, told = f"integrated gradients, {STEPS} steps", "{} by midpoints; xplique's own rule is the trapezoidal"
    both, midpoints = (
        (integrated, xplique.integrated_gradients(STEPS)),
        xplique.integrated_gradients_by_midpoints(STEPS),
    )
    yield pair(what, "xplique", X, rounds, both, told, (integrated, midpoints))
    what, told = f"SmoothGrad, {STEPS} copies", "{} without noise, whose size each scales in its way"
    both, checked = (smooth, xplique.smooth_grad(STEPS)), (still, xplique.smooth_grad(STEPS, noise=0.0))
    yield pair(what, "xplique", X, rounds, both, told, checked)
    both, checked = (smooth, vis.smooth_grad(STEPS)), (still, vis.smooth_grad_without_noise(2))
    yield pair(what, "tf-keras-vis", X, rounds // 3, both, told, checked)
    both, checked = (cam, vis.grad_cam(case.conv)), (cam_on_layer, vis.grad_cam(case.conv, raw=True))
    told = "{} on the layer's steps; theirs stretches these over the series, ours knows their places"
    yield pair(f"Grad-CAM of {case.conv}", "tf-keras-vis", X, rounds, both, told, checked)


def main() -> None:
    quick = "--quick" in sys.argv
    for rows, rounds in ((looks, 30), (states, 7), (pairs, 3), (attributions, 20)):
        for row in rows(max(1, rounds // 6) if quick else rounds):
            print(json.dumps(row), flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
