"""Models and layers of the user's own."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

from tests.models.build import Calls, Case, arrays, one_by_one, randomise, series


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
        call = Calls()
        x = call(model.mix, call(model.convs[0], x))
        x = call(model.mix, call(model.convs[1], x), name="mix#2")
        call(model.head, np.asarray(x).mean(axis=1))
        return arrays(call)

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
        call = Calls()
        h = np.asarray(call(model.conv, x))
        call(model.up if h.mean() > 0 else model.down, h)
        return arrays(call)

    return Case(model, x, expected)


class Residual(keras.Model):
    """Arithmetic on plain tensors between the layers: no layer, no tap."""

    def __init__(self, name="residual"):
        super().__init__(name=name)
        self.conv = L.Conv1D(3, 3, padding="same", activation="relu", name="conv")
        self.mix = L.Conv1D(3, 1, name="mix")
        self.head = L.Dense(2, activation="softmax", name="head")

    def call(self, x):
        x = x + self.conv(x)
        x = tf.nn.relu(x[:, 2:-1] - 0.5 * self.mix(x)[:, 1:-2])
        return self.head(x[:, -1])


def call_residual(model, call, x, prefix=""):
    """The calls of a `Residual`, with NumPy in between."""
    x = np.asarray(x)
    x = x + np.asarray(call(model.conv, x, name=f"{prefix}conv"))
    x = np.maximum(x[:, 2:-1] - 0.5 * np.asarray(call(model.mix, x, name=f"{prefix}mix"))[:, 1:-2], 0)
    return call(model.head, x[:, -1], name=f"{prefix}head")


def plain_tensors(seed=0):
    model, x = Residual(), series(2, 12, 3, seed)
    model(x)
    randomise(model, seed)

    def expected(x):
        call = Calls()
        call_residual(model, call, x)
        return arrays(call)

    return Case(model, x, expected)


def subclassed_inside(seed=0):
    """A subclassed model as a layer of a functional one."""
    block = Residual(name="block")
    x = keras.Input((12, 3))
    before = L.BatchNormalization(name="norm")
    after = L.Dense(2, name="head")
    model = randomise(keras.Model(x, after(block(before(x))), name="subclassed_inside"), seed)

    def expected(x):
        call = Calls()
        call["block"] = inside = call_residual(block, call, call(before, x), "block/")
        call(after, inside)
        return arrays(call)

    return Case(model, series(2, 12, 3, seed), expected)


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


class Scaling(keras.Layer):
    """A weight for each channel, and an activation that the user may choose."""

    def __init__(self, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x):
        return self.activation(x * self.scale)


def own_activation(seed=0):
    """Layers of the user's own that are given activations, one of them none."""
    scaling, plain = Scaling("relu", name="scaling"), Scaling(name="plain")
    gate = Scaling(lambda x: x * keras.ops.sigmoid(x), name="gate")
    model = randomise(keras.Sequential([keras.Input((8, 3)), scaling, plain, gate], name="own_activation"), seed)

    def expected(x):
        call = Calls()
        x = call(plain, call(scaling, x, before=x * np.asarray(scaling.scale)))
        call(gate, x, before=np.asarray(x) * np.asarray(gate.scale))
        return arrays(call)

    return Case(model, series(2, 8, 3, seed), expected)


class Splitting(keras.Layer):
    """Returns a dict."""

    def call(self, x):
        trend = keras.ops.mean(x, axis=1, keepdims=True)
        return {"trend": trend, "rest": x - trend}


def dict_layer(seed=0):
    """The entries of a dict are counted in Keras' order: by name."""
    split = Splitting(name="split")
    conv, head = L.Conv1D(4, 3, activation="relu", name="conv"), L.Dense(2, name="head")
    x = keras.Input((10, 3))
    parts = split(x)
    model = randomise(keras.Model(x, [head(parts["trend"]), conv(parts["rest"])], name="dict_layer"), seed)

    def expected(x):
        call = Calls()
        parts = call(split, x)
        call(conv, parts["rest"])
        call(head, parts["trend"])
        return arrays(call)

    return Case(model, series(2, 10, 3, seed), expected)


class InItsOwnGraph(keras.Layer):
    """Its `call` is a graph of its own; a layer inside it belongs to that graph."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = L.Conv1D(3, 3, padding="same", activation="relu", name="inside")

    def build(self, shape):
        self.inside.build(shape)

    @tf.function
    def call(self, x):
        return self.inside(x) + 1


def inner_function(seed=0):
    """Of what happens in a `tf.function` only its answer comes out."""
    layers = [L.Conv1D(3, 3, activation="relu", name="conv"), InItsOwnGraph(name="own"), L.Dense(2, name="head")]
    model = randomise(keras.Sequential([keras.Input((10, 2)), *layers], name="inner_function"), seed)
    return Case(model, series(2, 10, 2, seed), one_by_one(model))


BUILDERS = (
    subclassed,
    data_dependent,
    plain_tensors,
    subclassed_inside,
    custom,
    overriding,
    own_activation,
    dict_layer,
    inner_function,
)
