"""Short series go through a graph, long ones through a compiled loop, and both give the states of Keras' cells."""

import gc
import logging
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests.models import in_gate, randomise, series
from tests.probe.test_recurrent import (
    LAYERS,
    N_CHANNELS,
    N_SAMPLES,
    N_TIMESTEPS,
    N_UNITS,
    WRONG,
    arrays_of,
    assert_equal,
    by_hand,
    input_of,
    model_of,
    presence,
)
from tswidgets.probe import Probe, recurrence
from tswidgets.probe.program import Program
from tswidgets.probe.recurrent import recurrent_states, scan

COMPILED = (
    "lstm",
    "lstm_own_activation",
    "lstm_not_by_element",
    "lstm_activation_layer",
    "lstm_backwards_sequences",
    "gru",
    "gru_reset_before",
    "gru_other_activations",
    "rnn_without_bias",
    "rnn_relu",
)


BOTH_WAYS = in_gate(
    COMPILED,
    "lstm_own_activation",
    "lstm_not_by_element",
    "lstm_activation_layer",
    "lstm_backwards_sequences",
    "gru_reset_before",
    "rnn_relu",
)


@pytest.fixture
def always(monkeypatch):
    """Also short series are compiled."""
    monkeypatch.setattr(recurrence, "FEW", 0)
    monkeypatch.setattr(recurrence, "FEWEST", 0)


@pytest.fixture
def as_graph(monkeypatch):
    """Also the shortest series are."""
    monkeypatch.setattr(recurrence, "FEWEST", 0)


@pytest.fixture
def small(monkeypatch, always):
    """Blocks of 3 steps of 2 samples."""
    monkeypatch.setattr(recurrence, "MOST_STEPS", 3)
    monkeypatch.setattr(recurrence, "MOST_SAMPLES", 2)


def n_traced(function="_compiled"):
    return getattr(recurrence, function).experimental_get_tracing_count()


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_a_compiled_scan_equals_keras_cell_stepped_by_hand(name, always):
    """Also where the padding is not 0: it must not be seen."""
    layer, present = LAYERS[name](), presence("everywhere")
    model_of(layer)
    x, before = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS), n_traced()
    found = scan(layer, x, present)
    assert n_traced() > before or name in ("lstm", "lstm_backwards_sequences"), "it was not compiled"
    for values in found.values():
        values[~present] = np.nan
    assert_equal(found, by_hand(layer, x, present))


@pytest.mark.parametrize("name", ["lstm", "gru_backwards"])
@pytest.mark.parametrize("n_samples", [1, 3])
def test_blocks_begin_where_the_ones_before_ended(name, n_samples, small):
    """Seven steps are two blocks and a third that is not full, and of three samples one is left over."""
    layer, present = LAYERS[name](), presence("everywhere")[:n_samples]
    model_of(layer)
    x = series(n_samples, N_TIMESTEPS, N_CHANNELS)
    start = [series(n_samples, N_UNITS, 1, seed)[..., 0] for seed in range(2 if name == "lstm" else 1)]
    found = scan(layer, x, present, start)
    for values in found.values():
        values[~present] = np.nan
    assert_equal(found, by_hand(layer, x, present, start))


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_a_scan_as_a_graph_equals_keras_cell_stepped_by_hand(name, as_graph, monkeypatch):
    """And it begins in the states that it is given. Nothing else is run."""
    monkeypatch.setattr(recurrence, "_block", None)
    monkeypatch.setattr(recurrence, "_compiled", None)
    layer, present = LAYERS[name](), presence("everywhere")
    model_of(layer)
    x = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    start = [series(N_SAMPLES, N_UNITS, 1, seed)[..., 0] for seed in range(len(layer.get_initial_state(1)))]
    found = scan(layer, x, present, start)
    for values in found.values():
        values[~present] = np.nan
    assert_equal(found, by_hand(layer, x, present, start))


