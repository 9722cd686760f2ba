"""Runs first in every tutorial: what a cell shows becomes a page that needs no kernel, in a frame of the site.

A widget's page is the one that `to_html` writes, but for the scripts that are the same in all of them, which lie beside
it once, and for a word with the site about its height and whether it is dark.
"""

import hashlib
import re
import sys
from html import escape
from itertools import count
from pathlib import Path

import ipywidgets
from IPython import get_ipython
from IPython.display import display

from tswidgets import Explorer
from tswidgets.widgets.page import page_of

LIVE = Path(__file__).parent / "_live" / "live"
MOST_BYTES = 14_000_000
FRAMED = """<style>body { background: none; margin: 0; padding: 0; }</style>
<script src="../_static/framed.js"></script>
"""
numbers = count(1)
notebook = sys.argv[1]


def show(widget: ipywidgets.Widget) -> bool:
    name = f"{notebook}-{next(numbers)}.html"
    LIVE.mkdir(parents=True, exist_ok=True)
    html = _explorer(widget) if isinstance(widget, Explorer) else page_of(widget, notebook, "").decode()
    page = re.sub(r"<script>(.*?)</script>", _beside, html, flags=re.DOTALL)
    (LIVE / name).write_text(page.replace("</head>", f"{FRAMED}</head>", 1))
    frame = f'<iframe class="live" data-page="../live/{name}" title="{escape(repr(widget))}" loading="lazy"></iframe>'
    display({"text/html": frame}, raw=True)
    return True


def _explorer(explorer: Explorer) -> str:
    """Its page with as much as has room, and at least with what it shows."""
    shown = explorer.selection
    some = sorted({shown.sample, *range(min(4, len(explorer._subject.samples)))})
    for options in ({"samples": some}, {"samples": some, "layers": [shown.layer]}):
        try:
            return _written(explorer, **options)
        except ValueError:  # larger than that
            continue
    return _written(explorer, samples=[shown.sample], layers=[shown.layer])


def _written(explorer: Explorer, **options) -> str:
    page = LIVE / "page.html"
    explorer.to_html(page, max_bytes=MOST_BYTES, **options)
    html = page.read_text()
    page.unlink()
    return html


def _beside(found: re.Match) -> str:
    source = found[1].encode()
    if len(source) < 50_000:
        return found[0]
    name = f"{hashlib.sha256(source).hexdigest()[:12]}.js"
    (LIVE / name).write_bytes(source)
    return f'<script src="{name}"></script>'


get_ipython().display_formatter.ipython_display_formatter.for_type(ipywidgets.Widget, show)
