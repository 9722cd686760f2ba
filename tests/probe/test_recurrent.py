"""States and gates are those of Keras' own cells, at the input's own steps, or there are none at all."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests import reference
from tests.models import CASES, case, in_gate, randomise, series
from tswidgets.probe import Probe, as_probe, recurrent, recurrent_check
from tswidgets.probe.recurrent import (
    BidirectionalStates,
    GRUStates,
    LSTMStates,
    SimpleRNNStates,
    recurrent_states,
    scan,
)

N_SAMPLES, N_TIMESTEPS, N_CHANNELS, N_UNITS = 4, 7, 3, 5


# -------------------------------------------------------------------------------------------------------------- by hand


def lstm_gates(cell, x, h):
    """Four gates, each with its own columns of the weights."""
    names = {"i": cell.recurrent_activation, "f": cell.recurrent_activation}
    names |= {"g": cell.activation, "o": cell.recurrent_activation}
    found = {}
    for k, (name, activation) in enumerate(names.items()):
        columns = slice(k * cell.units, (k + 1) * cell.units)
        bias = 0 if cell.bias is None else np.asarray(cell.bias)[columns]
        z = x @ np.asarray(cell.kernel)[:, columns] + h @ np.asarray(cell.recurrent_kernel)[:, columns] + bias
        found[name] = np.asarray(activation(tf.constant(z)))
    return found


def gru_gates(cell, x, h):
    """The reset gate acts on the state, or on what the candidate's weights make of it."""
    kernels = np.split(np.asarray(cell.kernel), 3, axis=1)
    recurrents = np.split(np.asarray(cell.recurrent_kernel), 3, axis=1)
    bias = np.zeros((2, 3 * cell.units), "float32")
    if cell.bias is not None and cell.reset_after:
        bias = np.asarray(cell.bias)
    elif cell.bias is not None:
        bias = np.stack([np.asarray(cell.bias), bias[1]])
    (x_z, x_r, x_c), (b_z, b_r, b_c) = (np.split(row, 3) for row in bias)
    z = np.asarray(cell.recurrent_activation(tf.constant(x @ kernels[0] + x_z + h @ recurrents[0] + b_z)))
    r = np.asarray(cell.recurrent_activation(tf.constant(x @ kernels[1] + x_r + h @ recurrents[1] + b_r)))
    inner = r * (h @ recurrents[2] + b_c) if cell.reset_after else (r * h) @ recurrents[2]
    return {"z": z, "r": r, "candidate": np.asarray(cell.activation(tf.constant(x @ kernels[2] + x_c + inner)))}


def gates_of(cell, x, h):
    if isinstance(cell, L.LSTMCell):
        return lstm_gates(cell, x, h)
    return gru_gates(cell, x, h) if isinstance(cell, L.GRUCell) else {}


def by_hand(layer, x, present=None, start=None):
    """Name → array of shape (n_samples, n_timesteps, n_units), by stepping Keras' cell; NaN where a step is absent."""
    n_samples, n_timesteps, _ = x.shape
    present = np.ones((n_samples, n_timesteps), bool) if present is None else present
    start = layer.get_initial_state(n_samples) if start is None else start
    states = [np.asarray(state, "float32") for state in start]
    found = {}
    for t in reversed(range(n_timesteps)) if layer.go_backwards else range(n_timesteps):
        gates = gates_of(layer.cell, x[:, t], states[0])
        _, after = layer.cell(tf.constant(x[:, t]), [tf.constant(state) for state in states])
        states = [np.where(present[:, t, None], new, old) for new, old in zip(after, states, strict=True)]
        for name, values in {**dict(zip("hc", states, strict=False)), **gates}.items():
            steps = found.setdefault(name, np.full((n_samples, n_timesteps, values.shape[1]), np.nan, "float32"))
            steps[present[:, t], t] = values[present[:, t]]
    return found


def arrays_of(states):
    """Everything that states hold, by name."""
    cell_state = {"c": states.c} if isinstance(states, LSTMStates) else {}
    return {"h": states.h, **cell_state, **states.gates}


def assert_equal(found, expected, tolerance=2e-6):
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name].shape == values.shape
        size = np.nanmax(np.abs(values), initial=0)
        assert size > 0.01, f"{name}: nothing to compare"
        np.testing.assert_allclose(found[name], values, rtol=0, atol=tolerance * max(size, 1), err_msg=name)


# ----------------------------------------------------------------------------------------------- every layer and option


def bent(x):
    """An activation function of the user's own."""
    return keras.ops.tanh(x) + 0.1 * x


