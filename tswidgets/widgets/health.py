"""Every layer of a model as a row: how large its values are, how many are 0, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import anywidget
import ipywidgets
import traitlets

from tswidgets.widgets.bundle import asset


class HealthRows(anywidget.AnyWidget):
    """A list that is read from top to bottom, in the order in which the model runs; a click chooses a layer.

    The browser draws it. It is told what there is to draw, places along an axis as shares of its length.
    """

    _esm = asset("health.js")
    _css = asset("style.css")

    layer = traitlets.Unicode().tag(sync=True)
    """The chosen layer; what goes into an activation function belongs to the layer's own row."""
    rows: traitlets.List = traitlets.List(traitlets.Dict()).tag(sync=True)
    """One for each layer: `name`, `kind`, `told`, `mark`, `wrong`, `share`, `zeros`, `size`, `from`, `to`, `cells`."""
    cells = traitlets.Bytes().tag(sync=True)
    """uint8 pairs, `cells` of them for each row in turn: per cent of zeros, and 1 where a filter is wrong."""
    ticks: traitlets.List = traitlets.List().tag(sync=True)
    """(place, label) of the axis of sizes."""
    menu = traitlets.Instance(ipywidgets.SelectionSlider, allow_none=True).tag(
        sync=True, **ipywidgets.widget_serialization
    )
    """What chooses the layer in a page without a kernel; None where there is one."""

    def __repr__(self) -> str:
        return f"HealthRows({len(self.rows)} layers, layer={self.layer!r})"

    def show(self, rows: list[dict[str, Any]], cells: bytes, ticks: list[tuple[float, str]]) -> None:
        with self.hold_sync():
            self.rows, self.cells, self.ticks = rows, cells, ticks
