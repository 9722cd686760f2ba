"""Output time × input time: against eager tapes, one output step after the other, and finite differences."""

from functools import cache
from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

import tswidgets as tsw
from tests import attribution_reference as reference
from tests.models import case, in_gate, padded_series, randomise, series
from tests.probe.comparing import THREE_PARTS, assert_close
from tswidgets.analysis.attribution import STEPS
from tswidgets.probe import Timeline

N, C = 24, 3
PLAIN = {"scale": "none"}
SLOW = pytest.mark.slow


def model_of(*layers, n=N, head=1, squash="sigmoid", channels=C, seed=0):
    """These layers, and an answer per step."""
    stack = [keras.Input((n, channels)), *layers, L.Dense(head, activation=squash, name="head")]
    return randomise(keras.Sequential(stack, name="labeller"), seed)


def taped(model, x, target=None, squashed=True):
    """|∂ logit of step t / ∂ x[s]| of one series by a tape for each t, and the classes; (n_out, n_timesteps)."""
    linear = reference.linear_twin(model) if squashed else model
    answers = np.asarray(linear(x[None], training=False))[0]
    chosen = answers.argmax(axis=1) if target is None else np.broadcast_to(target, len(answers))

    @tf.function(autograph=False)
    def slope(points, t, k):
        with tf.GradientTape() as tape:
            tape.watch(points)
            value = tf.cast(linear(points, training=False), tf.float32)[0, t, k]
        return tape.gradient(value, points)

    points, rows = tf.constant(x[None], tf.float32), []
    for t, k in enumerate(chosen):
        one = np.asarray(slope(points, tf.constant(t), tf.constant(int(k))), np.float64)[0]
        rows.append(np.sqrt((one**2).sum(axis=-1)))
    return np.array(rows), chosen


def conv(size=3, padding="same", **options):
    return L.Conv1D(4, size, padding=padding, activation="tanh", **options)


def recurrent(kind=L.LSTM, **options):
    return kind(4, return_sequences=True, **options)