LAYERS = {
    "lstm": lambda: L.LSTM(N_UNITS),
    "lstm_sequences": lambda: L.LSTM(N_UNITS, return_sequences=True),
    "lstm_state": lambda: L.LSTM(N_UNITS, return_state=True),
    "lstm_without_bias": lambda: L.LSTM(N_UNITS, use_bias=False),
    "lstm_other_activations": lambda: L.LSTM(N_UNITS, activation="softsign", recurrent_activation="hard_sigmoid"),
    "lstm_only_gates_usual": lambda: L.LSTM(N_UNITS, activation="relu"),
    "lstm_only_candidate_usual": lambda: L.LSTM(N_UNITS, recurrent_activation="linear"),
    "lstm_own_activation": lambda: L.LSTM(N_UNITS, activation=bent),
    "lstm_not_by_element": lambda: L.LSTM(N_UNITS, recurrent_activation="softmax"),
    "lstm_activation_layer": lambda: L.LSTM(N_UNITS, activation=L.LeakyReLU(negative_slope=0.2)),
    "lstm_backwards": lambda: L.LSTM(N_UNITS, go_backwards=True),
    "lstm_backwards_sequences": lambda: L.LSTM(N_UNITS, go_backwards=True, return_sequences=True, return_state=True),
    "lstm_unrolled": lambda: L.LSTM(N_UNITS, unroll=True, return_sequences=True),
    "lstm_implementation_1": lambda: L.LSTM(N_UNITS, implementation=1),
    "lstm_dropout": lambda: L.LSTM(N_UNITS, dropout=0.5, recurrent_dropout=0.5),
    "lstm_cell": lambda: L.RNN(L.LSTMCell(N_UNITS), return_sequences=True),
    "lstm_cell_zeros": lambda: L.RNN(L.LSTMCell(N_UNITS), return_sequences=True, zero_output_for_mask=True),
    "lstm_cell_zeros_last": lambda: L.RNN(L.LSTMCell(N_UNITS), return_state=True, zero_output_for_mask=True),
    "gru": lambda: L.GRU(N_UNITS, return_sequences=True),
    "gru_reset_before": lambda: L.GRU(N_UNITS, reset_after=False, return_state=True),
    "gru_without_bias": lambda: L.GRU(N_UNITS, use_bias=False),
    "gru_reset_before_without_bias": lambda: L.GRU(N_UNITS, use_bias=False, reset_after=False),
    "gru_other_activations": lambda: L.GRU(N_UNITS, activation="relu", recurrent_activation="hard_sigmoid"),
    "gru_not_by_element": lambda: L.GRU(N_UNITS, activation=bent, recurrent_activation="softmax"),
    "gru_backwards": lambda: L.GRU(N_UNITS, go_backwards=True, return_sequences=True),
    "gru_unrolled": lambda: L.GRU(N_UNITS, unroll=True),
    "gru_implementation_1": lambda: L.GRU(N_UNITS, implementation=1, reset_after=False),
    "gru_cell": lambda: L.RNN(L.GRUCell(N_UNITS)),
    "rnn": lambda: L.SimpleRNN(N_UNITS, return_sequences=True),
    "rnn_without_bias": lambda: L.SimpleRNN(N_UNITS, use_bias=False, return_state=True),
    "rnn_relu": lambda: L.SimpleRNN(N_UNITS, activation="relu"),
    "rnn_sigmoid": lambda: L.SimpleRNN(N_UNITS, activation="sigmoid"),
    "rnn_linear_backwards": lambda: L.SimpleRNN(N_UNITS, activation=None, go_backwards=True),
    "rnn_cell": lambda: L.RNN(L.SimpleRNNCell(N_UNITS)),
}


def presence(where):
    """Bool array of shape (n_samples, n_timesteps), False where a step is absent; None for no mask at all."""
    if where == "nowhere":
        return None
    present = np.ones((N_SAMPLES, N_TIMESTEPS), bool)
    if where in ("start", "everywhere"):
        present[0, :2] = False
    if where in ("middle", "everywhere"):
        present[1, 2:5] = False
    if where in ("end", "everywhere"):
        present[2, 4:] = False
    if where == "everywhere":
        present[3] = False
    return present


def input_of(present, seed=0):
    """Series whose absent steps are 0, for a Masking layer to find."""
    x = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS, seed)
    return x if present is None else np.where(present[..., None], x, 0).astype("float32")


def model_of(layer, *, masking=False, n_timesteps=N_TIMESTEPS):
    first = [L.Masking(0.0, name="masking")] if masking else []
    return randomise(keras.Sequential([keras.Input((n_timesteps, N_CHANNELS)), *first, layer]))


SCANNED = [(name, where) for name in LAYERS for where in ("nowhere", "everywhere")]
SCANNED += [(name, where) for name in ("lstm", "gru_backwards", "rnn") for where in ("start", "middle", "end")]


@pytest.mark.parametrize(  # each layer and option with a mask, each kind without; all in `make test-slow`
    "name, where",
    in_gate(
        SCANNED,
        *((name, "everywhere") for name in LAYERS),
        *((name, "nowhere") for name in ("lstm", "gru_backwards", "rnn")),
        *(("lstm", where) for where in ("start", "middle", "end")),
    ),
)
def test_scan_equals_keras_cell_stepped_by_hand(name, where):
    """Also where the padding is not 0: it must not be seen."""
    layer, present = LAYERS[name](), presence(where)
    model_of(layer)
    x = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    found = scan(layer, x, present)
    if present is not None:
        for values in found.values():
            values[~present] = np.nan
    assert_equal(found, by_hand(layer, x, present))


RETURNING = (  # whatever can make a difference to what the layer is given and what it returns
    "lstm",
    "lstm_sequences",
    "lstm_state",
    "lstm_own_activation",
    "lstm_backwards",
    "lstm_backwards_sequences",
    "lstm_unrolled",
    "lstm_dropout",
    "lstm_cell_zeros",
    "lstm_cell_zeros_last",
    "gru",
    "gru_reset_before",
    "gru_backwards",
    "gru_cell",
    "rnn_without_bias",
    "rnn_linear_backwards",
)


