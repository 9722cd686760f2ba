"""Layers with rows at each step, and a model whose inputs run along two time axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator

from tests.browser.geometry import drawn_points, in_data, plot_area
from tests.browser.lab import Notebook
from tests.browser.test_attribution import pixels, warmth
from tests.browser.test_explorer import until

ROWS = """
import keras, numpy as np, tswidgets as tsw
from keras import layers as L
keras.utils.set_random_seed(2)
stack = [L.Reshape((30, 6, 1)), L.Conv2D(3, (1, 3), name="across"), L.Flatten(), L.Dense(2)]
model = keras.Sequential([keras.Input((30, 6)), *stack])
X = np.random.default_rng(0).normal(size=(4, 30, 6)).astype("float32")
e = tsw.Explorer(model, X, panels=["activations"])
e.layer, e.filter = "across", 1
e
"""
TWO = """
import keras, numpy as np, tswidgets as tsw
from keras import layers as L
keras.utils.set_random_seed(0)
past, known = keras.Input((40, 3), name="past"), keras.Input((15, 2), name="known")
h, *state = L.LSTM(6, return_sequences=True, return_state=True, name="encoder")(past)
decoded = L.LSTM(6, return_sequences=True, name="decoder")(known, initial_state=state)
model = keras.Model([past, known], L.Dense(1, name="forecast")(decoded))
rng = np.random.default_rng(0)
X = [rng.normal(size=(5, 40, 3)).astype("float32"), rng.normal(size=(5, 15, 2)).astype("float32")]
e = tsw.Explorer(model, X, panels=["activations"])
e.layer = "decoder"
e
"""


def n_points(figure: Locator) -> int:
    """Of the longest line of a figure."""
    return max(len(drawn_points(figure, nth)) for nth in range(figure.locator("path.line").count()))


def test_a_filter_of_a_map_is_a_picture_and_a_click_chooses_a_row(notebook: Callable[..., Notebook]) -> None:
    book = notebook(ROWS, width=1400, height=1200)
    book.wait_for_explorer()
    values = np.asarray(book.kernel("e.data()['activation']"))  # (30, 4)
    drawn = warmth(pixels(book, "layer"), values.shape)
    rows = [2, 3]  # row 0 is chosen and has lines around it
    assert np.corrcoef(drawn[:, rows].ravel(), values[:, rows].ravel())[0, 1] > 0.98
    x, y, width, height = plot_area(book.figure("layer"))
    book.page.mouse.click(x + width * 12.5 / 30, y + height * 2.5 / 4)
    until(lambda: book.kernel("[e.row, e.filter, e.step]") == [2, 1, 12])
    assert f"row 2 = {values[12, 2]:.3g}".replace("-", "−") in book.page.locator(".tsw-readout").inner_text()
    figure = book.figure("curve")
    scale = book.kernel("[e._panel.curve._value.scale.min, e._panel.curve._value.scale.max]")
    until(
        lambda: np.allclose(
            in_data(drawn_points(figure, 1), plot_area(figure), [-0.5, 29.5], scale)[:, 1], values[:, 2], atol=1e-3
        )
    )
    book.page.keyboard.press("ArrowDown")
    until(lambda: book.kernel("e.row") == 3)


@pytest.mark.parametrize(
    ("width", "dark"), [(1400, False), pytest.param(700, True, marks=pytest.mark.slow)], ids=["wide", "narrow"]
)
def test_each_layer_stands_under_its_own_series(notebook: Callable[..., Notebook], width: int, dark: bool) -> None:
    book = notebook(TWO, width=width, height=1300, dark=dark)
    book.wait_for_explorer()
    visible = book.page.locator(".tsw-input.tsw-figure:visible")
    captions = book.page.locator(".tsw-caption:visible")
    assert visible.count() == 2
    assert captions.first.inner_text().startswith("Input known")
    until(lambda: n_points(visible.nth(0)) == 15)
    until(lambda: n_points(visible.nth(1)) == 40)
    x, y, wide, high = plot_area(visible.nth(0))
    book.page.mouse.move(x + wide * 7.5 / 15, y + high / 2)
    until(lambda: "Step 7 sees input steps 0–7" in book.page.locator(".tsw-readout:visible").inner_text())
    x, y, wide, high = plot_area(visible.nth(1))
    book.page.mouse.move(x + wide / 2, y + high / 2)  # another time: nothing is read of it
    until(lambda: "Hover to read values" in book.page.locator(".tsw-readout:visible").inner_text())
    book.drag("layer", 0.0)
    until(lambda: book.kernel("e.layer") == "encoder")
    until(lambda: captions.first.inner_text().startswith("Input past"))
    until(lambda: n_points(visible.nth(0)) == 40 and n_points(visible.nth(1)) == 15)
    left, *_ = plot_area(visible.nth(0))
    assert plot_area(book.page.locator(".tsw-layer.tsw-figure:visible"))[0] == left
