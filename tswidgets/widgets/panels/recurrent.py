"""Inside a recurrent layer: states and gates of its units over time, and what the model would answer so far."""

from __future__ import annotations

import time as clock
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import absent_steps
from tswidgets.analysis.projection import on_input
from tswidgets.analysis.so_far import PredictionSoFar, answering
from tswidgets.analysis.units import unit_order
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.meanwhile import PATIENCE, meanwhile
from tswidgets.widgets.panel import SCALES, Input, News, Picture, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.states import Range, States, Unit, UnitStates, layer_for, layers_of, ranges_of, whole
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.attributed import AttributedSeries
from tswidgets.widgets.views.gates import NAMES, UnitCurves
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.so_far import AnswerCurves
from tswidgets.widgets.views.unit_choice import ORDERS, RowChoice, UnitChoice, rows_of
from tswidgets.widgets.views.units import UnitRaster
from tswidgets.widgets.views.walk import Walk

Floats = NDArray[np.float32]
KEPT = 64  # series whose answers are kept
MOST_RUNS = 256  # lengths of a series that are asked about, where each takes a run of its own


@dataclass(frozen=True, eq=False, kw_only=True)
class RecurrentPicture(Picture):
    """What is known of a recurrent layer's inside.

    series : ndarray of shape (n_timesteps, n_channels); `absent` are the steps that the model masks as padding.
    output : ndarray, what the model answered.
    states : None where they cannot be known, and `why` says why; `unit` is the chosen one of them.
    order : the units that are shown, from above to below; `ranges` what scales span, by name.
    so_far : None while it is computed, or where `why_not` says why there is none.
    """

    series: Floats
    absent: NDArray[np.bool_]
    output: Floats
    unit: Unit
    states: UnitStates | None = None
    order: NDArray[np.int64]
    ranges: Mapping[str, Range]
    so_far: PredictionSoFar | None = None
    why: str = ""
    why_not: str = ""


