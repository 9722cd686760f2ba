"""Functional models: branches, several inputs and outputs, shared and nested layers, operations between layers."""

import keras
from keras import layers as L
from keras import ops

from tests.models.build import Calls, Case, arrays, one_by_one, randomise, series, views


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
        call = Calls()
        conv = call(encoder.layers[0], x, name="encoder/conv1")
        call["encoder"] = pool = call(encoder.layers[1], conv, name="encoder/pool")
        call(model.get_layer("gap"), call(model.get_layer("conv1"), pool))
        return arrays(call)

    return Case(model, series(2, 20, 3, seed), expected)


def three_deep(seed=0):
    """A Sequential in a Sequential in a Sequential."""
    inner = keras.Sequential([L.Conv1D(3, 3, activation="relu", name="conv"), L.ReLU(name="relu")], name="inner")
    middle = keras.Sequential([L.Conv1D(4, 3, name="conv"), inner, L.MaxPooling1D(2, name="pool")], name="middle")
    head = L.Dense(2, activation="tanh", name="head")
    model = randomise(keras.Sequential([keras.Input((14, 2)), middle, head], name="outer"), seed)

    def expected(x):
        call = Calls()
        h = call(middle.layers[0], x, name="middle/conv")
        for layer in inner.layers:
            h = call(layer, h, name=f"middle/inner/{layer.name}")
        call["middle/inner"] = h
        call["middle"] = h = call(middle.layers[2], h, name="middle/pool")
        call(head, h)
        return arrays(call)

    return Case(model, series(2, 14, 2, seed), expected)


def shared(seed=0):
    conv = L.Conv1D(3, 3, padding="same", activation="tanh", name="shared")
    x = keras.Input((16, 3))
    once = conv(x)
    twice = conv(once)
    merged = L.Add(name="merged")([once, twice])
    model = randomise(keras.Model(x, merged, name="shared_twice"), seed)
    return Case(model, series(2, 16, 3, seed), views(model, {"shared": once, "shared#2": twice, "merged": merged}))


def several_outputs(seed=0):
    """Two inputs and two outputs in dicts, and a layer that returns three tensors."""
    a, b = keras.Input((9, 2), name="a"), keras.Input((9, 3), name="b")
    both = L.Concatenate(name="both")([a, b])
    h, last_h, last_c = L.LSTM(4, return_sequences=True, return_state=True, name="lstm")(both)
    steps = L.Dense(1, name="steps")(h)
    label = L.Dense(3, name="label")(last_c)
    model = randomise(keras.Model({"a": a, "b": b}, {"label": label, "steps": steps}, name="several"), seed)
    tensors = {"both": both, "lstm": h, "lstm:1": last_h, "lstm:2": last_c, "steps": steps, "label": label}
    x = {"a": series(2, 9, 2, seed), "b": series(2, 9, 3, seed + 1)}
    return Case(model, x, views(model, tensors))


def lists(seed=0):
    """Two inputs of different lengths and two outputs, in lists."""
    fast, slow = keras.Input((12, 2), name="fast"), keras.Input((6, 3), name="slow")
    conv = L.Conv1D(4, 3, strides=2, padding="same", activation="relu", name="conv")(fast)
    joined = L.Concatenate(name="joined")([conv, slow])
    steps = L.Dense(1, activation="sigmoid", name="steps")(joined)
    label = L.Dense(3, activation="softmax", name="label")(L.GlobalMaxPooling1D(name="pooled")(joined))
    model = randomise(keras.Model([fast, slow], [steps, label], name="lists"), seed)
    return Case(model, [series(2, 12, 2, seed), series(2, 6, 3, seed + 1)], views(model))


def operations(seed=0):
    """Plain arithmetic, indexing and functions of `keras.ops`: each is a tap, called as Keras calls it."""
    x = keras.Input((10, 3))
    a = L.Conv1D(3, 3, padding="same", activation="relu", name="conv")(x)
    b = ops.exp(-(a + x))
    joined = ops.concatenate([a, b * 2], axis=-1)
    head = L.Dense(2, activation="tanh", name="head")(joined[:, -1])
    total = ops.mean(joined[:, 2:8:2], axis=1)
    model = randomise(keras.Model(x, [head, total], name="operations"), seed)
    return Case(model, series(2, 10, 3, seed), views(model))


def lambdas(seed=0):
    layers = [
        L.Lambda(lambda x: x[:, ::2] - ops.mean(x, axis=1, keepdims=True), name="centred"),
        L.Conv1D(3, 3, activation="relu", name="conv"),
        L.Lambda(lambda x: ops.max(x, axis=1), name="largest"),
    ]
    model = randomise(keras.Sequential([keras.Input((12, 3)), *layers], name="lambdas"), seed)
    return Case(model, series(2, 12, 3, seed), one_by_one(model))


ODD_NAMES = ("a layer", "größe µ 层", "<b>bold&", "x:1", "x#2", "<script>", "back\\slash", "'); alert(1)")


def odd_names(seed=0):
    """Keras lets a layer be called anything without a slash; TensorFlow takes most of these for no scope."""
    layers = [L.Dense(2, name=name) for name in ODD_NAMES]
    model = randomise(keras.Sequential([keras.Input((8, 2)), *layers], name="odd names"), seed)
    return Case(model, series(2, 8, 2, seed), one_by_one(model))


BUILDERS = (dag, nested, three_deep, shared, several_outputs, lists, operations, lambdas, odd_names)