def test_one_graph_for_every_number_of_steps_and_samples(as_graph):
    one, other = L.GRU(6, name="one"), L.GRU(6, go_backwards=True, name="other")
    for layer in (one, other):
        model_of(layer, n_timesteps=None)
    scan(one, series(2, 9, N_CHANNELS))
    before = n_traced("_traced")
    for layer, n_samples, n_timesteps in ((one, 1, 1), (one, 3, 40), (other, 2, 30), (one, 70, 2)):
        x = series(n_samples, n_timesteps, N_CHANNELS)
        assert_equal(scan(layer, x), by_hand(layer, x))
    assert n_traced("_traced") == before
    units = L.GRU(7)
    model_of(units)
    scan(units, series(1, 9, N_CHANNELS))
    assert n_traced("_traced") == before + 1, "the count would have told"


def test_a_series_of_usual_length_is_the_same_in_every_way(monkeypatch):
    """Blocks of their usual size; what rounding adds up to in so many steps is not more than 1e-5."""
    layer = L.LSTM(16, name="lstm")
    model_of(layer, n_timesteps=None)
    x = series(1, 1100, N_CHANNELS)
    compiled = scan(layer, x)
    for name in ("FEW", "FEWEST"):
        monkeypatch.setattr(recurrence, name, 2000)  # as a graph, and then step by step
        for quantity, values in scan(layer, x).items():
            np.testing.assert_allclose(compiled[quantity], values, atol=1e-5)


def test_no_length_and_no_other_layer_of_the_kind_is_compiled_anew(always):
    one, other = L.GRU(6, name="one"), L.GRU(6, go_backwards=True, return_sequences=True, name="other")
    for layer in (one, other):
        model_of(layer, n_timesteps=None)
    scan(one, series(1, 40, N_CHANNELS))
    before = n_traced()
    for n_timesteps in (1, 7, 41, 600):
        x = series(1, n_timesteps, N_CHANNELS)
        assert_equal(scan(one, x), by_hand(one, x))
    scan(other, series(1, 90, N_CHANNELS))
    assert n_traced() == before
    scan(one, series(3, 9, N_CHANNELS))
    assert n_traced() == before + 1, "the count would have told"
    scan(one, series(4, 9, N_CHANNELS))
    assert n_traced() == before + 1


def test_no_samples_and_no_steps():
    layer = L.LSTM(N_UNITS)
    model_of(layer)
    for shape in ((0, N_TIMESTEPS, N_CHANNELS), (2, 0, N_CHANNELS)):
        assert scan(layer, np.zeros(shape, "float32"))["c"].shape == (*shape[:2], N_UNITS)


def python(x):
    """No compiler knows what this does."""
    return tf.ensure_shape(tf.py_function(np.tanh, [x], tf.float32), x.shape)


def test_what_cannot_be_compiled_runs_step_by_step(always, caplog):
    layer = L.SimpleRNN(N_UNITS, activation=python)
    model_of(layer)
    x = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    with caplog.at_level(logging.INFO, logger="tswidgets"):
        found = scan(layer, x)
    assert "runs step by step" in caplog.text
    assert_equal(found, by_hand(layer, x))


class Bent(keras.Model):
    """A model whose layer is given one of its own methods."""

    def __init__(self):
        super().__init__()
        self.rnn = L.SimpleRNN(N_UNITS, activation=self.bend, name="rnn")

    def bend(self, x):
        return keras.ops.tanh(x) + 0.1 * x

    def call(self, x):
        return self.rnn(x)


@pytest.mark.parametrize(("few", "function"), [(0, "_compiled"), (100, "_traced")])
def test_no_model_is_kept_alive(few, function, monkeypatch, as_graph):
    monkeypatch.setattr(recurrence, "FEW", few)
    model, x = Bent(), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    model(x)
    before = n_traced(function)
    assert_equal(scan(model.rnn, x), by_hand(model.rnn, x))
    assert n_traced(function) > before, "it was not compiled"
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None


def eager(x):
    """No graph knows the numbers."""
    return tf.constant(np.tanh(x.numpy()))


