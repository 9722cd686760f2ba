"""One step of a layer by hand: every number by NumPy, and the last of them what the layer itself returned."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import CASES, case, randomise, sampled, series
from tests.reference import sigmoid, window_members
from tswidgets.analysis.layer_step import followed, layer_steps
from tswidgets.probe import as_probe

THREE_PARTS = re.compile(r"^Expected .+; got .+\. .+[.?]$", re.DOTALL)
KEYS = {"sigmoid": sigmoid, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "linear": lambda z: z}


def model_of(*layers: Any, shape: tuple[int | None, int] = (12, 3), seed: int = 0) -> keras.Model:
    return randomise(keras.Sequential([keras.Input(shape), *layers]), seed)


def close(found: Any, expected: Any, atol: float = 1e-5) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


# ---------------------------------------------------------------------------------------------------------- convolution


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize(("size", "stride", "dilation"), [(4, 1, 1), (3, 2, 1), (3, 1, 3), (5, 4, 1)])
def test_a_convolution_by_hand(padding: str, size: int, stride: int, dilation: int) -> None:
    conv = L.Conv1D(
        4, size, strides=stride, dilation_rate=dilation, padding=padding, activation="tanh", groups=1, name="conv"
    )
    model, x = model_of(conv, shape=(13, 3)), series(1, 13, 3)[0]
    kernel, bias = (np.asarray(weight) for weight in conv.weights)
    own = np.asarray(conv(x[None]))[0]
    members = window_members(13, size, stride, dilation, padding)
    assert len(members) == len(own)
    for t, member in enumerate(members):
        found = tsw.layer_step(model, x, "conv", t, filter=2)
        assert isinstance(found, tsw.ConvolutionStep)
        steps = np.full(size, -1)
        window = np.zeros((size, 3))
        for q, i in member:
            steps[q], window[q] = i, x[i]
        np.testing.assert_array_equal(found.steps, steps)
        np.testing.assert_array_equal(found.padding, steps < 0)
        np.testing.assert_array_equal(found.window, window.astype("float32"))
        np.testing.assert_array_equal(found.kernel, kernel[:, :, 2])
        close(found.products, window * kernel[:, :, 2])
        close(found.sum, (window * kernel[:, :, 2]).sum())
        assert found.bias == bias[2] and found.function == "tanh"
        close(found.pre_activation, found.sum + bias[2])
        close(np.tanh(found.pre_activation), found.activation)
        assert found.activation == own[t, 2] or np.isclose(found.activation, own[t, 2], rtol=0, atol=1e-6)
        assert not found.masked.any() and not found.absent


def test_groups_read_the_channels_of_their_own() -> None:
    conv = L.Conv1D(6, 3, groups=3, use_bias=False, name="conv")
    model, x = model_of(conv, shape=(9, 6)), series(1, 9, 6)[0]
    kernel = np.asarray(conv.kernel)
    found = tsw.layer_step(model, x, "conv", 4, filter=3)
    np.testing.assert_array_equal(found.channels, [2, 3])
    np.testing.assert_array_equal(found.window, x[4:7, 2:4])
    assert found.bias is None and found.function == "linear"
    close(found.activation, (x[4:7, 2:4] * kernel[:, :, 3]).sum())


def test_a_depthwise_filter_reads_one_channel() -> None:
    conv = L.DepthwiseConv1D(3, depth_multiplier=2, padding="same", activation="relu", name="conv")
    model, x = model_of(conv, shape=(9, 3)), series(1, 9, 3)[0]
    kernel, bias = (np.asarray(weight) for weight in conv.weights)  # (size, n_channels, depth_multiplier)
    for channel in range(3):
        for i in range(2):
            found = tsw.layer_step(model, x, "conv", 5, filter=2 * channel + i)
            np.testing.assert_array_equal(found.channels, [channel])
            by_hand = x[4:7, channel] @ kernel[:, channel, i] + bias[2 * channel + i]
            close(found.activation, max(by_hand, 0))
            close(found.pre_activation, by_hand)


def test_a_separable_convolution_as_one() -> None:
    conv = L.SeparableConv1D(4, 3, depth_multiplier=2, dilation_rate=2, name="conv")
    model, x = model_of(conv, shape=(11, 3)), series(1, 11, 3)[0]
    depthwise, pointwise, bias = (np.asarray(weight, np.float64) for weight in conv.weights)
    found = tsw.layer_step(model, x, "conv", 2, filter=1)
    np.testing.assert_array_equal(found.steps, [2, 4, 6])
    between = np.array([x[[2, 4, 6], c] @ depthwise[:, c, m] for c in range(3) for m in range(2)])
    close(found.activation, between @ pointwise[0, :, 1] + bias[1])
    close(found.sum, between @ pointwise[0, :, 1])


@pytest.mark.parametrize(
    ("padding", "stride", "size"), [("valid", 2, 3), ("same", 3, 4), ("same", 1, 3), ("same", 3, 2)]
)
def test_a_transposed_convolution(padding: str, stride: int, size: int) -> None:
    conv = L.Conv1DTranspose(2, size, strides=stride, padding=padding, name="conv")
    model, x = model_of(conv, shape=(5, 3)), series(1, 5, 3)[0]
    kernel = np.asarray(conv.kernel)  # (size, n_filters, n_channels)
    own = np.asarray(conv(x[None]))[0]
    full = np.zeros(((5 - 1) * stride + size, 2))
    for i in range(5):
        for q in range(size):
            full[i * stride + q] += kernel[q] @ x[i]
    before = max(size - stride, 0) // 2 if padding == "same" else 0
    for t in range(len(own)):
        found = tsw.layer_step(model, x, "conv", t, filter=1)
        there = ~found.padding
        close(found.sum, full[t + before, 1] if t + before < len(full) else 0.0)
        close(found.activation, own[t, 1])
        np.testing.assert_array_equal(found.window[there], x[found.steps[there]])
        assert (found.window[found.padding] == 0).all()


def test_any_callable_as_activation_and_the_numbers_before_it() -> None:
    """A softmax over all filters is not what one filter alone would give."""
    conv = L.Conv1D(4, 3, activation=lambda z: keras.ops.softmax(z, axis=-1), name="a b <c>")
    model, x = model_of(conv), series(1, 12, 3)[0]
    found = tsw.layer_step(model, x, "a b <c>", 3, filter=1)
    weights = [np.asarray(weight) for weight in conv.weights]
    z = np.einsum("kc,kcf->f", x[3:6], weights[0]) + weights[1]
    close(found.pre_activation, z[1])
    close(found.activation, np.exp(z[1]) / np.exp(z).sum())
    before = tsw.layer_step(model, x, "a b <c>:pre-activation", 3, filter=1)
    close([before.activation, before.pre_activation], [z[1]] * 2)
    assert before.function == "linear"


def test_the_second_call_of_a_shared_layer_reads_what_the_first_returned() -> None:
    found = case("shared")
    x = found.x[0]
    once = found.expected(found.x)["shared"][0]
    step = tsw.layer_step(found.model, x, "shared#2", 5, filter=2)
    close(step.window, once[4:7])
    close(step.activation, found.expected(found.x)["shared#2"][0, 5, 2])
    np.testing.assert_array_equal(tsw.layer_step(found.model, x, "shared", 5, filter=2).window, x[4:7])


def test_what_comes_between_layers_in_code_of_the_users_own_is_read() -> None:
    found = case("plain_tensors")
    x = found.x[0]
    expected = found.expected(found.x)
    step = tsw.layer_step(found.model, x, "mix", 6, filter=0)
    close(step.window[0], x[6] + expected["conv"][0, 6])


def test_steps_that_the_model_masks_are_told() -> None:
    found = case("masked_conv")  # series of 12, 9 and 6 steps of 14
    x = found.x[1]
    step = tsw.layer_step(found.model, x, "conv", 8, filter=0)
    np.testing.assert_array_equal(step.masked, [False, False, True])
    np.testing.assert_array_equal(step.window[2], np.zeros(3))
    assert not step.absent
    step = tsw.layer_step(found.model, x, "conv", 13, filter=0)
    assert step.absent
    np.testing.assert_array_equal(step.padding, [False, False, True])
    np.testing.assert_array_equal(step.masked, [True, True, False])


def test_what_is_not_a_number_stays_so() -> None:
    model, x = model_of(L.Conv1D(2, 3, name="conv"), L.MaxPooling1D(2, name="pool")), series(1, 12, 3)[0]
    x[4, 1], x[9, 0] = np.nan, np.inf
    found = tsw.layer_step(model, x, "conv", 3)
    assert np.isnan(found.products[1, 1]) and np.isnan(found.sum) and np.isnan(found.activation)
    assert np.isfinite(tsw.layer_step(model, x, "conv", 0).activation)
    assert not np.isfinite(tsw.layer_step(model, x, "conv", 8).activation)
    assert tsw.layer_step(model, x, "pool", 1).winner is None


def test_one_step_one_channel_one_weight() -> None:
    model = model_of(L.Conv1D(1, 1, name="conv"), shape=(1, 1))
    found = tsw.layer_step(model, np.array([[2.0]]), "conv")
    weight, bias = (float(np.asarray(one).ravel()[0]) for one in model.weights)
    close(found.activation, 2 * weight + bias)


def test_a_trained_layer_of_thirty_by_many() -> None:
    """Sums of thousands of products, in another order than the layer's, are the layer's own number."""
    model = model_of(L.Conv1D(8, 30, activation="relu", name="conv"), shape=(64, 128))
    x = 100 * series(1, 64, 128)[0]
    conv = model.get_layer("conv")
    found = tsw.layer_step(model, x, "conv", 7, filter=5)
    exact = (x[7:37].astype(np.float64) * np.asarray(conv.kernel, np.float64)[:, :, 5]).sum()
    assert np.isclose(found.sum, exact, rtol=1e-5)
    assert found.products.shape == (30, 128)


# -------------------------------------------------------------------------------------------------------------- pooling


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (2, 3), (4, 2)])
@pytest.mark.parametrize("how", ["max", "average"])
def test_pooling_by_hand(how: str, padding: str, size: int, stride: int) -> None:
    kind = L.MaxPooling1D if how == "max" else L.AveragePooling1D
    model, x = model_of(kind(size, stride, padding=padding, name="pool")), series(1, 12, 3)[0]
    own = np.asarray(model(x[None]))[0]
    for t, member in enumerate(window_members(12, size, stride, 1, padding)):
        found = tsw.layer_step(model, x, "pool", t, filter=1)
        assert isinstance(found, tsw.PoolingStep) and found.how == how
        values = np.array([x[i, 1] for _, i in member])
        np.testing.assert_array_equal(found.window[found.counts], values)
        assert found.count == len(member) and np.isnan(found.window[~found.counts]).all()
        close(found.activation, values.max() if how == "max" else values.mean())
        close(found.activation, own[t, 1], atol=1e-6)
        close(found.sum, values.sum())
        assert found.winner == (member[int(values.argmax())][1] if how == "max" else None)


def test_global_pooling_leaves_out_padding_where_the_layer_does() -> None:
    masking = keras.Sequential(
        [keras.Input((14, 3)), L.Masking(name="masking"), L.GlobalAveragePooling1D(name="mean")], name="masked_mean"
    )
    x = series(1, 14, 3)[0]
    x[9:] = 0
    found = tsw.layer_step(masking, x, "mean", filter=2)
    assert found.count == 9 and not found.counts[9:].any() and len(found.steps) == 14
    close(found.activation, x[:9, 2].mean())
    model = model_of(L.GlobalMaxPooling1D(name="max"), shape=(14, 3))
    found = tsw.layer_step(model, x - 5, "max", filter=2)
    assert found.winner == int(x[:, 2].argmax()) and found.count == 14
    close(found.activation, (x - 5)[:, 2].max())


# ----------------------------------------------------------------------------------------------------------- recurrence


def gates_by_hand(layer: Any, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """What goes into the gates of all units, in the order of the weights; not of a GRU."""
    kernel, recurrent, bias = (np.asarray(weight, np.float64) for weight in layer.weights)
    return x @ kernel + h @ recurrent + bias


def test_a_step_of_an_lstm_by_hand() -> None:
    lstm = L.LSTM(4, name="lstm")
    model, x = model_of(lstm, shape=(6, 3)), series(1, 6, 3)[0]
    h = c = np.zeros(4)
    for t in range(6):
        parts = gates_by_hand(lstm, x[t], h).reshape(4, 4)
        for unit in (0, 3):
            found = tsw.layer_step(model, x, "lstm", t, filter=unit)
            assert isinstance(found, tsw.RecurrentStep) and list(found.gates) == ["i", "f", "g", "o"]
            close(found.h_before, h)
            close(found.c_before, c[unit])
            np.testing.assert_array_equal(found.x, x[t])
            close([gate.sum for gate in found.gates.values()], parts[:, unit])
            for name, gate in found.gates.items():
                assert gate.function == ("tanh" if name == "g" else "sigmoid")
                close(KEYS[gate.function](gate.sum), gate.value)
                close(gate.input_products.sum(), gate.input)
                close(gate.recurrent_products.sum(), gate.recurrent)
                close(gate.input + gate.recurrent + gate.bias, gate.sum)
            i, f, g, o = (gate.value for gate in found.gates.values())
            close(found.c, f * c[unit] + i * g)
            close(found.h, o * np.tanh(found.c))
            assert found.activation == found.h and found.function == "tanh" and found.direction == ""
        i, f, o = sigmoid(parts[0]), sigmoid(parts[1]), sigmoid(parts[3])
        c = f * c + i * np.tanh(parts[2])
        h = o * np.tanh(c)
    close(h, np.asarray(model(x[None]))[0])


@pytest.mark.parametrize("reset_after", [True, False])
def test_a_step_of_a_gru_by_hand(reset_after: bool) -> None:
    gru = L.GRU(4, reset_after=reset_after, return_sequences=True, name="gru")
    model, x = model_of(gru, shape=(5, 3)), series(1, 5, 3)[0]
    own = np.asarray(model(x[None]))[0]
    for t in (0, 3):
        before = own[t - 1] if t else np.zeros(4)
        found = tsw.layer_step(model, x, "gru", t, filter=2)
        assert list(found.gates) == ["z", "r", "candidate"] and found.c is None and found.c_before is None
        kernel, recurrent = np.asarray(gru.weights[0], np.float64), np.asarray(gru.weights[1], np.float64)
        biases = np.asarray(gru.weights[2], np.float64)
        given, kept = biases if reset_after else (biases, np.zeros(12))
        into = x[t] @ kernel + given + before @ recurrent + kept  # of the candidate not so
        z, r = sigmoid(into[:4]), sigmoid(into[4:8])
        close([found.gates["z"].value, found.gates["r"].value], [z[2], r[2]])
        column = 8 + 2
        remembered = (
            r[2] * (before @ recurrent[:, column] + kept[column])
            if reset_after
            else (r * before) @ recurrent[:, column]
        )
        candidate = found.gates["candidate"]
        close(candidate.sum, x[t] @ kernel[:, column] + given[column] + remembered)
        close(
            candidate.sum,
            candidate.input + candidate.bias + candidate.reset * (candidate.recurrent + candidate.recurrent_bias),
        )
        close(candidate.value, np.tanh(candidate.sum))
        close(found.h, z[2] * before[2] + (1 - z[2]) * candidate.value)
        close(found.h, own[t, 2])


def test_a_simple_rnn_that_reads_backwards() -> None:
    rnn = L.SimpleRNN(3, go_backwards=True, return_sequences=True, activation="relu", name="rnn")
    model, x = model_of(rnn, shape=(6, 2)), series(1, 6, 2)[0]
    own = np.asarray(model(x[None]))[0]
    found = tsw.layer_step(model, x, "rnn", 3, filter=1)
    assert found.input_step == 2  # its first step reads the last of the series
    close(found.h_before, own[2])
    close(found.gates["h"].sum, gates_by_hand(rnn, x[2], own[2])[1])
    close([found.h, own[3, 1]], max(found.gates["h"].sum, 0))
    close(tsw.layer_step(model, x, "rnn", 0, filter=1).h_before, np.zeros(3))
    last = model_of(L.SimpleRNN(3, go_backwards=True, name="rnn"), shape=(6, 2))
    close(tsw.layer_step(last, x, "rnn", 0, filter=1).h, np.asarray(last(x[None]))[0, 1])


def test_the_units_of_both_directions() -> None:
    both = L.Bidirectional(L.LSTM(3, return_sequences=True), name="both")
    model, x = model_of(both, shape=(6, 2)), series(1, 6, 2)[0]
    own = np.asarray(model(x[None]))[0]
    for filter, unit, direction, before in ((1, 1, "forward", 2), (4, 1, "backward", 4)):
        found = tsw.layer_step(model, x, "both", 3, filter=filter)
        assert (found.unit, found.direction) == (unit, direction)
        close(found.h, own[3, filter])
        close(found.h_before, own[before, :3] if direction == "forward" else own[before, 3:])
    added = model_of(L.Bidirectional(L.SimpleRNN(3), merge_mode="sum", name="both"), shape=(6, 2))
    ahead, back = (
        tsw.layer_step(added, x, "both", t, 1, direction=way).h for t, way in ((5, "forward"), (0, "backward"))
    )
    close(ahead + back, np.asarray(added(x[None]))[0, 1])


def test_a_masked_step_keeps_the_state_of_the_last_that_was_read() -> None:
    model = model_of(L.Masking(name="masking"), L.LSTM(4, name="lstm"), shape=(None, 3))
    x = series(1, 9, 3)[0]
    x[[3, 4, 8]] = 0
    states = tsw.recurrent_states(model, x[None], "lstm")
    found = tsw.layer_step(model, x, "lstm", 5, filter=1)
    close(found.h_before, states.h[0, 2])
    close(found.c_before, states.c[0, 2, 1])
    with pytest.raises(ValueError, match="step 8 of 'lstm', padding") as error:
        tsw.layer_step(model, x, "lstm", 8)
    assert THREE_PARTS.match(str(error.value))


def test_a_decoder_begins_with_the_states_of_its_encoder() -> None:
    found = case("encoder_decoder")
    states = tsw.recurrent_states(found.model, found.x[:1], "encoder")
    step = tsw.layer_step(found.model, found.x[0], "decoder", 0, filter=2)
    close(step.h_before, states.h[0, -1])
    close(step.c_before, states.c[0, -1, 2])


# --------------------------------------------------------------------------------------------------- all models, errors


@pytest.mark.parametrize("name", sampled(CASES, 12))
def test_every_layer_that_can_be_followed_arrives_at_its_own_number(name: str) -> None:
    found = case(name)
    one = keras.tree.map_structure(lambda array: array[:1], found.x)
    expected = found.expected(one if name != "stateful" else found.x)
    rng = np.random.default_rng(0)
    for layer in followed(as_probe(found.model, one)):
        steps = layer_steps(found.model, one, layer)
        own = expected[layer][0].reshape(-1, expected[layer].shape[-1])
        for _ in range(4):
            step, filter = int(rng.integers(steps.n_steps)), int(rng.integers(steps.n_filters))
            if steps.kind == "recurrent" and (len(own) == 1 or steps.absent[steps.reads(step)[0]]):
                continue
            value = steps.at(step, filter).activation
            size = max(np.abs(own).max(), 1e-3)
            np.testing.assert_allclose(value, own[step, filter], rtol=0, atol=max(found.tolerance, 1e-5) * size)


class Weighing(L.Conv1D):
    """Standardises its kernel before it uses it: the weights alone do not tell what it computes."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        return super().convolution_op(inputs, kernel - keras.ops.mean(kernel))

    def call(self, inputs: Any) -> Any:
        return self.convolution_op(inputs, self.kernel)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (L.Dense(2, name="one"), "of class Dense"),
        (L.TimeDistributed(L.Dense(2), name="one"), "of class TimeDistributed that runs one of class Dense at each"),
        (L.ReLU(name="one"), "of class ReLU"),
        (Weighing(2, 3, name="one"), "of class Weighing"),
        (L.RNN(L.StackedRNNCells([L.LSTMCell(2), L.GRUCell(2)]), name="one"), "of class RNN"),
    ],
)
def test_a_layer_that_cannot_be_followed_names_those_that_can(layer: Any, says: str) -> None:
    model = model_of(L.Conv1D(3, 2, activation="relu", name="conv"), layer)
    with pytest.raises(ValueError, match=re.escape(says)) as error:
        tsw.layer_step(model, series(1, 12, 3)[0], "one")
    assert THREE_PARTS.match(str(error.value))
    assert "This model has: 'conv'." in str(error.value) and "Conv1D" in str(error.value)


