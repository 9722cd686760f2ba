"""Class activation maps on the layer's own axis: against closed forms of small nets, and plain loops of the papers."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

import tswidgets as tsw
from tests import attribution_reference as reference
from tests.models import case, in_gate, padded_series, randomise, series
from tests.probe.comparing import THREE_PARTS, assert_close
from tswidgets.analysis import cam

BY_GRADIENT = {
    "grad_cam": reference.grad_cam,
    "grad_cam_plus_plus": reference.grad_cam_plus_plus,
    "hires_cam": reference.hires_cam,
    "layer_cam": reference.layer_cam,
}
FAMILY = ["class_activation_map", *BY_GRADIENT, "score_cam"]
STEPS, FILTERS = 14, 4


def sequential(*layers, shape=(16, 3), seed=0, name=None):
    return randomise(keras.Sequential([keras.Input(shape), *layers], name=name), seed)


@cache
def averaging():
    """Convolution, ReLU, global average, softmax: (model, x)."""
    layers = [L.Conv1D(FILTERS, 3, name="conv"), L.ReLU(name="relu"), L.GlobalAveragePooling1D(name="gap")]
    return sequential(*layers, L.Dense(3, "softmax", name="head"), name="averaging"), series(3, 16, 3)


def activations(model, x, layer):
    return np.asarray(keras.Model(model.inputs[0], model.get_layer(layer).output)(x), np.float64)


# ------------------------------------------------------------------------------------- global average pooling by hand


def test_closed_forms_of_an_average():
    """Weights of the dense layer times activations: from this one all but Score-CAM follow."""
    model, x = averaging()
    kernel, bias = (np.asarray(weight, np.float64) for weight in model.get_layer("head").weights)
    a, logits = activations(model, x, "relu"), np.asarray(reference.linear_twin(model)(x))
    for target in range(3):
        by_class = a @ kernel[:, target]
        result = tsw.class_activation_map(model, x, target)
        assert_close(result.values, by_class)
        assert_close(result.values.mean(axis=1), logits[:, target] - bias[target])
        assert_close(result.score, logits[:, target])
        assert_close(tsw.grad_cam(model, x, target).values, np.maximum(by_class, 0) / STEPS)
        assert_close(tsw.hires_cam(model, x, target).values, by_class / STEPS)
        positive = a @ np.maximum(kernel[:, target], 0) / STEPS
        assert_close(tsw.layer_cam(model, x, target).values, positive)
        total, w = a.sum(axis=1), kernel[:, target] / STEPS
        weights = STEPS * np.maximum(w, 0) / (2 + total * w)
        assert_close(
            tsw.grad_cam_plus_plus(model, x, target).values, np.maximum(np.einsum("stf,sf->st", a, weights), 0), 1e-4
        )
    assert result.layer == "relu"
    assert (result.method, result.error) == ("class_activation_map", None)


def test_the_shape_of_what_comes_back():
    model, x = averaging()
    for method in FAMILY:
        batch, one = getattr(tsw, method)(model, x, 1), getattr(tsw, method)(model, x[1], 1)
        assert batch.values.shape == (3, STEPS)
        assert batch.on_input.shape == (3, 16)
        assert batch.absent.shape == (3, 16)
        assert one.values.shape == (STEPS,)
        assert one.on_input.shape == (16,)
        assert isinstance(one.score, float)
        assert_close(one.values, batch.values[1])
        assert batch.values.dtype == batch.on_input.dtype == np.float32
        assert len(batch.timeline) == STEPS
        assert batch.options == {"layer": "relu", "output": 0}
        fields = reference.fields_of(16, 3)
        assert_close(one.on_input, reference.projected(one.values, fields, 16))
        again = getattr(tsw, method)(model, x[1], one.target, **one.options)
        np.testing.assert_array_equal(again.values, one.values)


# ------------------------------------------------------------------------------------------------------ against loops


@cache
def flattening():
    layers = [L.Conv1D(FILTERS, 3, name="conv"), L.MaxPooling1D(2), L.Conv1D(3, 3, activation="relu"), L.Flatten()]
    return sequential(*layers, L.Dense(3, "sigmoid")), series(3, 16, 3)


NETS = {  # name → (model and x, layer, what is behind it, target)
    "average": (averaging, "relu", 2, 1),
    "flat": (flattening, "conv", 1, 2),
}


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("method", BY_GRADIENT)
def test_by_gradients(net, method):
    """Of any layer, and of gradients that differ from step to step."""
    found, layer, behind, target = NETS[net]
    model, x = found()
    twin = reference.linear_twin(model)
    until = keras.Model(twin.inputs[0], twin.get_layer(layer).output)

    def score(a):
        for one in twin.layers[behind:]:
            a = one(a)
        return a[:, target]

    result = getattr(tsw, method)(model, x, target, layer=layer)
    for values, one in zip(result.values, x, strict=True):
        a, g = reference.activations_and_gradients(until, score, one)
        assert_close(values, BY_GRADIENT[method](a, g), 1e-4)
    assert result.layer == layer
    assert result.values.any()


@pytest.mark.parametrize("bias", [0, [-5, 3, -5, 3]])
def test_score_cam(bias):
    """A run of the eager model for each filter's map, which is 0 to 1 over the steps that the layer sees, not the rest.

    Whether a filter is above zero or below does not matter: of one that is below, 0 is not what it marks.
    """
    x = series(2, 18, 3)
    model = sequential(
        L.Conv1D(FILTERS, 5, strides=5, name="conv"), L.Flatten(), L.Dense(3, "softmax"), shape=(18, 3), seed=1
    )
    model.get_layer("conv").bias.assign(np.broadcast_to(bias, FILTERS))
    score = reference.picking(reference.linear_twin(model), 1)
    result = tsw.score_cam(model, x, 1)
    for values, one, a in zip(result.values, x, activations(model, x, "conv"), strict=True):
        assert_close(values, reference.score_cam(score, one, a, reference.fields_of(18, 5, stride=5)), 1e-4)
    assert result.values.any(axis=1).all()
    assert_close(result.score, reference.scores(score, x))


def test_score_cam_weighs_filters_by_their_scores():
    """Where no map is negative, and none of the steps is without one."""
    model, x = averaging()
    score = reference.picking(reference.linear_twin(model), 2)
    result = tsw.score_cam(model, x, 2)
    for values, one, a in zip(result.values, x, activations(model, x, "relu"), strict=True):
        assert_close(values, reference.score_cam(score, one, a, reference.fields_of(16, 3)), 1e-4)


def test_many_filters_in_pieces(monkeypatch):
    model, x = averaging()
    whole = tsw.score_cam(model, x, 1)
    monkeypatch.setattr(cam, "AT_ONCE", 3 * x[0].nbytes)
    assert_close(tsw.score_cam(model, x, 1).values, whole.values)


def test_a_filter_and_a_step_as_targets():
    """Of a tap, and of an output for each step; a step sees itself and its neighbours alone."""
    found = case("shared")
    result = tsw.hires_cam(found.model, found.x, (5, 1), layer="shared")
    assert result.values.shape == (2, 16)
    assert result.values[:, 4:7].any(axis=0).all()
    assert not result.values[:, :3].any()
    assert not result.values[:, 8:].any()
    assert result.target == (5, 1)
    model, x = averaging()
    filter_map = tsw.hires_cam(model, x, (None, 2), layer="conv", output="relu")
    a = activations(model, x, "conv")[..., 2]
    assert_close(filter_map.values, np.where(a > 0, a, 0) / STEPS)


# ------------------------------------------------------------------------------------------------------- default layers


def inside(filters=4):
    return [
        L.Conv1D(filters, 3, name="conv1"),
        L.BatchNormalization(name="norm1"),
        L.ReLU(name="relu1"),
        L.MaxPooling1D(2, name="pool1"),
        L.Conv1D(filters, 3, name="conv2"),
        L.BatchNormalization(name="norm2"),
        L.ReLU(name="relu2"),
        L.Dropout(0.5, name="drop2"),
    ]


def per_step(*end):
    return sequential(L.Conv1D(4, 3, padding="same", name="conv"), L.ReLU(name="relu"), *end)


DEFAULTS = {
    "A": (lambda: sequential(*inside(), L.MaxPooling1D(2), L.Flatten(), L.Dense(2)), 1, "drop2"),
    "average": (lambda: averaging()[0], 1, "relu"),
    "one with its activation": (
        lambda: sequential(L.Conv1D(4, 3, activation="relu", name="conv"), L.Flatten(), L.Dense(2)),
        1,
        "conv",
    ),
    "LSTM of as many steps and units behind": (
        lambda: sequential(
            L.Conv1D(4, 3, padding="same", name="conv"),
            L.ReLU(name="relu"),
            L.LSTM(4, return_sequences=True),
            L.LSTM(2),
        ),
        1,
        "relu",
    ),
    "neither": (lambda: sequential(L.Dense(4, activation="tanh", name="dense"), L.Flatten(), L.Dense(2)), 1, "dense"),
}
LABELS = {  # an output for each step, whose last layers are behind what is explained
    "softmax as an argument": lambda: per_step(L.Conv1D(3, 1, activation="softmax", name="labels")),
    "softmax as a layer": lambda: per_step(L.Conv1D(3, 1, name="labels"), L.Softmax()),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_layer_by_default(name):
    """The last convolution with what follows step by step, else the last layer with a time axis."""
    build, target, layer = DEFAULTS[name]
    model, x = build(), series(2, 16, 3)
    result = tsw.grad_cam(model, x, target)
    assert result.layer == layer
    np.testing.assert_array_equal(result.values, tsw.grad_cam(model, x, target, layer=layer).values)


def test_the_layer_by_default_of_a_residual_net():
    """What the last sum was rectified to."""
    x = keras.Input((16, 3))
    h = L.ReLU()(L.Conv1D(4, 3, padding="same", name="conv1")(x))
    h = L.BatchNormalization()(L.Conv1D(4, 3, padding="same", name="conv2")(h))
    h = L.ReLU(name="sum")(L.Add()([h, L.Conv1D(4, 1, name="shortcut")(x)]))
    model = randomise(keras.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(h))))
    assert tsw.grad_cam(model, series(2, 16, 3), 0).layer == "sum"


@pytest.mark.parametrize("name", LABELS)
def test_the_layer_by_default_of_a_model_that_labels_each_step(name):
    """One that the score depends on, and not the probabilities that follow it."""
    model, x = LABELS[name](), series(2, 16, 3)
    for method in ("grad_cam", "hires_cam", "score_cam"):
        result = getattr(tsw, method)(model, x, (5, 0))
        assert result.layer in ("relu", "labels", "labels:pre-activation", "conv")
        assert result.values.shape == (2, 16)
    assert tsw.hires_cam(model, x, (5, 0)).values.any()


def test_the_layer_by_default_depends_on_the_output():
    """Of two branches that which leads to the output in question."""
    x = keras.Input((16, 3))
    left = L.ReLU(name="left")(L.Conv1D(4, 3, name="conv_left")(x))
    right = L.ReLU(name="right")(L.Conv1D(5, 3, name="conv_right")(x))
    ends = [L.Dense(2)(L.GlobalAveragePooling1D()(h)) for h in (left, right)]
    model, x = randomise(keras.Model(x, ends)), series(2, 16, 3)
    for output, name in enumerate(("left", "right")):
        for method in ("grad_cam", "class_activation_map"):
            result = getattr(tsw, method)(model, x, 1, output=output)
            assert result.layer == name, method
            assert result.values.any()


# ------------------------------------------------------------------------------- what is taken for an average over time


class OwnMean(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv, self.head = L.Conv1D(FILTERS, 3, activation="relu", name="conv"), L.Dense(2, name="head")

    def call(self, x):
        return self.head(tf.reduce_mean(self.conv(x), axis=1))


def subclassed():
    model = OwnMean()
    model(series(1, 16, 3))
    return randomise(model)


def functional(head):
    x = keras.Input((16, 3))
    return randomise(keras.Model(x, head(L.Conv1D(FILTERS, 3, activation="relu", name="conv")(x))))


AVERAGES = {
    "layer": lambda: functional(lambda h: L.Dense(2, name="head")(L.GlobalAveragePooling1D()(h))),
    "keras.ops": lambda: functional(lambda h: L.Dense(2, name="head")(keras.ops.mean(h, axis=1))),
    "TensorFlow": subclassed,
    "one window, flattened": lambda: functional(
        lambda h: L.Dense(2, name="head")(L.Flatten()(L.AveragePooling1D(STEPS)(h)))
    ),
    "kept axis": lambda: functional(
        lambda h: L.Dense(2, name="head")(L.Flatten()(L.GlobalAveragePooling1D(keepdims=True)(h)))
    ),
    "Dropout between": lambda: functional(
        lambda h: L.Dense(2, name="head")(L.Dropout(0.5)(L.GlobalAveragePooling1D()(L.SpatialDropout1D(0.5)(h))))
    ),
}


@pytest.mark.parametrize("name", in_gate(AVERAGES, "keras.ops", "TensorFlow", "kept axis"))
def test_an_average_in_any_form(name):
    """Found without being told the layer; the mean over time is the logit without its bias."""
    model, x = AVERAGES[name](), series(2, 16, 3)
    given = tsw.class_activation_map(model, x, 1, layer="conv")
    conv = model.conv if name == "TensorFlow" else model.get_layer("conv")
    a = np.asarray(conv(x), np.float64)
    weights, bias = (np.asarray(one, np.float64) for one in model.layers[-1].weights)
    assert_close(given.values, a @ weights[:, 1])
    assert_close(given.values.mean(axis=1) + bias[1], given.score)
    default = tsw.class_activation_map(model, x, 1)
    assert default.values.shape == (2, STEPS), f"{default.layer} has one step for all"
    assert_close(default.values, given.values)


def test_normalisation_between():
    """Behind the average or before it: each filter has its factor, and the layer's own mean is what counts."""
    for between in (
        [L.BatchNormalization(), L.GlobalAveragePooling1D()],
        [L.GlobalAveragePooling1D(), L.BatchNormalization()],
    ):
        model, x = sequential(L.Conv1D(FILTERS, 3, name="conv"), *between, L.Dense(2)), series(2, 16, 3)
        norm = next(layer for layer in between if isinstance(layer, L.BatchNormalization))
        gamma, _, _, variance = (np.asarray(one, np.float64) for one in norm.weights)
        weights = gamma / np.sqrt(variance + norm.epsilon) * np.asarray(model.layers[-1].kernel, np.float64)[:, 1]
        result = tsw.class_activation_map(model, x, 1, layer="conv")
        assert_close(result.values, activations(model, x, "conv") @ weights)


