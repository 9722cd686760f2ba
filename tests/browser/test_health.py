"""A person looks for the layer that is bad: sees where it begins, and walks to it by hand and by keys."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator

import tswidgets as tsw
from tests.browser.lab import Notebook
from tests.browser.test_explorer import until

SETUP = """
import keras, numpy as np, tswidgets as tsw
L = keras.layers
keras.utils.set_random_seed(0)
look = dict(padding="same", activation="relu", kernel_initializer="he_normal")
convolutions = [L.Conv1D(16, 3, name=f"conv_{i}", **look) for i in range(50)]
model = keras.Sequential([keras.Input((20, 3)), *convolutions, L.GlobalAveragePooling1D(), L.Dense(2, name="out")])
_ = model.get_layer("conv_36").bias.assign(np.full(16, -99.0))
X = np.random.default_rng(0).normal(size=(40, 20, 3)).astype("float32")
"""
OPEN = """
e = tsw.Explorer(model, X, panels=["activations", "health"])
e.layer, e.panel = "conv_2", "health"
e
"""


def row(book: Notebook, name: str) -> Locator:
    return book.page.locator(f".tsw-health-row[role=option][aria-label*='{name},']")


def seen(book: Notebook, name: str) -> bool:
    """Whether a row lies within what the list shows."""
    whole, one = book.page.locator(".tsw-health-list").bounding_box(), row(book, name).bounding_box()
    return whole["y"] - 1 <= one["y"] and one["y"] + one["height"] <= whole["y"] + whole["height"] + 1


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_first_bad_layer_is_seen_and_walked_to(notebook: object, dark: bool) -> None:
    book: Notebook = notebook(SETUP, OPEN, width=1300, height=1100, dark=dark)  # type: ignore[operator]
    row(book, "conv_36").wait_for(timeout=90_000)
    assert book.page.locator(".tsw-health-row[role=option]").count() == 53
    assert "The first bad layer is conv_36" in book.page.locator(".tsw-verdict").inner_text()
    assert row(book, "conv_36").inner_text().startswith("▶")
    until(lambda: seen(book, "conv_36"))  # among 53 rows
    assert row(book, "conv_36").locator("svg .tsw-wrong").count() == 1
    assert row(book, "conv_37").locator("svg .tsw-before").count() == 1

    row(book, "conv_36").click()
    until(lambda: book.kernel("e.layer") == "conv_36")
    until(lambda: row(book, "conv_36").get_attribute("aria-selected") == "true")
    until(lambda: "conv_36" in book.page.locator(".tsw-layer-control .tsw-note").inner_text())
    for key, layer in (("ArrowDown", "conv_37"), ("ArrowUp", "conv_36"), ("End", "out"), ("Home", "conv_0")):
        book.page.keyboard.press(key)
        until(lambda layer=layer: book.kernel("e.layer") == layer)
        until(lambda layer=layer: seen(book, layer))
    active = book.page.locator(".tsw-health-list").get_attribute("aria-activedescendant")
    assert row(book, "conv_0").get_attribute("id") == active
    row(book, "X").click(force=True)  # the data are no layer
    assert book.kernel("e.layer") == "conv_0"

    book.run("model.get_layer('conv_36').bias.assign(np.zeros(16)); e.refresh()")
    until(lambda: "conv_36" not in book.page.locator(".tsw-verdict").inner_text())
    assert not row(book, "conv_36").inner_text().startswith("▶")
    width = book.page.locator(".tsw-health-row[role=option]").first.evaluate("row => row.scrollWidth - row.clientWidth")
    assert width <= 0


@pytest.mark.slow
def test_in_a_page_without_a_kernel_a_row_turns_the_page(chrome: Browser, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv1D(4, 3, activation="relu", name=name) for name in ("first", "second")]
    model = keras.Sequential([keras.Input((20, 3)), *layers, keras.layers.Dense(2, name="out")])
    model.get_layer("second").bias.assign(np.full(4, -99.0))
    X = np.random.default_rng(0).normal(size=(40, 20, 3)).astype("float32")
    with tsw.Explorer(model, X, panels=["health"]) as explorer:
        explorer.to_html(tmp_path / "page.html", samples=[0])
    page = chrome.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    rows = page.locator(".tsw-health-row[role=option]")
    rows.nth(3).wait_for(timeout=30_000)
    assert "The first bad layer is second" in page.locator(".tsw-verdict").inner_text()
    rows.nth(1).click()
    until(lambda: rows.nth(1).get_attribute("aria-selected") == "true")
    assert "first" in page.locator(".tsw-layer-control .tsw-note").inner_text()
    page.close()
