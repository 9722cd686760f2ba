"""Checks of a map: against loops of plain model calls, closed forms, and maps that are known to be right or wrong."""

import gc
import itertools
import weakref
from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers as L

import tswidgets as tsw
from tests.models import case, in_gate, randomise, series
from tests.probe.comparing import THREE_PARTS, probe_of
from tswidgets.analysis.methods import METHODS
from tswidgets.analysis.randomization import layers_with_weights
from tswidgets.analysis.ranks import likeness, rank_correlation
from tswidgets.analysis.trust import NO_GAIN, OTHER_MAP, SHOWS_INPUT

QUICK = {"n_shuffles": 1, "n_orders": 1, "n_points": 3}
small = st.lists(st.integers(-3, 3), min_size=3, max_size=12)


def values_of(model):
    return [np.array(np.asarray(weight)) for weight in model.weights]


@cache
def linear():
    """One number that is linear in the series; a model that tests share, and its programs with it."""
    layers = [keras.Input((30, 3)), L.Flatten(), L.Dense(1, name="head")]
    return randomise(keras.Sequential(layers)), series(1, 30, 3, 1)[0]


@cache
def convolutional():
    """Three numbers."""
    layers = [L.Conv1D(6, 5, strides=2, activation="relu", name="stem"), L.BatchNormalization(name="norm")]
    layers += [L.Conv1D(5, 3, activation="relu", name="deep"), L.GlobalAveragePooling1D(), L.Dense(3, name="head")]
    return randomise(keras.Sequential([keras.Input((30, 3)), *layers])), series(1, 30, 3, 1)[0]


@pytest.fixture(scope="module")
def watch():
    data = tsw.datasets.watch_exercises()
    return data.model, data.X[3]


# ---------------------------------------------------------------------------------------------------- rank correlations


def mean_rank(values, i):
    """1 + how many are smaller, and half of how many others are equal."""
    return 1 + sum(v < values[i] for v in values) + (sum(v == values[i] for v in values) - 1) / 2


@settings(deadline=None)
@given(st.data())
def test_spearman_by_counting(data):
    a = data.draw(small)
    b = data.draw(st.lists(st.integers(-3, 3), min_size=len(a), max_size=len(a)))
    of_a, of_b = ([mean_rank(values, i) for i in range(len(a))] for values in (a, b))
    constant = len(set(a)) == 1 or len(set(b)) == 1
    expected = 0.0 if constant else np.corrcoef(of_a, of_b)[0, 1]
    assert rank_correlation(np.array(a), np.array(b)) == pytest.approx(expected, abs=1e-12)


def test_spearman_without_ties_is_its_closed_form():
    a, b = np.random.default_rng(0).permutation(50), np.random.default_rng(1).permutation(50)
    expected = 1 - 6 * np.sum((a - b) ** 2) / (50 * (50**2 - 1))
    assert rank_correlation(a, b) == pytest.approx(expected)
    assert rank_correlation(a, np.exp(a / 10)) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)


def test_what_has_no_order():
    assert np.isnan(rank_correlation(np.arange(2), np.arange(2)))
    assert np.isnan(rank_correlation(np.arange(4), np.array([0, 1, np.nan, 2])))
    assert rank_correlation(np.ones(4), np.arange(4)) == 0


