"""A person opens an exported page from a file, with the network off, on a machine without a kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

import tswidgets as tsw
from tests.browser.geometry import assert_same_curve, drawn_points, in_data, plot_area

EVIL = '<img src=x onerror="window.executed = 1"></script><script>window.executed = 2</script>\'"&amp;'
SAMPLES = [4, 1]


@pytest.fixture(scope="module")
def explorer() -> Iterator[Any]:
    import keras

    keras.utils.set_random_seed(3)
    layers = [keras.Input((60, 2)), keras.layers.Conv1D(6, 5, name="early"), keras.layers.MaxPooling1D(3, name="pool")]
    model = keras.Sequential([*layers, keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2, "softmax")])
    X = np.random.default_rng(0).normal(size=(6, 60, 2)).astype(np.float32)
    names = {"channel_names": [EVIL, "b"], "class_names": [EVIL, "c"]}
    with tsw.Explorer(model, X, np.zeros(6, int), **names) as made:
        yield made


@pytest.fixture
def page(explorer: Any, chrome: Browser, tmp_path: Path) -> Iterator[Page]:
    explorer.layer = "early"
    explorer.to_html(tmp_path / "page.html", samples=SAMPLES, layers=["early", "pool"])
    context = chrome.new_context(offline=True, viewport={"width": 1280, "height": 900})
    opened, errors, asked = context.new_page(), [], []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto((tmp_path / "page.html").as_uri())
    opened.locator(".tsw-layer.tsw-figure .plotarea_events").wait_for(timeout=60_000)
    yield opened
    assert not errors
    assert [url for url in asked if not url.startswith(("blob:", "data:"))] == [(tmp_path / "page.html").as_uri()]
    assert opened.evaluate("window.executed") is None
    context.close()


def press(page: Page, slider: str, key: str) -> None:
    page.locator(f".tsw-{slider}-slider .noUi-handle").focus()
    page.keyboard.press(key)


def assert_curve(page: Page, explorer: Any, layer: str, filter: int, sample: int) -> None:
    """The curve in the page is what the layer answers, on the scale that its caption names."""
    caption = page.locator(".tsw-caption", has_text=f"Filter {filter} of {layer}")
    caption.wait_for()
    page.locator(".tsw-status", has_text=f"Sample {sample}: predicted").wait_for()
    found = tsw.activations(explorer._subject.model, explorer._subject.samples[sample], layer)
    curve, figure = found.values[:, filter], page.locator(".tsw-curve.tsw-figure")
    drawn = in_data(drawn_points(figure, 1), plot_area(figure), [-0.5, 59.5], [0, 1])
    assert drawn[:, 0] == pytest.approx(found.time, abs=1e-3)
    assert_same_curve(drawn[:, 1], curve)


def test_sliders_work_without_a_kernel(explorer: Any, page: Page) -> None:
    first = explorer.filter
    assert_curve(page, explorer, "early", first, 4)
    press(page, "sample", "ArrowRight")
    assert_curve(page, explorer, "early", first, 1)
    press(page, "filter", "Home")
    assert_curve(page, explorer, "early", 0, 1)
    press(page, "filter", "ArrowRight")
    assert_curve(page, explorer, "early", 1, 1)
    press(page, "layer", "ArrowRight")
    assert_curve(page, explorer, "pool", 1, 1)
    press(page, "sample", "ArrowLeft")
    assert_curve(page, explorer, "pool", 1, 4)

    layer = page.locator(".tsw-layer.tsw-figure")
    left, top, width, height = plot_area(layer)
    page.mouse.move(left + width / 2, top + height * 4.5 / 6)
    values = tsw.activations(explorer._subject.model, explorer._subject.samples[4], "pool").values
    said = page.locator(".tsw-readout").inner_text()
    assert "filter 4 = " in said
    step = int(said.split()[1])
    assert float(said.split("= ")[1].replace("−", "-")) == pytest.approx(values[step, 4], rel=5e-3)
    page.mouse.click(left + width / 2, top + height * 4.5 / 6)
    assert_curve(page, explorer, "pool", 4, 4)
    assert page.locator(".tsw-filter-slider .widget-readout").inner_text() == "4"
    assert EVIL in page.locator(".tsw-prediction").inner_text()


def test_all_filters_at_once_without_a_kernel(explorer: Any, page: Page) -> None:
    menu, order = (page.locator("select:visible").filter(has_text=word) for word in ("curves", "most active first"))
    menu.select_option("curves")
    order.select_option("most active first")
    values = tsw.activations(explorer._subject.model, explorer._subject.samples[4], "early").values
    most = int(np.abs(values).mean(axis=0).argmax())
    page.locator(".tsw-gallery-list").hover(position={"x": 100, "y": 20})
    page.locator(".tsw-gallery-told", has_text=f"Filter {most}, 1 of 6").wait_for()
    step, value = re.match(r"Step (\d+) sees .* = (\S+)", page.locator(".tsw-readout").inner_text()).groups()
    assert float(value.replace("−", "-")) == pytest.approx(values[int(step), most], rel=5e-3, abs=5e-4)
    press(page, "sample", "ArrowRight")
    page.locator(".tsw-status", has_text="Sample 1: predicted").wait_for()
    menu.select_option("rows")
    page.locator(".tsw-caption:visible", has_text="All 6 filters of early · 56 steps · most active first").wait_for()


def test_time_is_zoomed_without_a_kernel(page: Page) -> None:
    ticks = (
        "() => [...document.querySelectorAll('.tsw-layer.tsw-figure .axis text')].map(t => t.textContent).sort().join()"
    )
    before = page.evaluate(ticks)
    page.get_by_role("button", name="Zoom and pan").click()
    left, top, width, height = plot_area(page.locator(".tsw-layer.tsw-figure"))
    page.mouse.move(left + width / 2, top + height / 2)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"before => ({ticks})() !== before", arg=before)
    page.get_by_role("button", name="Whole series").click()
    page.wait_for_function(f"before => ({ticks})() === before", arg=before)
