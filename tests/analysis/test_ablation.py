"""What a model answers without some filters: against NumPy, and against Keras' own eager run with a layer edited."""

import itertools
import operator
import re
from contextlib import contextmanager
from functools import wraps

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests import reference
from tests.models import CASES, case, randomise, series
from tests.probe.comparing import THREE_PARTS, assert_close, probe_of
from tswidgets import ablate, ablate_pairs, iter_ablate_pairs
from tswidgets.analysis import removal
from tswidgets.probe import Probe, replacement
from tswidgets.probe.program import Program


def shown(value: object) -> str:
    """A parameter's name that is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@contextmanager
def edited(layer, edit, *, call=1, part=None):
    """Keras runs the layer, and what its n-th call returns goes through `edit`: nothing of ours is in it."""
    original, n = layer.call, itertools.count(1)

    @wraps(original)
    def changed(*args, **kwargs):
        result = original(*args, **kwargs)
        if next(n) != call:
            return result
        if part is None:
            return edit(result)
        return [edit(one) if k == part else one for k, one in enumerate(result)]

    layer.__dict__["call"] = changed
    try:
        yield
    finally:
        del layer.__dict__["call"]


def by_hand(model, x, layer, filters, fill=0.0, *, output=0, call=1, part=None):
    """One answer of the eager model with filters of the layer replaced by their part of `fill`."""

    def edit(h):
        kept = np.ones(h.shape[-1])
        kept[list(filters)] = 0
        put_in = np.broadcast_to(fill, h.shape) * (1 - kept)
        return h * keras.ops.cast(kept, h.dtype) + keras.ops.cast(put_in, h.dtype)

    states = getattr(layer, "states", None) or []
    kept_states = [state.numpy() for state in states]
    with edited(layer, edit, call=call, part=part):
        answer = model(x, training=False)
    for state, kept_state in zip(states, kept_states, strict=True):
        state.assign(kept_state)  # of a stateful layer
    return np.asarray(keras.ops.cast(keras.tree.flatten(answer)[output], "float32"))


def layer_named(model, name):
    for part in name.split("/"):
        model = model.get_layer(part)
    return model


# --------------------------------------------------------------------------------------------------- kinds of models

KINDS = [  # case, tap, layer, what else
    ("sequential", "conv2", "conv2", {}),
    ("sequential", "norm", "norm", {}),
    ("sequential", "flat", "flat", {}),
    ("masked_lstm", "lstm1", "lstm1", {}),
    ("masked_lstm", "masking", "masking", {}),
    ("masked_subclassed", "lstm", "lstm", {}),
    ("embedding", "embedding", "embedding", {}),
    ("channel_mixing", "along_time", "along_time", {}),
    ("conv_lstm", "lstm", "lstm", {}),
    ("lists", "joined", "joined", {"output": 0}),
    ("lists", "joined", "joined", {"output": 1}),
    ("several_outputs", "both", "both", {"output": 1}),
    ("several_outputs", "lstm:2", "lstm", {"output": 0, "part": 2}),
    ("shared", "shared", "shared", {}),
    ("shared", "shared#2", "shared", {"call": 2}),
    ("nested", "encoder/conv1", "encoder/conv1", {}),
    ("subclassed_inside", "block/conv", "block/conv", {}),
    ("data_dependent", "conv", "conv", {}),
    ("stateful", "lstm", "lstm", {}),
    ("mixed_float16", "norm", "norm", {}),
    ("inner_function", "own", "own", {}),
]


@pytest.mark.parametrize("name, tap, layer, more", KINDS, ids=[f"{kind[0]} {kind[1]} {kind[3]}" for kind in KINDS])
def test_each_kind_of_model(name, tap, layer, more):
    """One filter, several at once, and a value for each: the answers before and after are those of the eager model."""
    found, output = case(name), more.get("output", 0)
    layer = layer_named(found.model, layer)
    untouched = by_hand(found.model, found.x, layer, (), **more)
    n_filters = probe_of(name).observe(found.x)[tap].shape[-1]
    sets, fill = [{0}, {n_filters - 1, 1}], np.linspace(-2, 3, n_filters, dtype="float32")

    for value, put_in in (("zero", 0.0), (fill, fill)):
        result = ablate(found.model, found.x, tap, sets, value=value, output=output)
        expected = np.stack([by_hand(found.model, found.x, layer, one, put_in, **more) for one in sets])
        tolerance = max(found.tolerance, 1e-5)
        assert_close(result.before, untouched, tolerance)
        assert_close(result.after, expected, tolerance)
        np.testing.assert_array_equal(result.change, result.after - result.before)
        assert result.change.shape == result.after.shape
        assert (np.abs(result.change).reshape(2, -1).max(axis=1) > 1e-4).all(), "each set tells"
        assert result.layer == tap
        assert result.filters == ((0,), tuple(sorted((1, n_filters - 1))))


def test_layers_in_a_list_of_a_subclassed_model():
    found = case("subclassed")
    model = found.model
    for tap, layer, call in (("conv0", model.convs[0], 1), ("mix", model.mix, 1), ("mix#2", model.mix, 2)):
        expected = by_hand(model, found.x, layer, {1, 2}, call=call)
        assert_close(ablate(model, found.x, tap, {1, 2}).after, expected)


def test_before_the_activation():
    """The sum that goes into the ReLU is set to -1: the filter is 0 behind it."""
    found = case("sequential")
    after = ablate(found.model, found.x, "conv2:pre-activation", 3, value=-1).after
    assert_close(after, by_hand(found.model, found.x, found.model.get_layer("conv2"), {3}))


def test_a_probe_in_place_of_the_model():
    found = case("sequential")
    np.testing.assert_array_equal(
        ablate(Probe(found.model), found.x, "conv2", 1).after, ablate(found.model, found.x, "conv2", 1).after
    )


# ------------------------------------------------------------------------------------------- which filters, what value


@pytest.mark.parametrize(
    "given, sets",
    [
        (2, [{2}]),
        (np.int64(2), [{2}]),
        (np.array(2), [{2}]),
        (-1, [{4}]),
        ([1, -1], [{1, 4}]),
        ({3, 1}, [{1, 3}]),
        ((3, 1, 3, -2), [{1, 3}]),
        (range(3), [{0, 1, 2}]),
        (np.array([0, 2], "int8"), [{0, 2}]),
        (iter([0, 2]), [{0, 2}]),
        ({0: "a", 2: "b"}.keys(), [{0, 2}]),
    ],
    ids=shown,
)
def test_one_set_of_filters(given, sets):
    """However it is written down; the answer has no axis of sets."""
    found = case("sequential")
    result = ablate(found.model, found.x, "conv2", given)
    assert result.filters == tuple(tuple(sorted(one)) for one in sets)
    assert_close(result.after, by_hand(found.model, found.x, found.model.get_layer("conv2"), sets[0]))
    assert result.after.shape == result.before.shape == (3, 6)


@pytest.mark.parametrize(
    "given, sets",
    [
        ([[2]], [{2}]),
        ([{0}, {3, 1}], [{0}, {1, 3}]),
        ([0, {3, 1}, -1], [{0}, {1, 3}, {4}]),
        (np.array([[0, 1], [4, 3]]), [{0, 1}, {3, 4}]),
        (((i, i + 1) for i in range(3)), [{0, 1}, {1, 2}, {2, 3}]),
        ([range(2), np.array([4])], [{0, 1}, {4}]),
    ],
    ids=shown,
)
def test_several_sets_each_by_itself(given, sets):
    found = case("sequential")
    result = ablate(found.model, found.x, "conv2", given)
    assert result.filters == tuple(tuple(sorted(one)) for one in sets)
    layer = found.model.get_layer("conv2")
    assert_close(result.after, np.stack([by_hand(found.model, found.x, layer, one) for one in sets]))
    assert repr(result) == f"Ablation('conv2', {len(sets)} set{'s' * (len(sets) > 1)} of filters, output (3, 6))"


def test_values_of_every_form():
    """A number, one for each filter, step or sample: only the removed filters' part is taken."""
    found = case("sequential")
    layer, rng = found.model.get_layer("conv2"), np.random.default_rng(0)
    for value in (0.5, 2, np.float64(-1), [1, 2, 3, 4, 5], rng.normal(size=(7, 1)), rng.normal(size=(3, 7, 5))):
        after = ablate(found.model, found.x, "conv2", {1, 3}, value=value).after
        assert_close(after, by_hand(found.model, found.x, layer, {1, 3}, np.asarray(value)))


