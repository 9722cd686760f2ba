"""Convolution, pooling and resampling, one after the other."""

import keras
from keras import layers as L

from tests.models.build import Case, one_by_one, randomise, series


def conv_layers():
    return [
        L.Conv1D(4, 5, name="conv1"),
        L.BatchNormalization(name="norm"),
        L.ReLU(name="relu"),
        L.MaxPooling1D(2, name="pool1"),
        L.Conv1D(5, 3, strides=2, padding="same", activation="relu", name="conv2"),
        L.AveragePooling1D(4, strides=3, padding="same", name="pool2"),
        L.Conv1D(3, 3, dilation_rate=2, padding="causal", name="conv3"),
        L.Flatten(name="flat"),
        L.Dense(6, activation="softmax", name="head"),
    ]


def sequential(seed=0):
    model = randomise(keras.Sequential([keras.Input((30, 3)), *conv_layers()], name="listed"), seed)
    return Case(model, series(3, 30, 3, seed), one_by_one(model))


def grown(seed=0):
    model = keras.Sequential(name="grown")
    model.add(keras.Input((30, 3)))
    for layer in conv_layers():
        model.add(layer)
    randomise(model, seed)
    return Case(model, series(2, 30, 3, seed), one_by_one(model))


def deferred(seed=0):
    """Never built: no Input, no call. Its weights come with the probe's first look."""
    model = keras.Sequential(conv_layers(), name="deferred")
    return Case(model, series(2, 30, 3, seed), one_by_one(model))


def dropout(seed=0):
    layers = [
        L.Conv1D(4, 3, name="conv"),
        L.Dropout(0.5, seed=1, name="drop"),
        L.GaussianNoise(1.0, seed=2, name="noise"),
        L.GlobalAveragePooling1D(name="gap"),
        L.Dense(2, name="head"),
    ]
    model = randomise(keras.Sequential([keras.Input((12, 2)), *layers], name="dropping"), seed)
    return Case(model, series(2, 12, 2, seed), one_by_one(model))


def separable(seed=0):
    layers = [
        L.DepthwiseConv1D(3, depth_multiplier=2, activation="tanh", name="depthwise"),
        L.SeparableConv1D(4, 3, padding="same", activation="relu", name="separable"),
        L.DepthwiseConv1D(4, strides=2, padding="same", name="strided"),
        L.SeparableConv1D(3, 2, strides=2, depth_multiplier=2, name="thin"),
        L.GlobalMaxPooling1D(name="pooled"),
    ]
    model = randomise(keras.Sequential([keras.Input((16, 3)), *layers], name="separable"), seed)
    return Case(model, series(2, 16, 3, seed), one_by_one(model))


def resampling(seed=0):
    layers = [
        L.ZeroPadding1D((2, 1), name="padded"),
        L.Conv1D(4, 4, strides=2, name="conv"),
        L.Conv1DTranspose(3, 3, strides=2, padding="same", activation="relu", name="transposed"),
        L.UpSampling1D(2, name="longer"),
        L.Cropping1D((1, 3), name="cropped"),
        L.Conv1DTranspose(2, 4, strides=3, name="valid"),
    ]
    model = randomise(keras.Sequential([keras.Input((13, 2)), *layers], name="resampling"), seed)
    return Case(model, series(2, 13, 2, seed), one_by_one(model))


def pooling(seed=0):
    """Each one-dimensional pooling; the global ones keep one step, so that more can follow."""
    layers = [
        L.MaxPooling1D(3, strides=1, name="max"),
        L.AveragePooling1D(2, name="average"),
        L.MaxPooling1D(2, strides=3, padding="same", name="max_same"),
        L.AveragePooling1D(3, strides=1, padding="same", name="average_same"),
        L.GlobalMaxPooling1D(keepdims=True, name="global_max"),
        L.GlobalAveragePooling1D(name="global_average"),
    ]
    model = randomise(keras.Sequential([keras.Input((24, 3)), *layers], name="pooling"), seed)
    return Case(model, series(2, 24, 3, seed), one_by_one(model))


def images(seed=0):
    layers = [
        L.Reshape((12, 4, 1), name="as_image"),
        L.Conv2D(3, (3, 2), name="conv2d"),
        L.GlobalAveragePooling2D(name="gap"),
    ]
    model = randomise(keras.Sequential([keras.Input((12, 4)), *layers], name="images"), seed)
    return Case(model, series(2, 12, 4, seed), one_by_one(model))


def channel_mixing(seed=0):
    """A convolution along time, then one across all channels, and back to a series."""
    layers = [
        L.Reshape((12, 4, 1), name="as_image"),
        L.Conv2D(3, (5, 1), activation="relu", name="along_time"),
        L.Conv2D(5, (1, 4), activation="elu", name="across_channels"),
        L.Reshape((8, 5), name="as_series"),
        L.Conv1D(3, 3, name="conv"),
        L.GlobalAveragePooling1D(name="gap"),
    ]
    model = randomise(keras.Sequential([keras.Input((12, 4)), *layers], name="channel_mixing"), seed)
    return Case(model, series(2, 12, 4, seed), one_by_one(model))


def image_pooling(seed=0):
    layers = [
        L.Reshape((16, 6, 1), name="as_image"),
        L.Conv2D(3, 3, padding="same", activation="relu", name="conv1"),
        L.MaxPooling2D((2, 3), name="max"),
        L.Conv2D(4, (2, 1), name="conv2"),
        L.AveragePooling2D((3, 2), strides=(2, 1), name="average"),
        L.Reshape((3, 4), name="as_series"),
        L.Flatten(name="flat"),
        L.Dense(2, activation="sigmoid", name="head"),
    ]
    model = randomise(keras.Sequential([keras.Input((16, 6)), *layers], name="image_pooling"), seed)
    return Case(model, series(2, 16, 6, seed), one_by_one(model))


BUILDERS = (
    sequential,
    grown,
    deferred,
    dropout,
    separable,
    resampling,
    pooling,
    images,
    channel_mixing,
    image_pooling,
)
