"""Colours that read on light and on dark, and for colour-blind eyes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Okabe & Ito, "Color universal design", 2008; its black is a grey here, since black is lost on a dark page.
CATEGORIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#8C8C8C")
DASHES = ("solid", "dashed", "dotted", "dash_dotted")  # what tells channel 8 from channel 0
ACCENT = "#D55E00"
NEUTRAL = "#8C8C8C"

_POSITIVE = (213, 94, 0)
_NEGATIVE = (0, 114, 178)
LEVELS = 253  # odd, so that zero has a level of its own
ABSENT, INVALID, FIRST_LEVEL = 0, 1, 2  # palette entries: nothing there, NaN or infinite, the smallest value


def category(channel: int) -> tuple[str, str]:
    """Colour and line style of a channel; they repeat after 32."""
    return CATEGORIES[channel % len(CATEGORIES)], DASHES[channel // len(CATEGORIES) % len(DASHES)]


def diverging() -> NDArray[np.uint8]:
    """Two hues whose opacity grows with magnitude, zero transparent: RGBA uint8 array of shape (LEVELS, 4)."""
    signed = np.linspace(-1, 1, LEVELS)
    rgb = np.where(signed[:, None] < 0, _NEGATIVE, _POSITIVE)
    return np.column_stack([rgb, np.round(np.abs(signed) * 255)]).astype(np.uint8)


def sequential() -> NDArray[np.uint8]:
    """From a transparent nothing to a strong hue, evenly in lightness: RGBA uint8 array of shape (LEVELS, 4)."""
    share = np.linspace(0, 1, LEVELS)
    rgb = np.tile(_POSITIVE, (LEVELS, 1))
    return np.column_stack([rgb, np.round(share * 255)]).astype(np.uint8)


def palette(signed: bool) -> NDArray[np.uint8]:
    """RGBA uint8 array of shape (FIRST_LEVEL + LEVELS, 4): absent, invalid, then the levels."""
    special = np.array([(0, 0, 0, 0), (140, 140, 140, 150)], np.uint8)
    return np.vstack([special, diverging() if signed else sequential()])


def css_color(share: float, strength: float = 1.0) -> str:
    """The diverging palette's colour of a value from -1 to 1, as CSS; what is not a number has none."""
    if not np.isfinite(share):
        return "transparent"
    r, g, b = _NEGATIVE if share < 0 else _POSITIVE
    return f"rgba({r},{g},{b},{min(abs(share), 1.0) * strength:.2f})"


def css_gradient(signed: bool) -> str:
    """The palette as a CSS gradient from the smallest to the largest value."""
    stops = (diverging() if signed else sequential())[:: LEVELS // 12]
    return "linear-gradient(to right, " + ", ".join(f"rgba({r},{g},{b},{a / 255:.2f})" for r, g, b, a in stops) + ")"


def limits(low: float, high: float) -> tuple[float, float, bool]:
    """(low, high, signed) of a colour scale: symmetric about 0 for signed data, from or to 0 for one-signed data."""
    if low < 0 < high:
        most = max(-low, high)
        return -most, most, True
    if low < 0:
        return low, -low, True  # all negative: the negative hue alone
    return 0.0, high if high > 0 else 1.0, False
