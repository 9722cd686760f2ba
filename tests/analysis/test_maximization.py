"""The input that a model answers to most: against closed forms, brute force, Keras' own layers and real samples."""

import itertools
from functools import cache

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import CASES, case, in_gate, padded_series, randomise
from tests.probe.comparing import THREE_PARTS, assert_close
from tswidgets import iter_maximize_activation, maximize_activation
from tswidgets.analysis import objective
from tswidgets.analysis.likeness import Likeness, Neighbours
from tswidgets.analysis.regularizers import Adam, Blur, normalised, shifted, shifted_back, total_variation_gradient
from tswidgets.probe import Probe
from tswidgets.probe.program import Program

PLAIN = {"total_variation": 0, "blur": 0}  # L2 alone


def smooth_series(n_samples, n_timesteps, n_channels, seed=0, correlation=0.9):
    """Autoregressive series whose channels have other means and deviations."""
    rng, x = np.random.default_rng(seed), np.zeros((n_samples, n_timesteps, n_channels))
    noise = rng.normal(size=x.shape)
    x[:, 0] = noise[:, 0]
    for step in range(1, n_timesteps):
        x[:, step] = correlation * x[:, step - 1] + np.sqrt(1 - correlation**2) * noise[:, step]
    return (x * np.arange(1, n_channels + 1) + np.arange(n_channels)).astype("float32")


@cache
def linear_model(n_timesteps=12, n_channels=2, seed=0):
    layers = [keras.Input((n_timesteps, n_channels)), L.Flatten(), L.Dense(3, name="head")]
    return randomise(keras.Sequential(layers), seed)


@cache
def conv_net(n_timesteps=40, n_channels=2, seed=0):
    layers = [
        L.Conv1D(6, 5, activation="relu", name="conv"),
        L.MaxPooling1D(2, name="pool"),
        L.Conv1D(5, 3, activation="relu", name="conv2"),
        L.GlobalAveragePooling1D(name="average"),
        L.Dense(3, activation="softmax", name="head"),
    ]
    return randomise(keras.Sequential([keras.Input((n_timesteps, n_channels)), *layers]), seed)


@cache
def lstm_net(n_channels=2, seed=0):
    layers = [L.LSTM(6, name="lstm"), L.Dense(3, activation="softmax", name="head")]
    return randomise(keras.Sequential([keras.Input((None, n_channels)), *layers]), seed)


def logits_by_hand(model, x):
    """The layers of a Sequential one after the other, the last without its activation."""
    for layer in model.layers[:-1]:
        x = layer(x)
    return np.asarray(x @ model.layers[-1].kernel + model.layers[-1].bias)


def statistics(X):
    steps = np.concatenate(list(X)).astype(float)
    return steps.mean(axis=0), steps.std(axis=0), steps.min(axis=0), steps.max(axis=0)


# ------------------------------------------------------------------------------------------------------- regularisers


def test_total_variation_against_finite_differences():
    rng, usual = np.random.default_rng(0), np.array([0.5, 0.0, 2.0])
    z = rng.normal(size=(2, 6, 3))

    def value(z):
        return np.sqrt((z[1:] - z[:-1]) ** 2 + usual**2).sum()

    expected = np.zeros_like(z)
    for place in np.ndindex(z.shape):
        move = np.zeros(z.shape[1:])
        move[place[1:]] = 1e-6
        expected[place] = (value(z[place[0]] + move) - value(z[place[0]] - move)) / 2e-6
    np.testing.assert_allclose(total_variation_gradient(z, usual), expected, atol=1e-6)
    assert not total_variation_gradient(z[:, :1], usual).any(), "a single step goes neither up nor down"
    level = np.ones((1, 5, 3))
    assert not total_variation_gradient(level, usual).any(), "and does not divide by 0 where nothing is usual"


def test_blur_is_a_sum_over_neighbours():
    z, widths = np.random.default_rng(0).normal(size=(2, 9, 3)), np.array([0.7, 0.0, 20.0])
    expected = np.zeros_like(z)
    for step, other, channel in itertools.product(range(9), range(9), range(3)):
        if step == other or widths[channel]:
            weight = np.exp(-((step - other) ** 2) / (2 * max(widths[channel], 1e-9) ** 2))
            expected[:, step, channel] += weight * z[:, other, channel]
    np.testing.assert_allclose(Blur(9, widths)(z), expected, atol=1e-12)
    assert Blur(9, np.zeros(3))(z) is z
    np.testing.assert_allclose(Blur(1, widths)(z[:, :1]), z[:, :1])