def test_a_layer_whose_numbers_are_others_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = model_of(L.Conv1D(3, 2, name="conv")), series(1, 12, 3)[0]
    steps = layer_steps(model, x, "conv")
    steps.output = steps.output + 0.01  # type: ignore[misc]
    with pytest.raises(RuntimeError, match="what 'conv' returned") as error:
        steps.at(3, 1)
    assert THREE_PARTS.match(str(error.value))


def test_wrong_arguments() -> None:
    model, x = model_of(L.Conv1D(3, 2, name="conv")), series(2, 12, 3)
    for arguments, kind in (
        ((x[0], "conf"), ValueError),
        ((x, "conv"), ValueError),
        ((x[0], "conv", 11), IndexError),
        ((x[0], "conv", 0, 3), IndexError),
        ((x[0], "conv", 0.5), TypeError),
        ((x[0, :, 0], "conv"), ValueError),
    ):
        with pytest.raises(kind) as error:
            tsw.layer_step(model, *arguments)  # type: ignore[arg-type]
        assert THREE_PARTS.match(str(error.value)), error.value
    assert tsw.layer_step(model, x[0], "conv", -1, -1).step == 10
    with pytest.raises(ValueError, match="direction"):
        tsw.layer_step(model, x[0], "conv", direction="sideways")


def test_nothing_is_changed() -> None:
    model, x = model_of(L.Conv1D(3, 2, name="conv"), L.LSTM(2, name="lstm")), series(1, 12, 3)[0]
    weights, kept = [np.asarray(weight).copy() for weight in model.weights], x.copy()
    found = tsw.layer_step(model, x, "conv", 3)
    found.window[:] = found.kernel[:] = 7  # a copy, and not the layer's
    tsw.layer_step(model, x, "lstm", 3)
    np.testing.assert_array_equal(x, kept)
    for weight, before in zip(model.weights, weights, strict=True):
        np.testing.assert_array_equal(np.asarray(weight), before)
