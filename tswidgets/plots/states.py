"""What holds at each step, in rows, as a picture: kinds and not numbers."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.figure import POINTS
from tswidgets.plots.picture import Picture, png
from tswidgets.plots.raster import columns_of
from tswidgets.plots.timeaxis import TimeAxis


class StateRaster:
    """A bqplot image of states, each a colour of its own; row 0 is on top, and state 0 is nothing.

    colors : RGBA uint8 array of shape (n_states, 4).
    """

    def __init__(self, time: TimeAxis, colors: NDArray[np.uint8]) -> None:
        self._time, self._colors = time, colors
        self.rows = bqplot.LinearScale(min=-0.5, max=0.5, reverse=True, allow_padding=False)
        scales = {"x": time.scale, "y": self.rows}
        self.image = Picture(colors, scales)

    def show(self, steps: NDArray[np.float32], states: NDArray[np.uint8], n_lanes: int = 1) -> int:
        """Paint `states` of shape (n_steps, n_rows), at the input steps `steps`, on a scale of so many lanes.

        Returns how many steps share a column, which has the colour of the highest of their states.
        """
        run = -(-len(states) // POINTS)
        starts = np.arange(0, len(states), run)
        highest = np.maximum.reduceat(states, starts)
        columns, edges = columns_of(steps[np.minimum(starts + run // 2, len(steps) - 1)])
        entries = np.where(columns < 0, np.uint8(0), highest.T[:, columns])
        x, y = self._time.of(np.array(edges, np.float32)), np.array([n_lanes - 0.5, -0.5], np.float32)
        self.image.paint(png(np.ascontiguousarray(entries), self._colors), x, y)
        if self.rows.max != n_lanes - 0.5:
            self.rows.max = n_lanes - 0.5
        return run

    def hide(self) -> None:
        self.image.visible = False


def rgba(color: str, opacity: float = 1.0) -> tuple[int, int, int, int]:
    """`#0072B2` as a colour of a palette."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue, round(255 * opacity)
