"""What each output step uses: output time × input time, and whether a model looks ahead."""

from __future__ import annotations

import time as clock
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import absent_steps
from tswidgets.analysis.attribution import STEPS
from tswidgets.analysis.influence import TimeInfluence
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.selection import Selection
from tswidgets.widgets import text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.meanwhile import meanwhile
from tswidgets.widgets.panel import Input, News, Picture, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.attributed import AttributedSeries
from tswidgets.widgets.views.influence import InfluenceView
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.targets import TargetChoice, target_of
from tswidgets.widgets.views.unit_choice import RowChoice

Floats = NDArray[np.float32]
KEPT = 16  # series whose influences are kept


@dataclass(frozen=True, eq=False, kw_only=True)
class InfluencePicture(Picture):
    """What is known of what the output's steps use.

    series : ndarray of shape (n_timesteps, n_channels); `absent` are the steps that the model masks as padding.
    output : ndarray of shape (n_output_steps, n_outputs); `target` is the step and class that is looked at.
    influence : None while it is computed, or where `why` says why there is none.
    row : of the influence's output steps that which is nearest to the chosen one.
    """

    series: Floats
    absent: NDArray[np.bool_]
    output: Floats
    target: Any
    influence: TimeInfluence | None = None
    row: int = 0
    why: str = ""


class InfluencePanel:
    """The input with what one output step uses as colour behind it; below it the same for all output steps."""

    title = "What each step uses"
    scales: Mapping[str, str] = {}

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject, self._samples = subject, subject.samples
        self._known: OrderedDict[Any, tuple[TimeInfluence | None, str]] = OrderedDict()
        self._pointed = Last()
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        self.series = AttributedSeries(self.time, subject.channel_names, self._samples.note, lanes=False)
        self.matrix = InfluenceView(self.time)
        self.matrix.figure.add_class("tsw-layer")  # whose rows can be clicked
        shape = subject.output_shape
        self.targets = TargetChoice(shape[-1], subject.class_names, n_steps=subject.n_output_steps)
        self.cursor = TimeCursor(self.time)
        self.rows, self.verdict = RowChoice(self.cursor), text.Text("tsw-summary")
        self.time_figures = [self.series.figure, self.matrix.figure]
        self.inputs: list[Input] = [
            ("target", self.targets, "chosen"),
            ("target_step", self.targets, "step"),
            ("target_step", self.rows, "filter"),
        ]
        self.box = page(
            [*self.series.rows, *self.matrix.rows, self.cursor],
            [self.targets.side, self.verdict, self.matrix.colors, self.series.legend],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return subject.n_output_steps is not None and len(subject.output_shape) == 2

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer)

    def compute(self, selection: Selection, token: Token | None = None) -> Iterator[InfluencePicture]:
        started, subject = clock.perf_counter(), self._subject
        sample = min(selection.sample, len(self._samples) - 1)
        observation = subject.observe(sample)
        output = np.asarray(subject.answers(observation.outputs[0])[0], np.float32)
        tap = subject.taps[selection.layer]
        picture = InfluencePicture(
            selection=replace(selection, sample=sample),
            tap=tap,
            shape=observation[tap.name].shape[1:] if tap.name in observation else (),
            seconds=0.0,
            series=self._samples[sample].astype(np.float32),
            absent=absent_steps(subject.probe, observation)[0],
            output=output,
            target=target_of(output, selection.target, selection.target_step, flat=subject.flat_steps),
        )
        key = sample, selection.target, observation.version
        found, why = self._known.get(key, (None, ""))
        if found is None and not why:
            try:
                found = yield from self._find(picture, started, token)
            except (ValueError, TypeError, IndexError) as error:  # what it cannot be had of is what there is to show
                why = _validate.reason(error)
            self._known[key] = found, why
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        row = 0 if found is None else int(np.abs(found.output_steps - selection.target_step).argmin())
        yield replace(picture, influence=found, why=why, row=row, seconds=clock.perf_counter() - started)

    def show(self, picture: InfluencePicture) -> None:
        found, row, series, absent = picture.influence, picture.row, picture.series, picture.absent
        self.targets.show(picture.output, picture.target, self._subject.label(picture.selection.sample))
        if found is None:
            why = picture.why or "what each step uses is being computed"
            self.series.show(series, absent, None, why, layout="together")
            self.matrix.explain(why)
            self.verdict.write("")
            return
        step = int(found.output_steps[row])
        of, span = f"influence on output step {step}", self.matrix.show(found)
        self.series.show(series, absent, found.values[row], of, span, layout="together")
        self.matrix.choose(step)
        self.verdict.write(f"<h4>Does it look ahead?</h4>{escape(found.verdict)}")
        self.rows.follow(found.output_steps, step, 0)
        if self._pointed.differs(found):
            at = np.arange(len(series))
            numbers = found.output_steps.tolist()
            self.cursor.show_steps(at.astype(np.float32), at, at, found.values.T, "influence on output step", numbers)

    def said(self, picture: InfluencePicture) -> Iterator[str]:
        found = picture.influence
        yield f"Sample {picture.selection.sample}"
        if found is None:
            yield picture.why
        else:
            future = found.future
            yield f"output step {found.output_steps[picture.row]}"
            if not found.across:
                ahead = f"looks up to {text.plural(future.n_ahead, 'step')} ahead"
                yield ahead if future.used else "no use of the future"

    def data(self, picture: InfluencePicture) -> dict[str, Any]:
        """What is on screen.

        `values` : (n_output_steps, n_timesteps), as `time_influence` returns them; `output_steps` : which these are;
        `row` : of the chosen one; `verdict` in words; None of all while nothing is known.
        """
        found = picture.influence
        return {
            "input": picture.series.copy(),
            "values": None if found is None else found.values.copy(),
            "output_steps": None if found is None else found.output_steps.copy(),
            "row": None if found is None else picture.row,
            "verdict": None if found is None else found.verdict,
            "prediction": picture.output.copy(),
        }

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        self.series.close()
        self.matrix.close()
        close_all(self.series.colors)  # shown nowhere: the picture's scale says the same

    def _find(self, picture: InfluencePicture, started: float, token: Token | None) -> Any:
        """Yields pictures without it while it is computed, and returns it."""
        chosen = picture.selection.target
        x = self._samples.one(picture.selection.sample)
        axis = "time" if self._subject.flat_steps else None
        target = None if self._subject.flat_steps or self._subject.output_shape[-1] == 1 else chosen
        by = self._samples.name.split(", ")[0] or None
        run = STEPS["time_influence"](self._subject.probe, x, target, output_axis=axis, by=by)

        def waiting(step: tuple[int, int]) -> InfluencePicture:
            return replace(picture, seconds=clock.perf_counter() - started, progress=(*step, "output steps"))

        return (yield from meanwhile(run, waiting, token))
