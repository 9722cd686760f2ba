"""What holds at each step, in rows, as a picture: kinds and not numbers."""

from __future__ import annotations

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.figure import POINTS
from tswidgets.plots.picture import png
from tswidgets.plots.raster import columns_of
from tswidgets.plots.timeaxis import TimeAxis


class StateRaster:
    """A bqplot image of states, each a colour of its own; row 0 is on top, and state 0 is nothing.

    colors : RGBA uint8 array of shape (n_states, 4).
    """

    def __init__(self, time: TimeAxis, colors: NDArray[np.uint8]) -> None:
        self._time, self._colors = time, colors
        self._layout = ipywidgets.Layout()
        self._picture = self._image(np.zeros((1, 1), np.uint8))
        self.rows = bqplot.LinearScale(min=-0.5, max=0.5, reverse=True, allow_padding=False)
        scales = {"x": time.scale, "y": self.rows}
        self.image = bqplot.Image(image=self._picture, x=[0.0, 1.0], y=[0.0, 1.0], scales=scales, pixelated=True)

    def show(self, steps: NDArray[np.float32], states: NDArray[np.uint8], n_lanes: int = 1) -> int:
        """Paint `states` of shape (n_steps, n_rows), at the input steps `steps`, on a scale of so many lanes.

        Returns how many steps share a column, which has the colour of the highest of their states.
        """
        run = -(-len(states) // POINTS)
        starts = np.arange(0, len(states), run)
        highest = np.maximum.reduceat(states, starts)
        columns, edges = columns_of(steps[np.minimum(starts + run // 2, len(steps) - 1)])
        entries = np.where(columns < 0, np.uint8(0), highest.T[:, columns])
        old, self._picture = self._picture, self._image(entries)
        with self.image.hold_sync():
            self.image.image = self._picture
            self.image.x = self._time.of(np.array(edges, np.float32))
            self.image.y = np.array([n_lanes - 0.5, -0.5], np.float32)
            self.image.visible = True
        old.close()
        if self.rows.max != n_lanes - 0.5:
            self.rows.max = n_lanes - 0.5
        return run

    def hide(self) -> None:
        self.image.visible = False

    def close(self) -> None:
        self._picture.close()
        self._layout.close()

    def _image(self, entries: NDArray[np.uint8]) -> ipywidgets.Image:
        """A new widget for every picture: bqplot redraws only when it is given another one."""
        value = png(np.ascontiguousarray(entries), self._colors)
        return ipywidgets.Image(value=value, format="png", layout=self._layout)


def rgba(color: str, opacity: float = 1.0) -> tuple[int, int, int, int]:
    """`#0072B2` as a colour of a palette."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue, round(255 * opacity)