def test_shifting_and_back():
    z = np.arange(10.0).reshape(2, 5, 1)
    by = np.array([2, -1])
    np.testing.assert_array_equal(shifted(z, by)[..., 0], [[0, 0, 0, 1, 2], [6, 7, 8, 9, 9]])
    np.testing.assert_array_equal(shifted_back(z, by)[..., 0], [[2, 3, 4, 0, 0], [0, 5, 6, 7, 8]])
    far = np.array([9, -9])
    np.testing.assert_array_equal(shifted(z, far)[..., 0], [[0] * 5, [9] * 5])
    assert not shifted_back(z, far).any()


def test_a_gradient_is_divided_by_its_usual_size_where_it_is():
    gradient = np.random.default_rng(0).normal(size=(3, 8, 2))
    gradient[2] = 0
    wide = np.concatenate([gradient, np.zeros((3, 100, 2))], axis=1)
    result = normalised(gradient)
    np.testing.assert_allclose(normalised(1e-30 * gradient), result)
    np.testing.assert_allclose(normalised(wide)[:, :8], result)
    np.testing.assert_allclose((result**2).sum(axis=(1, 2)), np.abs(result).sum(axis=(1, 2)))
    assert not result[2].any()


def test_adam_is_that_of_keras():
    place, directions = keras.Variable(np.zeros((2, 3), "float32")), np.random.default_rng(0).normal(size=(5, 2, 3))
    theirs, ours, moved = keras.optimizers.Adam(epsilon=1e-8), Adam(0.1, 5), np.zeros((2, 3))
    for k, direction in enumerate(directions):
        theirs.learning_rate = 0.1 * (1 - k / 5)
        theirs.apply([-direction.astype("float32")], [place])
        moved += ours(direction)
    assert_close(moved, place)


# ------------------------------------------------------------------------------------------- what real series are like


def test_statistics_are_those_of_the_steps_that_are_known():
    X = [*smooth_series(2, 20, 2), smooth_series(1, 7, 2, seed=1)[0], np.array([[0.5, np.nan]], "float32")]
    X[0][5:8, 1] = np.nan
    X[1][3] = np.nan
    like, steps = Likeness.of(X, None), np.concatenate(X).astype(float)
    for ours, theirs in ((like.mean, np.nanmean), (like.deviation, np.nanstd), (like.low, np.nanmin)):
        np.testing.assert_allclose(ours, theirs(steps, axis=0))
    changes = np.concatenate([np.diff(one.astype(float), axis=0) for one in X])
    np.testing.assert_allclose(like.change, np.sqrt(np.nanmean(changes**2, axis=0)) / like.deviation)
    assert np.isfinite(Likeness.of([X[3][:, :1]], None).change).all(), "of a single step nothing is known"
    z = np.random.default_rng(0).normal(size=(1, 4, 2))
    np.testing.assert_allclose(like.standard(like.mean + like.deviation * z), z)
    np.testing.assert_allclose(like.series(100 * np.abs(z)), np.broadcast_to(like.high, (1, 4, 2)), rtol=1e-6)


def test_noise_is_like_the_series():
    X = np.stack([smooth_series(30, 60, 1, correlation=c)[..., 0] for c in (0.95, 0.5, 0.0)], axis=2)
    like = Likeness.of(list(X), None)
    noise = like.noise(400, 60, np.random.default_rng(0))
    np.testing.assert_allclose(noise.mean(axis=(0, 1)), 0, atol=0.05)
    np.testing.assert_allclose(noise.std(axis=(0, 1)), 1, atol=0.05)
    usual = np.sqrt((np.diff(noise, axis=1) ** 2).mean(axis=(0, 1)))
    np.testing.assert_allclose(usual, like.change, rtol=0.1)

    white = np.random.default_rng(1).normal(size=(50, 400, 3))
    blurred = Blur(400, like.width)(white)[:, 50:-50]
    blurred /= blurred.std(axis=(0, 1))
    usual = np.sqrt((np.diff(blurred, axis=1) ** 2).mean(axis=(0, 1)))
    np.testing.assert_allclose(usual, np.minimum(like.change, np.sqrt(2)), rtol=0.1)


def test_the_nearest_by_trying_every_shift():
    rng, n = np.random.default_rng(0), 8
    real = [rng.normal(size=(length, 2)) for length in (8, 5, 13, 1)]
    near = Neighbours(real, n)

    def tried(z):
        best = (np.inf, 0, 0)
        for k, one in enumerate(real):
            for shift in range(-len(one) + 1, n):
                pairs = [(z[t], one[t - shift]) for t in range(n) if 0 <= t - shift < len(one)]
                cosine = sum(a @ b for a, b in pairs) / np.linalg.norm(z) / np.linalg.norm(one)
                best = min(best, (1 - cosine, k, shift))
        return best

    for z in rng.normal(size=(6, n, 2)):
        found, shift, distance = near.nearest(z)
        expected = tried(z)
        assert (found, shift) == expected[1:]
        assert distance == pytest.approx(expected[0], abs=1e-5)
    later = np.concatenate([np.zeros((2, 2)), 3 * real[1], np.zeros((1, 2))])
    assert near.nearest(later)[:2] == (1, 2)
    assert near.nearest(later)[2] == pytest.approx(0, abs=1e-5)
    assert near.nearest(np.zeros((n, 2)))[2] == 1


