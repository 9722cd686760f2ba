"""Numbers as entries of a palette, and those as a picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tswidgets.plots.colors import FIRST_LEVEL, INVALID, LEVELS


def levels(values: NDArray[np.floating[Any]], low: float, high: float) -> NDArray[np.uint8]:
    """The palette's entry for every value: the first level for `low` and below, the last for `high` and above."""
    share = np.clip((values - low) / max(high - low, 1e-30), 0, 1)
    finite = np.isfinite(values)
    return np.where(finite, FIRST_LEVEL + np.round(np.where(finite, share, 0) * (LEVELS - 1)), INVALID).astype(np.uint8)


def png(entries: NDArray[np.uint8], colors: NDArray[np.uint8]) -> bytes:
    """A picture of (n_rows, n_columns) entries of the RGBA palette `colors`."""
    picture = Image.fromarray(entries, "P")
    picture.putpalette(colors[:, :3].tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1, transparency=colors[:, 3].tobytes())
    return out.getvalue()
