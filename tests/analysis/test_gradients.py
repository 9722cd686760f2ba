"""Gradients by the input and what is made of them: against tapes on the plain eager model, and against closed forms."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

import tswidgets as tsw
from tests import attribution_reference as reference
from tests.models import case, in_gate, padded_series, randomise, series
from tests.probe.comparing import THREE_PARTS, assert_close, probe_of
from tswidgets.analysis import gradients
from tswidgets.analysis.attribution import STEPS
from tswidgets.probe import Probe

METHODS = {
    "saliency": {},
    "gradient_x_input": {},
    "smooth_grad": {"n_samples": 3},
    "integrated_gradients": {"n_steps": 4},
    "expected_gradients": {"n_samples": 4},
}


def asked(method, model, x, target=None, **options):
    """A quick run of a method; its background is some noise."""
    options = METHODS[method] | options
    if method == "expected_gradients":
        options.setdefault("background", series(3, *(x.shape[-2:] if x.ndim > 2 else x.shape), seed=9))
    return getattr(tsw, method)(model, x, target, **options)


def linear_model(seed=0, squash="sigmoid"):
    """Its logits are a weight for each value of the series, and a bias."""
    return randomise(keras.Sequential([keras.Input((10, 3)), L.Flatten(), L.Dense(2, squash)], name="linear"), seed)


def weights_of(model, unit):
    return np.asarray(model.layers[-1].kernel)[:, unit].reshape(10, 3).astype(np.float64)


def squared_model():
    """Its answer is half the sum of w·x², its gradient w·x: (model, w of shape (n_timesteps, n_channels))."""
    layers = [L.Lambda(lambda x: keras.ops.square(x) / 2), L.Flatten(), L.Dense(1, use_bias=False)]
    model = randomise(keras.Sequential([keras.Input((10, 3)), *layers], name="squared"), 3)
    return model, np.asarray(model.layers[-1].kernel).reshape(10, 3).astype(np.float64)


# -------------------------------------------------------------------------------------------- the gradient by the input

TAPED = {  # model → (target, whether the eager model answers with logits)
    "sequential": (2, False),
    "shared": ((3, 1), True),
    "masked_lstm": (1, False),
    "subclassed": (1, True),
    "data_dependent": ((4, 1), True),
}


@pytest.mark.parametrize("name", in_gate(TAPED, "sequential", "shared", "data_dependent"))
def test_saliency_and_gradient_x_input(name):
    """Signed, of the logit, and with it as the score."""
    found, (target, logits) = case(name), TAPED[name]
    score = reference.picking(found.model if logits else reference.linear_twin(found.model), target)
    expected = reference.gradient(score, found.x)
    result = tsw.saliency(probe_of(name), found.x, target)
    assert_close(result.values, expected, 1e-4)
    assert_close(result.score, score(tf.constant(found.x)))
    assert result.on_input is result.values
    assert (result.method, result.target, result.error, result.layer) == ("saliency", target, None, None)
    assert result.absent.shape == found.x.shape[:2]
    result = tsw.gradient_x_input(found.model, found.x, target)
    assert_close(result.values, expected * found.x, 1e-4)


@pytest.mark.parametrize("target", [(None, 1), (4, None), (None, None), (-2, -1), (np.int64(3), np.int32(0))], ids=str)
def test_step_and_class(target):
    """None takes the mean over its axis; what is told is counted from 0."""
    found = case("shared")
    result = tsw.saliency(found.model, found.x, target)
    expected = reference.gradient(reference.picking(found.model, target), found.x)
    assert_close(result.values, expected, 1e-4)
    assert result.target == tuple(None if n is None else n % size for n, size in zip(target, (16, 3), strict=True))


def test_targets_of_each_sample():
    """An array has one for each sample; by default it is the largest class of each, and then told."""
    found = case("sequential")
    answers = np.asarray(reference.linear_twin(found.model)(found.x))
    for target, counted in ((np.array([5, 0, -3]), [5, 0, 3]), (None, answers.argmax(axis=1))):
        result = tsw.saliency(found.model, found.x, target)
        np.testing.assert_array_equal(result.target, counted)
        assert_close(result.score, answers[range(3), counted])
        for i, unit in enumerate(counted):
            alone = tsw.saliency(found.model, found.x[i], int(unit))
            assert_close(result.values[i], alone.values)
            assert alone.target == unit
            assert alone.score == pytest.approx(float(result.score[i]), rel=1e-5)
    alone = tsw.saliency(found.model, found.x[1])
    assert alone.target == int(answers[1].argmax())
    assert isinstance(alone.target, int)
    steps = tsw.saliency(case("shared").model, case("shared").x, np.array([[3, 1], [0, 0]]))
    np.testing.assert_array_equal(steps.target, [[3, 1], [0, 0]])


def test_an_axis_of_length_one_needs_no_index():
    """Nor is it told."""
    layers = [L.Conv1D(3, 3, padding="same", activation="tanh"), L.Conv1D(1, 3, padding="same", activation="sigmoid")]
    model, x = randomise(keras.Sequential([keras.Input((None, 2)), *layers])), series(2, 9, 2)
    result = tsw.saliency(model, x, 7)
    np.testing.assert_array_equal(result.values, tsw.saliency(model, x, (7, 0)).values)
    assert result.target == tsw.saliency(model, x, (7, 0)).target == 7
    largest = tsw.saliency(model, x)
    np.testing.assert_array_equal(largest.target, np.asarray(model(x))[..., 0].argmax(axis=1))
    assert_close(largest.score, np.asarray(reference.linear_twin(model)(x)).max(axis=(1, 2)))


def test_a_number_of_a_tap():
    """One filter at one step, or its mean over time."""
    found = case("sequential")
    until = keras.Model(found.model.inputs[0], found.model.get_layer("conv2").output)
    for target in ((3, 1), (None, 2)):
        expected = reference.gradient(reference.picking(until, target), found.x)
        result = tsw.saliency(found.model, found.x, target, output="conv2")
        assert_close(result.values, expected, 1e-4)
        assert_close(result.score, reference.picking(until, target)(tf.constant(found.x)))
        assert result.target == target
        assert result.options == {"output": "conv2"}


@cache
def two_by_name():
    """Two series in a dict, two outputs in another: (model, x)."""
    a, b = keras.Input((9, 2), name="a"), keras.Input((9, 3), name="b")
    h = L.Conv1D(4, 3, activation="tanh")(L.Concatenate()([a, b]))
    outputs = {"label": L.Dense(3)(L.GlobalAveragePooling1D()(h)), "steps": L.Conv1D(1, 3)(h)}
    model = randomise(keras.Model({"a": a, "b": b}, outputs, name="two_by_name"))
    return model, {"a": series(2, 9, 2), "b": series(2, 9, 3, seed=1)}


@pytest.mark.parametrize("output, key, target", [(0, "label", 1), (1, "steps", 4)])
def test_several_inputs_and_outputs(output, key, target):
    """Values in the model's own structure, however the inputs are given."""
    model, x = two_by_name()
    points = [tf.constant(x[name]) for name in "ab"]
    with tf.GradientTape() as tape:
        tape.watch(points)
        value = reference.picking(lambda a, b: model({"a": a, "b": b})[key], target)(*points)
    expected = dict(zip("ab", map(np.asarray, tape.gradient(value, points)), strict=True))
    for given in (x, {"b": x["b"], "a": x["a"]}, [x["a"], x["b"]]):
        result = tsw.saliency(model, given, target, output=output)
        scaled = tsw.gradient_x_input(model, given, target, output=output)
        assert_close(result.score, value)
        for name in "ab":
            assert_close(result.values[name], expected[name], 1e-4)
            assert_close(scaled.values[name], expected[name] * x[name], 1e-4)
    alone = tsw.saliency(model, {name: x[name][1] for name in "ba"}, target, output=output)
    assert_close(alone.values["b"], expected["b"][1], 1e-4)
    assert alone.absent.shape == (9,)


