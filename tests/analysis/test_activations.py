"""What `activations` returns: a layer's numbers, and the input steps that each of them belongs to."""

import re

import keras
import numpy as np
import pytest
from keras import layers as L

from tests import reference
from tests.models import CASES, case, padded_series, randomise, sampled, series
from tswidgets import Probe, activations
from tswidgets.analysis.activations import absent_steps, first, most_active, value_ranges
from tswidgets.probe import as_probe

THREE_PARTS = re.compile(r"Expected .+; got .+\. .+[.?]$", re.DOTALL)
WITH_ONE_INPUT = [name for name in CASES if name not in ("several_outputs", "lists", "embedding", "forecaster")]


def close(got, expected, tolerance=1e-5):
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(np.abs(expected).max(), 1e-3))


def alone(found):
    """What its layers answer by hand to the second series by itself; a fixed batch is filled up with it."""
    n_samples = found.model.inputs[0].shape[0] if getattr(found.model, "inputs", None) else None
    x = found.x[1:2] if n_samples is None else np.repeat(found.x[1:2], n_samples, axis=0)
    return {name: values[0] for name, values in found.expected(x).items()}


@pytest.mark.parametrize("name", sampled(WITH_ONE_INPUT, 6))
def test_every_drawable_layer_of_a_batch_and_of_one_series(name):
    """Shapes, names and values for each kind of model; a batch is its series, one after the other."""
    found = case(name)
    expected, expected_alone = found.expected(found.x), alone(found)
    n_samples, n_timesteps = found.x.shape[:2]
    as_probe(found.model, found.x).observe(found.x)
    for tap in as_probe(found.model).taps:
        if not tap.drawable:
            continue
        batch = activations(found.model, found.x, tap.name)
        single = activations(found.model, found.x[1], tap.name)
        assert batch.layer == single.layer == tap.name
        assert batch.values.dtype == np.float32
        assert batch.values.shape == expected[tap.name].shape
        assert single.values.shape == expected[tap.name].shape[1:]
        timed = tap.kind in ("sequence", "map")
        n_steps = expected[tap.name].shape[1] if timed else 0
        assert batch.absent.shape == (n_samples, n_steps)
        assert single.absent.shape == (n_steps,)
        present = np.ones(batch.values.shape, bool)
        if timed:
            present[batch.absent] = False
            assert len(batch.lo) == len(batch.hi) == len(batch.time) == n_steps
            assert (batch.lo >= 0).all()
            assert (batch.hi < n_timesteps).all()
        else:
            assert batch.time is batch.lo is batch.hi is batch.timeline is None
        close(batch.values[present], expected[tap.name][present], found.tolerance)
        assert np.isnan(batch.values[~present]).all()
        close(single.values[present[1]], expected_alone[tap.name][present[1]], found.tolerance)


def test_convolution_and_its_place_in_time():
    """Values by NumPy; kernel 5, pooling 2, then kernel 3 with stride 2 and `same` padding, counted by hand."""
    found = case("sequential")
    conv = activations(found.model, found.x[0], "conv1")
    close(conv.values, reference.conv1d(found.x[0], *map(np.asarray, found.model.layers[0].weights)))
    np.testing.assert_array_equal(conv.lo, np.arange(26))
    np.testing.assert_array_equal(conv.hi, np.arange(26) + 4)
    np.testing.assert_array_equal(conv.time, np.arange(26) + 2)
    assert not conv.absent.any()

    strided = activations(found.model, found.x[0], "conv2")
    assert strided.values.shape == (7, 5)  # 13 steps of two each; same padding puts one zero in front and one behind
    np.testing.assert_array_equal(strided.lo, [0, 2, 6, 10, 14, 18, 22])
    np.testing.assert_array_equal(strided.hi, [7, 11, 15, 19, 23, 27, 29])
    np.testing.assert_array_equal(strided.time, (strided.lo + strided.hi) / 2)


def test_lstm_stands_where_it_is_though_it_has_seen_the_past():
    found = case("conv_lstm")
    result = activations(found.model, found.x[0], "lstm")
    conv = activations(found.model, found.x[0], "conv")
    np.testing.assert_array_equal(result.time, conv.time)
    np.testing.assert_array_equal(result.lo, np.zeros(15))
    np.testing.assert_array_equal(result.hi, np.minimum(np.arange(15) + 4, 14))


