"""Figures as they stand, drawn once more into a file: matplotlib draws what bqplot's marks hold."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bqplot
import numpy as np
from PIL import Image

DASHES: dict[str, Any] = {"solid": "-", "dashed": "--", "dotted": ":", "dash_dotted": "-."}
PER_INCH = 100  # pixels
FAINT = "#666666"


def draw(path: Path, *figures: tuple[str, bqplot.Figure], **look: Any) -> None:
    """Write figures, one below the other, as the ending of `path` says: PNG, SVG or PDF. `look` as `sheet` takes it."""
    metadata = None if path.suffix.lower() == ".png" else {"Creator": "tswidgets"}
    sheet(*figures, **look).savefig(path, metadata=metadata)


def sheet(
    *figures: tuple[str, bqplot.Figure], width: int = 1200, names: Sequence[tuple[str, str, str]] = (), note: str = ""
) -> Any:
    """A matplotlib figure of figures, one below the other.

    figures : what is said above each, and the figure; width : in pixels; note : what is said below all.
    names : name, colour and line style of what has a line of its own.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    heights = [int(str(figure.layout.height).removesuffix("px")) for _, figure in figures]
    made = Figure(figsize=(width / PER_INCH, (sum(heights) + 26 * len(figures) + 70) / PER_INCH), dpi=PER_INCH)
    FigureCanvasAgg(made)
    made.set_layout_engine("constrained")
    if figures:
        places = np.atleast_1d(made.subplots(len(figures), height_ratios=heights))
        for (said, figure), axes in zip(figures, places, strict=True):
            axes.set_title(_plain(said), loc="left", fontsize=9)
            _draw_figure(figure, axes)
    lines = [Line2D([], [], color=color, linestyle=DASHES[style], label=_plain(name)) for name, color, style in names]
    if lines:
        made.legend(handles=lines, loc="outside right upper", fontsize=8, frameon=False)
    made.supxlabel(_plain(note), fontsize=8, color=FAINT)
    return made


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")


def _draw_figure(figure: bqplot.Figure, axes: Any) -> None:
    for spine in axes.spines.values():
        spine.set_color("#bbbbbb")
    axes.tick_params(labelsize=8, color="#bbbbbb")
    axes.set_xticks([])
    axes.set_yticks([])
    drawn_on = [axis.scale for axis in figure.axes]
    for mark in figure.marks:
        if mark.visible and isinstance(mark, bqplot.Lines):
            _draw_lines(mark, axes, apart=mark.scales["y"] not in drawn_on)
        elif mark.visible and isinstance(mark, bqplot.Image):
            _draw_image(mark, axes)
    for axis in figure.axes:
        if axis.visible:
            _draw_axis(axis, axes)


def _draw_lines(mark: bqplot.Lines, axes: Any, *, apart: bool) -> None:
    """`apart`: on a vertical scale that has no axis, from the bottom of the figure to its top."""
    rows, look = np.atleast_2d(mark.y), {}
    if apart:
        low, high = mark.scales["y"].min, mark.scales["y"].max
        rows, look = (rows - low) / (high - low), {"transform": axes.get_xaxis_transform()}
    places = np.broadcast_to(np.atleast_2d(mark.x), rows.shape)
    for i, (x, y) in enumerate(zip(places, rows, strict=True)):
        color = mark.colors[i % len(mark.colors)]
        opacity = float(mark.opacities[i % len(mark.opacities)]) if len(mark.opacities) else 1.0
        width = mark.stroke_width * 0.72
        axes.plot(x, y, color=color, linestyle=DASHES[mark.line_style], linewidth=width, alpha=opacity, **look)
        if mark.fill == "inside":
            filled = float(mark.fill_opacities[i]) if i < len(mark.fill_opacities) else opacity
            axes.fill(x, y, color=color, alpha=filled, linewidth=0, **look)


def _draw_image(mark: bqplot.Image, axes: Any) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(bytes(mark.image.value))).convert("RGBA"))
    (left, right), (bottom, top) = np.asarray(mark.x, float), np.asarray(mark.y, float)
    axes.imshow(pixels, extent=(left, right, bottom, top), aspect="auto", interpolation="nearest")


def _draw_axis(axis: bqplot.Axis, axes: Any) -> None:
    upright, scale = axis.orientation == "vertical" or axis.side in ("left", "right"), axis.scale
    ends = (scale.max, scale.min) if scale.reverse else (scale.min, scale.max)
    (axes.set_ylim if upright else axes.set_xlim)(*ends)
    ticks = axes.yaxis if upright else axes.xaxis
    if axis.tick_values is not None and len(axis.tick_values):
        ticks.set_ticks([float(tick) for tick in axis.tick_values])
    elif axis.tick_style.get("display") != "none":
        from matplotlib.ticker import AutoLocator, ScalarFormatter

        ticks.set_major_locator(AutoLocator())
        ticks.set_major_formatter(ScalarFormatter())
    if axis.label:
        (axes.set_ylabel if upright else axes.set_xlabel)(_plain(axis.label), fontsize=9)