def test_faint_cells_and_padding_do_not_count():
    """1,000 cells in the same order, which cannot be seen, and 20 that can be, in another."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1, 2, 20), rng.uniform(1, 2, 20)
    faint = 1e-6 * np.arange(1000) / 1000
    seen = likeness(a, b)
    found = likeness(np.concatenate([a, faint, np.zeros(500)]), np.concatenate([b, faint, np.zeros(500)]))
    assert found == pytest.approx(seen, abs=0.1)
    assert rank_correlation(np.concatenate([a, faint]), np.concatenate([b, faint])) > 0.9


def test_signs_and_magnitudes_apart():
    a = np.random.default_rng(0).normal(size=40)
    assert likeness(a, -a) == pytest.approx((-1, 1))
    assert likeness(a.reshape(8, 5), np.zeros((8, 5))) == likeness(np.zeros(9), np.zeros(9)) == (0, 0)
    assert np.isnan(likeness(np.eye(1, 9), np.eye(1, 9))).all()  # one cell carries both
    assert np.isnan(likeness(a, np.where(a > 0, np.inf, a))).all()


# ----------------------------------------------------------------------------------------------- deletion and insertion


def score_of(model, target):
    return lambda x: float(np.asarray(model(x[None]))[0].reshape(-1)[target])


CURVES = (("gradient_x_input", 0.5), ("saliency", "mean"), ("hires_cam", 0.5))


@pytest.mark.parametrize(("method", "fill"), in_gate(CURVES, *CURVES[1:]))
def test_curves_are_those_of_plain_calls(method, fill):
    model, x = convolutional()
    found = METHODS[method](model, x, 1)
    trusted = tsw.trust(model, x, found, fill=fill, n_points=6, n_orders=2, n_shuffles=1)
    np.testing.assert_allclose(trusted.fractions, [0, 0.2, 0.4, 0.6, 0.8, 1])
    other = np.broadcast_to(x.mean(axis=0) if fill == "mean" else fill, x.shape)
    importance = np.abs(found.on_input) if method == "saliency" else found.on_input
    importance = np.where(np.isnan(importance), -np.inf, importance).ravel()
    deletion, insertion, score = [], [], score_of(model, 1)
    for share in trusted.fractions:
        n_taken = round(share * importance.size)
        taken = np.zeros(importance.size, bool)
        taken[np.argsort(-importance)[:n_taken]] = True
        taken = taken.reshape(found.on_input.shape)
        taken = taken if taken.ndim == 2 else taken[:, None]
        deletion.append(score(np.where(taken, other, x)))
        insertion.append(score(np.where(taken, x, other)))
    falling, counts = -np.sort(-importance), np.round(trusted.fractions * importance.size).astype(int)
    clear = [
        n in (0, importance.size) or falling[n - 1] > falling[n] for n in counts
    ]  # equal ones come in random order
    assert sum(clear) >= 4
    np.testing.assert_allclose(trusted.deletion[clear], np.array(deletion)[clear], atol=1e-4)
    np.testing.assert_allclose(trusted.insertion[clear], np.array(insertion)[clear], atol=1e-4)
    ends = [score(x), score(other.astype("float32"))]
    for curve, expected in (("deletion", ends), ("insertion", ends[::-1])):
        for kind in (curve, f"random_{curve}"):
            assert getattr(trusted, kind)[[0, -1]] == pytest.approx(expected, abs=1e-4)


def test_the_map_of_a_linear_model_is_the_best_there_is():
    """Each cell adds what the map says: no order takes away more, and areas are known."""
    model, x = linear()
    found = tsw.gradient_x_input(model, x)
    credits = (np.asarray(model.layers[-1].kernel)[:, 0] * x.ravel()).astype(float)
    trusted = tsw.trust(model, x, found, n_points=31, n_orders=20, n_shuffles=1)
    score = score_of(model, 0)(x)
    best = (score - np.append(0, np.cumsum(np.sort(credits)[::-1])))[::3]
    np.testing.assert_allclose(trusted.deletion, best, atol=1e-5)
    np.testing.assert_allclose(trusted.insertion, score - credits.sum() + (score - best), atol=1e-5)
    assert (trusted.random_deletion >= trusted.deletion - 1e-5).all()
    assert (trusted.random_insertion <= trusted.insertion + 1e-5).all()
    straight = score - trusted.fractions * credits.sum()  # what random orders have on the average
    np.testing.assert_allclose(trusted.random_deletion, straight, atol=0.1 * np.abs(credits).sum())
    width = np.ptp([trusted.deletion, trusted.insertion, trusted.random_deletion, trusted.random_insertion])
    area = np.trapezoid(trusted.random_deletion - trusted.deletion, trusted.fractions)
    assert trusted.deletion_gain == pytest.approx(area / width)
    assert trusted.gain > 0.2 and not [doubt for doubt in trusted.doubts if "Hiding" in doubt]
    worst = tsw.trust(model, x, replace(found, on_input=-found.on_input), n_points=31, n_shuffles=1)
    assert worst.deletion_gain < 0 and worst.insertion_gain < 0
    assert any("Hiding" in doubt for doubt in worst.doubts)


def test_padding_is_never_hidden():
    """A masked series has the curves of the same series without its padding, and the same cascade."""
    layers = [L.Masking(), L.Dense(4, "tanh", name="stem"), L.GlobalAveragePooling1D(), L.Dense(2, name="head")]
    model = randomise(keras.Sequential([keras.Input((None, 3)), *layers]))
    x = series(1, 12, 3, 2)[0]
    padded = np.concatenate([x, np.zeros((7, 3), np.float32)])
    one, other = (tsw.trust(model, part, tsw.integrated_gradients(model, part, 1), **QUICK) for part in (x, padded))
    np.testing.assert_allclose(one.deletion, other.deletion, atol=1e-4)
    np.testing.assert_allclose(one.insertion, other.insertion, atol=1e-4)
    assert [name for name, _ in one.randomization] == ["head", "stem"]
    np.testing.assert_allclose([r for _, r in one.randomization], [r for _, r in other.randomization], atol=1e-3)


def test_an_input_without_steps_is_not_hidden_with_the_steps():
    steps, static = keras.Input((20, 3), name="steps"), keras.Input((2,), name="static")
    pooled = L.GlobalAveragePooling1D()(L.Conv1D(4, 3, name="conv")(steps))
    model = randomise(keras.Model([steps, static], L.Dense(2, name="head")(L.Concatenate()([pooled, static]))))
    x = [series(1, 20, 3, 1)[0], np.float32([3, -2])]
    found = tsw.trust(model, x, tsw.hires_cam(model, x, 1), **QUICK)
    hidden = np.asarray(model([np.zeros((1, 20, 3)), x[1][None]]))[0, 1]
    assert [found.deletion[-1], found.insertion[0]] == pytest.approx([hidden] * 2, abs=1e-5)
    both = tsw.trust(model, x, tsw.gradient_x_input(model, x, 1), **QUICK)
    assert both.deletion[-1] == pytest.approx(
        np.asarray(model([np.zeros((1, 20, 3)), np.zeros((1, 2))]))[0, 1], abs=1e-5
    )


def test_what_hidden_values_turn_into_is_what_the_map_compares_with():
    model, x = convolutional()
    background = series(6, 30, 3, 9)
    maps = {
        0.0: tsw.saliency(model, x, 0),
        -1.5: tsw.integrated_gradients(model, x, 0, baseline=-1.5),
        "mean": tsw.occlusion(model, x, 0, fill="mean"),
        "background": tsw.expected_gradients(model, x, 0, background=background, n_samples=20),
    }
    for fill, found in maps.items():
        other = {"mean": x.mean(axis=0), "background": background.mean(axis=0)}.get(fill, fill)
        expected = score_of(model, 0)(np.broadcast_to(np.float32(other), x.shape).astype("float32"))
        assert tsw.trust(model, x, found, **QUICK).deletion[-1] == pytest.approx(expected, abs=1e-4)


# ----------------------------------------------------------------------------------------------------- shuffled weights


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nested", ["conv1", "encoder/conv1"]),
        ("three_deep", ["head", "middle/inner/conv", "middle/conv"]),
        ("shared", ["shared"]),
        ("subclassed", ["head", "mix", "conv1", "conv0"]),
        ("dag", ["head", "skip", "b", "a"]),
    ],
)
def test_layers_come_once_from_the_output_to_the_input(name, expected):
    names = [layer for layer, _ in layers_with_weights(probe_of(name))]
    assert sorted(names) == sorted(expected)
    positions = [tap.name.split(":")[0] for tap in probe_of(name).taps]
    last = {one: max(i for i, tap in enumerate(positions) if tap.split("#")[0] == one) for one in names}
    assert [last[one] for one in names] == sorted(last.values(), reverse=True)


@pytest.mark.parametrize("name", ["bidirectional", "time_distributed", "subclassed_inside"])
def test_every_weight_is_reached(name):
    found = case(name)
    layers = layers_with_weights(probe_of(name))
    reached = {id(weight) for _, layer in layers for weight in layer.weights}
    assert reached >= {id(weight) for weight in found.model.weights}
    assert len({one for one, _ in layers}) == len(layers)


class Scaled(keras.Model):
    """A weight of the model's own, beside a layer."""

    def __init__(self):
        super().__init__(name="scaled")
        self.conv = L.Conv1D(4, 3, name="conv")
        self.scale = self.add_weight(shape=(4,), name="scale")

    def call(self, x):
        return keras.ops.mean(self.conv(x) * self.scale, axis=1)