@pytest.mark.parametrize(
    "name",
    in_gate(
        RETURNING,
        "lstm",
        "lstm_state",
        "lstm_backwards_sequences",
        "lstm_cell_zeros_last",
        "gru_reset_before",
        "gru_backwards",
        "rnn_linear_backwards",
    ),
)
def test_states_within_a_model_equal_keras_cell_stepped_by_hand(name):
    """Samples that begin, pause and end with padding, and one that is nothing else."""
    layer, present = LAYERS[name](), presence("everywhere")
    model, x = model_of(layer, masking=True), input_of(present)
    states = recurrent_states(model, x, layer.name)
    assert_equal(arrays_of(states), by_hand(layer, x, present))
    np.testing.assert_array_equal(states.absent, ~present)


@pytest.mark.parametrize("name", ["lstm_state", "lstm_backwards_sequences", "gru_reset_before", "rnn"])
@pytest.mark.parametrize("where", ["nowhere", "everywhere"])
def test_scan_begins_with_the_initial_state(name, where):
    """Which is what an absent first step keeps."""
    layer, present = LAYERS[name](), presence(where)
    model_of(layer)
    x = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    start = [series(N_SAMPLES, N_UNITS, 1, seed)[..., 0] for seed in range(2 if "lstm" in name else 1)]
    found = scan(layer, x, present, start)
    assert found["h"].dtype == np.float32
    if present is not None:
        np.testing.assert_array_equal(found["h"][3], np.broadcast_to(start[0][3], (N_TIMESTEPS, N_UNITS)))
        for values in found.values():
            values[~present] = np.nan
    assert_equal(found, by_hand(layer, x, present, start))


def test_mask_with_an_axis_of_its_own():
    layer, present = LAYERS["lstm"](), presence("middle")
    model_of(layer)
    x = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    flat, deep = scan(layer, x, present), scan(layer, x, present[..., None].astype("float32"))
    assert not np.array_equal(flat["h"], scan(layer, x)["h"])
    np.testing.assert_array_equal(deep["h"], flat["h"])


# ----------------------------------------------------------------------------------------------------- what is returned


def test_lstm_equals_numpy():
    """h against the twin in float64, and c and the gates against the equations that tie them to h."""
    found = case("masked_lstm")
    weights = [np.asarray(weight) for weight in found.model.get_layer("lstm1").weights]
    present = (found.x != 0).any(axis=-1)
    states = recurrent_states(found.model, found.x, "lstm1")
    assert type(states) is LSTMStates
    assert states.layer == "lstm1"
    for n, x in enumerate(found.x):
        h = reference.lstm(x, *weights, present=present[n])
        np.testing.assert_allclose(states.h[n, present[n]], h[present[n]], atol=2e-6)
    np.testing.assert_allclose(states.h, states.o * np.tanh(states.c), atol=2e-6)
    before = np.concatenate([np.zeros_like(states.c[:, :1]), states.c[:, :-1]], axis=1)
    np.testing.assert_allclose(states.c, states.f * before + states.i * states.g, atol=2e-6)


def test_gru_equals_numpy():
    """With the reset gate after and before the product; the second layer reads backwards, its steps stay in place."""
    found = case("gru")
    weights = {layer.name: [np.asarray(weight) for weight in layer.weights] for layer in found.model.layers}
    first, second = (recurrent_states(found.model, found.x, name) for name in ("gru1", "gru2"))
    assert type(first) is type(second) is GRUStates
    for n, x in enumerate(found.x):
        h = reference.gru(x, *weights["gru1"], reset_after=True)
        np.testing.assert_allclose(first.h[n], h, atol=2e-6)
        backwards = reference.gru(h[::-1], *weights["gru2"], reset_after=False)
        np.testing.assert_allclose(second.h[n], backwards[::-1], atol=2e-6)
    before = np.concatenate([second.h[:, 1:], np.zeros_like(second.h[:, :1])], axis=1)
    np.testing.assert_allclose(second.h, second.z * before + (1 - second.z) * second.candidate, atol=2e-6)


def test_gates_are_named_in_the_order_of_the_cell():
    found = case("gru")
    gru, rnn = (recurrent_states(found.model, found.x, name) for name in ("gru1", "rnn"))
    lstm = recurrent_states(case("conv_lstm").model, case("conv_lstm").x, "lstm")
    assert list(lstm.gates) == ["i", "f", "g", "o"]
    assert list(gru.gates) == ["z", "r", "candidate"]
    assert type(rnn) is SimpleRNNStates and rnn.gates == {}
    assert all(gru.gates[name] is getattr(gru, name) for name in gru.gates)


def test_arrays_are_float32_and_read_only_and_nan_where_absent():
    found = case("masked_lstm")
    states = recurrent_states(found.model, found.x, "lstm2")
    present = (found.x != 0).any(axis=-1)
    assert 0 < present.sum() < present.size
    np.testing.assert_array_equal(states.absent, ~present)
    for values in arrays_of(states).values():
        assert values.dtype == np.float32 and values.shape == (*present.shape, 5)
        np.testing.assert_array_equal(np.isnan(values), np.repeat(~present[..., None], 5, axis=2))
    for values in (*arrays_of(states).values(), states.absent):
        with pytest.raises(ValueError, match="read-only"):
            values[0, 0] = 0


