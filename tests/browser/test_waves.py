"""A person looks at one long wave: hovers, clicks, drags through 10,000 windows; removes filters, and cancels."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

import tswidgets as tsw
from tests.browser.geometry import drawn_points, in_data, plot_area
from tests.browser.lab import Lab, Notebook
from tests.browser.test_explorer import until

IMPORT = "import numpy as np, keras, tswidgets as tsw"
SINE = """
s = tsw.datasets.sine()
e = tsw.WindowExplorer(s.model, s.wave, window=100, horizon=1)
e.layer = "conv1d"
e
"""
WATCH = """
d = tsw.datasets.watch_exercises()
e = tsw.Explorer(d.model, d.X, d.y, class_names=d.class_names, panels=["ablation"])
e
"""
MANY = """
keras.utils.set_random_seed(5)
layers = keras.layers
model = keras.Sequential([keras.Input((100, 2)), layers.Conv1D(16, 9, strides=2), layers.Conv1D(8, 5, strides=2)])
wave = np.cumsum(np.random.default_rng(0).normal(size=(10_099, 2)), axis=0).astype("float32")
e = tsw.WindowExplorer(model, wave, sampling_rate=64)
e
"""


@pytest.fixture
def shown(notebook: Callable[..., Notebook]) -> Callable[..., Notebook]:
    def show(cell: str, figure: str, **options: Any) -> Notebook:
        book = notebook(IMPORT, cell, **options)
        book.figure(figure).first.wait_for(timeout=60_000)
        book.figure(figure).locator(".axis .tick").first.wait_for(timeout=30_000)
        book.kernel("list(e.data())")
        return book

    return show


def limits(book: Notebook, time_axis: str, value: str) -> tuple[list[float], list[float]]:
    return book.kernel(f"[{time_axis}.min, {time_axis}.max]"), book.kernel(f"[{value}.min, {value}.max]")


def point(book: Notebook, figure: str, x: float, y: float) -> tuple[float, float]:
    """A place on the page: shares of a figure's plot area."""
    left, top, width, height = plot_area(book.figure(figure))
    return left + x * width, top + y * height


@pytest.mark.slow
def test_the_folded_filter_is_drawn_and_the_pointer_tells_wave_window_and_step(shown: Any) -> None:
    book = shown(SINE, "windows")
    book.kernel("setattr(e, 'filter', 6)")
    expected = np.array(book.kernel("np.nan_to_num(e.data()['folded'][:299, 6])"))
    x, y = limits(book, "e._panel.time.scale", "e._panel.curve._value.scale")
    figure = book.figure("curve")

    def drawn() -> np.ndarray:
        return in_data(drawn_points(figure, 1), plot_area(figure), x, y)

    until(lambda: len(drawn()) == 299 and np.allclose(drawn()[:, 1], expected, atol=1e-5 * (y[1] - y[0])))
    dataset = tsw.datasets.sine()
    windows, _ = tsw.sliding_windows(dataset.wave, 100, horizon=1)
    answers = tsw.activations(dataset.model, windows, "conv1d").values
    readout = book.page.locator(".tsw-panel:visible .tsw-readout")
    book.page.mouse.move(*point(book, "windows", 53.5 / 300, 40.5 / 100))
    until(lambda: "window 53, step 40" in readout.inner_text())
    assert "Wave step 93" in readout.inner_text()
    assert f"filter 6 = {answers[53, 40, 6]:.3g}" in readout.inner_text()
    book.page.mouse.move(*point(book, "layer", 120.5 / 300, 2.5 / 8))
    until(lambda: "Wave step 120" in readout.inner_text())
    folded = tsw.fold_windows(answers)
    assert f"filter 2 = {folded[120, 2]:.3g}" in readout.inner_text()


@pytest.mark.slow
def test_a_window_is_chosen_by_click_and_marked_on_the_wave(shown: Any) -> None:
    book = shown(SINE, "windows")
    book.page.mouse.click(*point(book, "windows", 120.5 / 300, 0.5))
    until(lambda: book.kernel("e.sample") == 120)
    until(lambda: "Window 120: wave steps 120–219" in book.page.locator(".tsw-status").inner_text())
    book.page.mouse.move(5, 5)
    mark, (left, _, width, _) = book.figure("wave").locator(".tsw-window"), plot_area(book.figure("wave"))
    until(lambda: abs(mark.bounding_box()["x"] - (left + 120 / 300 * width)) < 1.5)
    assert mark.bounding_box()["width"] == pytest.approx(100 / 300 * width, abs=1.5)
    book.page.mouse.click(*point(book, "wave", 100.5 / 300, 0.5))
    until(lambda: book.kernel("e.sample") == 50)  # the window around that step
    book.page.mouse.click(*point(book, "layer", 0.5, 7.5 / 8))
    until(lambda: book.kernel("e.filter") == 7)
    book.page.keyboard.press("ArrowUp")
    until(lambda: book.kernel("e.filter") == 6)
    book.page.keyboard.press("ArrowRight")
    until(lambda: book.kernel("e.sample") == 51)
    assert not book.errors


