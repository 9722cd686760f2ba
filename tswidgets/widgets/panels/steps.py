"""The model's answer at each step against its label: where it is wrong, how often, and in which samples most."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.activations import absent_steps
from tswidgets.analysis.agreement import Agreement, Counts
from tswidgets.plots.lanes import channel_ranges
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.meanwhile import PATIENCE
from tswidgets.widgets.panel import Input, News, Picture, actions, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.scores import scores, worst
from tswidgets.widgets.scoring import Scoring
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.legend import ChannelLegend
from tswidgets.widgets.views.series import SeriesView
from tswidgets.widgets.views.steps import LANES, LabelBand, StepCurves, StepLanes
from tswidgets.widgets.views.worst import WorstSamples

Floats = NDArray[np.float32]
RANGE_SAMPLES = 16  # series that the input's scale is fitted to


@dataclass(frozen=True, eq=False, kw_only=True)
class StepsPicture(Picture):
    """What the model answers at each step of a sample, and how well that agrees with all labels.

    series : ndarray of shape (n_timesteps, n_channels); `absent` are the steps that the model masks as padding.
    outputs : ndarray of shape (n_steps, n_outputs), NaN at padding; `places` are their input steps, None if not known.
    agreement : of this one sample; counts : of all samples, of which `scored` are known and `total` are wanted.
    """

    series: Floats
    absent: NDArray[np.bool_]
    outputs: Floats
    places: Floats | None
    agreement: Agreement
    counts: Counts
    scored: int
    total: int


class StepsPanel:
    """The input on its label, lanes of label, prediction and errors, the output's curves, and scores."""

    title = "Labels per step"
    scales: Mapping[str, str] = {}

    def __init__(self, subject: Subject, news: News) -> None:
        assert subject.step_labels is not None
        self._subject, self._samples = subject, subject.samples
        self._labels, self._scoring = subject.step_labels, Scoring(subject)
        self._names = [answers.class_name(i, subject.class_names) for i in range(subject.output_shape[-1])]
        self._single = len(self._names) == 1
        self._ranges = channel_ranges(*(self._samples[i] for i in self._samples.spread(RANGE_SAMPLES)))
        self._banded, self._pointed = Last(), Last()
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        self._band = LabelBand(self.time, len(self._names), errors=True)
        self.series = SeriesView(self.time, subject.channel_names, self._samples.note, behind=[self._band.image])
        self.series.figure.add_class("tsw-attributed")  # whose lines have a halo
        self.lanes = StepLanes(self.time, self._names)
        self.curves = StepCurves(self.time, len(self._names), thresholded=not self._labels.exclusive)
        self.worst = WorstSamples("Worst samples first")
        self.summary = text.Text("tsw-summary")
        self.legend = self._legend()
        self.cursor = TimeCursor(self.time)
        self.cursor.layout.display = None if self._single else "none"  # the legend reads the values of several
        self.threshold = _slider(*subject.thresholds)
        self.threshold.layout.display = "none" if self._labels.exclusive else None
        self.time_figures = [self.series.figure, self.lanes.figure, self.curves.figure]
        self.inputs: list[Input] = [("threshold", self.threshold, "value"), ("sample", self.worst, "sample")]
        self.box = page(
            [actions(self.threshold), *self.series.rows, *self.lanes.rows, *self.curves.rows, self.cursor],
            [self.summary, self.worst.widget, self.legend, self.series.legend],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return subject.step_labels is not None

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.output_axis

    def compute(self, selection: Selection, token: Token | None = None) -> Iterator[StepsPicture]:
        started = clock.perf_counter()
        probe, tap = self._subject.probe, self._subject.taps[selection.layer]
        sample = min(selection.sample, len(self._samples) - 1)
        observation = self._subject.observe(sample)
        answered = self._scoring.answers.observed(observation, sample)
        picture = StepsPicture(
            selection=replace(selection, sample=sample),
            tap=tap,
            shape=observation[tap.name].shape[1:] if tap.name in observation else (),
            seconds=0.0,
            series=self._samples[sample].astype(np.float32),
            absent=absent_steps(probe, observation)[0],
            outputs=np.where(answered.absent[0][:, None], np.float32(np.nan), answered.outputs[0]),
            places=self._scoring.answers.places(sample),
            agreement=answered.against(self._labels, selection.threshold),
            counts=self._scoring.counts,
            scored=0,
            total=len(self._scoring.samples),
        )
        scoring = self._scoring
        for _ in scoring.go_on(observation.version, selection.threshold, PATIENCE, token):
            yield replace(
                picture,
                seconds=clock.perf_counter() - started,
                progress=(scoring.done, picture.total, "samples"),
                counts=scoring.counts.copy(),  # they go on changing
                scored=scoring.done,
            )

    def show(self, picture: StepsPicture) -> None:
        found, places, selection = picture.agreement, picture.places, picture.selection
        low, high = self._ranges[:, 0], self._ranges[:, 1]
        span = float(np.nanmin(low, initial=np.inf)), float(np.nanmax(high, initial=-np.inf))
        if places is None:
            why = f"the place of the output's {len(picture.outputs)} steps on the input's time axis is not known"
            self._band.hide()
            self._banded.forget()
            self.series.show(picture.series, picture.absent, span)
            self.lanes.explain(why)
            self.curves.explain(why)
        else:
            if self._banded.differs(places, found.yes, found.missed, found.false):
                self._band.show(places, found)
            wrong = "at the upper edge: wrong" if found.exclusive else "at the upper edge: missed, at the lower: false"
            self.series.show(picture.series, picture.absent, span, "band: label", wrong)
            self.lanes.show(places, found, _errors(found), self._names[0] if self._single else "")
            self.curves.show(places, picture.outputs, found, selection.threshold, self._subject.thresholds)
            self._read(picture, places)
        known = picture.counts, picture.scored, len(self._samples)
        self.summary.write(scores(selection.sample, found, *known, self._names))
        self.worst.show(worst(picture.counts))

    def said(self, picture: StepsPicture) -> Iterator[str]:
        yield f"Sample {picture.selection.sample}: {_errors(picture.agreement)}"
        if picture.scored < len(self._samples):
            yield f"{picture.scored:,} of {len(self._samples):,} samples scored"

    def data(self, picture: StepsPicture) -> dict[str, Any]:
        """What is on screen, as `score_steps` returns it.

        Of this sample `outputs` : (n_steps, n_outputs); `labels`, `predicted`, `missed`, `false`, `time` :
        (n_steps, …); `accuracy`, `iou`. Of all samples `accuracies`, `ious` : (n_samples,), NaN where not known yet;
        `worst` : samples; `overall_accuracy`, `overall_iou`.
        """
        found, counts = picture.agreement, picture.counts
        together = counts.together
        return {
            "outputs": picture.outputs.copy(),
            "labels": found.labels[0],
            "predicted": found.predicted[0],
            "missed": found.missed[0].any(axis=1),
            "false": found.false[0].any(axis=1),
            "time": None if picture.places is None else picture.places.copy(),
            "threshold": picture.selection.threshold,
            "accuracy": float(found.counts.accuracy[0]),
            "iou": float(found.counts.iou[0]),
            "accuracies": counts.accuracy,
            "ious": counts.iou,
            "worst": counts.worst,
            "overall_accuracy": float(together.accuracy[0]),
            "overall_iou": float(together.iou[0]),
        }

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        """Everything hangs on a widget of the box."""

    def _legend(self) -> ChannelLegend:
        """Names what is drawn of the output and reads it: of a single one its lanes, too."""
        if self._single:
            styles = [(LANES["predicted"], "solid"), *((color, "solid") for color in LANES.values())]
            legend = ChannelLegend(["output", *LANES], styles)
        else:
            legend = ChannelLegend(self._names)
        legend.observe(lambda change: self._lift(change.new), "lifted")
        return legend

    def _lift(self, chosen: list[int]) -> None:
        if self._single:
            self.curves.lift([0] if not chosen or 0 in chosen else [1])
            self.lanes.lift([i - 1 for i in chosen if i])
        else:
            self.curves.lift(chosen)
            self.lanes.lift(chosen)

    def _read(self, picture: StepsPicture, places: Floats) -> None:
        """Tell the pointer and the legend what lies where."""
        found = picture.agreement
        values = picture.outputs
        if self._single:
            lanes = [found.labels[0], found.predicted[0], found.missed[0, :, 0], found.false[0, :, 0]]
            told = np.where(found.counted[0][:, None], np.column_stack(lanes), np.nan)
            values = np.column_stack([values, told]).astype(np.float32)
        if not self._pointed.differs(values, places):
            return
        self.legend.show(_on_input(values, places, len(picture.series)))
        timelines = self._subject.probe.timelines(self._samples.lengths_of(picture.selection.sample))
        timeline = timelines.get(self._subject.probe.output_names[0])
        steps = np.arange(len(places))
        sees = (steps, steps) if timeline is None or len(timeline) != len(places) else (timeline.lo, timeline.hi)
        self.cursor.show_steps(places, *sees, picture.outputs, "output")


def _slider(low: float, high: float) -> ipywidgets.FloatSlider:
    made = ipywidgets.FloatSlider(min=low, max=high, step=0.01, value=(low + high) / 2, description="Threshold")
    made.style.description_width = "auto"
    made.add_class("tsw-threshold-slider")
    return made


def _errors(found: Agreement) -> str:
    """How many steps of a sample are wrong, in words."""
    missed, false = (int(one[0].any(axis=1).sum()) for one in (found.missed, found.false))
    wrong = (
        f"{text.plural(missed, 'step')} wrong"
        if found.exclusive
        else f"{text.plural(missed, 'step')} missed, {false:,} false"
    )
    counted, unanswered = int(found.counted.sum()), int(found.unanswered.sum())
    return f"{wrong}, of {counted:,}" + (f", {unanswered:,} of them without a number" if unanswered else "")


def _on_input(values: Floats, places: Floats, n_timesteps: int) -> Floats:
    """What the legend reads at every input step: the values of the step that lies there, NaN where none does."""
    spread = np.full((n_timesteps, values.shape[1]), np.nan, np.float32)
    inside = np.isfinite(places)
    spread[np.clip(np.round(places[inside]).astype(int), 0, n_timesteps - 1)] = values[inside]
    return spread
