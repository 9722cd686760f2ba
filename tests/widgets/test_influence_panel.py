"""The panel of output time × input time, without a browser: what it shows is what the function returns."""

from __future__ import annotations

import io
from typing import Any

import ipywidgets
import keras
import numpy as np
import pytest
from PIL import Image

import tswidgets as tsw
from tests.models import randomise, series

L = keras.layers
X = series(4, 30, 3)


def explore(model: Any, *data: Any, **options: Any) -> tsw.Explorer:
    return tsw.Explorer(model, *data, panels=["influence"], **options)


@pytest.fixture(scope="module")
def labeller() -> keras.Model:
    layers = [L.Conv1D(4, 5, padding="same"), L.LSTM(5, return_sequences=True), L.Dense(3, "softmax")]
    return randomise(keras.Sequential([keras.Input((None, 3)), *layers]))


def test_it_is_what_the_function_finds(labeller: keras.Model) -> None:
    with explore(labeller, X) as explorer:
        found = tsw.time_influence(labeller, X[0])
        data = explorer.data()
        np.testing.assert_allclose(data["values"], found.values, atol=1e-6)
        assert data["verdict"] == found.verdict and "2 steps ahead" in found.verdict
        assert "2 steps ahead" in explorer._panel.verdict.value
        explorer.target, explorer.sample = 1, 2
        expected = tsw.time_influence(labeller, X[2], 1).values
        np.testing.assert_allclose(explorer.data()["values"], expected, atol=1e-6)


def test_a_row_is_an_output_step(labeller: keras.Model) -> None:
    """Chosen by number, from Python, or by a click in the picture; what it uses is the colour behind the input."""
    with explore(labeller, X) as explorer:
        assert explorer.data()["row"] == explorer.target_step == 15
        explorer.target_step = 22
        data, panel = explorer.data(), explorer._panel
        assert data["row"] == 22 and panel.cursor.filter == 22
        np.testing.assert_array_equal(np.frombuffer(panel.series.legend.quantity, np.float32), data["values"][22])
        panel.cursor.filter = 7
        assert explorer.target_step == 7 and panel.targets.step == 7


def test_more_output_steps_than_rows() -> None:
    model = randomise(keras.Sequential([keras.Input((None, 1)), L.LSTM(2, return_sequences=True), L.Dense(1)]))
    with explore(model, series(1, 450, 1)) as explorer:
        data = explorer.data()
        assert data["values"].shape == (200, 450)
        explorer.target_step = 399
        data = explorer.data()
        assert abs(int(data["output_steps"][data["row"]]) - 399) <= 2
        explorer._panel.cursor.filter = 20
        assert explorer.target_step == data["output_steps"][20]
        assert "No output step uses the future" in data["verdict"]


def test_a_flat_output_that_is_the_time_axis() -> None:
    model = randomise(keras.Sequential([keras.Input((12, 2)), L.LSTM(4), L.Dense(12, "sigmoid")]))
    x = series(2, 12, 2)
    assert "influence" not in tsw.Explorer(model, x).panels
    with explore(model, x, output_axis="time") as explorer:
        expected = tsw.time_influence(model, x[0], output_axis="time")
        np.testing.assert_allclose(explorer.data()["values"], expected.values, atol=1e-6)


def test_what_cannot_be_differentiated_is_said() -> None:
    layers = [L.Embedding(5, 3), L.LSTM(3, return_sequences=True), L.Dense(2)]
    model = randomise(keras.Sequential([keras.Input((9,), dtype="int32"), *layers]))
    with explore(model, np.ones((2, 9), int)) as explorer:
        assert explorer.data()["values"] is None
        assert "Expected" in explorer._panel.matrix._caption.value
        explorer.sample = 1
        assert explorer.data()["input"].shape == (9, 1)


def test_closing_leaves_nothing(labeller: keras.Model) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    explorer = explore(labeller, X)
    explorer.target_step = 3
    explorer.data()
    explorer.close()
    assert set(ipywidgets.widgets.widget._instances) <= before


def test_colours_behind_the_series_are_those_of_the_picture(labeller: keras.Model) -> None:
    """A row that is weak beside the others is faint in both places."""
    with explore(labeller, X) as explorer:
        panel = explorer._panel
        for step in (0, 20):
            explorer.target_step = step
            explorer.data()
            band, picture = (
                np.asarray(Image.open(io.BytesIO(raster.image.image.value)))
                for raster in (panel.series._band, panel.matrix._raster)
            )
            assert band.shape == (3, 30) and picture.shape == (30, 30)
            np.testing.assert_array_equal(band, np.repeat(picture[step][None], 3, axis=0))
