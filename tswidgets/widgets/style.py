"""The style sheet, for pages that show no pointer, which brings it otherwise."""

from __future__ import annotations

import anywidget
import ipywidgets

from tswidgets.widgets.bundle import asset


class Style(anywidget.AnyWidget):
    """Draws nothing and takes no room."""

    _esm = asset("sheet.js")
    _css = asset("style.css")

    def __init__(self) -> None:
        super().__init__(layout=ipywidgets.Layout(width="0", height="0", margin="0", overflow="hidden"))

    def __repr__(self) -> str:
        return "Style()"
