"""An explorer as a page of its own, which needs neither a kernel nor the network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bqplot
import ipywidgets

from tswidgets import _validate
from tswidgets.plots.still import draw
from tswidgets.widgets.book import Book, bind
from tswidgets.widgets.controls import Offered
from tswidgets.widgets.lifetime import parts
from tswidgets.widgets.page import page_of
from tswidgets.widgets.pages import Pages
from tswidgets.widgets.state import State
from tswidgets.widgets.status import Status
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.text import Text, plain, plural
from tswidgets.widgets.views.legend import ChannelLegend

MOST_BYTES = 50 * 10**6
MOST_CHOICES = 1500  # of menus that are made for a page: each is computed and kept
MOST_NAMES = 24  # of channels beside a picture
MOST_SAMPLES = 10  # that a page has if none are named


@dataclass(frozen=True)
class Exported:
    """A page that was written.

    path : where; n_bytes : its size, of which `n_data_bytes` are what was asked for, and the rest is the same in every
    page; samples, layers : what it holds.
    """

    path: Path
    n_bytes: int
    n_data_bytes: int
    samples: tuple[int, ...]
    layers: tuple[str, ...]

    def __repr__(self) -> str:
        return f"{self.path.name}: {megabytes(self.n_bytes)}, {_held(self.samples, self.layers)}"


class Exports(State):
    """What can be kept of an explorer."""

    _refresher: Any
    _panel: Any
    _status: Status
    _pages: Pages
    _show: Callable[[Subject, dict[str, Any], Offered], None]

    def to_html(
        self,
        path: str | Path,
        *,
        samples: Sequence[int] | None = None,
        layers: Sequence[str] | None = None,
        max_bytes: int = MOST_BYTES,
    ) -> Exported:
        """Write what is on screen as one page that works without a kernel and without the network.

        The page has the panel that is shown, with sliders for the given samples and layers and for every filter, hover
        and zoom, and for every step of the panel `stepper`, unless that were more than 1,500 choices: then name fewer
        samples and layers. Everything else stays as it is on screen. It holds the series of these samples, the answers
        to them, and nothing else of X; of the model's weights those alone that the panel `stepper` shows.

        Parameters
        ----------
        path : str or Path
            A file that is written, or replaced.
        samples : list of int, optional
            Indices of the samples; by default the one that is shown and the first of X, 10 in all.
        layers : list of str, optional
            Names of the layers; by default all.
        max_bytes : int
            A larger page is not written. About 5 MB are the same in every page.

        Raises
        ------
        IndexError, TypeError
            If there is no such sample or layer.
        ValueError
            If the page would be larger than `max_bytes`; the message says what can be left out.
        """
        n_samples, shown = len(self._subject.samples), self.selection
        if samples is None:
            samples = sorted({shown.sample, *range(min(n_samples, MOST_SAMPLES))})[:MOST_SAMPLES]
        chosen = list(dict.fromkeys(_validate.index(one, n_samples, "sample", "X") for one in samples))
        named = list(dict.fromkeys(_validate.layer_name(one, self.layers) for one in layers or self.layers))
        if not chosen:
            _validate.nothing_to_export()
        offered = Offered(
            chosen,
            named,
            replace(
                shown,
                sample=shown.sample if shown.sample in chosen else chosen[0],
                layer=shown.layer if shown.layer in named else named[0],
            ),
        )
        if offered.first.layer != shown.layer:
            n_filters = self._subject.taps[offered.first.layer].n_filters
            first = replace(
                offered.first, filter=min(shown.filter, max(n_filters - 1, 0)), row=0, step=None, removed=()
            )
            offered = replace(offered, first=first)
        explorer = self._copy(offered)
        try:
            html, n_data = _write(explorer, offered)
        finally:
            explorer.close()
        if len(html) > max_bytes:
            _validate.page_too_large(len(html), max_bytes, n_data, len(chosen), len(named))
        Path(path).write_bytes(html)
        return Exported(Path(path), len(html), n_data, tuple(chosen), tuple(named))

    def save(self, path: str | Path, *, width: int = 1200) -> Path:
        """Write the figures that are on screen to a picture, with what the status line says.

        Drawn by matplotlib from what the figures hold, so that no browser is needed. Curves and rows of all filters,
        which the browser draws by itself, are left out.

        Parameters
        ----------
        path : str or Path
            Its ending says what is written: `.png`, `.svg` or `.pdf`.
        width : int
            Pixels of a PNG, hundredths of an inch of the others.

        Raises
        ------
        ValueError
            If the ending is another one, or if the panel has no figure, as `health`.
        ImportError
            If matplotlib is not installed.
        """
        file = Path(path)
        _validate.picture_ending(file.suffix, file.name)
        _validate.matplotlib_is_there()
        self._refresher.wait_idle()
        box = self._panel.box
        legends = [widget for widget in parts(box) if isinstance(widget, ChannelLegend)]
        names = [
            (name, *style) for legend in legends[:1] for name, style in zip(legend.names, legend.styles, strict=True)
        ]
        note = re.sub(r" · \S+ ms$", "", plain(self._status.value))  # how long it took to compute
        figures = list(_on_screen(box))
        if not figures:
            _validate.nothing_drawn(self.panel)
        draw(file, *figures, width=width, names=names[:MOST_NAMES], note=note)
        return file

    def _copy(self, offered: Offered) -> Any:
        """Another explorer of the same subject, with the panel that is shown, which computes in the caller's thread."""
        made = type(self).__new__(type(self))
        made._show(self._subject, {self.panel: self._pages.kinds[self.panel]}, offered)
        return made


