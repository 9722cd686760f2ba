"""A layer's steps on the input's time axis: against a loop over steps and fields, and where they must not be put."""

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests import attribution_reference as reference
from tests.models import randomise, series
from tswidgets.analysis.projection import on_input
from tswidgets.probe import Probe, Timeline


def timeline_of(fields):
    first, last = (np.array(part, np.int64) for part in zip(*fields, strict=True))
    return Timeline(first, last, first, last)


FIELDS = {  # name → (n_timesteps, fields of the steps)
    "strided, the end unseen": (23, reference.fields_of(23, 5, stride=4)),
    "dilated": (19, reference.fields_of(19, 3, dilation=3)),
    "same": (12, reference.fields_of(12, 4, padding="same")),
    "same, strided": (13, reference.fields_of(13, 3, stride=2, padding="same")),
    "causal": (9, reference.fields_of(9, 3, padding="causal")),
    "one to one": (8, [(t, t) for t in range(8)]),
    "one for all": (8, [(0, 7)]),
    "one for some": (8, [(2, 4)]),
    "shared centres": (12, [(t // 2 * 3, t // 2 * 3 + 2) for t in range(8)]),
    "three of one centre": (6, [(2, 4), (1, 5), (0, 5), (3, 3)]),
    "backwards": (9, [(8 - t, 8 - t) for t in range(9)]),
    "backwards, strided": (12, reference.fields_of(12, 4, stride=3)[::-1]),
    "nothing first": (8, [(0, -1), (2, 3), (4, 5)]),
    "gaps between fields": (14, [(0, 1), (5, 6), (10, 11)]),
    "a single step of every third": (10, [(0, 0), (3, 3), (6, 6)]),
}


@pytest.mark.parametrize("name", FIELDS)
def test_against_a_loop(name):
    """Interpolated between centres, held to the ends of the fields, and missing where none sees."""
    n_timesteps, fields = FIELDS[name]
    values = np.random.default_rng(0).normal(size=(len(fields), 2))
    expected = np.stack([reference.projected(values[:, k], fields, n_timesteps) for k in range(2)], axis=1)
    found = on_input(values, timeline_of(fields), n_timesteps)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(on_input(values[:, 0], timeline_of(fields), n_timesteps), found[:, 0])


def test_nothing_sees():
    assert np.isnan(on_input(np.ones((1, 3)), Timeline.nowhere(), 4)).all()


def test_fields_that_reach_beyond_the_series():
    """Of a timeline for a longer series only the steps of this one are there."""
    found = on_input(np.arange(4.0), timeline_of([(0, 2), (2, 4), (4, 6), (6, 8)]), 5)
    assert found.shape == (5,)
    np.testing.assert_allclose(found, [0, 0, 0.5, 1, 1.5])


LAYERS = {  # layers of which the last is projected, for 21 steps of 2 channels → first and last step that each sees
    "strided": ([L.Conv1D(3, 5, strides=4)], reference.fields_of(21, 5, stride=4)),
    "twice": ([L.Conv1D(3, 3), L.MaxPooling1D(3)], [(3 * j, 3 * j + 4) for j in range(6)]),
    "upsampled": ([L.Conv1D(3, 4, strides=4), L.UpSampling1D(2)], [(j // 2 * 4, j // 2 * 4 + 3) for j in range(10)]),
    "transposed": (
        [L.AveragePooling1D(3), L.Conv1DTranspose(3, 2, strides=2)],
        [(j // 2 * 3, j // 2 * 3 + 2) for j in range(14)],
    ),
    "backwards": ([L.GRU(3, return_sequences=True, go_backwards=True)], [(20 - j, 20 - j) for j in range(21)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_in_a_model(name):
    """A map of the layer is put where the layer's own fields are."""
    layers, fields = LAYERS[name]
    layers[-1].name = "last"
    model = randomise(keras.Sequential([keras.Input((21, 2)), *layers, L.Flatten(), L.Dense(1)]))
    result = tsw.hires_cam(model, series(2, 21, 2), layer="last")
    assert result.values.shape == (2, len(fields))
    for values, placed in zip(result.values, result.on_input, strict=True):
        np.testing.assert_allclose(placed, reference.projected(values, fields, 21), rtol=1e-5, atol=1e-6)
    assert np.abs(result.values).max() > 1e-3


def test_the_peak_of_a_strided_net_is_where_the_event_is():
    """Stretched over the series it would be elsewhere: the last steps are seen by nothing."""
    layers = [L.Conv1D(1, 8, strides=6, use_bias=False, name="conv"), L.GlobalAveragePooling1D(), L.Dense(1)]
    model = keras.Sequential([keras.Input((61, 1)), *layers])
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    x = np.zeros((61, 1), "float32")
    x[48:56] = 1
    result = tsw.grad_cam(model, x, layer="conv")
    fields = Probe(model).timelines(61)["conv"]
    assert (fields.near_lo[8], fields.near_hi[8]) == (48, 55)
    assert result.values.argmax() == 8
    assert np.nanargmax(result.on_input) in (51, 52)
    assert np.isnan(result.on_input[56:]).all()
    assert not np.isnan(result.on_input[:56]).any()
