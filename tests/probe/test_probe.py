"""What the probe reports is what the model computes, and looking changes nothing."""

import gc
import random
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests import reference
from tests.models import CASES, case, padded_series, randomise, series
from tswidgets.probe import Probe, as_probe, reads_integers

NAMES = list(CASES)


def assert_close(got, expected, tolerance=1e-5):
    """To `tolerance` of the expected values' magnitude."""
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(np.abs(expected).max(), 1e-3))


def weights_of(model):
    return {layer.name: [np.asarray(weight) for weight in layer.weights] for layer in model.layers}


# ------------------------------------------------------------------------------------------------- the same numbers


@pytest.mark.parametrize("name", NAMES)
def test_every_tap_equals_its_layer_called_by_hand(name):
    found = case(name)
    observation = as_probe(found.model, found.x).observe(found.x)
    expected = found.expected(found.x)
    assert set(observation) == set(expected)
    for tap, values in expected.items():
        assert_close(observation[tap], values)


def structure_of(nested):
    return keras.tree.map_structure(lambda leaf: "leaf", nested)


@pytest.mark.parametrize("name", NAMES)
def test_output_is_the_model_s_answer_in_its_own_structure(name):
    found = case(name)
    observation = as_probe(found.model, found.x).observe(found.x)
    answer = found.model(found.x, training=False)
    assert structure_of(observation.output) == structure_of(answer)
    flat = keras.tree.flatten(answer)
    assert len(observation.outputs) == len(flat)
    for got, expected in zip(observation.outputs, flat, strict=True):
        assert_close(got, np.asarray(expected))


def test_convolution_pooling_normalisation_and_dense_equal_numpy():
    """Each tap of a convolutional net, computed from the input by nothing but NumPy."""
    found = case("sequential")
    observation = as_probe(found.model).observe(found.x)
    weights = weights_of(found.model)
    for n, x in enumerate(found.x):
        expected = {"conv1": reference.conv1d(x, *weights["conv1"])}
        expected["norm"] = reference.batch_norm(expected["conv1"], *weights["norm"])
        expected["relu"] = reference.relu(expected["norm"])
        expected["pool1"] = reference.max_pool1d(expected["relu"], 2)
        expected["conv2"] = reference.conv1d(expected["pool1"], *weights["conv2"], stride=2, padding="same")
        expected["conv2"] = reference.relu(expected["conv2"])
        expected["pool2"] = reference.average_pool1d(expected["conv2"], 4, stride=3, padding="same")
        expected["conv3"] = reference.conv1d(expected["pool2"], *weights["conv3"], dilation=2, padding="causal")
        expected["flat"] = expected["conv3"].reshape(-1)
        expected["head"] = reference.softmax(reference.dense(expected["flat"], *weights["head"]))
        assert set(expected) == set(observation)
        for tap, values in expected.items():
            assert_close(observation[tap][n], values)


@pytest.mark.parametrize("name", ["masked_lstm", "masked_subclassed"])
def test_masked_lstm_equals_numpy(name):
    """The state stays as it is over the padding, whether the mask rides on the tensor or is an argument."""
    found = case(name)
    observation = as_probe(found.model, found.x).observe(found.x)
    first = next(layer for layer in found.model.layers if isinstance(layer, L.LSTM))
    present = (found.x != 0).any(axis=-1)
    for x, mask, h in zip(found.x, present, observation[first.name], strict=True):
        assert_close(h, reference.lstm(x, *map(np.asarray, first.weights), present=mask))
    assert not present.all()


def test_lstm_only_last_output_equals_numpy():
    found = case("masked_lstm")
    observation = as_probe(found.model).observe(found.x)
    weights = [np.asarray(weight) for weight in found.model.get_layer("lstm2").weights]
    present = (found.x != 0).any(axis=-1)
    for h, mask, last in zip(observation["lstm1"], present, observation["lstm2"], strict=True):
        assert_close(last, reference.lstm(h, *weights, present=mask)[-1])


def test_gru_equals_numpy():
    """With the reset gate after and before the recurrent product, forwards and backwards."""
    found = case("gru")
    observation = as_probe(found.model).observe(found.x)
    weights = weights_of(found.model)
    for n, x in enumerate(found.x):
        first = reference.gru(x, *weights["gru1"], reset_after=True)
        assert_close(observation["gru1"][n], first)
        assert_close(observation["gru2"][n], reference.gru(first[::-1], *weights["gru2"], reset_after=False))


