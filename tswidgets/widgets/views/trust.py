"""What speaks for and against a map: a sentence, and five checks in numbers and small plots."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.trust import Trust
from tswidgets.widgets import text

Floats = NDArray[np.floating]
WIDTH, HEIGHT = 120, 36  # of a small plot's own units; the style sheet stretches it
_PENDING = "…"
_CHECKS = {
    "Completeness": "of the difference in score is not accounted for",
    "Shuffled weights": "rank correlation with the map of shuffled weights: last layer alone → all layers",
    "Deletion": "area under the score, strongest values out first; dashed: random order",
    "Insertion": "area under the score, strongest values in first; dashed: random order",
    "Other baseline": "rank correlation with the map of another baseline",
}


class TrustStrip(text.Text):
    """Goes under a map. It keeps its height while nothing is known: the same checks, without their numbers."""

    def __init__(self) -> None:
        super().__init__("tsw-trust")
        self.explain("Not checked yet")

    def show(self, found: Trust) -> None:
        if found.doubts:
            doubts = " ".join(_sentence(doubt) for doubt in found.doubts)
            verdict = f'<p class="tsw-warn"><b>Do not believe this map.</b> {escape(doubts)}</p>'
        else:
            verdict = "<p><b>Nothing speaks against this map.</b></p>"
        self.write(_strip(verdict, [_completeness(found), _shuffled(found), *_orders(found), _baseline(found)]))

    def explain(self, why: str) -> None:
        """Nothing is known, or nothing yet: say why."""
        checks = [_check(title, _PENDING, note) for title, note in _CHECKS.items()]
        self.write(_strip(f"<p>{escape(why)}</p>", checks))


def _completeness(found: Trust) -> str:
    if found.completeness is None:
        return _check("Completeness", "–", "not defined for this method")
    value = f"{text.number(100 * found.completeness)} %"
    return _check("Completeness", value, plot=_plot(f"Error {value}", _gauge(found.completeness)))


def _shuffled(found: Trust) -> str:
    told = [(layer, float(correlation)) for layer, correlation in found.randomization]
    if not told:
        return _check("Shuffled weights", "–", "not tested")
    first, last = told[0][1], told[-1][1]
    value = text.number(first) if len(told) == 1 else f"{text.number(first)} → {text.number(last)}"
    spoken = "Rank correlation, shuffled down to: " + ", ".join(f"{layer} {text.number(one)}" for layer, one in told)
    return _check("Shuffled weights", value, plot=_plot(spoken, _columns(told)))


def _orders(found: Trust) -> list[str]:
    """Deletion and insertion, each against random order."""
    checks = []
    for title, own, random, gain in (
        ("Deletion", found.deletion, found.random_deletion, found.deletion_gain),
        ("Insertion", found.insertion, found.random_insertion, found.insertion_gain),
    ):
        if not len(own):
            checks.append(_check(title, "–", "not tested"))
            continue
        own_area, random_area = (text.number(_area(found.fractions, curve)) for curve in (own, random))
        value = f'<i></i>{own_area}<i class="tsw-random"></i>{random_area}'
        note = f"{_CHECKS[title]}, {'worse' if gain > 0 else 'no worse'}"
        spoken = [_spoken(found.fractions, curve) for curve in (own, random)]
        said = f"Score over the share of the input: {spoken[0]}; in random order: {spoken[1]}"
        checks.append(_check(title, value, note, _plot(said, _curves(found.fractions, own, random))))
    return checks


def _baseline(found: Trust) -> str:
    if found.baseline is None:
        return _check("Other baseline", "–", "this method has no baseline")
    value = text.number(found.baseline)
    return _check("Other baseline", value, plot=_plot(f"Rank correlation {value}", _gauge(found.baseline)))


def _strip(verdict: str, checks: Sequence[str]) -> str:
    return f'{verdict}<div class="tsw-checks">{"".join(checks)}</div>'


def _check(title: str, value: str, note: str | None = None, plot: str = "") -> str:
    """`value` and `plot` are HTML."""
    told = f"<b>{value}</b><span>{escape(_CHECKS[title] if note is None else note)}</span>"
    return f'<div><h5>{title}</h5><div class="tsw-small">{plot}</div>{told}</div>'


def _plot(spoken: str, drawn: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{escape(spoken)}">'
        f"{drawn}</svg>"
    )


def _gauge(share: float) -> str:
    """A bar from nothing to 1, filled from the left."""
    width = WIDTH * min(max(share, 0.0), 1.0) if np.isfinite(share) else 0.0
    frame = f'<rect class="tsw-frame" x="0" y="{HEIGHT - 14}" width="{WIDTH}" height="9"/>'
    return f'{frame}<rect x="0" y="{HEIGHT - 14}" width="{width:.1f}" height="9"/>'


def _columns(told: Sequence[tuple[str, float]]) -> str:
    """A column for every layer down to which weights are shuffled, from 0; its name and number on hover."""
    low = min(0.0, *(one for _, one in told if np.isfinite(one)), 0.0)
    scale, width = HEIGHT / (1 - low), WIDTH / len(told)
    zero, drawn = scale * 1.0, []
    for i, (layer, one) in enumerate(told):
        value = one if np.isfinite(one) else 0.0
        top, height = min(zero, zero - scale * value), abs(scale * value)
        drawn.append(
            f"<g><title>{escape(layer)}: {text.number(one)}</title>"
            f'<rect x="{i * width:.1f}" y="0" width="{width:.1f}" height="{HEIGHT}" class="tsw-ground"/>'
            f'<rect x="{(i + 0.1) * width:.1f}" y="{top:.1f}" width="{0.8 * width:.1f}" height="{height:.1f}"/></g>'
        )
    return "".join(drawn) + f'<path class="tsw-zero" d="M0 {zero:.1f}H{WIDTH}"/>'


def _curves(fractions: Floats, own: Floats, random: Floats) -> str:
    both = np.concatenate([own, random])
    finite = both[np.isfinite(both)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    span = high - low or 1.0
    drawn = []
    for name, y in (("tsw-random", random), ("tsw-own", own)):
        x, down = WIDTH * fractions, 1 + (HEIGHT - 2) * (1 - (y - low) / span)
        there = np.isfinite(down)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[there], down[there], strict=True))
        drawn.append(f'<polyline class="{name}" points="{points}"/>')
    return "".join(drawn)


def _area(fractions: Floats, y: Floats) -> float:
    """By trapezoids, in units of the score."""
    return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(fractions)))


def _spoken(fractions: Floats, y: Floats) -> str:
    """A curve at its start, middle and end."""
    return ", ".join(f"{text.number(float(np.interp(at, fractions, y)))} at {at:.0%}" for at in (0.0, 0.5, 1.0))


def _sentence(told: str) -> str:
    """A doubt with a capital and a full stop."""
    return told[:1].upper() + told[1:].rstrip(".") + "."