class RecurrentPanel:
    """The input with a unit's state or gate behind it, the unit's curves, all units as a picture, the answer so far."""

    title = "Inside the recurrent layer"
    scales: Mapping[str, str] = {"filter": SCALES["filter"].split(", ")[1], "sample": SCALES["sample"]}

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject, self._samples, self._states = subject, subject.samples, States(subject)
        self._answers: OrderedDict[Any, tuple[PredictionSoFar | None, str]] = OrderedDict()
        self._pointed, self._followed = Last(), Last()
        shape = subject.output_shape
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        self.series = AttributedSeries(self.time, subject.channel_names, self._samples.note, lanes=False)
        self.curves = UnitCurves(self.time, self._states.names)
        self.answer = AnswerCurves(self.time, shape[-1] if shape else 1)
        self.raster = UnitRaster(self.time)
        self.choice = UnitChoice(self._states.names, both=self._states.both)
        self.walk, self.cursor = Walk(), TimeCursor(self.time)
        self.rows = RowChoice(self.cursor)
        self.summary = text.Text("tsw-summary")
        self.time_figures = [self.series.figure, *self.curves.figures, self.answer.figure, self.raster.figure]
        self.inputs: list[Input] = [
            ("layer", self.rows, "layer"),
            ("direction", self.choice.direction, "value"),
            ("filter", self.rows, "filter"),
            ("quantity", self.choice.quantity, "value"),
            ("unit_order", self.choice.order, "value"),
            ("units", self.choice, "units"),
            ("current_step", self.walk, "step"),
            ("current_step", self.cursor, "step"),
        ]
        self.rows.observe(self._chosen, ["layer", "filter"])
        self.choice.direction.observe(self._turned, "value")
        toolbar = self.choice.toolbar
        toolbar.children = [*toolbar.children, self.walk.play]
        views = (self.series, self.answer, self.curves, self.raster)
        self.box = page(
            [toolbar, *(row for view in views for row in view.rows), self.cursor],
            [self.summary, self.curves.legend, self.raster.colors, self.series.legend],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return bool(layers_of(subject))

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer_for(layers_of(subject), layer))

    def compute(self, selection: Selection, token: Token | None = None) -> Iterator[RecurrentPicture]:
        started, subject = clock.perf_counter(), self._subject
        sample = min(selection.sample, len(self._samples) - 1)
        layer = self._states.layer(selection.layer)
        same = layer == selection.layer
        unit = self._states.unit(layer, selection.filter if same else 0, selection.direction)
        observation = subject.observe(sample)
        n_timesteps = self._samples.lengths[sample]
        step = selection.current_step
        key = sample, observation.version
        so_far, why_not = self._answers.get(key, (None, ""))
        picture = RecurrentPicture(
            selection=replace(
                selection, sample=sample, current_step=None if step is None else min(step, n_timesteps - 1)
            ),
            tap=subject.taps[layer],
            shape=observation[layer].shape[1:] if layer in observation else (),
            seconds=0.0,
            series=self._samples[sample].astype(np.float32),
            absent=absent_steps(subject.probe, observation)[0],
            output=np.asarray(observation.outputs[0][0], np.float32),
            unit=unit,
            order=np.arange(unit.n_units),
            ranges={},
            so_far=so_far,
            why_not=why_not,
        )
        seen: Iterator[Mapping[str, Range]] = iter(())
        try:
            states = self._states.find(layer, unit.direction, sample)
        except (ValueError, RuntimeError) as error:  # what cannot be known is what there is to show
            picture = replace(picture, why=_validate.reason(error))
        else:
            name = quantity_of(states, selection.quantity)
            order = rows_of(unit_order(states.values[name], selection.unit_order), selection.units)
            if selection.scale != "sample":
                seen = self._states.ranges(layer, unit.direction, states)
            first = next(seen) if selection.scale != "sample" else ranges_of(states)
            picture = replace(picture, states=states, order=order, ranges=dict(first))
        shown, drawn = clock.perf_counter(), picture.ranges
        yield replace(picture, seconds=shown - started)
        for ranges in seen:  # of series that have not been looked at
            if token is not None:
                token.check()
            picture = replace(picture, ranges=dict(ranges))
            if (now := clock.perf_counter()) - shown > PATIENCE:
                shown = now
                yield replace(picture, seconds=now - started)
        if so_far is None and not why_not:
            yield from self._ask(picture, key, token)
        elif picture.ranges is not drawn:
            yield replace(picture, seconds=clock.perf_counter() - started)

    def show(self, picture: RecurrentPicture) -> None:
        states, unit, selection = picture.states, picture.unit, picture.selection
        if self._followed.differs(unit.n_units, len(picture.series)):
            self.choice.follow(unit.n_units)
            self.walk.follow(len(picture.series))
        self._show_answer(picture)
        if states is None or states.timeline is None or not states.timeline.has_place:
            why = picture.why or "its steps have no place on the input's time axis"
            self.series.show(picture.series, picture.absent, None, why, layout="together")
            self.curves.explain(why)
            self.raster.explain(why)
            if self._pointed.differs(None):
                self.cursor.show_nothing()
            return
        name, steps = quantity_of(states, selection.quantity), states.timeline.centres
        of = f"{NAMES[name]} of unit {unit.number}"
        placed = {
            key: on_input(values[:, unit.number], states.timeline, len(picture.series), ~states.absent)
            for key, values in states.values.items()
        }
        span = whole(name, picture.ranges[name])
        self.series.show(picture.series, picture.absent, placed[name], of, span, layout="together")
        own = {key: values[:, unit.number] for key, values in states.values.items()}
        own_ranges = {key: (low[unit.number], high[unit.number]) for key, (low, high) in picture.ranges.items()}
        self.curves.show(f"Unit {unit.number} of {states.of}", steps, own, own_ranges, placed)
        values, note = states.values[name], ORDERS[selection.unit_order]
        self.raster.show(
            f"{NAMES[name]} of {states.of}",
            steps,
            values,
            states.absent,
            picture.order,
            unit.number,
            span,
            note,
        )
        self.rows.follow(picture.order, unit.number, unit.first, picture.tap.name)
        if self._pointed.differs(values, picture.order, steps):
            past = np.zeros(len(steps), np.int64)
            lo, hi = states.timeline.lo, states.timeline.hi
            if not states.begins_anew:
                lo, hi = (past, hi) if unit.direction != "backward" else (lo, past + len(picture.series) - 1)
            self.cursor.show_steps(steps, lo, hi, values[:, picture.order], "unit", picture.order.tolist())

    def said(self, picture: RecurrentPicture) -> Iterator[str]:
        sample, now = picture.selection.sample, picture.selection.current_step
        yield answers.outcome(sample, picture.output, self._subject.label(sample), self._subject.class_names)
        if picture.tap.name != picture.selection.layer:
            yield f"{picture.selection.layer} is not recurrent, {picture.tap.name} is shown"
        if picture.why:
            yield picture.why
        elif now is not None:
            yield f"step {now}"

    def data(self, picture: RecurrentPicture) -> dict[str, Any]:
        """What is on screen.

        `states` : name → (n_steps, n_units), all states and gates, NaN at padding; of a layer within TimeDistributed
        those after the last of its own steps; `time` : (n_steps,), the input step of each; `unit` and `direction` of
        the one whose curves are drawn; `order` : the units in the picture, from above to below; `so_far` :
        (n_timesteps, n_outputs), the answer after each step.
        """
        states, so_far = picture.states, picture.so_far
        return {
            "input": picture.series.copy(),
            "states": None if states is None else {name: values.copy() for name, values in states.values.items()},
            "time": None if states is None or states.timeline is None else states.timeline.centres.copy(),
            "unit": picture.unit.number,
            "direction": picture.unit.direction,
            "order": picture.order.copy(),
            "so_far": None if so_far is None else so_far.values.copy(),
            "prediction": picture.output.copy(),
        }

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        self.series.close()
        close_all(self.series.colors)  # shown nowhere: the picture's scale says the same
        self.raster.close()

    def _turned(self, change: Any) -> None:
        """Of directions that stand side by side, to the unit of the same number in the other one."""
        if self.rows.layer in self._states.layers:
            unit = self._states.unit(self.rows.layer, self.rows.filter, change.new)
            if unit.direction not in ("", change.new):
                self.rows.filter = unit.number + (unit.n_units if change.new == "backward" else 0)

    def _chosen(self, _: Any) -> None:
        """The menu says in which direction the chosen filter reads."""
        if self.rows.layer in self._states.layers:
            unit = self._states.unit(self.rows.layer, self.rows.filter, self.choice.direction.value)
            self.choice.direction.value = unit.direction or self.choice.direction.value

    def _ask(self, picture: RecurrentPicture, key: Any, token: Token | None) -> Iterator[RecurrentPicture]:
        """Pictures with what the model would answer so far."""
        started, so_far, why_not = clock.perf_counter(), None, ""
        run = answering(self._subject.probe, self._samples.one(picture.selection.sample), most_runs=MOST_RUNS)

        def waiting(step: tuple[int, int]) -> RecurrentPicture:
            return replace(picture, seconds=clock.perf_counter() - started, progress=(*step, "runs"))

        try:
            so_far = yield from meanwhile(run, waiting, token)
        except (ValueError, TypeError) as error:
            why_not = _validate.reason(error)
        self._answers[key] = so_far, why_not
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)
        yield replace(picture, so_far=so_far, why_not=why_not)

    def _show_answer(self, picture: RecurrentPicture) -> None:
        """The curves, and beside them the answer at the step where the walk is."""
        now, so_far = picture.selection.current_step, picture.so_far
        if so_far is None:
            self.answer.explain(picture.why_not or "being computed")
        else:
            self.answer.show(so_far.values, so_far.told, so_far.changes)
        label, values = self._subject.label(picture.selection.sample), None if so_far is None else so_far.values
        self.summary.write(self.answer.beside(picture.output, values, now, label, self._subject.class_names))


def quantity_of(states: UnitStates, wanted: str) -> str:
    """What is shown of a layer that may lack what is asked for: a GRU has no cell state."""
    return wanted if wanted in states.values else "h"
