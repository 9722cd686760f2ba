"""Markup in names, two explorers on a model, one closed at work, an interrupt, a lost connection: in JupyterLab."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.browser.geometry import assert_same_curve, drawn_points
from tests.browser.lab import KERNEL, Notebook
from tests.browser.test_explorer import until

SHOW = """
import keras, numpy as np, tswidgets as tsw
evil = "<img src=x onerror='window.executed = 1'></div><script>window.executed = 2</script>\\"&amp;"
keras.utils.set_random_seed(0)
layers = [keras.layers.Conv1D(5, 5, name="conv <i>&"), keras.layers.GlobalAveragePooling1D()]
model = keras.Sequential([keras.Input((60, 2)), *layers, keras.layers.Dense(2, "softmax")], name="m")
X = np.random.default_rng(0).normal(size=(9, 60, 2)).astype("float32")
e = tsw.Explorer(model, X, np.zeros(9, int), channel_names=[evil, "x" * 100_000], class_names=[evil, "ü µ 层 \\u202e"])
e.layer = "conv <i>&"
e
"""
CURVES = "[...document.querySelectorAll('.tsw-curve.tsw-figure')]"
READ = f"{CURVES}.map(figure => figure.querySelectorAll('path.line')[1].getAttribute('d'))"


@pytest.mark.slow
def test_markup_in_names_is_text_in_every_panel(notebook: Callable[..., Notebook]) -> None:
    book = notebook(SHOW)
    said: list[str] = []
    book.page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    book.wait_for_explorer()
    tabs = book.page.locator(".tsw-tabs button").all()
    for tab in tabs:
        tab.click()
        book.run("e.data()")
        book.page.wait_for_timeout(300)
        for figure in book.page.locator(".tsw-figure:visible").all()[:2]:
            figure.hover()
    tabs[0].click()
    book.page.locator(".tsw-channels button").first.hover()
    assert book.page.locator("text=<img src=x").first.is_visible()
    assert book.page.evaluate("window.executed") is None
    assert said == []  # such as of a label that is moved to the end of a line that ends in a gap
    width = book.page.evaluate("document.querySelector('.tsw-explorer').scrollWidth")
    assert width <= book.page.evaluate("document.querySelector('.tsw-explorer').clientWidth") + 1


@pytest.mark.slow
def test_one_shown_twice_and_another_on_the_same_model(notebook: Callable[..., Notebook]) -> None:
    book = notebook(SHOW, "e", "two = tsw.Explorer(model, X); two.layer = e.layer; two.filter = 0; two")
    book.page.wait_for_function("document.querySelectorAll('.tsw-explorer').length === 3")
    book.page.wait_for_function(f"{READ}.length === 3 && {READ}.every(path => path?.length > 50)")
    one, same, other = book.page.evaluate(READ)
    assert one == same
    book.page.locator(".tsw-filter-slider .noUi-handle").nth(1).focus()
    book.page.keyboard.press("End")
    book.page.wait_for_function(f"before => {READ}[0] !== before && {READ}[0] === {READ}[1]", arg=one)
    assert book.page.evaluate(READ)[2] == other
    book.page.wait_for_function("document.querySelector('.tsw-filter-slider .widget-readout').textContent === '4'")
    assert book.kernel("[e.filter, two.filter]") == [4, 0]


@pytest.mark.slow
def test_closed_while_computing_it_disappears_and_the_other_goes_on(notebook: Callable[..., Notebook]) -> None:
    book = notebook(SHOW, "two = tsw.Explorer(model, X); two")
    book.page.wait_for_function("document.querySelectorAll('.tsw-explorer').length === 2")
    book.run(
        "import time\nsound = e._compute\n"
        "def slow(*a):\n    time.sleep(1)\n    return sound(*a)\n"
        "e._refresher.compute = slow\ne.sample = 3\ntime.sleep(0.2)\ne.close()"
    )
    book.page.wait_for_function("document.querySelectorAll('.tsw-explorer').length === 1")
    book.run("import gc, weakref; model_alive = weakref.ref(model); del e, model; gc.collect(); two.sample = 5")
    book.page.locator(".tsw-status", has_text="Sample 5").wait_for()
    assert book.kernel("model_alive() is not None")  # the other one still looks at it


@pytest.mark.slow
def test_an_error_is_shown_and_the_next_change_recovers(notebook: Callable[..., Notebook]) -> None:
    book = notebook(SHOW)
    book.wait_for_explorer()
    book.run(
        "sound = e._compute\n"
        "def fail(*a): raise ValueError('Expected <b>weights</b>; got none.')\n"
        "e._refresher.compute = fail\ne.sample = 1"
    )
    book.page.locator(".tsw-status", has_text="Expected <b>weights</b>; got none.").wait_for()
    book.run("e._refresher.compute = sound\ne.sample = 2")
    book.page.locator(".tsw-status", has_text="Sample 2").wait_for()


@pytest.mark.slow
def test_an_interrupted_cell_leaves_the_explorer_working(notebook: Callable[..., Notebook]) -> None:
    book = notebook(SHOW)
    book.wait_for_explorer()
    book.drag("sample", 0.3)  # JupyterLab opens its second way into the kernel when the first slider is moved
    book.page.evaluate(f"() => {{ {KERNEL}.requestExecute({{ code: 'import time; time.sleep(120)' }}); }}")
    book.drag("sample", 0.6)
    book.page.evaluate(f"() => {KERNEL}.interrupt()")
    book.drag("sample", 1)
    book.page.locator(".tsw-status", has_text="Sample 8").wait_for()
    assert book.kernel("e.sample") == 8
    values = np.array(book.kernel("e.data()['activation']"))
    assert_same_curve(drawn_points(book.figure("curve"), 1)[:, 1] * -1, values)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["reconnect", "reload"])
def test_the_explorer_works_after_the_page_lost_the_kernel(notebook: Callable[..., Notebook], how: str) -> None:
    book = notebook(SHOW)
    book.wait_for_explorer()
    book.drag("sample", 0.3)
    if how == "reconnect":
        book.page.evaluate(f"() => {KERNEL}.reconnect()")
    else:
        book.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        book.page.reload()
        book.wait_for_explorer()
    assert not book.page.locator(".tsw-gone").count()
    book.drag("sample", 1)
    book.page.locator(".tsw-status", has_text="Sample 8").wait_for()
    book.drag("filter", 1)
    book.page.locator(".tsw-caption", has_text="Filter 4 of").wait_for()
    until(lambda: book.kernel("[e.sample, e.filter]") == [8, 4])
    values = np.array(book.kernel("e.data()['activation']"))
    assert_same_curve(drawn_points(book.figure("curve"), 1)[:, 1] * -1, values)
