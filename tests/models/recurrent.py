"""Recurrent layers and the states that they hand on."""

import keras
from keras import layers as L

from tests.models.build import Calls, Case, arrays, one_by_one, randomise, series, views


def conv_lstm(seed=0):
    layers = [
        L.Conv1D(4, 8, padding="same", activation="relu", name="conv"),
        L.LSTM(5, return_sequences=True, name="lstm"),
        L.Dense(1, activation="sigmoid", name="per_step"),
    ]
    model = randomise(keras.Sequential([keras.Input((None, 3)), *layers], name="labeller"), seed)
    return Case(model, series(2, 15, 3, seed), one_by_one(model))


def gru(seed=0):
    layers = [
        L.GRU(5, return_sequences=True, name="gru1"),
        L.GRU(4, reset_after=False, return_sequences=True, go_backwards=True, name="gru2"),
        L.SimpleRNN(3, name="rnn"),
    ]
    model = randomise(keras.Sequential([keras.Input((12, 3)), *layers], name="gru"), seed)
    return Case(model, series(2, 12, 3, seed), one_by_one(model))


def bidirectional(seed=0):
    layers = [
        L.Bidirectional(L.LSTM(3, return_sequences=True, name="cell"), name="both"),
        L.Bidirectional(L.GRU(2), name="last"),
    ]
    model = randomise(keras.Sequential([keras.Input((10, 2)), *layers], name="bidirectional"), seed)

    def expected(x):
        """Each direction is a layer too; the backward one answers in the order in which it reads."""
        call = Calls()
        for layer in layers:
            for direction in (layer.forward_layer, layer.backward_layer):
                call(direction, x, name=f"{layer.name}/{direction.name}")
            x = call(layer, x)
        return arrays(call)

    return Case(model, series(2, 10, 2, seed), expected)


def returned_states(seed=0):
    """Each kind of recurrence with its steps and its last states."""
    x = keras.Input((9, 3))
    h, _ = L.SimpleRNN(4, return_sequences=True, return_state=True, name="rnn")(x)
    h, _ = L.GRU(3, return_sequences=True, return_state=True, go_backwards=True, name="gru")(h)
    h, _, c = L.LSTM(4, return_sequences=True, return_state=True, name="lstm")(h)
    outputs = [L.Dense(1, name="steps")(h), L.Dense(2, activation="tanh", name="from_state")(c)]
    model = randomise(keras.Model(x, outputs, name="returned_states"), seed)
    return Case(model, series(2, 9, 3, seed), views(model))


def unrolled(seed=0):
    """Without a loop: every step of the cell is a node of the graph."""
    layers = [
        L.LSTM(4, return_sequences=True, unroll=True, name="lstm"),
        L.GRU(3, return_sequences=True, go_backwards=True, unroll=True, name="gru"),
        L.SimpleRNN(3, activation="relu", unroll=True, name="rnn"),
    ]
    model = randomise(keras.Sequential([keras.Input((5, 2)), *layers], name="unrolled"), seed)
    return Case(model, series(2, 5, 2, seed), one_by_one(model))


def stateful(seed=0):
    """A fixed batch of two, with the states that a batch before has left."""
    lstm = L.LSTM(4, return_sequences=True, stateful=True, name="lstm")
    head = L.Dense(2, activation="tanh", name="head")
    model = randomise(keras.Sequential([keras.Input(batch_shape=(2, 8, 3)), lstm, head], name="stateful"), seed)
    model(series(2, 8, 3, seed + 1))

    def expected(x):
        """The oracle leaves the states as they were, too."""
        before = [state.numpy() for state in lstm.states]
        found = one_by_one(model)(x)
        for state, value in zip(lstm.states, before, strict=True):
            state.assign(value)
        return found

    return Case(model, series(2, 8, 3, seed), expected)


def conv_lstm1d(seed=0):
    layers = [
        L.Reshape((4, 5, 3), name="windows"),
        L.ConvLSTM1D(3, 3, return_sequences=True, name="steps"),
        L.ConvLSTM1D(2, 2, padding="same", name="last"),
        L.Flatten(name="flat"),
    ]
    model = randomise(keras.Sequential([keras.Input((20, 3)), *layers], name="conv_lstm1d"), seed)
    return Case(model, series(2, 20, 3, seed), one_by_one(model))


def stacked_cells(seed=0):
    """Several cells in one layer: what a cell returns at one step is nobody's tap."""
    cells = [L.GRUCell(4, name="lower"), L.LSTMCell(3, name="upper")]
    layers = [
        L.RNN(L.StackedRNNCells(cells, name="stack"), return_sequences=True, name="stacked"),
        L.RNN(L.SimpleRNNCell(2, name="cell"), name="last"),
    ]
    model = randomise(keras.Sequential([keras.Input((8, 3)), *layers], name="stacked_cells"), seed)
    return Case(model, series(2, 8, 3, seed), one_by_one(model))


def encoder_decoder(seed=0):
    """The decoder begins with the encoder's states."""
    x = keras.Input((10, 3))
    h, last, memory = L.LSTM(4, return_state=True, name="encoder")(x)
    again = L.RepeatVector(6, name="again")(h)
    decoded = L.LSTM(4, return_sequences=True, name="decoder")(again, initial_state=[last, memory])
    forecast = L.TimeDistributed(L.Dense(2, name="inner"), name="forecast")(decoded)
    model = randomise(keras.Model(x, forecast, name="encoder_decoder"), seed)
    return Case(model, series(2, 10, 3, seed), views(model))


BUILDERS = (
    conv_lstm,
    gru,
    bidirectional,
    returned_states,
    unrolled,
    stateful,
    conv_lstm1d,
    stacked_cells,
    encoder_decoder,
)