def test_weights_of_no_layer_come_last():
    model, x = Scaled(), series(1, 12, 3)[0]
    model(x[None])
    randomise(model)
    assert [name for name, _ in layers_with_weights(tsw.Probe(model, x[None]))] == ["conv", "scaled"]
    found = tsw.trust(model, x, tsw.gradient_x_input(model, x, 2), **QUICK)
    assert [name for name, _ in found.randomization] == ["conv", "scaled"]


def test_a_cascade_is_that_of_copies_made_by_hand():
    """One shuffle, drawn again on clones: the same layers from the output down, one array after the other."""
    model, x = convolutional()
    own = tsw.integrated_gradients(model, x, 1, n_steps=8)
    found = tsw.trust(model, x, own, seed=4, **QUICK)
    twin, rng = keras.models.clone_model(model), np.random.default_rng([4, 0])
    twin.set_weights(model.get_weights())
    for name, correlation in found.randomization:
        for weight in twin.get_layer(name).weights:
            weight.assign(rng.permutation(np.asarray(weight).ravel()).reshape(weight.shape))
        other = tsw.integrated_gradients(twin, x, 1, n_steps=8)
        assert correlation == pytest.approx(max(likeness(own.values, other.values)), abs=2e-3)
    assert [name for name, _ in found.randomization] == ["head", "deep", "norm", "stem"]


