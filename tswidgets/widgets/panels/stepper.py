"""One step of a layer by hand: what it reads, what that is multiplied by, what it adds up to, and slide along."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.convolution_step import ConvolutionSteps
from tswidgets.analysis.frequency import FrequencyResponse
from tswidgets.analysis.layer_step import LayerStep
from tswidgets.analysis.pooling_step import PoolingSteps
from tswidgets.plots.ranges import Range, extremes
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.probe.kernels import NO_STEP
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.panel import Input, News, Picture, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.stepping import Stepped, Stepping, steppable
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.by_hand import Spans, told
from tswidgets.widgets.views.curve import CurveView
from tswidgets.widgets.views.frequency import FrequencyView
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.read import ReadView, styles
from tswidgets.widgets.views.step_about import about, bars
from tswidgets.widgets.views.step_choice import StepChoice

Floats = NDArray[np.float32]
NO_SPANS = Spans(1.0, 1.0, 1.0)
NO_PLACE = "the steps that it reads have no place on the time axis that is known"


@dataclass(frozen=True, eq=False, kw_only=True)
class StepperPicture(Picture):
    """What is known of a layer's step.

    output : ndarray, what the model answered.
    found : the layer's steps for this series, None where it cannot be followed.
    step : the one that is shown, None where `why` says why there is none.
    value_range, spans : where the scale of the layer's input and the colours end.
    response : None of a layer that has no one answer to each frequency.
    """

    output: Floats
    found: Stepped | None = None
    step: LayerStep | None = None
    value_range: Range = (0.0, 1.0)
    spans: Spans = NO_SPANS
    response: FrequencyResponse | None = None
    why: str = ""


class StepperPanel:
    """A layer's input with what one of its steps reads, the filter's answer, and between them the arithmetic."""

    title = "Step by step"
    scales: Mapping[str, str] = {}

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject, self._samples, self._stepping = subject, subject.samples, Stepping(subject)
        self._pointed, self._told, self._steppable = Last(), Last(), steppable(subject)
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        self.choice, self.cursor = StepChoice(), TimeCursor(self.time)
        self.read, self.curve, self.frequency = ReadView(self.time), CurveView(self.time, point=True), FrequencyView()
        self.numbers, self.sum, self.about = text.Text("tsw-hand"), text.Text("tsw-hand"), text.Text("tsw-summary")
        self.colors = text.Text("tsw-quantity")
        self.time_figures = [self.read.figure, self.curve.figure]
        self.inputs: list[Input] = [("step", self.choice, "step"), ("step", self.cursor, "step")]
        self.box = page(
            [
                self.choice.row,
                *self.read.rows,
                self.numbers,
                self.sum,
                *self.curve.rows,
                self.cursor,
                *self.frequency.rows,
            ],
            [self.about, self.colors, self.frequency.colors],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return bool(steppable(subject))

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer)

    def compute(self, selection: Selection, token: Token | None = None) -> StepperPicture:
        started, subject = clock.perf_counter(), self._subject
        sample = min(selection.sample, len(self._samples) - 1)
        tap, observation = subject.taps[selection.layer], subject.observe(sample)
        picture = StepperPicture(
            selection=replace(selection, sample=sample),
            tap=tap,
            shape=observation[tap.name].shape[1:] if tap.name in observation else (),
            seconds=0.0,
            output=np.asarray(subject.answers(observation.outputs[0])[0], np.float32),
        )
        try:
            found = self._stepping.find(tap.name, sample, selection.direction, observation.version)
        except (ValueError, RuntimeError) as error:  # what cannot be followed is what there is to say
            return replace(picture, why=_validate.reason(error), seconds=clock.perf_counter() - started)
        if token is not None:
            token.check()
        filter = min(selection.filter, found.steps.n_filters - 1)
        number = min(selection.step or 0, max(found.steps.n_steps - 1, 0))
        key = tap.name, sample, selection.direction, observation.version
        picture = replace(
            picture,
            selection=replace(picture.selection, filter=filter, step=number),
            found=found,
            value_range=self._stepping.range(tap.name),
            spans=self._stepping.spans(found, key, filter),
            response=self._stepping.response(tap.name, self._stepping.rate(found), observation.version),
        )
        try:
            step = found.steps.at(number, filter) if found.steps.n_steps else None
            why = "" if step is not None else f"{tap.name} has no steps for a series of {len(found.steps.x)}"
        except (ValueError, RuntimeError) as error:  # a step of padding
            step, why = None, _validate.reason(error)
        return replace(picture, step=step, why=why, seconds=clock.perf_counter() - started)

    def show(self, picture: StepperPicture) -> None:
        found, tap = picture.found, picture.tap
        if found is None:
            self._explain(picture)
            return
        steps, filter, number = found.steps, picture.selection.filter, picture.selection.step or 0
        self._visible(True)
        self.choice.follow(steps.n_steps, number)
        self._show_read(picture, found, number)
        direction = getattr(picture.step, "direction", "")
        title = f"{tap.word.capitalize()} {filter} of {tap.name}{', ' * bool(direction)}{direction}"
        values = np.asarray(steps.output[:, filter], np.float32)
        if found.answered_at is None:
            value = text.number(float(values[number])) if len(values) else ""
            self.curve.explain(f"{title} = {value}", "its steps have no place on the time axis that is known")
        else:
            at = f"{text.number(float(values[number]))} at step {number}" if len(values) else ""
            self.curve.show(f"{title} · {at}", found.answered_at, values, extremes(values))
            if len(values):
                self.curve.mark(float(found.answered_at[number]), float(values[number]))
            else:
                self.curve.mark(None, 0.0)
        self._tell(picture, found)
        if picture.response is None:
            self.frequency.hide()
        else:
            channels = steps.kernel.channels[:, filter] if isinstance(steps, ConvolutionSteps) else np.arange(0)
            self.frequency.show(picture.response, filter, tap.word, channels)
        self._point(picture, found)

    def said(self, picture: StepperPicture) -> Iterator[str]:
        selection, found = picture.selection, picture.found
        label = self._subject.label(selection.sample)
        yield answers.outcome(selection.sample, picture.output, label, self._subject.class_names)
        if found is None:
            yield f"{picture.tap.name} cannot be followed step by step"
        elif picture.why:
            yield picture.why
        elif selection.step is not None:
            yield f"{picture.tap.name} step {selection.step} reads {_spoken(found.steps.reads(selection.step))}"

    def data(self, picture: StepperPicture) -> dict[str, Any]:
        """What is on screen.

        `step` : as `layer_step` returns it, None where the layer, or this step of it, cannot be followed; `layer_input`
        : (n_input_steps, n_channels), what the layer is given; `layer_time` : (n_input_steps,), the step of the series
        that each of them belongs to; `activation` : (n_steps,), the chosen filter's answer; `time` : (n_steps,), its
        steps' places likewise; `frequencies` and `gain` : (n_frequencies,) and (n_frequencies, n_channels), of a
        convolution. None where there is none.
        """
        found, filter, response = picture.found, picture.selection.filter, picture.response
        return {
            "layer": picture.tap.name,
            "step": picture.step,
            "layer_input": None if found is None else found.steps.x.copy(),
            "layer_time": None if found is None or found.read_at is None else found.read_at.copy(),
            "activation": None if found is None else np.array(found.steps.output[:, filter], np.float32),
            "time": None if found is None or found.answered_at is None else found.answered_at.copy(),
            "frequencies": None if response is None else response.frequencies.copy(),
            "gain": None if response is None else response.gain[:, :, filter].copy(),
            "prediction": picture.output.copy(),
        }

    @property
    def kernel_only(self) -> list[ipywidgets.Widget]:
        return self.choice.kernel_only

    def offer(self, samples: Sequence[int], layers: Sequence[str], most: int) -> list[ipywidgets.Widget]:
        """A menu of all steps, if that makes no more than so many choices for these samples and layers."""
        known = [layer for layer in layers if layer in self._steppable]
        n_steps = max((self._subject.n_steps(layer, i) for layer in known for i in samples), default=0)
        return [self.choice.offer(n_steps)] if 1 < n_steps <= most // (len(samples) * len(layers)) else []

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        self.read.close()
        self.frequency.close()

    def _explain(self, picture: StepperPicture) -> None:
        """A layer that cannot be followed: say so."""
        self.choice.follow(0, 0)
        self.read.explain(f"{picture.tap.name} cannot be followed step by step")
        self.curve.explain(f"{picture.tap.name}", "not shown")
        self._visible(False)
        self.frequency.hide()
        self._told.forget()
        self.numbers.write(f"<div>{escape(picture.why)}</div>")
        for line in (self.sum, self.about, self.colors):
            line.write("")
        if self._pointed.differs(None):
            self.cursor.show_nothing()

    def _visible(self, on: bool) -> None:
        for row in (self.read.figure, *self.curve.rows):
            row.layout.display = None if on else "none"

    def _show_read(self, picture: StepperPicture, found: Stepped, number: int) -> None:
        steps, of = found.steps, picture.tap.name
        if found.read_at is None:
            self.read.explain(f"Input of {of}", NO_PLACE)
            return
        read = steps.reads(number) if steps.n_steps else np.empty(0, np.int64)
        note = f"marked: what step {number} reads"
        self.read.show(of, steps.x, steps.absent, found.read_at, picture.value_range, _channels(picture, found), note)
        self.read.mark(found.read_at[read[read != NO_STEP]], found.half)

    def _tell(self, picture: StepperPicture, found: Stepped) -> None:
        """The numbers, what they add up to, and what the layer is."""
        step = picture.step
        if step is None:
            self._told.forget()
            self.numbers.write(f"<div>{escape(picture.why)}</div>")
            self.sum.write("")
            return
        numbers, added = told(step, found.names, styles(len(found.names)), picture.spans)
        self.numbers.write(numbers)
        self.sum.write(added)
        if self._told.differs(picture.tap.name, picture.spans):
            self.about.write(about(picture.tap.layer_class, found))
            self.colors.write(bars(picture.spans, found))

    def _point(self, picture: StepperPicture, found: Stepped) -> None:
        """Tell the pointer what it is above."""
        values = np.asarray(found.steps.output, np.float32)
        if found.answers is None or found.answered_at is None:
            if self._pointed.differs(None):
                self.cursor.show_nothing()
        elif self._pointed.differs(picture.tap.name, values, found.answered_at):
            lo, hi = found.answers.lo, found.answers.hi
            self.cursor.show_steps(found.answered_at, lo, hi, values, picture.tap.word)
        self.cursor.filter = picture.selection.filter


def _channels(picture: StepperPicture, found: Stepped) -> Sequence[int]:
    """Channels of the layer's input that the filter reads."""
    steps, filter = found.steps, picture.selection.filter
    if isinstance(steps, ConvolutionSteps):
        return [int(channel) for channel in steps.kernel.channels[:, filter]]
    return [filter] if isinstance(steps, PoolingSteps) else range(steps.x.shape[1])


def _spoken(steps: NDArray[np.int64]) -> str:
    """`step 7 of its input`, `steps 4–9 of its input`, `nothing but padding`."""
    there = steps[steps != NO_STEP]
    if not len(there):
        return "nothing but padding"
    low, high = int(there.min()), int(there.max())
    return f"step {low} of its input" if low == high else f"steps {low}–{high} of its input"