def test_the_mean_of_each_filter_over_samples_and_steps():
    found = case("sequential")
    mean = found.expected(found.x)["conv2"].astype("float64").mean(axis=(0, 1))
    after = ablate(found.model, found.x, "conv2", {0, 4}, value="mean").after
    assert_close(after, by_hand(found.model, found.x, found.model.get_layer("conv2"), {0, 4}, mean))


@pytest.mark.parametrize("name, tap", [("masked_lstm", "lstm1"), ("masked_subclassed", "lstm"), ("embedding", "lstm")])
def test_padding_has_no_part_in_the_mean(name, tap):
    found = case(name)
    present = found.x != 0 if found.x.ndim == 2 else (found.x != 0).any(axis=-1)
    values = found.expected(found.x)[tap].astype("float64")
    mean = values[present].mean(axis=0)
    assert np.abs(mean - values.mean(axis=(0, 1))).max() > 1e-3, "padding would tell"
    after = ablate(found.model, found.x, tap, [0, 2], value="mean").after
    assert_close(after, by_hand(found.model, found.x, found.model.get_layer(tap), [0, 2], mean))


def test_padding_has_no_part_in_the_mean_of_a_layer_that_carries_no_mask():
    """An Embedding's mask goes with what follows it: its padded steps count no more for that."""
    found = case("embedding")
    values, present = found.expected(found.x)["embedding"].astype("float64"), found.x != 0
    after = ablate(found.model, found.x, "embedding", 1, value="mean").after
    expected = by_hand(found.model, found.x, found.model.get_layer("embedding"), {1}, values[present].mean(axis=0))
    assert_close(after, expected)


