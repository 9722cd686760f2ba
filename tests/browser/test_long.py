"""A series of a million steps in JupyterLab: a picture of it all, and the steps themselves where one looks closely."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from tests.browser.geometry import drawn_points, in_data, plot_area
from tests.browser.lab import Notebook
from tests.browser.test_explorer import limits, until

SHOW = """
import keras, numpy as np, tswidgets as tsw
keras.utils.set_random_seed(0)
layers = [keras.layers.Conv1D(3, 9, name="conv"), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)]
model = keras.Sequential([keras.Input((None, 2)), *layers])
X = np.random.default_rng(0).normal(size=(2, 1_000_000, 2)).astype("float32")
e = tsw.Explorer(model, X)
e.layer = "conv"
e
"""


@pytest.mark.slow
def test_zooming_in_shows_every_step(notebook: Callable[..., Notebook]) -> None:
    book = notebook(SHOW)
    book.wait_for_explorer()
    curve = book.figure("curve")
    until(lambda: 1000 < len(drawn_points(curve, 1)) < 10_000)
    assert (
        "lowest and highest of every" in book.page.locator(".tsw-caption", has_text=re.compile("^Filter")).inner_text()
    )
    book.page.get_by_role("button", name="Zoom and pan").click()
    x, y, width, height = plot_area(curve)
    book.page.mouse.move(x + width * 0.3, y + height / 2)

    def close() -> bool:
        book.page.mouse.wheel(0, -400)
        book.page.wait_for_timeout(200)
        return book.kernel("e._panel.time.scale.max - e._panel.time.scale.min") < 500

    until(close, 60)
    for sample in (0, 1):
        book.kernel(f"setattr(e, 'sample', {sample}) or e.data() and None")
        assert_every_step_is_drawn(book)


def assert_every_step_is_drawn(book: Notebook) -> None:
    curve, (span, heights) = book.figure("curve"), limits(book, "curve")
    first, last = int(np.ceil(span[0])), int(span[1])
    found = book.kernel(f"e.data()['activation'][{first - 4}:{last - 3}]")  # at the centres of 9 steps

    def drawn() -> np.ndarray:
        points = in_data(drawn_points(curve, 1), plot_area(curve), span, heights)
        return points[(points[:, 0] >= first - 0.01) & (points[:, 0] <= last + 0.01)]

    until(lambda: len(drawn()) == last - first + 1)
    until(lambda: np.allclose(drawn()[:, 1], found, atol=1e-4 * (heights[1] - heights[0])))
    assert np.round(drawn()[:, 0]) == pytest.approx(np.arange(first, last + 1))
