"""A person in JupyterLab: drags, keys, hovers and clicks; asserted on what the page draws and the kernel holds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tswidgets as tsw
from tests.browser.geometry import assert_same_curve, drawn_points, in_data, plot_area
from tests.browser.lab import KERNEL, Notebook
from tests.reference import conv1d

IMPORT = "import tswidgets as tsw"
SHOW = """
d = tsw.datasets.{}()
names = dict(channel_names=d.channel_names, class_names=d.class_names)
e = tsw.Explorer(d.model, d.X, d.y, **names, sampling_rate=d.sampling_rate)
e
"""
PROBED = "tsw.Probe(d.model).observe(d.X[e.sample][None])[e.layer][0]"
FILLS = "all => all.map(element => getComputedStyle(element).fill)"


@pytest.fixture
def explorer(notebook: Callable[..., Notebook]) -> Callable[..., Notebook]:
    def show(dataset: str, **options: Any) -> Notebook:
        opened = notebook(IMPORT, SHOW.format(dataset), **options)
        opened.wait_for_explorer()
        return opened

    return show


def until(check: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until what a person waits for is there."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.05)


def settled(book: Notebook) -> list[Any]:
    """[layer, filter, sample] once all that a drag sent has arrived; the kernel may answer questions before that."""
    seen: list[Any] = []

    def at_rest() -> bool:
        time.sleep(0.3)
        seen.append(book.kernel("[e.layer, e.filter, e.sample]"))
        return len(seen) > 1 and seen[-1] == seen[-2]

    until(at_rest)
    return seen[-1]


def limits(book: Notebook, view: str) -> tuple[list[float], list[float]]:
    scales = f"e._panel.{view}._value.scale"
    return book.kernel("[e._panel.time.scale.min, e._panel.time.scale.max]"), book.kernel(
        f"[{scales}.min, {scales}.max]"
    )


def assert_curve_is(book: Notebook, expected: np.ndarray, at: np.ndarray) -> None:
    """The path in the page runs through these values at these times, to 1e-5 of the scale's range."""
    book.kernel("e.data()['activation']")  # waits for the worker
    x, y = limits(book, "curve")
    figure = book.figure("curve")

    def drawn() -> np.ndarray:
        return in_data(drawn_points(figure, 1), plot_area(figure), x, y)

    until(lambda: len(drawn()) == len(expected) and np.allclose(drawn()[:, 1], expected, atol=1e-5 * (y[1] - y[0])))
    assert drawn()[:, 0] == pytest.approx(at, abs=1e-4 * (x[1] - x[0]))


def test_dragging_every_slider_draws_what_the_probe_returns(explorer: Any) -> None:
    book = explorer("watch_exercises")
    for slider, share in (
        ("filter", 0.8),
        ("sample", 0.5),
        ("layer", 0.0),
        ("filter", 0.1),
        ("sample", 1.05),
        ("layer", 0.7),
    ):
        before = book.kernel(f"getattr(e, '{slider}')")
        book.drag(slider, share)
        until(lambda: book.kernel(f"getattr(e, '{slider}')") != before)  # noqa: B023
        settled(book)
        assert_curve_is(
            book, np.array(book.kernel(f"{PROBED}[:, e.filter]")), np.array(book.kernel("e.data()['time'] / 50"))
        )
    assert book.kernel("e.sample") == 83
    assert book.kernel("e.layer == e.layers[round(0.7 * (len(e.layers) - 1))]")


def test_the_filter_is_drawn_while_the_kernel_is_busy_and_told_to_it_afterwards(explorer: Any) -> None:
    book = explorer("watch_exercises")
    values, at = np.array(book.kernel(PROBED)), np.array(book.kernel("e.data()['time'] / 50"))
    x, _ = limits(book, "curve")
    book.page.evaluate(
        f"() => {{ {KERNEL}.requestExecute({{ code: 'import time; time.sleep(8); slept = True', silent: true }}) }}"
    )
    book.drag("filter", 0.9)
    caption = book.page.locator(".tsw-caption", has_text=re.compile("^Filter")).inner_text()
    chosen = int(caption.split()[1])
    drawn = in_data(drawn_points(book.figure("curve"), 1), plot_area(book.figure("curve")), x, [0, 1])
    assert drawn[:, 0] == pytest.approx(at, abs=1e-3)
    assert_same_curve(drawn[:, 1], values[:, chosen])
    until(lambda: book.kernel("e.filter") == chosen)
    assert_curve_is(book, values[:, chosen], at)


