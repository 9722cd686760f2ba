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


def run(model: keras.Model, x: Any, y: np.ndarray, batch: int, epochs: int, *callbacks: Any) -> float:
    keras.utils.set_random_seed(0)
    started = time.perf_counter()
    model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return time.perf_counter() - started


def rows(epochs: int, rounds: int) -> Any:
    for name, model, x, y, batch in cases():
        model.compile("adam", "sparse_categorical_crossentropy")
        begin = model.get_weights()
        run(model, x, y, batch, 2)  # what is compiled once
        for what, options in (("epoch", {}), ("batch", {}), ("epoch, recorded", {"record": True})):
            explorer = tsw.Explorer(model, x, y)
            live, pairs, pictures = Counting(explorer, what.split(",")[0], **options), [], []
            for i in range(rounds):
                times, weights = {}, {}
                for watched in (False, True) if i % 2 else (True, False):
                    model.set_weights(begin)
                    model.optimizer.iterations.assign(0)
                    for variable in model.optimizer.variables[2:]:
                        variable.assign(np.zeros(variable.shape))
                    live.pictures = 0
                    times[watched] = run(model, x, y, batch, epochs, *([live] if watched else []))
                    weights[watched] = model.get_weights()
                    pictures += [live.pictures] if watched else []
                assert all(map(np.array_equal, weights[False], weights[True]))
                pairs.append((times[False], times[True]))
            explorer.close()
            without, with_ = (statistics.median(column) for column in zip(*pairs, strict=True))
            share = statistics.median(b / a for a, b in pairs) - 1
            yield (
                name,
                what,
                without,
                with_,
                share,
                live.budget.spent / live.budget.trained,
                statistics.median(pictures),
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=4)
    chosen = parser.parse_args()
    print(versions())
    print(f"`fit` of {chosen.epochs} epochs with and without pictures, seconds, medians of {chosen.rounds} rounds;")
    print("the weights are the same, bit by bit. Time that the callback took itself, as it measures it, beside it.\n")
    print(
        "| model | every | without | with | slower by | spent on pictures | pictures |\n|---|---|---|---|---|---|---|"
    )
    for name, what, without, with_, share, spent, pictures in rows(chosen.epochs, chosen.rounds):
        print(
            f"| {name} | {what} | {without:.2f} | {with_:.2f} | {share:+.1%} | {spent:.1%} | {pictures:g} |", flush=True
        )


if __name__ == "__main__":
    main()