class Sorting(L.Layer):
    """Steps in the order of their values: they have no place in time, but a mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return keras.ops.sort(x, axis=1)


def test_padding_has_no_part_in_the_mean_of_a_layer_without_a_place_in_time():
    layers = [L.Masking(name="masking"), Sorting(name="sorted"), L.LSTM(3, name="lstm")]
    model, x = randomise(keras.Sequential([keras.Input((8, 3)), *layers])), series(2, 8, 3)
    x[1, 3:] = 0
    assert {tap.name: tap.kind for tap in Probe(model).taps}["sorted"] == "other"
    mean = np.sort(x, axis=1)[(x != 0).any(axis=-1)].mean(axis=0)
    after = ablate(model, x, "sorted", {0, 2}, value="mean").after
    assert_close(after, by_hand(model, x, model.get_layer("sorted"), {0, 2}, mean))


def test_what_is_not_finite_has_no_part_in_the_mean():
    found = case("sequential")
    x = found.x.copy()
    x[0, 3, 1], x[1, 20, 0] = np.nan, np.inf
    values = np.asarray(found.model.get_layer("conv1")(x), "float64")
    mean = np.array([column[np.isfinite(column)].mean() for column in values.reshape(-1, 4).T])
    after = ablate(found.model, x, "conv1", {2}, value="mean").after
    clean = by_hand(found.model, found.x, found.model.get_layer("conv1"), {2}, mean)
    assert_close(after[2], clean[2])
    assert np.isnan(after[:2]).all(), "the filters that are left hold it"
    kept = ablate(found.model, x, "conv1", {2}).after
    assert np.isnan(kept[:2]).all()


# ------------------------------------------------------------------------------------------------------------- pairs


@pytest.fixture(scope="module")
def sine():
    """The model, the windows of its wave, and the sample that follows each."""
    data = tsw.datasets.sine()
    windows = np.lib.stride_tricks.sliding_window_view(data.wave[:, 0], 100)[:200, :, None]
    return data.model, windows, data.wave[100:]


def test_the_pairs_of_the_sine_model(sine):
    """The matrix of an independent computation in NumPy, and the numbers of the reference."""
    model, windows, y = sine
    result = ablate_pairs(model, windows, model.layers[0].name, y=y)
    weights = [np.asarray(weight) for weight in model.weights]
    exact = np.sin(2 * np.pi * np.arange(10_000, 10_300) / 100)
    exact_windows, exact_y = np.lib.stride_tricks.sliding_window_view(exact, 100)[:200, :, None], exact[100:, None]

    def error(removed):
        return ((reference.next_of_sine(exact_windows, weights, removed) - exact_y) ** 2).mean()

    expected = reference.removal_matrix(8, error)
    np.testing.assert_allclose(result.matrix, expected, rtol=0, atol=1e-4)
    assert np.unravel_index(result.matrix.argmax(), (8, 8)) == (0, 1)
    assert result.matrix[0, 1] == pytest.approx(0.8607, abs=5e-5)
    diagonal = [0.0326, 0.1658, 0.0382, 0.1153, 0.0523, 0.0141, 0.0563, 0.0272]
    np.testing.assert_allclose(result.singles, diagonal, rtol=0, atol=6e-5)
    np.testing.assert_array_equal(result.matrix, result.matrix.T)
    assert result.before == pytest.approx(error(()), abs=1e-6)
    assert result.matrix.dtype == np.float64
    assert (result.layer, result.metric, result.done, result.total) == (model.layers[0].name, "mse", 36, 36)
    assert result.complete
    assert "36 of 36 removals, mse 4.172e-05 before" in repr(result)

    single = np.array([error({i}) for i in range(8)])
    np.testing.assert_allclose(result.change, expected - error(()), rtol=0, atol=1e-4)
    for i, j in itertools.product(range(8), repeat=2):
        beyond = error({i, j}) - single[i] - single[j] + error(()) if i != j else np.nan
        np.testing.assert_allclose(result.interaction[i, j], beyond, rtol=0, atol=1e-4)
    assert list(result.ranking) == sorted(range(8), key=lambda i: -abs(single[i] - error(())))


def test_y_of_any_shape_that_means_the_same(sine):
    """The trap: (200,) against an output (200, 1) would be 200 × 200 differences."""
    model, windows, y = sine
    layer = model.layers[0].name
    expected = ablate_pairs(model, windows, layer, y=y).matrix
    for other in (y[:, 0], y[:, :, None], y[:, 0].tolist()):
        np.testing.assert_array_equal(ablate_pairs(model, windows, layer, y=other).matrix, expected)


def test_without_y_the_untouched_model_is_the_measure(sine):
    model, windows, _ = sine
    layer = model.layers[0].name
    result = ablate_pairs(model, windows, layer, metric="mae")
    assert result.before == 0
    one, two = ablate(model, windows, layer, 3), ablate(model, windows, layer, {3, 6})
    assert result.matrix[3, 3] == pytest.approx(np.abs(one.change).mean(), rel=1e-5)
    assert result.matrix[6, 3] == result.matrix[3, 6] == pytest.approx(np.abs(two.change).mean(), rel=1e-5)


def test_the_value_of_the_pairs(sine):
    model, windows, y = sine
    layer = model.layers[0].name
    for value in ("mean", np.arange(8)):
        result = ablate_pairs(model, windows, layer, y=y, value=value)
        after = ablate(model, windows, layer, [{2, 5}, {4}], value=value).after
        assert result.matrix[2, 5] == pytest.approx(((after[0] - y) ** 2).mean(), rel=1e-4)
        assert result.matrix[4, 4] == pytest.approx(((after[1] - y) ** 2).mean(), rel=1e-4)


# ----------------------------------------------------------------------------------------------------------- metrics


def after_each(name, tap, pairs, **options):
    found = case(name)
    return [ablate(found.model, found.x, tap, pair, **options).after for pair in pairs]


PAIRS = [{0}, {2}, {0, 1}, {1, 3}]


def entries(result):
    return [result.matrix[min(pair), max(pair)] for pair in PAIRS]


def squared(a, b):
    return (a - b) ** 2


@pytest.mark.parametrize("metric, of_entry", [("mse", squared), ("mae", lambda a, b: abs(a - b))])
def test_errors_are_means_over_all_entries(metric, of_entry):
    found = case("sequential")
    y = np.random.default_rng(1).uniform(size=(3, 6))
    result = ablate_pairs(found.model, found.x, "conv2", y=y, metric=metric)
    expected = [reference.mean_over_entries(of_entry, y, after) for after in after_each("sequential", "conv2", PAIRS)]
    np.testing.assert_allclose(entries(result), expected, rtol=1e-5)
    untouched = np.asarray(found.model(found.x))
    assert result.before == pytest.approx(reference.mean_over_entries(of_entry, y, untouched), rel=1e-5)
    assert result.before > 0.01
    one, _, pair, _ = expected
    other = reference.mean_over_entries(of_entry, y, after_each("sequential", "conv2", [{1}])[0])
    assert result.interaction[1, 0] == pytest.approx(pair - one - other + result.before, abs=1e-6)
    assert result.change[0, 1] == pytest.approx(pair - result.before, abs=1e-6)


def test_the_ranking_is_by_the_size_of_the_change_whatever_its_sign():
    found = case("sequential")
    result = ablate_pairs(found.model, found.x, "conv2", y=[2, 0, 5], metric="score")
    change = [result.matrix[i, i] - result.before for i in range(5)]
    assert min(change) < 0 < max(change)
    by_size = sorted(range(5), key=lambda i: -abs(change[i]))
    assert by_size not in (sorted(range(5), key=change.__getitem__), sorted(range(5), key=lambda i: -change[i]))
    assert list(result.ranking) == by_size


@pytest.mark.parametrize("form", ["numbers", "column", "floats", "one-hot", "none"])
def test_classes(form):
    """Accuracy and score at y's class, one sample after the other; without y the class is the model's own."""
    found = case("sequential")
    untouched = np.asarray(found.model(found.x))
    classes = untouched.argmax(axis=1) if form == "none" else np.array([2, 0, 5])
    y = {
        "numbers": classes,
        "column": classes[:, None],
        "floats": classes.astype(float),
        "one-hot": np.eye(6)[classes],
        "none": None,
    }[form]
    afters = after_each("sequential", "conv2", PAIRS)
    score = ablate_pairs(found.model, found.x, "conv2", y=y, metric="score")
    expected = [sum(after[i, c] for i, c in enumerate(classes)) / 3 for after in afters]
    np.testing.assert_allclose(entries(score), expected, rtol=1e-5)
    assert score.before == pytest.approx(sum(untouched[i, c] for i, c in enumerate(classes)) / 3, rel=1e-5)
    accuracy = ablate_pairs(found.model, found.x, "conv2", y=y, metric="accuracy")
    expected = [
        sum(max(range(6), key=after[i].__getitem__) == c for i, c in enumerate(classes)) / 3 for after in afters
    ]
    np.testing.assert_allclose(entries(accuracy), expected, rtol=1e-12)
    if form == "none":
        assert accuracy.before == 1
    assert (accuracy.metric, score.metric) == ("accuracy", "score")


def test_classes_of_an_output_that_is_no_softmax():
    """One-hot or by number; a score may be any number."""
    found = case("dropout")
    after = ablate(found.model, found.x, "conv", {0, 1}).after
    for y in ([1, 0], np.eye(2)[[1, 0]]):
        score = ablate_pairs(found.model, found.x, "conv", y=y, metric="score")
        assert score.matrix[0, 1] == pytest.approx((after[0, 1] + after[1, 0]) / 2, rel=1e-5)
        accuracy = ablate_pairs(found.model, found.x, "conv", y=y, metric="accuracy")
        expected = ((after[0, 1] > after[0, 0]) + (after[1, 0] > after[1, 1])) / 2
        assert accuracy.matrix[0, 1] == expected
    assert not 0 < after.min() < after.max() < 1


@pytest.mark.parametrize("shape", [(2, 15), (2, 15, 1)])
def test_a_yes_or_no_for_every_step(shape):
    found = case("conv_lstm")
    yes = np.random.default_rng(0).integers(0, 2, (2, 15, 1))
    afters = after_each("conv_lstm", "conv", PAIRS)
    for metric, of_entry in {
        "accuracy": lambda y, p: (p > 0.5) == (y == 1),
        "score": lambda y, p: p if y == 1 else 1 - p,
        "mse": squared,
    }.items():
        result = ablate_pairs(found.model, found.x, "conv", y=yes.reshape(shape), metric=metric)
        expected = [reference.mean_over_entries(of_entry, yes, after) for after in afters]
        np.testing.assert_allclose(entries(result), expected, rtol=1e-4)
    own = ablate_pairs(found.model, found.x, "conv", metric="accuracy")
    untouched = np.asarray(found.model(found.x))
    expected = [reference.mean_over_entries(lambda y, p: (p > 0.5) == (y > 0.5), untouched, after) for after in afters]
    np.testing.assert_allclose(entries(own), expected, rtol=1e-12)
    assert own.before == 1


def test_classes_of_every_step():
    found = case("time_distributed")
    classes = np.random.default_rng(0).integers(0, 2, (2, 9))
    result = ablate_pairs(found.model, found.x, "each_step", y=classes, metric="score")
    one_hot = ablate_pairs(found.model, found.x, "each_step", y=np.eye(2)[classes], metric="score")
    after = ablate(found.model, found.x, "each_step", {0, 1}).after
    expected = np.mean([after[i, t, classes[i, t]] for i in range(2) for t in range(9)])
    assert result.matrix[0, 1] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(one_hot.matrix, result.matrix)


def test_a_yes_or_no_for_each_of_several_numbers():
    """As many sigmoids as steps: what is not one-hot is no choice between classes."""
    layers = [L.Conv1D(4, 3, activation="relu", name="conv"), L.Flatten(), L.Dense(6, activation="sigmoid")]
    model, x = randomise(keras.Sequential([keras.Input((8, 2)), *layers])), series(5, 8, 2)
    y = np.random.default_rng(0).integers(0, 2, (5, 6))
    result = ablate_pairs(model, x, "conv", y=y, metric="accuracy")
    after = ablate(model, x, "conv", {1, 2}).after
    expected = reference.mean_over_entries(lambda y, p: (p > 0.5) == (y == 1), y, after)
    assert result.matrix[1, 2] == pytest.approx(expected)


def test_padded_steps_of_the_output_do_not_count():
    """As in Keras' own losses; a function is given them."""
    found = case("embedding")
    present = found.x != 0
    y = np.random.default_rng(0).normal(size=(2, 6, 2))
    y[~present] = 1e6
    after = ablate(found.model, found.x, "lstm", {0, 1}).after
    result = ablate_pairs(found.model, found.x, "lstm", y=y)
    assert result.matrix[0, 1] == pytest.approx(
        np.mean([(p - q) ** 2 for p, q in zip(after[present], y[present], strict=True)])
    )
    given = ablate_pairs(found.model, found.x, "lstm", y=y, metric=lambda t, p: np.square(t - p).mean())
    assert given.matrix[0, 1] > 1e10


