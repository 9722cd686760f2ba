"""Closing all that a widget consists of: `close()` on a box closes the box alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets


def parts(root: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """Every widget that can be reached from `root` through its traits, `root` first."""
    found: dict[int, ipywidgets.Widget] = {}
    waiting = [root]
    while waiting:
        widget = waiting.pop()
        if id(widget) in found:
            continue
        found[id(widget)] = widget
        for value in list(widget._trait_values.values()):  # only what has been set or made; reading would make more
            waiting.extend(_widgets_in(value))
    return list(found.values())


def close_all(*roots: ipywidgets.Widget) -> None:
    """Close the roots and every part of theirs."""
    for root in roots:
        for widget in reversed(parts(root)):
            ipywidgets.Widget.close(widget)


def _widgets_in(value: Any) -> Iterator[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _widgets_in(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _widgets_in(one)
