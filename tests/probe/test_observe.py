"""What the probe reports is what the model computes."""

import keras
import numpy as np
import pytest
from keras import layers as L

from tests import reference
from tests.models import CASES, case, padded_series, series
from tests.probe.comparing import assert_close, structure_of
from tswidgets.probe import Probe, as_probe

NAMES = list(CASES)


def weights_of(model):
    return {layer.name: [np.asarray(weight) for weight in layer.weights] for layer in model.layers}


@pytest.mark.parametrize("name", NAMES)
def test_every_tap_equals_its_layer_called_by_hand(name):
    found = case(name)
    observation = as_probe(found.model, found.x).observe(found.x)
    expected = found.expected(found.x)
    assert set(observation) == set(expected)
    for tap, values in expected.items():
        assert_close(observation[tap], values, found.tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_output_is_the_model_s_answer_in_its_own_structure(name):
    found = case(name)
    observation = as_probe(found.model, found.x).observe(found.x)
    answer = found.model(found.x, training=False)
    assert structure_of(observation.output) == structure_of(answer)
    flat = keras.tree.flatten(answer)
    assert len(observation.outputs) == len(flat)
    for got, expected in zip(observation.outputs, flat, strict=True):
        assert_close(got, np.asarray(expected, "float32"), found.tolerance)


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
        before = reference.conv1d(expected["pool1"], *weights["conv2"], stride=2, padding="same")
        expected["conv2:pre-activation"] = before
        expected["conv2"] = reference.relu(before)
        expected["pool2"] = reference.average_pool1d(expected["conv2"], 4, stride=3, padding="same")
        expected["conv3"] = reference.conv1d(expected["pool2"], *weights["conv3"], dilation=2, padding="causal")
        expected["flat"] = expected["conv3"].reshape(-1)
        expected["head:pre-activation"] = reference.dense(expected["flat"], *weights["head"])
        expected["head"] = reference.softmax(expected["head:pre-activation"])
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


def test_a_mask_ends_where_the_values_do():
    """Series of other lengths than before get masks of their own."""
    found = case("masked_lstm")
    x = padded_series(2, 9, 12, seed=5)
    np.testing.assert_array_equal(as_probe(found.model).observe(x).masks["lstm1"], (x != 0).any(axis=-1))
