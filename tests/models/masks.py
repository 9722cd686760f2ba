"""Padding that must not count."""

import warnings

import keras
import numpy as np
from keras import layers as L

from tests.models.build import Calls, Case, arrays, one_by_one, padded_series, randomise


def masked_lstm(seed=0):
    layers = [
        L.Masking(0.0, name="masking"),
        L.LSTM(6, return_sequences=True, name="lstm1"),
        L.LSTM(5, name="lstm2"),
        L.Dense(4, activation="softmax", name="head"),
    ]
    model = randomise(keras.Sequential([keras.Input((None, 12)), *layers], name="masked"), seed)
    return Case(model, padded_series(3, 14, 12, seed), one_by_one(model))


class MaskedByHand(keras.Model):
    """Here the mask rides on the tensors; in a functional model Keras passes it as an argument."""

    def __init__(self):
        super().__init__(name="masked_by_hand")
        self.masking = L.Masking(0.0, name="masking")
        self.lstm = L.LSTM(6, return_sequences=True, name="lstm")
        self.head = L.Dense(4, name="head")

    def call(self, x):
        return self.head(self.lstm(self.masking(x)))


def masked_subclassed(seed=0):
    model, x = MaskedByHand(), padded_series(3, 14, 12, seed)
    model(x)
    randomise(model, seed)

    def expected(x):
        call = Calls()
        call(model.head, call(model.lstm, call(model.masking, x)))
        return arrays(call)

    return Case(model, x, expected)


def masked_conv(seed=0):
    """A convolution that is told to hand on the mask."""
    conv = L.Conv1D(4, 3, padding="same", activation="relu", name="conv")
    conv.supports_masking = True
    layers = [
        L.Masking(0.0, name="masking"),
        conv,
        L.LSTM(3, return_sequences=True, name="lstm"),
        L.GlobalAveragePooling1D(name="gap"),
    ]
    model = randomise(keras.Sequential([keras.Input((14, 3)), *layers], name="masked_conv"), seed)
    return Case(model, padded_series(3, 14, 3, seed), one_by_one(model))


class LosingTheMask(keras.Model):
    """A convolution knows no masks, so that what follows sees the padding; Keras' warning of it is switched off."""

    def __init__(self):
        super().__init__(name="losing_the_mask")
        self.masking = L.Masking(0.0, name="masking")
        self.conv = L.Conv1D(4, 3, activation="relu", name="conv")
        self.lstm = L.LSTM(3, name="lstm")

    def call(self, x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            h = self.conv(self.masking(x))
        return self.lstm(h)


def mask_lost(seed=0):
    model, x = LosingTheMask(), padded_series(3, 14, 3, seed)
    model(x)
    randomise(model, seed)

    def expected(x):
        call = Calls()
        masked = call(model.masking, x)
        call(model.lstm, call(model.conv, np.asarray(masked)))
        return arrays(call)

    return Case(model, x, expected)


def embedding(seed=0):
    layers = [
        L.Embedding(7, 3, mask_zero=True, name="embedding"),
        L.LSTM(4, return_sequences=True, name="lstm"),
        L.Dense(2, name="per_step"),
    ]
    model = randomise(keras.Sequential([keras.Input((None,), dtype="int32"), *layers], name="tokens"), seed)
    x = np.array([[3, 1, 2, 6, 0, 0], [5, 5, 1, 2, 3, 0]], "int32")
    return Case(model, x, one_by_one(model))


BUILDERS = (masked_lstm, masked_subclassed, masked_conv, mask_lost, embedding)