def test_dropout_is_off():
    """Looking is inference: what follows the dropout equals what goes into it."""
    found = case("dropout")
    observation = as_probe(found.model).observe(found.x)
    np.testing.assert_array_equal(observation["noise"], observation["conv"])


def test_masks_are_returned():
    """False where a step is padding, for the taps that carry a mask and only for them."""
    found = case("masked_lstm")
    observation = as_probe(found.model).observe(found.x)
    assert set(observation.masks) == {"masking", "lstm1"}
    for mask in observation.masks.values():
        assert mask.dtype == bool
        np.testing.assert_array_equal(mask, (found.x != 0).any(axis=-1))
    tokens = case("embedding")
    np.testing.assert_array_equal(as_probe(tokens.model).observe(tokens.x).masks["lstm"], tokens.x != 0)
    assert as_probe(case("dag").model).observe(case("dag").x).masks == {}


@pytest.mark.parametrize("name", ["sequential", "data_dependent", "several_outputs", "masked_subclassed"])
def test_results_cannot_be_written_to(name):
    """What is kept in memory must not change under the next caller."""
    found = case(name)
    observation = as_probe(found.model, found.x).observe(found.x)
    for values in (*observation.values(), *observation.outputs, *observation.masks.values()):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 0


def test_output_names():
    """Which taps the model's outputs are; an output that no layer returned as it is has none."""
    assert as_probe(case("sequential").model).output_names == ["head"]
    assert sorted(as_probe(case("several_outputs").model).output_names) == ["label", "steps"]

    class Halving(keras.Model):
        def __init__(self):
            super().__init__(name="halving")
            self.dense = L.Dense(2, name="dense")

        def call(self, x):
            return self.dense(x) / 2

    x = series(1, 4, 2)
    model = Halving()
    assert Probe(model, x).output_names == [""]


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32"])
def test_other_number_types_are_taken_as_keras_takes_them(dtype):
    found = case("conv_lstm")
    x = (found.x * 3).astype(dtype)
    observation = as_probe(found.model).observe(x)
    expected = found.expected(x.astype("float32"))
    for tap, values in expected.items():
        assert observation[tap].dtype == np.float32
        assert_close(observation[tap], values)


def test_half_precision_models_answer_in_float32():
    x = series(2, 8, 2)
    layers = [L.Conv1D(3, 3, dtype="mixed_bfloat16", name="conv"), L.Dense(2, dtype="mixed_float16", name="dense")]
    model = keras.Sequential([keras.Input((8, 2)), *layers])
    observation = Probe(model).observe(x)
    expected = reference.conv1d(x[0], *(np.asarray(weight) for weight in layers[0].weights))
    assert {values.dtype for values in observation.values()} == {np.dtype("float32")}
    assert not any(values.flags.writeable for values in observation.values())
    assert_close(observation["conv"][0], expected, tolerance=2e-2)


# -------------------------------------------------------------------------------------------------- nothing changes


def state_of(model):
    variables = [*model.variables, *(model.optimizer.variables if getattr(model, "optimizer", None) else ())]
    return [np.copy(variable.numpy()) for variable in variables]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "deferred"])
