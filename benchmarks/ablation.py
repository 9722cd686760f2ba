"""What removing filters costs, against the sub-models and `predict` that people build by hand: `make bench`.

Ours and theirs are timed in turn in one process, each on a wave that it has not seen; the ratio is what counts, the
machine is not. That both give the same numbers is asserted.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from collections.abc import Callable, Iterable
from itertools import combinations, permutations
from typing import Any

import keras
import numpy as np
from probe import Peak, fresh, scenario_a
from timing import compare, versions

import tswidgets as tsw

Row = tuple[str, str, str, str]
WAVES, WINDOW = 10, 100


def windows_of(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All windows of a wave, and the sample that follows each."""
    windows = np.lib.stride_tricks.sliding_window_view(wave[:-1, 0], WINDOW)[..., None]
    return windows, wave[WINDOW:]


def without_channels(x: np.ndarray, model: keras.Model, layer_index: int, channels: Iterable[int]) -> np.ndarray:
    """The article's `removeIntermidiateChannels` in today's Keras: two models a call, up to the layer and behind it."""
    first_half = keras.Model(model.inputs, model.layers[layer_index].output)
    hidden = first_half.predict(x, verbose=0)
    for i in channels:
        hidden[:, :, i] = 0
    second_half = keras.Sequential([keras.Input(hidden.shape[1:]), *model.layers[layer_index + 1 :]])
    return second_half.predict(hidden, verbose=0)


def errors_by_hand(model: keras.Model, x: np.ndarray, y: np.ndarray, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    matrix = np.zeros((8, 8))
    for i, j in pairs:
        matrix[i, j] = ((without_channels(x, model, 0, [i, j]).squeeze() - y.squeeze()) ** 2).mean()
    return matrix


def errors_by_weights(model: keras.Model, x: np.ndarray, y: np.ndarray, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """The same with no model made: the weights by which the next layer reads the two channels are 0 meanwhile."""
    matrix, reader = np.zeros((8, 8)), model.layers[1]
    kernel, bias = reader.get_weights()
    for i, j in pairs:
        without = kernel.copy()
        without[:, [i, j]] = 0
        reader.set_weights([without, bias])
        matrix[i, j] = ((model.predict(x, verbose=0).squeeze() - y.squeeze()) ** 2).mean()
    reader.set_weights([kernel, bias])
    return matrix


def pairs_by_hand(
    pairs: list[tuple[int, int]], rounds: int, by_hand: Callable[..., np.ndarray] = errors_by_hand
) -> tuple[float, float, float, float]:
    """`compare` of both on the sine model and 200 windows, and the largest difference of their errors.

    Ours computes the 8 single removals as well.
    """
    model = tsw.datasets.sine().model
    waves = [windows_of(tsw.datasets.sine(noise=1e-3 * i, seed=i).wave) for i in range(WAVES)]
    assert len(waves[0][0]) == 200, len(waves[0][0])
    name = model.layers[0].name

    def ours(i: int) -> Any:
        return tsw.ablate_pairs(model, waves[i][0], name, y=waves[i][1])

    def theirs(i: int) -> Any:
        return by_hand(model, *waves[i], pairs)

    matrix, expected = ours(0).matrix, theirs(0)
    difference = max(abs(matrix[i, j] - expected[i, j]) for i, j in pairs)
    assert difference < 1e-6, difference
    return *compare(ours, theirs, rounds=rounds, warm_up=min(1, rounds - 1)), difference


def against_the_article(pairs: list[tuple[int, int]], what: str, goal: str, rounds: int) -> Row:
    mine, other, ratio, difference = pairs_by_hand(pairs, rounds)
    shown = f"{mine:.1f} / {other:.0f} ms, equal to {difference:.0e}"
    return f"{what} × 200 windows / by hand", goal, f"{ratio:.0f}x", shown


def against_the_bare_replacement() -> Row:
    """8,128 pairs and 128 single filters on one window, and the same removals by `Probe.replace` alone."""
    model = scenario_a()
    probe, samples, layer = tsw.Probe(model), fresh((300, 9), 6), model.layers[3].name
    removals = [*combinations(range(128), 1), *combinations(range(128), 2)]

    def without(removed: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
        def edit(h: np.ndarray) -> np.ndarray:
            for i in removed:
                h[..., i] = 0
            return h

        return edit

    def bare(i: int) -> Any:
        probe.observe(samples[i])
        return probe.replace(samples[i], layer, (without(removed) for removed in removals))

    with Peak() as peak:
        matrix = tsw.ablate_pairs(probe, samples[0], layer).matrix
    outputs, untouched = bare(0)[:, 0], probe.observe(samples[0]).output[0]
    expected = ((outputs.astype(np.float64) - untouched) ** 2).mean(axis=1)
    difference = max(abs(matrix[r[0], r[-1]] - e) for r, e in zip(removals, expected, strict=True))
    assert difference < 1e-6 * expected.max(), difference
    mine, other, ratio = compare(lambda i: tsw.ablate_pairs(probe, samples[i], layer), bare, rounds=5, warm_up=1)
    shown = f"{mine / 1e3:.2f} / {other / 1e3:.2f} s, peak extra memory {peak.mib:.0f} MiB"
    return f"A: 8,128 pairs of {layer}, one window / bare replace", "≤ 1.25x", f"{1 / ratio:.2f}x", shown


def places_to_stop(n_samples: int, seconds: float = 5) -> Row:
    """How long Cancel may have to wait: the longest time between two results of the generator, tracing left out."""
    data = tsw.datasets.watch_exercises()
    layer = data.model.layers[0].name
    X, y = data.X[:n_samples], data.y[:n_samples]
    pieces = tsw.iter_ablate_pairs(data.model, X, layer, y=y, metric="score")
    while next(pieces).done == 0:
        pass
    times, done = [time.perf_counter()], 0
    for found in pieces:
        times.append(time.perf_counter())
        done = found.done
        if times[-1] - times[0] > seconds:
            break
    waits = np.diff(times)
    shown = f"median {np.median(waits) * 1e3:.1f} ms, {done / (times[-1] - times[0]):.0f} removals a second"
    return (
        f"watch: 128 filters of {layer}, {n_samples} windows: longest wait",
        "≤ 300 ms",
        f"{waits.max() * 1e3:.0f} ms",
        shown,
    )


def main() -> None:
    print(versions(), "\n\n| what | goal | measured | |\n|---|---|---|---|")
    pairs, ordered = list(combinations(range(8), 2)), list(permutations(range(8), 2))
    for row in (
        lambda: against_the_article(pairs, "B: 28 pairs of filters", "≥ 150x faster, equal to 1e-6", rounds=6),
        lambda: against_the_article(ordered, "B: 56 ordered pairs, as the article loops", "≥ 150x faster", rounds=4),
        against_the_bare_replacement,
        lambda: places_to_stop(84),
        lambda: places_to_stop(1),
    ):
        print(f"| {' | '.join(row())} |", flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