FOUND_IN = (
    "gru",
    "unrolled",
    "returned_states",
    "time_distributed",
    "masked_conv",
    "mask_lost",
    "attention",
    "several_outputs",
    "loaded_keras",
    "loaded_h5",
    "mixed_bfloat16",
)


@pytest.mark.parametrize(
    "name",
    in_gate(
        FOUND_IN,
        "unrolled",
        "returned_states",
        "mask_lost",
        "several_outputs",
        "loaded_keras",
        "mixed_bfloat16",
    ),
)
def test_last_h_is_what_the_layer_returns(name):
    """In the models of the other tests, whatever comes before the layer."""
    found = case(name)
    probe = as_probe(found.model, found.x)
    assert any(tap.family == "recurrent" for tap in probe.taps)
    observation = probe.observe(found.x)
    for tap in probe.taps:
        if tap.family != "recurrent" or ":" in tap.name:
            continue
        own, h = observation[tap.name], recurrent_states(probe, found.x, tap.name).h
        if found.model.get_layer(tap.name).go_backwards:
            h = h[:, ::-1]
        if own.ndim == 2:
            steps = np.arange(h.shape[1]) * np.isfinite(h[..., 0])
            h = h[np.arange(len(h)), steps.argmax(axis=1)]
        seen = np.isfinite(h)
        assert seen.any()
        np.testing.assert_allclose(h[seen], own[seen], atol=5e-2 if "mixed" in name else 1e-5)


def test_other_outputs_of_the_layer_name_it_too():
    found = case("returned_states")
    expected = recurrent_states(found.model, found.x, "lstm")
    for name in ("lstm:1", "lstm:2"):
        states = recurrent_states(found.model, found.x, name)
        np.testing.assert_array_equal(states.c, expected.c)


# ------------------------------------------------------------------------------------------------------ both directions


BOTH = [(L.LSTM, sequences, mode, sequences) for sequences in (False, True) for mode in ("concat", "sum", "ave", None)]
BOTH += [(L.GRU, sequences, mode, not sequences) for sequences in (False, True) for mode in ("concat", "mul", None)]
BOTH += [(L.LSTM, False, "concat", True), (L.GRU, True, "concat", True)]


@pytest.mark.parametrize(  # two thirds of them, with each kind and each mode; all in `make test-slow`
    "kind, sequences, merge_mode, masking",
    [one if k % 3 != 1 else pytest.param(*one, marks=pytest.mark.slow) for k, one in enumerate(BOTH)],
)
def test_bidirectional(kind, sequences, merge_mode, masking):
    """Each direction equals its own layer, stepped by hand through the same input."""
    layer = L.Bidirectional(kind(N_UNITS, return_sequences=sequences, name="cell"), merge_mode=merge_mode, name="both")
    present = presence("everywhere") if masking else None
    x = input_of(present)
    inputs = keras.Input((N_TIMESTEPS, N_CHANNELS))
    model = randomise(keras.Model(inputs, layer(L.Masking(0.0)(inputs) if masking else inputs)))
    states = recurrent_states(model, x, "both")
    assert type(states) is BidirectionalStates and states.layer == "both"
    assert (states.forward.layer, states.backward.layer) == ("both/forward_cell", "both/backward_cell")
    assert_equal(arrays_of(states.forward), by_hand(layer.forward_layer, x, present))
    assert_equal(arrays_of(states.backward), by_hand(layer.backward_layer, x, present))


def test_bidirectional_that_returns_its_states_and_is_given_some():
    """The first half of the initial states is for the first direction."""
    steps, *start = [keras.Input(shape) for shape in [(N_TIMESTEPS, N_CHANNELS)] + 4 * [(N_UNITS,)]]
    layer = L.Bidirectional(L.LSTM(N_UNITS, return_sequences=True, return_state=True), name="both")
    model = randomise(keras.Model([steps, *start], layer(steps, initial_state=start)))
    values = [series(N_SAMPLES, N_UNITS, 1, seed)[..., 0] for seed in range(4)]
    x = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    states = recurrent_states(model, [x, *values], "both")
    assert_equal(arrays_of(states.forward), by_hand(layer.forward_layer, x, start=values[:2]))
    assert_equal(arrays_of(states.backward), by_hand(layer.backward_layer, x, start=values[2:]))


def test_directions_of_different_kinds():
    """The directions are layers of their own, and the first may be the one that reads backwards."""
    one, other = L.GRU(4, go_backwards=True, return_sequences=True), L.LSTM(3, return_sequences=True)
    layer = L.Bidirectional(one, backward_layer=other, name="both")
    model, x = model_of(layer), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    states = recurrent_states(model, x, "both")
    assert (type(states.forward), type(states.backward)) == (GRUStates, LSTMStates)
    assert_equal(arrays_of(states.forward), by_hand(layer.forward_layer, x))
    assert_equal(arrays_of(states.backward), by_hand(layer.backward_layer, x))


def test_one_direction_by_its_own_name():
    found = case("bidirectional")
    both = recurrent_states(found.model, found.x, "both")
    back = recurrent_states(found.model, found.x, "both/backward_cell")
    np.testing.assert_array_equal(back.h, both.backward.h)
    assert back.layer == both.backward.layer
    assert not np.allclose(both.forward.h, both.backward.h)


# -------------------------------------------------------------------------------------- states that come from elsewhere


