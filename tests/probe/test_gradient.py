"""The gradient of one number: against finite differences, and against an eager tape on layers called by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L
from keras import ops

from tests.models import CASES, Deciding, case, in_gate, randomise, series
from tests.probe.comparing import THREE_PARTS, assert_close, probe_of
from tswidgets.probe import Probe, batches


def tape(function, *points):
    """(score, its gradient by each point) of what a function makes of them."""
    points = [tf.constant(point) for point in points]
    with tf.GradientTape() as recorded:
        recorded.watch(points)
        score = function(*points)
    return score, *recorded.gradient(score, points, unconnected_gradients="zero")


def linear(model):
    """The layers of a Sequential, the last without its activation."""
    *layers, last = model.layers
    twin = type(last).from_config({**last.get_config(), "activation": None})
    twin.build(last.input.shape)
    twin.set_weights(last.get_weights())
    return [*layers, twin]


def run(layers, x, mask=None):
    for layer in layers:
        if mask is not None:
            x._keras_mask = tf.constant(mask)
        x, mask = layer(x, training=False), None
    return x


# ------------------------------------------------------------------------------------------------- finite differences

SMOOTH = {  # model → (tap that is the score, target, as an index)
    "conv_lstm": ("per_step:pre-activation", (9, 0)),
    "gru": ("rnn", (1,)),
    "bidirectional": ("last", (-1,)),
    "encoder_decoder": ("forecast", (2, 1)),
    "transformer": ("head:pre-activation", (0,)),
    "causal_transformer": ("head:pre-activation", (2,)),
    "attention": ("head:pre-activation", (4, 1)),
    "normalisation": ("layer_over_time", (3, 2)),
}


@pytest.mark.parametrize("name", in_gate(SMOOTH, "conv_lstm", "encoder_decoder", "causal_transformer", "normalisation"))
def test_finite_differences(name):
    """Each entry of the input moved up and down by itself."""
    found, (tap, target), step = case(name), SMOOTH[name], 1e-2
    x = found.x[:1]
    moves = step * np.eye(x.size, dtype="float32").reshape(-1, *x.shape[1:])
    values = found.expected(np.concatenate([x + moves, x - moves, x]))[tap][(slice(None), *target)]
    differences = (values[: x.size] - values[x.size : -1]).reshape(x.shape) / (2 * step)
    output = {"output": tap} if name == "attention" else {}  # there a tanh is the last, and that is no logit
    result = probe_of(name).gradient(np.repeat(x, 2, axis=0), target, **output)
    assert result.values.shape == (2, *x.shape[1:])
    assert_close(result.values[:1], differences, 5e-3)
    assert_close(result.values[1:], result.values[:1])
    assert_close(result.score, values[-1:].repeat(2))
    assert result.absent is None


# ------------------------------------------------------------------------------------------------------- which number


def means(value, target):
    for index in target:
        value = tf.reduce_mean(value, axis=1) if index is None else value[:, index]
    return value


TARGETS = [(3, 1), (-2, -1), (None, 1), (4, None), (None, None), (np.int64(3), np.int32(0))]


@pytest.mark.parametrize(
    "target", [pytest.param(one, marks=[pytest.mark.slow] * (i % 3 == 0)) for i, one in enumerate(TARGETS)]
)
def test_step_and_class(target):
    """Of an output per step; None is the mean over an axis, and negative numbers count from the end."""
    found = case("attention")
    score, gradient = tape(lambda x: means(found.model(x), target), found.x)
    result = probe_of("attention").gradient(found.x, target)
    assert_close(result.score, score)
    assert_close(result.values, gradient)


@pytest.mark.parametrize("target", [2, -1, (4,), (None,), np.array([5, 0, 3]), np.array([[1], [-2], [1]])])
def test_class(target):
    """Of a softmax: the logit, and not the probability, whose gradient is another."""
    found = case("sequential")
    picked = [target] if isinstance(target, int) else target

    def score(layers):
        def function(x):
            y = run(layers, x)
            return (
                means(y, picked)
                if not isinstance(picked, np.ndarray)
                else tf.gather(y, np.ravel(picked % 6), axis=1, batch_dims=1)
            )

        return function

    logit, gradient = tape(score(linear(found.model)), found.x)
    result = probe_of("sequential").gradient(found.x, target)
    assert_close(result.score, logit)
    assert_close(result.values, gradient)
    _, of_probability = tape(score(found.model.layers), found.x)
    assert np.abs(result.values - of_probability).max() > 0.1 * np.abs(gradient).max()


def test_one_number_for_each_sample():
    found, target = case("attention"), np.array([[3, 1], [-1, 0]])
    result = probe_of("attention").gradient(found.x, target)
    for k, (step, unit) in enumerate(target):
        alone = probe_of("attention").gradient(found.x[k : k + 1], (int(step), int(unit)))
        assert_close(result.values[k], alone.values[0])
        assert_close(result.score[k], alone.score[0])


def test_the_default_is_the_largest_class_or_the_only_number():
    found = case("sequential")
    largest = np.asarray(found.model(found.x)).argmax(axis=1)
    probe = probe_of("sequential")
    result, named = probe.gradient(found.x), probe.gradient(found.x, largest)
    np.testing.assert_array_equal(result.score, named.score)
    np.testing.assert_array_equal(result.values, named.values)

    model = randomise(keras.Sequential([keras.Input((6, 2)), L.Flatten(), L.Dense(1, "sigmoid")]))
    x = series(3, 6, 2)
    result = Probe(model).gradient(x)
    assert_close(result.score, run(linear(model), tf.constant(x))[:, 0])
    assert_close(result.values, np.broadcast_to(model.layers[-1].kernel.numpy().reshape(6, 2), x.shape))
    for other in (0, -1, (0,), np.zeros(3, int)):
        np.testing.assert_array_equal(Probe(model).gradient(x, other).values, result.values)


def test_an_axis_of_length_one_needs_no_index():
    """The default is then the largest along the other axis."""
    found, probe = case("conv_lstm"), probe_of("conv_lstm")
    assert_close(probe.gradient(found.x).score, probe.logits(found.x).max(axis=(1, 2)))
    with_class, without = probe.gradient(found.x, (7, 0)), probe.gradient(found.x, 7)
    np.testing.assert_array_equal(with_class.values, without.values)
    assert with_class.score.shape == without.score.shape == (2,)


def test_a_number_of_a_tap():
    """One filter at one step, or the mean over steps; by default the largest of its units."""
    found, probe = case("sequential"), probe_of("sequential")
    for target in ((3, 1), (None, 2)):
        score, gradient = tape(lambda x, at=target: means(run(found.model.layers[:5], x), at), found.x)
        result = probe.gradient(found.x, target, output="conv2")
        assert_close(result.score, score)
        assert_close(result.values, gradient)
    result, probabilities = probe.gradient(found.x, output="head"), np.asarray(found.model(found.x))
    assert_close(result.score, probabilities.max(axis=1))
    past = probe.gradient(found.x, (3, 1), "conv3", output="conv2")
    assert not past.values.any(), "what comes later has no influence"


def test_which_output():
    """By its number, from the end too, and by the tap that it is."""
    found, probe = case("lists"), probe_of("lists")
    joined = probe.observe(found.x)["joined"]
    weights, bias = (np.asarray(part) for part in found.model.get_layer("label").weights)
    logits = joined.max(axis=1) @ weights + bias
    for number in (1, -1):
        assert_close(probe.gradient(found.x, 2, output=number).score, logits[:, 2])
    assert_close(probe.gradient(found.x, output=1).score, logits.max(axis=1))
    steps = found.model.get_layer("steps")
    per_step = joined @ np.asarray(steps.kernel) + np.asarray(steps.bias)
    assert_close(probe.gradient(found.x, 4).score, per_step[:, 4, 0])
    assert_close(probe.gradient(found.x, 4, output="steps").score, 1 / (1 + np.exp(-per_step[:, 4, 0])))


# ------------------------------------------------------------------------------------------------------------- by what


@pytest.mark.parametrize("tap", ["conv1", "relu", "pool2", "flat", "head:pre-activation", "head"])
def test_by_a_tap(tap):
    found, probe = case("sequential"), probe_of("sequential")
    values, names = probe.observe(found.x)[tap], [layer.name for layer in found.model.layers]
    following = linear(found.model)[names.index(tap) + 1 :] if tap in names else []
    score, gradient = tape(lambda h: run(following, h)[:, 4], values)
    result = probe.gradient(found.x, 4, tap)
    assert_close(result.values, gradient if tap != "head" else 0 * values)
    assert_close(result.score, score if tap != "head" else probe.logits(found.x)[:, 4])


def test_by_a_call_of_a_shared_layer_and_by_a_layer_inside():
    found, layer = case("shared"), case("shared").model.get_layer("shared")
    once = probe_of("shared").observe(found.x)["shared"]
    _, gradient = tape(lambda h: (h + layer(h))[:, 5, 1], once)
    assert_close(probe_of("shared").gradient(found.x, (5, 1), "shared").values, gradient)
    _, gradient = tape(lambda h: (once + h)[:, 5, 1], once)
    assert_close(probe_of("shared").gradient(found.x, (5, 1), "shared#2").values, gradient)

    found = case("nested")
    inside = probe_of("nested").observe(found.x)["encoder/conv1"]
    following = [found.model.get_layer("encoder").layers[1], *found.model.layers[-2:]]
    _, gradient = tape(lambda h: run(following, h)[:, 1], inside)
    assert_close(probe_of("nested").gradient(found.x, 1, "encoder/conv1").values, gradient)


@pytest.mark.parametrize(
    "name, inner", in_gate([("masked_lstm", "lstm1"), ("masked_subclassed", "lstm")], ("masked_lstm", "lstm1"))
)
def test_padding_is_absent(name, inner):
    """It has no gradient, and is marked: by the input, and by a layer that carries the mask."""
    found, padding = case(name), (case(name).x == 0).all(axis=-1)
    target = 1 if name == "masked_lstm" else (3, 1)
    layers = linear(found.model) if name == "masked_lstm" else found.model.layers
    _, gradient = tape(lambda x: means(run(layers, x), np.atleast_1d(target)), found.x)
    for wrt in ("input", "masking", inner):
        result = probe_of(name).gradient(found.x, target, wrt)
        np.testing.assert_array_equal(result.absent, padding)
        assert wrt == inner or not result.values[padding].any()
        if wrt != inner:
            assert_close(result.values, gradient)
    assert np.abs(gradient).max() > 1e-4


def test_numbers_that_stand_for_words():
    """There is no gradient by an index; by what the Embedding makes of it there is."""
    found, probe = case("embedding"), probe_of("embedding")
    with pytest.raises(ValueError, match=r"floating-point numbers .*; got an input of dtype int32\. .*Embedding"):
        probe.gradient(found.x, (2, 1))
    following, present = found.model.layers[1:], found.x != 0
    values = probe.observe(found.x)["embedding"]
    score, gradient = tape(lambda h: run(following, h, present)[:, 5, 1], values)
    result = probe.gradient(found.x, (5, 1), "embedding")
    assert_close(result.values, gradient)
    assert_close(result.score, score)
    np.testing.assert_array_equal(result.absent, ~present)


def test_several_inputs_have_gradients_in_their_structure():
    found = case("several_outputs")
    output = probe_of("several_outputs").output_names.index("steps")
    result = probe_of("several_outputs").gradient(found.x, 4, output=output)
    _, a, b = tape(lambda a, b: found.model({"a": a, "b": b})["steps"][:, 4, 0], found.x["a"], found.x["b"])
    assert set(result.values) == {"a", "b"}
    assert_close(result.values["a"], a)
    assert_close(result.values["b"], b)
    found = case("lists")
    fast, slow = probe_of("lists").gradient(found.x, 1, output=1).values
    assert (fast.shape, slow.shape) == (found.x[0].shape, found.x[1].shape)


def test_a_batch_in_pieces(monkeypatch):
    """Every sample keeps its own target; the structure of several inputs, too."""
    found, several, target = case("attention"), case("lists"), np.array([[3, 1], [-1, 0], [0, 0], [8, 1], [2, 1]])
    x = series(5, 9, 3, seed=3)
    whole, inputs = probe_of("attention").gradient(x, target), probe_of("lists").gradient(several.x, output=1)
    masked, padded = case("masked_lstm"), probe_of("masked_lstm").gradient(case("masked_lstm").x, 1)
    sizes = []
    monkeypatch.setattr(batches, "rows_at_once", lambda *_: 2)
    monkeypatch.setattr(
        batches, "joined", lambda parts, joined=batches.joined: sizes.append(len(parts)) or joined(parts)
    )
    pieces = Probe(found.model).gradient(x, target)
    assert_close(pieces.values, whole.values)
    assert_close(pieces.score, whole.score)
    assert sizes == [3]
    pieces = Probe(masked.model).gradient(masked.x, 1)
    np.testing.assert_array_equal(pieces.absent, padded.absent)
    monkeypatch.setattr(batches, "rows_at_once", lambda *_: 1)
    for part, expected in zip(Probe(several.model).gradient(several.x, output=1).values, inputs.values, strict=True):
        assert_close(part, expected)


# -------------------------------------------------------------------------------------------------------------- logits

HEADS = {  # what ends a model of shape (8, 4), given `squash`, which may be left out
    "softmax as an argument": lambda h, s: L.Dense(3, "softmax" if s else None)(L.Flatten()(h)),
    "sigmoid as an argument": lambda h, s: L.Dense(3, "sigmoid" if s else None)(L.Flatten()(h)),
    "Keras' function": lambda h, s: L.Dense(3, keras.activations.softmax if s else None)(h),
    "a function of TensorFlow's": lambda h, s: L.Dense(3, tf.nn.softmax if s else None)(h),
    "a layer as the argument": lambda h, s: L.Dense(3, L.Softmax() if s else None)(h),
    "convolution": lambda h, s: L.Conv1D(3, 2, activation="softmax" if s else None)(h),
    "Activation": lambda h, s: L.Activation("softmax" if s else "linear")(L.Dense(3)(h)),
    "Activation sigmoid": lambda h, s: L.Activation("sigmoid" if s else "linear")(L.Dense(3)(h)),
    "Softmax": lambda h, s: L.Softmax()(L.Dense(3)(h)) if s else L.Dense(3)(h),
    "Softmax over time": lambda h, s: L.Softmax(axis=1)(L.Dense(1)(h)) if s else L.Dense(1)(h),
    "ops.softmax": lambda h, s: ops.softmax(L.Dense(3)(h)) if s else L.Dense(3)(h),
    "ops.sigmoid": lambda h, s: ops.sigmoid(L.Dense(3)(h)) if s else L.Dense(3)(h),
    "TimeDistributed": lambda h, s: L.TimeDistributed(L.Dense(3, "softmax" if s else None))(h),
    "then Reshape": lambda h, s: L.Reshape((3, 8))(L.Dense(3, "sigmoid" if s else None)(h)),
    "then Flatten": lambda h, s: L.Flatten()(L.Dense(1, "sigmoid" if s else None)(h)),
    "then Dropout": lambda h, s: L.Dropout(0.5)(L.Dense(3, "softmax" if s else None)(h)),
    "inside another model": lambda h, s: keras.Sequential([L.Flatten(), L.Dense(3, "softmax" if s else None)])(h),
    "half precision": lambda h, s: L.Dense(3, "softmax" if s else None, dtype="mixed_float16")(h),
    "half precision, then float32": lambda h, s: L.Activation("softmax" if s else "linear", dtype="float32")(
        L.Dense(3, dtype="mixed_float16")(h)
    ),
}


def headed(head, squash):
    x = keras.Input((8, 2))
    return randomise(keras.Model(x, head(L.Conv1D(4, 3, padding="same", activation="tanh")(x), squash)))


@pytest.mark.parametrize(
    "kind",
    in_gate(
        HEADS,
        "softmax as an argument",
        "sigmoid as an argument",
        "a function of TensorFlow's",
        "Activation",
        "Softmax over time",
        "ops.softmax",
        "TimeDistributed",
        "then Dropout",
        "inside another model",
        "half precision, then float32",
    ),
)
def test_logits_are_what_goes_into_the_last_softmax_or_sigmoid(kind):
    """The same model without it has them as its output; they, and no probabilities, are what is differentiated."""
    model, twin, x = headed(HEADS[kind], True), headed(HEADS[kind], False), series(2, 8, 2)
    tolerance = 2e-3 if "half" in kind else 1e-5
    assert np.abs(np.asarray(model(x)) - np.asarray(twin(x))).max() > 0.1
    probe = Probe(model)
    assert_close(probe.logits(x), twin(x), tolerance)
    target = (1,) * (len(twin.output.shape) - 2) + (0,)
    score, gradient = tape(lambda x: tf.cast(means(twin(x), target), tf.float32), x)
    result = probe.gradient(x, target)
    assert result.values.dtype == result.score.dtype == np.float32
    assert_close(result.score, score, tolerance)
    assert_close(result.values, gradient, 5 * tolerance)


@pytest.mark.parametrize("name", ["several_outputs", "gru", "attention", "activation_layers", "unet", "lists"])
def test_logits_of_other_models(name):
    """In the model's own structure; without a last softmax or sigmoid they are the output."""
    found = case(name)
    logits, answer = probe_of(name).logits(found.x), found.model(found.x)
    assert keras.tree.map_structure(lambda _: 0, logits) == keras.tree.map_structure(lambda _: 0, answer)
    squashing = {"lists": [tf.sigmoid, tf.nn.softmax], "unet": [tf.nn.softmax], "activation_layers": [tf.nn.softmax]}
    functions = squashing.get(name, [tf.identity, tf.identity])
    flat = keras.tree.flatten(logits)
    for function, logit, y in zip(functions, flat, keras.tree.flatten(answer), strict=False):
        assert_close(function(logit), y)
        assert name not in squashing or np.abs(logit - y).max() > 0.1