@pytest.mark.slow
def test_the_page_says_when_the_kernel_is_gone(explorer: Any) -> None:
    book = explorer("watch_exercises")
    assert not book.page.locator(".tsw-gone").count()
    book.page.evaluate(f"() => {KERNEL}.restart()")
    book.page.locator(".tsw-gone", has_text="kernel").wait_for()
    book.drag("filter", 0.1)  # what the page holds is still drawn
    assert re.match(r"Filter 1\d of", book.page.locator(".tsw-caption", has_text=re.compile("^Filter")).inner_text())
    book.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    book.page.locator(".tsw-gone").wait_for(state="detached", timeout=60_000)
    book.wait_for_explorer()
    book.drag("sample", 0.5)
    until(lambda: book.kernel("e.sample") in range(38, 46))


@pytest.mark.slow
def test_one_convolution_is_drawn_as_plain_numpy_computes_it(explorer: Any) -> None:
    """No Keras and nothing of ours on the expected side."""
    dataset = tsw.datasets.watch_exercises()
    kernel, bias = dataset.model.get_layer("conv1d").get_weights()
    book = explorer("watch_exercises")
    book.drag("layer", 0.0)
    book.drag("sample", 0.3)
    layer, chosen, sample = settled(book)
    assert layer == "conv1d" and sample > 10
    expected = conv1d(dataset.X[sample], kernel, bias)[:, chosen]
    assert_curve_is(book, expected, (np.arange(292) + 4) / 50)


def test_an_lstm_over_series_of_different_lengths(explorer: Any) -> None:
    """Units as bars for the last output, a masked copy of the input with its own length, nothing beyond its end."""
    book = explorer("japanese_vowels")
    assert book.kernel("e.layer") == "lstm"
    for share in (0.9, 0.35):
        before = book.kernel("e.sample")
        book.drag("sample", share)
        until(lambda: book.kernel("e.sample") != before)  # noqa: B023
        settled(book)
        expected = np.array(book.kernel(PROBED))
        figure, scale = book.figure("layer"), "e._panel.layer._value.scale"
        y = book.kernel(f"[{scale}.min, {scale}.max]")

        def bars() -> np.ndarray:
            points = in_data(drawn_points(figure, 2), plot_area(figure), [-0.5, 99.5], y)  # noqa: B023
            return points.reshape(-1, 4, 2)

        until(lambda: np.allclose(bars()[:, 1, 1], expected, atol=1e-5 * (y[1] - y[0])))  # noqa: B023
        assert bars()[:, :, 0].mean(1) == pytest.approx(np.arange(100), abs=1e-3)
    before = book.kernel("e.filter")
    book.drag("filter", 0.2)
    until(lambda: book.kernel("e.filter") != before)
    book.drag("layer", 0.0)
    until(lambda: book.kernel("e.layer") == "masking")
    settled(book)
    values = np.array(book.kernel(f"{PROBED}[:, e.filter]"))
    assert_curve_is(book, values, np.arange(len(values)))
    _, _, width, _ = plot_area(book.figure("input"))
    last = drawn_points(book.figure("input"))[-1, 0]
    assert last == pytest.approx((len(values) - 0.5) / 29 * width, abs=0.5)  # the axis fits the longest series


