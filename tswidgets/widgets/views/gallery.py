"""All filters of a layer: one picture of them, or a gallery with each of them apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.activations import Activations
from tswidgets.plots.colors import limits
from tswidgets.widgets import text
from tswidgets.widgets.all_filters import Overview
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.gallery import FilterGallery
from tswidgets.widgets.panel import actions, menu
from tswidgets.widgets.views.layer import LayerView, all_of
from tswidgets.widgets.views.unit_choice import ORDERS

Floats = NDArray[np.float32]
Range = tuple[float, float]
MODES = {"picture": "picture", "curves": "curves", "rows": "rows"}


class WholeLayer:
    """Draws through `picture` or through `gallery`, of which one is shown. `rows` go above those of the picture.

    mode, order : menus.
    """

    def __init__(self, picture: LayerView, cursor: TimeCursor) -> None:
        self._picture, self._mode, self._by = picture, "picture", "index"
        self._overview: Overview | None = None
        self.gallery = FilterGallery(cursor)
        self.mode, self.order = menu("All filters as", MODES), menu("Order", ORDERS)
        self._caption = text.Text("tsw-caption")
        self.rows = [actions(self.mode, self.order), self._caption, self.gallery]
        self.turn("picture", "index", None)

    def turn(self, mode: str, by: str, overview: Overview | None) -> None:
        """How the layer is shown from now on; `overview` is what a gallery is told of its filters, if there are any."""
        self._mode, self._by, self._overview = mode, by, overview
        self._picture.give_way(mode != "picture")
        for widget in (self.order, self._caption, self.gallery):
            widget.layout.display = None if mode != "picture" else "none"

    def show_steps(
        self, layer: Activations, steps: Floats, word: str, filter: int, value_range: Range, *, of: str = ""
    ) -> None:
        if self._mode == "picture":
            self._picture.show_steps(layer, steps, word, filter, value_range, of=of)
        else:
            count = layer.values.shape[1]
            self._show(layer, all_of(count, word, of or layer.layer), value_range)

    def show_units(self, layer: Activations, word: str, unit: int, value_range: Range) -> None:
        if self._mode == "picture":
            self._picture.show_units(layer, word, unit, value_range)
        else:
            span = min(value_range[0], 0.0), max(value_range[1], 0.0)
            self._show(layer, all_of(len(layer.values), word, layer.layer), span)

    def explain(self, why: str) -> None:
        if self._mode == "picture":
            self._picture.explain(why)
        else:
            self.gallery.mode = self._mode
            self._caption.write(text.caption("Nothing to draw", why))
            self._picture.colors.write("")

    def _show(self, layer: Activations, title: str, value_range: Range) -> None:
        assert self._overview is not None
        overview, absent = self._overview, layer.absent
        there = layer.values[~absent] if len(absent) else layer.values
        low, high = value_range if np.isfinite(value_range).all() else (0.0, 1.0)
        if low == high:
            low, high = low - 1, high + 1
        low_color, high_color, signed = limits(low, high)
        beyond = bool(((there < low) | (there > high)).any())
        steps = text.plural(len(layer.values), "step") if layer.timeline is not None else ""
        colored = self._mode == "rows"
        scale = "" if colored else f"each from {text.number(low)} to {text.number(high)}"
        clipped = "some values lie beyond the scale" if beyond else ""
        self._caption.write(text.caption(title, steps, ORDERS[self._by], scale, "" if colored else clipped))
        self._picture.colors.write(text.colorbar(low_color, high_color, signed, clipped) if colored else "")
        self.gallery.show(
            self._mode,
            overview.order,
            overview.states,
            overview.n_samples,
            absent,
            (low, high),
            (low_color, high_color, signed),
        )