def test_the_model_is_left_as_it_is():
    model, (_, x) = keras.models.clone_model(convolutional()[0]), convolutional()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    X, y = series(8, 30, 3, 5), np.arange(8) % 3
    model.fit(X, y, epochs=1, verbose=0)
    before = [*values_of(model), *(np.array(np.asarray(one)) for one in model.optimizer.variables)]
    answers = np.asarray(model(X))
    tsw.trust(model, x, tsw.integrated_gradients(model, x), **QUICK)
    after = [*values_of(model), *(np.asarray(one) for one in model.optimizer.variables)]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(np.asarray(model(X)), answers)
    now = tsw.integrated_gradients(model, x, 0)
    expected = tsw.trust(model, x, now).randomization
    model.fit(X, y, epochs=1, verbose=0)
    with pytest.raises(ValueError, match="has learnt since") as error:
        tsw.trust(model, x, replace(now, score=now.score + 1))
    assert THREE_PARTS.match(str(error.value))
    found = tsw.trust(model, x, tsw.integrated_gradients(model, x, 0)).randomization
    assert found != expected  # with the weights of now
    del model, now, error
    gc.collect()


def test_a_model_that_is_gone_is_let_go():
    model, (_, x) = keras.models.clone_model(linear()[0]), linear()
    tsw.trust(model, x, tsw.saliency(model, x), **QUICK)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_method_that_ignores_the_weights_shows_the_input(monkeypatch, watch):
    model, x = watch

    def fake(model, x, target=None, *, output=0):
        found = tsw.saliency(model, x, target, output=output)
        return replace(found, method="fake", values=np.abs(x), on_input=np.abs(x))

    monkeypatch.setitem(METHODS, "fake", fake)
    found = tsw.trust(model, x, fake(model, x), n_shuffles=1)
    assert len(found.randomization) == 5
    assert [one for _, one in found.randomization] == pytest.approx([1] * 5)
    assert found.doubts[0].startswith("It hardly changes when the weights are shuffled (rank correlation 1.00)")
    assert found.verdict.startswith("Do not believe this map: it hardly changes")


