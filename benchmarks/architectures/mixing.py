"""Attention between steps, and dense layers over steps and channels."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers as L
from keras import ops

from architectures.blocks import on_zeros


class EncoderBlock(L.Layer):
    """A transformer's encoder layer with batch normalisation after each sum."""

    def __init__(self, width: int, n_heads: int, hidden: int, dropout: float):
        super().__init__()
        self.attention = L.MultiHeadAttention(n_heads, width // n_heads, dropout=dropout)
        self.widen, self.narrow = L.Dense(hidden, activation="gelu"), L.Dense(width)
        self.norms = [L.BatchNormalization() for _ in range(2)]
        self.drop = L.Dropout(dropout)

    def call(self, x: Any) -> Any:
        x = self.norms[0](x + self.drop(self.attention(x, x)))
        return self.norms[1](x + self.drop(self.narrow(self.drop(self.widen(x)))))


class TimeSeriesTransformer(keras.Model):
    def __init__(self, n_timesteps: int, n_classes: int, width: int = 64):
        super().__init__(name="transformer")
        self.embed = L.Dense(width)
        self.position = self.add_weight(shape=(n_timesteps, width), initializer="random_uniform", name="position")
        self.blocks = [EncoderBlock(width, 8, 256, 0.1) for _ in range(3)]
        self.flatten, self.head = L.Flatten(), L.Dense(n_classes, activation="softmax")

    def call(self, x: Any) -> Any:
        x = self.embed(x) * self.embed.units**0.5 + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.flatten(ops.gelu(x)))


def transformer(n_timesteps: int = 93, n_channels: int = 13) -> keras.Model:
    """Transformer encoder with learned positions, at its code's default size. Zerveas et al. 2021, KDD."""
    return on_zeros(TimeSeriesTransformer(n_timesteps, 10), n_timesteps, n_channels)


class PatchTST(keras.Model):
    STRIDE = 8

    def __init__(self, n_timesteps: int, n_channels: int, horizon: int, width: int = 128):
        super().__init__(name="patch_tst")
        self.n_patches, self.n_channels, self.horizon = n_timesteps // self.STRIDE, n_channels, horizon
        self.embed = L.Dense(width)
        self.position = self.add_weight(shape=(self.n_patches, width), initializer="random_uniform", name="position")
        self.blocks = [EncoderBlock(width, 16, 256, 0.2) for _ in range(3)]
        self.flatten, self.head = L.Flatten(), L.Dense(horizon)

    def call(self, x: Any) -> Any:
        mean, deviation = ops.mean(x, axis=1, keepdims=True), ops.std(x, axis=1, keepdims=True) + 1e-5
        x = ops.transpose((x - mean) / deviation, (0, 2, 1))
        x = ops.concatenate([x, ops.repeat(x[..., -1:], self.STRIDE, axis=-1)], axis=-1)
        halves = ops.reshape(x, (-1, self.n_patches + 1, self.STRIDE))
        h = self.embed(ops.concatenate([halves[:, :-1], halves[:, 1:]], axis=-1)) + self.position
        for block in self.blocks:
            h = block(h)
        h = ops.reshape(self.head(self.flatten(h)), (-1, self.n_channels, self.horizon))
        return ops.transpose(h, (0, 2, 1)) * deviation + mean


def patch_tst(n_timesteps: int = 336, n_channels: int = 21) -> keras.Model:
    """PatchTST/42 for Weather: attention between patches, channel by channel; 96 steps ahead. Nie et al. 2023, ICLR.

    Without the residual attention scores of the authors' code; the steps must be a multiple of 8.
    """
    return on_zeros(PatchTST(n_timesteps, n_channels, 96), n_timesteps, n_channels)


def ts_mixer(n_timesteps: int = 512, n_channels: int = 7) -> keras.Model:
    """TSMixer: dense layers over steps and over channels in turn; 96 steps ahead. Chen et al. 2023, TMLR.

    Layer normalisation over steps and channels, one of the two that the authors' code offers.
    """
    x = h = keras.Input((n_timesteps, n_channels))
    for _ in range(8):
        over_steps = L.Permute((2, 1))(L.LayerNormalization(axis=[1, 2])(h))
        over_steps = L.Permute((2, 1))(L.Dense(n_timesteps, activation="relu")(over_steps))
        h = L.Add()([h, L.Dropout(0.7)(over_steps)])
        over_channels = L.Dense(64, activation="relu")(L.LayerNormalization(axis=[1, 2])(h))
        h = L.Add()([h, L.Dropout(0.7)(L.Dense(n_channels)(L.Dropout(0.7)(over_channels)))])
    return keras.Model(x, L.Permute((2, 1))(L.Dense(96)(L.Permute((2, 1))(h))), name="ts_mixer")


class NBeats(keras.Model):
    def __init__(self, n_timesteps: int, horizon: int, n_blocks: int = 30, width: int = 512):
        super().__init__(name="n_beats")
        self.n_timesteps = n_timesteps
        self.hidden = [[L.Dense(width, activation="relu") for _ in range(4)] for _ in range(n_blocks)]
        self.bases = [L.Dense(n_timesteps + horizon) for _ in range(n_blocks)]

    def call(self, x: Any) -> Any:
        rest, forecast = ops.transpose(x, (0, 2, 1)), 0.0
        for hidden, basis in zip(self.hidden, self.bases, strict=True):
            h = rest
            for dense in hidden:
                h = dense(h)
            h = basis(h)
            rest, forecast = rest - h[..., : self.n_timesteps], forecast + h[..., self.n_timesteps :]
        return ops.transpose(forecast, (0, 2, 1))


def n_beats(n_timesteps: int = 90, n_channels: int = 1) -> keras.Model:
    """N-BEATS, generic, for monthly M4: 30 blocks of backcast and forecast, 18 steps ahead. Oreshkin et al. 2020, ICLR.

    More than one channel shares the weights.
    """
    return on_zeros(NBeats(n_timesteps, 18), n_timesteps, n_channels)
