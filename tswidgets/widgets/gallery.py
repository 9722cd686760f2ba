"""Every filter of a layer at once on one canvas, drawn in the browser from what the panel's pointer has been sent."""

from __future__ import annotations

import anywidget
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.plots.colors import palette
from tswidgets.widgets.bundle import asset
from tswidgets.widgets.cursor import TimeCursor

MODES = ("curves", "rows")


class FilterGallery(anywidget.AnyWidget):
    """Small curves or coloured rows, one for each filter. It holds no values of its own, but those of `source`."""

    _esm = asset("gallery.js")
    _css = asset("style.css")

    source = traitlets.Instance(TimeCursor).tag(sync=True, **ipywidgets.widget_serialization)
    """Values, their place in time and the chosen filter."""
    mode = traitlets.Enum(MODES, default_value="curves").tag(sync=True)
    order = traitlets.Bytes().tag(sync=True)
    """int32 (n_filters,), the filters from first to last; empty for that of their numbers."""
    marks = traitlets.Bytes().tag(sync=True)
    """uint8 (n_filters,), numbers in `STATES` of analysis/dead.py; empty where nothing is known."""
    samples = traitlets.Int(0).tag(sync=True)
    """How many samples these were found over."""
    absent = traitlets.Bytes().tag(sync=True)
    """uint8 (n_steps,), 1 where a step is padding that the model masks; empty where none is."""
    span: traitlets.List = traitlets.List(traitlets.Float(), default_value=[0.0, 1.0]).tag(sync=True)
    """Lowest and highest value of all curves' scale."""
    colors: traitlets.List = traitlets.List(traitlets.Float(), default_value=[0.0, 1.0]).tag(sync=True)
    """The values that the first and the last colour of `palette` stand for."""
    palette = traitlets.Bytes().tag(sync=True)
    """uint8 RGBA: absent, invalid, then the levels, as `plots.colors.palette` has them."""

    def __init__(self, source: TimeCursor) -> None:
        super().__init__(source=source, palette=palette(signed=True).tobytes())
        self._signed = True

    def __repr__(self) -> str:
        return f"FilterGallery({self.mode}, {self.source.n_filters} {self.source.word}s)"

    def show(
        self,
        mode: str,
        order: NDArray[np.int64] | None,
        marks: NDArray[np.uint8],
        samples: int,
        absent: NDArray[np.bool_],
        span: tuple[float, float],
        colors: tuple[float, float, bool],
    ) -> None:
        """Traits that stay as they are are not sent.

        marks : numbers in `STATES`, found over so many `samples`.
        span : of the curves' scale; `colors` are (low, high, signed) as `plots.colors.limits` returns them.
        """
        low, high, signed = colors
        with self.hold_sync():
            self.mode = mode
            self.order = b"" if order is None else order.astype("<i4").tobytes()
            self.marks = marks.tobytes() if marks.any() else b""
            self.samples = samples
            self.absent = absent.astype(np.uint8).tobytes() if absent.any() else b""
            self.span, self.colors = [float(end) for end in span], [float(low), float(high)]
            if signed != self._signed:
                self._signed, self.palette = signed, palette(signed).tobytes()
