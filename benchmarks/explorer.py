"""What a slider costs in the kernel, against the sub-model and `predict` that people build by hand: `make bench`.

Every pair is timed in turn in one process; the ratio is what counts, the machine is not. Drawing in the browser and the
way there are not part of it.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from timing import compare, versions

import tswidgets as tsw

ROUNDS = 30


def rows(dataset: Any, layer: str) -> list[tuple[str, float, float, float]]:
    model, X = dataset.model, dataset.X
    probe = tsw.Probe(model)
    by_hand = keras.Model(model.inputs, model.get_layer(layer).output)
    signature = [tf.TensorSpec((None, *model.input_shape[1:]))]
    bare = tf.function(lambda x: model(x, training=False), autograph=False, input_signature=signature)
    explorer = tsw.Explorer(model, X, dataset.y)
    n_filters = next(tap.n_filters for tap in probe.taps if tap.name == layer)
    series = [X[0] + np.float32(0.01 * i) for i in range(ROUNDS)]  # of one length: predict traces every length anew
    fresh = [x + np.float32(1e-3) for x in series]  # not in memory yet

    def predict(i: int) -> Any:
        return by_hand.predict(series[i][None], verbose=0)

    result = [
        ("all layers, new sample", *compare(lambda i: probe.observe(fresh[i][None]), predict)),
        (
            "all layers, new sample, against a bare compiled forward pass",
            *compare(
                lambda i: probe.observe(fresh[i][None] + np.float32(1e-3)), lambda i: bare(series[i][None]).numpy()
            ),
        ),
        ("explorer, another sample", *compare(lambda i: setattr(explorer, "sample", i), predict)),
        ("explorer, another filter", *compare(lambda i: setattr(explorer, "filter", i % n_filters), predict)),
        ("explorer, another layer", *compare(lambda i: setattr(explorer, "layer", explorer.layers[i % 2]), predict)),
    ]
    explorer.close()
    return result


def main() -> None:
    print(versions())
    print("Ours and theirs in milliseconds, median of rounds in turn. Theirs: `keras.Model(…).predict` for one")
    print("layer, without drawing; the explorer's time includes making all messages to the browser.\n")
    print("| model | what | ours | theirs | theirs / ours |\n|---|---|---|---|---|")
    for dataset, layer in ((tsw.datasets.watch_exercises(), "conv1d_1"), (tsw.datasets.japanese_vowels(), "lstm")):
        for what, ours, theirs, ratio in rows(dataset, layer):
            print(f"| {dataset.model_file} | {what} | {ours:.2f} | {theirs:.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
