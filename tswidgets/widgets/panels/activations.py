"""What went in, what a filter saw, where, and what the whole layer saw: on one time axis."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import Activations, absent_steps, at_layer, first, placed, value_ranges
from tswidgets.plots.ranges import Range, extremes, extremes_of_each, union
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.all_filters import AllFilters, Overview
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.panel import SCALES, Input, News, Picture, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.slicer import FilterSlicer
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.curve import CurveView
from tswidgets.widgets.views.gallery import WholeLayer
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.layer import LayerView
from tswidgets.widgets.views.other_series import OtherSeries
from tswidgets.widgets.views.prediction import Prediction
from tswidgets.widgets.views.row_choice import LayerRowChoice
from tswidgets.widgets.views.series import SeriesView

Floats = NDArray[np.float32]
RANGE_SAMPLES = 16  # scales are fitted to that many samples, spread over the set


@dataclass(frozen=True, eq=False, kw_only=True)
class ActivationsPicture(Picture):
    """All that the panel shows of one selection.

    series : ndarray of shape (n_timesteps, n_channels); `absent` are the steps that the model masks as padding.
    activations : the chosen layer, or None where it cannot be drawn; `raw` is its output as it is.
    output : ndarray, what the model answered; `output_steps` are the input steps of an answer per step.
    curve_ranges : ndarray of shape (n_filters, 2), that the curve's scale is fitted to for each filter.
    layer_range, series_range : (low, high) that the scales are fitted to.
    overview : of all filters, where they are shown each apart.
    """

    series: Floats
    absent: NDArray[np.bool_]
    activations: Activations | None
    raw: NDArray[Any]
    output: Floats
    output_steps: Floats | None
    curve_ranges: Floats
    layer_range: Range
    series_range: Range
    overview: Overview | None = None

    @property
    def curve_range(self) -> Range:
        low, high = self.curve_ranges[self.selection.filter]
        return float(low), float(high)


class ActivationsPanel:
    """The chosen filter of the chosen layer for one sample, under the input."""

    title = "Activations"
    scales: Mapping[str, str] = SCALES

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject = subject
        self._probe, self._samples, self._taps = subject.probe, subject.samples, subject.taps
        self._known: tuple[bytes, dict[str, tuple[Floats, Floats]]] = (b"", {})
        self._series_range = extremes(*(self._samples[i] for i in self._samples.spread(RANGE_SAMPLES)))
        self._last = Last()
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        shape, labels = subject.output_shape, subject.labels
        labelled = labels is not None and labels.kind == "steps"
        title = f"Input {self._samples.name}" if subject.others else "Input"
        self.series = SeriesView(self.time, subject.channel_names, self._samples.note, title=title)
        self.others = [OtherSeries(other) for other in subject.others]
        answered = subject.on(subject.output_axis)
        here, where = len(shape) == 2 and answered is subject, ""
        if answered is not subject:
            where = f"one row for each step of {answered.samples.name}"
        self.prediction = Prediction(
            self.time, shape[-1] if shape else 1, subject.class_names, steps=here, labelled=labelled, where=where
        )
        self.curve = CurveView(self.time)
        self.layer = LayerView(self.time)
        self.cursor = TimeCursor(self.time)
        self.whole, self._all_filters = WholeLayer(self.layer, self.cursor), AllFilters(subject)
        views = (self.series, self.prediction, self.curve, self.whole, self.layer)
        self.time_figures = [self.series.figure, *self.prediction.figures, self.curve.figure, self.layer.figure]
        self.choice = LayerRowChoice(self.cursor)
        self.slicer = FilterSlicer(self.cursor, self.curve, self.layer)
        self.inputs: list[Input] = [
            ("filter", self.choice, "filter"),
            ("row", self.choice, "row"),
            ("step", self.cursor, "step"),
            ("all_filters", self.whole.mode, "value"),
            ("unit_order", self.whole.order, "value"),
        ]
        self.menus = [self.whole.mode, self.whole.order]
        self.box = page(
            [
                *(row for view in views for row in view.rows),
                self.cursor,
                self.slicer,
                *(row for one in self.others for row in one.rows),
            ],
            [self.prediction.summary, self.layer.colors, self.series.legend, *(one.legend for one in self.others)],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return True

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer)

    def compute(self, selection: Selection, token: Token | None = None) -> ActivationsPicture:
        """Everything to show of a selection; indices are clamped once more, since traits change in other threads."""
        started = clock.perf_counter()
        tap = self._taps[selection.layer]
        sample = min(selection.sample, len(self._samples) - 1)
        filter, row = min(selection.filter, max(tap.n_filters - 1, 0)), min(selection.row, max(tap.n_rows - 1, 0))
        x = self._samples[sample]
        observation = self._subject.observe(sample)
        reached = tap.name in observation
        if not reached:
            tap = replace(tap, kind="other", note=_validate.NOT_REACHED)
        tap = placed(self._probe, observation, tap)
        chosen = first(at_layer(self._probe, observation, tap)) if tap.drawable else None
        n_steps = 0 if chosen is None or chosen.timeline is None else len(chosen.timeline)
        step = selection.step if selection.step is not None and selection.step < n_steps else None
        if token is not None:
            token.check()
        curve_ranges, layer_range = self._fit(selection.scale, chosen, observation.version)
        overview = None
        if chosen is not None and selection.all_filters != "picture":
            shown, of = (_rows(chosen, filter), filter) if tap.kind == "map" else (chosen, None)
            overview = self._all_filters.of(tap, shown, of, selection.unit_order, observation.version, token)
        raw = observation[tap.name][0] if reached else np.empty(0, np.float32)
        return ActivationsPicture(
            selection=replace(selection, sample=sample, filter=filter, row=row, step=step),
            tap=tap,
            series=x,
            absent=absent_steps(self._probe, observation)[0],
            activations=chosen,
            raw=raw,
            shape=raw.shape,
            output=self._subject.answers(observation.outputs[0])[0],
            output_steps=self._subject.output_steps(sample),
            curve_ranges=curve_ranges,
            layer_range=layer_range,
            series_range=extremes(x) if selection.scale == "sample" else union(self._series_range, extremes(x)),
            overview=overview,
            seconds=clock.perf_counter() - started,
        )

    def show(self, picture: ActivationsPicture) -> None:
        chosen, tap, filter = picture.activations, picture.tap, picture.selection.filter
        title = f"{tap.word.capitalize()} {filter} of {tap.name}"
        self._point(picture)  # first: what the browser draws by itself is then of these values
        self.series.show(picture.series, picture.absent, picture.series_range)
        for other in self.others:
            other.show(picture.selection.sample)
        label = self._subject.label(picture.selection.sample)
        self.prediction.show(picture.output, picture.output_steps, label)
        self.whole.turn(picture.selection.all_filters, picture.selection.unit_order, picture.overview)
        if chosen is None:
            self.curve.explain(tap.name, "cannot be drawn")
            self.whole.explain(tap.note)
        elif chosen.timeline is None:
            units = text.plural(len(chosen.values), tap.word)
            value = text.number(float(chosen.values[filter]))
            self.curve.explain(f"{title} = {value}", f"{tap.layer_class} has no time axis: {units} as bars below")
            self.whole.show_units(chosen, tap.word, filter, picture.layer_range)
        elif tap.kind == "map":
            steps, rows, row = chosen.timeline.centres, _rows(chosen, filter), picture.selection.row
            self.curve.show(f"{title}, row {row}", steps, rows.values[:, row], picture.curve_range)
            of = f"{tap.word} {filter} of {tap.name}"
            self.whole.show_steps(rows, steps, "row", row, picture.curve_range, of=of)
        else:
            steps = chosen.timeline.centres
            self.curve.show(title, steps, chosen.values[:, filter], picture.curve_range)
            self.whole.show_steps(chosen, steps, tap.word, filter, picture.layer_range)

    def said(self, picture: ActivationsPicture) -> Iterator[str]:
        chosen, sample, step = picture.activations, picture.selection.sample, picture.selection.step
        yield answers.outcome(sample, picture.output, self._subject.label(sample), self._subject.class_names)
        yield self._subject.flat_hint
        if step is not None and chosen is not None and chosen.timeline is not None:
            timeline = chosen.timeline
            yield f"{picture.tap.name} step {step} sees input {timeline.lo[step]}–{timeline.hi[step]}"

    def data(self, picture: ActivationsPicture) -> dict[str, Any]:
        """What is on screen.

        `input` : (n_timesteps, n_channels), NaN where the model masks a step as padding.
        `activation` : (n_steps,), the chosen filter's answer; (n_steps, n_rows) of a layer with rows, a single value
        for a layer without a time axis.
        `time` : (n_steps,), the input step at the centre of what each step sees; None without a time axis.
        `layer` : (n_steps, n_filters), with rows (n_steps, n_rows, n_filters), or (n_units,) without a time axis, or
        the output as it is where it cannot be drawn; `activation` is None then.
        `prediction` : what the model answered.
        """
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

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        self.layer.close()
        for other in self.others:
            other.close()

    def _point(self, picture: ActivationsPicture) -> None:
        """Tell the pointer what it is above."""
        chosen, word, of_map = picture.activations, picture.tap.word, picture.tap.kind == "map"
        if chosen is not None and of_map:
            chosen, word = _rows(chosen, picture.selection.filter), "row"
        self.choice.follow(of_map=of_map)
        if chosen is None:
            if self._last.differs(None):
                self.cursor.show_nothing()
        elif self._last.differs(chosen.layer, chosen.values, chosen.time):
            if chosen.timeline is None:
                self.cursor.show_units(chosen.values, word)
            else:
                self.cursor.show_steps(
                    chosen.timeline.centres, chosen.timeline.lo, chosen.timeline.hi, chosen.values, word
                )
        self.slicer.follow(picture.tap, picture.selection.filter, picture.curve_ranges)

    def _fit(self, scale: str, chosen: Activations | None, version: bytes) -> tuple[Floats, Range]:
        """Ranges for the curve of every filter, and for the whole layer."""
        if chosen is None:
            return np.array([[0, 1]], np.float32), (0.0, 1.0)
        here = extremes_of_each(chosen.values)
        if scale == "sample":
            return here, _whole(here)
        known = np.column_stack(self._ranges(version)[chosen.layer]) if chosen.layer in self._ranges(version) else here
        own = known if scale == "filter" else np.full_like(known, _whole(known))
        return np.column_stack([np.minimum(own[:, 0], here[:, 0]), np.maximum(own[:, 1], here[:, 1])]), _whole(known)

    def _ranges(self, version: bytes) -> dict[str, tuple[Floats, Floats]]:
        """Value ranges of all taps, found once for each state of the weights."""
        if self._known[0] != version:
            batches = (self._samples.batch(i) for i in self._samples.spread(RANGE_SAMPLES))
            self._known = version, value_ranges(self._probe, batches)
        return self._known[1]


def _whole(ranges: Floats) -> Range:
    return float(ranges[:, 0].min()), float(ranges[:, 1].max())


def _rows(chosen: Activations, filter: int) -> Activations:
    """The rows of one filter of a map, as a layer of that many filters."""
    return replace(chosen, values=np.ascontiguousarray(chosen.values[..., filter].reshape(len(chosen.values), -1)))
