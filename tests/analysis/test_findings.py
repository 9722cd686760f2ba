"""What is wrong is found at the layer where it was planted and at no other, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import in_gate

N, T, C = 48, 24, 3


def data(scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(0).normal(size=(N, T, C))).astype("float32")


def again(model: keras.Model, weights: list[np.ndarray]) -> keras.Model:
    """One model for many tests, compiled once, as it was in the beginning."""
    model.set_weights(weights)
    return model


@cache
def _convolutions() -> tuple[keras.Model, list[np.ndarray]]:
    keras.utils.set_random_seed(1)
    layers = [L.Conv1D(16, 3, activation="relu", name="c1"), L.MaxPooling1D(2, name="p1")]
    layers += [L.Conv1D(16, 3, activation="relu", name="c2"), L.BatchNormalization(name="bn")]
    layers += [L.Activation("tanh", name="squash"), L.Flatten(name="flat")]
    model = keras.Sequential([keras.Input((T, C)), *layers, L.Dense(3, activation="softmax", name="out")])
    return model, model.get_weights()


def convolutions() -> keras.Model:
    """Fresh, by Glorot."""
    return again(*_convolutions())


@cache
def _recurrent(activation: str) -> tuple[keras.Model, list[np.ndarray]]:
    keras.utils.set_random_seed(1)
    first = L.SimpleRNN(12, activation, return_sequences=True, name="rnn")
    model = keras.Sequential([keras.Input((None, C)), first, L.LSTM(8, name="lstm"), L.Dense(1, name="out")])
    return model, model.get_weights()


def recurrent(gain: float = 1.0, activation: str = "tanh") -> keras.Model:
    model = again(*_recurrent(activation))
    kernel = model.get_layer("rnn").cell.recurrent_kernel
    kernel.assign(gain * kernel)
    return model


@cache
def _stack(depth: int) -> tuple[keras.Model, list[np.ndarray]]:
    keras.utils.set_random_seed(1)
    inner = [L.Dense(32, activation="relu", name=f"d{i}") for i in range(depth)]
    ends = L.GlobalAveragePooling1D(name="gap"), L.Dense(2, name="out")
    model = keras.Sequential([keras.Input((T, C)), *inner, *ends])
    return model, model.get_weights()


def stack(depth: int, std: float | None = None) -> keras.Model:
    """By Glorot, or with weights of a standard deviation."""
    model, rng = again(*_stack(depth)), np.random.default_rng(1)
    for layer in model.layers[:depth] if std is not None else ():
        layer.kernel.assign(rng.normal(0, std, layer.kernel.shape))
    return model


def with_bias(layer: str, value: float, filters: Any = slice(None)) -> keras.Model:
    model = convolutions()
    bias = np.zeros(16)
    bias[filters] = value
    model.get_layer(layer).bias.assign(bias)
    return model


def with_nan(layer: str, weight: int) -> keras.Model:
    model = convolutions()
    values = model.get_layer(layer).get_weights()
    values[weight].flat[0] = np.nan
    model.get_layer(layer).set_weights(values)
    return model


def with_operation(make: Callable[[Any], Any]) -> keras.Model:
    """A branch that is well beside the one where it comes about."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((T, C))
    left, right = L.Conv1D(4, 3, name="left")(inputs), L.Conv1D(4, 3, name="right")(inputs)
    joined = L.Concatenate(name="both")([left, make(right)])
    return keras.Model(inputs, L.Dense(2, name="out")(L.GlobalAveragePooling1D(name="gap")(joined)))


class Quotient(keras.Model):
    """TensorFlow between two layers: no layer of its own."""

    def __init__(self) -> None:
        super().__init__(name="quotient")
        self.before, self.after = L.Dense(4, activation="relu", name="before"), L.Dense(2, name="after")

    def call(self, x: Any) -> Any:
        h = self.before(x)
        return self.after(h / keras.ops.sum(h, axis=-1, keepdims=True) ** 0 / (h - h))


def nested(name: str = "a b <c>") -> keras.Model:
    """The fault lies in a layer of an odd name in a model in the model, behind a shared layer."""
    keras.utils.set_random_seed(1)
    inner = keras.Sequential([keras.Input((T, 8)), L.Conv1D(8, 3, activation="relu", name=name)], name="inner")
    inner.layers[0].bias.assign(np.full(8, -90.0))
    inputs = keras.Input((T, C))
    shared = L.Dense(8, name="shared")
    x = L.Bidirectional(L.LSTM(4, return_sequences=True), name="both")(inner(shared(inputs)))
    return keras.Model(inputs, L.Dense(1, name="out")(x))


def broken(where: str) -> np.ndarray:
    x = data()
    x[17, 5, 1] = np.nan if where == "nan" else np.inf
    return x