class Backwards(L.Layer):
    """A recurrence that reads from the end, with its answers in the order of the input."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = recurrent(L.GRU, go_backwards=True)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return keras.ops.flip(self.inner(x), axis=1)


class Attending(L.Layer):
    def __init__(self, causal, **options):
        super().__init__(**options)
        self.inner, self.causal = L.MultiHeadAttention(2, 3), causal

    def build(self, shape):
        self.inner.build(shape, shape)

    def get_config(self):
        return super().get_config() | {"causal": self.causal}

    def call(self, x):
        return x + self.inner(x, x, use_causal_mask=self.causal)


# name → (layers, by how many steps the graph lets a step look ahead)
MODELS = {
    "causal conv": (lambda: [conv(5, "causal"), conv(4, "causal", dilation_rate=2)], 0),
    "lstm": (lambda: [recurrent()], 0),
    "gru on causal conv": (lambda: [conv(4, "causal"), recurrent(L.GRU)], 0),
    "shifted by hand": (lambda: [L.ZeroPadding1D((4, 0)), conv(5, "valid")], 0),
    "batch norm": (lambda: [L.BatchNormalization(), recurrent(), L.BatchNormalization()], 0),
    "causal attention": (lambda: [Attending(True)], 0),
    "same conv, odd": (lambda: [conv(7)], 3),
    "same conv, even": (lambda: [conv(8)], 4),
    "two same convs": (lambda: [conv(3), conv(5)], 3),
    "same conv, lstm": (lambda: [conv(8), recurrent()], 4),
    "backwards": (lambda: [Backwards()], N - 1),
    "both ways": (lambda: [L.Bidirectional(recurrent())], N - 1),
    "attention": (lambda: [Attending(False)], N - 1),
}


@cache
def known(name):
    """(model, one series, what a tape finds) of one of these."""
    model, x = model_of(*MODELS[name][0]()), series(1, N, C)[0]
    return model, x, taped(model, x)[0]


GATE = ("causal conv", "lstm", "shifted by hand", "causal attention", "same conv, even")


@pytest.mark.parametrize("name", in_gate(MODELS, *GATE))
def test_it_is_what_a_tape_finds_for_each_output_step(name):
    """And what is not 0 lies where the timeline says that a step can see."""
    model, x, expected = known(name)
    found = tsw.time_influence(model, x, **PLAIN)
    assert_close(found.values, expected, 1e-4)
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.output_steps, np.arange(N))
    np.testing.assert_array_equal(found.now, np.arange(N))
    steps = np.arange(N)
    outside = (steps < found.lo[:, None]) | (steps > found.hi[:, None])
    assert (found.values[outside] == 0).all()
    assert_close(found.score, np.asarray(reference.linear_twin(model)(x[None]))[0, :, 0], 1e-4)
    assert found.graph_ahead == MODELS[name][1]


CAUSAL = [name for name, (_, ahead) in MODELS.items() if not ahead]
AHEAD = [name for name in MODELS if name not in CAUSAL]


@pytest.mark.parametrize("name", in_gate(CAUSAL, *set(GATE).intersection(CAUSAL)))
def test_a_causal_model_has_a_future_of_exactly_nothing(name):
    model, x, _ = known(name)
    found = tsw.time_influence(model, np.stack([x, series(1, N, C, 1)[0]]))
    assert found.values.max() > 0
    assert (found.future.value, found.future.share, found.future.output_step, found.used_ahead) == (0, 0, None, 0)
    assert not found.future.used
    assert found.verdict == "No output step uses the future."
    assert found.layers_ahead == ()


@pytest.mark.parametrize("name", in_gate(AHEAD, *set(GATE).intersection(AHEAD)))
def test_the_largest_influence_of_the_future_and_who_is_to_blame(name):
    ahead, (model, x, expected) = MODELS[name][1], known(name)
    found = tsw.time_influence(model, x, **PLAIN)
    later = {(t, s): expected[t, s] for t in range(N) for s in range(t + 1, N)}
    t, s = max(later, key=later.get)
    future = found.future
    assert (future.output_step, future.input_step, future.n_ahead, future.sample) == (t, s, s - t, None)
    assert future.value == pytest.approx(later[t, s], rel=1e-4)
    assert future.share == pytest.approx(later[t, s] / expected.max(), rel=1e-4)
    assert found.used_ahead == max(s - t for (t, s), value in later.items() if value >= 0.01 * expected.max())
    assert found.used_ahead <= ahead
    assert found.verdict.startswith(f"Output step {t} uses input step {s}, {s - t} step")
    assert f"can look up to {ahead} steps ahead: {found.layers_ahead[0].layer} (" in found.verdict
    assert found.layers_ahead[-1].n_steps == ahead


def test_the_layers_that_look_ahead_are_named_in_order():
    model = model_of(conv(3, name="near"), conv(5, "causal", name="past"), conv(5, name="far"), recurrent(name="lstm"))
    found = tsw.time_influence(model, series(1, N, C)[0])
    assert [(one.layer, one.n_steps, one.because) for one in found.layers_ahead] == [
        ("near", 1, 'padding "same"'),
        ("far", 3, 'padding "same"'),
    ]
    many = model_of(*[conv(3, name=f"c{i}") for i in range(5)])
    assert tsw.time_influence(many, series(1, N, C)[0]).verdict.endswith('c2 (padding "same"), 2 more.')


def test_what_the_graph_allows_and_the_model_does_not_use():
    """A kernel whose weights for later steps are 0."""
    model, x = model_of(L.Conv1D(4, 7, padding="same", name="conv")), series(1, N, C)[0]
    kernel = np.asarray(model.get_layer("conv").kernel).copy()
    kernel[4:] = 0
    model.get_layer("conv").kernel.assign(kernel)
    found = tsw.time_influence(model, x)
    assert (found.future.value, found.graph_ahead) == (0, 3)
    could = 'the model can look up to 3 steps ahead: conv (padding "same").'
    assert found.verdict == f"No output step uses the future in this series, though {could}"
    model.get_layer("conv").kernel.assign(np.zeros_like(kernel))
    assert tsw.time_influence(model, x).verdict.startswith("No input step has any influence in this series")


# ------------------------------------------------------------------------------------------ where an output step stands


@pytest.mark.parametrize(
    ("layers", "now", "ahead"),
    [
        (lambda: [conv(5, "causal", strides=4)], [3, 7, 11, 15, 19, 23], 0),
        pytest.param(lambda: [conv(8, "causal"), L.MaxPooling1D(4)], [3, 7, 11, 15, 19, 23], 0, marks=SLOW),
        pytest.param(lambda: [L.AveragePooling1D(4), recurrent()], [3, 7, 11, 15, 19, 23], 0, marks=SLOW),
        pytest.param(lambda: [conv(7), L.MaxPooling1D(4)], [3, 7, 11, 15, 19, 23], 3, marks=SLOW),
        (lambda: [conv(5, strides=3)], [2, 5, 8, 11, 14, 17, 20, 23], 1),  # reads 3j − 1 to 3j + 3
        (lambda: [conv(5, "valid")], list(range(2, 22)), 2),
        pytest.param(lambda: [conv(6, "valid")], list(range(2, 21)), 3, marks=SLOW),
        (lambda: [L.UpSampling1D(2)], [t // 2 for t in range(48)], 0),
        (lambda: [conv(5, "causal"), L.MaxPooling1D(2), L.UpSampling1D(2)], list(range(24)), 1),
    ],
)
def test_where_steps_stand_that_are_not_those_of_the_input(layers, now, ahead):
    """At the end of their share of the input, or with padding "valid" in the middle of what they read."""
    model, x = model_of(*layers()), series(1, N, C)[0]
    found = tsw.time_influence(model, x, **PLAIN)
    np.testing.assert_array_equal(found.now, now)
    values, _ = taped(model, x)
    assert_close(found.values, values, 1e-4)
    reads = [max(np.flatnonzero(row), default=0) for row in values]
    most = max(int(last - at) for last, at in zip(found.hi, now, strict=True))
    assert max(0, most) == found.graph_ahead
    assert max(0, *(int(last - at) for last, at in zip(reads, now, strict=True))) <= found.graph_ahead
    assert found.graph_ahead == ahead


def test_steps_in_reverse_stand_where_they_are_taken():
    model = model_of(recurrent(go_backwards=True, name="reverse"))
    found = tsw.time_influence(model, series(1, N, C)[0])
    np.testing.assert_array_equal(found.now, np.arange(N)[::-1])
    assert found.graph_ahead == N - 1
    assert found.layers_ahead[0].because == "goes backwards"


def test_a_place_that_is_known_better():
    """The label of a window is that of its last step: nothing is later."""
    model, x = model_of(conv(5, "valid")), series(1, N, C)[0]
    found = tsw.time_influence(model, x, now=np.arange(4, N))
    assert found.future.value == 0
    assert found.verdict == "No output step uses the future."
    earlier = tsw.time_influence(model, x, now=np.arange(3, N - 1))
    assert earlier.future.n_ahead == earlier.graph_ahead == 1
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.time_influence(model, x, now=np.arange(N))


def test_a_forecast_whose_place_only_the_user_knows():
    """The decoder's inputs lie on another time axis; of the series each step of the forecast may use all."""
    past, ahead = keras.Input((N, C)), keras.Input((6, 2))
    _, *states = L.LSTM(4, return_state=True)(past)
    decoded = L.LSTM(4, return_sequences=True)(ahead, initial_state=states)
    model = randomise(keras.Model([past, ahead], L.Dense(1)(decoded)))
    x = [series(1, N, C)[0], series(1, 6, 2)[0]]
    assert tsw.time_influence(model, x).values.shape == (6, 6)  # along the axis of the decoder's own inputs
    series_name = model.inputs[0].name
    found = tsw.time_influence(model, x, now=np.full(6, N - 1), by=series_name, **PLAIN)
    points = [tf.constant(part[None]) for part in x]
    for t in range(6):
        with tf.GradientTape() as tape:
            tape.watch(points[0])
            value = model(points)[0, t, 0]
        slope = np.asarray(tape.gradient(value, points[0]))[0]
        assert_close(found.values[t], np.sqrt((slope**2).sum(axis=1)), 1e-4)
    assert found.future.value == 0
    assert tsw.time_influence(model, x, now=np.arange(6), by=series_name).future.used


