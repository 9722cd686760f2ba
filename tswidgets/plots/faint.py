"""Many curves behind the one that matters: what it was at other times."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import NEUTRAL
from tswidgets.plots.decimate import envelope
from tswidgets.plots.figure import POINTS
from tswidgets.plots.timeaxis import TimeAxis

Floats = NDArray[np.float32]
FAINTEST, STRONGEST = 0.15, 0.6


class FaintLines:
    """Up to `most` grey lines, the earlier the fainter."""

    def __init__(self, time: TimeAxis, value: bqplot.Scale, most: int) -> None:
        self._time, self._most = time, most
        self.mark = bqplot.Lines(
            x=np.zeros(2, np.float32),
            y=np.zeros((most, 2), np.float32),
            scales={"x": time.scale, "y": value},
            colors=[NEUTRAL] * most,
            opacities=np.linspace(FAINTEST, STRONGEST, most).tolist(),
            stroke_width=1.0,
            visible=False,
        )

    def show(self, steps: Floats, values: Floats) -> None:
        """`values` of shape (n_lines, n_steps) at the input steps `steps`, earliest line first."""
        lines = np.full((self._most, len(steps)), np.nan, np.float32)
        if len(values):
            lines[self._most - len(values) :] = np.where(np.isfinite(values), values, np.float32(np.nan))
        at, points, run = envelope(np.ascontiguousarray(lines.T), POINTS)
        at = steps if run == 1 else np.interp(at, np.arange(len(steps)), steps).astype(np.float32)
        with self.mark.hold_sync():
            self.mark.x = self._time.of(at)
            self.mark.y = np.ascontiguousarray(points.T)
            self.mark.visible = bool(len(values))

    def hide(self) -> None:
        self.mark.visible = False