def test_a_stateful_layer_begins_where_it_stands_and_stays_there():
    found = CASES["stateful"]()
    lstm = found.model.get_layer("lstm")
    before = [np.asarray(state) for state in lstm.states]
    assert np.abs(before).max() > 0.01
    states = recurrent_states(found.model, found.x, "lstm")
    assert_equal(arrays_of(states), by_hand(lstm, found.x, start=before))
    assert np.abs(states.h - by_hand(lstm, found.x)["h"]).max() > 0.01
    for state, value in zip(lstm.states, before, strict=True):
        np.testing.assert_array_equal(state, value)
    found.model(series(2, 8, 3, 5))
    after = [np.asarray(state) for state in lstm.states]
    assert_equal(arrays_of(recurrent_states(found.model, found.x, "lstm")), by_hand(lstm, found.x, start=after))


def test_more_samples_than_a_stateful_model_takes_begin_there_too():
    found = CASES["stateful"]()
    lstm, x = found.model.get_layer("lstm"), series(3, 8, 3, 7)
    first, second = (np.asarray(state) for state in lstm.states)
    states = recurrent_states(found.model, x, "lstm")
    assert_equal(arrays_of(states), by_hand(lstm, x, start=[first[[0, 1, 0]], second[[0, 1, 0]]]))


def test_a_decoder_begins_with_the_encoder_s_states():
    found = case("encoder_decoder")
    encoder, decoder = (found.model.get_layer(name) for name in ("encoder", "decoder"))
    encoded = by_hand(encoder, found.x)
    again = np.repeat(encoded["h"][:, -1:], 6, axis=1)
    start = [encoded["h"][:, -1], encoded["c"][:, -1]]
    assert_equal(arrays_of(recurrent_states(found.model, found.x, "encoder")), encoded)
    assert_equal(arrays_of(recurrent_states(found.model, found.x, "decoder")), by_hand(decoder, again, start=start))


class Handing(keras.Model):
    """Hands a mask and initial states to its layer in one of the ways that Keras allows."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.masking = L.Masking(0.0)
        self.lstm = L.LSTM(N_UNITS, name="lstm")

    def build(self, shape):
        self.lstm.build(shape)

    def call(self, x):
        start = [keras.ops.repeat(1 + x[:, k, :1], N_UNITS, axis=1) for k in (2, 3)]
        present = keras.ops.any(x != 0, axis=-1)
        if self.how == "riding":
            return self.lstm(self.masking(x))
        if self.how == "riding, with states":
            return self.lstm(self.masking(x), initial_state=start)
        if self.how == "by name":
            return self.lstm(sequences=x, mask=present, initial_state=start)
        return self.lstm(x, start, present)


@pytest.mark.parametrize("how", ["riding", "riding, with states", "by name", "by position"])
def test_mask_and_initial_states_are_taken_as_keras_takes_them(how):
    """Keras looks for a mask on its input only if it is given nothing else.

    Of a series that is nothing but padding it returns 0, and not the state, which is still the initial one.
    """
    present = presence("everywhere")
    model, x = Handing(how), input_of(present)
    model(x)
    randomise(model)
    start = None if how == "riding" else [np.repeat(1 + x[:, k, :1], N_UNITS, axis=1) for k in (2, 3)]
    seen = None if how == "riding, with states" else present
    states = recurrent_states(model, x, "lstm")
    assert_equal(arrays_of(states), by_hand(model.lstm, x, seen, start))
    assert states.absent.any() == (seen is not None)


# ------------------------------------------------------------------------------------------------ wherever the layer is


def test_layers_of_nested_models():
    """Named by their path; the same name outside is another layer."""
    encoder = keras.Sequential(
        [keras.Input((N_TIMESTEPS, N_CHANNELS)), L.GRU(4, return_sequences=True, name="rnn")], name="encoder"
    )
    x = keras.Input((N_TIMESTEPS, N_CHANNELS))
    outside = L.LSTM(N_UNITS, name="rnn")
    model = randomise(keras.Model(x, outside(encoder(x))))
    values = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    inner = by_hand(encoder.get_layer("rnn"), values)
    assert_equal(arrays_of(recurrent_states(model, values, "encoder/rnn")), inner)
    assert_equal(arrays_of(recurrent_states(model, values, "rnn")), by_hand(outside, inner["h"]))


def test_each_call_of_a_shared_layer():
    shared = L.GRU(N_CHANNELS, return_sequences=True, name="shared")
    x = keras.Input((N_TIMESTEPS, N_CHANNELS))
    model = randomise(keras.Model(x, shared(shared(x))))
    values = series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    once = by_hand(shared, values)
    assert_equal(arrays_of(recurrent_states(model, values, "shared")), once)
    assert_equal(arrays_of(recurrent_states(model, values, "shared#2")), by_hand(shared, once["h"]))


class Undecided(keras.Model):
    """Python that depends on the data cannot be compiled."""

    def __init__(self):
        super().__init__()
        self.up, self.down = L.LSTM(N_UNITS, name="up"), L.GRU(N_UNITS, name="down")
        self.start = np.full((N_SAMPLES, N_UNITS), 0.5, "float32")

    def build(self, shape):
        self.up.build(shape)
        self.down.build(shape)

    def call(self, x):
        if float(keras.ops.mean(x)) < 0:
            return self.down(x)
        return self.up(x, initial_state=[self.start, self.start])


def test_a_model_that_cannot_be_compiled():
    model, x = Undecided(), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    model(x)
    randomise(model)
    probe = Probe(model, np.abs(x))
    assert probe.eager_because
    states = recurrent_states(probe, np.abs(x), "up")
    assert_equal(arrays_of(states), by_hand(model.up, np.abs(x), start=[model.start, model.start]))
    assert model.start.flags.writeable
    probe.observe(-np.abs(x))
    assert_equal(arrays_of(recurrent_states(probe, -np.abs(x), "down")), by_hand(model.down, -np.abs(x)))
    with pytest.raises(ValueError, match="passes it by"):
        recurrent_states(probe, -np.abs(x), "up")


def test_whole_numbers_through_an_embedding():
    """The mask is the Embedding's."""
    found = case("embedding")
    layer = found.model.get_layer("lstm")
    states = recurrent_states(found.model, found.x, "lstm")
    embedded = np.asarray(found.model.get_layer("embedding")(found.x))
    assert_equal(arrays_of(states), by_hand(layer, embedded, found.x != 0))


