"""What the kernel writes in words: numbers, captions, the colour legend. Names are escaped here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape, unescape

import ipywidgets
import numpy as np

from tswidgets.plots.colors import css_gradient


def number(value: float) -> str:
    """Three significant digits, a real minus sign; a power of ten where there would be many zeros."""
    if not np.isfinite(value):
        return "not a number" if np.isnan(value) else "infinite" if value > 0 else "minus infinite"
    rounded = float(f"{value:.3g}")
    if rounded == 0 or 1e-4 <= abs(rounded) < 1e6:
        return (f"{rounded:.6f}".rstrip("0").rstrip(".") if rounded else "0").replace("-", "−")
    mantissa, power = f"{rounded:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}".replace("-", "−")


def shape(axes: Sequence[int | None]) -> str:
    return " × ".join("any" if n is None else f"{n:,}" for n in axes)


def plural(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}{'es' if word.endswith(('s', 'ch')) else 's'}"


def decimated(run: int) -> str:
    """What to say of a line whose points stand for runs of steps."""
    return f"lowest and highest of every {run} steps" if run > 1 else ""


def plain(html: str) -> str:
    """What HTML that was written here says."""
    return unescape(re.sub("<[^>]*>", "", html))


class Text(ipywidgets.HTML):
    """A line of HTML that sends nothing when it stays the same."""

    def __init__(self, css_class: str) -> None:
        super().__init__(layout=ipywidgets.Layout(width="auto", margin="0"))
        self.add_class(css_class)

    def write(self, html: str) -> None:
        self.value = html  # a trait sends nothing when it is set to what it is


def caption(title: str, *notes: str) -> str:
    """A bold title and faint notes in one line; the words are escaped."""
    rest = "".join(f" · {escape(note)}" for note in notes if note)
    return f'<div title="{escape(title + " · ".join(("", *filter(None, notes))))}"><b>{escape(title)}</b>{rest}</div>'


def change(before: float, after: float) -> str:
    """`0.93 → 0.41 (−0.52)`; `0.93` if that is what it stays."""
    if before == after:
        return number(after)
    by = after - before
    return f"{number(before)} → {number(after)} ({'+' if by > 0 else ''}{number(by)})"


def colorbar(low: float, high: float, signed: bool, note: str, title: str = "Colour") -> str:
    return (
        f'<h4>{title}</h4><div class="tsw-colorbar"><i style="background:{css_gradient(signed)}"></i>'
        f"<span><span>{number(low)}</span><span>{'0' if signed else ''}</span><span>{number(high)}</span></span>"
        f"{escape(note)}</div>"
    )