# ------------------------------------------------------------------------------------------------------- closed forms


def test_a_linear_model_has_its_optimum_where_the_gradient_meets_the_pull():
    """(x - mean) / deviation = normalised gradient * reach / l2, up to the bounds."""
    model, X = linear_model(), smooth_series(9, 12, 2)
    mean, deviation, low, high = statistics(X)
    gradient = model.layers[-1].kernel.numpy()[:, 1].reshape(12, 2) * deviation
    z = (X - mean) / deviation
    reach = max((one**2).sum() / np.abs(one).sum() for one in z)
    usual = (gradient**2).sum() / np.abs(gradient).sum()
    for l2, clipped in ((2.0, False), (0.4, True)):
        expected = np.clip(mean + deviation * gradient / usual * reach / l2, low, high)
        assert (np.isin(expected, (low, high))).any() == clipped
        found = maximize_activation(model, 1, X=X, l2=l2, n_iterations=200, **PLAIN)
        assert np.abs((found.inputs - expected) / deviation).max() < 0.02
        assert found.score == pytest.approx(float(model(expected[None])[0, 1]), rel=1e-2)


def test_blur_measures_the_pull_by_how_smooth_series_are():
    """The optimum is the covariance of smooth series times the gradient."""
    model = linear_model()
    covariance = np.exp(-(np.subtract.outer(np.arange(12), np.arange(12)) ** 2) / (2 * 1.5**2))
    gradient = covariance @ (model.layers[-1].kernel.numpy()[:, 0].reshape(12, 2))
    usual = (gradient**2).sum() / np.abs(gradient).sum()
    options = {"n_iterations": 200, "bounds": (-np.inf, np.inf), "total_variation": 0, "blur": 1.5}
    found = maximize_activation(model, 0, l2=2, **options)
    assert np.abs(found.inputs - gradient / usual).max() < 0.02


def test_total_variation_and_blur_make_it_smoother():
    model, X = conv_net(), smooth_series(9, 40, 2)
    plain = maximize_activation(model, 1, X=X, n_iterations=50, **PLAIN)
    held = maximize_activation(model, 1, X=X, n_iterations=50, total_variation=1, blur=0)
    smooth = maximize_activation(model, 1, X=X, n_iterations=50, total_variation=0)

    def roughness(found):
        z = found.inputs / statistics(X)[1]
        return np.diff(z, axis=1).std() / z.std()

    assert roughness(held) < 0.8 * roughness(plain)
    assert roughness(smooth) < 0.8 * roughness(plain)
    assert min(plain.score, held.score, smooth.score) > plain.history[0].max()


def test_a_convolution_is_answered_by_its_own_kernel():
    """Matched filter: at one step, and nothing elsewhere."""
    model = conv_net()
    found = maximize_activation(model, (10, 4), layer="conv:pre-activation", **PLAIN)
    kernel = model.get_layer("conv").kernel.numpy()[:, :, 4]
    assert np.corrcoef(found.x[10:15].ravel(), kernel.ravel())[0, 1] > 0.99
    outside = np.delete(found.x, range(10, 15), axis=0)
    assert np.abs(outside).max() < 0.02 * np.abs(found.x).max()


# --------------------------------------------------------------------------------------------------------- what it is


def test_the_score_is_the_logit_of_the_input():
    model, X = conv_net(), smooth_series(9, 40, 2)
    found = maximize_activation(model, 2, X=X, n_iterations=8, n_starts=3)
    assert found.inputs.shape == (3, 40, 2)
    assert found.inputs.dtype == np.float32
    assert_close(found.scores, logits_by_hand(model, found.inputs)[:, 2])
    assert found.score == found.scores.max() == found.scores[found.best]
    np.testing.assert_array_equal(found.x, found.inputs[found.best])
    assert found.history.shape == (8, 3)
    np.testing.assert_array_equal(found.history[-1], found.scores)
    assert (found.iteration, found.total, found.complete, found.note) == (8, 8, True, "")
    assert (found.target, found.layer) == (2, None)
    assert "8 of 8 iterations, 3 starts" in repr(found)