@pytest.mark.slow
def test_ten_thousand_windows_are_decimated_and_say_so(shown: Any) -> None:
    book = shown(MANY, "windows", width=1600)
    until(lambda: book.kernel("e._panel.compute(e.selection).__next__().progress[0]") == 10_000, 60)
    captions = book.page.locator(".tsw-caption")
    until(lambda: "each column is the strongest of 7 windows" in " ".join(captions.all_inner_texts()))
    before = book.kernel("e.filter")
    book.drag("filter", 0.9)
    until(lambda: book.kernel("e.filter") != before)
    chosen = book.kernel("e.filter")
    expected = np.array(book.kernel(f"np.nan_to_num(e.data()['folded'][:, {chosen}])"))
    assert len(expected) == 10_099
    wave = book.figure("wave").bounding_box()
    assert {round(book.figure(name).bounding_box()["width"]) for name in ("curve", "layer", "windows")} == {
        round(wave["width"])
    }
    assert not book.errors


def test_filters_clicked_off_change_the_drawn_prediction_as_ablate_says(shown: Any) -> None:
    book = shown(SINE, "windows")
    book.page.get_by_role("button", name="Remove filters").click()
    switches = book.page.get_by_role("switch")
    until(lambda: switches.count() == 8)
    dataset = tsw.datasets.sine()
    windows, _ = tsw.sliding_windows(dataset.wave, 100, horizon=1)
    figure = book.figure("outcome")

    def drawn() -> np.ndarray:
        x, y = limits(book, "e._panel.time.scale", "e._panel.outcome.view._value.scale")
        return in_data(drawn_points(figure, 2), plot_area(figure), x, y)

    def is_drawn(removed: list[int]) -> None:
        until(lambda: book.kernel("e.removed") == removed)
        expected = tsw.ablate(dataset.model, windows, "conv1d", removed).after[:, 0]
        until(lambda: len(drawn()) == 200 and np.allclose(drawn()[:, 1], expected, atol=2e-5))
        assert drawn()[:, 0] == pytest.approx(np.arange(100, 300), abs=0.05)

    switches.nth(0).click()
    is_drawn([0])
    switches.nth(1).click()
    is_drawn([0, 1])
    until(lambda: "0.861" in " ".join(book.page.locator(".tsw-caption:visible").all_inner_texts()))
    switches.nth(1).press("ArrowRight")
    book.page.keyboard.press(" ")
    is_drawn([0, 1, 2])
    switches.nth(0).click()
    is_drawn([1, 2])
    assert switches.nth(1).get_attribute("aria-checked") == "false"
    assert switches.nth(3).get_attribute("aria-checked") == "true"
    book.page.get_by_role("button", name="All pairs").click()
    until(lambda: book.square("pairs").is_visible())
    left, top, width, height = plot_area(book.square("pairs"))
    until(lambda: np.isfinite(np.array(book.kernel("np.nan_to_num(e.data()['matrix'], nan=-1).tolist()"))).all())
    book.page.mouse.click(left + 5.5 / 8 * width, top + 3.5 / 8 * height)
    is_drawn([3, 5])
    assert not book.errors


@pytest.mark.slow
def test_cancel_stops_all_pairs_and_keeps_what_was_found(shown: Any) -> None:
    book = shown(WATCH, "input")
    book.page.get_by_role("button", name="All pairs").click()
    cancel = book.page.get_by_role("button", name="Cancel")
    cancel.wait_for(timeout=20_000)
    until(lambda: "left" in book.page.locator(".tsw-progress").inner_text())
    started = time.monotonic()
    cancel.click()
    until(lambda: "removals of conv1d_1 that were found stay" in book.page.locator(".tsw-status").inner_text())
    print(f"Cancel: {time.monotonic() - started:.2f} s from the click to the words")
    done = book.kernel("e._panel._ranking.found[1].done")
    assert 128 < done < 8256
    found = np.array(book.kernel("np.nan_to_num(e.data()['matrix'], nan=-1)"))
    assert (found >= 0).sum() == 128 + 2 * (done - 128)
    time.sleep(0.5)
    assert book.kernel("e._panel._ranking.found[1].done") == done
    assert cancel.is_hidden()
    dataset = tsw.datasets.watch_exercises()
    after = tsw.ablate(dataset.model, dataset.X, "conv1d_1", [0, 1]).after
    assert found[0, 1] == pytest.approx(after[np.arange(84), dataset.y].mean(), abs=1e-5)


NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02_one_long_wave.ipynb"
TICKS = "el => [...el.querySelectorAll('.tick')].map(t => [t.getAttribute('transform'), t.getScreenCTM().e])"


@pytest.mark.slow
def test_figures_drawn_out_of_sight_are_right_when_they_are_scrolled_to(lab: Lab, chrome: Browser) -> None:
    """JupyterLab skips cells that are out of sight; what bqplot did there meanwhile must count when they show."""
    shutil.copy(NOTEBOOK, lab.notebooks)
    book = lab.open_file(chrome, NOTEBOOK.name, width=1280, height=800)
    explorers = book.page.locator(".tsw-explorer")
    until(lambda: explorers.count() == 6, 120)
    book.kernel("strides.data()['run']")  # the last cell but one has run
    for i in range(6):
        explorers.nth(i).scroll_into_view_if_needed()
        figure = explorers.nth(i).locator(".tsw-figure:visible").first
        left = plot_area(figure)[0]

        def off() -> list[float]:
            """How far from its place each tick of the horizontal axis is shown, in pixels."""
            ticks = [(float(put.split("(")[1].split(",")[0]), x) for put, x in figure.evaluate(TICKS)]  # noqa: B023
            return [abs(x - left - across) for across, x in ticks if across]  # noqa: B023

        until(lambda: len(off()) > 2 and max(off()) < 1)
    assert not book.errors
    book.close()
