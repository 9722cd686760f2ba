"""A quantity on the input's steps as colour, and its scale in words."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.raster import Raster
from tswidgets.widgets import text

Floats = NDArray[np.float32]
Range = tuple[float, float]
BLANK = "\u00a0"
NO_BAR = f'<h4>No colour</h4><div class="tsw-colorbar"><i></i><span>{BLANK}</span>{BLANK}</div>'


def paint(
    raster: Raster, rows: Floats, absent: NDArray[np.bool_], low: float, high: float, signed: bool
) -> tuple[int, int]:
    """A step without a value has no colour: that of 0, which is none on every scale."""
    drawn = np.where(np.isnan(rows), np.float32(0), rows)
    return raster.show(np.arange(len(rows), dtype=np.float32), drawn, absent, low, high, signed=signed)


def color_bar(values: Floats, low: float, high: float, signed: bool, of: str, note: str = "") -> str:
    """A scale of colours, and one line below it whether or not there is anything to say."""
    finite = values[np.isfinite(values)]
    notes = [note] if note else []
    if not finite.any():
        notes.append("everywhere 0" if finite.size else "no value")
    if ((finite < low) | (finite > high)).any():
        notes.append("some lie beyond" if note else "some values lie beyond the scale")
    return text.colorbar(low, high, signed, "; ".join(notes) or BLANK, title=escape(of))


def lacking(values: Floats, absent: NDArray[np.bool_]) -> str:
    """What to say of steps without a value for any channel, and of infinite values."""
    empty = np.isnan(values).all(axis=1) if values.ndim == 2 else np.isnan(values)
    count, infinite = int((empty & ~absent).sum()), int(np.isinf(values[~absent]).sum())
    without = f"{text.plural(count, 'step')} without a value, no colour" if count else ""
    grey = f"{text.plural(infinite, 'infinite value')}, grey" if infinite else ""
    return ", ".join(filter(None, (without, grey)))


def merged(run: int) -> str:
    """What to say of columns that stand for runs of steps."""
    return f"each column of colour is the strongest of {run} steps" if run > 1 else ""


def total(values: Floats) -> Floats:
    """Sum over channels of those that have a value, of shape (n_timesteps,); NaN where none has."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values
        summed: Floats = np.where(there.any(axis=1), np.where(there, values, 0).sum(axis=1), np.nan).astype(np.float32)
    return summed


def color_range(*values: Floats) -> Range:
    """(low, high) of all that is finite, cut at the 99th percentile of magnitudes, or at a quarter of the largest.

    A few strong values would leave all others without colour. Smilkov et al. 2017 (SmoothGrad) cut at that percentile,
    too, but of what is zero nearly everywhere it is near zero: hence the quarter.
    """
    finite = np.concatenate([one[np.isfinite(one)].ravel() for one in values])
    if not finite.size:
        return 0.0, 0.0
    size = np.abs(finite)
    most = max(float(np.percentile(size, 99)), float(size.max()) / 4)
    return max(float(finite.min()), -most), min(float(finite.max()), most)
