"""One series of a million steps in the browser, against one of ten thousand. `make bench-browser`."""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.browser import SAMPLE, jupyterlab, row
from tests.browser.lab import KERNEL, Notebook

SHORT, LONG, ROUNDS = 10_000, 1_000_000, 9
MODEL = f"""
import keras, numpy as np, tswidgets as tsw
keras.utils.set_random_seed(0)
layers = [keras.layers.Conv1D(8, 9, activation="relu"), keras.layers.Conv1D(8, 5, strides=2, activation="relu")]
layers += [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(3, "softmax")]
model = keras.Sequential([keras.Input((None, 2)), *layers])
X = {{n: np.random.default_rng(0).normal(size=(4, n, 2)).astype("float32") for n in ({SHORT}, {LONG})}}
"""
SHOW = "e = tsw.Explorer(model, X[{}]); e"
DRAWN = """() => {
    const figures = [...document.querySelectorAll('.tsw-curve.tsw-figure')];
    const line = figures.at(-1)?.querySelectorAll('path.line')[1];
    return figures.length > %d && line?.getAttribute('d')?.length > 1000;
}"""
# The kernel sets another sample: milliseconds until the page shows it, from before the question is sent.
ANOTHER = """async code => {
    const before = %s;
    const started = performance.now();
    %s.requestExecute({ code, store_history: false });
    while (%s === before) await new Promise(done => setTimeout(done, 1));
    await new Promise(requestAnimationFrame);
    return await new Promise(requestAnimationFrame) - started;
}"""
LATEST = SAMPLE.replace("document.querySelector('.tsw-status')", "[...document.querySelectorAll('.tsw-status')].at(-1)")


def opens(book: Notebook, n: int) -> float:
    """Seconds from running the cell until its curve is drawn."""
    shown = book.page.locator(".tsw-explorer").count()
    run = """async ([code, drawn]) => {
        const started = performance.now();
        const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
        content.model.sharedModel.addCell({ cell_type: 'code', source: code });
        content.activeCellIndex = content.widgets.length - 1;
        window.jupyterapp.commands.execute('notebook:run-cell');
        const there = new Function('return (' + drawn + ')()');
        while (!there()) await new Promise(requestAnimationFrame);
        return (performance.now() - started) / 1000;
    }"""
    return book.page.evaluate(run, [SHOW.format(n), DRAWN % shown])


def changes(book: Notebook, samples: list[int]) -> float:
    script = ANOTHER % (LATEST, KERNEL, LATEST)
    times = []
    for sample in samples:
        times.append(book.page.evaluate(script, f"e.sample = {sample}"))
        book.page.wait_for_timeout(300)
    return statistics.median(times)


def main() -> None:
    print("\n| what | measured | goal |\n|---|---|---|")
    with jupyterlab() as notebook:
        book = notebook(MODEL, SHOW.format(SHORT))
        there_and_back = [1, 0] * ROUNDS
        changes(book, there_and_back[:4])
        seen, new = changes(book, there_and_back), changes(book, [2, 3])
        first = opens(book, LONG)
        book.run("e.close()")
        row(f"{LONG:,} steps, opens", f"{first:.1f} s, again {opens(book, LONG):.1f} s", "≤ 2 s")
        changes(book, there_and_back[:2])
        long_seen, long_new = changes(book, there_and_back), changes(book, [2, 3])
        goal = f"≤ 1.5x of {SHORT:,} steps"
        row("sample change, looked at before", f"{long_seen / seen:.2f}x ({long_seen:.0f} / {seen:.0f} ms)", goal)
        row("sample change, not looked at before", f"{long_new / new:.2f}x ({long_new:.0f} / {new:.0f} ms)", goal)


if __name__ == "__main__":
    main()
