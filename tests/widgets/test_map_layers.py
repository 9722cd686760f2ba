"""Layers with an axis between time and filters: one filter's rows over time, on the input's axis."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import case, randomise, series

RNG = np.random.default_rng(0)


def across_channels(*, reshaped: bool) -> keras.Model:
    """The document's convolution across channels and not time, then an LSTM over the rows of each step."""
    layers = [
        L.Conv2D(4, (1, 3), activation="relu", name="across"),
        L.MaxPooling2D((3, 1), name="pool"),
        L.TimeDistributed(L.LSTM(3), name="rows"),
        L.Dense(1, name="head"),
    ]
    first = [keras.Input((24, 6)), L.Reshape((24, 6, 1), name="as_rows")] if reshaped else [keras.Input((24, 6, 1))]
    return randomise(keras.Sequential([*first, *layers], name="across_channels"))


def by_hand(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """The convolution of one series (n_timesteps, n_channels), written out: (n_timesteps, n_rows, n_filters)."""
    kernel, bias = (np.asarray(weight) for weight in model.get_layer("across").weights)
    rows = np.stack([x[:, r : r + 3] @ kernel[0, :, 0] for r in range(x.shape[1] - 2)], axis=1)
    return np.maximum(rows + bias, 0)


@pytest.mark.parametrize("reshaped", [True, False], ids=["(24, 6)", "(24, 6, 1)"])
def test_a_filter_is_a_picture_of_rows_and_steps(reshaped: bool) -> None:
    model, x = across_channels(reshaped=reshaped), series(3, 24, 6)
    X = x if reshaped else x[..., None]
    with tsw.Explorer(model, X) as explorer:
        explorer.layer, explorer.sample, explorer.filter, explorer.row = "across", 1, 2, 3
        data = explorer.data()
        expected = by_hand(model, x[1])
        np.testing.assert_allclose(data["layer"], expected, atol=1e-5)
        np.testing.assert_allclose(data["activation"], expected[:, :, 2], atol=1e-5)
        np.testing.assert_array_equal(data["time"], np.arange(24))
        np.testing.assert_array_equal(data["input"], x[1])
        panel: Any = explorer._panel
        np.testing.assert_allclose(panel.curve._curve.line.y, expected[:, 3, 2], atol=1e-5)
        assert "Filter 2 of across, row 3" in panel.curve._caption.value
        assert "All 4 rows of filter 2 of across" in panel.layer._caption.value
        assert panel.layer._raster.rows.max == 3.5
        sent = np.frombuffer(panel.cursor.values, np.float32).reshape(24, 4)
        np.testing.assert_allclose(sent, expected[:, :, 2], atol=1e-5)
    values = tsw.activations(model, X[1], "across")
    np.testing.assert_allclose(values.values, expected, atol=1e-5)


def test_a_click_on_the_picture_chooses_a_row_of_a_map_and_a_filter_of_other_layers() -> None:
    with tsw.Explorer(across_channels(reshaped=True), series(2, 24, 6)) as explorer:
        explorer.layer, explorer.filter = "across", 1
        cursor = explorer._panel.cursor
        cursor.filter = 2  # as the browser does
        assert (explorer.row, explorer.filter) == (2, 1)
        explorer.filter = 3
        assert (explorer.row, explorer.filter, cursor.filter) == (2, 3, 2)
        explorer.layer = "rows"
        assert (explorer.row, cursor.filter) == (0, 2)  # three units; the wanted filter is kept for larger layers
        cursor.filter = 1
        assert explorer.filter == 1


def test_steps_of_a_pooled_map_lie_where_they_look() -> None:
    with tsw.Explorer(across_channels(reshaped=True), series(2, 24, 6)) as explorer:
        explorer.layer = "pool"
        np.testing.assert_array_equal(explorer.data()["time"], np.arange(8) * 3 + 1)


def test_more_axes_are_rows_one_after_the_other() -> None:
    layers = [L.Reshape((12, 2, 3, 1), name="cube"), L.Conv3D(2, (3, 1, 1), name="conv"), L.Flatten(), L.Dense(1)]
    model, x = randomise(keras.Sequential([keras.Input((12, 6)), *layers])), series(1, 12, 6)
    with tsw.Explorer(model, x) as explorer:
        explorer.layer, explorer.row = "conv", 5
        data = explorer.data()
        assert data["layer"].shape == (10, 2, 3, 2)
        line = explorer._panel.curve._curve.line.y
        np.testing.assert_allclose(line, data["layer"][:, 1, 2, explorer.filter], atol=1e-6)


def test_a_row_that_is_not_there_is_refused_and_nothing_changes() -> None:
    with tsw.Explorer(across_channels(reshaped=True), series(2, 24, 6)) as explorer:
        explorer.layer, explorer.row = "across", 3
        with pytest.raises(IndexError, match=r"Expected .*row.*0 to 3.*got 4"):
            explorer.row = 4
        assert explorer.row == 3


def test_a_map_cannot_be_folded_and_it_is_said() -> None:
    model = randomise(
        keras.Sequential(
            [keras.Input((8, 2)), L.Reshape((8, 2, 1)), L.Conv2D(2, 1, name="map"), L.Flatten(), L.Dense(1)]
        )
    )
    wave = RNG.normal(size=(30, 2)).astype("float32")
    with pytest.raises(ValueError, match="Conv2D gives 8 × 2 × 2, rows at each step"):
        tsw.fold_activations(model, tsw.sliding_windows(wave, 8)[0], "map")
    with tsw.WindowExplorer(model, wave) as explorer:
        explorer.layer = "map"
        assert "8 × 2 × 2, rows at each step" in explorer._panel.layer._caption.value


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (series(2, 24, 6), r"Add the last axis: X\[..., None\]"),
        (series(2, 24, 6)[..., None, None], r"Drop the last axis: X\[..., 0\]"),
        (series(2, 24, 5)[..., None], "6 rows, .* got 5 in X"),
        (np.repeat(series(2, 24, 6)[..., None], 2, axis=-1), "1 channels, .* got 2 in X"),
        ([series(1, 24, 6)[0, ..., None], series(1, 20, 6)[0]], "the same number of channels in every series"),
    ],
)
def test_an_X_with_other_axes_is_refused_with_what_to_do(X: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tsw.Explorer(across_channels(reshaped=False), X)


def test_channels_of_rows_are_named() -> None:
    model = randomise(keras.Sequential([keras.Input((10, 2, 2)), L.Conv2D(2, 1, name="c"), L.Flatten(), L.Dense(1)]))
    with tsw.Explorer(model, RNG.normal(size=(2, 10, 2, 2)).astype("float32")) as explorer:
        assert explorer._subject.channel_names == [f"row {r}, channel {c}" for r in range(2) for c in range(2)]


def test_what_runs_inside_of_a_time_distributed_layer_is_no_tap() -> None:
    """It runs with a sample for each step, of which a picture would show the first alone."""
    inner = keras.Sequential([keras.Input((6, 2)), L.Conv1D(3, 3, name="c"), L.GlobalMaxPooling1D()], name="cnn")
    layers = [L.Reshape((5, 6, 2), name="cut"), L.TimeDistributed(inner, name="each"), L.LSTM(2, name="lstm")]
    model = randomise(keras.Sequential([keras.Input((30, 2)), *layers]))
    assert [tap.name for tap in tsw.Probe(model).taps] == ["cut", "each", "lstm"]
    rows = across_channels(reshaped=True)
    assert not [tap.name for tap in tsw.Probe(rows).taps if tap.name.startswith("rows/")]


def test_every_map_among_the_test_models_is_drawn() -> None:
    maps = 0
    for name in ("images", "channel_mixing", "image_pooling", "conv_lstm1d"):
        found = case(name)
        with tsw.Explorer(found.model, found.x) as explorer:
            for tap in explorer._subject.taps.values():
                if tap.kind == "map":
                    explorer.layer, maps = tap.name, maps + 1
                    expected = found.expected(found.x)[tap.name][0]
                    np.testing.assert_allclose(explorer.data()["layer"], expected, atol=1e-5)
                    assert explorer._panel.layer._raster.image.visible
    assert maps >= 8


def test_a_layer_that_runs_with_a_row_for_each_step_is_explained() -> None:
    """Time folded into the samples by hand, faster than TimeDistributed: a picture would show the first step alone."""
    x = keras.Input((12, 3))
    rows = keras.ops.reshape(x, (-1, 3, 1))
    each = L.LSTM(2, name="each")(rows)
    steps = keras.ops.reshape(each, (-1, 12, 2))
    model = randomise(keras.Model(x, L.Dense(1, name="head")(steps)))
    with tsw.Explorer(model, series(2, 12, 3)) as explorer:
        explorer.layer = "each"
        assert explorer.data()["activation"] is None
        assert "12 rows for 1 sample" in explorer._panel.layer._caption.value
    with pytest.raises(ValueError, match="24 rows for 2 samples"):
        tsw.activations(model, series(2, 12, 3), "each")
