"""One HTML file with widgets, all that they hold, and all the JavaScript that they need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path

import ipywidgets
from jupyter_core.paths import jupyter_path

from tswidgets import _validate
from tswidgets.widgets.bundle import asset
from tswidgets.widgets.lifetime import parts

MODULES = (
    "bqscales",
    "bqplot",
    "anywidget",
)  # as their packages install them, in the order in which they need each other
STYLE = """
:root { color-scheme: light dark; --jp-ui-font-family: system-ui, sans-serif; }
body { margin: 12px auto; padding: 0 12px; max-width: 1600px; background: Canvas; color: CanvasText; }
noscript, .tsw-page-note { font: 13px var(--jp-ui-font-family); color: GrayText; }
@media (prefers-color-scheme: dark) {
  :root {
    --jp-layout-color0: #111; --jp-layout-color1: #1e1e1e; --jp-layout-color2: #333; --jp-layout-color3: #555;
    --jp-ui-font-color0: #fff; --jp-ui-font-color1: #e8e8e8; --jp-ui-font-color2: #a8a8a8; --jp-ui-font-color3: #777;
    --jp-border-color0: #777; --jp-border-color1: #666; --jp-border-color2: #4a4a4a; --jp-border-color3: #333;
    --jp-content-font-color0: #fff; --jp-content-font-color1: #e8e8e8; --jp-content-font-color2: #a8a8a8;
    --jp-brand-color1: #64b5f6; --jp-brand-color2: #42a5f5; --jp-error-color1: #ef9a9a;
  }
}
"""


def page_of(root: ipywidgets.Widget, title: str, note: str) -> bytes:
    """The page in UTF-8. `note` is said below the widget; both are text."""
    widgets = parts(root)
    state = ipywidgets.Widget.get_manager_state(widgets=widgets)
    view = {"version_major": 2, "version_minor": 0, "model_id": root.model_id}
    scripts = "\n".join(f"<script>{_inside_script(source)}</script>" for source in _sources())
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<noscript>This page draws with JavaScript, which is switched off.</noscript>
<script type="application/vnd.jupyter.widget-view+json">{_inside_script(json.dumps(view))}</script>
<p class="tsw-page-note">{escape(note)}</p>
<script type="application/vnd.jupyter.widget-state+json">{json.dumps(state).replace("<", chr(92) + "u003c")}</script>
{scripts}
</body>
</html>
"""
    return page.encode()


def _sources() -> Iterator[str]:
    """A loader of modules, the widgets' modules, and what brings the widgets of a page to life."""
    yield asset("require.js")
    for name in MODULES:
        source = json.dumps(name)
        yield f"""(function () {{
const outer = window.define;
function define(...args) {{
  if (typeof args[0] !== "string") args.unshift({source});
  return outer.apply(window, args);
}}
define.amd = outer.amd;
{_module(name)}
}})();"""
    yield asset("embed-amd.js")


def _module(name: str) -> str:
    places = [Path(folder) / name / "index.js" for folder in jupyter_path("nbextensions")]
    found = [path for path in places if path.exists()]
    if not found:
        _validate.no_module(name)
    return found[0].read_text()


def _inside_script(source: str) -> str:
    """Text that does not end the script that it stands in."""
    return source.replace("</script", "<\\/script").replace("<!--", "<\\!--")