def test_observe_changes_nothing(name):
    """Weights, seeds, trainable flags, the user's arrays and the global random states are bit-identical afterwards."""
    found = CASES[name]()
    found.model.layers[0].trainable = False
    x = keras.tree.map_structure(np.copy, found.x)
    before, flags = state_of(found.model), [layer.trainable for layer in found.model.layers]
    layer_call, attributes = keras.Layer.__call__, set(vars(found.model))
    numpy_state, python_state = np.random.get_state(), random.getstate()
    training, seed = keras.config.dtype_policy(), keras.random.SeedGenerator(0).state.numpy()

    Probe(found.model, found.x).observe(found.x)

    for old, new in zip(before, state_of(found.model), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(keras.tree.flatten(x), keras.tree.flatten(found.x), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [layer.trainable for layer in found.model.layers] == flags
    assert set(vars(found.model)) == attributes
    assert keras.Layer.__call__ is layer_call
    assert all(np.array_equal(a, b) for a, b in zip(numpy_state, np.random.get_state(), strict=True))
    assert random.getstate() == python_state
    assert keras.config.dtype_policy() == training
    np.testing.assert_array_equal(keras.random.SeedGenerator(0).state.numpy(), seed)


def trained(seed=0):
    found = CASES["dropout"](seed)
    found.model.compile(keras.optimizers.Adam(0.05), loss="mse")
    fit(found)
    return found


def fit(found):
    y = np.random.default_rng(1).normal(size=(len(found.x), 2)).astype("float32")
    for _ in range(3):
        found.model.train_on_batch(found.x, y)


def test_optimizer_and_metrics_are_not_touched():
    found = trained()
    before = state_of(found.model)
    assert len(found.model.optimizer.variables) > 5
    Probe(found.model).observe(found.x)
    for old, new in zip(before, state_of(found.model), strict=True):
        np.testing.assert_array_equal(old, new)


class AlwaysDropping(keras.Layer):
    """Monte-Carlo dropout: draws in inference too."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(7)

    def call(self, x):
        return keras.random.dropout(x, 0.5, seed=self.seeds)


def test_looking_draws_no_random_number():
    """A layer that draws at every call finds its seed as it was."""
    layer = AlwaysDropping(name="mc")
    model = keras.Sequential([keras.Input((8, 2)), layer])
    x = series(2, 8, 2)
    before = np.copy(layer.seeds.state.numpy())
    dropped = Probe(model).observe(x)["mc"]
    np.testing.assert_array_equal(layer.seeds.state, before)
    assert (dropped == 0).any(), "it did draw"


def stateful():
    layers = [L.LSTM(3, stateful=True, return_sequences=True, name="lstm"), L.Dense(1, name="dense")]
    return randomise(keras.Sequential([keras.Input((6, 2), batch_size=2), *layers]))


def test_the_state_of_a_stateful_lstm_is_not_touched():
    model, x = stateful(), series(2, 6, 2)
    model(x)
    states = [np.copy(state.numpy()) for state in model.layers[0].states]
    assert np.abs(states[0]).max() > 0
    Probe(model).observe(x)
    for old, new in zip(states, model.layers[0].states, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_stateful_lstm_is_seen_going_on_from_its_state():
    """What is observed is what the model would answer now: other states, other values, also for the same series."""
    model, x = stateful(), series(2, 6, 2)
    probe = Probe(model)
    weights = [np.asarray(weight) for weight in model.layers[0].weights]
    for n, h in enumerate(probe.observe(x)["lstm"]):
        assert_close(h, reference.lstm(x[n], *weights))
    model(x)
    for n, h in enumerate(probe.observe(x)["lstm"]):
        assert_close(h, reference.lstm(np.concatenate([x[n], x[n]]), *weights)[6:])


# ------------------------------------------------------------------------------------- weights, memory and compilation


def executions():
    """A layer that counts how often it is really run and how often its Python is called."""
    runs, traces = [], []

    class Ticking(keras.Layer):
        def call(self, x):
            traces.append(x.shape)

            def tick(value):
                runs.append(value.shape)
                return value

            y = tf.numpy_function(tick, [x], tf.float32, stateful=True)
            return tf.ensure_shape(y, x.shape)

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

    return Ticking(name="ticking"), runs, traces


def ticking_model(length=None):
    layer, runs, traces = executions()
    layers = [L.Conv1D(3, 3, padding="same", name="conv"), layer, L.Dense(2, name="dense")]
    return randomise(keras.Sequential([keras.Input((length, 2)), *layers])), runs, traces


def test_a_sample_seen_before_does_not_run_the_model():
    """Equal values come from memory, also in another array; a changed array, other weights and another dtype do not."""
    model, runs, _ = ticking_model()
    probe, x = Probe(model), series(2, 7, 2)
    first = probe.observe(x)
    assert len(runs) == 1
    assert probe.observe(x.copy()) is first
    assert len(runs) == 1
    x[0, 0, 0] += 1
    changed = probe.observe(x)
    assert len(runs) == 2
    assert np.abs(changed["conv"] - first["conv"]).max() > 0
    assert probe.observe(x[:1])["conv"].shape[0] == 1
    assert len(runs) == 3
    kernel = model.layers[0].kernel
    kernel.assign(kernel * 2)
    assert np.abs(probe.observe(x)["conv"] - changed["conv"]).max() > 0
    assert len(runs) == 4


def test_a_sample_seen_before_calls_no_layer_of_a_model_that_is_not_compiled(monkeypatch):
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    first = probe.observe(found.x)
    calls = []
    monkeypatch.setattr(L.Conv1D, "call", lambda self, x: calls.append(x) or x)
    assert probe.observe(found.x) is first
    assert calls == []
    probe.observe(found.x + 1)
    assert len(calls) == 1, "the patch would have seen a call"


def test_memory_is_bounded(monkeypatch):
    """What was not asked for longest is forgotten; the newest is kept even if it is larger than all memory."""
    monkeypatch.setattr("tswidgets.probe.probe.MEMORY", 3 * 7 * (3 + 3 + 2) * 4)
    model, runs, _ = ticking_model()
    probe = Probe(model)
    samples = [series(1, 7, 2, seed) for seed in range(4)]
    for x in samples:
        probe.observe(x)
    assert len(runs) == 4
    for x in (samples[2], samples[3], samples[1]):
        probe.observe(x)
    assert len(runs) == 4
    probe.observe(samples[0])  # takes the place of samples[2]
    assert len(runs) == 5
    probe.observe(samples[1])
    probe.observe(samples[3])
    assert len(runs) == 5
    probe.observe(samples[2])
    assert len(runs) == 6
    large = series(9, 7, 2)
    assert probe.observe(large) is probe.observe(large)


def test_a_new_length_needs_no_new_trace():
    """A model that takes any length is compiled once."""
    model, runs, traces = ticking_model()
    probe = Probe(model)
    compiled = len(traces)
    for n in (5, 6, 17, 1):
        x = series(2, n, 2)
        assert_close(probe.observe(x)["conv"], np.asarray(model.layers[0](x)))
    assert len(traces) == compiled
    assert [shape[1] for shape in runs] == [5, 6, 17, 1]


@pytest.mark.parametrize("name", ["sequential", "conv_lstm", "subclassed", "data_dependent"])
def test_trained_weights_give_new_values_with_no_rebuild(name):
    found = CASES[name]()
    probe = Probe(found.model, found.x)
    before = probe.observe(found.x)
    randomise(found.model, seed=9)
    after = probe.observe(found.x)
    for tap, values in found.expected(found.x).items():
        assert_close(after[tap], values)
    assert np.abs(after.outputs[0] - before.outputs[0]).max() > 1e-3


def test_fit_gives_new_values_with_no_rebuild():
    found = trained()
    probe = Probe(found.model)
    version, before = probe.version(), probe.observe(found.x)
    fit(found)
    assert probe.version() != version
    after = probe.observe(found.x)
    assert np.abs(after["conv"] - before["conv"]).max() > 1e-3
    for tap, values in found.expected(found.x).items():
        assert_close(after[tap], values)


@pytest.mark.parametrize("name", ["sequential", "masked_lstm", "bidirectional"])
def test_version_tells_every_single_number(name):
    """The smallest change of one element of any weight changes the version; putting it back restores it."""
    found = CASES[name]()
    probe, rng = Probe(found.model), np.random.default_rng(0)
    version = probe.version()
    assert probe.version() == version
    for weight in found.model.weights:
        value = np.copy(weight.numpy())
        changed = value.copy()
        place = tuple(rng.integers(0, n) for n in value.shape)
        changed[place] = np.nextafter(value[place], np.float32(np.inf))
        weight.assign(changed)
        assert probe.version() != version, weight.path
        weight.assign(value)
        assert probe.version() == version, weight.path


def test_version_tells_two_exchanged_numbers_and_a_sign():
    """A plain sum of the weights would not see either."""
    found = CASES["sequential"]()
    probe, kernel = Probe(found.model), found.model.get_layer("conv1").kernel
    value = np.copy(kernel.numpy())
    versions = {probe.version()}
    kernel.assign(value[::-1])
    versions.add(probe.version())
    kernel.assign(-value)
    versions.add(probe.version())
    assert len(versions) == 3


# --------------------------------------------------------------------------------------------- compiled or step by step


def test_models_of_every_kind_are_compiled():
    """All but the one with Python that depends on the data."""
    eager = {name for name in NAMES if as_probe(case(name).model, case(name).x).eager_because}
    assert eager == {"data_dependent"}


def test_data_dependent_python_runs_step_by_step():
    """Both branches of the `if` are followed, each with the numbers of the layers called by hand."""
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    assert probe.eager_because != ""
    branches = set()
    for x in (found.x + 3, found.x - 3):
        observation, expected = probe.observe(x), found.expected(x)
        assert set(observation) == set(expected)
        branches |= set(expected)
        for tap, values in expected.items():
            assert_close(observation[tap], values)
    assert branches == {"conv", "up", "down"}


def path_of_a_new_weight():
    layer = L.Dense(1, name="fresh")
    layer.build((None, 1))
    return layer.kernel.path


@pytest.mark.parametrize("name", ["data_dependent", "odd_names"])
def test_a_trace_leaves_no_name_behind(name):
    """Layers made afterwards are called what they would have been called, also if the trace failed half way."""
    found = CASES[name]()
    before = path_of_a_new_weight()
    Probe(found.model, found.x)
    assert path_of_a_new_weight() == before


def test_a_mistake_of_the_model_s_own_is_raised():
    class Wrong(keras.Model):
        def call(self, x):
            raise RuntimeError("forgot something")

    model = Wrong(name="wrong")
    x = series(1, 4, 2)
    with pytest.raises(RuntimeError, match="forgot something"):
        Probe(model, x).observe(x)


# ------------------------------------------------------------------------------------------------ life and boundaries


@pytest.mark.parametrize("name", ["sequential", "dag", "nested", "subclassed", "data_dependent", "masked_lstm"])
def test_a_model_dies_although_it_was_looked_at(name):
    """The shared probe holds the model weakly."""
    found = CASES[name]()
    probe = as_probe(found.model, found.x)
    probe.observe(found.x)
    assert as_probe(found.model) is probe
    model, x = weakref.ref(found.model), found.x
    del found
    gc.collect()
    assert model() is None
    with pytest.raises(ReferenceError, match="no longer exists"):
        _ = probe.model
    with pytest.raises(ReferenceError, match="no longer exists"):
        probe.observe(x)


def test_a_probe_dies_with_its_model():
    found = CASES["dag"]()
    probe = weakref.ref(as_probe(found.model))
    assert probe() is not None
    del found
    gc.collect()
    assert probe() is None


def test_as_probe_keeps_one_probe_a_model():
    model = case("dag").model
    probe = as_probe(model)
    assert as_probe(model) is probe
    assert as_probe(probe) is probe
    assert as_probe(CASES["dag"]().model) is not probe


def test_two_threads_observe_at_once():
    """Different models and different samples of one model, at the same time: everyone gets their own numbers."""
    names = ["sequential", "dag", "masked_lstm", "data_dependent"]
    probes = {name: as_probe(case(name).model, case(name).x) for name in names}
    jobs = [(name, case(name).x + 0.01 * k * (case(name).x != 0)) for k in range(6) for name in names]
    jobs = [(name, x.astype("float32")) for name, x in jobs]
    expected = [case(name).expected(x) for name, x in jobs]
    results = [None] * len(jobs)
    start = threading.Barrier(4, timeout=30)

    def work(first):
        start.wait()
        for i in range(first, len(jobs), 4):
            name, x = jobs[i]
            results[i] = probes[name].observe(x)

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for observation, values in zip(results, expected, strict=True):
        assert set(observation) == set(values)
        for tap in values:
            assert_close(observation[tap], values[tap])


@pytest.mark.parametrize("name", ["deferred", "subclassed"])
def test_an_unbuilt_model_is_built_from_x_or_refused(name):
    """Without a shape there is nothing to look at: the error says what is missing."""
    model = type(CASES[name]().model)() if name == "subclassed" else CASES[name]().model
    assert not model.built
    with pytest.raises(ValueError, match=r"Expected a model whose input shape is known; got .*\. .*pass X"):
        Probe(model)
    found = CASES[name]()
    assert set(Probe(model, found.x).observe(found.x)) == set(found.expected(found.x))


@pytest.mark.parametrize("thing", [keras.Sequential, L.Dense(2, name="dense"), None, "model.keras"])
def test_what_is_no_model_is_refused(thing):
    for function in (Probe, as_probe):
        with pytest.raises(TypeError, match=r"Expected a Keras 3 model; got .+\. Pass the model object itself"):
            function(thing)


def test_input_shapes():
    assert Probe(case("sequential").model).input_shapes == [(30, 3)]
    assert Probe(case("masked_lstm").model).input_shapes == [(None, 12)]
    assert Probe(case("subclassed").model, case("subclassed").x).input_shapes == [(12, 3)]


def test_reads_integers():
    assert reads_integers(case("embedding").model)
    assert reads_integers(as_probe(case("embedding").model))
    assert not reads_integers(case("masked_lstm").model)


def test_a_mask_ends_where_the_values_do():
    """Series of other lengths than before get masks of their own."""
    found = case("masked_lstm")
    x = padded_series(2, 9, 12, seed=5)
    np.testing.assert_array_equal(as_probe(found.model).observe(x).masks["lstm1"], (x != 0).any(axis=-1))