def test_an_lstm_of_usual_size_and_length():
    model = keras.Sequential([keras.Input((None, 12)), L.LSTM(100, name="lstm")])
    x = series(2, 300, 12)
    states = recurrent_states(model, x, "lstm")
    weights = [np.asarray(weight) for weight in model.get_layer("lstm").weights]
    np.testing.assert_allclose(states.h[1], reference.lstm(x[1], *weights), atol=2e-6)
    assert states.h.shape == (2, 300, 100)


POLICIES = {"mixed_float16": 5e-3, "mixed_bfloat16": 4e-2, "float64": 2e-6}
OTHERS = [(kind, *policy) for kind in (L.LSTM, L.GRU, L.SimpleRNN) for policy in POLICIES.items()]


@pytest.mark.parametrize("kind, policy, tolerance", in_gate(OTHERS, OTHERS[0], OTHERS[4], OTHERS[8]))
def test_layers_of_another_precision(kind, policy, tolerance):
    """The answer of a twin in float32, which the layer's own differs from by its rounding."""
    layer = kind(N_UNITS, dtype=policy, return_sequences=True)
    model, twin = model_of(layer), kind(N_UNITS, return_sequences=True)
    model_of(twin)
    twin.set_weights([np.asarray(weight) for weight in layer.weights])
    x = np.round(8 * series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)) / 8  # the same numbers in any precision
    states = recurrent_states(model, x, layer.name)
    assert_equal(arrays_of(states), by_hand(twin, x))
    own = np.asarray(layer(x)).astype("float32")
    assert np.abs(own - states.h).max() < tolerance
    assert np.abs(own - states.h).max() > 1e-4 or policy == "float64"


HALVES = {
    "the cell": lambda: L.RNN(L.GRUCell(N_UNITS, dtype="mixed_float16"), name="layer"),
    "all but the cell": lambda: L.RNN(L.GRUCell(N_UNITS), dtype="mixed_float16", name="layer"),
    "the directions": lambda: L.Bidirectional(L.RNN(L.GRUCell(N_UNITS), dtype="mixed_float16"), name="layer"),
    "all but the directions": lambda: L.Bidirectional(L.GRU(N_UNITS), dtype="mixed_float16", name="layer"),
}


@pytest.mark.parametrize("what", HALVES)
def test_layers_of_which_only_a_part_computes_in_half_precision(what, monkeypatch):
    """Their rounding is allowed for, and is there."""
    model = model_of(HALVES[what]())
    states = recurrent_states(model, series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS), "layer")
    assert getattr(states, "forward", states).h.dtype == np.float32
    monkeypatch.setattr(recurrent_check, "ROUNDED", {})
    with pytest.raises(RuntimeError, match=WRONG):
        recurrent_states(model, series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS), "layer")


def test_states_that_grow_beyond_all_numbers_are_returned_without_a_warning():
    layer = L.SimpleRNN(N_UNITS, activation="relu", return_sequences=True)
    model = model_of(layer, n_timesteps=80)
    layer.set_weights([np.full(weight.shape, 2, "float32") for weight in layer.weights])
    x = np.ones((1, 80, N_CHANNELS), "float32")
    states = recurrent_states(model, x, layer.name)
    assert np.isinf(states.h).any() and np.isfinite(states.h).any()
    np.testing.assert_array_equal(states.h, layer(x))


def test_what_is_missing_in_a_series_is_missing_from_there_on():
    layer = L.GRU(N_UNITS, return_sequences=True, name="gru")
    model, x = model_of(layer), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    x[1, 3, 0] = np.nan
    states = recurrent_states(model, x, "gru")
    assert np.isnan(states.h[1, 3:]).all() and np.isfinite(states.h).sum() == states.h.size - 4 * N_UNITS
    assert not states.absent.any()


# ----------------------------------------------------------------------------------------------- nothing is left behind


UNCHANGED = ("masked_lstm", "bidirectional", "stateful", "encoder_decoder", "masked_subclassed")


@pytest.mark.parametrize("name", in_gate(UNCHANGED, "masked_lstm", "stateful"))
def test_model_is_unchanged(name):
    found = CASES[name]()
    found.model(found.x)
    layers = list(found.model._flatten_layers())
    weights = [np.asarray(weight) for weight in found.model.weights]
    attributes = [set(vars(layer)) for layer in layers]
    x = np.array(found.x)
    for tap in Probe(found.model, found.x).taps:
        if tap.family == "recurrent":
            recurrent_states(found.model, found.x, tap.name)
    assert [set(vars(layer)) for layer in layers] == attributes
    for weight, value in zip(found.model.weights, weights, strict=True):
        np.testing.assert_array_equal(weight, value)
    np.testing.assert_array_equal(found.x, x)
    assert found.x.flags.writeable