def test_steps_that_cannot_be_followed():
    """What the last operations do is not known; the user says that the axis is time."""

    class Doubling(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.last = conv(5, "causal"), L.Dense(1)

        def call(self, x):
            return self.last(self.first(x)) * 2

    model, x = Doubling(), series(1, N, C)
    model(x)
    with pytest.raises(ValueError, match='pass output_axis="time"'):
        tsw.time_influence(model, x)
    found = tsw.time_influence(model, x[0], output_axis="time", **PLAIN)
    assert_close(found.values, taped(model, x[0], squashed=False)[0], 1e-4)
    assert found.graph_ahead is None
    none = "No output step uses the future in this series"
    assert found.verdict == f"{none}; how far ahead the model could look is not known."


def test_now_of_a_timeline():
    steps = np.arange(9)
    np.testing.assert_array_equal(Timeline.of_input(9).now(9), steps)
    delayed = Timeline(*[np.maximum(steps - 3, 0)] * 4)
    np.testing.assert_array_equal(delayed.now(9), steps)
    np.testing.assert_array_equal(Timeline.nowhere().now(9), [8])


# ------------------------------------------------------------------------------------------------------------- the rest


def test_channels_count_by_their_spread():
    """In another unit the picture is the same; a channel that is constant counts per unit."""
    model, x = model_of(conv(4, "causal")), series(1, N, C)[0] * np.float32([1, 20, 0.1])
    x[:, 2] = 3
    found, plain = tsw.time_influence(model, x), tsw.time_influence(model, x, scale="none")
    linear = reference.linear_twin(model)
    sizes = np.array([x[:, 0].std(), x[:, 1].std(), 1])
    rows = [reference.gradient(reference.picking(linear, (t, 0)), x[None])[0] for t in range(N)]
    assert_close(found.values, [np.sqrt(((row * sizes) ** 2).sum(axis=1)) for row in rows], 1e-4)
    assert_close(plain.values, [np.sqrt((row**2).sum(axis=1)) for row in rows], 1e-4)


def test_per_step_classes():
    """By default the likeliest of each step; one for all, or one a step, if asked."""
    model, x = model_of(conv(), head=4, squash="softmax"), series(2, N, C)
    expected, chosen = taped(model, x[0])
    found = tsw.time_influence(model, x[0], **PLAIN)
    np.testing.assert_array_equal(found.target, chosen)
    assert len(set(chosen)) > 1
    assert_close(found.values, expected, 1e-4)
    assert_close(tsw.time_influence(model, x[0], -2, **PLAIN).values, taped(model, x[0], 2)[0], 1e-4)
    labels = np.arange(2 * N).reshape(2, N) % 4
    both = tsw.time_influence(model, x, labels, **PLAIN)
    np.testing.assert_array_equal(both.target, labels)
    for i in range(2):
        assert_close(both.values[i], taped(model, x[i], labels[i])[0], 1e-4)
        alone = tsw.time_influence(model, x[i], labels[i], **PLAIN)
        assert_close(alone.values, both.values[i])
    assert both.future.sample in (0, 1)
    assert both.verdict.startswith(f"In sample {both.future.sample}, output step")


def test_masked_padding_is_exactly_nothing():
    stack = [keras.Input((None, C)), L.Masking(), recurrent(), L.Dense(2, activation="softmax")]
    model, x = randomise(keras.Sequential(stack)), padded_series(2, N, C)
    found = tsw.time_influence(model, x, 1, **PLAIN)
    np.testing.assert_array_equal(found.absent, (x == 0).all(axis=2))
    for i in range(2):
        present = ~found.absent[i]
        assert not found.values[i][:, ~present].any()
        assert not found.values[i][~present].any()
        np.testing.assert_array_equal(found.absent_outputs[i], ~present)
        alone = taped(model, x[i][present], 1)[0]
        assert_close(found.values[i][np.ix_(present, present)], alone, 1e-4)


def test_finite_differences_of_a_layer():
    """A unit of any layer with a time axis, by default the largest of each step."""
    found = case("conv_lstm")
    x, eps = found.x[:1], 1e-2
    moves = np.eye(x[0].size, dtype="float32").reshape(-1, *x.shape[1:]) * eps
    before, after = (found.expected(x + sign * moves)["lstm"].astype(np.float64) for sign in (-1, 1))
    slopes = ((after - before) / (2 * eps)).reshape(*x.shape[1:], *before.shape[1:])  # (s, c, t, unit)
    result = tsw.time_influence(found.model, x[0], 2, output="lstm", scale="none")
    assert_close(result.values, np.sqrt((slopes[..., 2] ** 2).sum(axis=1)).T, 5e-3)
    largest = tsw.time_influence(found.model, x[0], output="lstm", scale="none")
    np.testing.assert_array_equal(largest.target, found.expected(x)["lstm"][0].argmax(axis=1))
    assert result.of == "lstm"


def test_a_flat_output_that_is_the_time_axis():
    model = model_of(conv(), L.Flatten(), head=N)
    x = series(1, N, C)[0]
    linear = reference.linear_twin(model)
    rows = [reference.gradient(reference.picking(linear, t), x[None])[0] for t in range(N)]
    found = tsw.time_influence(model, x, output_axis="time", **PLAIN)
    assert_close(found.values, [np.sqrt((row**2).sum(axis=1)) for row in rows], 1e-4)
    assert found.graph_ahead == N - 1
    assert found.layers_ahead[-1].layer == "head"
    with pytest.raises(ValueError, match=r'pass output_axis="time"\.$'):
        tsw.time_influence(model, x)
    with pytest.raises(ValueError, match=r"no target.*Leave target out\.$"):
        tsw.time_influence(model, x, 3, output_axis="time")


def test_several_inputs_count_together():
    """Those on the time axis; one without steps does not."""
    a, b, age = keras.Input((N, 2), name="a"), keras.Input((N, 1), name="b"), keras.Input((2,), name="age")
    h = L.Concatenate()([conv(3)(a), conv(3, "causal")(b)])
    h = L.Multiply()([h, L.Reshape((1, 8))(L.Dense(8)(age))])
    model = randomise(keras.Model([a, b, age], L.Dense(1, activation="sigmoid")(h)))
    x = [series(1, N, 2)[0], series(1, N, 1, 1)[0], np.float32([0.5, -1])]
    found = tsw.time_influence(model, x, **PLAIN)
    points = [tf.constant(part[None]) for part in x]
    linear, expected = reference.linear_twin(model), np.zeros((N, N))
    for t in range(N):
        with tf.GradientTape() as tape:
            tape.watch(points)
            value = linear(points)[0, t, 0]
        slopes = [np.asarray(slope)[0] for slope in tape.gradient(value, points)[:2]]
        expected[t] = np.sqrt(sum((slope**2).sum(axis=1) for slope in slopes))
    assert_close(found.values, expected, 1e-4)
    assert found.graph_ahead == 1


def test_a_long_output_is_looked_at_here_and_there():
    model, x = model_of(conv(8), n=300), series(1, 300, C)[0]
    some, every = tsw.time_influence(model, x, n_output_steps=20), tsw.time_influence(model, x, n_output_steps=None)
    assert some.values.shape == (20, 300) and every.values.shape == (300, 300)
    assert (some.output_steps[0], some.output_steps[-1], len(set(some.output_steps))) == (0, 299, 20)
    assert_close(some.values, every.values[some.output_steps])
    assert tsw.time_influence(model, x).values.shape == (200, 300)
    assert some.graph_ahead == every.graph_ahead == 4
    assert some.centres.shape == some.now.shape == some.lo.shape == some.score.shape == some.target.shape == (20,)


def test_it_says_how_far_it_is_and_changes_nothing(monkeypatch):
    model, x = model_of(conv(), recurrent()), series(2, N, C)
    weights, before = [np.asarray(weight).copy() for weight in model.weights], x.copy()
    whole = tsw.time_influence(model, x)
    monkeypatch.setattr("tswidgets.probe.batches.CHUNK", 20_000)
    steps, progress = STEPS["time_influence"](model, x), []
    while True:
        try:
            progress.append(next(steps))
        except StopIteration as end:
            assert_close(end.value.values, whole.values)
            break
    assert len(progress) > 3 and progress[-1] == (2 * N, 2 * N)
    assert all(a < b for (a, _), (b, _) in pairwise(progress))
    np.testing.assert_array_equal(x, before)
    for weight, was in zip(model.weights, weights, strict=True):
        np.testing.assert_array_equal(weight, was)
    assert "uses input step" in repr(whole)


@pytest.mark.slow
def test_half_precision():
    """Near what the same weights give in single precision."""
    half = keras.Sequential([keras.Input((N, C)), conv(5, dtype="mixed_float16"), recurrent(dtype="mixed_float16")])
    full = keras.Sequential([keras.Input((N, C)), conv(5), recurrent()])
    randomise(half)
    full.set_weights(half.get_weights())
    x = series(1, N, C)[0]
    found, expected = (tsw.time_influence(model, x, 1) for model in (half, full))
    assert_close(found.values, expected.values, 0.02)
    assert found.graph_ahead == 2


def test_a_model_for_batches_of_its_own_size():
    found = case("stateful")
    result = tsw.time_influence(found.model, found.x, 1, output="lstm", scale="none")
    slope = tsw.saliency(found.model, found.x, np.array([[5, 1], [5, 1]]), output="lstm").values
    assert_close(result.values[:, 5], np.sqrt((slope**2).sum(axis=-1)))
    assert result.future.value == 0


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("sequential", {}, r"an output with steps whose place in time is known.*got 'listed'.*Pass output= one of"),
        ("sequential", {"output_axis": "time"}, r"an output with 30 entries"),
        ("sequential", {"output_axis": "filters"}, r"output_axis"),
        ("images", {}, r"No layer of this model has one|Pass output="),
        ("conv_lstm", {"target": 1}, r"a class from 0 to 0 as target"),
        ("shared", {"target": 3}, r"a class from 0 to 2 as target of an output step; got 3"),
        ("shared", {"target": (1, 1)}, r"a class from 0 to 2"),
        ("shared", {"target": None, "n_output_steps": 0}, r"a whole number from 1 on for n_output_steps"),
        ("shared", {"target": True}, r"a class from 0 to 2"),
        ("shared", {"target": np.full(16, 3)}, r"numbers from 3 to 3"),
        ("shared", {"target": np.zeros(7, int)}, r"an array of shape \(7,\)"),
        ("shared", {"scale": "range"}, r"'std', 'none'"),
        ("embedding", {"output": "lstm"}, r"inputs of floating-point numbers"),
    ],
)
def test_what_cannot_be_asked(name, options, error):
    found = case(name)
    output = options.get("output")
    if output is not None:
        options = options | {"output": next(tap.name for tap in tsw.Probe(found.model).taps if tap.kind == "sequence")}
    x = keras.tree.map_structure(lambda array: array[0], found.x)
    with pytest.raises(ValueError, match=error) as raised:
        tsw.time_influence(found.model, x, options.pop("target", None), **options)
    assert THREE_PARTS.search(str(raised.value))