def _on_screen(box: ipywidgets.Box) -> Iterator[tuple[str, bqplot.Figure]]:
    """The figures that are not hidden, each with the caption above it."""
    said = ""
    for widget in box.children:
        if widget.layout.display == "none":
            continue
        if isinstance(widget, bqplot.Figure):
            yield said, widget
        elif isinstance(widget, ipywidgets.Box):
            yield from _on_screen(widget)
        said = plain(widget.value) if isinstance(widget, Text) else ""


def megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.3g} MB"


def _made(explorer: Any, offered: Offered) -> list[ipywidgets.Widget]:
    """Menus that the panel makes for a page."""
    if not hasattr(explorer._panel, "offer") or explorer._subject.samples.n_axes > 1:
        return []
    return list(explorer._panel.offer(offered.samples, offered.layers, MOST_CHOICES))


def _held(samples: Sequence[int], layers: Sequence[str]) -> str:
    return f"{plural(len(samples), 'sample')} × {plural(len(layers), 'layer')}"


def _write(explorer: Any, offered: Offered) -> tuple[bytes, int]:
    """The page of an explorer that was made for it, and how many of its bytes are data."""
    controls, apart = explorer._controls, set[tuple[str, str]]()
    menus = [controls.layer, controls.sample]
    if explorer._subject.samples.n_axes == 1:  # else there are several of a kind
        menus += getattr(explorer._panel, "menus", [])
    made = _made(explorer, offered)
    menus += made
    if hasattr(explorer._panel, "layers"):  # rows that choose a layer: here it is the slider that turns the page
        explorer._panel.layers.menu = controls.layer
    for widget in (*menus, controls.filter, controls.zoom):
        apart |= {(widget.model_id, name) for name in ("index", "value")}

    first = offered.first

    def turned() -> None:
        if (
            explorer.layer == first.layer and not made
        ):  # by way of other layers, of fewer steps, one comes to a step nearby
            n_steps = explorer._subject.n_steps(first.layer, explorer.sample)
            explorer.step = explorer.step if first.step is None or first.step >= n_steps else first.step
        controls.scale.layout.display = "none"  # the kernel would fit them
        slicer = controls.drag.slicer
        controls.filter.disabled = slicer is None or not slicer.active  # without a kernel nobody draws another
        for panel in explorer._pages:
            for widget in getattr(panel, "kernel_only", ()):
                widget.disabled = True
                if isinstance(widget, ipywidgets.Play):
                    widget.layout.display = "none"
            apart.update((panel.time.scale.model_id, end) for end in ("min", "max"))
            if hasattr(panel, "cursor"):
                pages_own = hasattr(panel, "kernel_only")  # the step, of which the rest of the page is
                names = ("filter",) if pages_own else ("filter", "step")
                apart.update((panel.cursor.model_id, name) for name in names)

    book = Book(menus=menus, drag=controls.drag, zoom=controls.zoom)
    book.pages = bind(explorer, book.menus, turned, apart)
    zoomed = [(figure, panel.time) for panel in explorer._pages for figure in panel.time_figures]
    book.figures = [figure for figure, _ in zoomed]
    book.pan_zoom, book.homes = [time.pan_zoom for _, time in zoomed], [list(time.home) for _, time in zoomed]
    book.marks = [widget for widget in parts(explorer) if isinstance(widget, bqplot.Image)]
    explorer.children = [*explorer.children, book]
    held = _held(offered.samples, offered.layers)
    note = f"Made with tswidgets. This page holds {held}; it needs no kernel and no network."
    return page_of(explorer, f"{explorer._subject.model.name} · tswidgets", note), len(book.pages)
