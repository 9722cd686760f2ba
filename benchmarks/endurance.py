"""Two thousand things that a person does in one explorer: what page and kernel then hold. `make bench-browser`."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent.parent))

from playwright.sync_api import CDPSession, Locator
from playwright.sync_api import Error as Refused

from benchmarks.browser import jupyterlab, row
from tests.browser.lab import Notebook

WARM_UP, ACTIONS = 200, int(os.environ.get("ACTIONS", "2000"))
SHOW = """
import gc, keras, os, weakref, tswidgets as tsw
d = tsw.datasets.watch_exercises()
model = keras.models.clone_model(d.model)
model.set_weights(d.model.get_weights())
e = tsw.Explorer(model, d.X, d.y, channel_names=d.channel_names, class_names=d.class_names)
display(e)
"""
RESIDENT = "int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20"
KEYS = ["ArrowLeft", "ArrowRight", "ArrowRight", "PageUp", "PageDown", "Home", "End"]


class Person:
    """Does one thing after the other, with what is on the screen."""

    def __init__(self, book: Notebook, seed: int) -> None:
        self._book, self._page, self._dice = book, book.page, random.Random(seed)
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        kinds = {self.key: 8, self.hover: 5, self.click: 3, self.choose: 2, self.press: 2, self.drag: 2}
        act = self._dice.choices([*kinds], [*kinds.values()])[0]
        try:
            act()
        except Refused:  # it moved, or went away, while the hand was on its way
            self.done["missed"] += 1
        else:
            self.done[act.__name__] += 1

    def key(self) -> None:
        """A key on a slider."""
        self._any(".tsw-explorer .noUi-handle").focus(timeout=1000)
        self._page.keyboard.press(self._dice.choice(KEYS))

    def hover(self) -> None:
        self._any(".tsw-figure .plotarea_events").hover(position=self._place(), timeout=1000, force=True)

    def click(self) -> None:
        """A click, or two, into a figure, and sometimes a key there."""
        figure = self._any(".tsw-figure .plotarea_events")
        figure.click(position=self._place(), timeout=1000, force=True, click_count=self._dice.choice([1, 1, 2]))
        if self._dice.random() < 0.5:
            self._page.keyboard.press(self._dice.choice(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Escape"]))

    def choose(self) -> None:
        """Another entry of a menu."""
        menu = self._any(".tsw-explorer select")
        menu.select_option(index=self._dice.randrange(menu.locator("option").count()), timeout=1000)

    def press(self) -> None:
        """A button: a tab, a switch, a channel of the legend."""
        self._any(".tsw-explorer button").click(timeout=1000)

    def drag(self) -> None:
        self._book.drag(self._dice.choice(["filter", "sample", "layer"]), self._dice.random())

    def _any(self, selector: str) -> Locator:
        there = self._page.locator(f"{selector}:visible")
        return there.nth(self._dice.randrange(max(there.count(), 1)))

    def _place(self) -> dict[str, float]:
        return {"x": self._dice.uniform(5, 500), "y": self._dice.uniform(3, 40)}


def everything_once(book: Notebook) -> None:
    """Every panel, with every entry of its menus: what is compiled stays, up to a number of programs."""
    for tab in book.page.locator(".tsw-tabs button").all():
        tab.click()
        book.kernel("e.data() and None")
        for menu in book.page.locator(".tsw-explorer select:visible").all():
            first = menu.input_value()
            for entry in menu.locator("option").all_inner_texts():
                menu.select_option(entry)
                book.kernel("e.data() and None")
            menu.select_option(first)


def held(book: Notebook, devtools: CDPSession) -> tuple[float, float, int]:
    """MB of JavaScript in the page and of the whole kernel, and how many DOM nodes there are, after a rest."""
    book.kernel("e.data() and None")
    book.page.wait_for_timeout(3000)
    book.run("gc.collect()")
    for _ in range(3):
        devtools.send("HeapProfiler.collectGarbage")
    used = devtools.send("Runtime.getHeapUsage")["usedSize"] / 2**20
    return used, book.kernel(RESIDENT), devtools.send("Memory.getDOMCounters")["nodes"]


def main() -> None:
    print("\n| what | measured | goal |\n|---|---|---|")
    with jupyterlab() as notebook:
        book = notebook(SHOW)
        said: list[str] = []
        book.page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        devtools = book.page.context.new_cdp_session(book.page)
        person = Person(book, seed=int(os.environ.get("SEED", "0")))
        everything_once(book)
        for _ in range(WARM_UP):
            person.act()
        before = held(book, devtools)
        person.done.clear()
        for _ in range(ACTIONS):
            person.act()
        after = held(book, devtools)
        what = f"{ACTIONS:,} actions: " + ", ".join(f"{n} {name}" for name, n in sorted(person.done.items()))
        errors = [*book.errors, *said]
        row(what, f"{len(errors)} errors in the console", "0")
        for error in {one[:200] for one in errors}:
            print("   ", error)
        names = ("page: memory of JavaScript", "kernel: memory")
        for name, a, b, most in zip(names, before, after, (10, 50), strict=False):
            row(name, f"{b - a:+.1f} MB, {a:.0f} before", f"< {most} MB more")
        row("page: nodes", f"{after[2] - before[2]:+,}, {before[2]:,} before", "")
        book.run("e.close(); alive = weakref.ref(model); del e, model, d; gc.collect()")
        book.page.wait_for_timeout(2000)  # what is being computed is given up at the next step
        book.run("gc.collect()")
        row("close()", "model is gone" if book.kernel("alive() is None") else "the model is still held", "gone")


if __name__ == "__main__":
    main()
