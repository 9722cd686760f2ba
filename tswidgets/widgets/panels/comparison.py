"""Two models side by side: the same layer of both, the difference, and what both answer."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import Activations, absent_steps, at_layer, first, placed
from tswidgets.plots.ranges import extremes, union
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.probe import Observation, Probe, Tap
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.panel import Input, News, Picture, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Before, Subject
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.layer import LayerView
from tswidgets.widgets.views.series import SeriesView
from tswidgets.widgets.views.two_curves import TwoCurves
from tswidgets.widgets.views.unit_choice import RowChoice

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparisonPicture(Picture):
    """What two models make of one sample.

    series : ndarray of shape (n_timesteps, n_channels); `absent` are the steps that the second model masks as padding.
    before, after, difference : the layer of both, and the second minus the first, a filter's rows where it has rows;
        None where `why` says why not. `row` is the chosen one of their rows.
    answers : ndarrays, what both models answered.
    """

    series: Floats
    absent: NDArray[np.bool_]
    before: Activations | None = None
    after: Activations | None = None
    difference: Activations | None = None
    row: int = 0
    answers: tuple[Floats, Floats]
    why: str = ""


class ComparisonPanel:
    """The input, the chosen filter's curves of both models, the difference of the layer, and the layer of both."""

    title = "Before and after"
    scales: Mapping[str, str] = {"filter": "this filter, both models", "layer": "whole layer, both models"}

    def __init__(self, subject: Subject, news: News) -> None:
        assert subject.before is not None
        self._subject, self._samples, self._before = subject, subject.samples, subject.before
        self._pointed = Last()
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        self.series = SeriesView(self.time, subject.channel_names, self._samples.note)
        self.curves = TwoCurves(self.time)
        self.difference = LayerView(self.time, title=False, meaning="Colour of the difference")
        self.before = LayerView(self.time, title=False, meaning="Colour of both")
        self.after = LayerView(self.time)
        self.cursor = TimeCursor(self.time)
        self.rows = RowChoice(self.cursor)
        self.summary = text.Text("tsw-summary")
        views = (self.series, self.curves, self.difference, self.before, self.after)
        self.time_figures = [view.figure for view in views]
        self.inputs: list[Input] = [("layer", self.rows, "layer"), ("filter", self.rows, "filter")]
        self.box = page(
            [*(row for view in views for row in view.rows), self.cursor],
            [self.summary, self.difference.colors, self.before.colors, self.series.legend],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return subject.before is not None

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer)

    def compute(self, selection: Selection, token: Token | None = None) -> ComparisonPicture:
        started, subject, earlier = clock.perf_counter(), self._subject, self._before
        sample = min(selection.sample, len(self._samples) - 1)
        tap = subject.taps[selection.layer]
        filter, row = min(selection.filter, max(tap.n_filters - 1, 0)), min(selection.row, max(tap.n_rows - 1, 0))
        seen = earlier.observe(sample, subject.axis), subject.observe(sample)
        if token is not None:
            token.check()
        before, after, why = _both(earlier, subject.probe, seen, tap)
        if before is not None and after is not None and tap.kind == "map":
            before, after = _rows(before, filter), _rows(after, filter)
        difference = None
        if before is not None and after is not None:
            difference = replace(after, values=after.values - before.values, absent=after.absent | before.absent)
        return ComparisonPicture(
            selection=replace(selection, sample=sample, filter=filter, row=row),
            tap=tap,
            shape=seen[1][tap.name].shape[1:] if tap.name in seen[1] else (),
            series=self._samples[sample].astype(np.float32),
            absent=absent_steps(subject.probe, seen[1])[0],
            before=before,
            after=after,
            difference=difference,
            row=row if tap.kind == "map" else filter,
            answers=(_answer(subject, seen[0]), _answer(subject, seen[1])),
            why=why,
            seconds=clock.perf_counter() - started,
        )

    def show(self, picture: ComparisonPicture) -> None:
        self.series.show(picture.series, picture.absent, extremes(picture.series))
        label = self._subject.label(picture.selection.sample)
        self.summary.write(self._answers(*picture.answers, label))
        before, after, difference = picture.before, picture.after, picture.difference
        if before is None or after is None or difference is None:
            self.curves.explain(picture.tap.name, picture.why)
            for view in (self.difference, self.before, self.after):
                view.explain(picture.why)
            self.cursor.show_nothing()
            self._pointed.forget()
            return
        tap, filter, row = picture.tap, picture.selection.filter, picture.row
        of_map = tap.kind == "map"
        whole = union(extremes(before.values), extremes(after.values))
        most = float(np.abs(extremes(difference.values)).max()) or 1.0
        title, word = f"{tap.word.capitalize()} {filter} of {tap.name}", "row" if of_map else tap.word
        of = f"{tap.word} {filter} of {tap.name}" if of_map else tap.name
        shown = ((self.difference, difference, "after − before", (-most, most)), (self.before, before, "before", whole))
        for view, layer, what, span in (*shown, (self.after, after, "after", whole)):
            if layer.timeline is None:
                view.show_units(replace(layer, layer=f"{of}, {what}"), word, row, span)
            else:
                view.show_steps(layer, layer.timeline.centres, word, row, span, of=f"{of}, {what}")
        if before.timeline is None or after.timeline is None:
            values = text.change(float(before.values[row]), float(after.values[row]))
            self.curves.explain(f"{title}: {values}", f"{tap.layer_class} has no time axis: bars below")
        else:
            own = union(extremes(before.values[:, row]), extremes(after.values[:, row]))
            span = own if picture.selection.scale == "filter" else whole
            steps = before.timeline.centres, after.timeline.centres
            self.curves.show(
                f"{title}, row {row}" if of_map else title, steps, (before.values[:, row], after.values[:, row]), span
            )
        self._point(difference, word, picture)

    def said(self, picture: ComparisonPicture) -> Iterator[str]:
        sample, names = picture.selection.sample, self._subject.class_names
        yield answers.outcome(sample, picture.answers[1], self._subject.label(sample), names)
        if picture.answers[0].ndim == 1:
            yield "before: " + answers.outcome(sample, picture.answers[0], None, names).split(": ", 1)[-1]
        yield picture.why

    def data(self, picture: ComparisonPicture) -> dict[str, Any]:
        """What is on screen.

        `before`, `after`, `difference` : (n_steps, n_filters), of a layer with rows (n_steps, n_rows) of the chosen
        filter, or (n_units,) without a time axis; None where the layer cannot be compared.
        `prediction_before`, `prediction_after` : what both models answered.
        """
        layers = {name: getattr(picture, name) for name in ("before", "after", "difference")}
        found: dict[str, Any] = {name: None if one is None else one.values.copy() for name, one in layers.items()}
        return found | {"prediction_before": picture.answers[0].copy(), "prediction_after": picture.answers[1].copy()}

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        for view in (self.difference, self.before, self.after):
            view.close()
        close_all(self.after.colors)  # the same as of the layer before, and shown there

    def _answers(self, before: Floats, after: Floats, label: Any) -> str:
        if before.shape == after.shape and after.ndim == 1:
            return answers.comparison(before, after, label, self._subject.class_names)
        shapes = " and ".join(text.shape(one.shape) for one in (before, after))
        return f"<h4>Prediction</h4>Before and after: {shapes} values"

    def _point(self, difference: Activations, word: str, picture: ComparisonPicture) -> None:
        """Tell the pointer what it is above, and what a click on a row chooses."""
        if self._pointed.differs(difference.layer, difference.values, difference.time):
            word, timeline = f"after − before, {word}", difference.timeline
            if timeline is None:
                self.cursor.show_units(difference.values, word)
            else:
                self.cursor.show_steps(timeline.centres, timeline.lo, timeline.hi, difference.values, word)
        units = np.arange(0 if picture.tap.kind == "map" else difference.values.shape[-1])
        self.rows.follow(units, picture.selection.filter, 0)


