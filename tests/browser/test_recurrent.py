"""A person looks inside an LSTM: colours of the units, the walk through time, ordering and choosing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tswidgets as tsw
from tests.browser.geometry import plot_area
from tests.browser.lab import Notebook
from tests.browser.test_attribution import pixels, warmth
from tests.browser.test_explorer import until

IMPORT = "import numpy as np, keras, tswidgets as tsw"
VOWELS = """
d = tsw.datasets.japanese_vowels()
names = dict(class_names=d.class_names, channel_names=d.channel_names)
e = tsw.Explorer(d.model, d.X, d.y, panels=["recurrent"], **names)
e
"""


@pytest.fixture
def book(notebook: Callable[..., Notebook]) -> Notebook:
    opened = notebook(IMPORT, VOWELS, width=1400, height=1500)
    opened.figure("layer").locator(".axis .tick").first.wait_for(timeout=60_000)
    until(lambda: opened.kernel("e.data()['so_far'] is not None"), 60)
    return opened


def choose(book: Notebook, label: str, option: str) -> None:
    book.page.locator(".tsw-actions .widget-dropdown", has_text=label).locator("select").select_option(option)


def test_the_first_ten_units_are_drawn_as_they_are(book: Notebook) -> None:
    """The heat map of the MATLAB page: hidden unit × time step."""
    d = tsw.datasets.japanese_vowels()
    longest = int(np.argmax([len(x) for x in d.X]))
    book.kernel(f"setattr(e, 'sample', {longest})")
    book.kernel("setattr(e, 'units', (0, 9))")
    h = tsw.recurrent_states(d.model, d.X[longest][None], "lstm").h[0]
    until(lambda: book.kernel("len(e.data()['order'])") == 10)
    until(lambda: "10 of 100 units" in " ".join(book.page.locator(".tsw-caption").all_inner_texts()))
    assert "0 – 9" in book.page.locator(".tsw-rows").inner_text()
    drawn = warmth(pixels(book, "layer"), (len(h), 10))
    chosen = book.kernel("e.filter")
    rows = [unit for unit in range(10) if abs(unit - chosen) > 1]  # the chosen row has lines around it
    assert np.corrcoef(drawn[:, rows].ravel(), h[:, rows].ravel())[0, 1] > 0.98


def test_walking_through_time(book: Notebook) -> None:
    d = tsw.datasets.japanese_vowels()
    expected = tsw.prediction_so_far(d.model, d.X[0]).values
    book.page.locator(".tsw-play button").first.click()
    seen: set[str] = set()

    def walked() -> bool:
        seen.add(book.page.locator(".tsw-summary h4").first.inner_text())
        return len([one for one in seen if "after step" in one]) >= 4

    until(walked, 30)
    book.page.locator(".tsw-play button").nth(0).click()  # pause
    book.kernel("setattr(e, 'current_step', 6)")
    until(lambda: "Prediction after step 6" in book.page.locator(".tsw-summary").first.inner_text())
    told = book.page.locator(".tsw-class.tsw-best").first.inner_text()
    assert d.class_names[int(expected[6].argmax())] in told
    assert f"{expected[6].max():.3g}" in told
    until(lambda: "Step 6 sees input steps 0–6" in book.page.locator(".tsw-readout").inner_text())


@pytest.mark.slow
def test_ordering_and_choosing_a_unit(book: Notebook) -> None:
    d = tsw.datasets.japanese_vowels()
    choose(book, "Units", "most active first")
    choose(book, "Show", "i, input gate")
    until(lambda: book.kernel("(e.unit_order, e.quantity)") == ["activity", "i"])
    found = tsw.recurrent_states(d.model, d.X[0][None], "lstm")
    order = np.argsort(-np.abs(found.i[0]).mean(axis=0), kind="stable")
    until(lambda: book.kernel("e.data()['order'].tolist()") == order.tolist())
    x, y, width, height = plot_area(book.figure("layer"))
    row = 70
    step = 4
    longest = max(len(one) for one in d.X)
    book.page.mouse.move(x + (step + 0.5) / longest * width, y + (row + 0.5) / 100 * height)
    value = f"{found.i[0][step, order[row]]:.3g}"
    until(lambda: f"unit {order[row]} = {value}" in book.page.locator(".tsw-readout").inner_text())
    book.page.mouse.down()
    book.page.mouse.up()
    until(lambda: book.kernel("e.filter") == order[row])
    assert book.kernel("e.current_step") == step
    until(lambda: f"Unit {order[row]} of lstm" in " ".join(book.page.locator(".tsw-caption").all_inner_texts()))