@pytest.mark.parametrize("layer, target, of", [
    ("conv", 3, lambda h: h[:, :, 3].mean(axis=1)),
    ("conv", (7, -1), lambda h: h[:, 7, -1]),
    ("conv", (7, None), lambda h: h[:, 7].mean(axis=1)),
    ("average", 1, lambda h: h[:, 1]),
    ("average", np.int64(-1), lambda h: h[:, 4]),
])  # fmt: skip
def test_filters_and_units(layer, target, of):
    model = conv_net()
    found = maximize_activation(model, target, layer=layer, n_iterations=8, n_starts=2)
    h = found.inputs
    for one in model.layers[: [one.name for one in model.layers].index(layer) + 1]:
        h = one(h)
    assert_close(found.scores, of(np.asarray(h)))
    assert (found.scores > found.history[0]).all()
    assert found.layer == layer


@pytest.mark.parametrize("target, of", [
    (None, lambda y: y.mean(axis=(1, 2))),
    (4, lambda y: y[:, 4, 0]),
    ((4, 0), lambda y: y[:, 4, 0]),
])  # fmt: skip
def test_an_output_per_step(target, of):
    layers = [keras.Input((9, 2)), L.Conv1D(4, 3, padding="same", activation="tanh"), L.Dense(1, "sigmoid")]
    model = randomise(keras.Sequential(layers))
    found = maximize_activation(model, target, n_iterations=5)
    assert_close(found.scores, of(logits_by_hand(model, found.inputs)))
    assert found.target == target


def test_several_outputs_and_the_only_number():
    x = keras.Input((10, 2))
    h = L.GlobalMaxPooling1D()(L.Conv1D(3, 3)(x))
    model = randomise(keras.Model(x, [L.Dense(4)(h), L.Dense(1, activation="sigmoid", name="one")(h)]))
    found = maximize_activation(model, output=1, n_iterations=4)
    p = np.asarray(model(found.inputs)[1])[:, 0]
    assert_close(found.scores, np.log(p / (1 - p)), 1e-4)
    assert found.target == 0
    assert maximize_activation(model, 3, n_iterations=1).target == 3


@pytest.mark.parametrize("name", in_gate(["conv", "lstm", "one channel"], "conv"))
def test_it_beats_every_real_sample(name):
    n_channels = 1 if name == "one channel" else 2
    model = lstm_net() if name == "lstm" else conv_net(n_channels=n_channels)
    X = smooth_series(50, 40, n_channels, seed=3)[:, : 20 if name == "lstm" else 40]
    scores = logits_by_hand(model, X)
    for target in range(3):
        found = maximize_activation(model, target, X=X, n_iterations=50)
        assert found.score > scores[:, target].max()
        assert found.nearest.score == pytest.approx(scores[found.nearest.index, target], abs=1e-4)
        assert 0 < found.nearest.distance < 1


def test_trained_models_on_real_data():
    """The best input of a class beats all samples of it and is most like one of them; and it is as smooth."""
    data = tsw.datasets.watch_exercises()
    found = maximize_activation(data.model, 0, X=data.X, n_iterations=30, n_starts=2)
    assert found.score > logits_by_hand(data.model, data.X)[:, 0].max() + 2
    assert data.y[found.nearest.index] == 0
    deviation = statistics(data.X)[1]
    z, real = found.x / deviation, data.X / deviation
    assert np.diff(z, axis=0).std() / z.std() < 1.5 * np.diff(real, axis=1).std() / real.std()

    data = tsw.datasets.japanese_vowels()
    found = maximize_activation(data.model, 2, X=data.X, n_iterations=60, n_starts=2)
    assert found.x.shape == (int(np.median([len(x) for x in data.X])), 12)
    padded = np.stack([np.pad(x, ((0, 29 - len(x)), (0, 0))) for x in data.X])
    assert found.score > logits_by_hand(data.model, padded)[:, 2].max()
    assert data.y[found.nearest.index] == 2


def test_starts_and_seeds():
    model, X = conv_net(), smooth_series(9, 40, 2)
    found = maximize_activation(model, 0, X=X, n_iterations=3)
    again = maximize_activation(Probe(model), 0, X=X.astype("float64").tolist(), n_iterations=3)
    np.testing.assert_array_equal(found.inputs, again.inputs)
    np.testing.assert_array_equal(found.history, again.history)
    other = maximize_activation(model, 0, X=X, n_iterations=3, seed=1)
    inputs = np.concatenate([found.inputs, other.inputs]).reshape(8, -1)
    apart = np.abs(inputs[:, None] - inputs).max(axis=2)
    assert (apart[~np.eye(8, dtype=bool)] > 0.1).all()
    assert maximize_activation(model, 0, n_iterations=2, n_starts=1).inputs.shape == (1, 40, 2)


