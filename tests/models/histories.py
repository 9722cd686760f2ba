"""Models that have been somewhere: in a file, in training, in half precision."""

import logging
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
from keras import layers as L

from tests.models.build import Case, one_by_one, randomise, series


def small(seed, dtype=None, name="small", recurrent=True):
    layers = [
        L.Conv1D(4, 3, padding="same", activation="relu", dtype=dtype, name="conv"),
        L.BatchNormalization(dtype=dtype, name="norm"),
        *([L.GRU(3, return_sequences=True, dtype=dtype, name="gru")] if recurrent else []),
        L.GlobalAveragePooling1D(dtype=dtype, name="gap"),
        L.Dense(2, activation="softmax", dtype=dtype, name="head"),
    ]
    return randomise(keras.Sequential([keras.Input((10, 3)), *layers], name=name), seed)


def loaded(seed, suffix):
    """Saved and loaded again."""
    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)  # Keras calls .h5 a legacy
    try:
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")  # NumPy's of Keras
            path = Path(folder) / f"model{suffix}"
            small(seed).save(path)
            model = keras.models.load_model(path, compile=False)
    finally:
        absl.setLevel(level)
    return Case(model, series(2, 10, 3, seed), one_by_one(model))


def loaded_keras(seed=0):
    return loaded(seed, ".keras")


def loaded_h5(seed=0):
    return loaded(seed, ".h5")


def in_training(seed=0):
    """Between two calls of `fit`: with an optimizer, metrics and compiled steps."""
    model, x = small(seed, name="in_training", recurrent=False), series(8, 10, 3, seed)
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"], jit_compile=False)
    model.optimizer.build(model.trainable_variables)  # else Keras traces the first step twice
    model.fit(x, np.arange(8) % 2, batch_size=4, epochs=2, shuffle=False, verbose=0)
    return Case(model, x[:2], one_by_one(model))


def mixed_float16(seed=0):
    model = small(seed, "mixed_float16", "mixed_float16")
    return Case(model, series(2, 10, 3, seed), one_by_one(model), tolerance=3e-3)


def mixed_bfloat16(seed=0):
    model = small(seed, "mixed_bfloat16", "mixed_bfloat16")
    return Case(model, series(2, 10, 3, seed), one_by_one(model), tolerance=2e-2)


BUILDERS = (loaded_keras, loaded_h5, in_training, mixed_float16, mixed_bfloat16)
