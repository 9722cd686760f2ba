"""Models that learn, and models that count how often they are run."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

from tests.models import CASES, randomise


def trained(seed=0):
    found = CASES["dropout"](seed)
    found.model.compile(keras.optimizers.Adam(0.05), loss="mse")
    fit(found)
    return found


def fit(found):
    y = np.random.default_rng(1).normal(size=(len(found.x), 2)).astype("float32")
    for _ in range(3):
        found.model.train_on_batch(found.x, y)


def executions():
    """A layer that counts how often it is really run and how often its Python is called."""
    runs, traces = [], []

    class Ticking(keras.Layer):
        def call(self, x):
            traces.append(x.shape)

            def tick(value):
                runs.append(value.shape)
                return value

            y = tf.numpy_function(tick, [x], tf.float32, stateful=True)
            return tf.ensure_shape(y, x.shape)

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

    return Ticking(name="ticking"), runs, traces


def ticking_model(length=None):
    layer, runs, traces = executions()
    layers = [L.Conv1D(3, 3, padding="same", name="conv"), layer, L.Dense(2, name="dense")]
    return randomise(keras.Sequential([keras.Input((length, 2)), *layers])), runs, traces