def test_what_cannot_be_differentiated():
    stack = [keras.Input((N, C)), L.Lambda(lambda x: tf.round(x)), L.Dense(1)]
    with pytest.raises(ValueError, match="can be differentiated by the input"):
        tsw.time_influence(keras.Sequential(stack), series(1, N, C)[0])
    x = series(1, N, C)[0]
    x[3, 1] = np.nan
    with pytest.raises(ValueError, match="missing or infinite"):
        tsw.time_influence(model_of(conv()), x)


def test_output_steps_and_the_steps_of_another_time_axis() -> None:
    """Of a decoder: what it uses of its own series, and what of the encoder's, each against an eager gradient."""
    found = case("forecaster")
    x = {name: array[0] for name, array in found.x.items()}
    tensors = {name: tf.constant(array[None]) for name, array in x.items()}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tensors)
        steps = tf.unstack(found.model(tensors)[0, :, 0])
    for name, across in (("known", False), ("past", True)):
        norms = [np.linalg.norm(tape.gradient(step, tensors[name])[0], axis=-1) for step in steps]
        influence = tsw.time_influence(found.model, x, by=name, scale="none")
        np.testing.assert_allclose(influence.values, norms, atol=1e-6)
        assert (influence.by, influence.across) == ((name,), across)
        assert not influence.later[:, : influence.values.shape[1]].any() if across else influence.later.any()
    assert "past runs along another time axis" in influence.verdict
    own = tsw.time_influence(found.model, x, scale="none")
    assert own.by == ("known",)
    assert own.verdict == "No output step uses the future."  # the decoder reads forwards, and looks at the past alone
    with pytest.raises(ValueError, match="Expected a name of an input out of 'known', 'past'; got 'future'"):
        tsw.time_influence(found.model, x, by="future")
