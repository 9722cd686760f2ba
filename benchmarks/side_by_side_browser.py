"""The rows of `side_by_side.py` that a hand feels: our sliders and `interact`'s, in one page of a real JupyterLab.

Theirs is what the documents do by hand, a `keras.Model` up to a layer, `predict` and `plt.plot`, under sliders made by
`interact`. Ours paints the input, the filter, all filters and the answer, theirs one curve. A time runs from the key,
or from running the cell, until a frame with another picture is on the screen: of ours the curve's path, of theirs the
image.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from browser import FILTER, jupyterlab, key_times
from timing import Pair, equal, in_turn

from tests.browser.geometry import assert_same_curve, drawn_points
from tests.browser.lab import Notebook

WARM_UP = 2
LOAD = """
import keras, numpy as np, tswidgets as tsw
d = tsw.datasets.watch_exercises()
model = d.model
"""
EXPLORER = """
X, y = d.X[{0}:], d.y[{0}:]
e = tsw.Explorer(model, X, y, channel_names=d.channel_names, class_names=d.class_names)
e
"""
INTERACT = """
%matplotlib inline
import matplotlib.pyplot as plt
from ipywidgets import IntSlider, interact
X = d.X[{0}:]
hidden = keras.Model(model.inputs[0], model.get_layer('conv1d_1').output)
def curve(values, title):
    plt.plot(values)
    plt.title(title)
    plt.show()
def show(filter, sample):
    drawn['by-hand'] = hidden.predict(X[[sample]], verbose=0)[0, :, filter]
    curve(drawn['by-hand'], f'sample {{sample}}, filter {{filter}}')
drawn = {{}}
by_hand = interact(show, filter=IntSlider(50, 0, 127), sample=IntSlider(0, 0, len(X) - 1)).widget
"""
# The same with less to do: values that were computed before, models that were made and run before; and with more.
OTHERS = """
values, names = hidden.predict(X[[0]], verbose=0)[0], [layer.name for layer in model.layers]
kept_models = [keras.Model(model.inputs[0], layer.output) for layer in model.layers]
def stored(filter):
    drawn['stored'] = values[:, filter]
    curve(drawn['stored'], f'filter {filter}')
def layer_of(model, layer):
    values = model.predict(X[[e.sample]], verbose=0)[0]
    curve(values[:, 50] if values.ndim == 2 else values, names[layer])
def kept(layer):
    layer_of(kept_models[layer], layer)
def anew(layer):
    layer_of(keras.Model(model.inputs[0], model.layers[layer].output), layer)
for one in kept_models:
    one.predict(X[[0]], verbose=0)
sliders = [interact(stored, filter=IntSlider(50, 0, 127)).widget]
sliders += [interact(way, layer=IntSlider(4, 0, len(names) - 1)).widget for way in (kept, anew)]
for name, one in zip(('by-hand', 'stored', 'kept', 'anew'), (by_hand, *sliders)):
    one.add_class(name)
    for slider in one.children[:-1]:
        slider.add_class(f'{name}-{slider.description}')