def test_a_function_of_the_users():
    """In the order of scikit-learn and Keras; what it does to its arguments is its own affair."""
    found = case("sequential")
    y, calls = np.random.default_rng(0).uniform(size=(3, 6)), []
    kept = y.copy()

    def worst(y_true, y_pred):
        calls.append((y_true.copy(), y_pred.copy()))
        value = np.float32((y_true - 2 * y_pred).max())
        y_true[...] = y_pred[...] = np.nan
        return value

    result = ablate_pairs(found.model, found.x, "conv2", y=y, metric=worst)
    afters = after_each("sequential", "conv2", PAIRS)
    np.testing.assert_allclose(entries(result), [(y - 2 * after).max() for after in afters], rtol=1e-5)
    assert result.metric == "worst"
    assert len(calls) == 1 + 5 + 10
    for y_true, _ in calls:
        np.testing.assert_array_equal(y_true, kept)
    np.testing.assert_array_equal(y, kept)
    loss = ablate_pairs(found.model, found.x, "conv2", y=y, metric=keras.losses.MeanSquaredError())
    np.testing.assert_allclose(loss.matrix, ablate_pairs(found.model, found.x, "conv2", y=y).matrix, rtol=1e-5)


def test_what_is_not_a_number_makes_no_number():
    """Without a warning, for every metric alike."""
    found = case("dropout")
    x, y = found.x.copy(), np.zeros((2, 2))
    y[1, 0] = np.nan
    assert np.isnan(ablate_pairs(found.model, found.x, "conv", y=y).matrix).all()
    x[1, 3] = np.nan
    for metric in ("mse", "mae", "accuracy", "score"):
        result = ablate_pairs(found.model, x, "conv", y=np.eye(2), metric=metric)
        assert np.isnan(result.before)
        assert np.isnan(result.matrix).all()
        assert list(result.ranking) == []
    found = case("conv_lstm")
    x = found.x.copy()
    x[1, 3] = np.nan
    assert np.isnan(ablate_pairs(found.model, x, "conv", y=np.zeros((2, 15)), metric="accuracy").before)