def test_guided_backpropagation_shows_the_input_and_integrated_gradients_do_not(watch):
    model, x = watch
    found = tsw.trust(model, x, tsw.integrated_gradients(model, x))
    assert [name for name, _ in found.randomization] == [
        "dense",
        "batch_normalization_1",
        "conv1d_1",
        "batch_normalization",
        "conv1d",
    ]
    assert not found.doubts and found.complete and found.verdict.startswith("Nothing speaks against this map: it")
    assert abs(found.randomization[-1][1]) < 0.4 and found.similarity < SHOWS_INPUT - 0.1
    assert found.completeness < 0.01 and found.baseline > OTHER_MAP and found.gain > 10 * NO_GAIN
    guided = tsw.trust(model, x, tsw.guided_backprop(model, x))
    assert guided.similarity > SHOWS_INPUT + 0.1 and guided.baseline is None and guided.completeness is None
    assert guided.doubts[0].endswith("it shows the input, not the model.")
    assert not tsw.trust(model, x, tsw.grad_cam(model, x)).doubts


def test_gradients_of_a_forgetful_model_show_how_long_ago_it_was():
    """An answer per step: target (step, class). Nothing later counts, and what is long ago is too faint to be seen."""
    layers = [L.SimpleRNN(16, return_sequences=True, name="rnn"), L.Dense(2, name="head")]
    model = randomise(keras.Sequential([keras.Input((None, 3)), *layers]))
    memory = model.get_layer("rnn").cell.recurrent_kernel
    memory.assign(0.8 * np.linalg.qr(np.asarray(memory))[0])
    X = series(4, 60, 3, 1)
    found = [tsw.trust(model, x, tsw.saliency(model, x, (40, 1)), **QUICK) for x in X]
    assert [name for name, _ in found[0].randomization] == ["head", "rnn"]
    model, _ = convolutional()
    others = [tsw.trust(model, x, tsw.saliency(model, x, 1), **QUICK) for x in X[:, :30]]
    assert np.mean([one.similarity for one in found]) > SHOWS_INPUT
    assert np.mean([one.similarity for one in others]) < SHOWS_INPUT - 0.1


def test_layers_that_do_not_matter_are_left_out():
    """The other output's layer, and what comes after a tap that is explained."""
    x = keras.Input((20, 3))
    deep = L.Conv1D(4, 3, activation="relu", name="deep")(L.Conv1D(4, 3, name="stem")(x))
    pooled = L.GlobalAveragePooling1D()(deep)
    model = keras.Model(x, [L.Dense(2, name="first")(pooled), L.Dense(2, name="second")(pooled)])
    randomise(model)
    one = series(1, 20, 3)[0]
    for output, target, expected in ((0, 1, ["first"]), (1, 0, ["second"]), ("deep", (3, 2), [])):
        found = tsw.trust(model, one, tsw.gradient_x_input(model, one, target, output=output), n_shuffles=2)
        assert [name for name, _ in found.randomization] == [*expected, "deep", "stem"]
        assert found.complete


def test_copies_whose_answer_is_not_finite_are_told_of():
    """The logarithm of what only the right order keeps positive."""
    x = np.linspace(-2, 2, 30, dtype=np.float32).reshape(10, 3)
    inputs = keras.Input((10, 3))
    dense = L.Dense(1, name="head")
    model = keras.Model(inputs, keras.ops.log(dense(L.Flatten()(inputs))))
    dense.set_weights([x.reshape(-1, 1), np.float32([-0.99 * np.sum(x**2)])])
    found = tsw.trust(model, x, tsw.gradient_x_input(model, x), **QUICK)
    assert len(found.randomization) == 1 and np.isnan(found.randomization[0][1]) and np.isnan(found.similarity)
    assert found.complete and found.verdict.endswith("With shuffled weights there was nothing to compare.")


# ------------------------------------------------------------------------------------------------------- other baseline


def test_another_baseline_of_a_linear_model():
    """Credit is weight times distance from the baseline."""
    model, x = linear()
    kernel = np.asarray(model.layers[-1].kernel).reshape(x.shape)
    zero, mean = kernel * x, kernel * (x - x.mean(axis=0))
    for baseline in (0.0, "mean"):
        found = tsw.trust(model, x, tsw.integrated_gradients(model, x, baseline=baseline), **QUICK)
        assert found.baseline == pytest.approx(likeness(zero, mean)[0], abs=2e-3)
    elsewhere = x - 0.01 * np.where(kernel > 0, 1, -1)
    found = tsw.trust(model, x, tsw.integrated_gradients(model, x, baseline=elsewhere), **QUICK)
    assert found.baseline == pytest.approx(likeness(np.abs(kernel), mean)[0], abs=2e-3)
    assert found.baseline < OTHER_MAP and any(doubt.startswith("Another baseline") for doubt in found.doubts)