def test_inputs_of_different_lengths_in_a_list():
    found = case("lists")
    fast, slow = tsw.saliency(found.model, found.x, 1, output=1).values
    assert (fast.shape, slow.shape) == (found.x[0].shape, found.x[1].shape)
    for i in range(2):
        one = tsw.saliency(found.model, [part[i] for part in found.x], 1, output=1)
        assert_close(one.values[0], fast[i])
        assert_close(one.values[1], slow[i])


def with_age(structure):
    """A series and an input without a time axis, which comes first by name."""
    a, b = keras.Input((9, 2), name="series"), keras.Input((3,), name="age")
    h = L.Concatenate()([L.GlobalAveragePooling1D()(L.Conv1D(4, 3, activation="tanh")(a)), b])
    return randomise(keras.Model({"series": a, "age": b} if structure is dict else [a, b], L.Dense(2)(h)))


@pytest.mark.parametrize("structure, given", [(dict, dict), (list, list), (list, dict)])
def test_inputs_of_different_rank(structure, given):
    """One sample or a batch, with and without a time axis, in the model's structure or by name."""
    model, x = with_age(structure), {"series": series(2, 9, 2), "age": series(2, 3, 1, seed=1)[..., 0]}
    kernel = np.asarray(model.layers[-1].kernel)[4:, 1]
    one = {name: part[0] for name, part in x.items()}
    for arrays in (x, one):
        values = tsw.saliency(model, arrays if given is dict else list(arrays.values()), 1).values
        values = values if isinstance(values, dict) else dict(zip(x, values, strict=True))
        assert {name: part.shape for name, part in values.items()} == {k: v.shape for k, v in arrays.items()}
        assert_close(values["age"], np.broadcast_to(kernel, arrays["age"].shape))


