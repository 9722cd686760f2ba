"""Pictures for every choice of a few menus, which a page turns by itself, without a kernel."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Collection, Sequence
from typing import Any

import anywidget
import bqplot
import ipywidgets
import traitlets
from ipywidgets.widgets.widget import _remove_buffers

from tswidgets.widgets.bundle import asset
from tswidgets.widgets.drag import FilterDrag
from tswidgets.widgets.lifetime import parts

Key = tuple[str, str]
"""A widget's id, and the name of one of its traits."""
_REFERENCE = dict(ipywidgets.widget_serialization)


class Book(anywidget.AnyWidget):
    """Has nothing to show; what it holds is written by `bind` and read in the page."""

    _esm = asset("book.js")

    pages = traitlets.Bytes().tag(sync=True)
    """gzip of the length of a table as uint32, the table as JSON, and the buffers that it tells the places of."""
    menus: traitlets.List = traitlets.List(traitlets.Instance(ipywidgets.Widget)).tag(sync=True, **_REFERENCE)
    """A page is opened by the `index` of each of these."""
    drag = traitlets.Instance(FilterDrag).tag(sync=True, **_REFERENCE)
    zoom = traitlets.Instance(ipywidgets.ToggleButton).tag(sync=True, **_REFERENCE)
    marks: traitlets.List = traitlets.List(traitlets.Instance(bqplot.Image)).tag(sync=True, **_REFERENCE)
    """Pictures; a page may give them another content without another widget."""
    pan_zoom: traitlets.List = traitlets.List(traitlets.Instance(bqplot.PanZoom)).tag(sync=True, **_REFERENCE)
    figures: traitlets.List = traitlets.List(traitlets.Instance(bqplot.Figure)).tag(sync=True, **_REFERENCE)
    """One `pan_zoom` for each figure that is zoomed in time."""
    homes: traitlets.List = traitlets.List().tag(sync=True)
    """First and last value of the whole time axis of each figure."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(layout=ipywidgets.Layout(display="none"), **traits)

    def __repr__(self) -> str:
        return f"Book({len(self.pages):,} bytes)"


def bind(root: ipywidgets.Widget, menus: Sequence[ipywidgets.Widget], turned: Any, apart: Collection[Key]) -> bytes:
    """The pages of all choices of the menus, which are left as they were.

    turned : called after each choice; what it changes is part of the page.
    apart : what the reader changes by hand.
    """
    counts, first = [len(menu.options) for menu in menus], [menu.index for menu in menus]
    values, store = _Values(), {}
    watch = _Watch(root, values)
    for choice in itertools.product(*map(range, counts)):
        _choose(menus, choice)
        turned()
        store[choice] = watch.page()
    _choose(menus, first)
    turned()
    keys = sorted(watch.changed - set(apart))
    pages = {",".join(map(str, choice)): [page.get(key, -1) for key in keys] for choice, page in store.items()}
    return values.packed(keys, pages)


def _choose(menus: Sequence[ipywidgets.Widget], choice: Sequence[int]) -> None:
    for menu, index in zip(menus, choice, strict=True):
        menu.index = index


class _Watch:
    """What all widgets below `root` have, of which only what has changed is read again."""

    def __init__(self, root: ipywidgets.Widget, values: _Values) -> None:
        self._root, self._values = root, values
        self._widgets: dict[str, ipywidgets.Widget] = {}
        self._known: dict[Key, int] = {}
        self._waiting: set[Key] = set()
        self.changed: set[Key] = set()
        self._find()

    def page(self) -> dict[Key, int]:
        """The number of the value of everything."""
        if any(name == "children" for _, name in self._waiting):
            self._find()
        for key in self._waiting:
            number = self._values.number(*_remove_buffers(self._widgets[key[0]].get_state(key[1])))
            if self._known.get(key, number) != number:
                self.changed.add(key)
            self._known[key] = number
        self._waiting.clear()
        return dict(self._known)

    def _find(self) -> None:
        for widget in parts(self._root):
            if widget.model_id not in self._widgets:
                self._widgets[widget.model_id] = widget
                names = [name for name in widget.keys if not name.startswith("_") or name == "_dom_classes"]
                self._waiting |= {(widget.model_id, name) for name in names}
                widget.observe(self._note, names)

    def _note(self, change: Any) -> None:
        self._waiting.add((change.owner.model_id, change.name))


class _Values:
    """Every value once."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._known: list[tuple[Any, list[Any], list[bytes]]] = []

    def number(self, state: Any, paths: list[Any], buffers: list[Any]) -> int:
        raw = [bytes(memoryview(buffer).cast("B")) for buffer in buffers]
        mark = (json.dumps([state, paths]), *raw)  # equal buffers of other names are other values
        if mark not in self._numbers:
            self._numbers[mark] = len(self._known)
            self._known.append((state, paths, raw))
        return self._numbers[mark]

    def packed(self, keys: list[Key], pages: dict[str, list[int]]) -> bytes:
        used = sorted({number for page in pages.values() for number in page if number >= 0})
        renamed = {number: place for place, number in enumerate(used)} | {-1: -1}
        table, blob = [], bytearray()
        for number in used:
            state, paths, buffers = self._known[number]
            places = []
            for path, buffer in zip(paths, buffers, strict=True):
                places.append([path, len(blob), len(buffer)])
                blob += buffer
            table.append([state, places])
        turned = {choice: [renamed[number] for number in page] for choice, page in pages.items()}
        head = json.dumps({"keys": keys, "values": table, "pages": turned}).encode()
        return gzip.compress(len(head).to_bytes(4, "little") + head + blob, 6, mtime=0)
