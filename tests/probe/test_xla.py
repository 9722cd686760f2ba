"""One series at a time through a recurrence of fixed length: compiled once more, with XLA, where that is faster."""

import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests.models import case, padded_series, randomise, series
from tests.probe.comparing import assert_close, assert_same_look
from tests.probe.training import executions
from tswidgets.probe import Probe, program


@pytest.fixture
def timings(monkeypatch):
    """Every run is worth another compiler; `timings` collects what is timed. The first of two is `faster`."""

    class Timings(list):
        faster = True

        def __call__(self, run, tensors):
            self.append(run)
            return 1.0 if (len(self) % 2 == 1) == self.faster else 2.0

    timings = Timings()
    monkeypatch.setattr(program, "WORTHWHILE", 0)
    monkeypatch.setattr(program, "_seconds", timings)
    return timings


def fixed_lstm(length=6):
    layers = [
        L.Masking(0.0, name="masking"),
        L.LSTM(4, return_sequences=True, name="lstm"),
        L.GRU(3, name="gru"),
        L.Dense(2, activation="softmax", name="head"),
    ]
    return randomise(keras.Sequential([keras.Input((length, 3)), *layers], name="fixed"))


def fixed_rnn():
    """A loop that is compiled in a third of the time."""
    layers = [L.SimpleRNN(4, return_sequences=True, name="rnn"), L.Dense(2, activation="softmax", name="head")]
    return randomise(keras.Sequential([keras.Input((6, 3)), *layers], name="fixed"))


def layers_by_hand(model, x):
    h, found = x, {}
    for layer in model.layers:
        h = layer(h)
        found[layer.name] = np.asarray(h)
    return found


def test_one_series_through_a_recurrence_of_fixed_length_is_compiled_with_xla(timings):
    model = fixed_lstm()
    probe = Probe(model)
    plain = Probe(model)
    samples = [padded_series(1, 6, 3, seed) for seed in range(4)]
    expected = [plain.observe(np.concatenate([x, x])) for x in samples]  # two rows are never given to XLA
    assert timings == []
    for i, (x, twice) in enumerate(zip(samples, expected, strict=True)):
        observation = probe.observe(x)
        assert (probe._program._faster is not None) == (i >= 1), "tried at the second run"
        assert set(observation) == set(twice)
        for tap, values in twice.items():
            assert_close(observation[tap], values[:1])
        for tap, mask in twice.masks.items():
            np.testing.assert_array_equal(observation.masks[tap], mask[:1])
        for tap, values in layers_by_hand(model, x).items():
            assert_close(observation[tap], values)
        assert_close(observation.output, twice.output[:1])
        assert probe.observe(x) is observation, "the weights' checksum is the same"
    assert len(timings) == 2, "tried once"
    assert timings[0] is probe._program._faster


def test_weights_that_change_are_seen_by_xla_too(timings):
    model = fixed_rnn()
    probe, x = Probe(model), series(1, 6, 3)
    for seed in range(2):
        probe.observe(series(1, 6, 3, seed))
    assert probe._program._faster is not None
    before = probe.observe(x)
    randomise(model, seed=9)
    after = probe.observe(x)
    assert np.abs(after["rnn"] - before["rnn"]).max() > 1e-3
    for tap, values in layers_by_hand(model, x).items():
        assert_close(after[tap], values)


def test_several_series_are_not_given_to_xla(timings):
    """That would compile it again for every size of batch."""
    model = fixed_rnn()
    probe, plain, x = Probe(model), Probe(model), series(3, 6, 3, seed=5)
    for seed in range(2):
        probe.observe(series(1, 6, 3, seed))
    used = []
    faster = probe._program._faster
    probe._program._faster = lambda *tensors: used.append(tensors[0].shape[0]) or faster(*tensors)
    assert_same_look(probe.observe(x), plain.observe(x))
    assert used == []
    probe.observe(x[:1])
    assert used == [1]


def test_what_xla_does_not_make_faster_stays(timings):
    timings.faster = False
    model = fixed_rnn()
    probe = Probe(model)
    for seed in range(4):
        x = series(1, 6, 3, seed)
        for tap, values in layers_by_hand(model, x).items():
            assert_close(probe.observe(x)[tap], values)
    assert len(timings) == 2
    assert probe._program._faster is None


def test_what_xla_cannot_compile_stays(timings):
    """Python in the middle of the graph."""
    layer, _, _ = executions()
    model = keras.Sequential([keras.Input((6, 3)), L.LSTM(4, return_sequences=True, name="lstm"), layer])
    probe = Probe(randomise(model))
    for seed in range(3):
        x = series(1, 6, 3, seed)
        assert_close(probe.observe(x)["ticking"], np.asarray(model.layers[0](x)))
    assert timings == []
    assert probe._program._faster is None


@pytest.mark.parametrize("name", ["sequential", "conv_lstm", "data_dependent"])
def test_xla_is_not_tried_for_what_it_would_not_help(name, timings):
    """A model without a loop, one of any length, one that is not compiled at all."""
    found = case(name)
    probe = Probe(found.model, found.x)
    for k in range(3):
        probe.observe(found.x[:1] + k)
    assert timings == []
    assert probe._program._faster is None


def test_a_run_that_is_quick_is_left_alone(timings, monkeypatch):
    monkeypatch.setattr(program, "WORTHWHILE", 60.0)
    probe = Probe(fixed_rnn())
    for seed in range(3):
        probe.observe(series(1, 6, 3, seed))
    assert timings == []


def test_it_is_tried_when_runs_have_taken_as_long_as_compiling(timings, monkeypatch):
    """Each run takes a second here, and the first counts for nothing."""
    clock = SimpleNamespace(perf_counter=map(float, itertools.count()).__next__)
    monkeypatch.setattr(program, "time", clock)
    monkeypatch.setattr(program, "WORTHWHILE", 2.5)
    probe, tried = Probe(fixed_rnn()), []
    for seed in range(6):
        probe.observe(series(1, 6, 3, seed))
        tried.append(len(timings))
    assert tried == [0, 0, 0, 2, 2, 2]


def test_gradients_by_xla(timings):
    model, x = fixed_lstm(), series(4, 6, 3)
    expected = Probe(model).gradient(x, 1)
    probe = Probe(model)
    for i in range(4):
        gradient = probe.gradient(x[i : i + 1], 1)
        assert_close(gradient.values, expected.values[i : i + 1])
        assert_close(gradient.score, expected.score[i : i + 1])
    assert len(timings) == 2
    watched = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        h = watched
        for layer in model.layers[:-1]:
            h = layer(h)
        logit = (h @ model.layers[-1].kernel + model.layers[-1].bias)[:, 1]
    assert_close(expected.values, tape.gradient(logit, watched).numpy())
    assert_close(expected.score, logit.numpy())
