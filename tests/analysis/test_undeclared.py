"""Models that declare no inputs: what they are given tells whether it is several inputs or samples of one."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import randomise
from tswidgets.analysis.bound import bound
from tswidgets.inputs import SeveralInputs
from tswidgets.probe import Probe
from tswidgets.probe.inputs import declared_inputs

RNG = np.random.default_rng(0)
FAST = RNG.normal(size=(5, 12, 2)).astype("float32")
SLOW = RNG.normal(size=(5, 7, 3)).astype("float32")
AGE = RNG.normal(size=(5, 4)).astype("float32")


class TwoSensors(keras.Model):
    """Two series of lengths and channels of their own, as a list or by name."""

    def __init__(self) -> None:
        super().__init__(name="two_sensors")
        self.conv, self.lstm = L.Conv1D(4, 3, name="conv"), L.LSTM(3, return_sequences=True, name="lstm")
        self.head = L.Dense(2, name="head")

    def call(self, inputs):
        fast, slow = (inputs["fast"], inputs["slow"]) if isinstance(inputs, dict) else inputs
        summed = [keras.ops.max(self.conv(fast), axis=1), self.lstm(slow)[:, -1]]
        return self.head(keras.ops.concatenate(summed, axis=-1))


class WithAge(keras.Model):
    """A series, and numbers without a time axis, which come first."""

    def __init__(self) -> None:
        super().__init__(name="with_age")
        self.conv, self.gate = L.Conv1D(3, 3, name="conv"), L.Dense(3, name="gate")

    def call(self, inputs):
        age, series = inputs
        return keras.ops.mean(self.conv(series), axis=1) * self.gate(age)


class TwoTables(keras.Model):
    """Two inputs without a time axis, or so it seems to whoever sees only their arrays."""

    def __init__(self) -> None:
        super().__init__(name="two_tables")
        self.first, self.second = L.Dense(3, name="first"), L.Dense(3, name="second")

    def call(self, inputs):
        a, b = inputs
        return self.first(a) + self.second(b)


class OneSeries(keras.Model):
    """What a list is samples for: steps that are numbers, or images of the same arithmetic."""

    def __init__(self) -> None:
        super().__init__(name="one_series")
        self.head = L.Dense(2, name="head")

    def call(self, x):
        return self.head(keras.ops.mean(x, axis=1))


def built(model: keras.Model, x: object) -> keras.Model:
    model(x)
    return randomise(model)


def two_sensors() -> keras.Model:
    return built(TwoSensors(), [FAST[:1], SLOW[:1]])


@pytest.mark.parametrize("make", [TwoSensors, two_sensors], ids=["not built", "built"])
def test_a_list_of_series_is_two_inputs(make) -> None:
    model = make()
    with tsw.Explorer(model, [FAST, SLOW], sampling_rate=1) as explorer:
        assert declared_inputs(model) == []
        explorer.sample, explorer.layer, explorer.filter = 3, "conv", 1
        data = explorer.data()
        np.testing.assert_array_equal(data["input"], FAST[3])
        np.testing.assert_array_equal(data["time"], np.arange(1, 11))
        np.testing.assert_allclose(data["activation"], np.asarray(model.conv(FAST[3:4]))[0, :, 1], atol=1e-6)
        np.testing.assert_allclose(data["prediction"], np.asarray(model([FAST[3:4], SLOW[3:4]]))[0], atol=1e-6)
        explorer.layer = "lstm"
        data = explorer.data()
        np.testing.assert_array_equal(data["input"], SLOW[3])
        np.testing.assert_allclose(data["layer"], np.asarray(model.lstm(SLOW[3:4]))[0], atol=1e-6)


def test_a_dict_is_inputs_by_name() -> None:
    model = built(TwoSensors(), {"slow": SLOW[:1], "fast": FAST[:1]})
    with tsw.Explorer(model, {"slow": SLOW, "fast": FAST}) as explorer:
        explorer.sample, explorer.layer = 2, "lstm"
        data = explorer.data()
        np.testing.assert_array_equal(data["input"], SLOW[2])
        expected = model({"slow": SLOW[2:3], "fast": FAST[2:3]})
        np.testing.assert_allclose(data["prediction"], np.asarray(expected)[0], atol=1e-6)


def test_series_of_a_length_each_are_in_the_lists_of_an_input() -> None:
    X = {"fast": [FAST[0], FAST[1][:9]], "slow": [SLOW[0][:5], SLOW[1]]}
    probe, samples = bound(built(TwoSensors(), {"fast": FAST, "slow": SLOW}), X)
    assert [samples.lengths_of(i) for i in range(2)] == [(12, -5), (9, -7)]
    found = probe.observe(samples.batch(1)).outputs[0]
    np.testing.assert_allclose(found, probe.model({"fast": FAST[1:2, :9], "slow": SLOW[1:2]}), atol=1e-6)


def test_numbers_without_steps_beside_a_series() -> None:
    model = built(WithAge(), [AGE, FAST])
    with tsw.Explorer(model, [AGE, FAST]) as explorer:
        explorer.sample, explorer.layer = 1, "conv"
        data = explorer.data()
        np.testing.assert_array_equal(data["input"], FAST[1])
        np.testing.assert_allclose(data["prediction"], np.asarray(model([AGE[1:2], FAST[1:2]]))[0], atol=1e-6)
    found = tsw.activations(built(WithAge(), [AGE, FAST]), [AGE, FAST], "gate").values
    assert found.shape == (5, 3)


def test_two_tables_are_told_by_what_the_model_takes() -> None:
    model = built(TwoTables(), [AGE, AGE[:, :2]])
    for X in ([AGE, AGE[:, :2]], [AGE[:, :4], AGE[:, 2:]]):
        samples = bound(model, X)[1]
        assert isinstance(samples, SeveralInputs)
        assert len(samples) == 5
    same = built(TwoTables(), [AGE, AGE])
    assert isinstance(bound(same, [AGE, AGE])[1], SeveralInputs)  # as five series of four steps it fails


@pytest.mark.parametrize("lengths", [(9, 5, 7), (9, 9, 9)])
def test_a_list_of_single_series_is_samples(lengths: tuple[int, ...]) -> None:
    X = [FAST[i, :n] for i, n in enumerate(lengths)]
    model = built(OneSeries(), X[0][None])
    for X_like in (X, tuple(X)):
        samples = bound(model, X_like)[1]
        assert not isinstance(samples, SeveralInputs)
        assert samples.lengths == list(lengths)
    with tsw.Explorer(OneSeries(), X) as explorer:
        explorer.sample = 2
        np.testing.assert_array_equal(explorer.data()["input"], X[2])


def test_samples_with_rows_stay_samples_where_the_model_takes_them_as_such() -> None:
    """Three axes, of as many steps each: as two inputs they would be stacked, and one answer a sample would be lost."""
    images = RNG.normal(size=(2, 6, 4, 3)).astype("float32")
    model = built(OneSeries(), images)
    samples = bound(model, list(images))[1]
    assert not isinstance(samples, SeveralInputs)
    assert (len(samples), samples.step_shape) == (2, (4, 3))


def test_a_probe_knows_what_it_was_made_from() -> None:
    probe = Probe(two_sensors(), [FAST[:1], SLOW[:1]])
    found, samples = bound(probe, [FAST, SLOW])
    assert found is probe
    assert [part.n_channels for part in samples.parts.values()] == [2, 3]
    one = Probe(built(OneSeries(), FAST), FAST)
    assert bound(one, [FAST[0], FAST[1]])[1].lengths == [12, 12]


def test_trying_leaves_no_state_behind() -> None:
    class Counting(TwoTables):
        def build(self, shapes):
            self.runs = self.add_weight(shape=(), initializer="zeros", trainable=False, name="runs")
            self.first.build((None, 4))
            self.second.build((None, 4))

        def call(self, inputs):
            self.runs.assign_add(1.0)
            return super().call(inputs)

    model = built(Counting(), [AGE, AGE])
    before = float(model.runs)
    assert isinstance(bound(model, [AGE, AGE])[1], SeveralInputs)
    assert float(model.runs) == before


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([FAST, SLOW[:4]], "Expected the same number of samples in every input; got 5 in 'input_0', 4 in 'input_1'"),
        ({"fast": FAST, "slow": SLOW[:4]}, "Expected the same number of samples in every input; got 5 in 'fast'"),
        ([FAST, SLOW[..., :2]], r"X that 'two_sensors' takes; got \(1, 12, 2\) and \(1, 7, 2\) for one sample, at"),
        (FAST, r"X that 'two_sensors' takes; got \(1, 12, 2\) for one sample, at which it raises .* Pass one array"),
        ({"quick": FAST, "slow": SLOW}, "X that 'two_sensors' takes; got .* KeyError: fast. Pass one array"),
        ({"fast": FAST[0], "slow": np.array("?")}, "floating-point numbers in X; got dtype"),
    ],
    ids=["numbers of samples", "in a dict", "channels", "one array", "names", "no array"],
)
def test_what_the_model_does_not_take(X: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        tsw.Explorer(two_sensors(), X)


def test_methods_of_one_series_say_that_there_are_several() -> None:
    with pytest.raises(ValueError, match="one input"):
        tsw.maximize_activation(two_sensors(), 0, X=[FAST, SLOW])
    with pytest.raises(ValueError, match="one input"):
        tsw.prediction_so_far(two_sensors(), [FAST[0], SLOW[0]])


def test_the_input_of_an_influence_has_a_name() -> None:
    class PerStep(TwoSensors):
        def call(self, inputs):
            fast, slow = inputs
            return self.head(keras.ops.mean(self.conv(fast), axis=1, keepdims=True)[..., :3] + self.lstm(slow))

    found = tsw.time_influence(built(PerStep(), [FAST, SLOW]), [FAST[0], SLOW[0]], by="input_1", target=0)
    assert found.by == ("input_1",)
    assert found.values.shape == (7, 7)
