"""What every panel of an explorer is and does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import bqplot
import ipywidgets
import traitlets

from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.probe import Tap
from tswidgets.selection import Selection
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject

Input = tuple[str, traitlets.HasTraits, str]
"""A trait of the explorer, and a widget's trait that is linked to it."""
News = Callable[[], None]
"""What a panel calls when it has found out something by itself, in whatever thread: it is computed and shown anew."""


SCALES = {"filter": "this filter, all samples", "layer": "whole layer, all samples", "sample": "this sample only"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Picture:
    """What a panel computed of a selection.

    selection : with indices that exist, which those that were asked for may no longer do.
    tap : the chosen layer; `shape` is that of its output without the sample axis.
    seconds : how long the computation took.
    progress : (done, total, of what) of a computation that goes on.
    """

    selection: Selection
    tap: Tap
    shape: tuple[int, ...]
    seconds: float
    progress: tuple[int, int, str] = (0, 0, "")


class Panel(Protocol):
    """One page of an explorer, made when it is first shown.

    title : what its tab says; `scales` : what its scales can be fitted to, values of `Explorer.scale` in words.
    box : everything that it shows.
    time : the time axis that its `time_figures` share.
    inputs : what the user changes here, beside the sliders.
    """

    title: str
    scales: Mapping[str, str]
    box: ipywidgets.Box
    time: TimeAxis
    time_figures: list[bqplot.Figure]
    inputs: list[Input]
    # `menus`, that a page without a kernel can offer: widgets with `options`, whose every choice is kept in it
    # `offer(samples, layers, most)`, menus that it makes for such a page, of no more than `most` choices in all
    # `kernel_only`, that such a page shows switched off: what stays as it is there
    # `slicer`, of a panel where the browser draws another filter by itself: a FilterSlicer

    def __init__(self, subject: Subject, news: News) -> None: ...

    @staticmethod
    def applies(subject: Subject) -> bool:
        """Whether there is anything to show of this model and these series."""

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        """Number of the time axis that it stands on while `layer` is chosen: the layer's own, or the output's."""

    def compute(self, selection: Selection, token: Token | None = None) -> Any:
        """A picture, or an iterator of better and better ones; pure, runs in the worker."""

    def show(self, picture: Any) -> None:
        """Draw a picture: the only place that writes to the panel's widgets."""

    def said(self, picture: Any) -> Iterator[str]:
        """What the status line says of a picture."""

    def data(self, picture: Any) -> dict[str, Any]:
        """What is on screen, as arrays."""

    def cancel(self) -> None:
        """Stop what goes on beside `compute`, and keep what was found."""

    def close(self) -> None:
        """Close what hangs on no widget of the box."""


def page(rows: list[ipywidgets.Widget], side: list[ipywidgets.Widget]) -> ipywidgets.Box:
    """Figures, and beside them what explains them; below them where it is narrow."""
    figures, beside = ipywidgets.VBox(rows), ipywidgets.VBox(side)
    figures.add_class("tsw-figures")
    beside.add_class("tsw-side")
    box = ipywidgets.HBox([figures, beside])
    box.add_class("tsw-panel")
    return box


def menu(description: str, options: Mapping[str, str]) -> ipywidgets.Dropdown:
    """A choice of names, shown in words."""
    made = ipywidgets.Dropdown(options=[(words, name) for name, words in options.items()], description=description)
    made.style.description_width = "auto"
    return made


def actions(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """What can be done in a panel, in one row that wraps."""
    row = ipywidgets.HBox(list(widgets))
    row.add_class("tsw-toolbar")
    row.add_class("tsw-actions")
    return row