# -------------------------------------------------------------------------------------------- piece by piece, and stop


def test_pieces_grow_into_the_whole(monkeypatch):
    """First the single filters, then the pairs; what was yielded once stays as it was, and nobody can write into it."""
    found = case("sequential")
    whole = ablate_pairs(found.model, found.x, "conv2", y=[0, 1, 2], metric="score")
    monkeypatch.setattr(replacement, "CHUNK", 1)
    order = [(i, i) for i in range(5)] + list(itertools.combinations(range(5), 2))
    parts = list(iter_ablate_pairs(found.model, found.x, "conv2", y=[0, 1, 2], metric="score"))
    done = [part.done for part in parts]
    assert done == sorted(done)
    assert set(done) == set(range(16)), "one removal after the other"
    for part in parts:
        assert part.total == 15
        assert part.complete == (part.done == 15)
        assert part.before == whole.before
        known = {(i, j) for i, j in order[: part.done]}
        for i, j in order:
            assert part.matrix[i, j] == part.matrix[j, i] or np.isnan(part.matrix[i, j])
            assert np.isnan(part.matrix[i, j]) != ((i, j) in known)
            assert (i, j) not in known or part.matrix[i, j] == pytest.approx(whole.matrix[i, j], rel=1e-5)
        assert len(part.ranking) == min(part.done, 5)
        with pytest.raises(ValueError):
            part.matrix[0, 0] = 1
        with pytest.raises(AttributeError):
            part.done = 0
    np.testing.assert_allclose(parts[-1].matrix, whole.matrix, rtol=1e-5)
    assert np.isnan(parts[0].interaction).all()
    assert np.isnan(parts[0].matrix).all()


def test_single_filters_only():
    found = case("sequential")
    whole = ablate_pairs(found.model, found.x, "conv2", y=[0, 1, 2], metric="score")
    *_, ranked = iter_ablate_pairs(found.model, found.x, "conv2", y=[0, 1, 2], metric="score", pairs=False)
    np.testing.assert_allclose(ranked.singles, whole.singles, rtol=1e-5)
    assert (ranked.done, ranked.total, ranked.complete) == (5, 5, True)
    assert np.isnan(ranked.matrix[~np.eye(5, dtype=bool)]).all()
    assert list(ranked.ranking) == list(whole.ranking)
    x = keras.Input((6, 2))
    two = L.Conv1D(2, 3, name="two")(x)
    model = randomise(keras.Model(x, L.GlobalMaxPooling1D()(two)))
    *_, ranked = iter_ablate_pairs(model, series(2, 6, 2), "two", pairs=False)
    assert ranked.complete