@pytest.mark.parametrize("squash", [L.Softmax(), ops.softmax, tf.nn.sigmoid], ids=["Softmax", "ops", "TensorFlow"])
def test_logits_of_a_model_that_cannot_be_compiled(squash):
    """Keras leaves the logits on its results; what TensorFlow's own function was given cannot be seen."""

    class Squashing(Deciding):
        def call(self, x):
            return squash(super().call(x))

    model, x = Squashing(), series(2, 12, 3)
    model(x)
    probe = Probe(randomise(model), x)
    assert probe.eager_because
    expected = model(tf.constant(x)) if squash is tf.nn.sigmoid else Deciding.call(model, tf.constant(x))
    assert_close(probe.logits(x), expected)
    assert_close(probe.gradient(x, (2, 1)).score, expected[:, 2, 1])


# ------------------------------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    "target",
    [
        *(2, -3, 99, None, (0, 2), (9, 0), (-10, 0), (0,), (0, 0, 0), ()),
        *(0.0, (0, 1.0), True, (0, False), "1", [0, 1], np.zeros(3, int), np.zeros((2, 3), int)),
        *(np.zeros((2, 2)), np.zeros((2, 2, 1), int), np.array([[0, 0], [9, 0]])),
    ],
    ids=str,
)
def test_no_such_number(target):
    """Out of range, too few or too many, not whole, or not one for each sample."""
    with pytest.raises(ValueError) as error:
        probe_of("attention").gradient(case("attention").x, target)
    assert THREE_PARTS.match(str(error.value)), str(error.value)
    assert "shape (9, 2)" in str(error.value)


