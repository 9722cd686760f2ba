"""Samples that are several arrays each."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import case, randomise
from tswidgets.inputs import SeveralInputs

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 5, 9, 2)).astype("float32")
OTHER = RNG.normal(size=(5, 4, 3)).astype("float32")
AGE = RNG.normal(size=(5, 2)).astype("float32")


def inputs(as_list: bool = False, **arrays: np.ndarray) -> SeveralInputs:
    flat = {name: array.ndim == 2 for name, array in arrays.items()}
    return SeveralInputs(arrays, flat=flat, integers=dict.fromkeys(arrays, False), as_list=as_list)


def test_series_of_one_length_are_drawn_side_by_side() -> None:
    samples = inputs(a=A, b=B)
    assert (len(samples), samples.n_channels, samples.lengths) == (5, 4, [9] * 5)
    np.testing.assert_array_equal(samples[3], np.concatenate([A[3], B[3]], axis=1))
    assert samples.channel_names == ["a 0", "a 1", "b 0", "b 1"]
    assert samples.lengths_of(0) == (9, 9)
    assert samples.note == ""


def test_what_has_other_steps_or_none_is_named_and_handed_to_the_model() -> None:
    samples = inputs(age=AGE, a=A, other=OTHER)
    np.testing.assert_array_equal(samples[1], A[1])
    assert samples.note == "on another time axis: other · not drawn, having no time steps: age"
    assert samples.lengths_of(2) == (9, 0, -4)  # in the order of the names, as Keras flattens a dict
    batch = samples.batch(4)
    assert {name: array.shape for name, array in batch.items()} == {"age": (1, 2), "a": (1, 9, 2), "other": (1, 4, 3)}
    np.testing.assert_array_equal(batch["age"][0], AGE[4])


def test_a_list_keeps_the_order_of_the_model() -> None:
    samples = inputs(as_list=True, b=B, age=AGE)
    first, second = samples.batch(0)
    np.testing.assert_array_equal(first[0], B[0])
    np.testing.assert_array_equal(second[0], AGE[0])
    assert samples.lengths_of(0) == (9, 0)


def with_age() -> keras.Model:
    """A convolution over time, gated by an input that has no time."""
    series, age = keras.Input((9, 2), name="series"), keras.Input((2,), name="age")
    conv = L.Conv1D(3, 3, name="conv")(series)
    gate = L.Reshape((1, 3), name="row")(L.Dense(3, activation="sigmoid", name="gate")(age))
    gated = L.Multiply(name="gated")([conv, gate])
    return randomise(keras.Model([series, age], L.Dense(2, name="head")(L.Flatten(name="flat")(gated))))


@pytest.mark.parametrize("X", [[A, AGE], {"age": AGE, "series": A}], ids=["list", "dict"])
def test_an_explorer_of_two_inputs_shows_what_the_model_answers_to_both(X: object) -> None:
    model = with_age()
    with tsw.Explorer(model, X, sampling_rate=10) as explorer:
        explorer.sample, explorer.layer, explorer.filter = 2, "gated", 1
        data = explorer.data()
        conv = model.get_layer("conv")(A[2:3])
        gate = model.get_layer("gate")(AGE[2:3])
        np.testing.assert_allclose(data["activation"], np.asarray(conv * gate[:, None])[0, :, 1], atol=1e-6)
        np.testing.assert_array_equal(data["time"], np.arange(1, 8))  # the age does not blur the place
        np.testing.assert_array_equal(data["input"], A[2])
        np.testing.assert_allclose(data["prediction"], np.asarray(model([A[2:3], AGE[2:3]]))[0], atol=1e-6)


def test_a_layer_behind_two_time_axes_lies_on_the_first_where_it_has_a_place() -> None:
    """Every second step of the fast series, seen through its convolution, beside the slow series' own."""
    found = case("lists")
    with tsw.Explorer(found.model, found.x) as explorer:
        lengths = {array.shape[1] for array in found.x if array.ndim == 3}
        assert len(lengths) == 2
        explorer.layer = "joined"
        data = explorer.data()
        np.testing.assert_array_equal(data["input"], found.x[0][0])
        np.testing.assert_array_equal(data["time"], [1, 3, 5, 7, 9, 10.5])  # the last of three steps is padding
        np.testing.assert_allclose(data["layer"], found.expected(found.x)["joined"][0], atol=1e-6)
