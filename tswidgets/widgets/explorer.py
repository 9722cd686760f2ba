"""The explorer: a Keras model and a set of series behind one set of sliders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import ipywidgets
import traitlets

from tswidgets.selection import Selection
from tswidgets.widgets.controls import Controls, Offered
from tswidgets.widgets.export import Exports
from tswidgets.widgets.following import Following
from tswidgets.widgets.frames import Frames
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.pages import Pages, kinds_for
from tswidgets.widgets.panel import Panel, Picture
from tswidgets.widgets.progress import Progress
from tswidgets.widgets.refresher import Refresher, Token
from tswidgets.widgets.status import Status
from tswidgets.widgets.subject import Subject, bind
from tswidgets.widgets.text import number
from tswidgets.widgets.trial import metrics_for

OTHERS = [field.name for field in fields(Selection) if field.name not in ("layer", "panel")]


class Explorer(Exports, Following, ipywidgets.VBox):
    """Look inside a Keras model for time series: any filter of any layer for any sample, live.

    Parameters
    ----------
    model : keras.Model or Probe
        A Keras 3 model. It is neither changed nor copied. Two, [before, after], open the panel `comparison`; everything
        else is about the second.
    X : array of shape (n_samples, n_timesteps, n_channels), or (n_samples, n_timesteps) for one channel, or a list of
        arrays of shape (n_timesteps_i, n_channels) for series of different lengths
        With further axes, (n_samples, n_timesteps, n_rows, n_channels), where the model takes them. For a model with
        several inputs a dict of those by the inputs' names, or a list in the model's order; those with as many steps as
        the first are drawn. Floating-point numbers; NaN and infinite values are allowed and drawn as gaps. pandas and
        xarray are accepted.
    y : array, optional
        Class numbers or names (n_samples,), one-hot (n_samples, n_classes), values (n_samples,), or one label per time
        step (n_samples, n_timesteps), as `score_steps` takes them, which opens the panel `steps`.
    channel_names, class_names : list of str, optional
    sampling_rate : float, optional
        Time steps per second (Hz). With it time is shown in seconds, without it in steps.
    wave : array of shape (n_wave_steps, n_channels) or (n_wave_steps,), optional
        The long wave that X was cut from with `sliding_windows`, one window every `stride` steps; opens the panel
        `windows`. `horizon` is how many steps behind its window the model predicts, 0 for none.
    output_axis : "time", optional
        Says that a flat output of n_timesteps numbers is the time axis: a model of 400 sigmoids for 400 steps.
    panels : list of str, optional
        What to show, of `panels`; by default all that apply to the model and the series.

    What is shown are attributes, `layer`, `filter`, `sample`, `panel` and others: they can be set, observed and linked;
    the picture follows, and they follow the sliders.

    Raises
    ------
    TypeError, ValueError, IndexError
        What was expected, what was got and what to do. After an error the explorer shows what it showed before.
    """

    _first_panels: tuple[str, ...] = ("comparison", "activations")

    def __init__(
        self,
        model: Any,
        X: Any,
        y: Any = None,
        *,
        channel_names: Sequence[Any] | None = None,
        class_names: Sequence[Any] | None = None,
        sampling_rate: float | None = None,
        wave: Any = None,
        stride: int = 1,
        horizon: int = 0,
        output_axis: str | None = None,
        panels: Sequence[str] | None = None,
    ) -> None:
        names: Any = {"channel_names": channel_names, "class_names": class_names, "sampling_rate": sampling_rate}
        subject = bind(model, X, y, **names, wave=wave, stride=stride, horizon=horizon, output_axis=output_axis)
        self._show(subject, kinds_for(subject, panels))

    def _show(self, subject: Subject, kinds: dict[str, type[Panel]], offered: Offered | None = None) -> None:
        """Make everything, and draw the first picture: of what is `offered`, or else whatever there is."""
        self._subject, self._panel_names, self._offered = subject, list(kinds), offered
        self._pictures: dict[str, Picture] = {}
        self._busy_with_own_change = True
        super().__init__()
        self.panel = next((name for name in self._first_panels if name in kinds), next(iter(kinds)))
        self.layer, self.metric = subject.first_layer, metrics_for(subject)[0]
        self.target_step = (subject.n_output_steps or 0) // 2
        if subject.step_labels is not None and subject.thresholds[0] < 0:
            self.threshold = 0.0  # of logits
        self.filter = subject.most_active_filter(self.layer, 0)
        if offered is not None:
            self._become(offered.first)
        self._wanted_filter = self.filter
        self._status = Status()
        titles = {name: kind.title for name, kind in kinds.items()}
        self._controls = Controls(self, list(subject.taps.values()), len(subject.samples), titles, offered)
        self._controls.follow(subject.taps[self.layer], self.filter)
        self._controls.zoom.observe(lambda change: self._zoom(change.new), "value")
        self._controls.reset.on_click(lambda _: self._panel.time.reset())
        self._pages = Pages(self, subject, kinds, self._again)
        self._frames = Frames(self)
        self._pages.box.observe(lambda _: self._frames.look_again(), "children")
        self._open()
        inline = None if offered is None else False
        self._refresher = Refresher(
            self._compute, self._publish, self._failed, on_cancel=self._cancelled, threaded=inline
        )
        self._progress = Progress(self._cancel)
        status = ipywidgets.HBox([self._status, self._progress]).add_class("tsw-foot")
        self.children = [*self._controls.rows, self._pages.box, status, self._frames]
        self.add_class("tsw-explorer")
        self._busy_with_own_change = False
        self._first_picture()

    def __repr__(self) -> str:
        name, model = type(self).__name__, self._subject.model.name
        return f"{name}({model!r}, layer={self.layer!r}, filter={self.filter}, sample={self.sample})"

    def __enter__(self) -> Explorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def data(self) -> dict[str, Any]:
        """What is on screen, as arrays; `explorer.panel` decides what that is.

        Returns
        -------
        dict
            Of the panel `windows`:
            `wave` : (n_wave_steps, n_channels).
            `folded` : (n_wave_steps, n_filters), mean over all windows, NaN where none answers; `count` of them.
            `windows` : (n_columns, n_steps), the chosen filter in every window, or in every `run` of them.
            Of the panel `attribution`:
            `values` : (n_timesteps, n_channels), or (n_timesteps,) for all channels alike, the chosen `method` on the
            input's steps; `own` : (input steps, values) of what lies on a layer's steps; `target`, `score`, `error`,
            `trust` as the functions return them.
            Of the panel `maximization`:
            `x` : (n_timesteps, n_channels), the best input; `nearest` : the real series most like it; `maximization` :
            as `maximize_activation` returns it.
            Of the panel `stepper`:
            `step` : as `layer_step` returns it; `layer_input` at `layer_time`, what it reads; `gain` by frequency.
            Of the panel `recurrent`:
            `states` : name → (n_steps, n_units), states and gates of the layer; `order` : the units in the picture;
            `so_far` : (n_timesteps, n_outputs), as `prediction_so_far` returns it.
            Of the panel `attention`:
            `scores` : (n_heads, n_query_steps, n_key_steps), as `attention_scores` returns them; `shown` :
            (n_query_steps, n_key_steps), those of `head`, or their mean where that is None, NaN at padding;
            `key_time` : (n_key_steps,), the input step of each key; `query_time` : likewise of the queries, on their
            own time axis, or None; `query_step` whose attention is behind the series.
            Of the panel `steps`, of this sample as `score_steps` returns them:
            `outputs` : (n_steps, n_outputs); `labels`, `predicted`, `missed`, `false`, `time` : (n_steps, …);
            `accuracy`, `iou`. Of all samples: `accuracies`, `ious` : (n_samples,), NaN where not known yet; `worst` :
            samples, lowest `ious` first; `overall_accuracy`, `overall_iou`.
            Of the panel `influence`:
            `values` : (n_output_steps, n_timesteps), as `time_influence` returns them; `verdict` in words.
            Of the panel `ablation`:
            `samples` : indices of the samples that were run; `before` and `after` : (n_samples, …), their answers with
            all filters and without the removed ones; `errors` : `metric` of both.
            `matrix`, `interaction` : (n_filters, n_filters), what has been found of all pairs, else None.
            Of the panel `health`:
            `statistics` of `samples`, indices, as `statistics` returns them; `first` : the first bad layer, or None.
            Of the panel `training`:
            `epoch` that is shown and `input`, `activation`, `time`, `layer`, `prediction` as of the panel
            `activations`, of that epoch; `record`, all that is kept, see `TrainingRecord`.
            Of the panel `comparison`:
            `before`, `after`, `difference` : (n_steps, n_filters), the layer of both models, and the second minus the
            first; None where the first has none like it. `prediction_before`, `prediction_after`.
            Of the panel `activations`:
            `input` : (n_timesteps, n_channels), NaN where the model masks a step as padding.
            `activation` : (n_steps,), the chosen filter's answer; (n_steps, n_rows) of a layer with rows, a single
            value for a layer without a time axis.
            `time` : (n_steps,), the input step at the centre of what each step sees; None without a time axis.
            `layer` : (n_steps, n_filters), with rows (n_steps, n_rows, n_filters), or (n_units,) without a time axis,
            or the output as it is where it cannot be drawn; `activation` is None then.
            `prediction` : what the model answered.
        """
        self._refresher.wait_idle()
        if self.panel not in self._pictures:  # opened in another thread a moment ago
            self.refresh()
        return self._panel.data(self._pictures[self.panel])

    def close(self) -> None:
        """Close every widget that belongs to the explorer and end its worker. The model and the data are untouched."""
        if hasattr(self, "_refresher"):
            self._refresher.close()
            for panel in self._pages:
                panel.close()
                close_all(panel.time.pan_zoom)  # hangs on no figure while zooming is switched off
        close_all(self)

    # -- inputs: submitted ---------------------------------------------------------------------------------------------

    @traitlets.observe("layer")
    def _layer_changed(self, change: Any) -> None:
        if self._busy_with_own_change:
            return
        with self._own_change(), self._frames.one():
            tap = self._subject.taps[change.new]
            self._controls.follow(tap, min(self._wanted_filter, max(tap.n_filters - 1, 0)))
            self.step = self._subject.same_place(change.old, change.new, self.sample, self.step)
            self.removed, self.units, self.row = [], None, min(self.row, max(tap.n_rows - 1, 0))
            self._open()
        self._refresher.submit(self.selection)

    @traitlets.observe(*OTHERS)
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
        with self._frames.one():
            self._open()
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
        return self._pages.at(self.panel, self.layer)

    def _open(self) -> None:
        """Show the chosen panel on the time axis of what it is about."""
        panel = self._pages.open(self.panel, self.layer)
        self._controls.offer(panel.scales, timed=bool(panel.time_figures))
        self._controls.drag.slicer = getattr(panel, "slicer", None)
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
        return self._pages.at(selection.panel, selection.layer).compute(selection, token)

    def _failed(self, error: Exception) -> None:
        picture = self._pictures.get(self.panel)
        shown = "" if picture is None else f"Still showing sample {picture.selection.sample}; "
        self._status.fail(error, f"{shown}the next change tries again")
        self._progress.hide()

    def _again(self) -> None:
        self._refresher.submit(self.selection)

    def _cancel(self) -> None:
        self._refresher.cancel()
        for panel in self._pages:
            panel.cancel()

    def _cancelled(self, selection: Selection) -> None:
        self._progress.hide("Cancelled; what was found stays, the next change goes on")

    def _publish(self, selection: Selection, picture: Picture) -> None:
        panel, probe = self._pages.at(selection.panel, selection.layer), self._subject.probe
        self._pictures[selection.panel] = picture
        with self._frames.one():
            self._controls.describe(picture.tap, picture.shape)
            panel.show(picture)
            self._progress.show(*picture.progress)
            self._status.show(
                *panel.said(picture),
                "" if not probe.eager_because else f"not compiled ({probe.eager_because})",
                "" if self._offered else f"{number(picture.seconds * 1e3)} ms",
            )
