"""Every filter of a layer as a small switch: what is off is removed. A bar in each tells how much it matters."""

from __future__ import annotations

from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.widgets.bundle import asset, sendable

Floats = NDArray[np.floating[Any]]


class FilterSwitches(anywidget.AnyWidget):
    """A grid of switches, and a line that tells of the one under the pointer. The last one cannot be switched off."""

    _esm = asset("switches.js")
    _css = asset("style.css")

    n = traitlets.Int(0).tag(sync=True)
    word = traitlets.Unicode("filter").tag(sync=True)
    """What an entry of the layer's last axis is called."""
    removed = traitlets.List(traitlets.Int()).tag(sync=True)
    """What is switched off, in rising order."""
    filter = traitlets.Int(0).tag(sync=True)
    """The chosen filter, which has a frame; switching does not change it."""
    importance = traitlets.Bytes().tag(sync=True)
    """float32 (n,): how much the metric changes without each filter alone; NaN where, empty if, it is not known."""
    values = traitlets.Bytes().tag(sync=True)
    """float32 (n,): the metric without each filter alone, likewise."""
    metric = traitlets.Unicode().tag(sync=True)
    before = traitlets.Float(None, allow_none=True).tag(sync=True)
    """The metric with all filters; None where it is not known."""
    larger_is_worse = traitlets.Bool(True).tag(sync=True)

    def __repr__(self) -> str:
        return f"FilterSwitches({self.n} {self.word}s, removed={self.removed})"

    def follow(self, n: int, word: str) -> None:
        """Show another layer's filters, of unknown importance; what is removed and not among them is forgotten."""
        with self.hold_sync():
            self.n, self.word = n, word
            known = [i for i in self.removed if i < n]
            self.removed = known if len(known) < n else []
            self.importance = self.values = b""
            self.metric, self.before = "", None

    def rank(
        self, importance: Floats, values: Floats, metric: str, before: float, *, larger_is_worse: bool = True
    ) -> None:
        """What the metric changes by, and what it becomes, without each filter alone: (n,) each, NaN if not known."""
        with self.hold_sync(), np.errstate(over="ignore"):
            self.importance = sendable(np.asarray(importance, np.float32))
            self.values = sendable(np.asarray(values, np.float32))
            self.metric, self.larger_is_worse = metric, larger_is_worse
            self.before = float(before) if np.isfinite(before) else None

    @traitlets.validate("removed")
    def _possible(self, proposal: Any) -> list[int]:
        """Sorted, and without what another layer had: a browser may send that a moment late."""
        known = sorted({i for i in proposal.value if 0 <= i < self.n or not self.n})
        if 0 < self.n == len(known):
            raise traitlets.TraitError(
                f"Expected at least one {self.word} that stays; got all {self.n}. Leave at least one out."
            )
        return known
