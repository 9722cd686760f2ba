"""A `TimeAxisReport` as a table of plain text, and as one of HTML with a picture of the steps of each layer."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tswidgets.analysis.timeaxis import LayerTime, TimeAxisReport

_ACCENT = "#D55E00"  # that of plots/colors.py
_MOST_TICKS = 120  # steps beyond which they are drawn as a bar
_HEAD = ("layer", "output", "steps", "sees", "stride", "time axis")


def as_text(report: TimeAxisReport) -> str:
    rows = [_HEAD, *(_cells(report, layer) for layer in report.layers)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    title = f"Time axis of {report.model!r}: {report.steps} steps"
    said = [f"- {sentence}" for sentence in (*report.findings, *report.problems)]
    changes = [f"  {layer}: {change}" for layer, change in report.fixes.items()]
    return "\n".join([title, "", *lines, *[""] * bool(said), *said, *_heading(report), *changes])


def as_html(report: TimeAxisReport) -> str:
    head = (
        f'<tr><th style="{_CELL}">layer</th><th style="{_CELL}">output</th><th style="{_CELL}">steps</th>'
        f'<th style="{_CELL}">sees</th><th style="{_CELL};width:100%">{_scale(report.n_timesteps)}</th>'
        f'<th style="{_CELL}">time axis</th></tr>'
    )
    rows = "".join(_row(report, layer) for layer in report.layers)
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in report.findings)
    wrong = "".join(f"<li>{escape(sentence)}</li>" for sentence in report.problems)
    changes = "".join(
        f"<li><b>{escape(layer)}</b>: <code>{escape(change)}</code></li>" for layer, change in report.fixes.items()
    )
    lists = f'<ul style="{_LIST}">{said}</ul>' if said else ""
    if wrong:
        lists += f'<ul style="{_LIST};border-left:3px solid {_ACCENT}">{wrong}</ul>'
    if changes:
        lists += f'<div style="margin-top:6px">{_heading(report)[-1]}</div><ul style="{_LIST}">{changes}</ul>'
    return (
        f'<div style="max-width:1200px;line-height:1.35"><div style="margin-bottom:4px">Time axis of '
        f"<b>{escape(report.model)}</b>: {escape(report.steps)} steps"
        f'<br><span style="{_SMALL}">Marks: where the steps lie. Colour: what the middle one of them sees.</span></div>'
        f'<div style="overflow-x:auto"><table style="{_TABLE}">'
        f"<thead>{head}</thead><tbody>{rows}</tbody></table></div>{lists}</div>"
    )


_TABLE = "width:100%;min-width:520px;table-layout:auto;border-collapse:collapse;margin:0"
_CELL = "text-align:left;vertical-align:middle;padding:3px 10px 3px 0;white-space:nowrap"
_LIST = "margin:6px 0 0 0;padding-left:22px"
_SMALL = "font-size:0.85em;opacity:0.75"


def _heading(report: TimeAxisReport) -> list[str]:
    if not report.fixes:
        return []
    return ["To keep it:" if report.y_shape is None else "To make it fit:"]


def _shape(layer: LayerTime) -> str:
    sizes = layer.shape
    text = ", ".join("?" if n is None else f"{n}" for n in sizes)
    return f"({text},)" if len(sizes) == 1 else f"({text})"


def _steps(layer: LayerTime) -> str:
    return "none" if layer.n_steps is None else f"{layer.n_steps:,}"


def _stride(layer: LayerTime) -> str:
    return "" if layer.stride is None else f"{layer.stride:.3g}"


def _sees(report: TimeAxisReport, layer: LayerTime) -> str:
    if layer.n_steps is None:
        return ""
    if layer.size is None:
        return "?"
    return "all" if layer.size == report.n_timesteps and layer.size > 1 else f"{layer.size:,}"


def _change(layer: LayerTime) -> str:
    if layer.change == "given back":
        return f"{layer.shape[0]} made anew"
    change = {"none": ""}.get(layer.change, layer.change)
    return change if layer.leads or layer.layer_class == "Input" else f"{change} (aside)".strip()


def _cells(report: TimeAxisReport, layer: LayerTime) -> tuple[str, ...]:
    name = layer.layer if layer.layer_class == "Input" else f"{layer.layer} ({layer.layer_class})"
    own = "steps of its own" if layer.n_steps is None and len(layer.shape) > 1 else ""
    what = own if layer.layer_class == "Input" else _change(layer)
    return name, _shape(layer), _steps(layer), _sees(report, layer), _stride(layer), what


def _row(report: TimeAxisReport, layer: LayerTime) -> str:
    _, shape, steps, sees, stride, what = _cells(report, layer)
    kind = "" if layer.layer_class == "Input" else f'<br><span style="{_SMALL}">{escape(layer.layer_class)}</span>'
    every = f'<br><span style="{_SMALL}">every {stride}</span>' if stride not in ("", "1") else ""
    marked = f"border-bottom:2px solid {_ACCENT};" if layer.layer in report.fixes or layer.change == "lost" else ""
    name = layer.layer if len(layer.layer) <= 32 else f"{layer.layer[:15]}…{layer.layer[-16:]}"
    cells = [f"<b>{escape(name)}</b>{kind}", shape, f'<span style="{marked}">{steps}</span>', f"{sees}{every}"]
    texts = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
    aside = "" if layer.leads else ' style="opacity:0.6"'
    title = f' title="{escape(layer.layer)}"'
    picture = f'<td style="{_CELL};width:100%">{_picture(layer, report.n_timesteps)}</td>'
    return f'<tr{aside}{title}>{texts}{picture}<td style="{_CELL}">{escape(what)}</td></tr>'


def _scale(n_timesteps: int) -> str:
    return (
        '<div style="display:flex;justify-content:space-between;font-weight:normal;min-width:150px"><span>0</span>'
        f"<span>step of the input</span><span>{n_timesteps - 1:,}</span></div>"
    )


def _picture(layer: LayerTime, n_timesteps: int) -> str:
    """The layer's steps at the centres of what they see, and, in colour, what the middle one of them sees."""
    svg = '<svg width="100%" height="22" style="display:block;min-width:150px" role="img" aria-label="{}">{}</svg>'
    if layer.n_steps is None or len(layer.lo) == 0:
        words = "no time axis" if layer.n_steps is None else "which steps it sees is not known"
        line = (
            '<line x1="0" x2="100%" y1="11" y2="11" stroke="currentColor" stroke-opacity="0.4" stroke-dasharray="2 5"/>'
        )
        return svg.format(words, line)
    seen = (layer.lo <= layer.hi) & ~np.isnan(layer.centres)
    lo, hi = layer.lo[seen], layer.hi[seen]
    if len(lo) == 0:
        return svg.format("sees nothing of the input", "")

    def at(step: float) -> str:
        return f"{100 * step / n_timesteps:.2f}%"

    middle = len(lo) // 2
    centres = layer.centres[seen] + 0.5
    parts = [
        f'<rect x="{at(lo[middle])}" width="{at(hi[middle] - lo[middle] + 1)}" y="1" height="20" fill="{_ACCENT}" '
        f'fill-opacity="0.3" stroke="{_ACCENT}"/>'
    ]
    spread = np.ptp(centres) if len(centres) > 1 else 0
    if len(lo) > _MOST_TICKS:
        parts.append(
            f'<rect x="{at(centres.min() - 0.5)}" width="{at(spread + 1)}" y="8" height="6" fill="currentColor" '
            'fill-opacity="0.55"/>'
        )
    else:
        parts += [
            f'<line x1="{at(c)}" x2="{at(c)}" y1="5" y2="17" stroke="currentColor" stroke-opacity="0.7"/>'
            for c in centres
        ]
    parts.append(
        f'<line x1="{at(centres[middle])}" x2="{at(centres[middle])}" y1="1" y2="21" '
        f'stroke="{_ACCENT}" stroke-width="2"/>'
    )
    label = f"{layer.n_steps} steps; the middle one sees input steps {lo[middle]} to {hi[middle]}"
    return svg.format(label, "".join(parts))
