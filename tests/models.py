"""Small models with random weights, each with a sample batch and a way to its layers' outputs that needs no hook."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L


@dataclass(eq=False)
class Case:
    """A model, a batch for it, and `expected(x)`: tap name → ndarray for every tap, by calling the layers by hand."""

    model: keras.Model
    x: Any
    expected: Callable[[Any], dict[str, np.ndarray]]


def randomise(model, seed=0):
    """Random weights everywhere, also where Keras starts with 0 and 1: biases and the statistics of BatchNorm."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if any(part in weight.path for part in ("moving_variance", "gamma")):
            value = rng.uniform(0.5, 1.5, weight.shape)
        else:
            value = rng.normal(0, 0.4, weight.shape)
        weight.assign(value.astype("float32"))
    return model


def series(n_samples, n_timesteps, n_channels, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, n_timesteps, n_channels)).astype("float32")


def arrays(tensors):
    return {name: np.asarray(tensor) for name, tensor in tensors.items()}


def one_by_one(model):
    """Call the layers of a Sequential one after the other."""

    def expected(x):
        found = {}
        for layer in model.layers:
            x = layer(x, training=False)
            found[layer.name] = x
        return arrays(found)

    return expected


def views(model, tensors):
    """Sub-model of a functional model that returns the given symbolic tensors."""
    view = keras.Model(model.input, tensors)
    return lambda x: arrays(view(x, training=False))


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


def dag(seed=0):
    x = keras.Input((20, 3), name="series")
    a = L.Conv1D(4, 3, padding="same", activation="relu", name="a")(x)
    b = L.Conv1D(4, 5, padding="causal", name="b")(x)
    added = L.Add(name="added")([a, b])
    joined = L.Concatenate(name="joined")([added, x])
    skip = L.Conv1D(7, 1, name="skip")(x)
    product = L.Multiply(name="product")([joined, skip])
    pooled = L.GlobalMaxPooling1D(name="pooled")(product)
    head = L.Dense(2, name="head")(pooled)
    model = randomise(keras.Model(x, head, name="dag"), seed)
    tensors = {
        "a": a,
        "b": b,
        "added": added,
        "joined": joined,
        "skip": skip,
        "product": product,
        "pooled": pooled,
        "head": head,
    }
    return Case(model, series(2, 20, 3, seed), views(model, tensors))


def conv_lstm(seed=0):
    layers = [
        L.Conv1D(4, 8, padding="same", activation="relu", name="conv"),
        L.LSTM(5, return_sequences=True, name="lstm"),
        L.Dense(1, activation="sigmoid", name="per_step"),
    ]
    model = randomise(keras.Sequential([keras.Input((None, 3)), *layers], name="labeller"), seed)
    return Case(model, series(2, 15, 3, seed), one_by_one(model))


def padded_series(n_samples, n_timesteps, n_channels, seed=0):
    """Series of different lengths, padded by zeros at the end."""
    x = series(n_samples, n_timesteps, n_channels, seed)
    for i in range(n_samples):
        x[i, n_timesteps - 2 - 3 * i :] = 0
    return x


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
        masked = model.masking(x)
        h = model.lstm(masked)
        return arrays({"masking": masked, "lstm": h, "head": model.head(h)})

    return Case(model, x, expected)


def gru(seed=0):
    layers = [
        L.GRU(5, return_sequences=True, name="gru1"),
        L.GRU(4, reset_after=False, return_sequences=True, go_backwards=True, name="gru2"),
        L.SimpleRNN(3, name="rnn"),
    ]
    model = randomise(keras.Sequential([keras.Input((12, 3)), *layers], name="gru"), seed)
    return Case(model, series(2, 12, 3, seed), one_by_one(model))


