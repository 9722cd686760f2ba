"""The explorer: a Keras model and a set of series behind one set of sliders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets
import traitlets

from tswidgets import _validate
from tswidgets.selection import Selection
from tswidgets.widgets.controls import SCALES, Controls
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.panel import Panel, Picture
from tswidgets.widgets.panels.activations import ActivationsPanel
from tswidgets.widgets.refresher import Refresher, Token
from tswidgets.widgets.status import Status
from tswidgets.widgets.subject import Subject, bind
from tswidgets.widgets.text import number

PANELS: dict[str, type[Panel]] = {"activations": ActivationsPanel}
"""What can be chosen as `Explorer.panel`, in the order of the tabs."""


class Explorer(ipywidgets.VBox):
    """Look inside a Keras model for time series: any filter of any layer for any sample, live.

    Parameters
    ----------
    model : keras.Model or Probe
        A Keras 3 model. It is neither changed nor copied.
    X : array of shape (n_samples, n_timesteps, n_channels), or (n_samples, n_timesteps) for one channel, or a list of
        arrays of shape (n_timesteps_i, n_channels) for series of different lengths
        For a model with several inputs a dict of those by the inputs' names, or a list in the model's order; those with
        as many steps as the first are drawn. Floating-point numbers; NaN and infinite values are allowed and drawn as
        gaps. pandas and xarray are accepted.
    y : array, optional
        Class numbers or names (n_samples,), one-hot (n_samples, n_classes), values (n_samples,), or one label per time
        step (n_samples, n_timesteps).
    channel_names, class_names : list of str, optional
    sampling_rate : float, optional
        Time steps per second (Hz). With it time is shown in seconds, without it in steps.
    panels : list of str, optional
        What to show, of `panels`; by default all that apply to the model and the series.

    Attributes
    ----------
    layer, filter, sample, step, scale, panel
        What is shown. They can be set, observed and linked; the picture follows, and they follow the sliders.

    Raises
    ------
    TypeError, ValueError, IndexError
        What was expected, what was got and what to do. After an error the explorer shows what it showed before.
    """

    layer = traitlets.Unicode()
    """Name of the layer, `encoder/conv1`; `layers` lists them all. Default: the last convolutional or recurrent one."""
    filter = traitlets.Int(0)
    """Index of the filter or unit. Default: the most active one for the first sample."""
    sample = traitlets.Int(0)
    """Index of the sample in X. Default: 0."""
    step = traitlets.Int(None, allow_none=True)
    """Index of the layer's step whose span of input is fixed on screen, or None. Default: None."""
    scale = traitlets.Enum(tuple(SCALES), default_value="filter")
    """What scales are fitted to: `filter` (its own range over the samples), `layer` or `sample`. Default: `filter`."""

    panel = traitlets.Unicode("activations")
    """What is looked at; `panels` lists what there is for this model. Default: the first of them."""

    _refresher: Refresher[Selection, Any]

    def __init__(
        self,
        model: Any,
        X: Any,
        y: Any = None,
        *,
        channel_names: Sequence[Any] | None = None,
        class_names: Sequence[Any] | None = None,
        sampling_rate: float | None = None,
        panels: Sequence[str] | None = None,
    ) -> None:
        names = {"channel_names": channel_names, "class_names": class_names}
        subject = bind(model, X, y, **names, sampling_rate=sampling_rate)
        kinds = _kinds(subject, panels)
        self._subject, self._kinds = subject, kinds
        self._panels: dict[str, Panel] = {}
        self._pictures: dict[str, Picture] = {}
        self._busy_with_own_change = True
        super().__init__()
        self.panel = next(iter(kinds))
        self.layer = subject.first_layer
        self.filter = self._wanted_filter = subject.most_active_filter(self.layer, 0)
        self._status = Status()
        titles = {name: kind.title for name, kind in kinds.items()}
        self._controls = Controls(self, list(subject.taps.values()), len(subject.samples), titles)
        self._controls.follow(subject.taps[self.layer], self.filter)
        self._controls.zoom.observe(lambda change: self._zoom(change.new), "value")
        self._controls.reset.on_click(lambda _: self._panel.time.reset())
        self._body = ipywidgets.VBox()
        self._open(self.panel)
        self.children = [*self._controls.rows, self._body, self._status]
        self.add_class("tsw-explorer")
        self._busy_with_own_change = False
        self._refresher = Refresher(self._compute, self._publish, self._failed)
        self._first_picture()

    def __repr__(self) -> str:
        name, model = type(self).__name__, self._subject.model.name
        return f"{name}({model!r}, layer={self.layer!r}, filter={self.filter}, sample={self.sample})"

    def __enter__(self) -> Explorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def layers(self) -> list[str]:
        """Names of everything that can be chosen as `layer`, in the order in which the model runs it."""
        return list(self._subject.taps)

    @property
    def panels(self) -> list[str]:
        """Names of everything that can be chosen as `panel`."""
        return list(self._kinds)

    @property
    def selection(self) -> Selection:
        """The whole state as one frozen, hashable value."""
        return Selection(self.layer, self.filter, self.sample, self.step, self.scale, self.panel)

    def data(self) -> dict[str, Any]:
        """What is on screen, as arrays; `explorer.panel` decides what that is.

        Returns
        -------
        dict
            Of the panel `activations`:
            `input` : (n_timesteps, n_channels), NaN where the model masks a step as padding.
            `activation` : (n_steps,), the chosen filter's answer; a single value for a layer without a time axis.
            `time` : (n_steps,), the input step at the centre of what each step sees; None without a time axis.
            `layer` : (n_steps, n_filters), or (n_units,) without a time axis, or the output as it is where it cannot be
            drawn; `activation` is None then.
            `prediction` : what the model answered.
        """
        self._refresher.wait_idle()
        return self._panel.data(self._pictures[self.panel])

    def close(self) -> None:
        """Close every widget that belongs to the explorer and end its worker. The model and the data are untouched."""
        if hasattr(self, "_refresher"):
            self._refresher.close()
            for panel in self._panels.values():
                panel.close()
                close_all(panel.time.pan_zoom)  # hangs on no figure while zooming is switched off
        close_all(self)

    # -- inputs: validated at the boundary, then submitted ------------------------------------------------------------

    @traitlets.validate("layer")
    def _valid_layer(self, proposal: Any) -> str:
        return _validate.layer_name(proposal.value, self.layers)

    @traitlets.validate("filter")
    def _valid_filter(self, proposal: Any) -> int:
        tap = self._subject.taps[self.layer]
        return _validate.index(proposal.value, max(tap.n_filters, 1), tap.word, f"layer {tap.name!r}")

    @traitlets.validate("sample")
    def _valid_sample(self, proposal: Any) -> int:
        return _validate.index(proposal.value, len(self._subject.samples), "sample", "X")

    @traitlets.validate("step")
    def _valid_step(self, proposal: Any) -> int | None:
        if proposal.value is None:
            return None
        n_steps = len(self._subject.places(self.layer, self.sample))
        return _validate.index(proposal.value, n_steps, "step", f"layer {self.layer!r} for sample {self.sample}")

    @traitlets.validate("panel")
    def _valid_panel(self, proposal: Any) -> str:
        return _validate.one_of(proposal.value, self.panels, "panel")

    @traitlets.observe("layer")
    def _layer_changed(self, change: Any) -> None:
        if self._busy_with_own_change:
            return
        with self._own_change():
            tap = self._subject.taps[change.new]
            self._controls.follow(tap, min(self._wanted_filter, max(tap.n_filters - 1, 0)))
            self.step = self._subject.same_place(change.old, change.new, self.sample, self.step)
        self._refresher.submit(self.selection)

    @traitlets.observe("filter", "sample", "step", "scale")
    def _input_changed(self, change: Any) -> None:
        if self._busy_with_own_change:
            return
        if change.name == "filter":
            self._wanted_filter = change.new  # kept for when a layer with that many filters comes back
        self._refresher.submit(self.selection)

    @traitlets.observe("panel")
    def _panel_changed(self, change: Any) -> None:
        if self._busy_with_own_change:
            return
        self._open(change.new)
        self._refresher.submit(self.selection)

    @contextmanager
    def _own_change(self) -> Iterator[None]:
        self._busy_with_own_change = True
        try:
            yield
        finally:
            self._busy_with_own_change = False

    @property
    def _panel(self) -> Panel:
        return self._panels[self.panel]

    def _open(self, name: str) -> None:
        """Show a panel, which is made when it is first asked for, and hide the others."""
        if name not in self._panels:
            panel = self._panels[name] = self._kinds[name](self._subject)
            for widget, trait in panel.inputs:
                traitlets.link((self, trait), (widget, trait))
            self._body.children = [*self._body.children, panel.box]
        for other, panel in self._panels.items():
            panel.box.layout.display = None if other == name else "none"
        self._zoom(self._controls.zoom.value)

    def _zoom(self, on: bool) -> None:
        for figure in self._panel.time_figures:
            figure.interaction = self._panel.time.pan_zoom if on else None

    # -- output: written by the worker alone --------------------------------------------------------------------------

    def _first_picture(self) -> None:
        """Draw in the user's thread, so that what is wrong is raised there; what takes long goes on in the worker."""
        first = self._compute(self.selection)
        several = isinstance(first, Iterator)
        self._publish(self.selection, next(first) if several else first)
        if several:
            self._refresher.submit(self.selection)

    def _compute(self, selection: Selection, token: Token | None = None) -> Any:
        return self._panels[selection.panel].compute(selection, token)

    def _failed(self, error: Exception) -> None:
        picture = self._pictures.get(self.panel)
        shown = "" if picture is None else f"Still showing sample {picture.selection.sample}; "
        self._status.fail(error, f"{shown}the next change tries again")

    def _publish(self, selection: Selection, picture: Picture) -> None:
        panel, probe = self._panels[selection.panel], self._subject.probe
        self._pictures[selection.panel] = picture
        self._controls.describe(picture.tap, picture.shape)
        panel.show(picture)
        self._status.show(
            *panel.said(picture),
            "" if not probe.eager_because else f"not compiled ({probe.eager_because})",
            f"{number(picture.seconds * 1e3)} ms",
        )


def _kinds(subject: Subject, panels: Sequence[str] | None) -> dict[str, type[Panel]]:
    """The panels that were asked for, or else all that have something to show of this subject."""
    fitting = {name: kind for name, kind in PANELS.items() if kind.applies(subject)}
    wanted = list(fitting) if panels is None else [_validate.one_of(name, list(fitting), "panel") for name in panels]
    return {name: fitting[name] for name in wanted or fitting}
