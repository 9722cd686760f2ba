"""What the values of all layers are like: the first bad one in words, and every layer as a row."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.dead import STATES
from tswidgets.analysis.findings import Finding
from tswidgets.analysis.layer_statistics import LayerStatistics
from tswidgets.analysis.made import BEFORE
from tswidgets.analysis.statistics import Statistics
from tswidgets.widgets import text
from tswidgets.widgets.health import HealthRows

FROM_BEFORE, WRONG = 1, 2  # what is told of a filter: it is wrong because of a layer before, or by itself
ZERO, BESIDE = 0.04, 0.1  # where 0 stands on the axis of sizes, and where the powers of ten begin
CELLS = 120  # columns of a row's picture: filters of a wider layer share one
MOST_REMARKS = 6  # findings that are told beside the rows
KEY = (
    '<h4>How to read it</h4><div class="tsw-health-key">'
    '<div><i class="tsw-health-dot"></i>how large the values of the layer are (root mean square); '
    "the line is where nine in ten of its filters lie</div>"
    '<div><i class="tsw-health-bars"></i>share of zeros, filter by filter, from none to all</div>'
    '<div><i class="tsw-health-wrong"></i>with a dot: a filter that is dead, constant, saturated, exploding, vanishing '
    "or not finite; grey: because of a layer before</div>"
    "<div><b>▶</b> the first bad layer · <b>✕</b> bad, too, or not finite · <b>!</b> a remark</div></div>"
)


class HealthView:
    """`above` goes over the rows, `rows` are the list, `beside` explains."""

    def __init__(self) -> None:
        self.verdict, self.caption = text.Text("tsw-verdict"), text.Text("tsw-caption")
        self.list = HealthRows()
        self.caption.add_class("tsw-health-caption")
        self.findings, self.key = text.Text("tsw-summary"), text.Text("tsw-summary")
        self.key.write(KEY)
        self.rows: list[ipywidgets.Widget] = [self.verdict, self.caption, self.list]
        self.side: list[ipywidgets.Widget] = [self.findings, self.key]

    def show(self, found: Statistics, layers: Collection[str], counted: str) -> None:
        """`layers` are those that can be chosen; `counted` says over which samples it was computed."""
        first = found.first
        self.verdict.write(_verdict(found))
        self.caption.write(text.caption("Every layer, in the order in which the model runs them", counted))
        others = [one for one in found.findings if one is not first]
        self.findings.write(_listed(others))
        self.findings.layout.display = None if others else "none"
        shown = [one for one in found.layers if not one.layer.endswith(BEFORE)]
        wrong: dict[str, list[Finding]] = {}
        for one in found.findings:
            wrong.setdefault(one.layer, []).append(one)
        axis = _Axis([one.size for one in shown])
        cells = [_cells(one, wrong.get(one.layer, [])) for one in shown]
        rows = [
            _row(one, wrong.get(one.layer, []), first, axis, len(part), chosen=one.layer in layers)
            for one, part in zip(shown, cells, strict=True)
        ]
        self.list.show(rows, np.concatenate([*cells, np.zeros((0, 2), np.uint8)]).tobytes(), axis.ticks)

    def explain(self, why: str) -> None:
        """Nothing is known yet: say why."""
        self.verdict.write(f"<p>{escape(why)}</p>")
        self.caption.write(text.caption("Every layer, in the order in which the model runs them"))
        self.findings.layout.display = "none"
        self.list.show([], b"", [])


class _Axis:
    """Sizes on a scale of powers of ten, as places from 0 to 1; 0 is a place beside them."""

    def __init__(self, sizes: Sequence[float]) -> None:
        known = [np.log10(size) for size in sizes if np.isfinite(size) and size > 0]
        low, high = (min(known), max(known)) if known else (-1.0, 1.0)
        room = max(2.0 - (high - low), 0.6) / 2
        self._low, self._high = low - room, high + room
        first, last = int(np.ceil(self._low)), int(np.floor(self._high))
        step = next(step for step in (1, 2, 3, 5, 10, 20, 50) if (last - first) / step <= 4)
        powers = range(-(-first // step) * step, last + 1, step)
        none = [(ZERO, "0")] if any(size == 0 for size in sizes) else []
        self.ticks = none + [(self.of(10.0**power), _power(power)) for power in powers]

    def of(self, size: float) -> float:
        """0 has a place of its own, on the left of all others."""
        if not size > 0:
            return ZERO
        share = np.clip((np.log10(size) - self._low) / (self._high - self._low), 0, 1)
        return float(BESIDE + (1 - BESIDE) * share)


def _power(power: int) -> str:
    return text.number(10.0**power) if -4 <= power < 5 else f"10{str(power).translate(_RAISED)}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _cells(layer: LayerStatistics, wrong: list[Finding]) -> NDArray[np.uint8]:
    """(n_cells, 2): per cent of zeros, and `FROM_BEFORE` or `WRONG`; the worst of the filters that share a cell."""
    zeros = np.round(100 * np.nan_to_num(layer.zeros)).astype(np.uint8)
    states = np.where(layer.states > 0, np.uint8(FROM_BEFORE), np.uint8(0))
    for one in wrong:
        states[list(one.filters)] = WRONG
    pairs = np.column_stack([zeros, states])
    run = -(-len(pairs) // CELLS)
    found: NDArray[np.uint8] = np.maximum.reduceat(pairs, np.arange(0, len(pairs), run))
    return found


def _from_before(layer: LayerStatistics) -> str:
    """What a layer is that is not to blame for it."""
    if (layer.n_nan + layer.n_infinite).any():
        return "not finite, from before"
    same = {STATES[state] for state in layer.states}
    still = same <= {"dead", "constant"}
    return f"{'dead' if same == {'dead'} else 'constant'}, from before" if still else ""


def _row(
    layer: LayerStatistics, wrong: list[Finding], first: Finding | None, axis: _Axis, n_cells: int, *, chosen: bool
) -> dict[str, Any]:
    grave = [one for one in wrong if one.serious]
    mark = "▶" if first is not None and first in wrong else "✕" if grave else "!" if wrong else ""
    with np.errstate(over="ignore"):
        sizes = np.sqrt(np.square(layer.mean) + np.square(layer.std))
    sizes = sizes[np.isfinite(sizes)]
    ends = np.quantile(sizes, [0.05, 0.95]) if len(sizes) else np.zeros(2)
    n = int(layer.n.sum())
    zeros = float(np.nansum(layer.zeros * layer.n) / n) if n else 0.0
    unreal = int((layer.n_nan + layer.n_infinite).sum())
    told = "; ".join(_brief(one) for one in wrong)
    if not wrong:
        told = _from_before(layer)
    return {
        "name": layer.layer,
        "kind": f"{layer.layer_class} · {text.plural(layer.n_filters, layer.word)}",
        "mark": mark,
        "told": told,
        "spoken": _spoken(layer, mark, told, zeros),
        "wrong": bool(grave),
        "unreal": unreal / n if n else 0.0,
        "zeros": zeros,
        "size": axis.of(layer.size) if np.isfinite(layer.size) else None,
        "number": text.number(layer.size),
        "from": axis.of(float(ends[0])),
        "to": axis.of(float(ends[1])),
        "cells": n_cells,
        "chosen": chosen,
    }


def _brief(one: Finding) -> str:
    if len(one.filters) == one.n_filters or one.kind in ("exploding", "vanishing"):
        return one.kind
    return f"{len(one.filters):,} of {one.n_filters:,} {one.kind}"


def _spoken(layer: LayerStatistics, mark: str, told: str, zeros: float) -> str:
    """What a screen reader says of a row."""
    lead = {"▶": "First bad layer: ", "✕": "Bad layer: ", "!": "Remark: "}.get(mark, "")
    what = f"{layer.layer}, {layer.layer_class}, {text.plural(layer.n_filters, layer.word)}"
    wrong = f", {told}" if told else ""
    return f"{lead}{what}{wrong}; size of the values {text.number(layer.size)}; {100 * zeros:.0f} per cent zeros"


def _verdict(found: Statistics) -> str:
    if found.first is None:
        n = len(found.findings)
        remarks = f" {text.plural(n, 'remark').capitalize()} {'is' if n == 1 else 'are'} listed." if n else ""
        return f"<p><b>No layer is bad.</b>{remarks}</p>"
    first = found.first
    what = "The data are bad" if first.layer.startswith("X") and _is_data(found, first) else "The first bad layer is"
    name = "" if what.startswith("The data") else f" {escape(first.layer)}"
    return (
        f'<p class="tsw-warn"><b>▶ {what}{name}.</b> {_said(first.message)}</p>'
        f"<p><b>What to try:</b> {_said(first.todo)}</p>"
    )


def _said(words: str) -> str:
    """Escaped, with real minus signs."""
    return re.sub(r"(?<![\w-])-(?=[\d.])", "−", escape(words))


def _is_data(found: Statistics, one: Finding) -> bool:
    return found[one.layer].layer_class == "Data"


def _listed(others: Sequence[Finding]) -> str:
    if not others:
        return ""
    lines = [f"<div><b>{'✕' if one.serious else '!'}</b>{_said(one.message)}</div>" for one in others[:MOST_REMARKS]]
    more = len(others) - MOST_REMARKS
    rest = f'<div class="tsw-hint">and {more:,} more, see the list</div>' if more > 0 else ""
    title = "Also" if any(one.serious for one in others) else "Remarks"
    return f'<h4>{title}</h4><div class="tsw-findings">{"".join(lines)}{rest}</div>'
