"""Steps that are marked where they lie in time, by a box from the top to the bottom of a figure."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import ACCENT, NEUTRAL
from tswidgets.plots.timeaxis import TimeAxis

Floats = NDArray[np.float32]
MOST = 128  # boxes; more steps are marked as one
STRENGTH = 0.16


class StepBoxes:
    """A box for every step, and one for steps that stand side by side."""

    def __init__(self, time: TimeAxis) -> None:
        self._time = time
        height = bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)
        self.mark = bqplot.Lines(
            x=np.zeros((1, 5), np.float32),
            y=np.zeros((1, 5), np.float32),
            scales={"x": time.scale, "y": height},
            colors=[ACCENT],
            fill_colors=[ACCENT],
            fill="inside",
            fill_opacities=[STRENGTH],
            stroke_width=1.0,
            visible=False,
        )

    def show(self, centres: Floats, half: float, *, filled: bool = True) -> None:
        """Mark what lies at input steps `centres`, each with `half` a step on either side; NaN is not marked.

        filled : not above colours that mean something.
        """
        there = np.sort(centres[np.isfinite(centres)])
        if not len(there):
            self.mark.visible = False
            return
        if len(there) > MOST:
            there = there[[0, -1]]
            edges = np.array([[there[0] - half, there[1] + half]])
        else:
            apart = np.flatnonzero(np.diff(there) > 2.01 * half) + 1
            edges = np.array([[run[0] - half, run[-1] + half] for run in np.split(there, apart)])
        left, right = self._time.of(edges.astype(np.float32)).T
        n = len(edges)
        with self.mark.hold_sync():
            self.mark.x = np.stack([left, left, right, right, left], axis=1)
            self.mark.y = np.tile(np.array([0, 1, 1, 0, 0], np.float32), (n, 1))
            self.mark.colors = [ACCENT if filled else NEUTRAL] * n
            self.mark.fill_colors = [ACCENT] * n
            self.mark.fill_opacities = [STRENGTH if filled else 0.0] * n
            self.mark.stroke_width = 1.0 if filled else 2.0
            self.mark.visible = True

    def hide(self) -> None:
        self.mark.visible = False