def test_series_without_channels_and_images():
    """(n_timesteps,) for a model that takes one number a step; (n_timesteps, n_rows, n_channels) for a picture."""
    x = keras.Input((16,))
    h = L.Conv1D(3, 5, activation="tanh")(L.Reshape((16, 1))(x))
    flat = randomise(keras.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(h))))
    image = [keras.Input((8, 4, 2)), L.Conv2D(3, 3, activation="tanh"), L.Flatten(), L.Dense(2)]
    image = randomise(keras.Sequential(image))
    for model, shape in ((flat, (2, 16)), (image, (2, 8, 4, 2))):
        X = series(1, 1, int(np.prod(shape))).reshape(shape)
        score = reference.picking(model, 1)
        expected = reference.gradient(score, X)
        assert_close(tsw.saliency(model, X, 1).values, expected, 1e-4)
        one = tsw.integrated_gradients(model, X[0], 1, baseline="mean", n_steps=3)
        mean = X[0].mean(axis=tuple(range(max(X.ndim - 2, 1))))
        values, error = reference.integrated_gradients(score, X[:1], mean, 3)
        assert_close(one.values, values[0], 1e-4)
        assert one.error == pytest.approx(error[0], rel=1e-2, abs=1e-5)
        assert one.values.shape == shape[1:]


class PerStep(keras.Model):
    """Takes (n_samples, n_timesteps), which it does not declare."""

    def __init__(self):
        super().__init__()
        self.head = L.Dense(2)

    def call(self, x):
        return self.head(x)


def test_a_subclassed_model_of_series_without_channels():
    """Its probe knows the rank of what it was shown."""
    model, x = PerStep(), series(4, 9, 1)[..., 0]
    model(x)
    result = tsw.saliency(Probe(randomise(model), x), x, 1)
    assert_close(result.values, np.broadcast_to(np.asarray(model.head.kernel)[:, 1], x.shape))


@pytest.mark.parametrize("method", METHODS)
def test_numbers_of_any_kind(method):
    """float64, integers and lists are taken as float32 is, and what was given is left as it was."""
    model = case("sequential").model
    x = np.round(3 * case("sequential").x[:1])
    expected = asked(method, model, x, 1).values
    for given in (x.astype("float64"), x.astype("int64"), x.astype("int8"), x.astype("float16")):
        before = given.copy()
        result = asked(method, model, given, 1)
        assert_close(result.values, expected)
        assert result.values.dtype == np.float32
        np.testing.assert_array_equal(given, before)
    alone = asked(method, model, x[0], 1)
    assert_close(alone.values, expected[0])


