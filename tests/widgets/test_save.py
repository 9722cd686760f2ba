"""A saved picture shows what is on screen, and says so in words that are text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tswidgets as tsw
from tswidgets.plots.still import sheet
from tswidgets.widgets.export import _on_screen

NAME = "$x_1$ <b>&"


@pytest.fixture(scope="module")
def explorer() -> Any:
    keras.utils.set_random_seed(1)
    layers = [
        keras.layers.Conv1D(4, 5, name="conv"),
        keras.layers.GlobalMaxPooling1D(),
        keras.layers.Dense(2, "softmax"),
    ]
    model = keras.Sequential([keras.Input((50, 2)), *layers])
    X = np.random.default_rng(0).normal(size=(3, 50, 2)).astype(np.float32)
    with tsw.Explorer(model, X, channel_names=[NAME, "b"], sampling_rate=10) as made:
        made.layer = "conv"
        yield made


def test_it_holds_the_values_that_are_shown(explorer: Any) -> None:
    explorer.filter, explorer.sample = 2, 1
    data = explorer.data()
    figures = list(_on_screen(explorer._panel.box))
    assert [said.split(" · ")[0] for said, _ in figures] == ["Input", "Filter 2 of conv", "All 4 filters of conv"]
    series, curve, layer = sheet(*figures).axes
    assert np.array_equal([line.get_ydata() for line in series.lines[:2]], data["input"].T)
    assert curve.lines[1].get_ydata() == pytest.approx(data["activation"])
    assert curve.lines[1].get_xdata() == pytest.approx(data["time"] / 10)
    (picture,) = layer.images
    assert picture.get_array().shape == (4, 46, 4)
    assert picture.get_extent() == pytest.approx([0.15, 4.75, 3.5, -0.5])
    assert layer.get_ylim() == pytest.approx((3.5, -0.5))
    assert {one.get_xlim() for one in (series, curve, layer)} == {(-0.05, 4.95)}


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_it_is_written_as_the_name_says(explorer: Any, tmp_path: Path, ending: str) -> None:
    path = explorer.save(tmp_path / f"picture.{ending}", width=800)
    raw = path.read_bytes()
    assert raw.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending])
    if ending == "png":
        with Image.open(path) as picture:
            assert picture.width == 800
    if ending == "svg":
        assert b"<b>&" not in raw  # a name is text


@pytest.mark.parametrize("panel", ["attribution", "maximization", "ablation"])
def test_other_panels_are_saved_too(explorer: Any, tmp_path: Path, panel: str) -> None:
    explorer.panel = panel
    try:
        assert list(_on_screen(explorer._panel.box))
        assert explorer.save(tmp_path / "picture.png").stat().st_size > 5000
    finally:
        explorer.panel = "activations"


def test_another_ending_is_refused(explorer: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Expected a file name that ends in one of \.png, \.svg, \.pdf; got 'a\.gif'"):
        explorer.save(tmp_path / "a.gif")