"""
# A layer's caption and paths: two layers can draw one path each and differ in the axis only.
LAYER = f"{FILTER} + [...document.querySelectorAll('.tsw-curve path, .tsw-layer path')].map(p => p.getAttribute('d'))"
CURVE = "document.querySelectorAll('.tsw-curve path.line')[1].getAttribute('d')"
# The last image that was complete: `interact` takes the old one away before the new one is there.
# What is compared in the kernel: where the sliders stand, and every layer of the sample.
AT = "[e.filter, e.sample, *(slider.value for slider in by_hand.children[:2])]"
LAYERS = """{layer.name: float(abs(seen - one.predict(X[[e.sample]], verbose=0)[0]).max() / abs(seen).max())
    for layer, one in zip(model.layers, kept_models)
    if setattr(e, 'layer', layer.name) is None for seen in [e.data()['layer']]}"""
IMAGE = """((all, image) => all[{0!r}] = image?.complete && image.naturalWidth ? image.src : all[{0!r}])
    (window.images ??= {{}}, document.querySelector('.{0} img'))"""
# A new cell below the others: milliseconds from running it until `drawn` says yes of it, and that is on the screen.
RUN_CELL = """async ([code, drawn]) => {
    const { commands, shell } = window.jupyterapp, notebook = shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.length - 1;
    await commands.execute('notebook:insert-cell-below');
    const [cell, test] = [notebook.activeCell, new Function('cell', 'return ' + drawn)];
    cell.model.sharedModel.setSource(code);
    await new Promise(done => setTimeout(done, 500));
    const started = performance.now();
    commands.execute('notebook:run-cell');
    do {
        await new Promise(requestAnimationFrame);
        await new Promise(done => setTimeout(done, 0));
        if (performance.now() - started > 60000) throw new Error(cell.node.textContent);
    } while (!test(cell.node));
    return await new Promise(requestAnimationFrame) - started;
}"""
EXPLORER_DRAWN = """(figures => figures.length >= 3 && figures.every(figure =>
    figure.querySelector('.plotarea_events')?.getAttribute('width') > 0 && figure.querySelector('.axis .tick')
    && ([...figure.querySelectorAll('path.line')].some(path => path.getAttribute('d')?.length > 100)
        || figure.querySelector('image')?.getAttribute('href'))))([...cell.querySelectorAll('.tsw-figure')])"""
IMAGE_DRAWN = "(image => image?.complete && image.naturalWidth > 0)(cell.querySelector('img'))"


def in_browser(quick: bool) -> Iterator[Pair]:
    yield from sliders(2 if quick else 12)
    yield from openings(1 if quick else 3)


def sliders(rounds: int) -> Iterator[Pair]:
    """Keys on our sliders and on theirs, in turn, in one page."""
    with jupyterlab() as notebook:
        book = notebook(LOAD, EXPLORER.format(0), INTERACT.format(0), OTHERS, height=3000)
        book.page.locator(".anew img").wait_for(timeout=60_000)
        book.run("e.filter = 50")
        book.page.wait_for_timeout(1000)
        by_hand, stored = "`predict` and `plt.plot` under `interact`", "`plt.plot` under `interact`, values kept"
        times = keys(book, "filter", CURVE, ["by-hand", "stored"], rounds)
        for way, instead in (("by-hand", by_hand), ("stored", stored)):
            yield Pair("filter slider, key to paint", *in_turn(times[""], times[way]), instead, same_curve(book, way))
        times = keys(book, "sample", CURVE, ["by-hand"], rounds)
        timed, told = in_turn(times[""], times["by-hand"]), same_curve(book, "by-hand")
        yield Pair("sample slider, key to paint, new samples", *timed, by_hand, told)
        times = keys(book, "layer", LAYER, ["kept", "anew"], rounds)
        apart = book.kernel(LAYERS)
        assert len(apart) == 10 and max(apart.values()) < 1e-5, apart
        told = f"all {len(apart)} layers {equal(max(apart.values()))}"
        for way, instead in (("kept", "sub-models made and run before"), ("anew", "a sub-model for each look")):
            timed = in_turn(times[""], times[way])
            yield Pair("layer slider, key to paint", *timed, f"{by_hand}, {instead}", told)
        assert not book.errors, book.errors


def keys(book: Notebook, slider: str, paint: str, ways: list[str], rounds: int) -> dict[str, list[float]]:
    """Seconds from a key to another picture: ours, named "", and with a slider of each of the ways by hand."""
    handles = [(f".tsw-{slider}-slider", paint), *((f".{way}-{slider}", IMAGE.format(way)) for way in ways)]
    times = key_times(book, *handles, rounds=rounds + WARM_UP, gap=400)
    assert max(map(max, times)) < 5000, "a picture did not follow its slider"
    book.page.wait_for_timeout(1000)
    return {way: [one / 1e3 for one in all[WARM_UP:]] for way, all in zip(["", *ways], times, strict=True)}


def same_curve(book: Notebook, way: str) -> str:
    """Both sliders have come to the same filter and sample, and both show the same numbers, ours in the page, too."""
    filter, sample, filter_by_hand, sample_by_hand = book.kernel(AT)
    assert (filter, sample) == (filter_by_hand, sample_by_hand)
    ours, theirs = (np.array(curve) for curve in book.kernel(f"[e.data()['activation'], drawn[{way!r}]]"))
    assert_same_curve(-drawn_points(book.figure("curve"), 1)[:, 1], ours)  # pixels count downwards
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    assert difference < 1e-5, difference
    return f"the curve is {equal(difference)}"


def openings(rounds: int) -> Iterator[Pair]:
    """From running the cell to the first picture: in a new kernel, page and browser, then once more in the same."""
    cells = (EXPLORER, EXPLORER_DRAWN), (INTERACT, IMAGE_DRAWN)
    times: list[list[list[float]]] = [[[], []], [[], []]]
    for _ in range(rounds):
        with jupyterlab() as notebook:
            for (cell, drawn), (first, second) in zip(cells, times, strict=True):
                book = notebook(LOAD, explorer=False)
                book.run("pass")  # the cells before have been run
                for k, taken in enumerate((first, second)):
                    book.page.wait_for_timeout(1000)
                    taken.append(book.page.evaluate(RUN_CELL, [cell.format(k), drawn]) / 1e3)
                assert not book.errors, book.errors
    for what, ours, theirs in zip(("first in its kernel", "again in it"), *times, strict=True):
        told = "ours draws input, filter, all filters and answer, theirs one curve"
        yield Pair(f"opening, {what}, cell to paint", *in_turn(ours, theirs), "the cell for the sliders above", told)
