"""Draws another filter in the browser, without the kernel, as long as the page holds the layer's values.

The kernel draws the same a moment later, when it is told of the filter: both know the same numbers.
"""

from __future__ import annotations

import anywidget
import bqplot
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.plots.lines import MOST_POINTS
from tswidgets.probe import Tap
from tswidgets.widgets.bundle import asset
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.views.curve import CurveView
from tswidgets.widgets.views.layer import LayerView


def _part(kind: type[ipywidgets.Widget]) -> traitlets.Instance:
    return traitlets.Instance(kind).tag(sync=True, **ipywidgets.widget_serialization)


class FilterSlicer(anywidget.AnyWidget):
    """Follows `source.filter` in the browser. It has nothing to show itself."""

    _esm = asset("slicer.js")

    source = _part(TimeCursor)
    """Holds the layer's values and tells which filter is chosen."""
    line, scale, axis, caption = _part(bqplot.Lines), _part(bqplot.Scale), _part(bqplot.Axis), _part(ipywidgets.HTML)
    row, bar = _part(bqplot.Lines), _part(bqplot.Lines)
    """What marks the chosen filter in the picture of the layer, or the chosen unit among the bars."""
    layer, layer_class = traitlets.Unicode().tag(sync=True), traitlets.Unicode().tag(sync=True)
    ranges = traitlets.Bytes().tag(sync=True)
    """float32 pairs, from where to where the curve of every filter goes."""
    n_ticks, most = traitlets.Int(2).tag(sync=True), traitlets.Int(MOST_POINTS).tag(sync=True)
    """How many ticks the curve's axis has room for, and how many points its line."""
    turn = traitlets.Int(0).tag(sync=True)
    """Of `source`, when this was said; nothing is drawn while the two do not agree."""
    drawn = traitlets.Int(-1).tag(sync=True)
    """The filter that the kernel has drawn, with more points than the page holds where a series is long."""
    active = traitlets.Bool(False).tag(sync=True)
    """Whether the rows of `source` are the filters of the layer."""

    def __init__(self, source: TimeCursor, curve: CurveView, layer: LayerView) -> None:
        super().__init__(source=source, **curve.parts, **layer.parts, layout=ipywidgets.Layout(display="none"))

    def __repr__(self) -> str:
        return f"FilterSlicer({self.layer!r})"

    def follow(self, tap: Tap, filter: int, ranges: NDArray[np.float32]) -> None:
        """Draw filters of a layer but this one, which the kernel draws; `ranges` of shape (n_filters, 2)."""
        with self.hold_sync():
            self.layer, self.layer_class, self.active = (
                tap.name,
                tap.layer_class,
                tap.kind != "map" and bool(self.source.values),
            )
            self.turn, self.drawn = self.source.turn, filter
            self.ranges = np.ascontiguousarray(ranges, "<f4").tobytes()
