"""A square of numbers, one for every pair of filters, as a picture."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import ABSENT, palette
from tswidgets.plots.decimate import strongest
from tswidgets.plots.figure import LEFT, RIGHT, TOP, counting_ticks, figure
from tswidgets.plots.picture import Picture, levels, png

Floats = NDArray[np.float32]
SIDE, MOST = 256, 600  # pixels of the plot area; a larger matrix gets a pixel for each row, up to so many
BOTTOM = 44


class MatrixPicture:
    """A bqplot figure of (n, n) values with a square plot area: row 0 on top, column 0 on the left."""

    def __init__(self, name: str) -> None:
        self._n = 0
        rows, columns = (bqplot.LinearScale(min=-0.5, max=0.5, allow_padding=False) for _ in range(2))
        rows.reverse = True
        look = {"grid_lines": "none", "tick_format": "d"}
        self._axes = (
            bqplot.Axis(scale=rows, side="left", label_offset="3.4em", **look),
            bqplot.Axis(scale=columns, label_offset="2.4em", **look),
        )
        scales = {"x": columns, "y": rows}
        self.image = Picture(palette(signed=True), scales)
        self.figure = figure([self.image], self._axes, height=TOP + SIDE + BOTTOM, name=name, bottom=BOTTOM)
        self.figure.remove_class("tsw-figure")  # whose horizontal axis is time
        self.figure.add_class("tsw-square")
        self._fit_size(SIDE)

    def show(self, values: Floats, absent: NDArray[np.bool_], most: float, word: str) -> int:
        """Paint `values` of shape (n, n) by colours from -most to most, nothing where a value is `absent`.

        Returns how many rows, and as many columns, share a pixel; it has the colour of the strongest of their values.
        """
        self._fit(len(values), word)
        rows, run = strongest(np.where(absent, np.float32(np.nan), values), MOST)
        cells, _ = strongest(np.ascontiguousarray(rows.T), MOST)
        starts = np.arange(0, len(values), run)
        empty = np.logical_and.reduceat(np.logical_and.reduceat(absent, starts), starts, axis=1)
        entries = np.where(empty, np.uint8(ABSENT), levels(cells.T, -most or -1.0, most or 1.0))
        edge = len(cells) * run - 0.5  # the last run may reach beyond the last row
        ends = np.array([-0.5, edge], np.float32)
        self.image.paint(png(entries, palette(signed=True)), ends, ends[::-1].copy())
        return run

    def _fit(self, n: int, word: str) -> None:
        """Scales, axes and size for n rows; nothing is sent if they are those already."""
        for axis in self._axes:
            axis.label = word.capitalize()
            if n != self._n:
                axis.scale.max = n - 0.5
                axis.tick_values = counting_ticks(n)
        if n != self._n:
            self._n = n
            self.image.pixelated = n <= SIDE  # on a narrow page a larger one is drawn smaller, and must not lose rows
            self._fit_size(int(np.clip(n, SIDE, MOST)))

    def _fit_size(self, side: int) -> None:
        layout = self.figure.layout
        layout.width, layout.max_width = f"{LEFT + side + RIGHT}px", "100%"
        layout.height = layout.min_height = f"{TOP + side + BOTTOM}px"
