"""The explorer: a Keras model and a set of series behind one set of sliders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets
import traitlets

from tswidgets import _validate
from tswidgets.inputs import SeveralInputs
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.probe import Input, Probe, Tap, as_probe, declared_inputs, takes_dict
from tswidgets.samples import Labels, Samples
from tswidgets.selection import Selection
from tswidgets.widgets import text
from tswidgets.widgets.controls import SCALES, Controls
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.panels.activations import ActivationsPanel, Picture
from tswidgets.widgets.refresher import Refresher
from tswidgets.widgets.status import Status


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

    Attributes
    ----------
    layer, filter, sample, step, scale
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

    _refresher: Refresher[Selection, Picture]

    def __init__(
        self,
        model: Any,
        X: Any,
        y: Any = None,
        *,
        channel_names: Sequence[Any] | None = None,
        class_names: Sequence[Any] | None = None,
        sampling_rate: float | None = None,
    ) -> None:
        probe, samples = _bind(model, X)
        output = probe.observe(samples.batch(0)).outputs[0]
        channels = _validate.names(channel_names, samples.n_channels, "channel_names", "channel of X")
        classes = _validate.names(class_names, output.shape[-1] if output.ndim > 1 else 1, "class_names", "output")
        labels = None if y is None else Labels(y, samples, output.shape[1:], classes)
        rate = _validate.sampling_rate(sampling_rate)

        self._model = probe.model  # a probe holds its model weakly
        self._probe, self._samples, self._labels, self._classes = probe, samples, labels, classes
        self._taps: dict[str, Tap] = {tap.name: tap for tap in probe.taps}
        self._busy_with_own_change = True
        super().__init__()
        self._time = TimeAxis(samples.longest, rate)
        self._panel = ActivationsPanel(
            probe,
            samples,
            labels,
            self._time,
            channel_names=channels or samples.channel_names,
            class_names=classes,
        )
        self._status = Status()
        self.layer = _first_layer(list(self._taps.values()))
        self.filter = self._wanted_filter = self._panel.most_active_filter(self.layer, 0)
        self._controls = Controls(self, list(self._taps.values()), len(samples))
        self._controls.follow(self._taps[self.layer], self.filter)
        self._controls.zoom.observe(self._zoom_switched, "value")
        self._controls.reset.on_click(lambda _: self._time.reset())
        for name in ("filter", "step"):
            traitlets.link((self, name), (self._panel.cursor, name))
        figures = ipywidgets.VBox([*self._panel.rows, self._panel.cursor, self._status])
        figures.add_class("tsw-figures")
        body = ipywidgets.HBox([figures, self._panel.side])
        body.add_class("tsw-body")
        self.children = [*self._controls.rows, body]
        self.add_class("tsw-explorer")
        self._busy_with_own_change = False

        self._picture: Picture | None = None
        self._refresher = Refresher(self._panel.compute, self._publish, self._failed)
        self._publish(self.selection, self._panel.compute(self.selection))

    def __repr__(self) -> str:
        return f"Explorer({self._model.name!r}, layer={self.layer!r}, filter={self.filter}, sample={self.sample})"

    def __enter__(self) -> Explorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def layers(self) -> list[str]:
        """Names of everything that can be chosen as `layer`, in the order in which the model runs it."""
        return list(self._taps)

    @property
    def selection(self) -> Selection:
        """The whole state as one frozen, hashable value."""
        return Selection(self.layer, self.filter, self.sample, self.step, self.scale)

    def data(self) -> dict[str, Any]:
        """What is on screen, as arrays.

        Returns
        -------
        dict
            `input` : (n_timesteps, n_channels), NaN where the model masks a step as padding.
            `activation` : (n_steps,), the chosen filter's answer; a single value for a layer without a time axis.
            `time` : (n_steps,), the input step at the centre of what each step sees; None without a time axis.
            `layer` : (n_steps, n_filters), or (n_units,) without a time axis, or the output as it is where it cannot be
            drawn; `activation` is None then.
            `prediction` : what the model answered.
        """
        self._refresher.wait_idle()
        picture = self._picture
        assert picture is not None
        chosen = picture.activations
        series = picture.series.astype("float32")
        series[picture.absent] = float("nan")
        return {
            "input": series,
            "activation": None if chosen is None else chosen.values[..., picture.selection.filter].copy(),
            "time": None if chosen is None or chosen.time is None else chosen.time.copy(),
            "layer": picture.raw.copy() if chosen is None else chosen.values.copy(),
            "prediction": picture.output.copy(),
        }

    def close(self) -> None:
        """Close every widget that belongs to the explorer and end its worker. The model and the data are untouched."""
        if hasattr(self, "_refresher"):
            self._refresher.close()
            self._panel.close()
            close_all(self._time.pan_zoom)  # hangs on no figure while zooming is switched off
        close_all(self)

    # -- inputs: validated at the boundary, then submitted ------------------------------------------------------------

    @traitlets.validate("layer")
    def _valid_layer(self, proposal: Any) -> str:
        return _validate.layer_name(proposal.value, list(self._taps))

    @traitlets.validate("filter")
    def _valid_filter(self, proposal: Any) -> int:
        tap = self._taps[self.layer]
        return _validate.index(proposal.value, max(tap.n_filters, 1), tap.word, f"layer {tap.name!r}")

    @traitlets.validate("sample")
    def _valid_sample(self, proposal: Any) -> int:
        return _validate.index(proposal.value, len(self._samples), "sample", "X")

    @traitlets.validate("step")
    def _valid_step(self, proposal: Any) -> int | None:
        if proposal.value is None:
            return None
        n_steps = len(self._panel.places(self.layer, self.sample))
        return _validate.index(proposal.value, n_steps, "step", f"layer {self.layer!r} for sample {self.sample}")

    @traitlets.observe("layer")
    def _layer_changed(self, change: Any) -> None:
        if self._busy_with_own_change:
            return
        with self._own_change():
            tap = self._taps[change.new]
            self._controls.follow(tap, min(self._wanted_filter, max(tap.n_filters - 1, 0)))
            self.step = self._panel.same_place(change.old, change.new, self.sample, self.step)
        self._refresher.submit(self.selection)

    @traitlets.observe("filter", "sample", "step", "scale")
    def _input_changed(self, change: Any) -> None:
        if self._busy_with_own_change:
            return
        if change.name == "filter":
            self._wanted_filter = change.new  # kept for when a layer with that many filters comes back
        self._refresher.submit(self.selection)

    @contextmanager
    def _own_change(self) -> Iterator[None]:
        self._busy_with_own_change = True
        try:
            yield
        finally:
            self._busy_with_own_change = False

    def _zoom_switched(self, change: Any) -> None:
        for figure in self._panel.time_figures:
            figure.interaction = self._time.pan_zoom if change.new else None

    # -- output: written by the worker alone --------------------------------------------------------------------------

    def _failed(self, error: Exception) -> None:
        shown = "" if self._picture is None else f"Still showing sample {self._picture.selection.sample}; "
        self._status.fail(error, f"{shown}the next change tries again")

    def _publish(self, selection: Selection, picture: Picture) -> None:
        self._picture = picture
        tap, chosen, shown = picture.tap, picture.activations, picture.selection
        self._controls.describe(tap, picture.raw.shape)
        self._panel.show(picture)
        label = None if self._labels is None else self._labels[shown.sample]
        step = ""
        if shown.step is not None and chosen is not None and chosen.timeline is not None:
            first, last = chosen.timeline.lo[shown.step], chosen.timeline.hi[shown.step]
            step = f"{tap.name} step {shown.step} sees input {first}–{last}"
        self._status.show(
            text.outcome(shown.sample, picture.output, label, self._classes),
            step,
            "" if not self._probe.eager_because else f"not compiled ({self._probe.eager_because})",
            f"{text.number(picture.seconds * 1e3)} ms",
        )


def _bind(model: Any, X: Any) -> tuple[Probe, Samples]:
    """The model's probe and the series, checked against each other before any widget is made."""
    inputs = declared_inputs(model.model if isinstance(model, Probe) else model)
    if len(inputs) > 1:
        probe = as_probe(model)
        return probe, _several(probe, X, inputs)
    samples = Samples(X, integers=any(one.integers for one in inputs))
    probe = as_probe(model, samples[0][None])
    samples.flat = len(probe.input_shapes[0]) == 1
    _validate.fits_model(samples.lengths, samples.n_channels, probe.input_shapes[0], probe.model.name)
    return probe, samples


def _several(probe: Probe, X: Any, inputs: Sequence[Input]) -> SeveralInputs:
    arrays = _validate.several(X, [one.name for one in inputs], probe.model.name)
    shapes = {one.name: one.shape for one in inputs}
    samples = SeveralInputs(
        arrays,
        flat={name: len(shape) == 1 for name, shape in shapes.items()},
        integers={one.name: one.integers for one in inputs},
        as_list=not takes_dict(probe.model),
    )
    for name, part in samples.parts.items():
        _validate.fits_model(part.lengths, part.n_channels, shapes[name], probe.model.name)
    return samples


def _first_layer(taps: list[Tap]) -> str:
    """The last convolutional or recurrent layer that can be drawn, else the last that can, else the first."""
    drawable = [tap for tap in taps if tap.drawable]
    learning = [tap for tap in drawable if tap.family]
    return ([*taps[:1], *drawable[-1:], *learning[-1:]])[-1].name