@cache
def masked_average():
    """A convolution that hands the mask on to the average: (model, padded series of 14, 11 and 8 of 14 steps)."""
    conv = L.Conv1D(FILTERS, 3, padding="same", activation="relu", name="conv")
    conv.supports_masking = True
    model = sequential(
        L.Masking(), conv, L.GlobalAveragePooling1D(name="gap"), L.Dense(2, "softmax", name="head"), shape=(None, 3)
    )
    return model, padded_series(3, 14, 3)


def test_a_masked_average():
    """Over the steps that are no padding, on which the map is exactly 0."""
    model, x = masked_average()
    padding = (x == 0).all(axis=-1)
    kernel, bias = (np.asarray(one, np.float64) for one in model.layers[-1].weights)
    a = np.asarray(model.get_layer("conv")(tf.constant(x)), np.float64)
    result = tsw.class_activation_map(model, x, 1)
    assert result.layer == "conv"
    assert_close(result.values, np.where(padding, 0, a @ kernel[:, 1]))
    means = [values[~absent].mean() for values, absent in zip(result.values, padding, strict=True)]
    assert_close(means, result.score - bias[1])
    grad = tsw.grad_cam(model, x, 1)
    n_steps = (~padding).sum(axis=1, keepdims=True)
    assert_close(grad.values, np.where(padding, 0, np.maximum(a @ kernel[:, 1], 0)) / n_steps)