def test_bounds():
    model, X = conv_net(), smooth_series(9, 40, 2)
    _, _, low, high = statistics(X)
    wild = {"l2": 0, "n_iterations": 30, "learning_rate": 1, **PLAIN}

    def ends(found):
        return found.inputs.min(axis=(0, 1)), found.inputs.max(axis=(0, 1))

    np.testing.assert_allclose(ends(maximize_activation(model, 0, X=X, **wild)), (low, high), rtol=1e-6)
    np.testing.assert_allclose(ends(maximize_activation(model, 0, **wild)), [(-3, -3), (3, 3)])
    narrow = maximize_activation(model, 0, X=X, bounds=([-0.5, 1], [0.25, 1]), **wild)
    np.testing.assert_allclose(ends(narrow), [(-0.5, 1), (0.25, 1)])
    np.testing.assert_allclose(ends(maximize_activation(model, 0, bounds=(10, 70), **wild)), [(10, 10), (70, 70)])
    free = ends(maximize_activation(model, 0, bounds=(-np.inf, np.inf), **wild))
    assert np.abs(free).max() > 5


def test_no_unit_matters():
    """Acceleration in g and in mm/s² give the same picture: everything is measured in deviations of X."""
    X = smooth_series(9, 40, 2)
    model, other = conv_net(), conv_net.__wrapped__()
    factor, offset = np.array([1024.0, 1.0]), np.array([0.0, -50.0])
    first, kernel = other.layers[0], model.layers[0].kernel.numpy() / factor[:, None]
    first.kernel.assign(kernel)
    first.bias.assign(model.layers[0].bias - (offset @ kernel).sum(axis=0))
    found = maximize_activation(model, 1, X=X, n_iterations=30)
    scaled = maximize_activation(other, 1, X=X * factor.astype("float32") + offset.astype("float32"), n_iterations=30)
    assert np.abs((scaled.inputs - offset) / factor - found.inputs).max() < 0.02
    assert_close(scaled.scores, found.scores, 0.01)
    assert scaled.nearest.index == found.nearest.index
    assert scaled.nearest.shift == found.nearest.shift

    first.kernel.assign(model.layers[0].kernel / 1024)
    first.bias.assign(model.layers[0].bias)
    scaled = maximize_activation(other, 1, X=X * 1024, n_iterations=30)
    np.testing.assert_array_equal(scaled.inputs, found.inputs * 1024)


def test_nor_does_the_size_of_the_answer():
    model, larger = conv_net(), conv_net.__wrapped__()
    larger.layers[-1].kernel.assign(1024 * model.layers[-1].kernel)
    found, same = (maximize_activation(one, 1, n_iterations=10) for one in (model, larger))
    assert_close(same.inputs, found.inputs, 1e-4)


# ----------------------------------------------------------------------------------------------------- step by step


def test_partial_results_and_who_stops_drawing_stops_the_work(monkeypatch):
    model, X = conv_net(), smooth_series(9, 40, 2)
    whole = maximize_activation(model, 1, X=X, n_iterations=25)
    runs, original = [], Program.__call__

    def counting(program, *arrays):
        runs.append(len(arrays[0]))
        return original(program, *arrays)

    monkeypatch.setattr(Program, "__call__", counting)
    pieces = iter_maximize_activation(model, 1, X=X, n_iterations=25)
    found = [next(pieces) for _ in range(12)]
    before = len(runs)
    kept = [one.inputs.copy() for one in found]
    rest = list(pieces)
    assert before <= 12 + 3, "one run for each, and what a start and the nearest need"
    assert len(rest) == 13
    for k, (one, copy) in enumerate(zip(found, kept, strict=True)):
        assert (one.iteration, one.total, one.complete) == (k + 1, 25, False)
        np.testing.assert_array_equal(one.history, whole.history[: k + 1])
        np.testing.assert_array_equal(one.inputs, copy)
        np.testing.assert_array_equal(one.scores, whole.history[k])
        assert one.nearest is not None
        assert not one.inputs.flags.writeable
    assert rest[-1].complete
    np.testing.assert_array_equal(rest[-1].inputs, whole.inputs)
    assert rest[-1].nearest == whole.nearest

    pieces = iter_maximize_activation(model, 1, X=X, n_iterations=25)
    next(pieces)
    runs.clear()
    pieces.close()
    assert not runs
    assert next(pieces, None) is None


def test_jitter():
    """What is scored is the shifted input; in the end none is shifted."""
    model = conv_net()
    for found in iter_maximize_activation(model, (10, 4), layer="conv:pre-activation", n_iterations=12, jitter=6):
        h = np.asarray(model.layers[0](found.inputs, training=False))  # the activation is a relu
        positive = found.scores > 0
        assert_close(found.scores[positive], h[positive, 10, 4])
    first, moved = (next(iter_maximize_activation(model, 1, jitter=j)).inputs for j in (0, 6))
    by = [np.clip(np.arange(40) - k, 0, 39) for k in range(-6, 7)]
    found = [
        next(k for k in range(13) if np.array_equal(other, one[by[k]])) for one, other in zip(first, moved, strict=True)
    ]
    assert len(set(found)) > 1, "each its own way"
    *_, before, last = iter_maximize_activation(model, 1, n_iterations=40, jitter=6)
    assert_close(last.scores, logits_by_hand(model, last.inputs)[:, 1])
    assert np.abs(last.inputs - before.inputs).max() < 0.02

    def near(jitter):
        """How large the input is beside the steps 10 to 14 that the filter sees."""
        options = {"jitter": jitter, "n_iterations": 60, **PLAIN}
        x = maximize_activation(model, (10, 4), layer="conv:pre-activation", **options).x
        return np.abs(x[5:10]).max() / np.abs(x).max()

    assert near(0) < 0.05
    assert near(6) > 0.2


