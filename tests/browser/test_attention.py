"""A person looks at what a decoder's steps attend to: opens the tab, points at a score, clicks a row, picks a head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.browser.geometry import plot_area
from tests.browser.lab import Notebook
from tests.browser.test_attribution import pixels, warmth
from tests.browser.test_explorer import until

IMPORT = "import numpy as np, keras, tswidgets as tsw\nfrom keras import layers as L"
FORECASTER = """
keras.utils.set_random_seed(0)
past, known = keras.Input((40, 2), name="past"), keras.Input((12, 1), name="known")
h, *states = L.LSTM(6, return_sequences=True, return_state=True, name="encoder")(L.Conv1D(6, 4, strides=4)(past))
decoded = L.LSTM(6, return_sequences=True, name="decoder")(known, initial_state=states)
looked = L.MultiHeadAttention(2, 8, kernel_initializer=keras.initializers.RandomNormal(0, 2), name="look")(decoded, h)
model = keras.Model({"past": past, "known": known}, L.Dense(1, name="forecast")(looked))
rng = np.random.default_rng(0)
X = {"past": rng.normal(size=(4, 40, 2)), "known": rng.normal(size=(4, 12, 1))}
e = tsw.Explorer(model, X)
e
"""
QUERIES, KEYS = 12, 10


def opened(notebook: Callable[..., Notebook], **options: Any) -> tuple[Notebook, np.ndarray]:
    """The panel, and the scores that the function finds: (n_heads, n_query_steps, n_key_steps)."""
    book = notebook(IMPORT, FORECASTER, width=1400, height=1500, **options)
    book.page.get_by_role("button", name="What attends to what").click(timeout=60_000)
    until(lambda: "query step 0 looks" in " ".join(book.page.locator("[role=status]").all_inner_texts()), 60)
    book.figure("attention").locator(".axis .tick").first.wait_for(timeout=60_000)
    scores = book.kernel("tsw.attention_scores(model, {k: v[:1].astype('f') for k, v in X.items()}, 'look').scores[0]")
    return book, np.array(scores)


def spot(book: Notebook, query: int, key: int) -> tuple[float, float]:
    """Where on the page a score is: keys stand at the centres of four input steps each."""
    x, y, width, height = plot_area(book.figure("attention"))
    return x + (4 * key + 2) / 40 * width, y + (query + 0.5) / QUERIES * height


def readout(book: Notebook) -> str:
    return " ".join(book.page.locator(".tsw-readout").all_inner_texts())


def test_what_a_decoder_looks_at(notebook: Callable[..., Notebook]) -> None:
    book, scores = opened(notebook)
    mean = scores.mean(axis=0)
    book.page.mouse.move(*spot(book, 7, 3))
    words = f"Key step 3 sees input steps 0–15 · query step 7 = {mean[7, 3]:.3g}"
    until(lambda: words in readout(book))
    book.page.mouse.down()
    book.page.mouse.up()
    until(lambda: book.kernel("e.query_step") == 7)
    until(lambda: "query step 7 looks" in " ".join(book.page.locator("[role=status]").all_inner_texts()))
    book.page.keyboard.press("ArrowDown")
    until(lambda: book.kernel("e.query_step") == 8)
    captions = " ".join(book.page.locator(".tsw-caption").all_inner_texts())
    assert "Input past" in captions and "Input known" in captions


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_the_colours_are_the_scores_of_the_chosen_head(notebook: Callable[..., Notebook], dark: bool) -> None:
    book, scores = opened(notebook, dark=dark)
    menu = book.page.locator(".tsw-actions .widget-dropdown", has_text="Head").locator("select")
    for option, head in (("head 1", 1), ("head 0", 0)):
        menu.select_option(option)
        until(lambda head=head: book.kernel("e.head") == head)
        until(lambda option=option: option in " ".join(book.page.locator(".tsw-caption").all_inner_texts()))
        drawn = warmth(pixels(book, "attention"), (40, QUERIES))
        rows = [query for query in range(QUERIES) if query > 1]  # the chosen row has lines around it
        painted = drawn[2::4][:, rows].ravel()
        assert np.corrcoef(painted, scores[head].T[:, rows].ravel())[0, 1] > 0.97
