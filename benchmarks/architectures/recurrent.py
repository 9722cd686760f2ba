"""Recurrent layers, alone and beside convolutions."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers as L
from keras import ops

from architectures.blocks import conv_norm, on_zeros, squeeze_excite


def mlstm_fcn(n_timesteps: int = 93, n_channels: int = 13) -> keras.Model:
    """MLSTM-FCN: an FCN with squeeze and excitation beside an LSTM over channels. Karim et al. 2019, Neural Netw."""
    x = h = keras.Input((n_timesteps, n_channels))
    for n_filters, size in ((128, 8), (256, 5), (128, 3)):
        h = conv_norm(h, n_filters, size)
        h = squeeze_excite(h) if size > 3 else h
    over_channels = L.Dropout(0.8)(L.LSTM(8)(L.Masking()(L.Permute((2, 1))(x))))
    h = L.Concatenate()([over_channels, L.GlobalAveragePooling1D()(h)])
    return keras.Model(x, L.Dense(10, activation="softmax")(h), name="mlstm_fcn")


def deep_conv_lstm(n_timesteps: int = 24, n_channels: int = 113) -> keras.Model:
    """DeepConvLSTM: convolutions in time for each sensor, then two LSTMs. Ordóñez and Roggen 2016, Sensors."""
    x = keras.Input((n_timesteps, n_channels))
    h = L.Reshape((n_timesteps, n_channels, 1))(x)
    for _ in range(4):
        h = L.Conv2D(64, (5, 1), activation="relu")(h)
    h = L.Reshape((n_timesteps - 16, n_channels * 64))(h)
    for return_sequences in (True, False):
        h = L.LSTM(128, return_sequences=return_sequences)(L.Dropout(0.5)(h))
    return keras.Model(x, L.Dense(18, activation="softmax")(h), name="deep_conv_lstm")


def bilstm_tagger(n_timesteps: int | None = None, n_channels: int = 123) -> keras.Model:
    """Deep bidirectional LSTM: a phoneme for every frame, three levels of 250 cells. Graves et al. 2013, ICASSP.

    Without peephole connections.
    """
    x = h = keras.Input((n_timesteps, n_channels))
    for _ in range(3):
        h = L.Bidirectional(L.LSTM(250, return_sequences=True))(h)
    return keras.Model(x, L.Dense(62, activation="softmax")(h), name="bilstm_tagger")


def masked_gru(n_timesteps: int | None = None, n_channels: int = 33) -> keras.Model:
    """GRU classifier of hospital stays, the baseline of GRU-D. Che et al. 2018, Sci. Rep.

    Steps of zeros are masked, as padding; single missing values are not told apart.
    """
    x = keras.Input((n_timesteps, n_channels))
    h = L.Dropout(0.5)(L.GRU(64)(L.Masking()(x)))
    return keras.Model(x, L.Dense(1, activation="sigmoid")(h), name="masked_gru")


class Seq2SeqAttention(keras.Model):
    def __init__(self, horizon: int, n_channels: int, width: int = 256):
        super().__init__(name="seq2seq_attention")
        self.horizon = horizon
        self.encoders = [L.LSTM(width, return_sequences=True, return_state=True) for _ in range(2)]
        self.decoders = [L.LSTM(width, return_sequences=True) for _ in range(2)]
        self.attend = L.Dense(width, activation="tanh", use_bias=False)
        self.head = L.Dense(n_channels)

    def call(self, x: Any) -> Any:
        states = []
        for encode in self.encoders:
            x, *state = encode(x)
            states.append(state)
        query = ops.repeat(x[:, -1:], self.horizon, axis=1)
        for decode, state in zip(self.decoders, states, strict=True):
            query = decode(query, initial_state=state)
        weights = ops.softmax(ops.matmul(query, ops.transpose(x, (0, 2, 1))), axis=-1)
        return self.head(self.attend(ops.concatenate([ops.matmul(weights, x), query], axis=-1)))


def seq2seq_attention(n_timesteps: int = 96, n_channels: int = 7) -> keras.Model:
    """LSTM encoder and decoder with dot-product attention, here to forecast 24 steps. Luong et al. 2015, EMNLP.

    Two layers of 256 cells, not four of 1,000; the decoder reads the encoder's last output, not its own answers.
    """
    return on_zeros(Seq2SeqAttention(24, n_channels), n_timesteps, n_channels)