def fails_above(limit):
    """A model whose answer is the sum of its input, and NaN where that is somewhere above a limit."""
    x = keras.Input((6, 1))
    total = keras.ops.sum(x, axis=(1, 2))[:, None]
    return keras.Model(x, total + 0 * keras.ops.sqrt(limit - keras.ops.max(x, axis=(1, 2))[:, None]))


def test_nan_does_not_destroy_what_was_found():
    model, wild = fails_above(2.5), {"l2": 0, "learning_rate": 0.2, "n_iterations": 40}
    pieces = list(iter_maximize_activation(model, **wild))
    found = pieces[-1]
    assert found.iteration < 40
    assert not found.complete
    assert "4 of 4 starts ended early, where the score or its gradient was NaN" in found.note
    assert np.isfinite(found.scores).all()
    assert np.isfinite(found.inputs).all()
    assert found.score > found.history[0].max()
    assert_close(found.scores, model(found.inputs)[:, 0])
    assert np.isnan(found.history[-1]).all()

    gentle = maximize_activation(fails_above(3.0), n_iterations=30, seed=2)  # the bound: sqrt(0) has no gradient there
    assert np.isfinite(gentle.scores).all()
    some = [one for one in pieces if one.note and not one.note.startswith("4 of 4")]
    assert some, "the others go on"
    assert np.isfinite(some[-1].history[-1]).any()


def test_starts_at_which_nothing_changes_are_drawn_again():
    """A unit that answers to few inputs, behind a relu."""
    layers = [keras.Input((6, 1)), L.Flatten(), L.Dense(1, activation="relu", name="rare")]
    model = keras.Sequential(layers)
    model.layers[-1].kernel.assign(np.full((6, 1), 0.5, "float32"))
    model.layers[-1].bias.assign([-1.5])
    found = maximize_activation(model, 0, n_iterations=20, n_starts=6)
    assert (found.scores > 0).mean() >= 0.8
    first = Likeness.assumed((np.array([-3.0]), np.array([3.0]))).noise(600, 6, np.random.default_rng(0))
    assert (np.asarray(model(first)) > 0).mean() < 0.4, "few noises would do"


# ------------------------------------------------------------------------------------------------- kinds of model, data


@pytest.mark.parametrize("name", in_gate(["stateful", "subclassed", "data_dependent"], "stateful", "data_dependent"))
def test_every_kind_of_model_and_nothing_is_changed(name):
    found = case(name) if name != "stateful" else CASES[name]()
    before = [np.copy(variable.numpy()) for variable in found.model.variables]
    kept = found.x.copy()
    output = Probe(found.model, found.x).output_shapes[0]
    target = (None,) * (len(output) - 1) + (0,)
    result = maximize_activation(found.model, target, X=found.x, n_starts=3, n_iterations=8)
    assert result.x.shape == found.x.shape[1:]
    assert (result.scores > result.history[0]).all()
    for variable, old in zip(found.model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)
    np.testing.assert_array_equal(found.x, kept)


def masked_model(weight):
    """The mean over steps that are not padding; with a negative weight it is largest for an input of zeros."""
    x = keras.Input((None, 2))
    h = L.Dense(1, use_bias=False, name="dense")(L.Masking(0.0)(x))
    model = keras.Model(x, L.GlobalAveragePooling1D()(h))
    model.get_layer("dense").kernel.assign([[weight], [weight]])
    return model


def test_no_step_is_padding():
    """Where zeros would be best and bounds allow them, they come near, but the model sees every step."""
    model, X = masked_model(-1.0), np.abs(smooth_series(9, 15, 2)) + 0.1
    for found in iter_maximize_activation(model, X=X, bounds=(0, 5), l2=0, n_iterations=30, learning_rate=0.5):
        assert (found.inputs != 0).any(axis=2).all()
        assert_close(found.scores, -found.inputs.sum(axis=2).mean(axis=1), 1e-4)
    assert np.abs(found.inputs).max() < 0.01