def _both(
    before: Before, probe: Probe, seen: tuple[Observation, Observation], tap: Tap
) -> tuple[Activations | None, Activations | None, str]:
    """The tap of both models, or why it cannot be compared."""
    names = {one.name: one for one in before.probe.taps}
    if tap.name not in names or tap.name not in seen[0]:
        near = ", ".join(name for name in names if names[name].drawable)
        return None, None, f"the model before has no layer {tap.name!r}; it has: {near}"
    if tap.name not in seen[1]:
        return None, None, _validate.NOT_REACHED
    found = []
    for model, observation, one in ((before.probe, seen[0], names[tap.name]), (probe, seen[1], tap)):
        fitting = placed(model, observation, one)
        if not fitting.drawable:
            return None, None, f"{tap.name} cannot be drawn: {fitting.note}"
        found.append(first(at_layer(model, observation, fitting)))
    if found[0].values.shape != found[1].values.shape or (found[0].timeline is None) != (found[1].timeline is None):
        shapes = [text.shape(one.values.shape) for one in found]
        return None, None, f"{tap.name} gives {shapes[0]} before and {shapes[1]} after: these cannot be compared"
    return found[0], found[1], ""


def _answer(subject: Subject, observation: Observation) -> Floats:
    output = observation.outputs[0]
    return np.asarray((subject.answers(output) if output.ndim == 2 else output)[0], np.float32)


def _rows(chosen: Activations, filter: int) -> Activations:
    """The rows of one filter of a map, as a layer of that many filters."""
    return replace(chosen, values=np.ascontiguousarray(chosen.values[..., filter].reshape(len(chosen.values), -1)))