def test_new_weights_are_seen_at_once():
    layer = L.GRU(N_UNITS, name="gru")
    model, x = model_of(layer), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    before = recurrent_states(model, x, "gru")
    randomise(model, seed=1)
    after = recurrent_states(model, x, "gru")
    assert np.abs(after.h - before.h).max() > 0.01
    assert_equal(arrays_of(after), by_hand(layer, x))


class Counting(L.LSTM):
    """Counts how often its Python runs, and calls its input by another name."""

    count = 0

    def build(self, inputs_shape):
        super().build(inputs_shape)

    def compute_output_shape(self, inputs_shape):
        return super().compute_output_shape(inputs_shape)

    def call(self, inputs, mask=None, training=False):
        self.count += 1
        return super().call(inputs, mask=mask, training=training)


def test_the_model_is_traced_once():
    layer = Counting(N_UNITS, name="lstm")
    model, x = model_of(layer), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    recurrent_states(model, x, "lstm")
    count = layer.count
    states = recurrent_states(model, x + 1, "lstm")
    assert layer.count == count > 0
    assert_equal(arrays_of(states), by_hand(layer, x + 1))


# ------------------------------------------------------------------------------------------------------ what is refused


def test_unknown_names_and_layers_that_are_not_recurrent():
    found = case("masked_lstm")
    with pytest.raises(ValueError, match=r"Expected the name of a layer; got 'lstm_1'\. .*'lstm1'"):
        recurrent_states(found.model, found.x, "lstm_1")
    expected = r"Expected a recurrent layer; got 'head', which is none\. This model has: 'lstm1', 'lstm2'\."
    with pytest.raises(ValueError, match=expected):
        recurrent_states(found.model, found.x, "head")
    found = case("sequential")
    with pytest.raises(ValueError, match=r"got 'conv1', which is none\. This model has none\."):
        recurrent_states(found.model, found.x, "conv1")
    with pytest.raises(TypeError, match="Expected a Keras 3 model"):
        recurrent_states("model", found.x, "conv1")


def test_one_series_without_the_sample_axis():
    found = case("gru")
    with pytest.raises(ValueError, match=r"\(n_samples, 12, 3\)"):
        recurrent_states(found.model, found.x[0], "gru1")


class Overriding(L.LSTMCell):
    """An LSTM in name only: the forget gate is never used."""

    def call(self, inputs, states, training=False):
        return super().call(inputs, [states[0], tf.zeros_like(states[1])], training=training)


class Renamed(L.GRUCell):
    """Keras' cell in all but name."""


@pytest.mark.parametrize(
    "cell, got",
    [
        (L.StackedRNNCells([L.GRUCell(2), L.GRUCell(3)]), "a layer of class RNN that runs a StackedRNNCells"),
        (Overriding(4), "a layer of class RNN that runs a Overriding with a `call` of its own"),
    ],
)
def test_other_cells_are_refused(cell, got):
    model, x = model_of(L.RNN(cell, name="odd")), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    expected = "Expected a layer that runs Keras' LSTMCell, GRUCell or SimpleRNNCell; got 'odd', " + got + "."
    with pytest.raises(ValueError) as error:
        recurrent_states(model, x, "odd")
    assert str(error.value).startswith(expected)
    assert str(error.value).endswith("what happens inside it is not known.")
    with pytest.raises(ValueError, match="Keras' LSTMCell"):
        scan(model.get_layer("odd"), x)


def test_convolutional_cells_are_refused():
    found = case("conv_lstm1d")
    with pytest.raises(ValueError, match="'steps', a layer of class ConvLSTM1D that runs a ConvLSTMCell"):
        recurrent_states(found.model, found.x, "steps")


def test_directions_with_other_cells_are_refused():
    layer = L.Bidirectional(L.RNN(L.StackedRNNCells([L.GRUCell(2), L.GRUCell(3)]), name="stack"), name="both")
    with pytest.raises(ValueError, match="got 'forward_stack', a layer of class RNN that runs a StackedRNNCells"):
        recurrent_states(model_of(layer), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS), "both")


def test_a_cell_whose_call_was_replaced_is_refused():
    layer = L.LSTM(N_UNITS, name="lstm")
    model, x = model_of(layer), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    recurrent_states(model, x, "lstm")
    layer.cell.call = lambda inputs, states, training=False: (states[0], states)
    with pytest.raises(ValueError, match="a LSTMCell with a `call` of its own"):
        recurrent_states(model, x, "lstm")


def test_a_cell_that_only_has_another_name_is_not_refused():
    layer = L.RNN(Renamed(N_UNITS), name="gru")
    model, x = model_of(layer), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    assert_equal(arrays_of(recurrent_states(model, x, "gru")), by_hand(layer, x))


# ---------------------------------------------------------------------------------- states that the layer does not have

WRONG = (
    r"Expected states that lead to what '\w+' returned; got others\. .* no states are returned, as they would be wrong"
)