def test_a_mask_that_no_value_prevents():
    class First(keras.Layer):
        """Masks the first two steps, whatever they are."""

        def call(self, x):
            return x * 1

        def compute_mask(self, x, mask=None):
            return keras.ops.any(keras.ops.equal(x, x), axis=-1) & (keras.ops.arange(8) > 1)

    x = keras.Input((8, 2))
    model = randomise(keras.Model(x, L.Dense(1)(L.GlobalAveragePooling1D()(First()(x)))))
    found = maximize_activation(model, n_iterations=10)
    assert (found.scores > found.history[0]).all()


def test_padding_is_not_part_of_the_data():
    x = 5 + padded_series(6, 20, 3)
    x[x == 5] = 0
    layers = [keras.Input((20, 3)), L.Masking(0.0), L.GlobalAveragePooling1D(), L.Dense(2)]
    model = randomise(keras.Sequential(layers))
    found = maximize_activation(model, 1, X=x, n_iterations=20, l2=0, learning_rate=1)
    known = x[(x != 0).any(axis=2)]
    assert found.inputs.min() >= known.min() > 0
    loose = randomise(keras.Sequential([layers[0], *layers[2:]]))
    assert maximize_activation(loose, 1, X=x, n_iterations=20, l2=0, learning_rate=1).inputs.min() == 0


def test_series_of_any_length():
    model = lstm_net()
    X = [smooth_series(1, n, 2, seed=n)[0] for n in (5, 9, 9, 30)]
    assert maximize_activation(model, 0, X=X, n_iterations=2).x.shape == (9, 2)
    found = maximize_activation(model, 0, X=X, n_timesteps=13, n_iterations=2)
    assert found.x.shape == (13, 2)
    assert found.nearest.score == pytest.approx(
        float(logits_by_hand(model, X[found.nearest.index][None])[0, 0]), abs=1e-4
    )
    assert maximize_activation(model, 0, n_timesteps=4, n_iterations=2).x.shape == (4, 2)

    layers = [keras.Input((None, 2)), L.LSTM(3, return_sequences=True), L.Dense(2)]
    per_step = randomise(keras.Sequential(layers))
    short = maximize_activation(per_step, (11, 0), X=X[:3], n_timesteps=12, n_iterations=2)
    assert np.isnan(short.nearest.score), "no real series has that step"


@pytest.mark.parametrize(
    "shape", [(1,), (2, 1), *(pytest.param(shape, marks=pytest.mark.slow) for shape in ((7,), (1, 1), (7, 1)))]
)
def test_no_default_fails_on_short_and_narrow_inputs(shape):
    model = randomise(keras.Sequential([keras.Input(shape), L.Flatten(), L.Dense(2)]))
    X = np.random.default_rng(5).normal(size=(6, *shape)).astype("float32")
    for options in ({"X": X}, {}, {"X": X, "jitter": 3}):
        found = maximize_activation(model, 1, n_iterations=10, l2=0, **options)
        assert found.x.shape == (shape[0], 1)
        assert found.score > np.median(found.history[0])


def test_gaps_constant_channels_and_a_single_sample():
    model, X = conv_net(), smooth_series(5, 40, 2)
    X[0, 3:9] = np.nan
    X[:, :, 1] = 0.1
    found = maximize_activation(model, 0, X=X, n_iterations=5)
    np.testing.assert_array_equal(found.inputs[..., 1], np.float32(0.1))
    assert found.nearest.index in range(5)
    assert maximize_activation(model, 0, X=X[1:2], n_iterations=2).nearest.index == 0


def test_of_large_data_some_samples_are_looked_at(monkeypatch):
    model, X = conv_net(), smooth_series(30, 40, 2)
    monkeypatch.setattr(objective, "MOST_STEPS", 200)
    some = [0, 7, 14, 21, 29]
    found = maximize_activation(model, 2, X=X, n_iterations=5)
    few = maximize_activation(model, 2, X=X[some], n_iterations=5)
    np.testing.assert_array_equal(found.inputs, few.inputs)
    assert found.nearest.index == some[few.nearest.index] > 4
    assert found.nearest.score == few.nearest.score


# ---------------------------------------------------------------------------------------------------------- mistakes


def refused(kind, model, *args, **options):
    told = []
    for function in (maximize_activation, iter_maximize_activation):
        with pytest.raises(kind) as caught:
            function(model, *args, **options)
        assert THREE_PARTS.match(str(caught.value)), str(caught.value)
        told.append(str(caught.value))
    assert told[0] == told[1]
    return told[0]