def bidirectional(seed=0):
    layers = [
        L.Bidirectional(L.LSTM(3, return_sequences=True, name="cell"), name="both"),
        L.Bidirectional(L.GRU(2), name="last"),
    ]
    model = randomise(keras.Sequential([keras.Input((10, 2)), *layers], name="bidirectional"), seed)

    def expected(x):
        """Each direction is a layer too; the backward one answers in the order in which it reads."""
        found = {}
        for layer in layers:
            found[f"{layer.name}/{layer.forward_layer.name}"] = layer.forward_layer(x)
            found[f"{layer.name}/{layer.backward_layer.name}"] = layer.backward_layer(x)
            x = found[layer.name] = layer(x)
        return arrays(found)

    return Case(model, series(2, 10, 2, seed), expected)


def nested(seed=0):
    encoder = keras.Sequential(
        [keras.Input((20, 3)), L.Conv1D(4, 3, activation="relu", name="conv1"), L.MaxPooling1D(2, name="pool")],
        name="encoder",
    )
    x = keras.Input((20, 3))
    code = encoder(x)
    after = L.Conv1D(2, 3, name="conv1")(code)  # the same name as inside: the path tells them apart
    model = randomise(keras.Model(x, L.GlobalAveragePooling1D(name="gap")(after), name="nested"), seed)

    def expected(x):
        conv = encoder.layers[0](x)
        pool = encoder.layers[1](conv)
        after = model.get_layer("conv1")(pool)
        names = {"encoder/conv1": conv, "encoder/pool": pool, "encoder": pool, "conv1": after}
        return arrays({**names, "gap": model.get_layer("gap")(after)})

    return Case(model, series(2, 20, 3, seed), expected)


def shared(seed=0):
    conv = L.Conv1D(3, 3, padding="same", activation="tanh", name="shared")
    x = keras.Input((16, 3))
    once = conv(x)
    twice = conv(once)
    merged = L.Add(name="merged")([once, twice])
    model = randomise(keras.Model(x, merged, name="shared_twice"), seed)
    return Case(model, series(2, 16, 3, seed), views(model, {"shared": once, "shared#2": twice, "merged": merged}))


class Looping(keras.Model):
    """Layers kept in a list and called in a Python loop, one of them again and again."""

    def __init__(self):
        super().__init__(name="looping")
        self.convs = [L.Conv1D(4, 3, padding="same", activation="relu", name=f"conv{i}") for i in range(2)]
        self.mix = L.Conv1D(4, 1, name="mix")
        self.head = L.Dense(2, name="head")

    def call(self, x, training=False):
        for conv in self.convs:
            x = self.mix(conv(x))
        return self.head(keras.ops.mean(x, axis=1))


def subclassed(seed=0):
    model, x = Looping(), series(2, 12, 3, seed)
    model(x)
    randomise(model, seed)

    def expected(x):
        first = model.convs[0](x)
        first_mix = model.mix(first)
        second = model.convs[1](first_mix)
        second_mix = model.mix(second)
        head = model.head(np.asarray(second_mix).mean(axis=1))
        return arrays({"conv0": first, "mix": first_mix, "conv1": second, "mix#2": second_mix, "head": head})

    return Case(model, x, expected)


class Deciding(keras.Model):
    """Python that depends on the data: cannot be compiled."""

    def __init__(self):
        super().__init__(name="deciding")
        self.conv = L.Conv1D(3, 3, name="conv")
        self.up = L.Dense(2, name="up")
        self.down = L.Dense(2, name="down")

    def build(self, shape):
        self.conv.build(shape)
        self.up.build((None, None, 3))
        self.down.build((None, None, 3))

    def call(self, x):
        h = self.conv(x)
        return self.up(h) if float(keras.ops.mean(h)) > 0 else self.down(h)


def data_dependent(seed=0):
    model, x = Deciding(), series(2, 12, 3, seed)
    model(x)
    randomise(model, seed)

    def expected(x):
        h = np.asarray(model.conv(x))
        name = "up" if h.mean() > 0 else "down"
        return arrays({"conv": h, name: getattr(model, name)(h)})

    return Case(model, x, expected)


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


