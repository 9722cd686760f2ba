"""The pointer above the squares of all pairs, living in the browser: it answers without the kernel."""

from __future__ import annotations

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.widgets.bundle import asset, sendable

MOST_FILTERS = 1000  # more than that are read out without values, which would be 4 MB at every partial result


class MatrixCursor(anywidget.AnyWidget):
    """The read-out line below the squares, and the frames around the cell under the pointer and the chosen one."""

    _esm = asset("matrix.js")
    _css = asset("style.css")

    n = traitlets.Int(0).tag(sync=True)
    word = traitlets.Unicode("filter").tag(sync=True)
    metric = traitlets.Unicode().tag(sync=True)
    before = traitlets.Float(None, allow_none=True).tag(sync=True)
    """The metric of the model as it is; None until it is known."""
    change = traitlets.Bytes().tag(sync=True)
    """float32, metric - before, (n, n) in C order, NaN where it is not known; empty where there is too much to send."""
    complete = traitlets.Bool(False).tag(sync=True)
    """Whether every pair is computed, so that NaN is what came out."""
    pair = traitlets.List(traitlets.Int()).tag(sync=True)
    """The chosen cell: two filters in rising order, one on the diagonal, or none."""

    def __repr__(self) -> str:
        return f"MatrixCursor({self.n} {self.word}s, pair={self.pair})"

    def show(self, change: NDArray[np.float32], before: float, metric: str, word: str, *, complete: bool) -> None:
        """`change` of shape (n, n). A chosen pair that does not exist any more is no longer chosen."""
        with self.hold_sync():
            self.n, self.word, self.metric, self.complete = len(change), word, metric, complete
            self.before = float(before) if np.isfinite(before) else None
            self.change = sendable(change) if len(change) <= MOST_FILTERS else b""
            if any(i >= self.n for i in self.pair):
                self.pair = []
