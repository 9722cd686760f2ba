"""What a hand feels in the browser: how soon and how often the picture follows. `make bench-browser`.

A real JupyterLab in headless Chromium. Every time is set against a slider that only sends its value to the kernel and
gets it back, in the same page and run; the machine is not what is measured.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent.parent))

from playwright.sync_api import sync_playwright

from tests.browser.lab import CHROMIUM_FLAGS, Lab, Notebook
from tools import chromium

ROUNDS = 15
SHOW = """
import ipywidgets, numpy as np, tswidgets as tsw
d = tsw.datasets.watch_exercises()
e = tsw.Explorer(d.model, d.X, d.y, channel_names=d.channel_names, class_names=d.class_names)
echo, echoed = ipywidgets.IntSlider(max=1000), ipywidgets.Label()
echo.observe(lambda change: setattr(echoed, 'value', f'{change.new}'), 'value')
echo.add_class('echo'); echoed.add_class('echoed')
display(e, ipywidgets.HBox([echo, echoed]))
"""
# Counts frames in which something was drawn, and messages that went to the kernel.
WATCH = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    window.sent = [];
    if (!window.watched) kernel.anyMessage.connect((_, { direction, msg }) => {
        if (direction === 'send' && msg.header.msg_type === 'comm_msg')
            window.sent.push(Object.keys(msg.content.data.state ?? {}).join());
    });
    window.watched = true;
}"""
# Keys on sliders' handles, of each in turn: milliseconds until just after the frame in which `probe` reads another.
KEYS = """async ([sliders, rounds, gap]) => {
    const press = async ([slider, probe]) => {
        const handle = document.querySelector(`${slider} .noUi-handle`);
        const read = new Function('return ' + probe);
        const at = name => +handle.getAttribute(`aria-value${name}`);
        if (!handle.forward || at('now') === at('max')) handle.forward = 'ArrowLeft';
        if (at('now') === at('min')) handle.forward = 'ArrowRight';
        const [before, started] = [read(), performance.now()];
        handle.dispatchEvent(new KeyboardEvent('keydown', { key: handle.forward, bubbles: true }));
        do {
            await new Promise(requestAnimationFrame);
            await new Promise(done => setTimeout(done, 0));
        } while (read() === before && performance.now() - started < 5000);
        return await new Promise(requestAnimationFrame) - started;  // the next frame begins: this one is on the screen
    };
    const times = sliders.map(() => []);
    for (let i = 0; i < rounds; i++)
        for (const [k, slider] of sliders.entries()) {
            times[k].push(await press(slider));
            await new Promise(done => setTimeout(done, gap));
        }
    return times;
}"""
# A drag to and fro, one move a frame: frames a second with another picture, and the longest time without one.
DRAG = """async ([slider, probe, seconds, gap]) => {
    const handle = document.querySelector(`${slider} .noUi-handle`);
    const base = document.querySelector(`${slider} .noUi-base`).getBoundingClientRect();
    const read = new Function('return ' + probe);
    const at = share => ({ clientX: base.left + share * base.width, clientY: base.top, bubbles: true, buttons: 1 });
    const fire = (type, share) => handle.dispatchEvent(new MouseEvent(type, at(share)));
    const pause = () => gap ? new Promise(done => setTimeout(done, gap)) : new Promise(requestAnimationFrame);
    const [width, from] = [Math.floor(base.width), handle.getBoundingClientRect()];
    const begin = Math.round(from.left + from.width / 2 - base.left);  // a handle moves as far as the hand does
    let [drawn, frames, shown, still, share] = [0, 0, read(), 0, begin / width];
    const started = performance.now();
    let last = started;
    fire('mousedown', share);
    while (performance.now() - started < 1000 * seconds) {
        const along = (3 * frames + begin) % (2 * width);  // three pixels a move, to and fro
        share = (width - Math.abs(along - width)) / width;
        fire('mousemove', share);
        await pause();
        const now = read();
        frames++;
        if (now === shown) continue;
        drawn++;
        still = Math.max(still, performance.now() - last);
        [shown, last] = [now, performance.now()];
    }
    const [spent, sent] = [(performance.now() - started) / 1000, window.sent?.length];
    fire('mouseup', share);
    const wanted = Math.round(+handle.getAttribute('aria-valuenow'));
    return { drawn: drawn / spent, frames: frames / spent, still, sent, wanted, end: performance.now() };
}"""
CAPTION = "[...document.querySelectorAll('.tsw-caption')].find(c => /^(Filter|Unit|Channel)/.test(c.textContent))"
FILTER = f"{CAPTION}.textContent"
SAMPLE = "document.querySelector('.tsw-status').textContent.match(/Sample ([0-9]+)/)[1]"
ECHOED = "document.querySelector('.echoed').textContent"
NODE = "document.querySelector('.echo .widget-readout').textContent"


