"""A person looks at all filters at once: as curves, chosen by click and key, ordered, and 2,048 of them as rows."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from tests.browser.lab import Notebook
from tests.browser.test_explorer import until
from tests.browser.test_recurrent import choose

CELL = """
import keras, numpy as np, tswidgets as tsw
keras.utils.set_random_seed(2)
L = keras.layers
m = keras.Sequential([keras.Input((300, 3)), L.Conv1D(16, 9, name="small"), L.Conv1D(2048, 5, strides=3, name="wide"),
                      L.GlobalAveragePooling1D(), L.Dense(3)])
X = np.cumsum(np.random.default_rng(0).normal(size=(4, 300, 3)), axis=1).astype("float32") / 5
e = tsw.Explorer(m, X, sampling_rate=50.0)
e.layer = "small"
e
"""
PIXELS = """([x, y, width, height]) => {
    const canvas = document.querySelector('.tsw-gallery-list canvas');
    return [...canvas.getContext('2d').getImageData(x, y, width, height).data];
}"""
GAP, TOP, BELOW = 5, 11, 3  # a cell's curve within it, as js/src/gallery_draw.ts has it


@pytest.fixture
def book(notebook: Callable[..., Notebook]) -> Notebook:
    opened = notebook(CELL, width=1400, height=1500)
    opened.wait_for_explorer()
    choose(opened, "All filters as", "curves")
    until(lambda: opened.kernel("e.all_filters") == "curves")
    opened.page.locator(".tsw-gallery-chosen").wait_for()
    return opened


def told(book: Notebook) -> str:
    return book.page.locator(".tsw-gallery-told").inner_text()


def box(book: Notebook, what: str) -> list[float]:
    """x, y, width and height of a frame, seen from the list's upper left corner."""
    frame, list_ = (book.page.locator(f".tsw-gallery-{name}").bounding_box() for name in (what, "list"))
    return [frame["x"] - list_["x"], frame["y"] - list_["y"], frame["width"], frame["height"]]


def hover(book: Notebook, x: float, y: float) -> tuple[int, int, float]:
    """Filter, its step and its value that are read at a point of the list; the figures above show where that is."""
    corner = book.page.locator(".tsw-gallery-list").bounding_box()
    book.page.mouse.move(corner["x"] + x, corner["y"] + y)
    read = book.page.locator(".tsw-readout").first
    until(lambda: re.search(r"filter (\d+) =", read.inner_text()) is not None)
    until(lambda: re.search(r"filter (\d+) =", read.inner_text())[1] == re.match(r"Filter (\d+),", told(book))[1])
    assert book.figure("curve").locator(".tsw-cross").count() == book.figure("input").locator(".tsw-span").count() == 1
    step, number, value = re.match(r"Step (\d+) sees input .* · filter (\d+) = (\S+)", read.inner_text()).groups()
    return int(number), int(step), float(value.replace("−", "-"))


def drawn(book: Notebook, n_columns: int) -> np.ndarray:
    """Where the chosen filter's curve is in every column of its plot, as a share of its height: 0 at the bottom."""
    x, y, _, height = (round(number) for number in box(book, "chosen"))
    tall = height - TOP - BELOW
    pixels = book.page.evaluate(PIXELS, [x + GAP, y + TOP, n_columns, tall])
    red, _, blue, alpha = np.array(pixels, float).reshape(tall, n_columns, 4).transpose(2, 0, 1)
    ink = np.where(red > blue + 60, alpha, 0)  # neither the zero line nor the number
    return 1 - (ink * (np.arange(tall) + 0.5)[:, None]).sum(axis=0) / np.maximum(ink.sum(axis=0), 1e-9) / tall


def test_all_filters_at_once(book: Notebook) -> None:
    """In one notebook, since to open one takes longer than all of this."""
    curves_are_drawn_read_chosen_and_ordered(book)
    two_thousand_rows_are_scrolled_and_read(book)


