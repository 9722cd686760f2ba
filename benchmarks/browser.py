"""What a hand feels in the browser: how soon and how often the picture follows. `make bench-browser`.

A real JupyterLab in headless Chromium. Every time is set against a slider that only sends its value to the kernel and
gets it back, in the same page and run; the machine is not what is measured.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
# Keys on a slider's handle, one a frame: how long until `probe` differs, and how many frames had a new picture.
KEYS = """async ([slider, probe, n, gap]) => {
    const handle = document.querySelector(`${slider} .noUi-handle`);
    const read = new Function('return ' + probe);
    const times = [];
    let key = 'ArrowRight';
    for (let i = 0; i < n; i++) {
        const before = read();
        const started = performance.now();
        if (handle.getAttribute('aria-valuenow') === handle.getAttribute('aria-valuemax')) key = 'ArrowLeft';
        if (handle.getAttribute('aria-valuenow') === handle.getAttribute('aria-valuemin')) key = 'ArrowRight';
        handle.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        do {  // until just after the frame in which it was painted
            await new Promise(requestAnimationFrame);
            await new Promise(done => setTimeout(done, 0));
        } while (read() === before && performance.now() - started < 5000);
        times.push(performance.now() - started);
        await new Promise(done => setTimeout(done, gap));
    }
    return times;
}"""
# A drag from end to end, one move a frame: frames with a new picture in a second.
DRAG = """async ([slider, probe, seconds]) => {
    const handle = document.querySelector(`${slider} .noUi-handle`);
    const base = document.querySelector(`${slider} .noUi-base`).getBoundingClientRect();
    const read = new Function('return ' + probe);
    const y = base.top + base.height / 2;
    const at = share => ({ clientX: base.left + share * base.width, clientY: y, bubbles: true, button: 0, buttons: 1 });
    const fire = (type, share) => handle.dispatchEvent(new MouseEvent(type, at(share)));
    fire('mousedown', 0.5);
    let [drawn, frames, last] = [0, 0, read()];
    const started = performance.now();
    while (performance.now() - started < 1000 * seconds) {
        fire('mousemove', 0.5 + 0.5 * Math.sin((performance.now() - started) / 300));
        await new Promise(requestAnimationFrame);
        const now = read();
        frames++;
        if (now !== last) drawn++;
        last = now;
    }
    const spent = (performance.now() - started) / 1000;
    fire('mouseup', 0.5);
    return [drawn / spent, frames / spent];
}"""
CURVE = "document.querySelectorAll('.tsw-curve.tsw-figure .curve path.line')[1].getAttribute('d')"
INPUT = "document.querySelector('.tsw-input.tsw-figure .curve path.line').getAttribute('d')"
CAPTION = (
    "[...document.querySelectorAll('.tsw-caption')].find(c => /^(Filter|Unit|Channel)/.test(c.textContent)).textContent"
)
ECHOED = "document.querySelector('.echoed').textContent"
READOUT = "document.querySelector('{} .widget-readout').textContent"


@contextmanager
def notebook(*cells: str, width: int = 1280) -> Iterator[Notebook]:
    path = chromium.find()
    assert path is not None, chromium.MISSING
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        try:
            yield lab.open(browser, *cells, width=width)
        finally:
            browser.close()
            lab.close()


def keys(book: Notebook, slider: str, probe: str, n: int = ROUNDS, gap: int = 250) -> float:
    """Milliseconds from a key on a slider until what `probe` reads is another, median."""
    return statistics.median(book.page.evaluate(KEYS, [slider, probe, n, gap]))


def main() -> None:
    with notebook(SHOW) as book:
        book.wait_for_explorer()
        book.page.locator(".echo").wait_for()
        book.page.wait_for_timeout(2000)
        book.page.evaluate(WATCH)
        for _ in range(2):
            for name, probe in (
                ("echo", ECHOED),
                ("tsw-filter-slider", CAPTION),
                ("tsw-sample-slider", INPUT),
                ("tsw-layer-slider", CAPTION),
            ):
                print(name, keys(book, f".{name}", probe))


if __name__ == "__main__":
    main()
