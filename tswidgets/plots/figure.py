"""Figures whose plot areas start and end at the same pixel."""

from __future__ import annotations

from collections.abc import Sequence

import bqplot
import ipywidgets
import numpy as np

LEFT, RIGHT, TOP = 60, 16, 8
POINTS = 1600  # about the pixels of a wide plot area: more points than that cannot be told apart


class ValueAxis:
    """A vertical scale with as many ticks as its height has room for."""

    def __init__(self, height: int, *, label: str = "") -> None:
        self.scale = bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)
        self.axis = bqplot.Axis(
            scale=self.scale,
            side="left",
            grid_lines="none",
            tick_format="~g",
            label=label,
            label_offset="3.4em",
        )
        self.n_ticks = max(height // 36, 2)
        self.fit(0.0, 1.0)

    def fit(self, low: float, high: float, *, margin: float = 0.06) -> None:
        """Show low to high, with a margin; a constant gets room around it, what is not finite a neutral range."""
        if not (np.isfinite(low) and np.isfinite(high)):
            low, high = -1.0, 1.0
        room = (high - low) * margin if high > low else abs(high) * 0.1 or 1.0
        low, high = float(low) - room, float(high) + room
        if (low, high) == (self.scale.min, self.scale.max):
            return
        with self.scale.hold_sync():
            self.scale.min, self.scale.max = low, high
        self.axis.tick_values = nice_ticks(low, high, self.n_ticks)


def figure(
    marks: Sequence[bqplot.Mark],
    axes: Sequence[bqplot.Axis],
    *,
    height: int,
    name: str,
    bottom: int = 10,
) -> bqplot.Figure:
    """A figure as wide as its place, without toolbar, legend, animation or background of its own.

    `name` becomes the CSS class `tsw-{name}`; `bottom` is the room for the horizontal axis in pixels.
    """
    made = bqplot.Figure(
        marks=list(marks),
        axes=list(axes),
        fig_margin={"top": TOP, "bottom": bottom, "left": LEFT, "right": RIGHT},
        layout=ipywidgets.Layout(width="100%", min_width="0", height=f"{height}px", min_height=f"{height}px"),
        min_aspect_ratio=0.01,
        max_aspect_ratio=100.0,
        padding_x=0.0,
        padding_y=0.0,
        animation_duration=0,
        background_style={"fill": "none"},
        display_toolbar=False,
    )
    made.add_class("tsw-figure")
    made.add_class(f"tsw-{name}")
    return made


def nice_ticks(low: float, high: float, most: int) -> np.ndarray:
    """Multiples of 1, 2 or 5 times a power of ten between low and high, at most `most` of them."""
    span = high - low
    power = 10.0 ** np.floor(np.log10(span / max(most, 1)))
    for step in power * np.array([1, 2, 5, 10, 20]):
        ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        if len(ticks) <= most:
            break
    return np.where(np.abs(ticks) < 1e-9 * span, 0.0, ticks)


def counting_ticks(n: int) -> np.ndarray:
    """About five round numbers from 0 on, below n."""
    step = next(s * 10**p for p in range(9) for s in (1, 2, 5) if n <= 6 * s * 10**p)
    return np.arange(0, n, step, dtype=float)
