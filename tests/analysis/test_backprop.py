"""Guided backpropagation against gradients written by hand; DeepLIFT against the rescale rule in NumPy."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

import tswidgets as tsw
from tests import attribution_reference as reference
from tests.models import case, padded_series, randomise, series
from tests.probe.comparing import THREE_PARTS, assert_close
from tests.reference import relu, sigmoid
from tswidgets.probe import batches

METHODS = ("guided_backprop", "deep_lift")
ALPHA = np.array([0.3, -0.2, 0.1, 0.6], "float32")


def sequential(*layers, shape=(16, 3), seed=0, **options):
    return randomise(keras.Sequential([keras.Input(shape), *layers], **options), seed)


# ----------------------------------------------------------------------------------------------- guided backpropagation


def prelu():
    return L.PReLU(shared_axes=[1], alpha_initializer=lambda shape, dtype=None: ALPHA.reshape(shape))


def leaky(slope):
    return lambda x: tf.where(x > 0, x, slope * x)


def elu(alpha):
    return lambda x: tf.where(x > 0, x, alpha * (tf.exp(tf.minimum(x, 0.0)) - 1))


def silu(x):
    return x / (1 + tf.exp(-x))


def gelu(x):
    return x * (1 + tf.math.erf(x / np.float32(np.sqrt(2)))) / 2


def softplus(x):
    return tf.math.log(1 + tf.exp(x))


RELU = leaky(0.0)
KINDS = {  # name → (activation= of a convolution, what follows it, the function itself)
    "by name": ("relu", None, RELU),
    "Keras' function": (keras.activations.relu, None, RELU),
    "TensorFlow's function": (tf.nn.relu, None, RELU),
    "a layer as the argument": (L.LeakyReLU(negative_slope=0.2), None, leaky(0.2)),
    "leaky_relu": ("leaky_relu", None, leaky(0.2)),
    "gelu": ("gelu", None, gelu),
    "silu": ("silu", None, silu),
    "hard_silu": ("hard_silu", None, lambda x: x * tf.clip_by_value(x / 6 + 0.5, 0, 1)),
    "elu": ("elu", None, elu(1.0)),
    "softplus": ("softplus", None, softplus),
    "ReLU": (None, lambda: L.ReLU(), RELU),
    "ReLU with arguments": (
        None,
        lambda: L.ReLU(max_value=0.5, negative_slope=0.1),
        lambda x: tf.minimum(leaky(0.1)(x), 0.5),
    ),
    "LeakyReLU": (None, lambda: L.LeakyReLU(negative_slope=0.4), leaky(0.4)),
    "PReLU": (None, prelu, lambda x: tf.where(x > 0, x, ALPHA * x)),
    "ELU": (None, lambda: L.ELU(0.7), elu(0.7)),
    "Activation": (None, lambda: L.Activation("relu"), RELU),
    "Activation gelu": (None, lambda: L.Activation("gelu"), gelu),
    "ops.relu": (None, lambda: keras.ops.relu, RELU),
    "ops.silu": (None, lambda: keras.ops.silu, silu),
    "tanh": ("tanh", None, None),
    "sigmoid": (None, lambda: L.Activation("sigmoid"), None),
    "softmax": ("softmax", None, None),
}
PLAIN = {"tanh": tf.tanh, "sigmoid": tf.sigmoid, "softmax": tf.nn.softmax}
ROWS = [tuple(KINDS)[i : i + 6] for i in range(0, len(KINDS), 6)]


@pytest.mark.parametrize("kinds", ROWS, ids=", ".join)
def test_every_rectifier(kinds):
    """Several in a row: what comes from above and is negative stops, at these and at no other function."""
    x = h = keras.Input((12, 3))
    convs = []
    for kind in kinds:
        activation, following, _ = KINDS[kind]
        convs.append(L.Conv1D(4, 2, activation=activation))
        h = convs[-1](h) if following is None else following()(convs[-1](h))
    head = L.Dense(3, "softmax")
    model = keras.Model(x, head(L.Flatten()(h)))
    for layer in (*convs, head):
        randomise(layer)

    def score(x):
        h = x
        for kind, conv in zip(kinds, convs, strict=True):
            h = tf.nn.conv1d(h, conv.kernel.value, 1, "VALID") + conv.bias.value
            h = reference.guided(KINDS[kind][2])(h) if KINDS[kind][2] else PLAIN[kind](h)
        return (tf.reshape(h, [len(x), -1]) @ head.kernel.value + head.bias.value)[:, 1]

    x = series(3, 12, 3)
    result = tsw.guided_backprop(model, x, 1)
    assert_close(result.values, reference.gradient(score, x), 1e-4)
    assert_close(result.score, reference.scores(score, x), 1e-4)
    assert np.abs(result.values).max() > 1e-3
    assert (result.method, result.error, result.options) == ("guided_backprop", None, {"output": 0})
    if not any(KINDS[kind][2] for kind in kinds):
        assert_close(result.values, tsw.saliency(model, x, 1).values)


def test_by_every_way_through_a_net():
    """A shared layer twice, a nested model, a sum and a wrapper: each rectifier on each way."""
    conv, inner = L.Conv1D(3, 3, padding="same", activation="relu"), L.Dense(3, activation="relu")
    nested = keras.Sequential([keras.Input((10, 3)), inner, L.ReLU()])
    each = L.TimeDistributed(L.Dense(4, activation="relu"))
    x = keras.Input((10, 3))
    once = conv(x)
    h = L.Flatten()(each(L.Add()([nested(conv(once)), once])))
    model = randomise(keras.Model(x, L.Dense(2)(h)))
    guided = reference.guided(RELU)

    def convolved(h):
        return guided(tf.nn.conv1d(h, conv.kernel.value, 1, "SAME") + conv.bias.value)

    def dense(layer, h):
        return h @ layer.kernel.value + layer.bias.value

    def score(x):
        once = convolved(x)
        h = guided(guided(dense(inner, convolved(once)))) + once
        h = guided(dense(each.layer, h))
        return dense(model.layers[-1], tf.reshape(h, [len(x), -1]))[:, 0]

    x = series(2, 10, 3)
    assert_close(tsw.guided_backprop(model, x, 0).values, reference.gradient(score, x), 1e-4)


class Own(keras.Model):
    """A function in the model's own code, between two layers."""

    def __init__(self, function):
        super().__init__(name="own")
        self.conv, self.head, self.function = L.Conv1D(4, 3, name="conv"), L.Dense(2, name="head"), function

    def call(self, x):
        return self.head(tf.reduce_mean(self.function(self.conv(x)), axis=1))


