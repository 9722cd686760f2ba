"""The JavaScript that js/ is built into, and what it is sent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MOST_VALUES = 2_000_000  # numbers of a layer that are sent, 8 MB; of a larger one fewer points
FEWER = 12_800  # of them for each filter then: about ten screens wide
MOST_READ = 500_000  # numbers of a series that are sent for read-outs
_FOLDER = Path(__file__).parent.parent / "static"


def asset(name: str) -> str:
    """A file of the front-end bundle. As text: of a path anywidget keeps every widget that it was ever given to."""
    path = _FOLDER / name
    if not path.exists():
        raise FileNotFoundError(
            f"Expected the front-end bundle with {name}; got none in this checkout. "
            "Build it with `pip install -e .`, or with `npm ci && npm run build` in js/."
        )
    return path.read_text()


def sendable(values: NDArray[np.float32], most: int = MOST_VALUES) -> bytes:
    """float32 in C order for the browser; empty where there is too much to send."""
    return np.ascontiguousarray(values, "<f4").tobytes() if values.size <= most else b""