def curves_are_drawn_read_chosen_and_ordered(book: Notebook) -> None:
    book.kernel("setattr(e, 'filter', 6)")
    values = np.array(book.kernel("e.data()['layer']"))
    low, high = book.kernel("e._panel.whole.gallery.span")
    cell = box(book, "chosen")
    n_columns = int(cell[2] - 2 * GAP)
    time = (np.arange(n_columns * 20) + 0.5) / (n_columns * 20) * 300 - 0.5
    fine = np.interp(time, np.arange(292) + 4, values[:, 6], left=np.nan, right=np.nan).reshape(n_columns, 20)
    inside = np.isfinite(fine).all(axis=1)
    expected = ((fine.max(axis=1) + fine.min(axis=1)) / 2 - low) / (high - low)

    def agree() -> bool:
        off = np.abs(drawn(book, n_columns) - expected)[inside] * (cell[3] - TOP - BELOW)
        return bool(np.quantile(off, 0.95) < 1.2)  # pixels

    until(agree)
    assert np.ptp(expected[inside]) * (cell[3] - TOP - BELOW) > 8  # it is no flat line

    filter, step, value = hover(book, cell[0] + 0.6 * cell[2], cell[1] + cell[3] / 2)
    assert filter == 6 and abs(step + 4 - 180) < 6
    assert value == pytest.approx(values[step, 6], rel=0.006, abs=0.006)
    filter, _, _ = hover(book, cell[0] + 1.5 * cell[2], cell[1] + cell[3] / 2)
    assert filter == 7
    book.page.mouse.down()
    book.page.mouse.up()
    until(lambda: book.kernel("e.filter") == 7)
    for key, expected_filter in (("ArrowRight", 8), ("End", 15), ("ArrowLeft", 14), ("Home", 0)):
        book.page.keyboard.press(key)
        until(lambda: book.kernel("e.filter") == expected_filter)  # noqa: B023
    choose(book, "Order", "most active first")
    order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")
    until(lambda: np.array_equal(np.frombuffer(bytes(book.kernel("list(e._panel.whole.gallery.order)")), "<i4"), order))
    book.page.locator(".tsw-gallery-list").focus()
    for key, place in (("Home", 0), ("ArrowRight", 1), ("End", 15)):
        book.page.keyboard.press(key)
        until(lambda: book.kernel("e.filter") == order[place])  # noqa: B023
    assert f"Filter {order[15]}, 16 of 16" in told(book)
    focused = "() => document.activeElement.className"
    assert "tsw-gallery-list" in book.page.evaluate(focused)
    book.page.keyboard.press("Escape")
    assert "tsw-gallery-list" not in book.page.evaluate(focused)


def two_thousand_rows_are_scrolled_and_read(book: Notebook) -> None:
    choose(book, "All filters as", "rows")
    choose(book, "Order", "by number")
    book.run("e.layer = 'wide'; e.filter = 2000")
    values = np.array(book.kernel("e.data()['layer'][:, 1990:]"))
    list_ = book.page.locator(".tsw-gallery-list")
    until(lambda: list_.evaluate("l => l.scrollHeight") >= 2048 * 13)
    until(lambda: 0 <= box(book, "chosen")[1] <= 420 - 13)
    x, y, width, _ = box(book, "chosen")
    filter, step, value = hover(book, x + 0.5 * width, y + 5)
    assert filter == 2000 and abs(3 * step + 6 - 150) < 3
    assert value == pytest.approx(values[step, 10], rel=0.006, abs=0.006)
    book.page.mouse.wheel(0, -260)  # twenty rows
    until(lambda: box(book, "chosen")[1] == pytest.approx(y + 260, abs=1))
    assert hover(book, x + 0.5 * width, y + 5)[0] == 1980
    colors = np.array(book.page.evaluate(PIXELS, [round(x + 0.5 * width), round(y + 5), 1, 1]))
    scale = book.kernel("e._panel.whole.gallery.colors")
    value = book.kernel(f"float(e.data()['layer'][{step}, 1980])")
    assert colors[3] == pytest.approx(abs(value) / scale[1] * 255, abs=4)
    assert (colors[0] > colors[2]) == (value > 0)
    book.page.mouse.down()
    book.page.mouse.up()
    until(lambda: book.kernel("[e.filter, e.step]") == [1980, step])
