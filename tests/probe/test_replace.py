"""What a model would answer if a layer had returned something else, against its layers called by hand."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests.models import CASES, case, randomise, series
from tests.probe.comparing import THREE_PARTS, assert_close, probe_of
from tswidgets.probe import Probe, batches, replacement


def values_of(name, tap):
    return probe_of(name).observe(case(name).x)[tap]


def noise_like(values, seed=1):
    return np.random.default_rng(seed).normal(size=values.shape).astype("float32")


def rest(model, tap, values, mask=None):
    """What the layers of a Sequential after `tap` make of other values, with a mask."""
    names = [layer.name for layer in model.layers]
    h = tf.constant(np.asarray(values), model.get_layer(tap).compute_dtype)
    if mask is not None:
        h._keras_mask = tf.constant(mask)
    for layer in model.layers[names.index(tap) + 1 :]:
        h = layer(h, training=False)
    return np.asarray(h)


# ------------------------------------------------------------------------------------------------- what can be put in

ROW = np.linspace(-1, 1, 4)
EDITS = {
    "array": lambda v: noise_like(v),
    "float64": lambda v: noise_like(v).astype("float64"),
    "scalar": lambda v: 0.3,
    "whole number": lambda v: 1,
    "NumPy scalar": lambda v: np.float32(0.3),
    "row of filters": lambda v: ROW,
    "list of filters": lambda v: [0, 1, 0, 1],
    "column of steps": lambda v: np.linspace(-1, 1, v.shape[1])[:, None],
    "one sample for all": lambda v: noise_like(v)[:1],
    "switches": lambda v: v > 0,
    "tensor": lambda v: tf.constant(noise_like(v)),
    "function": lambda v: lambda values: values * 2 - 1,
    "function to a scalar": lambda v: lambda values: values.max(),
    "function to a row": lambda v: lambda values: ROW,
}


@pytest.mark.parametrize("kind", EDITS)
def test_one_edit(kind):
    """Whatever broadcasts to the values; the answer is shaped as the model's own."""
    found, values = case("sequential"), values_of("sequential", "relu")
    edit = EDITS[kind](values)
    new = np.broadcast_to(np.asarray(edit(values) if callable(edit) else edit, np.float32), values.shape)
    answer = probe_of("sequential").replace(found.x, "relu", edit)
    assert_close(answer, rest(found.model, "relu", new))
    assert answer.dtype == np.float32
    assert np.abs(answer - found.model(found.x, training=False)).max() > 1e-3, "the edit tells"


@pytest.mark.parametrize("tap", ["conv1", "norm", "relu", "pool1", "conv2", "pool2", "conv3", "flat"])
def test_every_layer_of_a_chain(tap):
    found = case("sequential")
    noise = noise_like(values_of("sequential", tap))
    assert_close(probe_of("sequential").replace(found.x, tap, noise), rest(found.model, tap, noise))


def test_the_last_layer_replaced_is_the_answer():
    noise = noise_like(values_of("sequential", "head"))
    np.testing.assert_array_equal(probe_of("sequential").replace(case("sequential").x, "head", noise), noise)


def test_several_edits_each_by_itself():
    """As a list, a tuple, a generator, or an array with an axis more: one answer after the other, in order."""
    found, values, probe = case("sequential"), values_of("sequential", "conv2"), probe_of("sequential")
    edits = [noise_like(values, seed) for seed in range(5)]
    expected = np.stack([rest(found.model, "conv2", edit) for edit in edits])
    for several in (edits, tuple(edits), (edit for edit in edits), np.stack(edits), tf.stack(edits)):
        assert_close(probe.replace(found.x, "conv2", several), expected)
    assert_close(probe.replace(found.x, "conv2", edits[:1]), expected[:1])
    assert_close(
        probe.replace(found.x, "conv2", np.stack([edit[:1] for edit in edits])),
        [rest(found.model, "conv2", np.broadcast_to(edit[:1], values.shape)) for edit in edits],
    )


def test_functions_arrays_and_numbers_in_one_list():
    found, values, probe = case("sequential"), values_of("sequential", "relu"), probe_of("sequential")
    functions = [lambda v: v, lambda v: -v]
    expected = [rest(found.model, "relu", new) for new in (values, -values, noise_like(values), np.ones_like(values))]
    assert_close(probe.replace(found.x, "relu", functions), expected[:2])
    assert_close(probe.replace(found.x, "relu", [*functions, noise_like(values)]), expected[:3])
    assert_close(probe.replace(found.x, "relu", iter([*functions, noise_like(values), 1.0])), expected)
    assert_close(probe.replace(found.x, "relu", [*functions, noise_like(values), 1.0]), expected)


