"""Layers that look at one step at a time, and at most at the statistics of all: normalisation, activation, Dense."""

import keras
from keras import layers as L
from keras import ops

from tests.models.build import Calls, Case, arrays, before_activation, one_by_one, randomise, series


def normalisation(seed=0):
    layers = [
        L.Conv1D(4, 3, name="conv"),
        L.LayerNormalization(name="layer"),
        L.GroupNormalization(2, name="group"),
        L.BatchNormalization(name="batch"),
        L.UnitNormalization(name="unit"),
        L.LayerNormalization(axis=(1, 2), name="layer_over_time"),
    ]
    model = randomise(keras.Sequential([keras.Input((10, 3)), *layers], name="normalisation"), seed)
    return Case(model, series(2, 10, 3, seed), one_by_one(model))


def activation_layers(seed=0):
    """Nothing but activation: what goes into these is the tap before, not one of their own."""
    layers = [
        L.Conv1D(4, 3, name="conv"),
        L.Activation("tanh", name="tanh"),
        L.PReLU(shared_axes=[1], name="prelu"),
        L.LeakyReLU(negative_slope=0.2, name="leaky"),
        L.ELU(0.7, name="elu"),
        L.Activation(ops.square, name="square"),
        L.ReLU(max_value=0.5, name="relu"),
        L.Softmax(name="softmax"),
    ]
    model = randomise(keras.Sequential([keras.Input((10, 3)), *layers], name="activation_layers"), seed)
    return Case(model, series(2, 10, 3, seed), one_by_one(model))


def activation_arguments(seed=0):
    """By name, as Keras' own function, as a function of the user's; `linear` is none."""
    layers = [
        L.Conv1D(4, 3, activation="relu", name="relu"),
        L.Conv1D(4, 2, activation="gelu", name="gelu"),
        L.Dense(5, activation=keras.activations.swish, name="swish"),
        L.Dense(4, activation="linear", name="linear"),
        L.Conv1D(3, 2, activation="softmax", name="softmax"),
        L.SeparableConv1D(4, 2, activation=lambda x: x * x - 0.1, name="by_lambda"),
        L.EinsumDense("btc,cd->btd", (None, 3), bias_axes="d", activation="elu", name="einsum"),
        L.Dense(2, activation=ops.sin, name="sine"),
    ]
    model = randomise(keras.Sequential([keras.Input((12, 3)), *layers], name="activation_arguments"), seed)
    return Case(model, series(2, 12, 3, seed), one_by_one(model))


def activation_by_layer(seed=0):
    """A layer as the activation of another is a tap as well, inside the other, after what goes into it."""
    conv = L.Conv1D(4, 3, activation=L.LeakyReLU(negative_slope=0.2, name="leaky"), name="conv")
    head = L.Dense(2, activation=L.Softmax(name="softmax"), name="head")
    model = randomise(keras.Sequential([keras.Input((10, 3)), conv, head], name="activation_by_layer"), seed)

    def expected(x):
        call = Calls()
        for layer in (conv, head):
            call[f"{layer.name}:pre-activation"] = before = before_activation(layer, x)
            call[layer.name] = x = call(layer.activation, before, name=f"{layer.name}/{layer.activation.name}")
        return arrays(call)

    return Case(model, series(2, 10, 3, seed), expected)


def time_distributed(seed=0):
    """The layer inside is called for each step; only all steps together are a tap."""
    layers = [
        L.TimeDistributed(L.Dense(4, activation="relu", name="inner"), name="each_step"),
        L.LSTM(3, return_sequences=True, name="lstm"),
        L.TimeDistributed(L.Dense(2, activation="softmax", name="inner"), name="label"),
    ]
    model = randomise(keras.Sequential([keras.Input((9, 3)), *layers], name="time_distributed"), seed)
    return Case(model, series(2, 9, 3, seed), one_by_one(model))


def time_distributed_conv(seed=0):
    """A CNN-LSTM: windows of the series, a convolution within each, a recurrence over them."""
    layers = [
        L.Reshape((4, 5, 3), name="windows"),
        L.TimeDistributed(L.Conv1D(4, 3, activation="relu", name="inner"), name="each_window"),
        L.TimeDistributed(L.GlobalMaxPooling1D(name="pool"), name="pooled"),
        L.LSTM(3, name="lstm"),
    ]
    model = randomise(keras.Sequential([keras.Input((20, 3)), *layers], name="windows"), seed)
    return Case(model, series(2, 20, 3, seed), one_by_one(model))


BUILDERS = (
    normalisation,
    activation_layers,
    activation_arguments,
    activation_by_layer,
    time_distributed,
    time_distributed_conv,
)
