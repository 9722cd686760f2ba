"""What cannot be drawn is listed with a reason, and nothing else is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests.models import case
from tests.probe.test_taps import taps_of
from tswidgets.probe import Probe, as_probe


class Rolling(keras.Layer):
    """A loop over any length: nobody can tell what its steps see, not even how many there are."""

    def call(self, x):
        return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.roll(y, i, 1)), (0, x))[1]

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def test_unknown_layers_are_listed_with_a_reason():
    """What cannot be followed and all that comes after have no place in time, until time is gone."""
    layers = [
        L.Conv1D(3, 3, name="conv"),
        Rolling(name="rolled"),
        L.ReLU(name="relu"),
        L.GlobalMaxPooling1D(name="gap"),
    ]
    taps = {tap.name: tap for tap in Probe(keras.Sequential([keras.Input((None, 2)), *layers])).taps}
    assert {name: tap.kind for name, tap in taps.items()} == {
        "conv": "sequence",
        "rolled": "other",
        "relu": "other",
        "gap": "units",
    }
    for name, layer_class in (("rolled", "Rolling"), ("relu", "ReLU")):
        assert f"which input steps the steps of {layer_class}'s" in taps[name].note
        assert "? × 3" in taps[name].note
        assert (taps[name].time_axis, taps[name].filter_axis, taps[name].n_filters) == (None, None, 0)
        assert not taps[name].drawable


def test_a_loop_of_fixed_length_sees_everything_and_has_no_place():
    model = keras.Sequential([keras.Input((6, 2)), Rolling(name="rolled"), L.ReLU(name="relu")])
    for tap in Probe(model).taps:
        assert (tap.kind, tap.drawable) == ("other", False)
        assert "6 × 2 output sees all of the input: none has a place" in tap.note


def test_steps_that_are_channels_have_no_place():
    """Permute: two rows, each of which sees the whole series."""
    layers = [L.Permute((2, 1), name="turned"), L.Dense(4, name="rows"), L.Flatten(name="flat")]
    taps = {tap.name: tap for tap in Probe(keras.Sequential([keras.Input((6, 2)), *layers])).taps}
    assert {name: tap.kind for name, tap in taps.items()} == {"turned": "other", "rows": "other", "flat": "units"}
    assert taps["turned"].shape == (2, 6)
    assert "Permute's 2 × 6 output sees all of the input: none has a place" in taps["turned"].note
    assert "Dense's 2 × 4 output" in taps["rows"].note


def test_steps_that_see_nothing_are_not_said_to_see_everything():
    """A series of one step and a kernel that reaches to both sides of it: nothing but padding goes in."""
    conv = L.Conv1D(2, 2, dilation_rate=2, padding="same", name="conv")
    probe = Probe(keras.Sequential([keras.Input((1, 2)), conv]))
    (tap,) = probe.taps
    timeline = probe.timelines(1)["conv"]
    assert (timeline.lo > timeline.hi).all()
    assert (tap.kind, tap.note != "") == ("other", True)
    assert "sees all of the input" not in tap.note


IN_THE_MIDDLE = np.arange(1, 11)
AT_BOTH_ENDS = np.array([0.5, *range(1, 11), 10.5])
OF_THE_USER_S_OWN = {
    "custom": {"conv": IN_THE_MIDDLE, "cumulated": IN_THE_MIDDLE, "relu": IN_THE_MIDDLE},
    "overriding": {"reversed": IN_THE_MIDDLE[::-1], "per_step": IN_THE_MIDDLE[::-1]},
    "plain_tensors": {"conv:pre-activation": AT_BOTH_ENDS, "conv": AT_BOTH_ENDS, "mix": AT_BOTH_ENDS},
}


@pytest.mark.parametrize("name", OF_THE_USER_S_OWN)
def test_layers_of_the_user_s_own_are_sequences(name):
    """Their operations tell where their steps are; one of them is a Conv1D that reverses time."""
    taps, timelines = taps_of(name), as_probe(case(name).model).timelines(12)
    for tap, centres in OF_THE_USER_S_OWN[name].items():
        assert (taps[tap].kind, taps[tap].note) == ("sequence", "")
        np.testing.assert_array_equal(timelines[tap].centres, centres)


def test_outputs_of_four_axes_have_rows_at_each_step():
    taps = taps_of("images")
    assert taps["conv2d"].drawable
    assert (taps["conv2d"].kind, taps["conv2d"].note) == ("map", "")
    assert (taps["conv2d"].shape, taps["conv2d"].n_rows, taps["conv2d"].n_filters) == ((10, 3, 3), 3, 3)
    assert (taps["conv2d"].time_axis, taps["conv2d"].filter_axis) == (0, 2)
    assert taps["gap"].kind == "units"


def test_rows_whose_steps_have_no_place_are_listed_with_a_reason():
    """The first axis counts channels, each of which sees the whole series."""
    layers = [L.Permute((2, 1), name="turned"), L.Reshape((2, 3, 2), name="cut"), L.Conv2D(2, 1, name="conv2d")]
    taps = {tap.name: tap for tap in Probe(keras.Sequential([keras.Input((6, 2)), *layers])).taps}
    assert {tap.kind for tap in taps.values()} == {"other"}
    assert "Conv2D's 2 × 3 × 2 output sees all of the input: none has a place" in taps["conv2d"].note


def test_an_output_without_any_axis_is_listed():
    """A model that ends in one number per sample."""
    x = keras.Input((6, 2))
    model = keras.Model(x, keras.ops.mean(L.Dense(1, name="dense")(x), axis=(1, 2)))
    taps = Probe(model).taps
    assert [tap.drawable for tap in taps] == [True, False]
    assert taps[1].note != ""
