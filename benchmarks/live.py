"""What a picture that follows the training costs: the same `fit` with and without `LiveCallback`, in turn.

Both begin with the same weights each time and end with the same; the ratio is what counts, the machine is not. Most
pictures of a short training would cost more than the 3 % that they may take, and are left out.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from timing import versions

import tswidgets as tsw


class Counting(tsw.LiveCallback):
    """Counts its pictures."""

    pictures = 0

    def look(self, progress: Any) -> None:
        self.pictures += 1
        super().look(progress)


def cases() -> list[tuple[str, keras.Model, Any, np.ndarray, int]]:
    """(name, model, series, labels, batch size)."""
    watch, vowels = (load(split="train") for load in (tsw.datasets.watch_exercises, tsw.datasets.japanese_vowels))
    found = []
    for name, dataset in (("watch CNN, 165 k parameters", watch), ("vowels LSTM(100)", vowels)):
        series = dataset.X
        if isinstance(series, list):
            series = keras.utils.pad_sequences(series, dtype="float32", padding="post")
        labels = np.unique(np.asarray(dataset.y), return_inverse=True)[1]
        found.append((name, dataset.model, np.asarray(series, np.float32), labels, 16))
    return found


def run(model: keras.Model, x: Any, y: np.ndarray, batch: int, epochs: int, *callbacks: Any) -> tuple[float, float]:
    """Seconds on the clock, and of all processors: what else the machine does tells in the first."""
    keras.utils.set_random_seed(0)
    started = time.perf_counter(), time.process_time()
    model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return time.perf_counter() - started[0], time.process_time() - started[1]


def anew(model: keras.Model, weights: list[np.ndarray]) -> None:
    """The model and its optimizer as they were at first."""
    model.set_weights(weights)
    model.optimizer.iterations.assign(0)
    for variable in model.optimizer.variables[2:]:
        variable.assign(np.zeros(variable.shape))


def rows(epochs: int, rounds: int, wanted: list[str]) -> Iterator[str]:
    for name, model, x, y, batch in cases():
        model.compile("adam", "sparse_categorical_crossentropy")
        begin = model.get_weights()
        run(model, x, y, batch, 2)  # what is compiled once
        for what in wanted:
            explorer = tsw.Explorer(model, x, y)
            live = Counting(explorer, what.split(",")[0], record="recorded" in what)
            pairs, pictures = [], []
            for i in range(rounds):
                times, weights = {}, {}
                for watched in (False, True) if i % 2 else (True, False):
                    anew(model, begin)
                    live.pictures = 0
                    times[watched] = run(model, x, y, batch, epochs, *([live] if watched else []))
                    weights[watched] = model.get_weights()
                    pictures += [live.pictures] if watched else []
                assert all(map(np.array_equal, weights[False], weights[True]))
                pairs.append((times[False], times[True]))
            explorer.close()
            without, with_ = (statistics.median(one[0] for one in column) for column in zip(*pairs, strict=True))
            wall, cpu = (statistics.median(b[i] / a[i] for a, b in pairs) - 1 for i in (0, 1))
            said = live.budget.spent / live.budget.trained
            told = f"{wall:+.1%} | {cpu:+.1%} | {said:.1%} | {statistics.median(pictures):g}"
            yield f"| {name} | {what} | {without:.2f} | {with_:.2f} | {told} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--every", nargs="+", default=["epoch", "batch", "epoch, recorded"])
    chosen = parser.parse_args()
    print(versions())
    print(f"`fit` of {chosen.epochs} epochs without and with pictures: medians of {chosen.rounds} rounds in seconds;")
    print("by how much it takes longer, and what the callback says of that. The weights are the same, bit by bit.\n")
    print("| model | every | without | with | longer by | processors | said | pictures |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows(chosen.epochs, chosen.rounds, chosen.every):
        print(row, flush=True)


if __name__ == "__main__":
    main()
