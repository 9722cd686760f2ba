"""A person asks where the network looks: colours, values under the pointer, menus; a slow method, and Cancel."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

import tswidgets as tsw
from tests.browser.geometry import plot_area
from tests.browser.lab import Notebook
from tests.browser.test_explorer import until

IMPORT = "import numpy as np, keras, tswidgets as tsw"
WATCH = """
d = tsw.datasets.watch_exercises()
names = dict(class_names=d.class_names, channel_names=d.channel_names)
e = tsw.Explorer(d.model, d.X, d.y, panels=["attribution", "maximization"], **names)
e
"""


@pytest.fixture
def book(notebook: Callable[..., Notebook]) -> Notebook:
    opened = notebook(IMPORT, WATCH, width=1400, height=1500)
    opened.figure("attributed").first.wait_for(timeout=60_000)
    opened.figure("channel-raster").locator(".axis .tick").first.wait_for(timeout=30_000)
    until(lambda: opened.kernel("e.data()['trust'] is not None"), 60)
    return opened


def pixels(book: Notebook, figure: str) -> np.ndarray:
    """What a figure's plot area looks like: ndarray of shape (height, width, 3)."""
    x, y, width, height = plot_area(book.figure(figure))
    clip = {"x": x, "y": y, "width": width, "height": height}
    return np.asarray(Image.open(io.BytesIO(book.page.screenshot(clip=clip))).convert("RGB"), float)


