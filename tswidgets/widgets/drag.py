"""The filter slider's way around the kernel, while the browser can draw filters by itself."""

from __future__ import annotations

import anywidget
import ipywidgets
import traitlets

from tswidgets.widgets.bundle import asset
from tswidgets.widgets.slicer import FilterSlicer


class FilterDrag(anywidget.AnyWidget):
    """Stands beside the slider and shows nothing. The slider's value follows where a drag rests.

    In a front end where the slider's handle is not found the slider tells the kernel of every move, as it always does.
    """

    _esm = asset("drag.js")

    slider = traitlets.Instance(ipywidgets.IntSlider).tag(sync=True, **ipywidgets.widget_serialization)
    slicer = traitlets.Instance(FilterSlicer, allow_none=True).tag(sync=True, **ipywidgets.widget_serialization)
    """Of the panel that is shown; None where the kernel draws."""

    def __init__(self, slider: ipywidgets.IntSlider) -> None:
        super().__init__(slider=slider, layout=ipywidgets.Layout(display="none"))

    def __repr__(self) -> str:
        return "FilterDrag()"