@contextmanager
def jupyterlab() -> Iterator[Callable[..., Notebook]]:
    """open(*cells) → a notebook in one JupyterLab in one Chromium, once every figure of its explorer is drawn.

    With `explorer=False` the cells show none; other options are `Lab.open`'s.
    """
    path = chromium.find()
    assert path is not None, chromium.MISSING
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)

        def notebook(*cells: str, explorer: bool = True, **options: Any) -> Notebook:
            book = lab.open(browser, *cells, **options)
            if explorer:
                book.wait_for_explorer()
                book.page.wait_for_timeout(2000)
            return book

        try:
            yield notebook
        finally:
            browser.close()
            lab.close()


def keys(book: Notebook, *sliders: tuple[str, str], rounds: int = ROUNDS, gap: int = 300) -> list[float]:
    """Milliseconds from a key on a slider until what the probe reads is another, median, for each in turn."""
    return [statistics.median(one) for one in key_times(book, *sliders, rounds=rounds, gap=gap)]


def key_times(book: Notebook, *sliders: tuple[str, str], rounds: int = ROUNDS, gap: int = 300) -> list[list[float]]:
    """The same, every time."""
    return book.page.evaluate(KEYS, [[list(one) for one in sliders], rounds, gap])


def row(what: str, measured: str, goal: str) -> None:
    print(f"| {what} | {measured} | {goal} |", flush=True)


def filters(book: Notebook) -> None:
    node, filter = keys(book, (".echo", NODE), (".tsw-filter-slider", FILTER))
    row("filter, key to paint", f"{filter / node:.2f}x ({filter:.0f} / {node:.0f} ms)", "≤ 1.2x of a DOM node")
    book.page.evaluate("() => { window.sent = [] }")
    drag = book.page.evaluate(DRAG, [".tsw-filter-slider", FILTER, 5, 0])
    row("filter drag", f"{drag['drawn']:.0f} fps of {drag['frames']:.0f} frames", "≥ 55 fps")
    row("messages to the kernel while dragging", f"{drag['sent']}", "0")


def samples_and_layers(book: Notebook) -> None:
    base, ours = keys(book, (".echo", ECHOED), (".tsw-sample-slider", SAMPLE))
    row("sample change, not looked at before", f"{ours / base:.2f}x the echo ({ours:.0f} / {base:.0f} ms)", "≤ 2x")
    book.run("e.sample = 0")
    book.page.wait_for_timeout(500)
    base, ours = keys(book, (".echo", ECHOED), (".tsw-sample-slider", SAMPLE), rounds=10)
    row("sample change, looked at before", f"{ours / base:.2f}x the echo ({ours:.0f} / {base:.0f} ms)", "≤ 1.5x")
    base, ours = keys(book, (".echo", ECHOED), (".tsw-layer-slider", FILTER), rounds=10)
    row("layer change", f"{ours / base:.2f}x the echo ({ours:.0f} / {base:.0f} ms)", "≤ 1.5x")


def storm(book: Notebook) -> None:
    """A drag of the sample slider while every picture takes 30 ms more to compute."""
    book.run(
        "import time\nsound = e._compute\ndef slow(*a): time.sleep(0.03); return sound(*a)\ne._refresher.compute = slow"
    )
    drag = book.page.evaluate(DRAG, [".tsw-sample-slider", SAMPLE, 9, 30])
    book.page.wait_for_function(f"wanted => +{SAMPLE} === wanted", arg=drag["wanted"], polling=5)
    late = book.page.evaluate("() => performance.now()") - drag["end"]
    book.run("e._refresher.compute = sound")
    row("drag of 9 s, an event each 30 ms, 30 ms of work each", f"right {late:.0f} ms after its end", "≤ 200 ms")
    row("longest time without another picture meanwhile", f"{drag['still']:.0f} ms", "≤ 250 ms")


def main() -> None:
    print("Headless Chromium without a GPU; medians. Echo: a slider whose value the kernel sends back to a label.\n")
    print("| what | measured | goal |\n|---|---|---|")
    with jupyterlab() as notebook:
        book = notebook(SHOW)
        book.page.evaluate(WATCH)
        filters(book)
        samples_and_layers(book)
        storm(book)


if __name__ == "__main__":
    main()
