"""All that a picture changes on the screen, in one message: it arrives at once, and is drawn in one frame."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import anywidget
import ipywidgets
from ipywidgets.widgets.widget import _remove_buffers

from tswidgets.widgets.bundle import asset
from tswidgets.widgets.lifetime import parts

State = tuple[str, dict[str, Any], list[list[str | int]], int]
"""Of a widget: its id, what changed, where buffers belong in it, and how many of them there are."""


class Frames(anywidget.AnyWidget):
    """Has nothing to show. Until the page has said that it is ready, widgets send what they change by themselves.

    root : what holds all widgets that a picture may change; `look_again` after others have been put there.
    """

    _esm = asset("frames.js")

    def __init__(self, root: ipywidgets.Widget) -> None:
        super().__init__(layout=ipywidgets.Layout(display="none"))
        self._root = weakref.ref(root)
        self._parts: list[ipywidgets.Widget] = []
        self._ready, self._sent = False, 0
        self.on_msg(self._heard)

    def __repr__(self) -> str:
        return f"Frames({self._sent} sent)"

    def look_again(self) -> None:
        self._parts = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """What the widgets change inside is sent at the end, as one message."""
        if not self._ready:
            yield
            return
        held = [widget for widget in self._found() if not widget._holding_sync]
        for widget in held:  # as `hold_sync` does, which at its end would drop what another thread changes meanwhile
            widget._holding_sync = True
        try:
            yield
        finally:
            for widget in held:
                widget._holding_sync = False
            self._send_changes(held)

    def _found(self) -> list[ipywidgets.Widget]:
        root = self._root()
        if not self._parts and root is not None:
            self._parts = [widget for widget in parts(root) if not _is_input(widget)]
        return self._parts

    def _send_changes(self, held: Sequence[ipywidgets.Widget]) -> None:
        states, buffers = [], []
        for widget in reversed(held):  # a picture before the mark that shows it
            state, own = changes(widget)
            if state is not None:
                states.append(state)
                buffers.extend(own)
        if states:
            self._sent += 1
            self.send({"type": "frame", "states": states}, buffers)

    def _heard(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("type") != "ready":
            return
        if self._sent:  # another page has taken over, which may have missed some
            for widget in self._found():
                widget.send_state()
        self._ready = True


def _is_input(widget: ipywidgets.Widget) -> bool:
    """Menus and sliders speak for themselves: a slider that is given another range and a value at once cuts the value
    to the range that it had."""
    return isinstance(widget, ipywidgets.ValueWidget) and not isinstance(widget, (ipywidgets.HTML, ipywidgets.Image))


def changes(widget: ipywidgets.Widget) -> tuple[State | None, list[Any]]:
    """What has changed of a widget that holds back its messages, which it then does not send any more."""
    waiting: set[str] = widget._states_to_send
    names = set()
    while waiting:  # another thread may add to it
        names.add(waiting.pop())
    if not names:
        return None, []
    state, paths, buffers = _remove_buffers(widget.get_state(names))
    return (widget.model_id, state, paths, len(buffers)), buffers