FAULTS: dict[str, tuple[Callable[[], keras.Model], Callable[[], np.ndarray], str, str, str]] = {
    # model, data, layer, kind, what has to be said
    "NaN in the data": (convolutions, lambda: broken("nan"), "X", "not finite", "channel 1, first in sample 17"),
    "infinite data": (recurrent, lambda: broken("inf"), "X", "not finite", "infinite values"),
    "NaN in a kernel": (lambda: with_nan("c2", 0), data, "c2", "not finite", "its kernel holds NaN"),
    "NaN in a bias": (lambda: with_nan("c1", 1), data, "c1", "not finite", "its bias holds NaN"),
    "NaN in a variance": (lambda: with_nan("bn", 3), data, "bn", "not finite", "moving_variance"),
    "logarithm": (lambda: with_operation(keras.ops.log), data, "log", "not finite", "finite numbers"),
    "quotient": (Quotient, data, "after", "not finite", "between it and the layer before"),
    "overflow": (lambda: recurrent(200.0, "relu"), data, "rnn", "not finite", "overflow"),
    "exploding stack": (lambda: stack(12, 2.0), data, "d5", "exploding", "explode"),
    "large weights": (lambda: stack(3, 4e3), data, "d1", "exploding", "kernel goes up to"),
    "vanishing stack": (lambda: stack(12, 0.05), data, "d4", "vanishing", "Hardly anything"),
    "dead": (lambda: with_bias("c2", -60), data, "c2", "dead", "its bias goes down to -60"),
    "dead, nested": (nested, data, "inner/a b <c>", "dead", "All 8 filters"),
    "saturated for good": (recurrent, lambda: data(1e7), "rnn", "saturated", "data are not scaled"),
    "saturated by the data": (recurrent, lambda: data(1e3), "rnn", "saturated", "data are not scaled"),
    "saturated by the weights": (lambda: recurrent(1e4), data, "rnn", "saturated", "too large for what goes in"),
    "zero weights": (lambda: zeroed("c1"), data, "c1", "dead", "at most 0"),
    "constant": (lambda: zeroed("out"), data, "out", "constant", "one value, whatever the series"),
}


def zeroed(layer: str) -> keras.Model:
    model = convolutions()
    kernel = model.get_layer(layer).kernel
    kernel.assign(np.zeros(kernel.shape))
    return model


IN_GATE = (
    "NaN in the data",
    "NaN in a kernel",
    "NaN in a variance",
    "logarithm",
    "quotient",
    "overflow",
    "dead, nested",
)
IN_GATE += ("large weights", "saturated by the data", "constant")


@pytest.mark.parametrize("name", in_gate(FAULTS, *IN_GATE))
def test_a_fault_is_found_where_it_was_planted_and_nowhere_else(name: str) -> None:
    make, x, layer, kind, said = FAULTS[name]
    found = tsw.statistics(make(), x(), batch_size=20)
    bad = [one for one in found.findings if one.serious]
    assert [(one.layer, one.kind) for one in bad] == [(layer, kind)], found
    assert found.first is bad[0] is found.findings[0]
    assert said in bad[0].message + bad[0].todo
    assert layer in bad[0].message
    assert bad[0].todo.endswith(".") and bad[0].message.endswith(".")


def test_some_dead_filters_are_a_remark_that_names_them() -> None:
    found = tsw.statistics(with_bias("c1", -60, [2, 11]), data())
    assert found.first is None
    (remark,) = [one for one in found.findings if one.layer == "c1"]
    assert (remark.kind, remark.filters, remark.serious) == ("dead", (2, 11), False)
    assert "filters 2, 11 (2 of 16)" in remark.message.lower()
    assert {one.layer for one in found.findings} <= {"c1", "c2"}  # pooling hands them on, and is not blamed


def test_both_are_told_where_the_data_spoiled_the_weights() -> None:
    model = convolutions()
    model.set_weights([np.full(weight.shape, np.nan) for weight in model.get_weights()])
    x = data()
    x[3, 0, 0] = np.nan
    found = tsw.statistics(model, x).findings
    assert [one.layer for one in found] == ["X", "c1"]
    assert "3 other layers" in found[1].message and found[0].sample == 3


def test_two_branches_and_two_inputs_are_told_apart() -> None:
    keras.utils.set_random_seed(1)
    a, b = keras.Input((T, C), name="a"), keras.Input((T, C), name="b")
    roots = [L.Dense(4, activation=keras.ops.sqrt, name=f"root_{one.name}")(one) for one in (a, b)]
    model = keras.Model([a, b], L.Dense(1, name="out")(L.Add(name="sum")(roots)))
    found = tsw.statistics(model, {"a": data(), "b": data()})
    assert [one.layer for one in found.findings] == ["root_a", "root_b"]
    assert "activation function" in found.first.message
    found = tsw.statistics(model, {"a": data(), "b": broken("nan")})
    assert [one.layer for one in found.findings] == ["root_a", "X['b']"] or [one.layer for one in found.findings] == [
        "X['b']",
        "root_a",
    ]