@pytest.mark.parametrize("name, layer", [("masked_subclassed", "lstm"), ("masked_lstm", "lstm1")])
def test_padding_is_absent(name, layer):
    """Where the series has ended Keras repeats the last state: NaN here, and only there."""
    found = case(name)
    batch = activations(found.model, found.x, layer)
    padding = (found.x == 0).all(axis=-1)
    assert padding.any()
    np.testing.assert_array_equal(batch.absent, padding)
    np.testing.assert_array_equal(np.isnan(batch.values), np.broadcast_to(padding[..., None], batch.values.shape))
    lstm = next(one for one in found.model.layers if isinstance(one, L.LSTM))
    for x, values in zip(found.x, batch.values, strict=True):
        n = len(x) - int((x == 0).all(axis=-1).sum())
        close(values[:n], reference.lstm(x[:n], *map(np.asarray, lstm.weights)))
    masking = activations(found.model, found.x[2], "masking")
    np.testing.assert_array_equal(masking.absent, padding[2])


def test_absent_values_are_marked_in_a_copy():
    """The observation in memory keeps the numbers that the model computed."""
    found = case("masked_subclassed")
    activations(found.model, found.x, "lstm")
    assert np.isfinite(as_probe(found.model).observe(found.x)["lstm"]).all()


def test_a_layer_that_returns_only_its_last_output():
    found = case("masked_lstm")
    result = activations(found.model, found.x[0], "lstm2")
    assert result.values.shape == (5,)
    assert result.time is None


def test_a_probe_is_as_good_as_its_model():
    found = case("sequential")
    by_model = activations(found.model, found.x, "pool2")
    by_probe = activations(Probe(found.model), found.x, "pool2")
    np.testing.assert_array_equal(by_probe.values, by_model.values)
    np.testing.assert_array_equal(by_probe.time, by_model.time)


def test_a_model_that_was_never_built():
    found = CASES["deferred"]()
    result = activations(found.model, found.x[0], "conv1")
    close(result.values, found.expected(found.x)["conv1"][0])


def test_the_series_is_not_changed():
    found = case("masked_subclassed")
    x = found.x.copy()
    activations(found.model, x, "lstm")
    np.testing.assert_array_equal(x, found.x)


def three_parts(error):
    assert THREE_PARTS.match(str(error.value)), str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "name, wrong, near", [("sequential", "conv_1", "conv1"), ("nested", "encoder/conv", "encoder/conv1")]
)
def test_wrong_name(name, wrong, near):
    """The error names what was asked, what there is and what was probably meant."""
    found = case(name)
    with pytest.raises(ValueError) as error:
        activations(found.model, found.x[0], wrong)
    message = three_parts(error)
    assert f"got {wrong!r}." in message
    assert message.endswith(f"Did you mean {near!r}?")
    assert all(repr(tap.name) in message for tap in as_probe(found.model).taps)


def test_a_name_like_no_other_gets_no_suggestion():
    with pytest.raises(ValueError) as error:
        activations(case("sequential").model, case("sequential").x[0], "zzz")
    assert "Did you mean" not in three_parts(error)


def step_by_step(x):
    """Python that depends on the data, and arithmetic that nobody can follow."""

    class Choosing(keras.Model):
        def __init__(self):
            super().__init__(name="choosing")
            self.shifted = L.Dense(2, name="shifted")

        def call(self, x):
            return self.shifted(x[:, ::-1] if float(keras.ops.mean(x)) > -1e6 else x)

    model = Choosing()
    model(x)
    return model


UNDRAWABLE = {
    "channels as steps": (
        lambda x: keras.Sequential([keras.Input(x.shape[1:]), L.Permute((2, 1), name="turned")]),
        "turned",
        "none has a place",
    ),
    "no graph to follow": (
        step_by_step,
        "shifted",
        "which input steps the steps of Dense's 12 × 2 output see is not known",
    ),
}


@pytest.mark.parametrize("which", UNDRAWABLE)
def test_layers_that_cannot_be_drawn(which):
    """The error says which layer and why."""
    build, layer, why = UNDRAWABLE[which]
    x = case("images").x
    with pytest.raises(ValueError) as error:
        activations(build(x), x[0], layer)
    message = three_parts(error)
    assert repr(layer) in message
    assert why in message


