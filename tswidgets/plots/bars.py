"""Units without a time axis as bars, thousands of them in one path."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import ACCENT, NEUTRAL
from tswidgets.plots.decimate import strongest
from tswidgets.plots.figure import POINTS

Floats = NDArray[np.float32]


class UnitBars:
    """One bar per unit, the chosen one in the accent colour. Units are x; the value is y."""

    def __init__(self, value: bqplot.Scale) -> None:
        self.units = bqplot.LinearScale(min=-0.5, max=0.5, allow_padding=False)
        scales = {"x": self.units, "y": value}
        self.bars = _outline(scales, NEUTRAL)
        self.chosen = _outline(scales, ACCENT)
        self.axis = bqplot.Axis(
            scale=self.units, label="Unit", grid_lines="none", label_offset="2.4em", tick_format="d"
        )

    @property
    def marks(self) -> list[bqplot.Mark]:
        return [self.bars, self.chosen]

    def show(self, values: Floats) -> int:
        """`values` of shape (n_units,); returns how many units share a bar."""
        drawn, run = strongest(values[:, None], POINTS)
        with self.bars.hold_sync():
            self.bars.x, self.bars.y = _path(np.arange(len(drawn)) * run + (run - 1) / 2, drawn[:, 0], run)
            self.bars.visible = True
        if self.units.max != len(values) - 0.5:
            self.units.max = len(values) - 0.5
        return run

    def choose(self, unit: int, value: float) -> None:
        with self.chosen.hold_sync():
            self.chosen.x, self.chosen.y = _path(np.array([unit]), np.array([value]), 1)
            self.chosen.visible = True

    def hide(self) -> None:
        self.bars.visible = self.chosen.visible = False


def _outline(scales: dict[str, bqplot.Scale], color: str) -> bqplot.Lines:
    zero = np.zeros(2, np.float32)
    return bqplot.Lines(
        x=zero,
        y=zero,
        scales=scales,
        colors=[color],
        fill_colors=[color],
        fill="inside",
        stroke_width=0.8,
        visible=False,
    )


def _path(centres: NDArray[np.floating], values: Floats, width: float) -> tuple[Floats, Floats]:
    """Up, across and down again for every bar; a value that is not finite leaves its place empty."""
    x = centres[:, None] + np.array([-0.4, -0.4, 0.4, 0.4]) * width
    y = np.where(np.isfinite(values), values, 0)[:, None] * np.array([0, 1, 1, 0])
    return x.ravel().astype(np.float32), y.ravel().astype(np.float32)
