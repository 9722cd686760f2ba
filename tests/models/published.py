"""Small relatives of architectures that people use."""

import keras
from keras import layers as L

from tests.models.build import Case, randomise, series, views


def case_of(x, outputs, seed):
    model = randomise(keras.Model(x, outputs), seed)
    return Case(model, series(2, *x.shape[1:], seed), views(model))


def inception_module(x, n_filters, name):
    bottleneck = L.Conv1D(n_filters, 1, use_bias=False, name=f"{name}_bottleneck")(x)
    branches = [
        L.Conv1D(n_filters, size, padding="same", use_bias=False, name=f"{name}_conv{size}")(bottleneck)
        for size in (8, 4, 2)
    ]
    pooled = L.MaxPooling1D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branches.append(L.Conv1D(n_filters, 1, use_bias=False, name=f"{name}_pooled")(pooled))
    joined = L.Concatenate(name=f"{name}_joined")(branches)
    return L.Activation("relu", name=f"{name}_relu")(L.BatchNormalization(name=f"{name}_norm")(joined))


def inception_time(seed=0):
    """Ismail Fawaz et al. 2020: parallel kernels of several sizes, and a shortcut around the modules."""
    x = keras.Input((24, 3))
    h = inception_module(inception_module(x, 2, "first"), 2, "second")
    shortcut = L.BatchNormalization(name="shortcut_norm")(L.Conv1D(8, 1, use_bias=False, name="shortcut")(x))
    h = L.ReLU(name="relu")(L.Add(name="added")([h, shortcut]))
    return case_of(x, L.Dense(3, activation="softmax", name="head")(L.GlobalAveragePooling1D(name="gap")(h)), seed)


def resnet(seed=0):
    """Wang et al. 2017: blocks of three convolutions with a shortcut."""
    x = h = keras.Input((20, 3))
    for block, n_filters in enumerate((4, 5)):
        start = h
        for i, size in enumerate((8, 5, 3)):
            h = L.Conv1D(n_filters, size, padding="same", name=f"conv{block}{i}")(h)
            h = L.BatchNormalization(name=f"norm{block}{i}")(h)
            if i < 2:
                h = L.ReLU(name=f"relu{block}{i}")(h)
        shortcut = L.Conv1D(n_filters, 1, name=f"shortcut{block}")(start)
        h = L.ReLU(name=f"out{block}")(L.Add(name=f"added{block}")([h, shortcut]))
    return case_of(x, L.Dense(3, activation="softmax", name="head")(L.GlobalAveragePooling1D(name="gap")(h)), seed)


def tcn(seed=0):
    """Bai et al. 2018: causal convolutions of growing dilation with residuals; the last step answers."""
    x = h = keras.Input((20, 2))
    for dilation in (1, 2, 4):
        start = L.Conv1D(4, 1, name=f"match{dilation}")(h) if dilation == 1 else h
        for part in "ab":
            conv = L.Conv1D(4, 2, dilation_rate=dilation, padding="causal", activation="relu", name=f"{part}{dilation}")
            h = L.SpatialDropout1D(0.2, name=f"drop_{part}{dilation}")(conv(h))
        h = L.Activation("relu", name=f"out{dilation}")(L.Add(name=f"added{dilation}")([start, h]))
    return case_of(x, L.Dense(1, name="head")(h[:, -1]), seed)


def unet(seed=0):
    """Ronneberger et al. 2015 in one dimension: down, up, and across; a label for each step."""
    x = keras.Input((16, 2))
    fine = L.Conv1D(3, 3, padding="same", activation="relu", name="down1")(x)
    middle = L.Conv1D(4, 3, padding="same", activation="relu", name="down2")(L.MaxPooling1D(2, name="pool1")(fine))
    h = L.Conv1D(5, 3, padding="same", activation="relu", name="bottom")(L.MaxPooling1D(2, name="pool2")(middle))
    h = L.Concatenate(name="across2")([middle, L.Conv1DTranspose(4, 2, strides=2, name="up2")(h)])
    h = L.Conv1D(4, 3, padding="same", activation="relu", name="merge2")(h)
    h = L.Concatenate(name="across1")([fine, L.UpSampling1D(2, name="up1")(h)])
    h = L.Conv1D(3, 3, padding="same", activation="relu", name="merge1")(h)
    return case_of(x, L.Conv1D(2, 1, activation="softmax", name="labels")(h), seed)


BUILDERS = (inception_time, resnet, tcn, unet)
