"""Encoders and decoders: two inputs, each with a time of its own."""

import keras
from keras import layers as L

from tests.models.build import Case, randomise, series, views


def forecaster(seed=0):
    """The past goes in, its states are handed on, and what is known of the future is read step by step."""
    past, known = keras.Input((14, 3), name="past"), keras.Input((6, 2), name="known")
    conv = L.Conv1D(4, 3, strides=2, name="conv")(past)
    h, last, memory = L.LSTM(5, return_sequences=True, return_state=True, name="encoder")(conv)
    decoded = L.LSTM(5, return_sequences=True, name="decoder")(known, initial_state=[last, memory])
    looked = L.Attention(name="attention")([decoded, h])
    both = L.Concatenate(name="both")([decoded, looked])
    model = keras.Model({"past": past, "known": known}, L.Dense(1, name="forecast")(both), name="forecaster")
    x = {"past": series(2, 14, 3, seed), "known": series(2, 6, 2, seed + 1)}
    return Case(randomise(model, seed), x, views(model))


BUILDERS = (forecaster,)
