"""What several architectures are made of."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers as L
from keras import ops


def conv_norm(x: Any, n_filters: int, size: int, activation: str | None = "relu", **options: Any) -> Any:
    """A "same" convolution, batch normalisation, and an activation if any."""
    x = L.BatchNormalization()(L.Conv1D(n_filters, size, padding="same", **options)(x))
    return L.Activation(activation)(x) if activation else x


def squeeze_excite(x: Any, ratio: int = 16) -> Any:
    """Hu et al. 2018, CVPR: every channel scaled by a number from 0 to 1 that depends on the means of all of them."""
    n_filters = x.shape[-1]
    scale = L.Dense(n_filters // ratio, activation="relu", use_bias=False)(L.GlobalAveragePooling1D(keepdims=True)(x))
    return L.Multiply()([x, L.Dense(n_filters, activation="sigmoid", use_bias=False)(scale)])


def on_zeros(model: keras.Model, n_timesteps: int, n_channels: int) -> keras.Model:
    """A subclassed model, built by a call."""
    model(ops.zeros((1, n_timesteps, n_channels)))
    return model