@pytest.mark.slow
def test_keyboard_and_typing_reach_every_slider(explorer: Any) -> None:
    book = explorer("watch_exercises")
    for slider, key, step in (("filter", "ArrowRight", 1), ("sample", "ArrowRight", 1), ("layer", "ArrowLeft", -1)):
        index = "e.layers.index(e.layer)" if slider == "layer" else f"e.{slider}"
        before = book.kernel(index)
        book.page.locator(f".tsw-{slider}-slider .noUi-handle").focus()
        for _ in range(3):
            book.page.keyboard.press(key)
        until(lambda: book.kernel(index) == before + 3 * step)  # noqa: B023
    book.page.locator(".tsw-sample-slider .noUi-handle").focus()
    book.page.keyboard.press("End")
    until(lambda: book.kernel("e.sample") == 83)
    before = book.kernel("e.filter")
    book.page.locator(".tsw-filter-slider .noUi-handle").focus()
    book.page.keyboard.press("PageDown")
    until(lambda: book.kernel("e.filter") < before - 1)
    readout = book.page.locator(".tsw-sample-slider .widget-readout")
    readout.click()
    book.page.keyboard.press("Control+a")
    book.page.keyboard.type("42")
    book.page.keyboard.press("Enter")
    until(lambda: book.kernel("e.sample") == 42)


def test_hovering_shows_the_span_that_a_step_sees(explorer: Any) -> None:
    """conv1d_1: step i sees [5 i, 5 i + 52]; the box stands on those samples, edge to edge."""
    book = explorer("watch_exercises")
    x, y, width, height = plot_area(book.figure("curve"))
    book.page.mouse.move(x + width * 0.5, y + height / 2)
    span = book.page.locator(".tsw-span")
    span.wait_for()
    text = book.page.locator(".tsw-readout").inner_text()
    step, lo, hi = map(int, re.match(r"Step (\d+) sees input steps (\d+)–(\d+)", text).groups())
    assert (lo, hi) == (5 * step, 5 * step + 52)
    assert step == round((0.5 * 300 - 0.5 - 26) / 5)
    box = span.bounding_box()
    assert box["x"] == pytest.approx(x + lo / 300 * width, abs=1)
    assert box["width"] == pytest.approx(53 / 300 * width, abs=1)
    value = float(text.rsplit("= ", 1)[1].replace("−", "-"))
    assert value == pytest.approx(book.kernel(f"float(e.data()['activation'][{step}])"), rel=0.006, abs=0.006)
    values = book.page.locator(".tsw-channels output").all_inner_texts()
    read = [float(text.replace("−", "-")) for text in values]
    assert read == pytest.approx(book.kernel(f"d.X[e.sample][{round(0.5 * 300 - 0.5)}]"), rel=0.006, abs=0.006)
    book.page.mouse.move(x - 40, 5)
    until(lambda: span.count() == 0)
    assert book.kernel("e.step is None")


def test_clicking_the_layer_chooses_filter_and_step_and_arrow_keys_walk(explorer: Any) -> None:
    book = explorer("watch_exercises")
    x, y, width, height = plot_area(book.figure("layer"))
    book.page.mouse.click(x + width * 0.4, y + height * 96.5 / 128)
    until(lambda: book.kernel("[e.filter, e.step]") == [96, 19])
    book.page.mouse.move(x + width * 0.4, y - 400)
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        book.page.keyboard.press(key)
    until(lambda: book.kernel("[e.filter, e.step]") == [97, 21])
    assert "Step 21 sees input steps 105–157" in book.page.locator(".tsw-readout").inner_text()
    until(lambda: "conv1d_1 step 21 sees input 105–157" in book.page.locator(".tsw-status").inner_text())
    book.page.keyboard.press("Escape")
    until(lambda: book.kernel("e.step is None"))
    until(lambda: book.page.locator(".tsw-span").count() == 0)


