"""A person looks for the steps that are labelled wrong: lanes, values under the pointer, threshold, worst samples."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

import tswidgets as tsw
from tests.browser.geometry import drawn_points, plot_area
from tests.browser.lab import Notebook
from tests.browser.test_explorer import until
from tswidgets.plots.states import rgba
from tswidgets.widgets.views.steps import LANES

IMPORT = "import numpy as np, tswidgets as tsw"
SEGMENT = """
d = tsw.datasets.watch_segment()
e = tsw.Explorer(d.model, d.X, d.y, panels=["steps"], class_names=d.class_names, sampling_rate=d.sampling_rate)
e
"""
STEPS = 400


@pytest.fixture(
    params=[(1400, False), pytest.param((700, True), marks=pytest.mark.slow)], ids=["wide and light", "narrow and dark"]
)
def book(request: pytest.FixtureRequest, notebook: Callable[..., Notebook]) -> Notebook:
    width, dark = request.param
    opened = notebook(IMPORT, SEGMENT, width=width, height=1700, dark=dark)
    opened.figure("step-lanes").locator(".axis .tick").first.wait_for(timeout=60_000)
    opened.figure("step-output").locator("path.line").nth(1).wait_for(state="attached", timeout=30_000)
    opened.page.locator(".tsw-readout").first.wait_for(timeout=20_000)
    return opened


def lanes(book: Notebook) -> np.ndarray:
    """The colour of every lane at every step: ndarray of shape (4, STEPS, 3)."""
    x, y, width, height = plot_area(book.figure("step-lanes"))
    shot = book.page.screenshot(clip={"x": x, "y": y, "width": width, "height": height})
    picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), float)
    rows = ((np.arange(4) + 0.4) * len(picture) / 4).astype(int)
    columns = ((np.arange(STEPS) + 0.5) * picture.shape[1] / STEPS).astype(int)
    return picture[rows][:, columns]


def told(book: Notebook) -> np.ndarray:
    """Which lane says yes at which step, by its colour: bool ndarray of shape (4, STEPS)."""
    colors = np.array([rgba(color)[:3] for color in LANES.values()], float)
    return np.abs(lanes(book) - colors[:, None]).max(axis=2) < 12


def expected(threshold: float, sample: int) -> np.ndarray:
    d = tsw.datasets.watch_segment()
    found = tsw.score_steps(d.model, d.X, d.y, threshold=threshold)
    return np.stack([found.labels == 1, found.predicted == 1, found.missed, found.false])[:, sample]


def agree(book: Notebook) -> bool:
    """Whether the lanes are those of the function; at its edges a step may lie under the pixel of the next one."""
    threshold, sample = book.kernel("[e.threshold, e.sample]")
    wanted = expected(threshold, sample)
    return bool((told(book) == wanted).mean(axis=1).min() > 0.98)


def test_errors_are_seen_read_and_jumped_to(book: Notebook) -> None:
    d = tsw.datasets.watch_segment()
    found = tsw.score_steps(d.model, d.X, d.y)
    worst = int(found.worst[1])
    option = book.page.locator(".tsw-panel:visible select option", has_text=f"sample {worst} ·")
    option.click()
    until(lambda: book.kernel("e.sample") == worst)
    book.kernel("e.data()['iou']")
    assert book.kernel("e.data()['overall_iou']") == pytest.approx(found.overall_iou)
    until(lambda: agree(book))
    wrong = expected(0.5, worst)
    assert wrong[2].sum() > 5 and wrong[3].sum() > 5
    assert not (told(book)[2] & told(book)[3]).any()

    step = int(wrong[2].nonzero()[0][2])  # within a missed stretch
    x, y, width, height = plot_area(book.figure("step-lanes"))
    book.page.mouse.move(x + (step + 0.5) / STEPS * width, y + height / 2)
    rows = book.page.locator(".tsw-panel:visible .tsw-channels").first.locator("button")
    value = f"{found.outputs[worst, step, 0]:.3g}"
    until(lambda: value in rows.nth(0).inner_text())
    assert [rows.nth(i).inner_text().split()[-1] for i in range(1, 5)] == ["1", "0", "1", "0"]
    assert f"Step {step} " in book.page.locator(".tsw-readout").first.inner_text()
    areas = [plot_area(book.figure(name)) for name in ("input", "step-lanes", "step-output")]
    assert len({(area[0], area[2]) for area in areas}) == 1


def test_dragging_the_threshold_moves_what_is_predicted(book: Notebook) -> None:
    until(lambda: agree(book))
    before = told(book)
    height = book.page.locator(".tsw-explorer").bounding_box()["height"]
    book.drag("threshold", 0.05)
    until(lambda: book.kernel("e.threshold") < 0.1)
    until(lambda: agree(book))
    assert told(book)[1].sum() > before[1].sum()
    assert (told(book)[0] == before[0]).mean() > 0.99  # the label stays
    line = drawn_points(book.figure("step-output"), 0)
    _, _, _, area = plot_area(book.figure("step-output"))
    low, high = book.kernel("[e._panel.curves._value.scale.min, e._panel.curves._value.scale.max]")
    assert (1 - line[:, 1] / area) * (high - low) + low == pytest.approx(book.kernel("e.threshold"), abs=0.01)
    assert book.page.locator(".tsw-explorer").bounding_box()["height"] == height  # nothing jumps
