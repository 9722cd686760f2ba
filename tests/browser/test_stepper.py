"""A student slides a kernel along: by the slider, by arrow keys, by a click on the curve; the page shows the sum."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

import tswidgets as tsw
from tests.browser.geometry import plot_area
from tests.browser.lab import Notebook
from tests.browser.test_explorer import until

IMPORT = "import numpy as np, keras, tswidgets as tsw\nfrom keras import layers as L"
MODEL = """
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((40, 2)), L.Conv1D(4, 3, dilation_rate=2, activation="relu", name="conv"),
    L.MaxPooling1D(2, name="pool"), L.Conv1D(6, 5, bias_initializer="normal", name="deep"), L.LSTM(3, name="lstm")])
X = np.random.default_rng(0).normal(size=(3, 40, 2)).astype("f")
e = tsw.Explorer(model, X, panels=["activations", "stepper"])
e.layer, e.filter = "conv", 1
e
"""


def cells(book: Notebook) -> list[list[str]]:
    """The table of numbers: the three lines of each cell, and of the last in a row the sum."""
    rows = book.page.locator(".tsw-by-hand tbody tr").all()
    return [row.locator("td").all_inner_texts() for row in rows]


def number(text: str) -> float:
    return float(re.sub(r"[×= ]", "", text).replace("−", "-"))


def marked(book: Notebook) -> list[tuple[float, float]]:
    """Left and right of each box on the layer's input, in input steps."""
    x, _, width, _ = plot_area(book.figure("read"))
    found = book.figure("read").evaluate(
        "figure => [...figure.querySelectorAll('path.line')].map(line => [line, line.getBoundingClientRect()])"
        ".filter(([line, box]) => getComputedStyle(line).fill !== 'none' && box.height > 100)"
        ".map(([, box]) => [box.left, box.right])"
    )
    return sorted((40 * (left - x) / width - 0.5, 40 * (right - x) / width - 0.5) for left, right in found)


def shows(book: Notebook, step: int) -> bool:
    """Whether the page shows this step with its own numbers."""
    products = np.array(book.kernel(f"tsw.layer_step(model, X[0], 'conv', {step}, 1).products"))
    found = cells(book)
    if len(found) != 2 or any(len(row) != 4 for row in found):
        return False
    page = np.array([[number(cell.split("\n")[2]) for cell in row[:3]] for row in found])
    return bool(np.allclose(page, products.T, rtol=6e-3, atol=1e-6))


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_a_kernel_is_slid_along(notebook: Callable[..., Notebook], dark: bool) -> None:
    book = notebook(IMPORT, MODEL, width=1300, height=1500, dark=dark)
    book.page.get_by_role("button", name="Step by step").click(timeout=60_000)
    book.figure("read").locator(".axis .tick").first.wait_for(timeout=60_000)
    until(lambda: shows(book, 0))
    book.drag("step", 0.5)
    until(lambda: book.kernel("e.step") in range(15, 21))
    at = book.kernel("e.step")
    until(lambda: shows(book, at))
    book.page.locator(".tsw-step-slider .noUi-handle").press("ArrowRight")
    until(lambda: shows(book, at + 1))
    assert book.kernel("e.step") == at + 1
    boxes = marked(book)
    assert len(boxes) == 3
    for (left, right), step in zip(boxes, (at + 1, at + 3, at + 5), strict=True):
        assert (left, right) == pytest.approx((step - 0.5, step + 0.5), abs=0.15)
    x, y, width, height = plot_area(book.figure("curve").locator("visible=true"))
    book.page.mouse.click(x + (9 + 0.5) / 40 * width, y + height / 2)  # step 7 of a kernel that spans 5
    until(lambda: book.kernel("e.step") == 7)
    until(lambda: shows(book, 7))
    said = book.page.locator(".tsw-sum").inner_text()
    step = book.kernel("vars(tsw.layer_step(model, X[0], 'conv', 7, 1))")
    assert f"= {step['activation']:.3g}".replace("-", "−") in said and "relu(" in said
    book.run("e.layer = 'deep'")
    book.page.get_by_text("Kernel 4 channels").or_(book.page.locator(".tsw-by-hand")).first.wait_for()
    book.run("e.layer = 'lstm'; e.step = 4")
    until(lambda: "h = o" in book.page.locator(".tsw-sum").inner_text())
    assert book.page.locator(".tsw-grid img").count() == 2
    assert book.page.locator(".tsw-grid img").first.evaluate("image => image.complete && image.naturalWidth") == 6


@pytest.mark.slow
def test_an_exported_page_slides_without_a_kernel(chrome: Browser, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    evil = '<img src=x onerror="window.executed = 1">'
    conv, pool = keras.layers.Conv1D(4, 3, activation="relu", name="conv"), keras.layers.MaxPooling1D(2, name="pool")
    model = keras.Sequential([keras.Input((30, 2)), conv, pool])
    X = np.random.default_rng(0).normal(size=(2, 30, 2)).astype("f")
    with tsw.Explorer(model, X, channel_names=[evil, "b"], panels=["stepper"]) as explorer:
        explorer.layer, explorer.filter = "conv", 1
        explorer.to_html(tmp_path / "page.html")
    context = chrome.new_context(offline=True, viewport={"width": 1280, "height": 1100})
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    said, slider = page.locator(".tsw-sum"), page.locator(".tsw-step-slider .noUi-handle")
    said.wait_for(timeout=60_000)
    for step in (1, 2, 3):
        slider.press("ArrowRight")
        total = f"{tsw.layer_step(model, X[0], 'conv', step, 1).sum:.3g}".replace("-", "−")
        until(lambda total=total: f"sum of 6 products: {total} " in said.inner_text().replace("\xa0", " "))
    page.locator(".tsw-layer-slider .noUi-handle").press("ArrowRight")
    until(lambda: "largest of 2 values" in said.inner_text())
    assert page.evaluate("window.executed") is None and not errors
    context.close()
