"""Which input steps a step sees: known facts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from keras import layers as L

from tests import models
from tests.models import case
from tests.probe.chains import functional, sees
from tswidgets.probe import Probe, Timeline, fields
from tswidgets.probe.timeline import NEVER


def timeline_of(*layers, length):
    """Timeline of the last of a chain of layers."""
    return list(Probe(functional(*layers, length=length)).timelines(length).values())[-1]


def test_window_classifier_second_convolution():
    """Reference numbers of scenario A: step i sees [5i, 5i + 52], centre 5i + 26."""
    timelines = Probe(models.window_classifier()).timelines(300)
    i = np.arange(50)
    for name in ("conv2", "norm2", "relu2"):
        np.testing.assert_array_equal(timelines[name].lo, 5 * i)
        np.testing.assert_array_equal(timelines[name].hi, 5 * i + 52)
        np.testing.assert_array_equal(timelines[name].centres, 5 * i + 26)
    assert sees(timelines["conv1"])[0] == (0, 8)
    assert sees(timelines["pool1"])[:2] == [(0, 12), (5, 17)]
    assert sees(timelines["pool2"])[0] == (0, 72)
    assert sees(timelines["flat"]) == sees(timelines["head"]) == [(0, 25 * 9 + 72)]


def test_same_padding_of_an_even_kernel_is_uneven():
    """TensorFlow pads 4 left and 5 right for a kernel of 10; padding is not input."""
    i = np.arange(20)
    timeline = timeline_of(L.Conv1D(1, 10, padding="same"), length=20)
    np.testing.assert_array_equal(timeline.lo, np.maximum(i - 4, 0))
    np.testing.assert_array_equal(timeline.hi, np.minimum(i + 5, 19))


def test_same_padding_depends_on_the_length():
    """Kernel 4 with stride 3 on 10, 11 and 12 steps: 1, 1 and 0 zeros in front."""
    probe = Probe(functional(L.Conv1D(1, 4, strides=3, padding="same")))
    for n, before in ((10, 1), (11, 1), (12, 0)):
        (timeline,) = probe.timelines(n).values()
        first = np.arange(4) * 3 - before
        np.testing.assert_array_equal(timeline.lo, np.maximum(first, 0))
        np.testing.assert_array_equal(timeline.hi, np.minimum(first + 3, n - 1))


def test_causal_sees_no_future():
    i = np.arange(12)
    timeline = timeline_of(L.Conv1D(1, 3, dilation_rate=2, padding="causal"), length=12)
    np.testing.assert_array_equal(timeline.hi, i)
    np.testing.assert_array_equal(timeline.lo, np.where(i >= 4, i - 4, i % 2))


def test_upsampling_after_a_stride():
    """Where start, jump and size would be wrong: pairs of steps stand on the same place."""
    timeline = timeline_of(L.Conv1D(1, 3, strides=3), L.UpSampling1D(2), length=9)
    assert sees(timeline) == [(0, 2), (0, 2), (3, 5), (3, 5), (6, 8), (6, 8)]
    np.testing.assert_array_equal(timeline.centres, [1, 1, 4, 4, 7, 7])


def test_transposed_convolution():
    """Input i reaches outputs 2i to 2i + 2: even outputs see two inputs, odd ones one."""
    timeline = timeline_of(L.Conv1DTranspose(1, 3, strides=2), length=3)
    assert sees(timeline) == [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 2)]


def test_padding_sees_nothing():
    """A step of zeros only has no field and no place in time."""
    timeline = timeline_of(L.ZeroPadding1D((2, 1)), length=3)
    np.testing.assert_array_equal(timeline.centres, [np.nan, np.nan, 0, 1, 2, np.nan])
    assert (timeline.lo > timeline.hi).tolist() == [True, True, False, False, False, True]


def test_recurrence_sees_the_past_and_keeps_its_place():
    for layer in (L.LSTM, L.GRU, L.SimpleRNN):
        timeline = timeline_of(layer(2, return_sequences=True), length=7)
        assert sees(timeline) == [(0, i) for i in range(7)]
        np.testing.assert_array_equal(timeline.centres, range(7))


def test_recurrence_backwards_answers_in_reading_order():
    """Keras returns the steps of go_backwards in the order in which they were read: the last input step first."""
    timeline = timeline_of(L.LSTM(2, return_sequences=True, go_backwards=True), length=5)
    assert sees(timeline) == [(4 - j, 4) for j in range(5)]
    np.testing.assert_array_equal(timeline.centres, [4, 3, 2, 1, 0])


def test_bidirectional_sees_everything_but_keeps_its_place():
    timeline = timeline_of(L.Bidirectional(L.GRU(2, return_sequences=True)), length=6)
    assert sees(timeline) == [(0, 5)] * 6
    np.testing.assert_array_equal(timeline.centres, range(6))


@pytest.mark.parametrize(
    "layers",
    [
        [L.GlobalAveragePooling1D],
        [L.GlobalMaxPooling1D],
        [L.Flatten],
        [lambda: L.LSTM(2)],
        [lambda: L.Bidirectional(L.LSTM(2))],
        [L.Flatten, lambda: L.Dense(3)],
    ],
    ids=["mean", "max", "flatten", "last state", "last states", "dense"],
)
def test_without_a_time_axis_one_step_sees_all(layers):
    timeline = timeline_of(L.Conv1D(2, 3), *(layer() for layer in layers), length=9)
    assert sees(timeline) == [(0, 8)]


def test_what_a_valid_stride_leaves_out_is_not_seen():
    """All steps together do not see the last input step that no window reached."""
    timeline = timeline_of(L.Conv1D(2, 3, strides=2), L.GlobalAveragePooling1D(), length=8)
    assert sees(timeline) == [(0, 6)]


STEP_BY_STEP = {
    "Dense": lambda: L.Dense(3),
    "TimeDistributed": lambda: L.TimeDistributed(L.Dense(3)),
    "BatchNormalization": lambda: L.BatchNormalization(),
    "LayerNormalization": lambda: L.LayerNormalization(),
    "Softmax": lambda: L.Softmax(),
    "PReLU": lambda: L.PReLU(),
    "SpatialDropout1D": lambda: L.SpatialDropout1D(0.5),
    "gelu": lambda: L.Activation("gelu"),
    "tf.nn.relu": lambda: L.Activation(tf.nn.relu),
    "keras.ops.tanh": lambda: L.Activation(keras.ops.tanh),
    "activation layer": lambda: L.Dense(2, activation=L.LeakyReLU()),
}


@pytest.mark.parametrize("layer", STEP_BY_STEP.values(), ids=STEP_BY_STEP)
def test_layers_that_work_step_by_step(layer):
    assert sees(timeline_of(layer(), length=5)) == [(i, i) for i in range(5)]


@pytest.mark.parametrize("layer", [lambda: L.Softmax(axis=1), lambda: L.LayerNormalization(axis=1)])
def test_normalisation_over_time_sees_everything(layer):
    assert sees(timeline_of(layer(), length=5)) == [(0, 4)] * 5


def test_concatenation_joins_filters_or_steps():
    """Along time one branch comes after the other: the series twice."""
    x = keras.Input((6, 2))
    same, causal = L.Conv1D(2, 3, padding="same")(x), L.Conv1D(2, 3, padding="causal")(x)
    filters = L.Concatenate(name="filters")([same, causal])
    time = L.Concatenate(axis=1, name="time")([same, causal])
    end = L.GlobalMaxPooling1D(name="end")(time)
    probe = Probe(keras.Model(x, [filters, end]))
    timelines, i = probe.timelines(6), np.arange(6)
    assert sees(timelines["filters"]) == [(max(i - 2, 0), min(i + 1, 5)) for i in range(6)]
    np.testing.assert_array_equal(timelines["time"].lo, np.maximum([*i - 1, *i - 2], 0))
    np.testing.assert_array_equal(timelines["time"].hi, np.minimum([*i + 1, *i], 5))
    np.testing.assert_array_equal(timelines["time"].centres, (timelines["time"].lo + timelines["time"].hi) / 2)
    assert [tap.kind for tap in probe.taps if tap.name == "time"] == ["sequence"]


def test_a_broadcast_branch_sees_all_but_has_no_place():
    """Squeeze and excitation: a gate computed from the whole series scales every step where it stands."""
    x = keras.Input((5, 2))
    gate = L.GlobalAveragePooling1D(keepdims=True)(x)
    scaled = Probe(keras.Model(x, L.Multiply(name="scaled")([x, gate]))).timelines(5)["scaled"]
    assert sees(scaled) == [(0, 4)] * 5
    np.testing.assert_array_equal(scaled.centres, range(5))


def test_shared_layer_has_a_field_for_every_call():
    timelines = Probe(case("shared").model).timelines(16)
    assert sees(timelines["shared"])[5] == (4, 6)
    assert sees(timelines["shared#2"])[5] == sees(timelines["merged"])[5] == (3, 7)


def test_nested_model():
    timelines = Probe(case("nested").model).timelines(20)
    assert sees(timelines["encoder/pool"])[:2] == sees(timelines["encoder"])[:2] == [(0, 3), (2, 5)]
    assert sees(timelines["conv1"])[0] == (0, 7)


def test_operators_of_a_functional_model():
    x = keras.Input((4, 2))
    h = L.Conv1D(2, 2, padding="causal")(x)
    timelines = Probe(keras.Model(x, keras.ops.relu(2.0 * h + x) - 1.0)).timelines(4)
    assert all(sees(timeline) == [(max(i - 1, 0), i) for i in range(4)] for timeline in timelines.values())


def test_a_series_too_short_for_the_model_has_no_steps():
    """Keras refuses to run it; the timeline says why instead of failing."""
    probe = Probe(functional(L.Conv1D(2, 5), L.MaxPooling1D(2), L.LSTM(2, return_sequences=True)))
    assert [len(timeline) for timeline in probe.timelines(3).values()] == [0, 0, 0]


def test_union_and_input():
    timeline = Timeline.of_input(4)
    assert sees(timeline) == [(i, i) for i in range(4)]
    np.testing.assert_array_equal(timeline.centres, range(4))
    assert sees(timeline.union()) == [(0, 3)]
    assert sees(timeline.over_all_steps()) == [(0, 3)] * 4


@given(
    n=st.integers(1, 30),
    size=st.integers(1, 9),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 4),
    before=st.integers(0, 12),
    deep=st.booleans(),
)
def test_the_ends_of_windows_are_the_union_of_all_that_they_read(n, size, stride, dilation, before, deep):
    source = Timeline.of_input(n)
    if deep:  # of steps that see several each, every second one
        steps = np.arange(n)
        source = Timeline(2 * steps, 2 * steps + 5, 2 * steps + 1, 2 * steps + 3)
    first = np.arange(n // stride + 2) * stride - before
    assert fields._runs_on(source)
    quick = fields._ends(source, first, size, dilation)
    for j, start in enumerate(first):
        read = [i for i in range(start, start + size * dilation, dilation) if 0 <= i < n]
        for name, best, nothing in (("lo", min, NEVER), ("near_lo", min, NEVER), ("hi", max, -1), ("near_hi", max, -1)):
            expected = best((int(getattr(source, name)[i]) for i in read), default=nothing)
            assert getattr(quick, name)[j] == expected, name


def test_what_runs_backwards_or_begins_with_padding_has_no_ends_alone():
    forwards = Timeline.of_input(5)
    padded = fields._windows(forwards, 8, np.arange(8) - 2, 1)
    assert padded.lo.tolist() == [NEVER, NEVER, 0, 1, 2, 3, 4, NEVER]
    assert not fields._runs_on(padded)
    assert not fields._runs_on(Timeline(*(end[::-1] for end in (forwards.lo,) * 4)))
    over = fields._windows(padded, 6, np.arange(6), 3)
    assert (over.lo.tolist(), over.hi.tolist()) == ([0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 4])
