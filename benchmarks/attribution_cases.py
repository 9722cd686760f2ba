"""Models and series that attribution is compared on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers as L
from numpy.typing import NDArray

import tswidgets as tsw

STEPS = 50


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


def windows_of(case: Case) -> Callable[[Any], Any]:
    def ours(x: Any) -> Any:
        return tsw.occlusion(case.model, x, case.target, window=case.window, stride=case.window)

    return ours
