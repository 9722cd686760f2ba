"""The models of the reference numbers, in their full size."""

import keras
from keras import layers as L


def window_classifier():
    """Scenario A of the reference numbers: 300 steps of 9 channels."""
    names = [("conv1", "norm1", "relu1", "pool1"), ("conv2", "norm2", "relu2", "pool2")]
    model = keras.Sequential([keras.Input((300, 9))], name="A")
    for conv, norm, relu, pool in names:
        model.add(L.Conv1D(128, 9, name=conv))
        model.add(L.BatchNormalization(name=norm))
        model.add(L.ReLU(name=relu))
        model.add(L.MaxPooling1D(5, name=pool))
    model.add(L.Flatten(name="flat"))
    model.add(L.Dense(300, name="head"))
    return model


def per_step_labels():
    """Scenario C1: a label for each of 400 steps."""
    layers = [
        L.Conv1D(32, 8, padding="same", activation="relu", name="conv"),
        L.LSTM(32, return_sequences=True, name="lstm"),
        L.Dense(1, activation="sigmoid", name="head"),
    ]
    return keras.Sequential([keras.Input((400, 16)), *layers], name="C1")


def speaker_classifier():
    """Scenario D: series of any length, zero-padded."""
    layers = [L.Masking(0.0, name="masking"), L.LSTM(100, name="lstm"), L.Dense(9, activation="softmax", name="head")]
    return keras.Sequential([keras.Input((None, 12)), *layers], name="D")