class Runs:
    """How many samples each run of a compiled model was given."""

    def __init__(self, monkeypatch):
        self.rows, original = [], Program.__call__

        def counting(program, *arrays):
            self.rows.append(len(arrays[0]))
            return original(program, *arrays)

        monkeypatch.setattr(Program, "__call__", counting)


def test_who_stops_drawing_stops_the_work(monkeypatch):
    found = case("sequential")
    monkeypatch.setattr(replacement, "CHUNK", 1)
    list(iter_ablate_pairs(found.model, found.x, "conv2"))
    runs = Runs(monkeypatch)
    pieces = iter_ablate_pairs(found.model, found.x, "conv2")
    while next(pieces).done < 3:
        pass
    before = len(runs.rows)
    pieces.close()
    assert len(runs.rows) == before
    runs.rows.clear()
    list(iter_ablate_pairs(found.model, found.x, "conv2"))
    assert len(runs.rows) >= before + 12


@pytest.mark.parametrize("name, tap", [("sequential", "conv2"), ("stateful", "lstm"), ("lists", "joined")])
def test_a_large_batch_runs_in_parts(name, tap, monkeypatch):
    """With a place to stop after each, and the same results: a fixed batch in multiples of its size."""
    found, n_samples = case(name), 7
    x = keras.tree.map_structure(lambda a: series(n_samples, *a.shape[1:], seed=3), found.x)
    fill = series(n_samples, *probe_of(name).observe(found.x)[tap].shape[1:], seed=4)
    whole = [ablate_pairs(found.model, x, tap, value=value) for value in ("zero", "mean", fill)]
    sets = [{0}, {1, 2}]
    at_once = ablate(found.model, x, tap, sets, value="mean")
    monkeypatch.setattr(
        removal, "AT_ONCE", 3 * removal.batches.bytes_per_row(probe_of(name).taps, keras.tree.flatten(x))
    )
    runs = Runs(monkeypatch)
    for value, expected in zip(("zero", "mean", fill), whole, strict=True):
        pieces, parts, between = iter_ablate_pairs(found.model, x, tap, value=value), [], []
        while True:
            runs.rows.clear()
            part = next(pieces, None)
            between.append(len(runs.rows))
            assert all(rows <= 3 for rows in runs.rows) or replacement.CHUNK > 1
            if part is None:
                break
            parts.append(part)
        assert max(between) <= (3 if name == "stateful" else 1), "no more than one run of a part at a time"
        assert any(a is b for a, b in itertools.pairwise(parts)), "places to stop with nothing new"
        np.testing.assert_allclose(parts[-1].matrix, expected.matrix, rtol=1e-4, atol=1e-7)
        assert np.isnan(parts[0].before)
        assert parts[-1].before == pytest.approx(expected.before, abs=1e-7)
    in_parts = ablate(found.model, x, tap, sets, value="mean")
    assert_close(in_parts.before, at_once.before)
    assert_close(in_parts.after, at_once.after)


def test_a_model_that_decides_by_its_data_is_given_the_whole_batch(monkeypatch):
    """A part of it might decide otherwise."""
    found = CASES["data_dependent"]()
    model, x = found.model, np.concatenate([found.x + 3, found.x - 2])
    monkeypatch.setattr(removal, "AT_ONCE", 1)
    probe = Probe(model, x)
    assert_close(ablate(probe, x, "conv", 1).after, by_hand(model, x, model.conv, {1}))
    means = [float(np.mean(model.conv(part))) for part in (x, x[:2], x[2:])]
    assert min(means) < 0 < max(means), "the parts decide differently"


def test_nothing_is_changed():
    """Weights, states, X, y and the value are bit-identical afterwards, and nothing hangs on to the model's layers."""
    found = CASES["masked_lstm"]()
    x, y, value = found.x.copy(), np.array([0, 1, 2]), np.ones(6)
    before = [np.copy(weight.numpy()) for weight in found.model.variables]
    attributes, layer_call = [set(vars(layer)) for layer in found.model.layers], keras.Layer.__call__
    for array in (x, y, value):
        array.flags.writeable = False
    ablate_pairs(found.model, x, "lstm1", y=y, metric="score", value=value)
    ablate(found.model, x, "lstm1", [0, {1, 2}], value="mean")
    for weight, old in zip(found.model.variables, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)
    np.testing.assert_array_equal(x, found.x)
    assert (y == [0, 1, 2]).all()
    assert (value == 1).all()
    assert [set(vars(layer)) for layer in found.model.layers] == attributes
    assert keras.Layer.__call__ is layer_call
    assert_close(ablate(found.model, x, "lstm1", 0).before, found.model(x))


def test_weights_that_have_changed_count():
    found = CASES["sequential"]()
    ablate(found.model, found.x, "conv2", 1)
    randomise(found.model, seed=5)
    result = ablate(found.model, found.x, "conv2", 1)
    assert_close(result.before, found.model(found.x))
    assert_close(result.after, by_hand(found.model, found.x, found.model.get_layer("conv2"), {1}))


# ---------------------------------------------------------------------------------------------------------- mistakes