def test_two_halves_of_a_background():
    model, x = linear()
    background = series(8, 30, 3, 3)
    found = tsw.expected_gradients(model, x, background=background, n_samples=64)
    kernel = np.asarray(model.layers[-1].kernel).reshape(x.shape)
    halves = [kernel * (x - background[k::2].mean(axis=0)) for k in (0, 1)]
    assert tsw.trust(model, x, found, **QUICK).baseline == pytest.approx(likeness(*halves)[0], abs=2e-3)
    alone = tsw.expected_gradients(model, x, background=background[:1], n_samples=8)
    assert tsw.trust(model, x, alone, **QUICK).baseline is None


# --------------------------------------------------------------------------------------------------------------- doubts


def test_a_constant_map_points_at_nothing():
    model, x = convolutional()
    own = tsw.saliency(model, x, 0)
    for constant in (np.zeros_like(x), np.full_like(x, 2), np.full_like(x, np.nan)):
        found = tsw.trust(model, x, replace(own, values=constant, on_input=constant), **QUICK)
        assert found.empty and found.doubts[0].startswith("It is the same everywhere")


def test_values_that_do_not_add_up(watch):
    model, x = watch
    found = tsw.integrated_gradients(model, x, n_steps=1)
    trusted = tsw.trust(model, x, replace(found, error=0.1234), **QUICK)
    assert "Its values miss the score's change by 12 %: take more n_steps." in trusted.doubts
    assert tsw.trust(model, x, replace(found, error=float("nan")), **QUICK).doubts[-1].startswith("Its values miss")


def test_how_sure_the_model_is():
    x, kernel = series(1, 6, 2)[0], np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    cases = {
        "softmax": [([0, 0, 0], 0, 0.0), ([0, np.log(2), 0], 0, 0.25)],  # of the likeliest, whatever is explained
        "sigmoid": [([np.log(3), 0, 9], 0, 0.5), ([np.log(3), 0, 9], 1, 0.0)],
        None: [([0.1, 0.2, 0.7], 0, None)],
    }
    for activation, asked in cases.items():
        head = L.Dense(3, activation, name="head")
        model = keras.Sequential([keras.Input((6, 2)), L.Flatten(), head])
        for logits, target, expected in asked:
            head.set_weights([kernel, np.float32(logits) - x.ravel() @ kernel])
            found = next(tsw.iter_trust(model, x, tsw.saliency(model, x, target)))
            assert found.certainty == (None if expected is None else pytest.approx(expected, abs=1e-4))
            assert any("undecided" in doubt for doubt in found.doubts) == (expected is not None and expected < 0.4)
    assert next(tsw.iter_trust(model, x, tsw.saliency(model, x, 0, output="head"))).certainty is None


def test_the_gravest_doubt_comes_first():
    told = tsw.Trust(
        "fake", 0.5, (("head", 0.9),), deletion_gain=-0.5, insertion_gain=0.1, baseline=-0.1, certainty=0.1, empty=True
    )
    words = ["same everywhere", "weights are shuffled", "Hiding", "undecided", "values miss", "Another baseline"]
    assert [word in doubt for word, doubt in zip(words, told.doubts, strict=True)] == [True] * 6
    assert all(doubt[0].isupper() and doubt.endswith(".") for doubt in told.doubts)
    assert told.verdict.count(".") == told.verdict.count("0.") + 1
    assert "so far" in tsw.Trust("fake", None).verdict and not tsw.Trust("fake", None).doubts


# -------------------------------------------------------------------------------------------------- all kinds of models


