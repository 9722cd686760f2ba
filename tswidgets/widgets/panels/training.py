"""How a filter grew: the chosen layer's answer to one sample after every epoch of a recorded training."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.activations import Activations, absent_steps
from tswidgets.analysis.training_record import Moment, TrainingRecord
from tswidgets.plots.ranges import Range, extremes
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.panel import Input, News, Picture, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.epochs import OTHERS, EpochChoice, EpochCurves, LossView
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.layer import LayerView
from tswidgets.widgets.views.prediction import Prediction
from tswidgets.widgets.views.series import SeriesView
from tswidgets.widgets.views.unit_choice import RowChoice

Floats = NDArray[np.float32]
NOTHING = "nothing is recorded yet: it begins with the training"


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingPicture(Picture):
    """One epoch of a record.

    series : ndarray of shape (n_timesteps, n_channels); `absent` are the steps that the model masks as padding.
    record, moment : None while nothing is recorded; `epochs` are those that are kept.
    activations : the layer at that epoch, a filter's rows where it has rows; `row` is the chosen one of them.
    others : ndarray of shape (n_others, n_steps), the chosen row at `other_epochs`.
    row_range, layer_range : (low, high) that the scales are fitted to.
    """

    series: Floats
    absent: NDArray[np.bool_]
    output_steps: Floats | None
    record: TrainingRecord | None = None
    moment: Moment | None = None
    epochs: NDArray[np.int64]
    activations: Activations | None = None
    row: int = 0
    others: Floats
    other_epochs: NDArray[np.int64]
    row_range: Range = (0.0, 1.0)
    layer_range: Range = (0.0, 1.0)


class TrainingPanel:
    """The input, the chosen filter's curve over its curves at other epochs, the layer, the answer, and the loss."""

    title = "Training"
    scales: Mapping[str, str] = {
        "filter": "this filter, all epochs",
        "layer": "whole layer, all epochs",
        "sample": "this epoch only",
    }

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject, self._samples = subject, subject.samples
        self._pointed = Last()
        shape, labels = subject.output_shape, subject.labels
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        self.series = SeriesView(self.time, subject.channel_names, self._samples.note)
        self.prediction = Prediction(
            self.time,
            shape[-1] if shape else 1,
            subject.class_names,
            steps=len(shape) == 2 and subject.axis == subject.output_axis,
            labelled=labels is not None and labels.kind == "steps",
        )
        self.curves, self.layer, self.loss = EpochCurves(self.time), LayerView(self.time), LossView()
        self.choice, self.cursor = EpochChoice(), TimeCursor(self.time)
        self.rows = RowChoice(self.cursor)
        views = (self.series, self.prediction, self.curves, self.layer)
        self.time_figures = [self.series.figure, *self.prediction.figures, self.curves.figure, self.layer.figure]
        self.inputs: list[Input] = [
            ("layer", self.rows, "layer"),
            ("filter", self.rows, "filter"),
            ("epoch", self.choice, "epoch"),
        ]
        self.box = page(
            [self.choice.toolbar, *(row for view in views for row in view.rows), self.cursor, *self.loss.rows],
            [self.prediction.summary, self.layer.colors, self.series.legend],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return subject.training.record is not None

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer)

    def compute(self, selection: Selection, token: Token | None = None) -> TrainingPicture:
        started, subject, record = clock.perf_counter(), self._subject, self._subject.training.record
        sample = min(selection.sample, len(self._samples) - 1) if record is None else record.sample
        observation = subject.observe(sample)
        empty = TrainingPicture(
            selection=replace(selection, epoch=None),
            tap=subject.taps[selection.layer],
            shape=observation[selection.layer].shape[1:] if selection.layer in observation else (),
            seconds=0.0,
            series=self._samples[sample].astype(np.float32),
            absent=absent_steps(subject.probe, observation)[0],
            output_steps=subject.output_steps(sample),
            epochs=np.empty(0, np.int64),
            others=np.empty((0, 0), np.float32),
            other_epochs=np.empty(0, np.int64),
        )
        moments = [] if record is None else record.moments
        layer = "" if record is None else self._layer(record, selection.layer)
        if record is None or not moments or not layer:
            return replace(empty, record=record, seconds=clock.perf_counter() - started)
        epochs = np.array([moment.epoch for moment in moments], np.int64)
        wanted = epochs[-1] if selection.epoch is None else selection.epoch
        place = int(np.abs(epochs - wanted).argmin())
        moment, tap = moments[place], subject.taps[layer]
        filter = min(selection.filter, max(tap.n_filters - 1, 0))
        row = min(selection.row, max(tap.n_rows - 1, 0)) if tap.kind == "map" else filter
        shown = _rows(moment.layers[layer], filter) if tap.kind == "map" else moment.layers[layer]
        others = np.array([i for i in _spread(len(moments)) if i != place], np.int64)
        curves = [_curve(moments[i].layers[layer], filter, row, of_map=tap.kind == "map") for i in others]
        steps = len(shown.values) if shown.timeline is not None else 0
        row_range, layer_range = _ranges(moments, moment, layer, filter, selection.scale)
        return replace(
            empty,
            selection=replace(selection, epoch=moment.epoch, filter=filter, sample=sample),
            tap=tap,
            shape=moment.layers[layer].values.shape,
            record=record,
            moment=moment,
            epochs=epochs,
            activations=shown,
            row=row,
            others=np.stack(curves) if steps and curves else np.empty((0, steps), np.float32),
            other_epochs=epochs[others],
            row_range=row_range,
            layer_range=row_range if tap.kind == "map" else layer_range,
            seconds=clock.perf_counter() - started,
        )

    def show(self, picture: TrainingPicture) -> None:
        chosen, tap, moment = picture.activations, picture.tap, picture.moment
        recorded = "" if picture.record is None else f"sample {picture.record.sample}, as recorded"
        self.series.show(picture.series, picture.absent, extremes(picture.series), recorded)
        if picture.record is None or chosen is None or moment is None:
            names = "" if picture.record is None else ", ".join(picture.record.layers)
            why = f"it was not recorded; choose {names}" if names else NOTHING
            self.curves.explain(tap.name, why)
            self.layer.explain(why)
            self.cursor.show_nothing()
            self._pointed.forget()
            return
        label = self._subject.label(picture.record.sample)
        self.prediction.show(moment.prediction, picture.output_steps, label)
        filter, where = picture.selection.filter, _when(moment.epoch)
        title = f"{tap.word.capitalize()} {filter} of {tap.name}"
        if tap.kind == "map":
            title += f", row {picture.row}"
        if chosen.timeline is None:
            value = text.number(float(chosen.values[filter]))
            self.curves.explain(f"{title} = {value}, {where}", f"{tap.layer_class} has no time axis: bars below")
            self.layer.show_units(chosen, tap.word, filter, picture.layer_range)
        else:
            steps, word = chosen.timeline.centres, "row" if tap.kind == "map" else tap.word
            values = np.ascontiguousarray(chosen.values[:, picture.row])
            self.curves.show(
                f"{title}, {where}", steps, values, picture.others, picture.other_epochs, picture.row_range
            )
            of = f"{tap.word} {filter} of {tap.name}" if tap.kind == "map" else ""
            self.layer.show_steps(chosen, steps, word, picture.row, picture.layer_range, of=of)
        self._point(picture, chosen)
        first, last = int(picture.epochs[0]), int(picture.epochs[-1])
        self.choice.follow(first, last)
        self.loss.show(picture.record.history, moment.epoch, first, last)

    def said(self, picture: TrainingPicture) -> Iterator[str]:
        record, moment = picture.record, picture.moment
        if record is None or moment is None:
            yield NOTHING
            return
        yield f"shown: {_when(moment.epoch)} of {picture.epochs[0]:,}–{picture.epochs[-1]:,}"
        if record.every > 1:
            yield f"one epoch in {record.every} is kept, as there is room for"
        yield answers.outcome(
            record.sample, moment.prediction, self._subject.label(record.sample), self._subject.class_names
        )

    def data(self, picture: TrainingPicture) -> dict[str, Any]:
        """What is on screen, as the panel `activations` has it, of `epoch`; and the whole `record`."""
        chosen, moment = picture.activations, picture.moment
        series = picture.series.copy()
        series[picture.absent] = np.nan
        whole = None if moment is None or chosen is None else moment.layers[chosen.layer].values
        return {
            "epoch": None if moment is None else moment.epoch,
            "input": series,
            "activation": None if whole is None else whole[..., picture.selection.filter].copy(),
            "time": None if chosen is None or chosen.time is None else chosen.time.copy(),
            "layer": None if whole is None else whole.copy(),
            "prediction": None if moment is None else moment.prediction.copy(),
            "record": picture.record,
        }

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        self.layer.close()

    def _layer(self, record: TrainingRecord, chosen: str) -> str:
        """The chosen layer if it is recorded, else the first that is on this time axis, or ""."""
        here = [name for name in record.layers if self._subject.axis_of(name) == self._subject.axis]
        return chosen if chosen in here else next(iter(here), "")

    def _point(self, picture: TrainingPicture, chosen: Activations) -> None:
        """Tell the pointer what it is above, and what a click on a row chooses."""
        word = "row" if picture.tap.kind == "map" else picture.tap.word
        if self._pointed.differs(chosen.layer, chosen.values, chosen.time):
            if chosen.timeline is None:
                self.cursor.show_units(chosen.values, word)
            else:
                timeline = chosen.timeline
                self.cursor.show_steps(timeline.centres, timeline.lo, timeline.hi, chosen.values, word)
        units = np.arange(0 if picture.tap.kind == "map" else chosen.values.shape[-1])
        self.rows.follow(units, picture.selection.filter, 0, picture.tap.name)