def refused(kind, function, *args, **options):
    with pytest.raises(kind) as caught:
        function(*args, **options)
    assert THREE_PARTS.match(str(caught.value)), str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "filters, kind, words",
    [
        ([], ValueError, ["at least one filter of 'conv2'", "an empty one"]),
        (set(), ValueError, ["empty"]),
        ([[0], []], ValueError, ["empty"]),
        (iter(()), ValueError, ["empty"]),
        (range(5), ValueError, ["fewer than the 5 filters of 'conv2'", "all", "Leave at least one filter in"]),
        ([[0], [0, 1, 2, 3, -1]], ValueError, ["all"]),
        (5, IndexError, ["filter 0 to 4", "got 5", "'conv2' has 5"]),
        (-6, IndexError, ["got -6"]),
        ([[0, 1], [2, 7]], IndexError, ["got 7"]),
        (1.0, TypeError, ["a whole number for filter", "got 1.0"]),
        ([0, 1.5], TypeError, ["1.5"]),
        (True, TypeError, ["True"]),
        (np.array([True, False, False, False, False]), TypeError, ["whole number"]),
        ("1", TypeError, ["'1'"]),
        (None, TypeError, ["None"]),
        ([[[0]]], TypeError, ["[0]"]),
    ],
    ids=shown,
)
def test_filters_that_cannot_be_removed(filters, kind, words):
    found = case("sequential")
    told = refused(kind, ablate, found.model, found.x, "conv2", filters)
    assert all(word in told for word in words), told


@pytest.mark.parametrize(
    "value, words",
    [
        ("noise", ["'zero', 'mean' or numbers", "got 'noise'"]),
        (None, ["got None"]),
        (["zero"] * 5, ["dtype <U4"]),
        (1j, ["got 1j"]),
        ([[1, 2], [3]], ["a list"]),
        (np.zeros(4), ["broadcasts to (3, 7, 5), as 'conv2' returns", "shape (4,)"]),
        (np.zeros((7,)), ["shape (7,)"]),
        (np.zeros((2, 7, 5)), ["shape (2, 7, 5)"]),
        (np.zeros((1, 3, 7, 5)), ["shape (1, 3, 7, 5)"]),
    ],
    ids=shown,
)
def test_values_that_cannot_be_put_in(value, words):
    found = case("sequential")
    for function in (ablate, iter_ablate_pairs):
        arguments = (0,) if function is ablate else ()
        told = refused(ValueError, function, found.model, found.x, "conv2", *arguments, value=value)
        assert all(word in told for word in words), told


def test_layers_that_cannot_be_ablated():
    """Said at once, also by the generator."""
    found = case("returned_states")
    several = case("several_outputs")
    x = keras.Input((6, 2))
    h = L.Conv1D(3, 3, name="three")(x)
    one = L.Conv1D(1, 3, name="one")(h)
    flat = L.Lambda(lambda h: keras.ops.mean(h, axis=(1, 2)), output_shape=(), name="flat")(one)
    narrow = randomise(keras.Model(x, flat))
    batch = series(2, 6, 2)
    for function, more in ((ablate, (0,)), (iter_ablate_pairs, ())):
        told = refused(ValueError, function, found.model, found.x, "lstm:1", *more)
        assert "a layer that the model's answer depends on, unlike 'lstm:1'" in told
        assert "does not go into output 0" in told
        told = refused(ValueError, function, several.model, several.x, "lstm", *more)
        assert "Choose another layer, or another output" in told
        told = refused(ValueError, function, narrow, batch, "one", *more)
        assert "unlike 'one'; got one, without which nothing of the layer is left" in told
        assert "values of shape (2,)" in refused(ValueError, function, narrow, batch, "flat", *more)
        assert "Did you mean 'three'" in refused(ValueError, function, narrow, batch, "thre", *more)
        told = refused(IndexError, function, found.model, found.x, "rnn", *more, output=2)
        assert "output 0 to 1" in told
        refused(TypeError, function, None, batch, "one", *more)


def test_a_branch_whose_result_is_dropped():
    class Dropping(keras.Model):
        def __init__(self):
            super().__init__(name="dropping")
            self.used, self.dropped = L.Dense(3, name="used"), L.Dense(3, name="dropped")

        def call(self, x):
            self.dropped(x)
            return self.used(x)

    x, model = series(2, 5, 2), Dropping()
    model(x)
    randomise(model)
    told = refused(ValueError, ablate, model, x, "dropped", 0)
    assert "does not go into the output" in told
    assert_close(ablate(model, x, "used", 0).after, by_hand(model, x, model.used, {0}))


def test_layers_of_a_model_that_decides_by_its_data():
    """One that this X does not reach is refused; whether the output depends on one that it does is not known."""
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    for x in (found.x + 3, found.x - 3):
        probe.observe(x)
    other = "down" if "up" in found.expected(found.x + 3) else "up"
    told = refused(ValueError, ablate, probe, found.x + 3, other, 0)
    assert f"a layer that the model runs for this input, unlike {other!r}" in told


def test_too_few_filters_for_pairs_and_too_many(monkeypatch):
    x = keras.Input((6, 2))
    model = randomise(keras.Model(x, L.GlobalMaxPooling1D()(L.Conv1D(2, 3, name="two")(x))))
    for function in (ablate_pairs, iter_ablate_pairs):
        told = refused(ValueError, function, model, series(2, 6, 2), "two")
        assert "at least 3 filters in 'two'" in told
        assert "pairs=False" in told
    x = keras.Input((1500, 1))
    wide = randomise(keras.Model(x, L.Dense(1)(L.Flatten(name="flat")(L.Conv1D(3, 1)(x)))))
    told = refused(ValueError, iter_ablate_pairs, wide, series(1, 1500, 1), "flat", pairs=False)
    assert "at most 4,096 units in 'flat'; got 4,500" in told