def wrong_by(monkeypatch, name, difference, n_samples=1):
    """From here on the state `name` is off by so much, in the first samples."""

    def off(layer, *args):
        found = scan(layer, *args)
        found[name] = found[name].copy()
        found[name][:n_samples] += difference
        return found

    monkeypatch.setattr(recurrent, "scan", off)


CHECKED = {
    "last h": ("h", lambda: L.LSTM(N_UNITS, name="layer")),
    "all h": ("h", lambda: L.GRU(N_UNITS, return_sequences=True, go_backwards=True, name="layer")),
    "last h of two": ("h", lambda: L.RNN(L.LSTMCell(N_UNITS), return_state=True, name="layer")),
    "last c": ("c", lambda: L.LSTM(N_UNITS, return_state=True, go_backwards=True, name="layer")),
    "h of both directions": ("h", lambda: L.Bidirectional(L.GRU(N_UNITS), name="layer")),
    "all h of both directions": ("h", lambda: L.Bidirectional(L.LSTM(N_UNITS, return_sequences=True), name="layer")),
    "c of both directions": ("c", lambda: L.Bidirectional(L.LSTM(N_UNITS, return_state=True), name="layer")),
}


@pytest.mark.parametrize(
    "what, masking",
    in_gate(
        [(what, masking) for what in CHECKED for masking in (False, True)],
        ("last h", False),
        ("all h", True),
        ("last h of two", True),
        ("last c", False),
        ("h of both directions", True),
        ("c of both directions", False),
    ),
)
def test_wrong_states_are_not_returned(what, masking, monkeypatch):
    """An error of 3e-5 is one, an error of 3e-6 is rounding."""
    name, make = CHECKED[what]
    present = presence("everywhere") if masking else None
    model, x = model_of(make(), masking=masking), input_of(present)
    wrong_by(monkeypatch, name, 3e-6)
    recurrent_states(model, x, "layer")
    wrong_by(monkeypatch, name, 3e-5)
    with pytest.raises(RuntimeError, match=WRONG):
        recurrent_states(model, x, "layer")


def test_wrong_states_in_between_are_found_where_the_layer_returns_them(monkeypatch):
    model, x = model_of(L.LSTM(N_UNITS, return_sequences=True, name="layer")), input_of(None)

    def off(layer, *args):
        found = scan(layer, *args)
        found["h"][-1, 2, 1] += 1e-3
        return found

    monkeypatch.setattr(recurrent, "scan", off)
    with pytest.raises(RuntimeError, match=WRONG):
        recurrent_states(model, x, "layer")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_states_that_are_no_numbers_are_wrong(wrong, monkeypatch):
    model, x = model_of(L.GRU(N_UNITS, name="layer")), input_of(None)
    wrong_by(monkeypatch, "h", wrong)
    with pytest.raises(RuntimeError, match=WRONG):
        recurrent_states(model, x, "layer")


@pytest.mark.parametrize("policy, allowed", [("mixed_float16", 5e-3), ("mixed_bfloat16", 4e-2)])
def test_half_precision_is_checked_to_its_rounding(policy, allowed, monkeypatch):
    model, x = model_of(L.RNN(L.GRUCell(N_UNITS, dtype=policy), name="layer")), input_of(None)
    wrong_by(monkeypatch, "h", 4 * allowed)
    with pytest.raises(RuntimeError, match=WRONG):
        recurrent_states(model, x, "layer")


def test_a_gpu_is_checked_to_its_rounding(monkeypatch):
    """Unless it was told to multiply with all bits."""
    model, x = model_of(L.LSTM(N_UNITS, name="layer")), input_of(None)
    recurrent_states(model, x, "layer")
    wrong_by(monkeypatch, "h", 1e-3)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind])
    recurrent_states(model, x, "layer")
    monkeypatch.setattr(tf.config.experimental, "tensor_float_32_execution_enabled", lambda: False)
    with pytest.raises(RuntimeError, match=WRONG):
        recurrent_states(model, x, "layer")


class Doubling(L.LSTM):
    """Its cell is Keras', the layer is not."""

    def call(self, sequences, initial_state=None, mask=None, training=False):
        return super().call(2 * sequences, initial_state=initial_state, mask=mask, training=training)


class Chatty(L.LSTM):
    """Returns more than a layer of Keras' does."""

    def call(self, sequences, initial_state=None, mask=None, training=False):
        h = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        return h, 2 * h

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        return 2 * [super().compute_output_shape(sequences_shape)]


@pytest.mark.parametrize("kind", [Doubling, Chatty])
def test_layers_that_do_something_of_their_own_are_found_out(kind):
    x = keras.Input((N_TIMESTEPS, N_CHANNELS))
    model = randomise(keras.Model(x, kind(N_UNITS, name="lstm")(x)))
    with pytest.raises(RuntimeError, match=WRONG):
        recurrent_states(model, series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS), "lstm")


class AlwaysDropping(keras.Model):
    """Uses dropout in inference, too."""

    def __init__(self):
        super().__init__()
        self.lstm = L.LSTM(N_UNITS, dropout=0.5, seed=0, name="lstm")

    def call(self, x):
        return self.lstm(x, training=True)


def test_dropout_in_inference_is_found_out():
    model, x = AlwaysDropping(), series(N_SAMPLES, N_TIMESTEPS, N_CHANNELS)
    model(x)
    with pytest.raises(RuntimeError, match=WRONG):
        recurrent_states(model, x, "lstm")
