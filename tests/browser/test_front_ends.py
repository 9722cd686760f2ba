"""The same explorer in Notebook 7 and in Voila: keys on every slider, drawn as the probe computes it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

import tswidgets as tsw
from tests.browser.geometry import assert_same_curve, drawn_points, in_data, plot_area
from tests.browser.lab import Lab

ITS_OWN = (  # what Notebook 7.6 says of any notebook that is opened by its address
    "Cannot read properties of undefined (reading 'schema')",
    "Command 'filebrowser:open-path' not registered.",
)
SHOW = """
import tswidgets as tsw
d = tsw.datasets.watch_exercises()
tsw.Explorer(d.model, d.X, d.y, channel_names=d.channel_names, class_names=d.class_names)
"""


@pytest.fixture(scope="module")
def dataset() -> Any:
    return tsw.datasets.watch_exercises()


@pytest.fixture(params=["notebook", "voila"])
def page(request: Any, lab: Lab, chrome: Browser) -> Any:
    if request.param == "notebook":
        book = lab.open(chrome, SHOW, front_end="notebooks")
        yield book.page
        errors = book.errors
        book.close()
    else:
        opened, errors = lab.voila(chrome, SHOW), []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
        opened.close()
    assert [error for error in errors if error not in ITS_OWN] == []


def press(page: Page, slider: str, *keys: str) -> None:
    page.locator(f".tsw-{slider}-slider .noUi-handle").focus()
    for key in keys:
        page.keyboard.press(key)


def assert_shown(page: Page, dataset: Any, layer: str, filter: int, sample: int) -> None:
    page.locator(".tsw-caption", has_text=f"Filter {filter} of {layer} ·").wait_for()
    page.locator(".tsw-status", has_text=f"Sample {sample}: predicted").wait_for()
    found = tsw.activations(dataset.model, dataset.X[sample], layer)
    curve, figure = found.values[:, filter], page.locator(".tsw-curve.tsw-figure")
    drawn = in_data(drawn_points(figure, 1), plot_area(figure), [-0.5, 299.5], [0, 1])
    assert drawn[:, 0] == pytest.approx(found.time, abs=0.05)
    assert_same_curve(drawn[:, 1], curve)


def test_keys_move_every_slider(page: Page, dataset: Any) -> None:
    page.locator(".tsw-layer.tsw-figure .plotarea_events").first.wait_for(timeout=90_000)
    page.locator(".tsw-readout", has_text="Hover").wait_for()
    press(page, "filter", "Home", "ArrowRight", "ArrowRight")
    press(page, "sample", "End", "ArrowLeft")
    assert_shown(page, dataset, "conv1d_1", 2, 82)
    press(page, "layer", "Home")
    assert_shown(page, dataset, "conv1d", 2, 82)
    press(page, "filter", "PageUp")
    page.wait_for_function("() => +document.querySelector('.tsw-filter-slider .widget-readout').textContent > 2")
    chosen = int(page.locator(".tsw-filter-slider .widget-readout").inner_text())
    assert_shown(page, dataset, "conv1d", chosen, 82)