def test_a_function_may_write_into_what_it_is_given():
    """Each gets the values that the layer returned, and none leaks into the memory."""
    found = CASES["sequential"]()
    probe = Probe(found.model)
    before = probe.observe(found.x)["relu"].copy()
    given = []

    def wipe(values):
        given.append(values.copy())
        values[...] = 0
        return values

    answers = probe.replace(found.x, "relu", [wipe, wipe])
    assert_close(answers, [rest(found.model, "relu", 0 * before)] * 2)
    for values in given:
        np.testing.assert_array_equal(values, before)
    np.testing.assert_array_equal(probe.observe(found.x)["relu"], before)
    assert_close(probe.observe(found.x)["relu"], found.expected(found.x)["relu"])


def test_edits_are_drawn_when_they_are_needed(monkeypatch):
    """Never more than fit, also from a source without end; together they are what a list gives."""
    found, values = CASES["sequential"](), values_of("sequential", "conv2")
    probe, drawn = Probe(found.model), []
    two = 2 * len(found.x) * batches.bytes_per_row(probe.taps, [found.x], after="conv2")
    monkeypatch.setattr(replacement, "CHUNK", two)

    def endless():
        for seed in itertools.count():
            drawn.append(seed)
            yield noise_like(values, seed)

    pieces = probe.replacing(found.x, "conv2", endless())
    assert drawn == []
    parts = []
    for n in (2, 4, 6):
        parts.append(next(pieces))
        assert len(drawn) == n
        assert parts[-1].shape == (2, len(found.x), 6)
    several = (noise_like(values, seed) for seed in range(5))
    assert [len(part) for part in probe.replacing(found.x, "conv2", several)] == [2, 2, 1]
    together = probe.replace(found.x, "conv2", [noise_like(values, seed) for seed in range(6)])
    np.testing.assert_array_equal(np.concatenate(parts), together)
    assert_close(together, [rest(found.model, "conv2", noise_like(values, seed)) for seed in range(6)])


def ticking(name, rows):
    """A layer that writes down how many samples it is run for; what nobody needs TensorFlow may leave out."""

    def tick(value):
        rows.append(len(value))
        return value

    def call(x):
        return tf.ensure_shape(tf.numpy_function(tick, [x], tf.float32, stateful=False), x.shape)

    return L.Lambda(call, output_shape=lambda shape: shape, name=name)


def test_what_comes_before_is_not_run_again():
    """One look at the original, then only what follows the replaced layer, for all edits at once, in one trace."""
    before, after, traces = [], [], []

    class Traced(L.Layer):
        def call(self, x):
            traces.append(x.shape)
            return x

    layers = [ticking("before", before), L.Conv1D(3, 3, name="conv"), ticking("after", after), Traced(), L.Dense(2)]
    model = randomise(keras.Sequential([keras.Input((7, 2)), *layers]))
    probe, x = Probe(model), series(2, 7, 2)
    answers = probe.replace(x, "conv", np.zeros((5, 2, 5, 3)))
    assert_close(answers, np.broadcast_to(rest(model, "after", np.zeros((2, 5, 3))), answers.shape))
    assert sum(before) == 2
    assert sum(after) == 2 + 5 * 2
    traced = len(traces)
    probe.observe(x)
    before.clear()
    probe.replace(x, "conv", [lambda v: v, lambda v: v + 1])
    assert sum(before) == 0
    assert len(traces) == traced, "other edits need no other program"


# --------------------------------------------------------------------------------------------------- kinds of models


def test_several_inputs_and_outputs_keep_their_structure():
    found = case("several_outputs")
    probe, model = probe_of("several_outputs"), found.model
    values = values_of("several_outputs", "lstm")
    noise = np.stack([noise_like(values, seed) for seed in range(3)])
    answers = probe.replace(found.x, "lstm", noise)
    assert set(answers) == {"label", "steps"}
    label = np.asarray(found.model(found.x)["label"])
    assert_close(answers["label"], [label] * 3)
    assert_close(answers["steps"], [model.get_layer("steps")(one) for one in noise])
    alone = probe.replace(found.x, "lstm", noise[1])
    assert_close(alone["steps"], answers["steps"][1])

    found = case("lists")
    noise = noise_like(values_of("lists", "joined"))
    steps, label = probe_of("lists").replace(found.x, "joined", noise)
    assert_close(steps, found.model.get_layer("steps")(noise))
    assert_close(label, found.model.get_layer("label")(noise.max(axis=1)))