def test_wrong_names():
    probe, x = probe_of("sequential"), case("sequential").x
    for arguments in ({"wrt": "conv_1"}, {"output": "conv_1"}):
        with pytest.raises(ValueError, match=r"Expected the name of a layer; got 'conv_1'\. .*Did you mean 'conv1'\?$"):
            probe.gradient(x, 0, **arguments)
    for output, error in ((1, IndexError), (-2, IndexError), (0.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match=r"Expected .+; got .+\. .+\.$"):
            probe.gradient(x, 0, output=output)
    with pytest.raises(ValueError, match=r"Expected an array of shape \(n_samples, 30, 3\).*; got shape \(30, 3\)\. "):
        probe.gradient(x[0])


def test_a_layer_that_is_passed_by():
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    for x in (found.x + 3, found.x - 3):
        probe.observe(x)
    ran = "up" if "up" in found.expected(found.x) else "down"
    other = {"up": "down", "down": "up"}[ran]
    assert_close(probe.gradient(found.x, (2, 1), ran).score, found.expected(found.x)[ran][:, 2, 1])
    for arguments in ({"wrt": other}, {"output": other}):
        with pytest.raises(ValueError, match=rf"Expected a layer that the model runs .* '{other}'; got .*\. Choose"):
            probe.gradient(found.x, (2, 1), **arguments)