@pytest.mark.slow
def test_all_figures_share_their_place_and_zoom_together(explorer: Any) -> None:
    book = explorer("watch_exercises")
    figures = [book.figure(name) for name in ("input", "curve", "layer")]
    edges = [(round(x, 2), round(x + width, 2)) for x, _, width, _ in map(plot_area, figures)]
    assert len(set(edges)) == 1
    x, y, width, height = plot_area(figures[0])
    home = book.kernel("e._panel.time.home")
    book.page.mouse.move(x + width / 2, y + height / 2)
    book.page.mouse.wheel(0, -300)  # a reader who scrolls must not zoom
    time.sleep(0.5)
    assert book.kernel("[e._panel.time.scale.min, e._panel.time.scale.max]") == home
    figures[0].scroll_into_view_if_needed()
    book.page.get_by_role("button", name="Zoom and pan").click()
    x, y, width, height = plot_area(figures[0])
    curve = drawn_points(figures[1], 1)
    book.page.mouse.move(x + width / 2, y + height / 2)
    book.page.mouse.wheel(0, -300)
    until(lambda: book.kernel("e._panel.time.scale.max - e._panel.time.scale.min") < 0.9 * (home[1] - home[0]))
    until(lambda: np.ptp(drawn_points(figures[1], 1)[:, 0]) > 1.1 * np.ptp(curve[:, 0]))
    book.page.mouse.dblclick(x + width / 2, y + height / 2)
    until(lambda: np.allclose(book.kernel("[e._panel.time.scale.min, e._panel.time.scale.max]"), home))
    until(lambda: np.allclose(drawn_points(figures[1], 1), curve, atol=0.01))


@pytest.mark.slow
def test_the_legend_brings_channels_forward(explorer: Any) -> None:
    book = explorer("japanese_vowels")
    book.page.locator(".tsw-legend input").fill("cepstrum 12")
    rows = book.page.locator(".tsw-channels button:visible")
    until(lambda: rows.count() == 1)
    rows.first.click()
    until(lambda: book.kernel("e._panel.series.legend.lifted") == [11])
    lines = book.figure("input").locator("path.line")
    until(lambda: lines.nth(0).evaluate("l => getComputedStyle(l).opacity") == "0.12")
    assert lines.nth(11).evaluate("l => getComputedStyle(l).opacity") == "1"
    book.page.keyboard.press("Escape")
    until(lambda: lines.nth(0).evaluate("l => getComputedStyle(l).opacity") == "1")


def test_an_error_is_shown_in_the_widget_and_the_next_change_recovers(explorer: Any) -> None:
    book = explorer("watch_exercises")
    book.run(
        "_probe = e._subject.probe\n_observe = _probe.observe\n"
        "def _fail(x): raise RuntimeError('no weights today')\n_probe.observe = _fail"
    )
    book.drag("sample", 0.5)
    alert = book.page.locator(".tsw-status [role=alert]")
    alert.wait_for()
    assert "no weights today" in alert.inner_text()
    book.run("e._subject.probe.observe = _observe")
    book.drag("sample", 0.9)
    until(lambda: alert.count() == 0)
    until(lambda: np.array_equal(book.kernel("e.data()['input']"), book.kernel("d.X[e.sample]")))


@pytest.mark.parametrize(
    "width, dark",
    [
        pytest.param(700, False, marks=pytest.mark.slow),
        (700, True),
        (1600, False),
        pytest.param(1600, True, marks=pytest.mark.slow),
    ],
)
def test_nothing_is_clipped_and_text_has_the_page_s_colour(explorer: Any, width: int, dark: bool) -> None:
    book = explorer("watch_exercises", width=width, dark=dark)
    root = book.page.locator(".tsw-explorer")
    frame = root.bounding_box()
    clipped = root.evaluate(
        """root => [...root.querySelectorAll('text, .widget-label, .widget-readout, button, select, .tsw-class span')]
        .filter(e => e.getClientRects().length && e.textContent.trim() && getComputedStyle(e).display !== 'none')
        .map(e => [e.textContent.trim(), e.getBoundingClientRect(), e.scrollWidth - e.clientWidth, e.tagName])
        .filter(([text, r, over, tag]) => r.left < root.getBoundingClientRect().left - 1
            || r.right > root.getBoundingClientRect().right + 1 || (tag !== 'text' && over > 1))
        .map(([text]) => text)"""
    )
    assert clipped == []
    side, figures = root.locator(".tsw-side").bounding_box(), root.locator(".tsw-figures").bounding_box()
    if width < 900:
        assert side["y"] >= figures["y"] + figures["height"] - 1
    else:
        assert side["x"] >= figures["x"] + figures["width"]
    assert plot_area(book.figure("input"))[2] > 0.5 * frame["width"]
    page_text = root.evaluate("r => getComputedStyle(r).color")
    assert set(root.locator("text.axislabel").evaluate_all(FILLS)) == {page_text}
    for shade in {page_text, *root.locator(".tick text").evaluate_all(FILLS)}:
        red, green, blue = map(int, re.findall(r"\d+", shade)[:3])
        assert (red + green + blue > 380) == dark