def test_one_of_several_results_of_a_layer():
    """The third output of an LSTM, its memory; the others stay."""
    found, probe = case("several_outputs"), probe_of("several_outputs")
    noise = noise_like(values_of("several_outputs", "lstm:2"))
    answer = probe.replace(found.x, "lstm:2", noise)
    assert_close(answer["label"], found.model.get_layer("label")(noise))
    assert_close(answer["steps"], found.model(found.x)["steps"])
    untouched = probe.replace(found.x, "lstm:1", noise)  # goes nowhere
    assert_close(untouched["label"], found.model(found.x)["label"])

    found, decoder = case("encoder_decoder"), case("encoder_decoder").model.get_layer("decoder")
    h, last, memory = (values_of("encoder_decoder", name) for name in ("again", "encoder:1", "encoder:2"))
    forecast = found.model.get_layer("forecast")
    for name, states in {"encoder:1": [-last, memory], "encoder:2": [last, -memory]}.items():
        expected = forecast(decoder(tf.constant(h), initial_state=[tf.constant(state) for state in states]))
        assert_close(probe_of("encoder_decoder").replace(found.x, name, lambda v: -v), expected)


class Twice(L.Layer):
    """Returns the same tensor twice, as an unrolled LSTM does with its result and its state."""

    def call(self, x):
        y = x + 1
        return y, y


@pytest.mark.parametrize("layer", [Twice, lambda name: L.LSTM(3, return_state=True, unroll=True, name=name)])
def test_two_results_that_are_one_tensor_are_two_taps(layer):
    """What replaces one is not what replaces the other."""
    x = keras.Input((4, 3))
    h, state, *_ = layer(name="layer")(x)
    model = keras.Model(x, [L.ReLU(name="of_result")(h), L.ReLU(name="of_state")(state)])
    probe, batch = Probe(randomise(model)), series(2, 4, 3)
    result, of_state = (np.asarray(output) for output in model(batch))
    noise = 1 + np.abs(noise_like(result))
    for k, name in enumerate(("layer", "layer:1")):
        answers = probe.replace(batch, name, noise)
        assert_close(answers[k], noise)
        assert_close(answers[1 - k], (result, of_state)[1 - k])


@pytest.mark.parametrize("name, first", [("masked_lstm", "lstm1"), ("masked_subclassed", "lstm")])
def test_masks_are_carried_over(name, first):
    """What is put in is masked where the original is: padding stays padding, whatever its values are."""
    found, probe = case(name), probe_of(name)
    values, mask = values_of(name, "masking"), (found.x != 0).any(axis=-1)
    layers = {layer.name: layer for layer in found.model.layers}
    following = list(layers)[list(layers).index(first) :]

    def by_hand(values, mask):
        h = tf.constant(values)
        if mask is not None:
            h._keras_mask = tf.constant(mask)
        for layer in following:
            h = layers[layer](h, training=False)
        return np.asarray(h)

    assert_close(probe.replace(found.x, "masking", values), found.model(found.x))
    for new in (3 * values, 0 * values, noise_like(values)):
        answer = probe.replace(found.x, "masking", new)
        assert_close(answer, by_hand(new, mask))
        assert np.abs(answer - by_hand(new, None)).max() > 1e-4, "without the mask it is another answer"
    noise = noise_like(values_of(name, first))
    if name == "masked_lstm":
        assert_close(probe.replace(found.x, first, noise), rest(found.model, first, noise, mask))


def test_an_embedding():
    found, values = case("embedding"), values_of("embedding", "embedding")
    answer = probe_of("embedding").replace(found.x, "embedding", noise_like(values))
    assert_close(answer, rest(found.model, "embedding", noise_like(values), found.x != 0))


@pytest.mark.parametrize("name, tap", [("sequential", "conv2"), ("activation_arguments", "by_lambda")])
def test_before_the_activation(name, tap):
    found, values = case(name), values_of(name, f"{tap}:pre-activation")
    noise = noise_like(values)
    activated = found.model.get_layer(tap).activation(tf.constant(noise))
    answer = probe_of(name).replace(found.x, f"{tap}:pre-activation", noise)
    assert_close(answer, rest(found.model, tap, activated))


def test_each_call_of_a_shared_layer():
    found, probe, layer = case("shared"), probe_of("shared"), case("shared").model.get_layer("shared")
    once, noise = values_of("shared", "shared"), noise_like(values_of("shared", "shared"))
    assert_close(probe.replace(found.x, "shared", noise), noise + layer(noise))
    assert_close(probe.replace(found.x, "shared#2", noise), once + noise)


def test_inside_nested_models():
    found, noise = case("nested"), noise_like(values_of("nested", "encoder/conv1"))
    h = noise
    for layer in (found.model.get_layer("encoder").layers[1], *found.model.layers[-2:]):
        h = layer(h)
    assert_close(probe_of("nested").replace(found.x, "encoder/conv1", noise), h)
    found, noise = case("three_deep"), noise_like(values_of("three_deep", "middle/inner"))
    pooled = found.model.layers[0].layers[-1](noise)
    for tap in ("middle/inner", "middle/inner/relu"):
        assert_close(probe_of("three_deep").replace(found.x, tap, noise), found.model.layers[-1](pooled))
    found, noise = case("subclassed_inside"), noise_like(values_of("subclassed_inside", "block/head"))
    assert_close(probe_of("subclassed_inside").replace(found.x, "block/head", noise), found.model.layers[-1](noise))


