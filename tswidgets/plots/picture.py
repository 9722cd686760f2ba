"""Numbers as entries of a palette, and those as a picture."""

from __future__ import annotations

import io
from typing import Any

import bqplot
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image

from tswidgets.plots.colors import FIRST_LEVEL, INVALID, LEVELS


def levels(values: NDArray[np.floating[Any]], low: float, high: float) -> NDArray[np.uint8]:
    """The palette's entry for every value: the first level for `low` and below, the last for `high` and above."""
    share = np.clip((values - low) / max(high - low, 1e-30), 0, 1)
    finite = np.isfinite(values)
    return np.where(finite, FIRST_LEVEL + np.round(np.where(finite, share, 0) * (LEVELS - 1)), INVALID).astype(np.uint8)


class Picture(bqplot.Image):
    """A mark that shows a PNG. bqplot redraws it only when it is given another widget: two take turns."""

    spare = traitlets.Instance(ipywidgets.Image)  # not sent; a trait, so that it is closed with the rest

    def __init__(self, colors: NDArray[np.uint8], scales: dict[str, bqplot.Scale], **look: Any) -> None:
        nothing, layout = png(np.zeros((1, 1), np.uint8), colors), ipywidgets.Layout()
        first, self.spare = (ipywidgets.Image(value=nothing, format="png", layout=layout) for _ in range(2))
        ends = np.array([0, 1], np.float32)
        super().__init__(image=first, x=ends, y=ends, scales=scales, pixelated=True, **look)

    def paint(self, value: bytes, x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        """Show a PNG from x[0] to x[1], its upper edge at y[1]."""
        self.spare.value = value
        with self.hold_sync():
            self.image, self.spare = self.spare, self.image
            self.x, self.y, self.visible = x, y, True


def png(entries: NDArray[np.uint8], colors: NDArray[np.uint8]) -> bytes:
    """A picture of (n_rows, n_columns) entries of the RGBA palette `colors`."""
    picture = Image.fromarray(entries, "P")
    picture.putpalette(colors[:, :3].tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1, transparency=colors[:, 3].tobytes())
    return out.getvalue()