def test_a_constant_channel_is_a_remark_about_the_data() -> None:
    x = data()
    x[:, :, 2] = 0.5
    found = tsw.statistics(recurrent(), x)
    assert found.first is None
    assert [(one.layer, one.kind, one.filters) for one in found.findings] == [("X", "constant", (2,))]


def trained() -> tuple[keras.Model, np.ndarray]:
    """Sure of everything, and right: its sigmoid is at its bounds."""
    keras.utils.set_random_seed(1)
    x, y = data(), np.arange(N) % 2
    x[y == 1] += 3
    layers = [L.Conv1D(8, 3, activation="tanh"), L.GlobalAveragePooling1D(), L.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((T, C)), *layers])
    mean = np.asarray(tsw.activations(model, x, model.layers[1].name).values)
    kernel = mean[y == 1].mean(axis=0) - mean[y == 0].mean(axis=0)  # what a long training ends with
    model.layers[-1].set_weights([200 * kernel[:, None], -200 * np.atleast_1d(kernel @ mean.mean(axis=0))])
    return model, x


def attention(never: float) -> tuple[keras.Model, np.ndarray]:
    """Of one's own: later steps are left out by a number that a softmax makes 0 of."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((T, C))
    query, key = L.Dense(4, name="query")(inputs), L.Dense(4, name="key")(inputs)
    later = np.triu(np.full((T, T), never, "float32"), 1)
    scores = keras.ops.add(keras.ops.matmul(query, keras.ops.transpose(key, (0, 2, 1))), later)
    return keras.Model(inputs, L.Dense(1, name="out")(keras.ops.matmul(keras.ops.softmax(scores), inputs))), data()


def regression() -> tuple[keras.Model, np.ndarray]:
    """Of large numbers, as house prices are: its output is as large as it was taught."""
    model = stack(2)
    model.layers[-1].kernel.assign(1e7 * model.layers[-1].kernel)
    return model, data()


HEALTHY: dict[str, Callable[[], tuple[keras.Model, np.ndarray]]] = {
    "watch_exercises": lambda: _bundled("watch_exercises"),
    "watch_segment": lambda: _bundled("watch_segment"),
    "japanese_vowels": lambda: _bundled("japanese_vowels"),
    "fresh convolutions": lambda: (convolutions(), data()),
    "fresh recurrent": lambda: (recurrent(), data()),
    "fresh, one series": lambda: (convolutions(), data()[:1]),
    "fresh, three series": lambda: (convolutions(), data()[:3]),
    "twelve layers by Glorot": lambda: (stack(12), data()),
    "trained": trained,
    "regression": regression,
    "attention without the future": lambda: attention(-1e9),
    "attention with minus infinity": lambda: attention(-np.inf),
    "large numbers": lambda: (stack(3), data(1e5)),
    "small numbers": lambda: (stack(3), data(1e-6)),
}


@cache
def _bundled(name: str) -> tuple[keras.Model, Any]:
    found = getattr(tsw.datasets, name)()
    return found.model, found.X


CALM = (
    "watch_exercises",
    "attention without the future",
    "japanese_vowels",
    "fresh convolutions",
    "fresh recurrent",
    "trained",
    "large numbers",
)


@pytest.mark.parametrize("name", in_gate(HEALTHY, *CALM))
def test_no_alarm_where_all_is_well(name: str) -> None:
    model, x = HEALTHY[name]()
    found = tsw.statistics(model, x)
    assert found.first is None, found
    if name == "trained":
        assert found.layers[-1].saturated[0] >= 0.95
    for one in found.findings:  # and what is remarked is true
        if one.kind == "dead":
            values = tsw.activations(model, x, one.layer).values
            assert not np.nan_to_num(values[..., list(one.filters)]).any()
    if name in ("watch_exercises", "watch_segment", "japanese_vowels", "fresh recurrent", "trained"):
        assert not [one for one in found.findings if name != "trained"]
    assert "No layer is bad." in repr(found)


def test_an_untrained_normalisation_makes_it_a_remark() -> None:
    keras.utils.set_random_seed(1)
    big = keras.initializers.RandomNormal(stddev=200)
    layers = [one for _ in range(3) for one in (L.Dense(16, kernel_initializer=big), L.BatchNormalization())]
    model = keras.Sequential([keras.Input((T, C)), *layers, L.Dense(1)])
    found = tsw.statistics(model, data())
    assert found.first is None
    assert found.findings[0].kind == "exploding" and "look again after an epoch" in found.findings[0].todo