def _when(epoch: int) -> str:
    return "before the training" if epoch == 0 else f"epoch {epoch:,}"


def _spread(n: int) -> NDArray[np.int64]:
    """Up to OTHERS places, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, OTHERS)).round().astype(np.int64))


def _rows(chosen: Activations, filter: int) -> Activations:
    """The rows of one filter of a map, as a layer of that many filters."""
    return replace(chosen, values=np.ascontiguousarray(chosen.values[..., filter].reshape(len(chosen.values), -1)))


def _curve(chosen: Activations, filter: int, row: int, *, of_map: bool) -> Floats:
    curve: Floats = _rows(chosen, filter).values[:, row] if of_map else chosen.values[..., filter]
    return curve


def _ranges(moments: list[Moment], now: Moment, layer: str, filter: int, scale: str) -> tuple[Range, Range]:
    """(low, high) for the curve and for the whole layer, over all epochs that are kept, or of this one."""
    of = [now] if scale == "sample" else moments
    low = np.min([moment.low[layer] for moment in of], axis=0)
    high = np.max([moment.high[layer] for moment in of], axis=0)
    whole = float(low.min()), float(high.max())
    own = float(low[filter]), float(high[filter])
    return _finite(whole if scale == "layer" else own), _finite(whole)


def _finite(span: Range) -> Range:
    return span if span[0] <= span[1] else (0.0, 1.0)