def test_python_that_reads_numbers_runs_step_by_step(as_graph, caplog):
    layer = L.SimpleRNN(N_UNITS)
    model_of(layer)
    layer.cell.activation = eager  # no model with it is ever built in Keras
    x = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    with caplog.at_level(logging.INFO, logger="tswidgets"):
        found = scan(layer, x)
    assert "runs step by step" in caplog.text
    assert_equal(found, by_hand(layer, x))


def test_states_of_an_observed_series_run_no_model(monkeypatch):
    model, x = model_of(L.LSTM(N_UNITS, name="lstm"), masking=True), input_of(presence("everywhere"))
    probe = Probe(model)
    probe.observe(x)

    def runs(self, *arrays):
        raise AssertionError("the model was run")

    monkeypatch.setattr(Program, "__call__", runs)
    states = recurrent_states(probe, x, "lstm")
    assert_equal(arrays_of(states), by_hand(model.get_layer("lstm"), x, presence("everywhere")))
    with pytest.raises(AssertionError, match="was run"):
        recurrent_states(probe, x + 1, "lstm")


def test_more_samples_than_a_model_takes_at_a_time(monkeypatch):
    """In pieces, each with its own mask and initial states."""
    monkeypatch.setattr("tswidgets.probe.batches.CHUNK", 2000)
    x, y = keras.Input((N_TIMESTEPS, N_CHANNELS)), keras.Input((N_UNITS,))
    layer = L.GRU(N_UNITS, name="gru")
    masked = L.Masking(0.0)(x)
    model = randomise(keras.Model([x, y], layer(masked, mask=masked._keras_mask, initial_state=y)))
    values = (
        np.tile(input_of(presence("everywhere")), (5, 1, 1)) * np.linspace(1, 2, 20, dtype="float32")[:, None, None]
    )
    start = series(20, N_UNITS, 1)[..., 0]
    states = recurrent_states(model, [values, start], "gru")
    assert_equal(arrays_of(states), by_hand(layer, values, np.tile(presence("everywhere"), (5, 1)), [start]))


# ----------------------------------------------------------------------------------------------- within TimeDistributed

N_OUTER = 3
WITHIN = {
    "lstm": lambda: L.LSTM(N_UNITS),
    "lstm sequences": lambda: L.LSTM(N_UNITS, return_sequences=True),
    "gru backwards": lambda: L.GRU(N_UNITS, go_backwards=True),
    "gru cell": lambda: L.RNN(L.GRUCell(N_UNITS), return_sequences=True),
    "rnn": lambda: L.SimpleRNN(N_UNITS),
    "both": lambda: L.Bidirectional(L.LSTM(N_UNITS), name="both"),
    "both sequences": lambda: L.Bidirectional(L.GRU(N_UNITS, return_sequences=True), merge_mode="sum", name="both"),
}


def within(inner, *, masking=False):
    """A model that reads some channels of each step one after the other, and the series itself."""
    x = keras.Input((N_OUTER, N_TIMESTEPS * N_CHANNELS))
    apart = L.Reshape((N_OUTER, N_TIMESTEPS, N_CHANNELS))(x)
    return randomise(keras.Model(x, L.TimeDistributed(inner, name="outer")(L.Masking()(apart) if masking else apart)))


def each(values, n_samples=N_SAMPLES):
    """(n_samples · n_outer_steps, …) as (n_samples, n_outer_steps, …)."""
    return {name: array.reshape(n_samples, N_OUTER, *array.shape[1:]) for name, array in values.items()}