@pytest.mark.parametrize("method", ["smooth_grad", "deep_lift", "rise", "expected_gradients", "grad_cam", "score_cam"])
def test_methods_of_every_family(method):
    model, x = convolutional()
    options = {"expected_gradients": {"background": series(6, 30, 3, 9), "n_samples": 10}, "rise": {"n_masks": 20}}
    found = tsw.trust(model, x, METHODS[method](model, x, 1, **options.get(method, {})), **QUICK)
    assert [name for name, _ in found.randomization] == ["head", "deep", "norm", "stem"]
    assert np.isfinite([one for _, one in found.randomization]).all() and np.isfinite(found.gain)
    has_baseline = method in ("deep_lift", "rise", "expected_gradients")
    assert (found.baseline is not None) == has_baseline and found.complete


@pytest.mark.parametrize(
    "name", in_gate(["subclassed", "data_dependent", "several_outputs"], "data_dependent", "several_outputs")
)
def test_every_kind_of_model(name):
    found = case(name)
    x = keras.tree.map_structure(lambda array: np.asarray(array)[0], found.x)
    shape = keras.tree.flatten(tsw.Probe(found.model, found.x).observe(found.x).outputs)[0].shape[1:]
    target = tuple(0 for _ in shape) if len(shape) > 1 else 0
    own = tsw.occlusion(found.model, x, target)
    before = values_of(found.model)
    trusted = tsw.trust(found.model, x, own, **QUICK)
    assert trusted.complete and trusted.randomization
    ends = trusted.deletion[[0, -1]], trusted.insertion[[-1, 0]]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-2, atol=1e-3)
    assert trusted.deletion[0] == pytest.approx(own.score, rel=1e-2, abs=1e-3)
    for one, other in zip(before, values_of(found.model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_probe_does_as_well_as_its_model():
    model, x = convolutional()
    own = tsw.grad_cam(model, x, 1)
    assert tsw.trust(tsw.Probe(model), x, own).randomization == tsw.trust(model, x[None], own).randomization


# ------------------------------------------------------------------------------------------------------- piece by piece


def test_pieces_get_better_and_the_last_is_complete():
    model, x = convolutional()
    own = tsw.integrated_gradients(model, x, 1)
    pieces = list(tsw.iter_trust(model, x, own, n_shuffles=2, n_orders=3))
    done = [one.done for one in pieces]
    assert done == sorted(done) and done[0] == 1 and {one.total for one in pieces} == {done[-1]}
    assert [one.complete for one in pieces] == [False] * (len(pieces) - 1) + [True]
    assert not len(pieces[0].deletion) and np.isnan(pieces[0].gain) and pieces[0].completeness == own.error
    lengths = [len(one.randomization) for one in pieces]
    assert set(lengths) == {0, 1, 2, 3, 4} and lengths == sorted(lengths)
    whole = tsw.trust(model, x, own, n_shuffles=2, n_orders=3)
    assert whole.randomization == pieces[-1].randomization and whole.verdict == pieces[-1].verdict


def test_two_at_the_same_time_do_not_disturb_each_other():
    model, x = convolutional()
    maps = [tsw.integrated_gradients(model, x, 1), tsw.grad_cam(model, x, 1)]
    expected = [tsw.trust(model, x, one).randomization for one in maps]
    stopped = tsw.iter_trust(model, x, maps[0])
    for _ in range(10):
        next(stopped)
    in_turn = itertools.zip_longest(*(tsw.iter_trust(model, x, one) for one in maps))
    ends = [None, None]
    for pair in in_turn:
        ends = [now or before for now, before in zip(pair, ends, strict=True)]
    assert [one.randomization for one in ends] == expected
    stopped.close()


# ------------------------------------------------------------------------------------------------------------- refusals


def test_refusals():
    model, x = convolutional()
    X = series(2, 30, 3, 3)
    own = tsw.saliency(model, x, 1)
    for arguments, options in (
        ((X, tsw.saliency(model, X, 1)), {}),
        ((X, own), {}),
        ((X[0], own), {}),
        ((x[:20], own), {}),
        ((x, replace(own, method="mine")), {}),
        ((x, own), {"n_points": 1}),
        ((x, own), {"n_orders": 0}),
        ((x, own), {"n_shuffles": 0}),
        ((x, own), {"seed": -1}),
        ((x, own), {"fill": "median"}),
    ):
        with pytest.raises(ValueError) as error:
            tsw.trust(model, *arguments, **options)
        assert THREE_PARTS.match(str(error.value)), str(error.value)