@pytest.mark.parametrize(
    "name, bad, words",
    [
        ("sequential", lambda x: x[0], ["(n_samples, 30, 3)", "got shape (30, 3)", "a sample axis"]),
        ("sequential", lambda x: x[:, :-1], ["got shape (3, 29, 3)"]),
        ("sequential", lambda x: x[:0], ["at least one sample", "got 0"]),
        ("sequential", lambda x: list(x), ["1 inputs", "3 arrays"]),
        ("lists", lambda x: x[0], ["2 inputs", "1 arrays"]),
        ("lists", lambda x: [x[0], x[1][:1]], ["as many in every input", "2 and 1"]),
        ("several_outputs", lambda x: {"a": x["a"]}, ["2 inputs", "1 arrays"]),
    ],
)
def test_X_that_is_not_for_the_model(name, bad, words):
    found = case(name)
    tap = {"sequential": "conv2", "lists": "joined", "several_outputs": "both"}[name]
    for function, more in ((ablate, (0,)), (iter_ablate_pairs, ())):
        told = refused(ValueError, function, found.model, bad(found.x), tap, *more)
        assert all(word in told for word in words), told


def test_X_as_nested_lists():
    found = case("sequential")
    result = ablate(found.model, found.x.astype("float64").tolist(), "conv2", 0)
    assert_close(result.after, ablate(found.model, found.x, "conv2", 0).after)


@pytest.mark.parametrize(
    "name, y, metric, kind, words",
    [
        ("sequential", [0, 1, 2], "mse", ValueError, ["y of shape (3, 6)", "got shape (3,)", 'metric="accuracy"']),
        ("sequential", [0, 1, 2], operator.gt, ValueError, ["metric 'gt'", 'metric="accuracy"']),
        ("sequential", [0.5, 1, 2], "mse", ValueError, ["got shape (3,)", "one number for each"]),
        ("sequential", np.zeros((3, 5)), "mae", ValueError, ["got shape (3, 5)"]),
        ("sequential", np.zeros((1, 6)), "mse", ValueError, ["got shape (1, 6)"]),
        ("sequential", 0.0, "mse", ValueError, ["got shape ()"]),
        ("sequential", [0, 1], "accuracy", ValueError, ["(3,) with class numbers, or of shape (3, 6)", "shape (2,)"]),
        ("sequential", [0, 1, 6], "accuracy", ValueError, ["class numbers 0 to 5", "0 to 6"]),
        ("sequential", [1, 6, 2], "score", ValueError, ["1 to 6", "Subtract 1"]),
        ("sequential", [-1, 0, 2], "score", ValueError, ["-1 to 2"]),
        ("sequential", [0, 0.5, 2], "score", ValueError, ["not whole"]),
        ("sequential", [0, np.nan, 2], "score", ValueError, ["not whole"]),
        ("sequential", np.full((3, 6), 1 / 6), "accuracy", ValueError, ["one-hot", "class numbers of shape (3,)"]),
        ("sequential", ["a", "b", "c"], "accuracy", TypeError, ["numbers in y", "dtype <U1"]),
        ("sequential", [[1], [2, 3], [4]], "mse", ValueError, ["different lengths"]),
        ("conv_lstm", np.zeros((2, 15)) - 1, "accuracy", ValueError, ["class numbers 0 to 1", "-1 to -1"]),
        ("conv_lstm", np.zeros((15, 2)), "accuracy", ValueError, ["y of shape (2, 15, 1)", "(15, 2)"]),
        ("conv_lstm", np.zeros(2), "mse", ValueError, ["y of shape (2, 15, 1)", "(2,)"]),
    ],
)
def test_y_that_does_not_fit(name, y, metric, kind, words):
    found = case(name)
    tap = {"sequential": "conv2", "conv_lstm": "conv"}[name]
    told = refused(kind, ablate_pairs, found.model, found.x, tap, y=y, metric=metric)
    assert all(word in told for word in words), told


def raising(y_true, y_pred):
    raise ZeroDivisionError("no positive sample")


@pytest.mark.parametrize(
    "metric, kind, words",
    [
        ("rmse", ValueError, ["'mse', 'mae', 'accuracy', 'score'", "'rmse'"]),
        (None, ValueError, ["got None"]),
        (raising, ValueError, ["'raising'", "of shape (3, 6)", "ZeroDivisionError: no positive sample"]),
        (lambda y_true: 0.0, ValueError, ["TypeError", "(y_true, y_pred)"]),
        (np.subtract, ValueError, ["one number from metric 'subtract'", "shape (3, 6)"]),
        (lambda y_true, y_pred: "good", ValueError, ["got a str"]),
        (lambda y_true, y_pred: None, ValueError, ["got a NoneType"]),
        (lambda y_true, y_pred: 1j, ValueError, ["got a complex"]),
        (keras.metrics.MeanSquaredError(), TypeError, ["a Keras metric (MeanSquaredError), which adds up"]),
    ],
    ids=shown,
)
def test_metrics_that_give_no_number(metric, kind, words):
    found = case("sequential")
    told = refused(kind, ablate_pairs, found.model, found.x, "conv2", metric=metric)
    assert all(word in told for word in words), told


def test_accuracy_of_an_output_that_tells_no_class(sine):
    model, windows, y = sine
    told = refused(ValueError, ablate_pairs, model, windows, model.layers[0].name, y=y, metric="accuracy")
    assert "an output between 0 and 1, or one per class, for metric 'accuracy'; got numbers from -" in told
