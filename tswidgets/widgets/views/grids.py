"""Numbers under a kernel as a table that can be read, or as pictures where there are too many."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import css_color, palette
from tswidgets.plots.decimate import strongest
from tswidgets.plots.picture import levels, png
from tswidgets.widgets import text

Floats = NDArray[np.float32]
MOST_COLUMNS, MOST_ROWS = 12, 8  # of a table
STRENGTH = 0.45  # opacity of the strongest colour behind numbers
MOST_PIXELS = 600  # of a picture, either way
ROW, LOWEST, HIGHEST = 12, 24, 220  # CSS pixels of a picture's row, and of a picture


def is_table(n_columns: int, n_rows: int) -> bool:
    return n_columns <= MOST_COLUMNS and n_rows <= MOST_ROWS


def table(head: Sequence[str], rows: Sequence[str], css_class: str = "") -> str:
    """HTML of a table; `head` and `rows` are HTML."""
    cells = "".join(f"<th>{one}</th>" for one in head)
    return (
        f'<table class="tsw-by-hand {css_class}"><thead><tr>{cells}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def row(name: str, cells: Sequence[str], color: str = "") -> str:
    """HTML of a row; `cells` are HTML of <td>, `color` is that of the row's line in a figure."""
    mark = f'<i style="border-color:{color}"></i>' if color else ""
    return f'<tr><th title="{escape(name)}">{mark}<span>{escape(name)}</span></th>{"".join(cells)}</tr>'


def cell(lines: Sequence[str], value: float, most: float, css_class: str = "") -> str:
    """One cell, lines of text below each other, on the colour of its value from -most to most."""
    color = css_color(value / most, STRENGTH) if most else "transparent"
    told = "".join(f"<div>{escape(line)}</div>" for line in lines)
    return f'<td class="{css_class}" style="background:{color}">{told}</td>'


def picture(title: str, values: Floats, most: float, rows: str, columns: str, note: str = "") -> str:
    """HTML of (n_rows, n_columns) values as colours from -most to most, row 0 on top.

    rows, columns : what one of them is called; `note` is said of the rows in place of their number.
    """
    shown, run = strongest(values, MOST_PIXELS)
    shown, across = strongest(np.ascontiguousarray(shown.T), MOST_PIXELS)
    entries = levels(shown.T, -most or -1.0, most or 1.0)
    source = base64.b64encode(png(entries, palette(signed=True))).decode()
    height = int(np.clip(len(values) * ROW, LOWEST, HIGHEST))
    counts = f"{note or text.plural(len(values), rows)} × {text.plural(values.shape[1], columns)}"
    merged = "" if run == across == 1 else f", each dot the strongest of {run} × {across}"
    return (
        f'<figure class="tsw-grid"><figcaption><b>{escape(title)}</b> {escape(counts + merged)}</figcaption>'
        f'<img alt="{escape(title)}" style="height:{height}px" src="data:image/png;base64,{source}"></figure>'
    )


def pictures(*parts: str) -> str:
    """Pictures and the signs between them, in one line that wraps."""
    return f'<div class="tsw-grids">{"".join(parts)}</div>'


def sign(what: str) -> str:
    return f'<span class="tsw-sign">{what}</span>'


def words(*lines: str) -> str:
    """Lines of arithmetic; HTML."""
    return '<div class="tsw-sum">' + "".join(map(_line, filter(None, lines))) + "</div>"


def _line(line: str) -> str:
    return line if line.startswith("<p") else f"<p>{line}</p>"


def largest(values: Floats) -> float:
    """The largest finite magnitude, or 0."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