@pytest.mark.parametrize(
    "name, masking",
    in_gate(
        [(name, masking) for name in WITHIN for masking in (False, True)],
        ("lstm", True),
        ("lstm sequences", False),
        ("gru backwards", True),
        ("rnn", False),
        ("both sequences", True),
    ),
)
def test_a_layer_within_time_distributed(name, masking):
    """It begins anew at each of the outer steps."""
    inner = WITHIN[name]()
    model, present = within(inner, masking=masking), None
    x = series(N_SAMPLES * N_OUTER, N_TIMESTEPS, N_CHANNELS)
    if masking:
        present = np.tile(presence("everywhere"), (N_OUTER, 1))
        x = np.where(present[..., None], x, 0).astype("float32")
    states = recurrent_states(model, x.reshape(N_SAMPLES, N_OUTER, -1), "outer")
    if name.startswith("both"):
        assert states.forward.layer == f"outer/{inner.forward_layer.name}"
        assert_equal(arrays_of(states.forward), each(by_hand(inner.forward_layer, x, present)))
        assert_equal(arrays_of(states.backward), each(by_hand(inner.backward_layer, x, present)))
        states = states.backward
    else:
        assert states.layer == "outer"
        assert_equal(arrays_of(states), each(by_hand(inner, x, present)))
    assert states.h.shape == (N_SAMPLES, N_OUTER, N_TIMESTEPS, N_UNITS)
    expected = np.zeros(states.h.shape[:3], bool) if present is None else ~present.reshape(states.h.shape[:3])
    np.testing.assert_array_equal(states.absent, expected)


def test_a_layer_within_two_time_distributed_layers():
    inner = L.LSTM(N_UNITS)
    x = keras.Input((2, N_OUTER, N_TIMESTEPS, N_CHANNELS))
    model = randomise(keras.Model(x, L.TimeDistributed(L.TimeDistributed(inner), name="outer")(x)))
    values = series(12, N_TIMESTEPS, N_CHANNELS)
    states = recurrent_states(model, values.reshape(2, 2, N_OUTER, N_TIMESTEPS, N_CHANNELS), "outer")
    expected = by_hand(inner, values)
    assert_equal(arrays_of(states), {name: array.reshape(states.h.shape) for name, array in expected.items()})


def test_wrong_states_within_time_distributed_are_not_returned(monkeypatch):
    """At one outer step of one sample."""
    model, x = within(L.LSTM(N_UNITS)), series(N_SAMPLES, N_OUTER, N_TIMESTEPS * N_CHANNELS)

    def off(layer, *args):
        found = scan(layer, *args)
        found["h"][7, -1] += 3e-5
        return found

    recurrent_states(model, x, "outer")
    monkeypatch.setattr("tswidgets.probe.recurrent.scan", off)
    with pytest.raises(RuntimeError, match=WRONG):
        recurrent_states(model, x, "outer")


@pytest.mark.parametrize("inner", [L.LSTM(N_UNITS), L.Bidirectional(L.GRU(N_UNITS))])
def test_what_runs_within_time_distributed_is_no_tap_of_its_own(inner):
    """Its first axis would count outer steps, and not samples."""
    model = within(inner)
    x = series(N_SAMPLES, N_OUTER, N_TIMESTEPS * N_CHANNELS)
    assert [tap.name for tap in Probe(model).taps] == [model.layers[1].name, "outer"]
    assert all(len(values) == N_SAMPLES for values in Probe(model).observe(x).values())


def test_models_within_time_distributed_are_refused():
    inner = keras.Sequential([keras.Input((N_TIMESTEPS, N_CHANNELS)), L.LSTM(N_UNITS)], name="reader")
    expected = r"Expected a recurrent layer; got 'outer', which runs the model 'reader'\. Name a recurrent layer, "
    with pytest.raises(ValueError, match=expected):
        recurrent_states(within(inner), series(N_SAMPLES, N_OUTER, N_TIMESTEPS * N_CHANNELS), "outer")


def test_other_cells_within_time_distributed_are_refused():
    inner = L.RNN(L.StackedRNNCells([L.GRUCell(2), L.GRUCell(3)]), name="stack")
    with pytest.raises(ValueError, match="got 'stack', a layer of class RNN that runs a StackedRNNCells"):
        recurrent_states(within(inner), series(N_SAMPLES, N_OUTER, N_TIMESTEPS * N_CHANNELS), "outer")