@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(name):
    found, noise = case(name), noise_like(values_of(name, "norm"))
    answer = probe_of(name).replace(found.x, "norm", noise)
    assert answer.dtype == np.float32
    assert_close(answer, rest(found.model, "norm", noise), found.tolerance)


def test_a_stateful_layer_starts_every_edit_from_its_state():
    """A model for batches of 2 takes 3 edits of 2 samples, and of 3; its states are not touched."""
    lstm = L.LSTM(4, stateful=True, name="lstm")
    layers = [L.Conv1D(3, 3, name="conv"), lstm, L.Dense(2, name="head")]
    model = randomise(keras.Sequential([keras.Input(batch_shape=(2, 8, 3)), *layers]))
    model(series(2, 8, 3, seed=1))
    states = [state.numpy() for state in lstm.states]
    probe = Probe(model)
    for n_samples in (2, 3):
        x = series(n_samples, 8, 3)
        noise = np.stack([noise_like(np.empty((n_samples, 6, 3)), seed) for seed in range(3)])
        answers = probe.replace(x, "conv", noise)
        for state, value in zip(lstm.states, states, strict=True):
            np.testing.assert_array_equal(state, value)
        for answer, one in zip(answers, noise, strict=True):
            for start in range(0, n_samples, 2):
                rows = np.resize(one[start : start + 2], (2, 6, 3))
                expected = rest(model, "conv", rows)[: n_samples - start]
                for state, value in zip(lstm.states, states, strict=True):
                    state.assign(value)
                assert_close(answer[start : start + 2], expected)


def test_a_model_that_decides_by_its_data_decides_again():
    """Each edit goes its own way."""
    found = CASES["data_dependent"]()
    probe, shape = Probe(found.model, found.x), found.expected(found.x)["conv"].shape
    up, down = np.full(shape, 2.0, np.float32), np.full(shape, -2.0, np.float32)
    answers = probe.replace(found.x, "conv", [up, down, up])
    assert_close(answers, [found.model.up(up), found.model.down(down), found.model.up(up)])


def test_series_of_other_lengths():
    found, probe = case("conv_lstm"), probe_of("conv_lstm")
    for n in (6, 15, 40):
        noise = noise_like(np.empty((2, n, 4)), n)
        assert_close(probe.replace(series(2, n, 3), "conv", noise), rest(found.model, "conv", noise))


# ------------------------------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    "value, got",
    [
        (np.zeros((3, 26, 5)), "shape (3, 26, 5)"),
        (np.zeros(7), "shape (7,)"),
        (np.zeros((2, 3, 26, 5)), "shape (3, 26, 5)"),
        (lambda values: values[:, :-1], "shape (3, 25, 4)"),
        ([np.zeros((3, 26, 4)), np.zeros(3)], "shape (3,)"),
        ("zero", "dtype <U4"),
        (np.array(["0"] * 4), "dtype <U1"),
        (np.zeros((3, 26, 4), complex), "dtype complex128"),
        (lambda values: "zero", "dtype <U4"),
        (lambda values: None, "dtype object"),
        (None, ""),
        ([], ""),
        (iter(()), "none"),
    ],
)
def test_what_cannot_be_put_in(value, got):
    """The error names the layer's shape and what came instead."""
    with pytest.raises(ValueError) as error:
        probe_of("sequential").replace(case("sequential").x, "conv1", value)
    assert THREE_PARTS.match(str(error.value)), str(error.value)
    assert f"got {got}" in str(error.value)
    if got and got != "none":
        assert "of shape (3, 26, 4) for 'conv1'" in str(error.value)


def test_wrong_names_and_series():
    """Said at once, before anything is drawn; a layer that this series does not reach, too."""
    probe, x = probe_of("sequential"), case("sequential").x
    for function in (probe.replace, probe.replacing):
        with pytest.raises(ValueError, match=r"Expected the name of a layer; got 'conv_1'\. .*Did you mean 'conv1'\?$"):
            function(x, "conv_1", 0.0)
        with pytest.raises(
            ValueError, match=r"Expected an array of shape \(n_samples, 30, 3\).*; got shape \(30, 3\)\. "
        ):
            function(x[0], "conv1", 0.0)
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    for x in (found.x + 3, found.x - 3):
        probe.observe(x)
    other = "down" if "up" in found.expected(found.x + 3) else "up"
    with pytest.raises(
        ValueError, match=rf"Expected a layer that the model runs .* '{other}'; got .*\. Choose another"
    ):
        probe.replace(found.x + 3, other, 0.0)