def test_a_layer_of_the_user_s_own_can_be_drawn():
    """A running sum after a convolution: its values by NumPy, and each step where it is."""
    found = case("custom")
    result = activations(found.model, found.x[0], "cumulated")
    conv = reference.conv1d(found.x[0], *map(np.asarray, found.model.layers[0].weights))
    close(result.values, np.cumsum(conv, axis=0))
    np.testing.assert_array_equal(result.time, np.arange(10) + 1)
    np.testing.assert_array_equal(result.lo, np.zeros(10))
    np.testing.assert_array_equal(result.hi, np.arange(10) + 2)


def test_what_is_no_model():
    with pytest.raises(TypeError) as error:
        activations(L.Dense(2), series(1, 4, 2)[0], "dense")
    three_parts(error)


@pytest.mark.parametrize("shape", [(), (30,), (2, 2, 30, 3)])
def test_a_series_of_another_rank(shape):
    """One value, one channel without its axis, or one axis too many."""
    with pytest.raises(ValueError) as error:
        activations(case("sequential").model, np.ones(shape, "float32"), "conv1")
    three_parts(error)


@pytest.mark.parametrize("shape", [(30, 4), (29, 3)])
def test_a_series_that_does_not_fit(shape):
    """Other channels or another length than the model takes."""
    with pytest.raises(ValueError) as error:
        activations(case("sequential").model, np.ones(shape, "float32"), "conv1")
    assert str(3 if shape == (30, 4) else 30) in three_parts(error)


def test_first_of_a_batch():
    found = case("masked_subclassed")
    one, alone = first(activations(found.model, found.x, "lstm")), activations(found.model, found.x[0], "lstm")
    np.testing.assert_array_equal(one.absent, alone.absent)
    np.testing.assert_allclose(one.values, alone.values, atol=1e-6)
    np.testing.assert_array_equal(one.time, alone.time)


def test_absent_steps():
    """The padding of the input, as the model sees it; none in a model without masks."""
    for name in ("masked_lstm", "masked_subclassed"):
        probe, x = as_probe(case(name).model, case(name).x), padded_series(3, 14, 12, seed=4)
        absent = absent_steps(probe, probe.observe(x))
        np.testing.assert_array_equal(absent, (x == 0).all(axis=-1))
    probe, x = as_probe(case("sequential").model), case("sequential").x
    np.testing.assert_array_equal(absent_steps(probe, probe.observe(x)), np.zeros((3, 30), bool))


def test_most_active():
    """The largest mean magnitude, padding left out."""
    values = np.array([[1, -3, 0], [1, 2, 4], [np.nan] * 3], "float32")
    assert most_active(values) == 1
    assert most_active(values[1]) == 2
    assert most_active(np.full((2, 3), np.nan, "float32")) == 0


def test_value_ranges_over_series_of_different_lengths():
    found = case("conv_lstm")
    several = [found.x[0], found.x[1, :9], found.x[1] * 3]
    ranges = value_ranges(as_probe(found.model), [x[None] for x in several])
    for name in ("conv", "lstm", "per_step"):
        values = np.concatenate([found.expected(x[None])[name][0] for x in several])
        low, high = ranges[name]
        np.testing.assert_allclose(low, values.min(axis=0), atol=1e-6)
        np.testing.assert_allclose(high, values.max(axis=0), atol=1e-6)


def test_value_ranges_leave_out_what_is_not_finite():
    """A gap in the series is no value: it must not pull the range to 0."""
    conv = L.Conv1D(2, 1, name="conv")
    model = randomise(keras.Sequential([keras.Input((6, 1)), conv]))
    conv.bias.assign([10.0, -10.0])
    x = series(1, 6, 1)[0]
    expected = reference.conv1d(x, *map(np.asarray, conv.weights))[1:]
    x[0] = np.nan
    low, high = value_ranges(Probe(model), [x[None]])["conv"]
    np.testing.assert_allclose(low, expected.min(axis=0), rtol=1e-6)
    np.testing.assert_allclose(high, expected.max(axis=0), rtol=1e-6)