LOOSE = {
    "tf.nn.relu": tf.nn.relu,
    "keras.ops.relu": keras.ops.relu,
    "tf.nn.leaky_relu": tf.nn.leaky_relu,
    "tf.nn.elu": tf.nn.elu,
    "tf.nn.softplus": tf.nn.softplus,
    "tf.nn.silu": tf.nn.silu,
    "tf.nn.gelu": tf.nn.gelu,
    "tf.maximum": lambda x: tf.maximum(x, 0.0),
    "inside a tf.function": tf.function(lambda x: tf.nn.relu(x)),
}


@pytest.mark.parametrize("name", LOOSE)
def test_rectifiers_in_a_models_own_code(name):
    """They cannot be covered, and are named rather than passed over."""
    model, x = Own(LOOSE[name]), series(2, 12, 3)
    model(x)
    with pytest.raises(ValueError, match=r"ReLU-like .*; got one in the model's own code, 'own.*'\. Put it") as error:
        tsw.guided_backprop(randomise(model), x, 0)
    assert THREE_PARTS.match(str(error.value))


def test_functions_that_are_no_rectifiers_in_a_models_own_code():
    model, x = Own(tf.nn.tanh), series(2, 12, 3)
    model(x)
    guided, plain = (getattr(tsw, name)(randomise(model), x, 0).values for name in ("guided_backprop", "saliency"))
    np.testing.assert_array_equal(guided, plain)


def test_a_lambda_and_a_function_of_ones_own():
    for layers in (
        [L.Conv1D(4, 3), L.Lambda(lambda x: tf.nn.relu(x), name="mine")],
        [L.Conv1D(4, 3, activation=lambda x: tf.nn.relu(x), name="mine")],
    ):
        model = sequential(*layers, L.Flatten(), L.Dense(2))
        with pytest.raises(ValueError, match=r"got one in the model's own code, '.*mine.*'") as error:
            tsw.guided_backprop(model, series(2, 16, 3), 0)
        assert THREE_PARTS.match(str(error.value))


