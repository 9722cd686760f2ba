"""How answers with and without removed filters are shown: on the wave, per time step, or as classes and numbers."""

from __future__ import annotations

from typing import Protocol

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import answers, text
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.trial import Trial
from tswidgets.widgets.views.legend import ChannelLegend
from tswidgets.widgets.views.outcome import STYLES, OutcomeView
from tswidgets.widgets.views.series import SeriesView

Floats = NDArray[np.float32]


class Outcome(Protocol):
    """`rows` go among the figures, `side` and `legend` beside them."""

    time: TimeAxis
    time_figures: list[bqplot.Figure]
    rows: list[ipywidgets.Widget]
    side: list[ipywidgets.Widget]
    legend: list[ipywidgets.Widget]

    def show(self, sample: int, trial: Trial) -> None: ...

    def explain(self, why: str) -> None: ...


def outcomes_for(subject: Subject) -> Outcome:
    """What suits the model's answers."""
    if subject.wave is not None and len(subject.output_shape) == 1:
        return WaveOutcome(subject)
    return StepsOutcome(subject) if len(subject.output_shape) == 2 else SampleOutcome(subject)


class WaveOutcome:
    """The answers of all windows, laid on the wave."""

    def __init__(self, subject: Subject) -> None:
        assert subject.wave is not None
        self._subject, self._wave = subject, subject.wave
        n_outputs = subject.output_shape[0]
        self._forecast = n_outputs == self._wave.horizon
        self._n_lines = 1 if self._forecast else n_outputs
        self.time = TimeAxis(len(self._wave), subject.sampling_rate)
        self.view = OutcomeView(self.time, self._n_lines)
        self.rows = self.view.rows
        self.side: list[ipywidgets.Widget] = []
        self.time_figures = [self.view.figure]
        self._values = _legend(subject, self._n_lines, self.view)
        self.legend: list[ipywidgets.Widget] = [self._values]
        self._truth = self._of_wave()

    def show(self, sample: int, trial: Trial) -> None:
        steps = self._wave.answered(trial.before.shape[1])[trial.indices]
        at, before = self._lines(steps, trial.before)
        _, after = self._lines(steps, trial.after)
        truth = self._truth
        if truth is None and self._subject.labels is not None and self._subject.labels.kind == "value":
            told = np.array([self._subject.labels[i] for i in trial.indices], np.float32)
            truth = at, told[:, None] if self._n_lines == 1 else np.full((len(told), self._n_lines), np.nan, np.float32)
        ran, all_of_them = len(trial.indices), self._wave.n_windows
        note = f"{ran:,} of {all_of_them:,} windows" if ran < all_of_them else text.plural(ran, "window")
        self.view.show("Prediction on the wave", at, before, after, truth, note)
        self._values.show(_side_by_side(len(self._wave), at, before, after, truth))

    def explain(self, why: str) -> None:
        self.view.hide(why)

    def _lines(self, steps: NDArray[np.int64], values: Floats) -> tuple[Floats, Floats]:
        """(wave steps, answers): of a forecast of several steps the mean over all windows that predict a step."""
        if not self._forecast:
            return steps[:, 0].astype(np.float32), values
        at, place = np.unique(steps, return_inverse=True)
        place = place.ravel()
        mean = np.bincount(place, values.ravel()) / np.bincount(place)
        return at.astype(np.float32), mean.astype(np.float32)[:, None]

    def _of_wave(self) -> tuple[Floats, Floats] | None:
        """The wave itself is the truth of a forecast of its one channel."""
        wave = np.asarray(self._wave.values, np.float32)
        if not self._wave.horizon or wave.shape[1] != 1 or self._n_lines != 1:
            return None
        return np.arange(len(wave), dtype=np.float32), wave