@pytest.mark.parametrize("target, options, kind, words", [
    (None, {}, ValueError, ["a target that picks one number of an output of shape (3,)", "got None"]),
    (3, {}, ValueError, ["got 3"]),
    ((0, 1), {}, ValueError, ["got (0, 1)"]),
    ([0, 1], {}, TypeError, ["one target for all starts", "shape (2,)"]),
    (np.array([0, 1]), {}, TypeError, ["shape (2,)"]),
    ("row", {}, ValueError, ["got 'row'"]),
    (0, {"output": 1}, IndexError, ["output 0 to 0", "got 1"]),
    (0, {"layer": "cnov"}, ValueError, ["Did you mean 'conv'"]),
    (None, {"layer": "conv"}, ValueError, ["which filter of 'conv'", "0 to 5"]),
    (6, {"layer": "conv"}, IndexError, ["filter 0 to 5", "got 6"]),
    ((36, 0), {"layer": "conv"}, ValueError, ["output of shape (36, 6)"]),
    (1.0, {"layer": "conv"}, TypeError, ["a whole number for filter"]),
    ([1], {"layer": "average"}, TypeError, ["got an array of shape (1,)"]),
    (0, {"n_starts": 0}, ValueError, ["n_starts of at least 1"]),
    (0, {"n_iterations": 1.5}, TypeError, ["a whole number for n_iterations"]),
    (0, {"learning_rate": 0}, ValueError, ["a number above 0 for learning_rate"]),
    (0, {"l2": -1}, ValueError, ["a number from 0 on for l2", "got -1"]),
    (0, {"total_variation": np.nan}, ValueError, ["for total_variation", "got nan"]),
    (0, {"blur": "some"}, ValueError, ["for blur", "got 'some'"]),
    (0, {"jitter": -1}, ValueError, ["jitter of at least 0"]),
    (0, {"seed": -1}, ValueError, ["seed of at least 0"]),
    (0, {"bounds": 3}, ValueError, ["(low, high)", "got 3"]),
    (0, {"bounds": (3, -3)}, ValueError, ["the first is the lower", "3 to -3 for channel 0"]),
    (0, {"bounds": ([0, 0, 0], 1)}, ValueError, ["shape (2,)"]),
    (0, {"bounds": (0, np.nan)}, ValueError, ["0 to nan"]),
    (0, {"bounds": (1, 1)}, ValueError, ["a channel that varies"]),
    (0, {"n_timesteps": 39}, ValueError, ["40 time steps", "got 39"]),
    (0, {"X": np.zeros((3, 40, 3), "float32")}, ValueError, ["2 channels", "got 3 in X"]),
    (0, {"X": np.zeros((3, 41, 2), "float32")}, ValueError, ["40 time steps", "got 41"]),
    (0, {"X": np.zeros((3, 40, 2), int)}, TypeError, ["floating-point numbers in X"]),
    (0, {"X": np.full((3, 40, 2), np.nan, "float32")}, ValueError, ["finite values in every channel of X"]),
    (0, {"X": np.zeros((3, 40, 2), "float32")}, ValueError, ["a channel that varies"]),
    (0, {"X": []}, ValueError, ["at least one sample"]),
])  # fmt: skip
def test_what_cannot_be_asked(target, options, kind, words):
    told = refused(kind, conv_net(), target, **options)
    assert all(word in told for word in words), told


def test_models_that_cannot_be_climbed():
    assert "reads whole numbers" in refused(ValueError, case("embedding").model, 0)
    told = refused(ValueError, case("several_outputs").model, 0)
    assert "a model with one input" in told
    assert "which takes 2: 'a', 'b'" in told
    refused(TypeError, L.Dense(3), 0)
    refused(TypeError, None, 0)
    image = randomise(keras.Sequential([keras.Input((4, 4, 2)), L.Flatten(), L.Dense(2)]))
    assert "takes (n_samples, 4, 4, 2)" in refused(ValueError, image, 0)
    assert "the number of time steps" in refused(ValueError, lstm_net(), 0)
    kernel = randomise(keras.Sequential([keras.Input((None, 2)), L.Conv1D(3, 9), L.GlobalMaxPooling1D()]))
    assert "with which TensorFlow fails" in refused(ValueError, kernel, 0, n_timesteps=4)

    class Own(keras.Model):
        def call(self, x):
            return x

    assert "has not been built" in refused(ValueError, Own(), 0)


def test_answers_that_do_not_change():
    x = keras.Input((6, 2))
    largest = keras.ops.cast(keras.ops.argmax(x, axis=1), "float32")
    told = refused(ValueError, keras.Model(x, largest), 0)
    assert "a number that changes with the input; got one whose gradient is 0 at all 4 starts" in told
    dead = keras.Sequential([keras.Input((6, 2)), L.Flatten(), L.Dense(1, activation="relu", name="dead")])
    dead.layers[-1].bias.assign([-1000.0])
    assert "layer='dead:pre-activation'" in refused(ValueError, dead, 0, layer="dead", n_starts=1)
    assert maximize_activation(dead, 0, layer="dead:pre-activation", n_iterations=2).score < 0
    dead.layers[-1].bias.assign([np.nan])
    assert "a finite score and gradient; got NaN" in refused(ValueError, dead, 0, layer="dead:pre-activation")