RECURRENT = {
    "LSTM": lambda: L.LSTM(3, activation="relu", name="inside"),
    "recurrent activation": lambda: L.LSTM(3, recurrent_activation="relu", name="inside"),
    "Bidirectional": lambda: L.Bidirectional(L.GRU(3, activation="relu"), name="inside"),
    "cells": lambda: L.RNN([L.SimpleRNNCell(3), L.SimpleRNNCell(3, activation="relu")], name="inside"),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_rectifiers_inside_recurrent_layers(name):
    model = sequential(RECURRENT[name](), L.Dense(2), shape=(5, 3))
    with pytest.raises(ValueError, match="got the activation 'relu' inside 'inside'") as error:
        tsw.guided_backprop(model, series(2, 5, 3), 0)
    assert THREE_PARTS.match(str(error.value))


def test_rectifiers_that_the_score_does_not_depend_on():
    """One that cannot be covered is no hindrance on the way to another output."""
    x = keras.Input((12, 3))
    h = L.Conv1D(4, 3, activation="relu")(x)
    other = L.Lambda(lambda x: tf.nn.relu(x))(h)
    ends = [L.Dense(2)(L.Flatten()(one)) for one in (h, other)]
    model, x = randomise(keras.Model(x, ends)), series(2, 12, 3)
    assert tsw.guided_backprop(model, x, 0, output=0).values.any()
    with pytest.raises(ValueError, match="own code"):
        tsw.guided_backprop(model, x, 0, output=1)


def test_a_model_that_runs_step_by_step():
    found = case("data_dependent")
    with pytest.raises(ValueError, match="step by step") as error:
        tsw.guided_backprop(found.model, found.x, (2, 1))
    assert THREE_PARTS.match(str(error.value))


# ------------------------------------------------------------------------------------------------------------- DeepLIFT


@cache
def mixed():
    """Convolutions of every padding, normalisation, maxima that overlap, one over all: (model, its rescale rule)."""
    layers = [
        L.Conv1D(4, 4, strides=2, padding="same", name="conv1"),
        L.BatchNormalization(name="norm"),
        L.ReLU(),
        L.MaxPooling1D(3, strides=2, padding="same"),
        L.Conv1D(5, 2, dilation_rate=2, padding="causal", activation="tanh", name="conv2"),
        L.MaxPooling1D(2, strides=3),
        L.Conv1D(3, 2, activation="sigmoid", name="conv3"),
        L.GlobalMaxPooling1D(),
        L.Dense(4, activation="relu", name="dense"),
        L.Dense(3, activation="softmax", name="head"),
    ]
    model = sequential(*layers, shape=(30, 3), name="mixed")
    weights = {layer.name: [np.asarray(one) for one in layer.weights] for layer in model.layers}
    rectify = reference.rescale_function(relu, lambda z: (z > 0).astype(float))
    rule = reference.Rescale(
        reference.rescale_conv(*weights["conv1"], stride=2, padding="same"),
        reference.rescale_norm(*weights["norm"]),
        rectify,
        reference.rescale_max(3, 2, "same"),
        reference.rescale_conv(*weights["conv2"], dilation=2, padding="causal"),
        reference.rescale_function(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
        reference.rescale_max(2, 3),
        reference.rescale_conv(*weights["conv3"]),
        reference.rescale_function(sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
        reference.rescale_over_time(reference.rescale_max(2, 2)),
        reference.rescale_dense(*weights["dense"]),
        rectify,
        reference.rescale_dense(*weights["head"]),
    )
    return model, rule


BASELINES = {"zero": 0.0, "number": 0.5, "mean": "mean", "array": series(1, 30, 3, seed=8)[0], "row": [1.0, -0.5, 0.0]}


@pytest.mark.parametrize("name", BASELINES)
def test_the_rescale_rule(name):
    """Backwards through a net of all kinds of layers, in NumPy."""
    (model, rule), x, baseline = mixed(), series(3, 30, 3), BASELINES[name]
    for target in range(3):
        result = tsw.deep_lift(model, x, target, baseline=baseline)
        for i, one in enumerate(x):
            values, change = rule.values(one, one.mean(axis=0) if name == "mean" else baseline, target)
            assert_close(values.sum(), change, 1e-9)
            assert_close(result.values[i], values, 1e-4)
        assert (result.error < 1e-3).all()
    assert result.method == "deep_lift"
    assert result.options["output"] == 0
    np.testing.assert_array_equal(result.options["baseline"], baseline)


def test_a_filter_as_target():
    """Of a layer in the middle, with its activation: as the change of a score it is complete as well."""
    (model, _), x = mixed(), series(3, 30, 3)
    result = tsw.deep_lift(model, x, (2, 1), output="conv2")
    until = keras.Model(model.inputs[0], model.get_layer("conv2").output)
    change = np.asarray(until(x))[:, 2, 1] - np.asarray(until(np.zeros_like(x)))[:, 2, 1]
    assert_close(result.values.sum(axis=(1, 2)), change, 1e-4)
    assert not result.values[:, 20:].any()


COMPLETE = {
    "activations": lambda: sequential(
        *(L.Conv1D(4, 3, padding="same", activation=one) for one in ("gelu", "silu", "elu", "selu")),
        *(L.Conv1D(4, 3, padding="same", activation=one) for one in ("tanh", "sigmoid", "softplus", "leaky_relu")),
        L.Flatten(),
        L.Dense(2),
    ),
    "layers": lambda: sequential(
        *(
            L.SeparableConv1D(4, 2),
            L.LeakyReLU(),
            L.AveragePooling1D(2),
            L.PReLU(),
            L.ZeroPadding1D(1),
            L.UpSampling1D(2),
        ),
        *(
            L.Conv1DTranspose(4, 3, strides=2),
            L.BatchNormalization(),
            L.ELU(),
            L.Cropping1D(1),
            L.TimeDistributed(L.Dense(3, "tanh")),
        ),
        *(L.DepthwiseConv1D(2), L.Flatten(), L.Dense(2)),
    ),
    "maxima": lambda: sequential(
        *(L.MaxPooling1D(3, strides=1), L.Conv1D(4, 3), L.MaxPooling1D(4, strides=3, padding="same")),
        *(L.Conv1D(4, 2), L.MaxPooling1D(2, strides=1, padding="same"), L.GlobalMaxPooling1D(keepdims=True)),
        *(L.Flatten(), L.Dense(2)),
    ),
    "pictures": lambda: sequential(
        *(L.Reshape((16, 3, 1)), L.Conv2D(3, 3, padding="same", activation="relu")),
        *(L.MaxPooling2D((3, 2), strides=(2, 1), padding="same"), L.Conv2D(3, (2, 1)), L.MaxPooling2D((2, 3))),
        *(L.Flatten(), L.Dense(2)),
    ),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_completeness(name):
    """The values add up to the change of the score, which the eager model tells."""
    model, x = COMPLETE[name](), series(4, 16, 3)
    for baseline in (0.0, "mean"):
        result = tsw.deep_lift(model, x, 1, baseline=baseline)
        start = np.zeros_like(x) if baseline == 0.0 else np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape)
        change = np.asarray(model(x))[:, 1] - np.asarray(model(start))[:, 1]
        assert np.abs(change).max() > 1e-3
        assert_close(result.values.sum(axis=(1, 2)), change, 1e-4)
        missed = np.abs(result.values.sum(axis=(1, 2), dtype=np.float64) - change) / np.abs(change)
        np.testing.assert_allclose(result.error, missed, atol=1e-3)
        assert (result.error < 1e-3).all()


@pytest.mark.parametrize("name", ["nested", "lists"])
def test_completeness_of_other_architectures(name):
    found = case(name)
    target, output = {"lists": (1, 1)}.get(name, (1, 0))
    result = tsw.deep_lift(found.model, found.x, target, output=output)
    assert (result.error < 1e-4).all()


HEADS = {  # what ends a model in a sigmoid, which is taken off
    "Activation": lambda h: L.Activation("sigmoid")(L.Dense(1)(h)),
    "ops": lambda h: keras.ops.sigmoid(L.Dense(1)(h)),
    "TensorFlow": lambda h: L.Dense(1, tf.nn.sigmoid)(h),
    "then Reshape": lambda h: L.Reshape((1, 1))(L.Dense(1, "sigmoid")(h)),
    "TimeDistributed": lambda h: L.TimeDistributed(L.Dense(1, "sigmoid"))(L.Reshape((1, -1))(h)),
    "half precision": lambda h: L.Activation("sigmoid", dtype="float32")(L.Dense(1, dtype="mixed_float16")(h)),
}


@pytest.mark.parametrize("name", HEADS)
def test_the_logit_before_a_last_sigmoid(name):
    """And not the probability, however the model is written."""
    x = keras.Input((8, 2))
    h = L.Flatten()(L.Conv1D(3, 3, activation="relu")(x))
    model, x = randomise(keras.Model(x, HEADS[name](h))), series(2, 8, 2)
    conv, kernel = model.layers[1], next(one for one in model.weights[::-1] if one.path.endswith("kernel"))
    logits = np.asarray(conv(x)).reshape(2, -1) @ np.asarray(kernel)
    at_zero = np.asarray(conv(np.zeros_like(x))).reshape(2, -1) @ np.asarray(kernel)
    tolerance = 5e-3 if name == "half precision" else 1e-4
    result = tsw.deep_lift(model, x)
    assert_close(result.values.sum(axis=(1, 2)), (logits - at_zero)[:, 0], tolerance)
    assert (result.error < (0.02 if name == "half precision" else 1e-4)).all()


REFUSED = {
    "LSTM": (lambda h: L.LSTM(3, name="no_rule")(h), "LSTM"),
    "MultiHeadAttention": (
        lambda h: L.Flatten()(L.MultiHeadAttention(1, 2, name="no_rule")(h, h)),
        "MultiHeadAttention",
    ),
    "Multiply": (lambda h: L.Flatten()(L.Multiply(name="no_rule")([h, L.Conv1D(4, 1)(h)])), "Multiply"),
    "×": (lambda h: L.Flatten()(h * L.Conv1D(4, 1)(h)), "Multiply"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_layers_without_a_rule(name):
    """Those that multiply signals with each other."""
    build, kind = REFUSED[name]
    x = keras.Input((6, 3))
    model = randomise(keras.Model(x, L.Dense(2)(build(L.Conv1D(4, 1)(x)))))
    with pytest.raises(ValueError, match=f"DeepLIFT has a rule; got '.*', a.? ({kind})") as error:
        tsw.deep_lift(model, series(2, 6, 3), 0)
    assert THREE_PARTS.match(str(error.value))


def test_signals_that_do_not_move_have_no_share():
    """Where series and baseline are the same, and where they differ by next to nothing."""
    (model, _), x = mixed(), series(1, 30, 3)[0]
    assert not tsw.deep_lift(model, x, 1, baseline=x).values.any()
    half = x.copy()
    half[:15] = 0
    values = tsw.deep_lift(model, x, 1, baseline=half).values
    assert not values[15:].any()
    assert values[:15].any()
    assert np.isfinite(tsw.deep_lift(model, x, 1, baseline=x * (1 + 1e-7)).values).all()


# --------------------------------------------------------------------------------------------- what both have in common


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_its_series_one_by_one(method):
    (model, _), x, target = mixed(), series(3, 30, 3), np.array([2, 0, 1])
    whole = getattr(tsw, method)(model, x, target)
    np.testing.assert_array_equal(whole.target, target)
    for i, one in enumerate(x):
        alone = getattr(tsw, method)(model, one, int(target[i]))
        assert_close(alone.values, whole.values[i])
        assert alone.score == pytest.approx(float(whole.score[i]), rel=1e-5)
        assert alone.error is None or isinstance(alone.error, float)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_takes_few_rows_at_a_time(method, monkeypatch):
    """As one does whose layers are long: a series and its baseline still go together."""
    x = series(3, 16, 3)
    layers = [L.Conv1D(4, 3, activation="relu"), L.GlobalMaxPooling1D(), L.Dense(2)]
    expected = getattr(tsw, method)(sequential(*layers), x, 1).values
    monkeypatch.setattr(batches, "rows_at_once", lambda *_: 1)
    layers = [L.Conv1D(4, 3, activation="relu"), L.GlobalMaxPooling1D(), L.Dense(2)]
    assert_close(getattr(tsw, method)(sequential(*layers), x, 1).values, expected)


@pytest.mark.parametrize("method", METHODS)
def test_padding_is_exactly_zero(method):
    """And DeepLIFT is complete without it."""
    conv = L.Conv1D(4, 3, padding="same", activation="relu")
    conv.supports_masking = True
    layers = [L.Masking(), conv, L.GlobalAveragePooling1D(), L.Dense(2, "softmax")]
    model, x = sequential(*layers, shape=(None, 3)), padded_series(3, 14, 3)
    padding = (x == 0).all(axis=-1)
    for options in [{}] if method == "guided_backprop" else [{}, {"baseline": 0.7}, {"baseline": "mean"}]:
        result = getattr(tsw, method)(model, x, 1, **options)
        np.testing.assert_array_equal(result.absent, padding)
        assert not result.values[padding].any()
        assert result.values[~padding].any()
        assert result.error is None or (result.error < 1e-4).all()
        bare = getattr(tsw, method)(model, x[2, :6], 1, **options)
        assert_close(result.values[2, :6], bare.values)


@pytest.mark.parametrize("size", [2, 3])
def test_a_model_built_for_a_batch_size(size):
    """A series and its baseline fit in, or it is said that they do not."""
    inputs = keras.Input(batch_shape=(size, 16, 3))
    h = L.Flatten()(L.Conv1D(4, 3, activation="relu")(inputs))
    model, x = randomise(keras.Model(inputs, L.Dense(2)(h))), series(4, 16, 3)
    if size % 2:
        with pytest.raises(ValueError, match=f"batches of {size}") as error:
            tsw.deep_lift(model, x, 1)
        assert THREE_PARTS.match(str(error.value))
    else:
        result = tsw.deep_lift(model, x, 1)
        change = [np.asarray(model(x[i : i + 2]))[:, 1] - np.asarray(model(np.zeros_like(x[:2])))[:, 1] for i in (0, 2)]
        assert_close(result.values.sum(axis=(1, 2)), np.concatenate(change), 1e-4)


BAD = [
    ("guided_backprop", {"target": 3}, "target"),
    ("guided_backprop", {"target": (0, 1)}, "target"),
    ("guided_backprop", {"output": "conv_1"}, "Did you mean 'conv1'"),
    ("deep_lift", {"target": 3}, "target"),
    ("deep_lift", {"baseline": "median"}, "baseline"),
    ("deep_lift", {"baseline": np.nan}, "baseline"),
    ("deep_lift", {"baseline": np.zeros((29, 3))}, "baseline"),
]


@pytest.mark.parametrize("method, options, word", BAD, ids=[f"{one[0]} {k} {one[-1]}" for k, one in enumerate(BAD)])
def test_bad_input(method, options, word):
    with pytest.raises(ValueError, match=word) as error:
        getattr(tsw, method)(mixed()[0], series(2, 30, 3), **{"target": 1, **options})
    assert THREE_PARTS.match(str(error.value)), str(error.value)


@pytest.mark.parametrize("method", METHODS)
def test_bad_series(method):
    model, x = mixed()[0], series(2, 30, 3)
    for given in (x[0, 0], x[None], x[:, :, :1], x[:, :9]):
        with pytest.raises(ValueError) as error:
            getattr(tsw, method)(model, given, 1)
        assert THREE_PARTS.match(str(error.value)), str(error.value)
    tokens = keras.Sequential([keras.Input((6,), dtype="int32"), L.Embedding(7, 3), L.Flatten(), L.Dense(2)])
    with pytest.raises(ValueError, match="int") as error:
        getattr(tsw, method)(tokens, np.array([[1, 2, 3, 4, 5, 6]]), 1)
    assert THREE_PARTS.match(str(error.value))


def test_the_model_is_left_as_it_was():
    model, x = mixed()[0], series(2, 30, 3)
    before = [np.array(np.asarray(one)) for one in [*model.weights, x]]
    activations = [getattr(layer, "activation", None) for layer in model.layers]
    for method in METHODS:
        getattr(tsw, method)(model, x, 1)
    for old, new in zip(before, [*model.weights, x], strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
    assert [getattr(layer, "activation", None) for layer in model.layers] == activations
    x = tf.constant(x)
    with tf.GradientTape() as tape:  # the model's own gradient is what it was
        tape.watch(x)
        score = reference.linear_twin(model)(x)[:, 1]
    assert_close(tsw.saliency(model, x.numpy(), 1).values, tape.gradient(score, x), 1e-4)