def warmth(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """How much redder than blue each cell of a picture of (n_steps, n_channels) is, at its middle."""
    height, width, _ = picture.shape
    rows = ((np.arange(shape[1]) + 0.5) * height / shape[1]).astype(int)
    columns = ((np.arange(shape[0]) + 0.5) * width / shape[0]).astype(int)
    cells = picture[rows][:, columns]
    return (cells[..., 0] - cells[..., 2]).T


def test_colours_are_the_values_and_the_pointer_reads_them(book: Notebook) -> None:
    d = tsw.datasets.watch_exercises()
    values = tsw.integrated_gradients(d.model, d.X[0]).values
    np.testing.assert_allclose(np.array(book.kernel("e.data()['values']")), values, atol=1e-4)
    low, high = book.kernel("e._pictures['attribution'].span")
    most = max(-low, high)
    expected = np.clip(values / most, -1, 1)
    drawn = warmth(pixels(book, "channel-raster"), values.shape)
    strong, weak = np.abs(expected) > 0.5, np.abs(expected) < 0.02
    assert strong.sum() > 5
    assert (np.sign(drawn[strong]) == np.sign(expected[strong])).all()
    assert np.abs(drawn[weak]).mean() < 0.1 * np.abs(drawn[strong]).mean()
    assert np.corrcoef(drawn.ravel(), expected.ravel())[0, 1] > 0.98

    lanes = warmth(pixels(book, "attributed"), values.shape)  # half as strong, and lines on top
    assert np.corrcoef(lanes.ravel(), expected.ravel())[0, 1] > 0.3

    step, channel = np.unravel_index(np.abs(values).argmax(), values.shape)
    x, y, width, height = plot_area(book.figure("attributed"))
    book.page.mouse.move(x + (step + 0.5) / 300 * width, y + (channel + 0.5) / 6 * height)
    row = book.page.locator(".tsw-panel:visible .tsw-channels button").nth(int(channel))
    told = f"{values[step, channel]:.3g}".replace("-", "−")
    until(lambda: told in row.inner_text().replace("-", "−"))
    assert f"{d.X[0][step, channel]:.3g}".replace("-", "−") in row.inner_text().replace("-", "−")


@pytest.mark.slow
def test_menus_choose_method_target_and_layout(book: Notebook) -> None:
    menu = book.page.locator(".tsw-panel:visible select")
    before = pixels(book, "attributed")
    menu.first.select_option("Grad-CAM")
    until(lambda: book.kernel("e.method") == "grad_cam")
    book.figure("curve").wait_for()
    until(lambda: "Grad-CAM of conv1d_1" in " ".join(book.page.locator(".tsw-caption").all_inner_texts()))
    assert not book.figure("channel-raster").is_visible()
    d = tsw.datasets.watch_exercises()
    cam = tsw.grad_cam(d.model, d.X[0], 5, layer="conv1d_1")
    book.page.locator(".tsw-target-choice select").first.select_option(d.class_names[5])
    until(lambda: book.kernel("e.target") == 5)
    np.testing.assert_allclose(np.array(book.kernel("e.data()['own'][1]")), cam.values, atol=1e-5)
    until(lambda: book.page.locator(".tsw-class[aria-current='true']").first.inner_text().startswith(d.class_names[5]))
    assert np.abs(pixels(book, "attributed") - before).mean() > 1
    menu.nth(1).select_option("On one axis")
    until(lambda: book.kernel("e.channels") == "together")
    book.drag("sample", 0.5)
    until(lambda: book.kernel("e.sample") > 20)
    sample = book.kernel("e.sample")
    expected = tsw.grad_cam(d.model, d.X[sample], 5, layer="conv1d_1")
    until(lambda: np.allclose(np.array(book.kernel("e.data()['own'][1]")), expected.values, atol=1e-5))
    assert "sample" in book.page.locator(".tsw-status").inner_text().lower()


@pytest.mark.slow
def test_a_map_says_whether_to_believe_it(book: Notebook) -> None:
    strip = book.page.locator(".tsw-trust")
    told = book.kernel("e.data()['trust'].verdict")
    until(lambda: "Shuffled weights" in strip.inner_text())
    verdict = "do not believe" if told.startswith("Do not") else "nothing speaks against"
    until(lambda: verdict in book.page.locator(".tsw-status").inner_text())
    assert strip.locator("svg[role='img']").count() >= 4
    for label in strip.locator("svg[role='img']").evaluate_all("all => all.map(a => a.getAttribute('aria-label'))"):
        assert any(digit in label for digit in "0123456789")


@pytest.mark.slow
def test_a_slow_method_tells_how_far_it_is_and_can_be_cancelled(book: Notebook) -> None:
    book.run(
        "import time\nimport tswidgets.analysis.occlusion as o\nfrom tswidgets.probe.score import Score\n"
        "o.AT_ONCE, quick = 1, Score.of\nScore.of = lambda *given: (time.sleep(0.02), quick(*given))[1]"
    )
    book.page.locator(".tsw-panel:visible select").first.select_option("RISE")
    progress = book.page.locator(".tsw-progress")
    until(lambda: "runs" in progress.inner_text(), 20)
    book.page.get_by_role("button", name="Cancel").click()
    until(lambda: "Cancelled" in progress.inner_text(), 20)
    assert "being computed" in " ".join(book.page.locator(".tsw-caption").all_inner_texts())
    book.run("Score.of = quick")
    book.page.locator(".tsw-panel:visible select").first.select_option("Saliency (gradient)")
    until(lambda: book.kernel("e.data()['values'] is not None"))


@pytest.mark.slow
def test_the_optimised_input_is_drawn_while_it_climbs(book: Notebook) -> None:
    book.page.get_by_role("button", name="What it looks for").click()
    caption = book.page.locator(".tsw-caption", has_text="Optimised input")
    seen: set[str] = set()

    def done() -> bool:
        seen.add(caption.first.inner_text() if caption.count() else "")
        return any("iteration 100 of 100" in one for one in seen)

    until(done, 60)
    assert sum("of 100" in one for one in seen) >= 3  # it was drawn on the way
    found = np.array(book.kernel("e.data()['x']"))
    d = tsw.datasets.watch_exercises()
    best = tsw.Probe(d.model).logits(found[None].astype("float32"))[0]
    assert best.argmax() == book.kernel("e.data()['target']")
    assert best.max() > np.max(tsw.Probe(d.model).logits(d.X)[:, best.argmax()])
    assert "sample" in " ".join(
        book.page.locator(".tsw-caption", has_text="the real series most like it").all_inner_texts()
    )