class Cumulating(keras.Layer):
    """A layer of the user's own: nobody can know what its steps see."""

    def call(self, x):
        return tf.cumsum(x, axis=1)


class Reversing(L.Conv1D):
    """A Conv1D in name only."""

    def call(self, x):
        return super().call(x[:, ::-1])


def custom(seed=0):
    layers = [
        L.Conv1D(3, 3, name="conv"),
        Cumulating(name="cumulated"),
        L.ReLU(name="relu"),
        L.GlobalMaxPooling1D(name="pooled"),
    ]
    model = randomise(keras.Sequential([keras.Input((12, 2)), *layers], name="custom"), seed)
    return Case(model, series(2, 12, 2, seed), one_by_one(model))


def overriding(seed=0):
    layers = [Reversing(3, 3, name="reversed"), L.Dense(2, name="per_step")]
    model = randomise(keras.Sequential([keras.Input((12, 2)), *layers], name="overriding"), seed)
    return Case(model, series(2, 12, 2, seed), one_by_one(model))


def images(seed=0):
    layers = [
        L.Reshape((12, 4, 1), name="as_image"),
        L.Conv2D(3, (3, 2), name="conv2d"),
        L.GlobalAveragePooling2D(name="gap"),
    ]
    model = randomise(keras.Sequential([keras.Input((12, 4)), *layers], name="images"), seed)
    return Case(model, series(2, 12, 4, seed), one_by_one(model))


ODD_NAMES = ("a layer", "größe µ 层", "<b>bold&", "x:1", "x#2", "'); alert(1)")


def odd_names(seed=0):
    """Keras lets a layer be called anything without a slash; TensorFlow takes most of these for no scope."""
    layers = [L.Dense(2, name=name) for name in ODD_NAMES]
    model = randomise(keras.Sequential([keras.Input((8, 2)), *layers], name="odd names"), seed)
    return Case(model, series(2, 8, 2, seed), one_by_one(model))


def several_outputs(seed=0):
    """Two inputs and two outputs in dicts, and a layer that returns three tensors."""
    a, b = keras.Input((9, 2), name="a"), keras.Input((9, 3), name="b")
    both = L.Concatenate(name="both")([a, b])
    h, last_h, last_c = L.LSTM(4, return_sequences=True, return_state=True, name="lstm")(both)
    steps = L.Dense(1, name="steps")(h)
    label = L.Dense(3, name="label")(last_c)
    model = randomise(keras.Model({"a": a, "b": b}, {"label": label, "steps": steps}, name="several"), seed)
    tensors = {"both": both, "lstm": h, "lstm:1": last_h, "lstm:2": last_c, "steps": steps, "label": label}
    view = keras.Model({"a": a, "b": b}, tensors)
    x = {"a": series(2, 9, 2, seed), "b": series(2, 9, 3, seed + 1)}
    return Case(model, x, lambda x: arrays(view(x, training=False)))


def embedding(seed=0):
    layers = [
        L.Embedding(7, 3, mask_zero=True, name="embedding"),
        L.LSTM(4, return_sequences=True, name="lstm"),
        L.Dense(2, name="per_step"),
    ]
    model = randomise(keras.Sequential([keras.Input((None,), dtype="int32"), *layers], name="tokens"), seed)
    x = np.array([[3, 1, 2, 6, 0, 0], [5, 5, 1, 2, 3, 0]], "int32")
    return Case(model, x, one_by_one(model))


CASES = {
    build.__name__: build
    for build in (
        sequential,
        grown,
        deferred,
        dag,
        conv_lstm,
        masked_lstm,
        masked_subclassed,
        gru,
        bidirectional,
        nested,
        shared,
        subclassed,
        data_dependent,
        dropout,
        custom,
        overriding,
        images,
        odd_names,
        several_outputs,
        embedding,
    )
}


@cache
def case(name):
    """One live model for all tests that only look; whoever changes a model builds it with `CASES[name]()`."""
    return CASES[name]()


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