@pytest.mark.slow
def test_the_same_explorer_shown_twice_works_in_both_places(notebook: Callable[..., Notebook]) -> None:
    book = notebook(IMPORT, SHOW.format("watch_exercises"), "e", height=2400)
    book.wait_for_explorer()
    curves = book.figure("curve")
    until(lambda: curves.count() == 2 and all(len(drawn_points(curves.nth(i), 1)) == 50 for i in range(2)))
    x, y, width, height = plot_area(book.figure("layer").nth(1))
    book.page.mouse.click(x + width * 0.4, y + height * 64.5 / 128)
    until(lambda: book.kernel("e.filter") == 64)
    until(lambda: np.allclose(drawn_points(curves.nth(0), 1), drawn_points(curves.nth(1), 1), atol=0.5))
    until(lambda: book.page.locator(".tsw-span").count() == 2)


TRAIN = """
import keras, numpy as np
keras.utils.set_random_seed(1)
m = keras.Sequential([keras.Input((300, 6)), keras.layers.Conv1D(8, 9, name="conv"), keras.layers.ReLU(),
                      keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(7)])
m.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
d = tsw.datasets.watch_exercises()
e = tsw.Explorer(m, d.X, d.y)
e
"""
FIT = """
class Until(keras.callbacks.Callback):  # the slider has arrived; where it does not arrive meanwhile, all epochs
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = e.sample > 60 and epoch >= 20  # the first one takes as long as many, it is traced

n_epochs = 400
h = m.fit(d.X, d.y, epochs=n_epochs, batch_size=84, verbose=0, shuffle=False, callbacks=[Until()])
fitted = True
"""


def test_dragging_while_a_model_trains_disturbs_nothing_and_ends_right(notebook: Callable[..., Notebook]) -> None:
    """Whether or not events arrive during the cell: afterwards the slider, the trait and the new weights are shown."""
    book = notebook(IMPORT, TRAIN)
    book.wait_for_explorer()
    book.drag("sample", 0.1)  # JupyterLab opens its second way into the kernel when the first slider is moved
    until(lambda: book.kernel("e.sample") > 0)
    future = f"() => {{ {KERNEL}.requestExecute({{ code: {FIT!r} }}); }}"
    book.page.evaluate(future)
    for share in (0.2, 0.6, 0.9):
        book.drag("sample", share)
        time.sleep(0.3)
    until(lambda: book.kernel("fitted"), 120)
    assert settled(book)[2] > 60
    shown = int(book.page.locator(".tsw-sample-slider .widget-readout").inner_text())
    assert book.kernel("e.sample") == shown
    book.drag("filter", 0.9)
    settled(book)
    expected = "np.asarray(m.get_layer('conv')(d.X[e.sample][None]))[0, :, e.filter]"
    assert_curve_is(book, np.array(book.kernel(expected)), np.arange(292) + 4)
    losses = book.kernel("h.history['loss']")
    assert len(losses) > 20
    alone = TRAIN.replace("e = tsw.Explorer(m, d.X, d.y)\ne", "") + FIT.replace("400", str(len(losses)))
    assert book.run(alone.replace("e.sample > 60", "False")) == ""
    assert book.kernel("h.history['loss']") == losses