def test_lists_of_numbers():
    found = case("sequential")
    expected = tsw.saliency(found.model, found.x[0], 1).values
    np.testing.assert_array_equal(tsw.saliency(found.model, found.x[0].tolist(), 1).values, expected)


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_its_series_one_by_one(method):
    """The same seed draws the same noise, whatever stands before a series in its batch."""
    found, target = case("sequential"), np.array([4, 0, 1])
    whole = asked(method, found.model, found.x, target)
    assert whole.values.shape == found.x.shape
    assert whole.score.shape == (3,)
    assert whole.absent.shape == (3, 30)
    for i, x in enumerate(found.x):
        alone = asked(method, found.model, x, int(target[i]))
        assert_close(alone.values, whole.values[i])
        assert isinstance(alone.score, float)
        if whole.error is not None:
            assert whole.error.shape == (3,)
            assert alone.error == pytest.approx(float(whole.error[i]), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_options_are_told(method):
    background = series(3, 30, 3)
    given = {
        "saliency": {},
        "gradient_x_input": {},
        "smooth_grad": {"n_samples": 2, "noise": 0.3, "squared": True, "seed": 4},
        "integrated_gradients": {"baseline": "mean", "n_steps": 3},
        "expected_gradients": {"background": background, "n_samples": 2, "seed": 4},
    }[method]
    result = getattr(tsw, method)(case("sequential").model, case("sequential").x[0], 1, **given)
    assert result.method == method
    assert result.options == {**given, "output": 0}
    assert repr(result) == f"Attribution('{method}', (30, 3), target=1)"
    again = getattr(tsw, method)(case("sequential").model, case("sequential").x[0], result.target, **result.options)
    np.testing.assert_array_equal(again.values, result.values)


# ------------------------------------------------------------------------------------------------------- a linear model


def test_a_linear_model():
    """Every method in closed form, against every kind of baseline; the ways are complete."""
    model, x, rng = linear_model(), series(2, 10, 3), np.random.default_rng(5)
    w = weights_of(model, 1)
    assert_close(tsw.saliency(model, x, 1).values, np.broadcast_to(w, x.shape))
    assert_close(tsw.smooth_grad(model, x, 1, n_samples=3, noise=2).values, np.broadcast_to(w, x.shape))
    squared = tsw.smooth_grad(model, x, 1, n_samples=3, squared=True).values
    assert_close(squared, np.broadcast_to(w**2, x.shape))
    assert (squared > 0).all()
    product = tsw.gradient_x_input(model, x, 1).values
    assert_close(product, w * x)
    whole = tsw.integrated_gradients(model, x, 1, n_steps=5)
    assert_close(whole.values, product)
    assert (whole.error < 1e-5).all()
    array, row = rng.normal(size=(10, 3)), [1.0, -2.0, 0.5]
    for given, baseline in ((0.7, 0.7), ("mean", x.mean(axis=1, keepdims=True)), (array, array), (row, np.array(row))):
        result = tsw.integrated_gradients(model, x, 1, baseline=given, n_steps=3)
        assert_close(result.values, w * (x - baseline))
        assert (result.error < 1e-4).all()
    background = series(4, 10, 3, seed=2)
    result = tsw.expected_gradients(model, x, 1, background=background, n_samples=8)
    assert_close(result.values, w * (x - background.mean(axis=0)), 1e-4)
    assert (result.error < 1e-4).all()
    assert_close(result.score, np.asarray(reference.linear_twin(model)(x))[:, 1])


# ------------------------------------------------------------------------------------------------- integrated gradients


def test_the_midpoint_rule():
    """Seven points, one after the other; and how much they miss."""
    found, rng = case("sequential"), np.random.default_rng(1)
    score = reference.picking(reference.linear_twin(found.model), 4)
    array = rng.normal(size=(30, 3)).astype("float32")
    baselines = {0.0: 0.0, 0.5: 0.5, "mean": None, "array": array, "row": [0.1, -1, 2]}
    for name, baseline in baselines.items():
        given = {"mean": "mean", "array": array, "row": [0.1, -1, 2]}.get(name, baseline)
        result = tsw.integrated_gradients(found.model, found.x, 4, baseline=given, n_steps=7)
        start = found.x.mean(axis=1, keepdims=True) if name == "mean" else baseline
        values, error = reference.integrated_gradients(score, found.x, start, 7)
        assert_close(result.values, values, 1e-4)
        np.testing.assert_allclose(result.error, error, rtol=1e-3, atol=1e-5)
    one = tsw.integrated_gradients(found.model, found.x, 4, n_steps=1)
    assert_close(one.values, reference.gradient(score, found.x / 2) * found.x, 1e-4)


def test_baselines_of_several_inputs():
    """One for all, one for each, in any order; a model of two inputs."""
    (model, x), rng = two_by_name(), np.random.default_rng(0)
    each = {name: rng.normal(size=part.shape[1:]).astype("float32") for name, part in x.items()}
    expected = tsw.integrated_gradients(model, x, 0, baseline=each, n_steps=20)
    assert (expected.error < 0.01).all()
    for given in ({"b": each["b"], "a": each["a"]}, [each["a"], each["b"]]):
        result = tsw.integrated_gradients(model, x, 0, baseline=given, n_steps=20)
        for name in "ab":
            np.testing.assert_array_equal(result.values[name], expected.values[name])
    zero = tsw.integrated_gradients(model, x, 0, n_steps=3)
    both = tsw.integrated_gradients(model, x, 0, baseline=[0.0, np.zeros(3)], n_steps=3)
    for name in "ab":
        np.testing.assert_array_equal(zero.values[name], both.values[name])
    assert not np.allclose(zero.values["a"], expected.values["a"])


COMPLETE = {  # model → target of a score that zeros change much
    "sequential": None,
    "shared": (3, 1),
    "masked_lstm": 1,
}


@pytest.mark.parametrize("name", COMPLETE)
def test_completeness_at_fifty_steps(name):
    """Within 1 % of the change of the score, which is found by running the eager model."""
    found, target = case(name), COMPLETE[name]
    result = tsw.integrated_gradients(found.model, found.x, target)
    np.testing.assert_array_equal(
        result.target, target if target is not None else tsw.saliency(found.model, found.x).target
    )
    assert result.options["n_steps"] == 50
    assert result.error.max() <= 0.01
    if name != "masked_lstm":  # where zeros are no padding
        answers = found.model if name == "shared" else reference.linear_twin(found.model)
        moved = np.asarray(answers(found.x)) - np.asarray(answers(np.zeros_like(found.x)))
        change = moved[:, 3, 1] if name == "shared" else moved[range(len(moved)), result.target]
        missed = np.abs(result.values.sum(axis=(1, 2), dtype=np.float64) - change) / np.abs(change)
        np.testing.assert_allclose(result.error, missed, rtol=1e-2, atol=2e-4)


def test_a_batch_of_copies_in_pieces(monkeypatch):
    """However many variants are made at once, the values are the same."""
    found = case("sequential")
    options = {
        "integrated_gradients": {"n_steps": 7},
        "smooth_grad": {"n_samples": 7},
        "expected_gradients": {"background": series(3, 30, 3), "n_samples": 7},
    }
    whole = {name: getattr(tsw, name)(found.model, found.x[:2], 1, **more) for name, more in options.items()}
    monkeypatch.setattr(gradients, "AT_ONCE", 3 * found.x[0].nbytes)
    for name, more in options.items():
        pieces = getattr(tsw, name)(found.model, found.x[:2], 1, **more)
        assert_close(pieces.values, whole[name].values)


@pytest.mark.parametrize("method", ["smooth_grad", "integrated_gradients", "expected_gradients"])
def test_progress(method, monkeypatch):
    """Counted up to the end; the last thing that the generator gives is the attribution."""
    found = case("sequential")
    monkeypatch.setattr(gradients, "AT_ONCE", 2 * found.x[0].nbytes)
    options = METHODS[method] | ({"background": found.x} if method == "expected_gradients" else {})
    steps, progress = STEPS[method](found.model, found.x[:2], 1, **options), []
    try:
        while True:
            progress.append(next(steps))
    except StopIteration as end:
        result = end.value
    done, total = zip(*progress, strict=True)
    assert len(set(total)) == 1
    assert (np.diff((0, *done)) > 0).all()
    assert done[-1] == total[0]
    assert len(done) == 4
    np.testing.assert_array_equal(result.values, getattr(tsw, method)(found.model, found.x[:2], 1, **options).values)


# ------------------------------------------------------------------------------------------------ noise and backgrounds


def test_the_noise_is_a_share_of_each_channels_range():
    """By a model whose mean gradient is that at the mean, and whose mean squared gradient is w²·(x² + variance)."""
    model, w = squared_model()
    x = series(1, 10, 3)[0] * [0.1, 1, 10]
    x[:, 2] += 100
    deviation = 0.2 * (x.max(axis=0) - x.min(axis=0))
    mean = tsw.smooth_grad(model, x, n_samples=20_000, noise=0.2).values / w
    squared = tsw.smooth_grad(model, x, n_samples=20_000, noise=0.2, squared=True).values / w**2
    np.testing.assert_allclose((mean - x) / deviation, 0, atol=0.03)
    np.testing.assert_allclose((squared - x**2) / (2 * np.abs(x) * deviation + deviation**2), 1, atol=1.05)
    found = np.sqrt(np.maximum((squared - mean**2).mean(axis=0), 0))
    np.testing.assert_allclose(found, deviation, rtol=0.05)


def test_a_constant_channel_has_no_noise():
    model, w = squared_model()
    x = series(1, 10, 3)[0]
    x[:, 1] = 4
    values = tsw.smooth_grad(model, x, n_samples=2).values
    assert_close(values[:, 1], 4 * w[:, 1])
    assert (np.abs(values - w * x)[:, [0, 2]] > 1e-4).all()


@pytest.mark.parametrize("method", ["smooth_grad", "expected_gradients"])
def test_seeds(method):
    found = case("sequential")
    first, again, other = (asked(method, found.model, found.x, 1, seed=seed).values for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3 * np.abs(first).max()
    state = np.random.get_state()[1].copy()
    asked(method, found.model, found.x, 1)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_little_noise_leaves_the_gradient():
    found = case("shared")
    result = tsw.smooth_grad(found.model, found.x, (3, 1), noise=1e-4, n_samples=4)
    assert_close(result.values, tsw.saliency(found.model, found.x, (3, 1)).values, 1e-3)


def test_expected_gradients_of_a_squared_model():
    """w·(x² − mean b²)/2 on average, and a completeness error of exactly what is missed."""
    model, w = squared_model()
    x, background = series(1, 10, 3)[0], series(5, 10, 3, seed=1) + 1
    result = tsw.expected_gradients(model, x, background=background, n_samples=5000)
    expected = w * (x**2 - (background**2).mean(axis=0)) / 2
    assert_close(result.values, expected, 0.02)
    change = result.score - (w * background**2 / 2).sum(axis=(1, 2)).mean()
    missed = abs(result.values.sum(dtype=np.float64) - change) / abs(change)
    assert result.error == pytest.approx(missed, rel=0.02, abs=1e-4)
    few = tsw.expected_gradients(model, x, background=background, n_samples=5)
    assert_close(few.values, expected, 1.0)
    assert few.error > result.error
    one = tsw.expected_gradients(model, x, background=background[:1], n_samples=400)
    assert_close(one.values, w * (x**2 - background[0] ** 2) / 2, 0.01)


# -------------------------------------------------------------------------------------------------------------- padding


@cache
def masked_mean():
    """A mask that is handed through a convolution to an average: (model, padded series, its target)."""
    conv = L.Conv1D(4, 3, padding="same", activation="tanh")
    conv.supports_masking = True
    layers = [L.Masking(), conv, L.GlobalAveragePooling1D(), L.Dense(2, "softmax")]
    model = randomise(keras.Sequential([keras.Input((None, 3)), *layers], name="masked_mean"))
    return model, padded_series(3, 14, 3), 1


@cache
def subclassed_mean():
    """The same in a model in which the mask rides on the tensors."""

    class Mean(keras.Model):
        def __init__(self, layers):
            super().__init__()
            self.one_by_one = layers

        def call(self, x):
            for layer in self.one_by_one:
                x = layer(x)
            return x

    model, x, target = masked_mean()
    return Mean(model.layers), x, target


MASKED = {
    "LSTM": lambda: (case("masked_lstm").model, case("masked_lstm").x, 1),
    "mean": masked_mean,
    "subclassed mean": subclassed_mean,
}
EVERY_WAY = {
    "saliency": [{}],
    "gradient_x_input": [{}],
    "smooth_grad": [{"n_samples": 3, "noise": 1.0}, {"n_samples": 3, "noise": 1.0, "squared": True}],
    "integrated_gradients": [{"n_steps": 3, "baseline": one} for one in (0.7, "mean")],
    "expected_gradients": [{"n_samples": 3}],
}


@pytest.mark.parametrize("name", MASKED)
def test_padding_is_exactly_zero(name):
    """And marked as absent, whatever noise or baseline is added to the rest."""
    model, x, target = MASKED[name]()
    padding = (x == 0).all(axis=-1)
    assert padding.any(axis=1).all()
    for method, ways in EVERY_WAY.items():
        for options in ways:
            result = asked(method, model, x, target, **options)
            np.testing.assert_array_equal(result.absent, padding)
            assert not result.values[padding].any(), method
            assert not np.signbit(result.values[padding]).any(), method
            assert result.values[~padding].any()
            assert np.isfinite(result.values).all()


@pytest.mark.parametrize("method", ["saliency", "gradient_x_input", "integrated_gradients"])
def test_padding_changes_nothing(method):
    """A series that is padded has the values of the same series without its padding."""
    (model, x, target), n = masked_mean(), 6
    options = {"baseline": "mean"} if method == "integrated_gradients" else {}
    padded, bare = (asked(method, model, part, target, **options) for part in (x[2], x[2, :n]))
    assert_close(padded.values[:n], bare.values)
    assert padded.score == pytest.approx(bare.score, rel=1e-5)
    np.testing.assert_array_equal(padded.absent, np.arange(14) >= n)
    assert not bare.absent.any()


def masked_score(model, present, target):
    """The logits of the masked model with a mask that stays as it is, whatever the series holds."""
    *_, first, second, head = model.layers
    mask = tf.constant(present)

    def score(x):
        h = first(x * tf.cast(mask, x.dtype)[..., None], mask=mask)
        h = second(h, mask=mask)
        return tf.reshape((h @ head.kernel + head.bias)[:, target], [-1])

    return score


@pytest.mark.parametrize("baseline", in_gate([0.0, "mean"], 0.0))
def test_integrated_gradients_of_a_masked_lstm(baseline):
    """The steps that are no padding stay there on the whole way, also at a baseline of zeros."""
    found = case("masked_lstm")
    result = tsw.integrated_gradients(found.model, found.x, 1, baseline=baseline, n_steps=2)
    fifty = tsw.integrated_gradients(found.model, found.x, 1, baseline=baseline)
    present = (found.x != 0).any(axis=-1)
    score = masked_score(found.model, present, 1)
    means = np.stack([x[there].mean(axis=0) for x, there in zip(found.x, present, strict=True)])[:, None]
    start = np.where(present[:, :, None], means if baseline == "mean" else baseline, 0)
    values, error = reference.integrated_gradients(score, found.x, start, 2)
    assert_close(result.values, values, 1e-4)
    np.testing.assert_allclose(result.error, error, rtol=1e-2, atol=1e-4)
    assert (fifty.error <= 0.01).all()


def test_noise_of_a_padded_series_goes_by_its_own_range():
    """Zeros of the padding do not widen the range of a series that is far from them."""
    model, _, target = masked_mean()
    x = np.full((2, 14, 3), 0.5, "float32") + 1e-3 * series(2, 14, 3)
    x[:, 9:] = 0
    result = tsw.smooth_grad(model, x, target, n_samples=4, noise=1.0)
    assert_close(result.values, tsw.saliency(model, x, target).values, 0.02)


@pytest.mark.parametrize("masked", in_gate(["a", "b", "ab"], "a", "ab"))
def test_padding_of_one_of_several_inputs(masked):
    """Each input has its own: what is padding in one is none in another."""
    inputs = {name: keras.Input((9, 2), name=name) for name in "ab"}
    convs = [L.Conv1D(3, 1, activation="tanh") for _ in "ab"]
    for conv in convs:
        conv.supports_masking = True
    ends = [conv(L.Masking()(inputs[k]) if k in masked else inputs[k]) for k, conv in zip("ab", convs, strict=True)]
    h = L.Concatenate()([L.GlobalAveragePooling1D()(end) for end in ends])
    model = randomise(keras.Model(list(inputs.values()), L.Dense(1)(h)))
    x = [series(2, 9, 2), series(2, 9, 2, seed=1)]
    for part, n in zip(x, (7, 5), strict=True):
        part[:, n:] = 0
    points = [tf.constant(part) for part in x]
    with tf.GradientTape() as tape:
        tape.watch(points)
        score = model(points)
    values = tsw.saliency(model, x).values
    for name, part, n, expected in zip("ab", values, (7, 5), tape.gradient(score, points), strict=True):
        assert_close(part[:, :n], expected[:, :n], 1e-4)
        if name in masked:
            assert not part[:, n:].any()
        else:
            assert_close(part, expected, 1e-4)


def test_steps_of_which_the_model_takes_none():
    """A series that is all padding has an attribution of zeros."""
    found = case("masked_lstm")
    x = np.stack([found.x[0], np.zeros_like(found.x[0])])
    for method in ("saliency", "smooth_grad", "integrated_gradients"):
        result = asked(method, found.model, x, 1)
        assert result.absent[1].all()
        assert not result.values[1].any()
        assert result.values[0].any()


# ------------------------------------------------------------------------------------------------------------- mistakes

X = series(2, 10, 3)


class Deaf(keras.Model):
    """Answers with something that has no derivative."""

    def __init__(self, way):
        super().__init__(name="deaf")
        self.way, self.dense = way, L.Dense(3)

    def call(self, x):
        h = self.dense(tf.reduce_mean(x, axis=1))
        return {"argmax": lambda: tf.argmax(h, axis=1)[:, None], "round": lambda: tf.round(h)}[self.way]()


@pytest.mark.parametrize("way", ["argmax", "round"])
def test_an_answer_without_a_derivative(way):
    model = Deaf(way)
    model(X)
    for method in METHODS:
        with pytest.raises(
            ValueError, match=r"Expected a number of 'deaf' .*differentiated by the input; got"
        ) as error:
            asked(method, randomise(model), X, 0)
        assert THREE_PARTS.match(str(error.value))


@pytest.mark.parametrize("method", METHODS)
def test_whole_numbers_have_no_gradient(method):
    layers = [L.Embedding(7, 3), L.GlobalAveragePooling1D(), L.Dense(2)]
    model, x = (
        keras.Sequential([keras.Input((6,), dtype="int32"), *layers], name="tokens"),
        np.array([[3, 1, 2, 6, 0, 0]]),
    )
    options = {"background": x} if method == "expected_gradients" else {}
    options |= {"noise": 2.0} if method == "smooth_grad" else {}  # which makes of them numbers that are no token
    with pytest.raises(ValueError) as error:
        asked(method, model, x, 1, **options)
    assert THREE_PARTS.match(str(error.value)), str(error.value)
    assert "whole numbers" in str(error.value) or "int" in str(error.value)


BAD = [
    ("saliency", X, 2, {}, "target"),
    ("saliency", X, -3, {}, "target"),
    ("saliency", X, (0, 1), {}, "target"),
    ("saliency", X, 0.5, {}, "target"),
    ("saliency", X, True, {}, "target"),
    ("saliency", X, "walk", {}, "target"),
    ("saliency", X, np.array([0, 1, 1]), {}, "target"),
    ("saliency", X, 1, {"output": 1}, "output"),
    ("saliency", X, 1, {"output": "dens"}, "layer"),
    ("saliency", X[0, 0], 1, {}, "n_timesteps"),
    ("saliency", X[None], 1, {}, "n_timesteps"),
    ("saliency", X[:, :, :2], 1, {}, r"\(n_samples, 10, 3\)"),
    ("saliency", X[:, :5], 1, {}, r"\(n_samples, 10, 3\)"),
    ("saliency", X[:0], 1, {}, "sample"),  # fails: NumPy's own error
    ("saliency", X.astype(str), 1, {}, "numbers"),
    ("saliency", X.astype(complex), 1, {}, "numbers"),
    ("saliency", list(X), 1, {}, "input"),
    ("saliency", {"a": X}, 1, {}, "input"),  # fails: Keras' own error
    ("saliency", np.where(X > 1, np.nan, X), 1, {}, "finite"),
    ("saliency", np.where(X > 1, np.inf, X), 1, {}, "finite"),
    ("smooth_grad", X, 1, {"n_samples": 0}, "n_samples"),
    ("smooth_grad", X, 1, {"n_samples": 2.5}, "n_samples"),
    ("smooth_grad", X, 1, {"noise": 0}, "noise"),
    ("smooth_grad", X, 1, {"noise": -0.1}, "noise"),
    ("smooth_grad", X, 1, {"noise": "much"}, "noise"),
    ("smooth_grad", X, 1, {"noise": np.nan}, "noise"),
    ("integrated_gradients", X, 1, {"n_steps": 0}, "n_steps"),
    ("integrated_gradients", X, 1, {"n_steps": True}, "n_steps"),
    ("integrated_gradients", X, 1, {"baseline": "zero"}, "baseline"),
    ("integrated_gradients", X, 1, {"baseline": None}, "baseline"),
    ("integrated_gradients", X, 1, {"baseline": np.nan}, "baseline"),
    ("integrated_gradients", X, 1, {"baseline": np.zeros((9, 3))}, "baseline"),
    ("integrated_gradients", X, 1, {"baseline": X}, "baseline"),
    ("integrated_gradients", X, 1, {"baseline": np.zeros(10)}, "baseline"),
    ("integrated_gradients", X, 1, {"baseline": {"other": 0.0}}, "baseline"),  # fails: taken for 0.0
    ("expected_gradients", X, 1, {"background": X[0]}, "background"),
    ("expected_gradients", X, 1, {"background": X[:, :9]}, "background"),
    ("expected_gradients", X, 1, {"background": X[:0]}, "background"),
    ("expected_gradients", X, 1, {"background": X * np.nan}, "background"),
    ("expected_gradients", X, 1, {"background": X.astype(str)}, "background"),
    ("expected_gradients", X, 1, {"background": X, "n_samples": 0}, "n_samples"),
]


@pytest.fixture(scope="module")
def plain():
    return linear_model()


@pytest.mark.parametrize(
    "method, x, target, options, word", BAD, ids=[f"{one[0]} {k} {one[-1]}" for k, one in enumerate(BAD)]
)
def test_bad_input(plain, method, x, target, options, word):
    """Refused in three parts, which name what is wrong."""
    with pytest.raises((ValueError, TypeError, IndexError), match=word) as error:
        getattr(tsw, method)(plain, x, target, **options)
    assert THREE_PARTS.match(str(error.value)), str(error.value)


def test_names_like_the_wrong_one():
    with pytest.raises(ValueError, match=r"Did you mean 'conv2'\?$") as error:
        tsw.saliency(case("sequential").model, case("sequential").x, 1, output="conv_2")
    assert THREE_PARTS.match(str(error.value))


def test_one_input_for_expected_gradients():
    model, x = two_by_name()
    with pytest.raises(ValueError, match="one input") as error:
        tsw.expected_gradients(model, x, 0, background=x)
    assert THREE_PARTS.match(str(error.value))


def test_missing_numbers_are_not_passed_over():
    """Also where the score is finite all the same: a maximum leaves what is no number out."""
    found = case("pooling")
    x = found.x.copy()
    x[0, 4, 1] = np.nan
    try:
        values = tsw.gradient_x_input(found.model, x, 0).values
    except ValueError as error:
        assert THREE_PARTS.match(str(error))
    else:
        assert np.isfinite(values).all()


def test_a_gradient_that_is_not_finite():
    """The root has none at zero: said, not shown."""
    layers = [L.Lambda(lambda x: keras.ops.sqrt(keras.ops.relu(x))), L.Flatten(), L.Dense(1)]
    model = randomise(keras.Sequential([keras.Input((4, 2)), *layers]))
    with pytest.raises(ValueError) as error:
        tsw.saliency(model, np.zeros((4, 2), "float32"))
    assert THREE_PARTS.match(str(error.value))


@pytest.mark.parametrize("name, target", [("sequential", 1), ("stateful", (3, 0))])
def test_the_model_is_left_as_it_was(name, target):
    """Weights, the state of a stateful layer and the caller's arrays are bit-identical afterwards."""
    found = case(name)
    states = [state for layer in found.model.layers for state in getattr(layer, "states", None) or []]
    before = [np.array(np.asarray(one)) for one in [*found.model.weights, *states, found.x]]
    for method in METHODS if name == "sequential" else ("saliency", "smooth_grad"):
        asked(method, found.model, found.x, target)
    for old, new in zip(before, [*found.model.weights, *states, found.x], strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))


def test_a_stateful_layer_goes_on_from_the_state_of_its_own_sample():
    """Every copy of the second series runs with the state that the second series has."""
    found = case("stateful")
    first, second = found.model.layers[0].states[0].numpy()
    assert np.abs(first - second).max() > 0.1
    result = tsw.integrated_gradients(found.model, found.x, (3, 0))
    assert (result.error <= 0.01).all()