REFUSED = {
    "Flatten": [L.Conv1D(4, 3, activation="relu"), L.Flatten(), L.Dense(2)],
    "largest": [L.Conv1D(4, 3, activation="relu"), L.GlobalMaxPooling1D(), L.Dense(2)],
    "largest of a window": [L.Conv1D(4, 3, name="conv"), L.MaxPooling1D(14), L.Flatten(), L.Dense(2)],
    "average of a part": [L.Conv1D(4, 3), L.Cropping1D((0, 4)), L.GlobalAveragePooling1D(), L.Dense(2)],
    "tanh behind": [L.Conv1D(4, 3), L.GlobalAveragePooling1D(), L.Dense(5, "tanh"), L.Dense(2)],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_average(name):
    model, x = sequential(*map(fresh, REFUSED[name])), series(2, 16, 3)
    layer = model.layers[0].name
    with pytest.raises(ValueError, match="average over time") as error:
        tsw.class_activation_map(model, x, 1, layer=layer)
    assert THREE_PARTS.match(str(error.value))


def fresh(layer):
    return type(layer).from_config(layer.get_config())


@pytest.mark.parametrize("n_units, seed", in_gate([(1, 0), (2, 0), (4, 1), (8, 5)], (1, 0), (8, 5)))
def test_a_rectified_layer_behind_an_average(n_units, seed):
    """Also where the same of its units answer to all series that are like the one in question."""
    layers = [L.Conv1D(4, 3, activation="relu", name="conv"), L.GlobalAveragePooling1D()]
    model = sequential(*layers, L.Dense(n_units, "relu"), L.Dense(2), seed=seed)
    with pytest.raises(ValueError, match="average over time") as error:
        tsw.class_activation_map(model, series(1, 16, 3), 0, layer="conv")
    assert THREE_PARTS.match(str(error.value))


# ---------------------------------------------------------------------------------------------------------- padding


@pytest.mark.parametrize("method", FAMILY)
def test_padding_is_exactly_zero(method):
    """On the layer's steps and on the input's; and it has no say in the rest."""
    model, x = masked_average()
    result = getattr(tsw, method)(model, x, 1)
    padding = (x == 0).all(axis=-1)
    np.testing.assert_array_equal(result.absent, padding)
    assert not result.values[padding].any()
    assert not result.on_input[padding].any()
    assert np.isfinite(result.on_input).all()
    assert result.values[~padding].any()
    n = int((~padding[2]).sum())
    bare = getattr(tsw, method)(model, x[2, :n], 1)
    assert_close(result.values[2, :n], bare.values, 1e-4)
    assert_close(result.on_input[2, :n], bare.on_input, 1e-4)


class LosingTheMask(keras.Model):
    """Its convolution sees the zeros of the padding, and answers to them."""

    def __init__(self):
        super().__init__()
        self.masking, self.head = L.Masking(), L.Dense(2)
        self.conv = L.Conv1D(FILTERS, 3, strides=2, name="conv")

    def call(self, x):
        h = self.conv(tf.identity(self.masking(x)))  # the copy carries no mask
        return self.head(tf.reduce_mean(h, axis=1))


def test_padding_that_a_layer_sees():
    """The layer's own steps have values there, the input's have none."""
    model, x = LosingTheMask(), padded_series(2, 14, 3)
    model(x)
    result = tsw.hires_cam(randomise(model), x, 1)
    padding = (x == 0).all(axis=-1)
    np.testing.assert_array_equal(result.absent, padding)
    assert result.values.all()
    assert not result.on_input[padding].any()
    fields = reference.fields_of(14, 3, stride=2)
    for values, placed, absent in zip(result.values, result.on_input, padding, strict=True):
        assert_close(placed[~absent], reference.projected(values, fields, 14)[~absent])


@pytest.mark.parametrize("method", in_gate(["grad_cam", "score_cam"], "grad_cam"))
def test_padding_of_an_lstm(method):
    """Its units are below zero as well as above: a 0 for padding would be one more value between them."""
    found = case("masked_lstm")
    padding = (found.x == 0).all(axis=-1)
    result = getattr(tsw, method)(found.model, found.x, 1)
    assert result.layer == "lstm1"
    assert not result.values[padding].any()
    assert not result.on_input[padding].any()
    n = int((~padding[2]).sum())
    bare = getattr(tsw, method)(found.model, found.x[2, :n], 1)
    assert_close(result.values[2, :n], bare.values, 1e-4)


# ------------------------------------------------------------------------------------------------------------- mistakes


def test_layers_without_a_time_axis():
    model, x = averaging()
    for method in FAMILY:
        for layer in ("gap", "head"):
            with pytest.raises(ValueError, match=rf"a layer with a time axis .*got '{layer}'.*'conv'") as error:
                getattr(tsw, method)(model, x, 1, layer=layer)
            assert THREE_PARTS.match(str(error.value))


def test_a_model_without_any():
    model, x = sequential(L.Flatten(), L.Dense(2), name="flat"), series(2, 16, 3)
    for method in FAMILY:
        with pytest.raises(ValueError, match="saliency or occlusion") as error:
            getattr(tsw, method)(model, x, 1)
        assert THREE_PARTS.match(str(error.value))


def test_unknown_layers():
    model, x = averaging()
    for method in FAMILY:
        with pytest.raises(ValueError, match=r"Did you mean 'conv'\?$") as error:
            getattr(tsw, method)(model, x, 1, layer="conv1")
        assert THREE_PARTS.match(str(error.value))


def test_layers_behind_what_is_explained():
    """The score does not depend on them; said so, and not as a map of zeros."""
    model, x = averaging()
    with pytest.raises(ValueError, match="differentiated by 'relu'") as error:
        tsw.grad_cam(model, x, (3, 1), layer="relu", output="conv")
    assert THREE_PARTS.match(str(error.value))


@pytest.mark.parametrize("target", [3, -4, (0, 1), "walk", 1.0])
def test_targets_that_are_none(target):
    model, x = averaging()
    with pytest.raises(ValueError, match="target") as error:
        tsw.grad_cam(model, x, target)
    assert THREE_PARTS.match(str(error.value))


def test_score_cam_takes_one_input_of_numbers():
    found = case("lists")
    with pytest.raises(ValueError, match="one input") as error:
        tsw.score_cam(found.model, found.x, 1, output=1)
    assert THREE_PARTS.match(str(error.value))
    layers = [L.Embedding(7, 3, name="embedding"), L.GlobalAveragePooling1D(), L.Dense(2)]
    model = randomise(keras.Sequential([keras.Input((6,), dtype="int32"), *layers], name="tokens"))
    x = np.array([[3, 1, 2, 6, 0, 0]])
    with pytest.raises(ValueError) as error:
        tsw.score_cam(model, x, 1)  # half of a token is another token
    assert THREE_PARTS.match(str(error.value))
    kernel = np.asarray(model.layers[-1].kernel)
    assert_close(tsw.class_activation_map(model, x, 1).values, np.asarray(model.layers[0](x)) @ kernel[:, 1])


def test_the_model_is_left_as_it_was():
    model, x = averaging()
    before = [np.array(np.asarray(one)) for one in [*model.weights, x]]
    for method in FAMILY:
        getattr(tsw, method)(model, x, 1)
    for old, new in zip(before, [*model.weights, x], strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
