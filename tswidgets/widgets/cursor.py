"""One pointer for all figures of an explorer, living in the browser.

It answers at once, without the kernel: hovering shows which input steps a step sees, clicking fixes it, clicking a row
or a bar chooses the filter, arrow keys walk. The kernel is told only what was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

import anywidget
import bqplot
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.plots.decimate import envelope
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets.bundle import FEWER, MOST_VALUES, asset, sendable


class TimeCursor(anywidget.AnyWidget):
    """The read-out line below the figures, and the pointer above them."""

    _esm = asset("cursor.js")
    _css = asset("style.css")

    scale = traitlets.Instance(bqplot.Scale).tag(sync=True, **ipywidgets.widget_serialization)
    home = traitlets.List([0.0, 1.0]).tag(sync=True)
    """First and last value of the whole time axis, in its own unit."""
    unit = traitlets.Unicode().tag(sync=True)
    seconds_per_step = traitlets.Float(1.0).tag(sync=True)
    kind = traitlets.Unicode("other").tag(sync=True)
    """`sequence`, `units` or `other`, as of the chosen tap."""
    word = traitlets.Unicode("filter").tag(sync=True)
    """What an entry of the layer's last axis is called."""
    step_word = traitlets.Unicode("Step").tag(sync=True)
    """What its step is called, at the beginning of a sentence."""
    numbers: traitlets.List = traitlets.List(traitlets.Int()).tag(sync=True)
    """What the entries are called, where they are not counted from 0: rows of a picture in another order."""
    n_filters = traitlets.Int(0).tag(sync=True)
    centres = traitlets.Bytes().tag(sync=True)
    """float32, the input step at the centre of every step's field."""
    fields = traitlets.Bytes().tag(sync=True)
    """int32 pairs, first and last input step that every step sees."""
    values = traitlets.Bytes().tag(sync=True)
    """float32, the layer's values (n_points, n_filters) in C order, a point for each step where `run` is 1."""
    run = traitlets.Int(1).tag(sync=True)
    """How many steps two points stand for, by their lowest and highest value, where there are too many to send."""
    points = traitlets.Bytes().tag(sync=True)
    """float32, the input step at which each point is drawn; empty where `run` is 1."""
    turn = traitlets.Int(0).tag(sync=True)
    """Counts what has been shown, so that what belongs together and arrives apart is told from what does not."""
    filter = traitlets.Int(0).tag(sync=True)
    step = traitlets.Int(None, allow_none=True).tag(sync=True)

    def __init__(self, time: TimeAxis) -> None:
        self._fields_of: NDArray[np.int64] | None = None
        self._centred = np.empty(0, np.float32)
        super().__init__(scale=time.scale, home=list(time.home), unit=time.unit, seconds_per_step=time.seconds_per_step)

    def __repr__(self) -> str:
        return f"TimeCursor({self.kind}, step={self.step})"

    def show_steps(
        self,
        centres: NDArray[np.float32],
        lo: NDArray[np.int64],
        hi: NDArray[np.int64],
        values: NDArray[np.float32],
        word: str,
        numbers: Sequence[int] = (),
        step_word: str = "Step",
    ) -> None:
        """Follow a layer with a time axis; `values` of shape (n_steps, n_filters)."""
        with self.hold_sync():
            self.numbers = [int(number) for number in numbers]
            self.turn += 1
            self.kind, self.word, self.n_filters = "sequence", word, values.shape[1]
            self.step_word = step_word
            if not (self._fields_of is lo and np.array_equal(self._centred, centres, equal_nan=True)):
                self._fields_of, self._centred = lo, centres  # they stay for all samples of a length
                self.centres = np.ascontiguousarray(centres, np.float32).tobytes()
                self.fields = np.column_stack([np.minimum(lo, 2**30), hi]).astype(np.int32).tobytes()
            most = MOST_VALUES // max(values.shape[1], 1)
            at, points, self.run = envelope(values, max(most if len(values) <= most else min(most, FEWER), 2))
            places = np.interp(at, np.arange(len(centres)), centres) if self.run > 1 else np.empty(0)
            self.points = places.astype("<f4").tobytes()
            self.values = sendable(points)

    def show_units(self, values: NDArray[np.float32], word: str) -> None:
        """Follow a layer without a time axis; `values` of shape (n_units,)."""
        with self.hold_sync():
            self.turn += 1
            self.kind, self.word, self.n_filters = "units", word, len(values)
            self.centres = self.fields = self.points = b""
            self.run, self._fields_of = 1, None
            self.values = sendable(values)

    def show_nothing(self) -> None:
        with self.hold_sync():
            self.turn += 1
            self.kind, self.n_filters = "other", 0
            self.centres = self.fields = self.points = self.values = b""
            self.run, self._fields_of = 1, None