class StepsOutcome:
    """One sample's input, and its answers per time step."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._n_outputs = subject.output_shape[-1]
        self.time = TimeAxis(subject.samples.longest, subject.sampling_rate)
        self.series = SeriesView(self.time, subject.channel_names, subject.samples.note)
        self.view = OutcomeView(self.time, self._n_outputs)
        self.rows = [*self.series.rows, *self.view.rows]
        self.side: list[ipywidgets.Widget] = []
        self.time_figures = [self.series.figure, self.view.figure]
        self._values = _legend(subject, self._n_outputs, self.view)
        self.legend: list[ipywidgets.Widget] = [self._values, self.series.legend]

    def show(self, sample: int, trial: Trial) -> None:
        place = trial.indices.index(sample)
        _show_series(self.series, self._subject, sample)
        at, before, after = self._subject.output_steps(sample), trial.before[place], trial.after[place]
        if at is None or len(at) != len(after):
            self.view.hide(f"{text.shape(after.shape)} values, not laid out in time")
            return
        truth, label = None, self._subject.label(sample)
        if isinstance(label, np.ndarray) and label.ndim == 2:
            told = np.full((len(label), self._n_outputs), np.nan, np.float32)
            told[:, : label.shape[1]] = label[:, : self._n_outputs]
            truth = at if len(told) == len(at) else np.arange(len(told), dtype=np.float32), told
        self.view.show(f"Output per step, sample {sample}", at, before, after, truth, "")
        n_timesteps = self._subject.samples.lengths[sample]
        self._values.show(_side_by_side(n_timesteps, at, before, after, truth))

    def explain(self, why: str) -> None:
        self.view.hide(why)


class SampleOutcome:
    """One sample's input, and its classes or numbers."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.time = TimeAxis(subject.samples.longest, subject.sampling_rate)
        self.series = SeriesView(self.time, subject.channel_names, subject.samples.note)
        self.summary = text.Text("tsw-summary")
        self.summary.add_class("tsw-answer")  # which stands above all where there is no room beside
        self.rows, self.side, self.legend = self.series.rows, [self.summary], [self.series.legend]
        self.time_figures = [self.series.figure]

    def show(self, sample: int, trial: Trial) -> None:
        place = trial.indices.index(sample)
        _show_series(self.series, self._subject, sample)
        before, after = trial.before[place], trial.after[place]
        if after.ndim != 1:
            self.summary.write(f"<h4>Prediction</h4>{text.shape(after.shape)} values")
            return
        self.summary.write(answers.comparison(before, after, self._subject.label(sample), self._subject.class_names))

    def explain(self, why: str) -> None:
        self.summary.write("")


def _show_series(view: SeriesView, subject: Subject, sample: int) -> None:
    x = subject.samples[sample].astype(np.float32)
    absent = np.zeros(len(x), bool)
    finite = x[np.isfinite(x)]
    view.show(x, absent, (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))


def _legend(subject: Subject, n_outputs: int, view: OutcomeView) -> ChannelLegend:
    """Names the lines and reads their values: of several outputs the answers without what is removed."""
    if n_outputs == 1:
        legend = ChannelLegend(["truth", "with all", "without the removed"], list(STYLES.values()))
    else:
        legend = ChannelLegend([answers.class_name(i, subject.class_names) for i in range(n_outputs)])
    legend.observe(lambda change: view.lift(change.new), "lifted")
    return legend


def _side_by_side(
    n_timesteps: int, at: Floats, before: Floats, after: Floats, truth: tuple[Floats, Floats] | None
) -> Floats:
    """What the legend reads at every step: (n_timesteps, 3) for one output, (n_timesteps, n_outputs) for several."""
    if after.shape[1] > 1:
        return _at_steps(n_timesteps, at, after)
    told = np.full((n_timesteps, 1), np.nan, np.float32) if truth is None else _at_steps(n_timesteps, *truth)
    return np.concatenate([told, _at_steps(n_timesteps, at, before), _at_steps(n_timesteps, at, after)], axis=1)


def _at_steps(n_timesteps: int, at: Floats, values: Floats) -> Floats:
    """`values` at the steps nearest to `at`, NaN at all others."""
    spread = np.full((n_timesteps, values.shape[1]), np.nan, np.float32)
    inside = np.isfinite(at)
    spread[np.clip(np.round(at[inside]).astype(int), 0, n_timesteps - 1)] = values[inside]
    return spread
