"""Whatever a model is made of, it is looked into as it is: random models against the same models run by hand."""

import random
import threading
from contextlib import contextmanager
from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st
from keras import layers as L
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import global_seed_generator
from tensorflow.python.eager import context

from tests.models import padded_series, randomise, series
from tests.probe.architectures import Blueprint, Network, blueprints
from tests.probe.conftest import half_as_many, random_models
from tswidgets.probe import Probe, as_probe

pytestmark = [  # random models do what Keras warns of
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask attached to it"),
    pytest.mark.filterwarnings(r"ignore:[\s\S]*You are using a softmax over axis"),
]

LAYER_CALL, OPERATION_CALL = keras.Layer.__call__, keras.Operation.__call__
CONFIG = ("backend", "dtype_policy", "epsilon", "floatx", "image_data_format", "is_interactive_logging_enabled")


def assert_close(got, expected, name="", tolerance=1e-5):
    """To `tolerance` of the expected values' magnitude."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, name
    largest = np.abs(expected).max(initial=0)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(largest, 1e-3), err_msg=name)


def fingerprint(model, x):
    """All that looking must leave alone, as something that can be compared bit by bit."""
    seeds = global_seed_generator().state.numpy().tobytes()
    layers = [model, *model._flatten_layers(include_self=False, recursive=True)]
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return {
        "weights": [(variable.path, variable.numpy().tobytes()) for variable in variables],
        "trainable": [(layer.name, layer.trainable) for layer in layers],
        "trainable variables": [variable.path for variable in model.trainable_variables],
        "functions": [id(getattr(model, f"{name}_function")) for name in ("train", "test", "predict")],
        "attributes": [sorted(vars(layer)) for layer in layers],
        "nodes": [len(layer._inbound_nodes) for layer in layers],
        "config": [str(getattr(keras.config, name)()) for name in CONFIG],
        "eager": tf.config.functions_run_eagerly(),
        "random": [hash(seeds), hash(random.getstate()), hash(str(np.random.get_state(legacy=False)))],
        "x": [(array.dtype, array.shape, array.tobytes(), array.flags.writeable) for array in x],
        "hook": (keras.Layer.__call__ is LAYER_CALL, keras.Operation.__call__ is OPERATION_CALL),
    }


@contextmanager
def nothing_changes(model, *x):
    """In training, one layer frozen, with functions compiled or not: afterwards all is as it was before."""
    model.compile(keras.optimizers.Adam(), loss="mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    model.layers[-1].trainable = False
    before = fingerprint(model, x)
    assert before["hook"] == (True, True)
    yield
    after = fingerprint(model, x)
    for what in before:
        assert before[what] == after[what], what


def one_of(taps, number):
    names = sorted(taps)
    return names[number % len(names)]


@random_models
@given(blueprints(), st.integers(0, 99))
@example(Blueprint(8, 2, False, False, (("TimeDistributed", {"filters": 2, "activation": None}),), "none", 0), 0)
def test_taps_are_what_the_layers_return_and_replacing_is_returning_something_else(blueprint, number):
    network = Network(blueprint)
    x = network.series()
    expected, output = network.taps(x), network.by_hand(x)
    assert_close(network.model(x, training=False), output, "the oracle itself")
    edited = one_of(expected, number)
    scale = max(np.abs(expected[edited]).max(initial=0), 0.1)
    noise = np.random.default_rng(blueprint.seed).normal(0, scale, expected[edited].shape).astype("float32")
    by_noise = network.by_hand(x, lambda name, tensor: tf.constant(noise) if name == edited else tensor)

    with nothing_changes(network.model, x, noise):
        probe = Probe(network.model)
        observation = probe.observe(x)
        assert set(observation) == set(expected)
        for name, values in expected.items():
            assert_close(observation[name], values, name)
        assert_close(observation.output, output)
        by_itself, by_other = probe.replace(x, edited, [observation[edited], noise])
    assert_close(by_itself, output, f"{edited} by itself")
    assert_close(by_other, by_noise, f"{edited} by noise")


def score_by_hand(value, target):
    """For every sample the entry that the target names, or the mean where it names none."""
    for index in target:
        value = tf.reduce_mean(value, axis=1) if index is None else value[:, index]
    return value


def gradient_by_hand(network, x, target, wrt):
    """(score, gradient) by an eager tape, of the logits where the model ends in softmax or sigmoid."""
    seen = {}
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        start = tf.constant(x)
        tape.watch(start)

        def visit(name, tensor):
            if name == wrt:
                seen["wrt"] = tensor = tf.identity(tensor)
                tape.watch(tensor)
            if name == network.squashed:
                seen["logits"] = tensor
            return tensor

        output = network.by_hand(start, visit)
        score = score_by_hand(seen.get("logits", output), target)
    return score, tape.gradient(score, seen.get("wrt", start), unconnected_gradients="zero")


@half_as_many
@given(blueprints(), st.integers(0, 99), st.integers(-9, 9) | st.none(), st.integers(-9, 9))
def test_gradients_are_those_of_an_eager_tape(blueprint, number, first, second):
    """By the input and by a tap, of one number or the mean over all steps; and where padding is, is said."""
    network = Network(blueprint)
    x = network.series()
    sizes = network.by_hand(x).shape[1:]
    target = tuple(None if k is None else k % n - n * (k < 0) for k, n in zip((first, second), sizes, strict=False))
    points = "input", one_of(network.taps(x), number)
    expected = {wrt: gradient_by_hand(network, x, target, wrt) for wrt in points}
    with nothing_changes(network.model, x):
        probe = Probe(network.model)
        found = {wrt: probe.gradient(x, target, wrt) for wrt in points}
    for wrt, (score, gradient) in expected.items():
        assert_close(found[wrt].score, score, "score")
        assert_close(found[wrt].values, gradient, f"{wrt} of {target}")
    if blueprint.masked:
        np.testing.assert_array_equal(found["input"].absent, (x == 0).all(axis=-1))
    else:
        assert found["input"].absent is None


def depends(network, x):
    """Tap name → bool ndarray (n_steps, n_timesteps): True where raising an input step changes a step of the tap."""
    n = x.shape[1]
    present = np.flatnonzero((x != 0).any(axis=(0, 2)))  # padding stays padding
    rows = np.repeat(x[:1], n + 1, axis=0)
    for i in present:
        rows[i + 1, i] += np.where(rows[0, i] > 0, 1.5, -1.5)
    found = {}
    for name, values in network.taps(rows).items():
        changes = np.abs(values[1:] - values[:1]) > 1e-4 * np.abs(values).max(initial=0)
        n_steps = values.shape[1] if values.ndim > 2 else 1
        found[name] = changes.reshape(n, n_steps, -1).any(axis=-1).T
    return found


def support_by_gradient(network, x, tap):
    """The same for one tap where the gradient is not 0: row j of the batch is there for step j."""
    n_steps = max(network.taps(x)[tap].shape[1:-1], default=1)
    rows = tf.constant(np.repeat(x[:1], n_steps, axis=0))
    seen = {}
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(rows)
        network.by_hand(rows, lambda name, tensor: seen.setdefault(name, tensor))
        values = seen[tap]
        steps = values if values.shape.rank > 2 else values[:, None]
        score = tf.add_n([tf.reduce_sum(steps[j, j]) for j in range(steps.shape[1])])
    gradient = tape.gradient(score, rows, unconnected_gradients="zero").numpy()[: steps.shape[1]]
    return np.abs(gradient).max(axis=-1) > 0


@random_models
@given(blueprints(), st.integers(0, 99))
def test_no_step_depends_on_what_it_is_not_said_to_see(blueprint, number):
    """Neither by trying nor by gradient, for any tap; and of none it is unknown."""
    network = Network(blueprint)
    x = network.series()
    probe = Probe(network.model)
    timelines = probe.timelines(blueprint.n_timesteps)
    tried = depends(network, x)
    assert set(timelines) == set(tried)
    at = one_of(tried, number)
    for name, timeline in timelines.items():
        assert timeline is not None, f"what {name} sees is not known"
        supports = {"changes with": tried[name]}
        if name == at:
            supports["has a gradient by"] = support_by_gradient(network, x, name)
        for how, support in supports.items():
            assert len(timeline) == len(support), name
            for j, (lo, hi) in enumerate(zip(timeline.lo, timeline.hi, strict=True)):
                steps = np.flatnonzero(support[j])
                outside = steps[(steps < lo) | (steps > hi)]
                assert not outside.size, f"step {j} of {name} sees {lo} to {hi} and {how} {outside}"


# ------------------------------------------------------------------------------------- looking while something happens


class Failing(L.Layer):
    fails = False

    def call(self, x):
        if self.fails:
            raise RuntimeError("forgot something")
        return x + 1


def test_no_hook_remains_after_an_error_in_a_layer_or_in_an_edit():
    """And what could not be asked then, can be asked later."""
    failing, x = Failing(name="failing"), series(2, 6, 2)
    model = randomise(keras.Sequential([keras.Input((6, 2)), L.Dense(2, name="dense"), failing]))
    probe = Probe(model)

    def wrong(values):
        raise RuntimeError("forgot something")

    requests = {
        "observe": lambda: probe.observe(x, ["dense"]),
        "replace": lambda: probe.replace(x, "dense", 0.0),
        "gradient": lambda: probe.gradient(x, (1, 1), "dense"),
        "at_call": lambda: probe.at_call(x, "dense", lambda call: call.args[0]),
        "edit": lambda: probe.replace(x, "failing", wrong),
    }
    for name, request in requests.items():
        failing.fails = name != "edit"
        with pytest.raises(RuntimeError, match="forgot something"):
            request()
        assert keras.Layer.__call__ is LAYER_CALL, name
        assert keras.Operation.__call__ is OPERATION_CALL, name
    failing.fails = False
    np.testing.assert_array_equal(requests["replace"](), np.ones((2, 6, 2)))
    assert_close(requests["at_call"](), x)
    assert_close(requests["gradient"]().values[:, 1, 1], [1, 1])


def convolutional():
    layers = [
        L.Conv1D(4, 3, name="looked_at"),
        L.BatchNormalization(),
        L.ReLU(),
        L.Dropout(0.5),
        L.GlobalAveragePooling1D(),
    ]
    return keras.Sequential([keras.Input((8, 2)), *layers, L.Dense(3, "softmax")]), series(8, 8, 2)


def masked():
    layers = [L.Masking(), L.LSTM(4, return_sequences=True, dropout=0.2, name="looked_at"), L.LSTM(3)]
    x = np.concatenate([padded_series(4, 14, 2, seed) for seed in (0, 1)])
    return keras.Sequential([keras.Input((None, 2)), *layers, L.Dense(3, "softmax")]), x


def stateful():
    lstm = L.LSTM(4, stateful=True, return_sequences=True, dropout=0.2, name="looked_at")
    layers = [lstm, L.LSTM(3, stateful=True)]
    return keras.Sequential([keras.Input(batch_shape=(4, 8, 2)), *layers, L.Dense(3, "softmax")]), series(8, 8, 2)


@pytest.fixture
def seeds():
    """The random states of before, also after `set_random_seed`."""
    names = "global_random_seed", "global_seed_generator"
    kept = {name: global_state.get_global_attribute(name) for name in names}
    python, numpy, tensorflow = random.getstate(), np.random.get_state(), context.global_seed()
    yield
    random.setstate(python)
    np.random.set_state(numpy)
    context.set_global_seed(tensorflow)
    for name, value in kept.items():
        global_state.set_global_attribute(name, value)


def look(model, x, seen):
    """Observe, replace and differentiate."""
    probe = as_probe(model)
    seen.append(probe.observe(x).output.copy())
    probe.replace(x, "looked_at", [lambda values: 2 * values, 0.1 * seen[-1].mean()])
    probe.gradient(x, wrt="looked_at")
    probe.gradient(x, 1)


def trained(build, callbacks, begin=lambda model: None):
    """(losses, weights and states, bit by bit) after two epochs."""
    keras.utils.set_random_seed(7)
    model, x = build()
    model.compile(
        keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    model.optimizer.build(model.trainable_variables)  # else Keras traces the first step twice
    begin(model)
    history = model.fit(x, np.arange(8) % 3, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
    states = [state for layer in model.layers for state in getattr(layer, "states", None) or []]
    variables = [*model.variables, *model.optimizer.variables, *states]
    return history.history, [variable.numpy().tobytes() for variable in variables]


SLOW = pytest.mark.slow


@pytest.mark.parametrize("build", [convolutional, pytest.param(masked, marks=SLOW), pytest.param(stateful, marks=SLOW)])
def test_training_does_not_notice_who_looks_at_every_batch(build, seeds):
    """Losses and weights are bit by bit those of a run on which nobody looked."""
    seen, x = [], build()[1][:4]

    class Looking(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            look(self.model, x, seen)

    assert trained(build, [Looking()]) == trained(build, [])
    assert len(seen) == 4
    assert all(np.abs(a - b).max() > 0 for a, b in pairwise(seen)), "every batch changes the answer"


def test_one_thread_looks_while_another_trains(seeds):
    """What is traced and run here is neither seen nor changed there."""
    expected, started, found, models, seen = trained(convolutional, []), threading.Event(), [], [], []

    def begin(model):
        models.append(model)
        started.set()

    class Waiting(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            looked.wait(30)

    looked = threading.Event()
    training = threading.Thread(target=lambda: found.append(trained(convolutional, [Waiting()], begin)))
    training.start()
    assert started.wait(60)
    x = series(4, 8, 2)
    try:
        look(models[0], x, seen)
        looked.set()
        while training.is_alive():
            look(models[0], x + np.float32(len(seen)), seen)
    finally:
        looked.set()
        training.join()
    assert found == [expected]
    assert len(seen) >= 1
    assert keras.Layer.__call__ is LAYER_CALL
