"""The pointer above a wave and its windows, living in the browser: it answers without the kernel."""

from __future__ import annotations

import anywidget
import bqplot
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets.bundle import asset, sendable


class WaveCursor(anywidget.AnyWidget):
    """The read-out line, the chosen window on the wave, and where the pointer's wave step lies in the windows."""

    _esm = asset("wave.js")
    _css = asset("style.css")

    scale = traitlets.Instance(bqplot.Scale).tag(sync=True, **ipywidgets.widget_serialization)
    home = traitlets.List([0.0, 1.0]).tag(sync=True)
    """First and last value of the whole time axis, in its own unit."""
    unit = traitlets.Unicode().tag(sync=True)
    seconds_per_step = traitlets.Float(1.0).tag(sync=True)
    size = traitlets.Int().tag(sync=True)
    stride = traitlets.Int().tag(sync=True)
    n_windows = traitlets.Int().tag(sync=True)
    n_filters = traitlets.Int(0).tag(sync=True)
    word = traitlets.Unicode("filter").tag(sync=True)
    folded = traitlets.Bytes().tag(sync=True)
    """float32, (n_wave_steps, n_filters) in C order; empty where there is too much to send."""
    columns = traitlets.Bytes().tag(sync=True)
    """float32, the chosen filter's (n_columns, n_steps) in C order, likewise."""
    n_columns = traitlets.Int(0).tag(sync=True)
    run = traitlets.Int(1).tag(sync=True)
    """How many windows share a column."""
    filter = traitlets.Int(0).tag(sync=True)
    sample = traitlets.Int(0).tag(sync=True)

    def __init__(self, time: TimeAxis, size: int, stride: int, n_windows: int) -> None:
        axis = {"scale": time.scale, "home": list(time.home), "unit": time.unit}
        super().__init__(**axis, seconds_per_step=time.seconds_per_step, size=size, stride=stride, n_windows=n_windows)

    def __repr__(self) -> str:
        return f"WaveCursor({self.n_windows} windows of {self.size} steps)"

    def show(self, folded: NDArray[np.float32], columns: NDArray[np.float32], run: int, word: str) -> None:
        """`folded` of shape (n_wave_steps, n_filters), `columns` of shape (n_columns, n_steps)."""
        with self.hold_sync():
            self.word, self.n_filters, self.n_columns, self.run = word, folded.shape[1], len(columns), run
            self.folded, self.columns = sendable(folded), sendable(columns)
