"""Channels apart: each in a lane of its own, which is a row of a raster with a row for every channel."""

from __future__ import annotations

from collections.abc import Sequence

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import NEUTRAL
from tswidgets.plots.figure import LEFT
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.timeaxis import TimeAxis

Floats = NDArray[np.float32]
FILL = 0.84  # of a lane's height is for its line
_LINE = 12  # pixels that a name needs from the next one
_ROOM = LEFT - 10.0  # pixels for a name beside the plot area: the tick takes the rest
_THIN = 3.7  # pixels of the thinnest letter, for 11 px letters
_LETTER = {**dict.fromkeys("ijlt.,:;'|!frI ()[]", _THIN), **dict.fromkeys("mwMW@%…", 9.6)}


def lane_lines(time: TimeAxis, rows: bqplot.Scale, n_channels: int, *, opacity: float = 1.0) -> ChannelLines:
    """Lines for what `in_lanes` returns; `rows` is a scale from -0.5 to n_channels - 0.5 that runs downwards."""
    lines = ChannelLines(time, rows, n_channels, opacity=opacity)
    for mark in lines.marks:
        mark.line_style, mark.stroke_width = "solid", 1.2  # its place tells a channel from the others
    return lines


def lane_borders(time: TimeAxis, rows: bqplot.Scale, n_channels: int) -> bqplot.Lines:
    """Thin lines between the lanes."""
    edges = np.arange(max(n_channels - 1, 1), dtype=np.float32) + np.float32(0.5)  # one channel's is the frame's
    return bqplot.Lines(
        x=np.array(time.home, np.float32),
        y=np.column_stack([edges, edges]),
        scales={"x": time.scale, "y": rows},
        colors=[NEUTRAL],
        stroke_width=0.5,
    )


def in_lanes(series: Floats, ranges: Floats) -> Floats:
    """Where values of shape (n_timesteps, n_channels) stand on the rows' scale.

    Each channel is fitted to its row of `ranges` (n_channels, 2); a constant one runs through the middle of its lane.
    """
    low, high = ranges.astype(np.float64).T
    known = np.isfinite(low) & np.isfinite(high)
    span = np.where(known & (high > low), high - low, 1.0)
    middle = np.where(known, (high + low) / 2, 0.0)
    with np.errstate(over="ignore"):
        placed: Floats = (np.arange(series.shape[1]) - FILL * (series - middle) / span).astype(np.float32)
    return placed


def channel_ranges(*series: Floats) -> Floats:
    """Smallest and largest finite value of each channel of all `series`, each of shape (n_timesteps, n_channels).

    Returns
    -------
    ndarray of shape (n_channels, 2); NaN for a channel without a finite value
    """
    finite = [np.where(np.isfinite(one), one, np.nan) for one in series]
    low = np.fmin.reduce([np.fmin.reduce(one, axis=0) for one in finite])
    high = np.fmax.reduce([np.fmax.reduce(one, axis=0) for one in finite])
    return np.stack([low, high], axis=1).astype(np.float32)


def row_axis(rows: bqplot.Scale, names: Sequence[str], height: int) -> bqplot.Axis:
    """Names beside the rows, each as long as there is room for, and as many as find room in `height` pixels."""
    told = shortened(names)
    ticks = range(0, len(names), max(-(-len(names) * _LINE // height), 1))
    return bqplot.Axis(
        scale=rows,
        side="left",
        grid_lines="none",
        tick_format="d",
        tick_values=np.array(ticks, float),
        tick_labels={str(i): told[i] for i in ticks},
    )


def shortened(names: Sequence[str], room: float = _ROOM) -> list[str]:
    """Names that fit in `room` pixels: of those that do not, long words lose their ends, or else each name its middle.

    `acceleration x` becomes `accel. x`, `accelerometerX_left` `acc…left`. Where that makes names equal, channels are
    called by their numbers.
    """
    fits = [_fits(name, room) for name in names]
    most = max(len(word) for name in names for word in name.split(" "))
    for kept in range(min(most, int(room / _THIN)), 2, -1):
        told = [name if fit else _cut(name, kept) for name, fit in zip(names, fits, strict=True)]
        if all(_fits(one, room) for one in told):
            break
    else:
        told = [_without_middle(name, room) for name in names]
    if len(set(told)) < len(set(names)):
        return [str(i) for i in range(len(names))]
    return told


def _cut(name: str, kept: int) -> str:
    """No word longer than `kept`, in names of several words."""
    words = name.split(" ")
    if len(words) == 1:
        return name
    return " ".join(word if len(word) <= kept + 1 else f"{word[:kept]}." for word in words)


def _without_middle(name: str, room: float) -> str:
    if _fits(name, room):
        return name
    for kept in range(min(len(name) - 1, int(room / _THIN)), 1, -1):
        told = f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"
        if _fits(told, room):
            return told
    return f"{name[:1]}…"


def _fits(text: str, room: float) -> bool:
    """Whether a tick label takes about that many pixels at most; a name may be of megabytes."""
    if len(text) * _THIN > room:
        return False
    return sum(_LETTER.get(letter, 7.4 if letter.isupper() else 6.1) for letter in text) <= room
