"""The sliders and the toolbar, bound to an explorer's traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
import traitlets

from tswidgets.probe import Tap
from tswidgets.selection import Selection
from tswidgets.widgets.drag import FilterDrag
from tswidgets.widgets.panel import SCALES
from tswidgets.widgets.text import Text, caption, shape


@dataclass(frozen=True)
class Offered:
    """What can be chosen in an explorer that has not everything, and what it opens with."""

    samples: list[int]
    layers: list[str]
    first: Selection


class Controls:
    """Layer, filter and sample sliders; panels, scale, zoom and reset. `rows` are the widgets to show.

    titles : panel → what its tab says.
    offered : the only samples and layers to choose from, by default all.
    """

    def __init__(
        self,
        owner: Any,
        taps: Sequence[Tap],
        n_samples: int,
        titles: Mapping[str, str],
        offered: Offered | None = None,
    ) -> None:
        self._owner = owner
        self._unlink = lambda: None
        self.layer = ipywidgets.SelectionSlider(
            options=[tap.name for tap in taps] if offered is None else offered.layers,
            value=owner.layer,
            description="Layer",
            readout=False,
        )
        self.filter = ipywidgets.IntSlider(min=0, max=0, description="Filter")
        self.drag = FilterDrag(self.filter)
        self.sample = (
            ipywidgets.IntSlider(min=0, max=n_samples - 1, value=owner.sample, description="Sample")
            if offered is None
            else ipywidgets.SelectionSlider(options=offered.samples, value=owner.sample, description="Sample")
        )
        self.layer_note, self.filter_note, self.sample_note = (Text("tsw-note") for _ in range(3))
        self.scale = ipywidgets.Dropdown(
            options=[(text, name) for name, text in SCALES.items()], value=owner.scale, description="Scale fits"
        )
        self.scale.style.description_width = "auto"
        self.zoom = ipywidgets.ToggleButton(
            description="Zoom and pan", tooltip="The wheel zooms in time, dragging moves"
        )
        self.reset = ipywidgets.Button(description="Whole series", tooltip="Show the whole time axis")
        self.reset.add_class("tsw-reset")
        sliders = [
            _control("layer", self.layer, self.layer_note),
            _control("filter", self.filter, self.filter_note, self.drag),
            _control("sample", self.sample, self.sample_note),
        ]
        self.panel = ipywidgets.ToggleButtons(
            options=[(title, name) for name, title in titles.items()], value=owner.panel
        )
        self.panel.add_class("tsw-tabs")
        if len(titles) < 2:
            self.panel.layout.display = "none"
        toolbar = [self.panel, self.scale, self.zoom, self.reset]
        self.rows = [_row("tsw-controls", sliders), _row("tsw-toolbar", toolbar)]
        self.sample_note.write(f"<div>of {n_samples:,}</div>")
        self._unlink_scale = traitlets.link((owner, "scale"), (self.scale, "value")).unlink
        for name in ("layer", "sample", "panel"):
            traitlets.link((owner, name), (getattr(self, name), "value"))

    def offer(self, scales: Mapping[str, str], *, timed: bool) -> None:
        """Let scales be fitted to these, in words; none hides the choice. `timed`: there is a time axis to zoom in."""
        self.zoom.layout.display = self.reset.layout.display = None if timed else "none"
        self.scale.layout.display = None if scales else "none"
        if not scales:
            return
        self._unlink_scale()
        if self._owner.scale not in scales:
            self._owner.scale = next(iter(scales))
        self.scale.options = [(words, name) for name, words in scales.items()]
        self.scale.value = self._owner.scale
        self._unlink_scale = traitlets.link((self._owner, "scale"), (self.scale, "value")).unlink

    def follow(self, tap: Tap, filter: int) -> None:
        """Let the filter slider run over another layer's filters or units, and set it to `filter`."""
        self._unlink()  # a slider that shrinks would push a value of its own
        self.filter.max = max(tap.n_filters - 1, 0)
        self.filter.description = tap.word.capitalize()
        self.filter.disabled = not tap.drawable
        self._owner.filter = filter
        self._unlink = traitlets.link((self._owner, "filter"), (self.filter, "value")).unlink

    def describe(self, tap: Tap, axes: Sequence[int | None]) -> None:
        """Say what the chosen layer is and gives: an output of shape `axes`."""
        self.layer_note.write(caption(tap.name, tap.layer_class, shape(axes)))
        self.filter_note.write(f"<div>of {tap.n_filters:,}</div>" if tap.drawable else "")


def _control(name: str, slider: ipywidgets.Widget, *beside: ipywidgets.Widget) -> ipywidgets.HBox:
    slider.add_class(f"tsw-{name}-slider")
    row = _row("tsw-control", [slider, *beside])
    row.add_class(f"tsw-{name}-control")
    return row


def _row(css_class: str, children: Sequence[ipywidgets.Widget]) -> ipywidgets.HBox:
    row = ipywidgets.HBox(list(children))
    row.add_class(css_class)
    return row
