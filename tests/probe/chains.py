"""Layers in a row, and what their steps see."""

import keras


def functional(*layers, length=None, n_channels=2):
    x = h = keras.Input((length, n_channels))
    for layer in layers:
        h = layer(h)
    return keras.Model(x, h)


def sees(timeline):
    return list(zip(timeline.lo.tolist(), timeline.hi.tolist(), strict=True))
