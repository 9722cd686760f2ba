"""The input that a class or a filter answers to most, beside the real series that is most like it."""

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
from tswidgets.analysis.maximization import Maximization, iter_maximize_activation
from tswidgets.inputs import SeveralInputs
from tswidgets.plots.lanes import channel_ranges
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.panel import Input, News, Picture, actions, menu, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.attributed import LAYOUTS, AttributedSeries
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.targets import TargetChoice, target_of

Floats = NDArray[np.float32]
PATIENCE = 0.1  # seconds between two pictures of a computation that goes on
KEPT = 32  # results that are kept
RANGE_SAMPLES = 16  # series that the lanes' scales are fitted to
MAXIMIZED = {"class": "the class", "filter": "the filter"}


@dataclass(frozen=True, eq=False, kw_only=True)
class MaximizationPicture(Picture):
    """How far the search is.

    of : what is maximised, in words; `output` is what the model answers to the chosen sample, `target` which of it.
    found : None where `why` says why there is nothing.
    nearest : ndarray of shape (n_timesteps, n_channels), the real series most like the best input, moved to where it
        lies; NaN where it has no steps.
    """

    of: str
    output: Floats
    target: Any
    found: Maximization | None = None
    nearest: Floats | None = None
    why: str = ""


class MaximizationPanel:
    """The optimised input, and faintly behind it the real series that is most like it."""

    title = "What it looks for"
    scales: Mapping[str, str] = {}

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject, self._samples = subject, subject.samples
        self._known: OrderedDict[Any, tuple[Maximization | None, str]] = OrderedDict()
        self._ranges = channel_ranges(np.concatenate([self._samples[i] for i in self._samples.spread(RANGE_SAMPLES)]))
        self._pointed = Last()
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        shape = subject.output_shape
        names = subject.channel_names
        self.series = AttributedSeries(self.time, names, title="Optimised input", compared=True)
        self.scores, self._nearest = text.Text("tsw-summary"), text.Text("tsw-caption")
        n_outputs = shape[-1] if shape else 1
        self.targets = TargetChoice(n_outputs, subject.class_names, n_steps=subject.n_output_steps)
        self.cursor = TimeCursor(self.time)
        self._maximize = menu("Maximise", MAXIMIZED)
        self._channels = menu("Channels", LAYOUTS)
        self._channels.layout.display = None if self._samples.n_channels > 1 else "none"
        toolbar = actions(self._maximize, self._channels)
        self.time_figures = [self.series.figure]
        self.inputs: list[Input] = [
            ("maximize", self._maximize, "value"),
            ("channels", self._channels, "value"),
            ("target", self.targets, "chosen"),
            ("target_step", self.targets, "step"),
        ]
        self.box = page(
            [toolbar, *self.series.rows, self._nearest, self.cursor],
            [self.targets.side, self.scores, self.series.legend],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return not isinstance(subject.samples, SeveralInputs) and subject.samples[0].dtype.kind == "f"

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer)

    def compute(self, selection: Selection, token: Token | None = None) -> Iterator[MaximizationPicture]:
        started = clock.perf_counter()
        subject, tap = self._subject, self._subject.taps[selection.layer]
        sample = min(selection.sample, len(self._samples) - 1)
        selection = replace(selection, sample=sample, filter=min(selection.filter, max(tap.n_filters - 1, 0)))
        observation = subject.observe(sample)
        output = np.asarray(subject.answers(observation.outputs[0])[0], np.float32)
        target = None
        if output.ndim < 3:
            target = target_of(output, selection.target, selection.target_step, flat=subject.flat_steps)
        by_filter = selection.maximize == "filter"
        picture = MaximizationPicture(
            selection=selection,
            tap=tap,
            shape=observation[tap.name].shape[1:] if tap.name in observation else (),
            seconds=0.0,
            of=f"{tap.word} {selection.filter} of {tap.name}" if by_filter else self._named(target),
            output=output,
            target=target,
        )
        of_filter = (None, selection.filter) if tap.kind == "sequence" else selection.filter
        layer, wanted = (tap.name, of_filter) if by_filter else (None, target)
        key = layer, wanted, observation.version
        found, why = self._known.get(key, (None, ""))
        if found is None and not why:
            try:
                shown = 0.0
                for found in iter_maximize_activation(
                    subject.probe, wanted, layer=layer, X=self._samples.series, n_timesteps=self._n_timesteps(sample)
                ):
                    if token is not None:
                        token.check()
                    now = clock.perf_counter()
                    if now - shown > PATIENCE and not found.complete:
                        shown = now
                        yield self._with(picture, found, now - started)
            except (ValueError, TypeError, IndexError) as error:
                why = _validate.reason(error)
            self._known[key] = found, why
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        seconds = clock.perf_counter() - started
        if found is None:
            yield replace(picture, why=why, seconds=seconds)
        else:
            yield replace(self._with(picture, found, seconds), progress=(0, 0, ""))

    def show(self, picture: MaximizationPicture) -> None:
        found, layout = picture.found, picture.selection.channels
        label = self._subject.label(picture.selection.sample)
        self.targets.show(picture.output, picture.target, label)
        if found is None:
            nothing = np.full((1, self._samples.n_channels), np.nan, np.float32)
            self.series.show(nothing, np.ones(1, bool), None, picture.why, ranges=self._ranges, layout=layout)
            self.scores.write("")
            self._nearest.write("")
            return
        present = np.zeros(len(found.x), bool)
        of = f"{picture.of}: {text.number(found.score)}, iteration {found.iteration} of {found.total}"
        near, against = found.nearest, None
        if near is not None and picture.nearest is not None:
            against = f"sample {near.index}", picture.nearest
            moved = f"moved by {text.plural(abs(near.shift), 'step')}" if near.shift else ""
            score = f"{picture.of}: {text.number(near.score)}"
            self._nearest.write(
                text.caption("Faintly, the real series most like it", self._described(near.index), score, moved)
            )
        self.series.show(found.x, present, None, of, ranges=self._ranges, layout=layout, against=against)
        self.scores.write(_scores(found, picture.of))
        if self._pointed.differs(found.x):
            steps = np.arange(len(found.x))
            self.cursor.show_steps(steps.astype(np.float32), steps, steps, found.x, "channel")

    def said(self, picture: MaximizationPicture) -> Iterator[str]:
        found = picture.found
        if found is None:
            yield picture.why
            return
        first = np.nanmax(found.history[0]) if len(found.history) else np.nan
        yield f"{picture.of}: {text.number(float(first))} → {text.number(found.score)}"
        yield found.note
        if found.nearest is not None:
            yield f"most like it: sample {found.nearest.index}, with {text.number(found.nearest.score)}"

    def data(self, picture: MaximizationPicture) -> dict[str, Any]:
        """What is on screen.

        `x` : (n_timesteps, n_channels), the best input so far; `maximization` : all that `maximize_activation` returns;
        `nearest` : the real series beside it. None where there is nothing.
        """
        found = picture.found
        return {
            "x": None if found is None else found.x.copy(),
            "maximization": found,
            "nearest": None if picture.nearest is None else picture.nearest.copy(),
            "target": picture.target,
        }

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        self.series.close()

    def _named(self, target: Any) -> str:
        names = self._subject.class_names
        if self._subject.flat_steps:
            return f"{names[0] if names else 'the output'} at step {target}"
        if isinstance(target, tuple):
            return f"{answers.class_name(target[1], names)} at step {target[0]}"
        return "the output" if target is None else answers.class_name(target, names)

    def _described(self, sample: int) -> str:
        label, names = self._subject.label(sample), self._subject.class_names
        return f"sample {sample}, {answers.class_name(label, names)}" if isinstance(label, int) else f"sample {sample}"

    def _n_timesteps(self, sample: int) -> int | None:
        """As long as the chosen series, where the model takes any length and an output step is meant."""
        free = self._subject.probe.input_shapes[0][0] is None
        return self._samples.lengths[sample] if free and self._subject.n_output_steps else None

    def _with(self, picture: MaximizationPicture, found: Maximization, seconds: float) -> MaximizationPicture:
        near = None if found.nearest is None else self._samples[found.nearest.index]
        if near is not None and found.nearest is not None:
            near = _moved(near, found.nearest.shift, len(found.x))
        progress = (found.iteration, found.total, "iterations")
        return replace(picture, found=found, nearest=near, seconds=seconds, progress=progress)


def _moved(series: Floats, shift: int, n_timesteps: int) -> Floats:
    """The series `shift` steps later, cut and filled with NaN to so many steps."""
    moved = np.full((n_timesteps, series.shape[1]), np.nan, np.float32)
    first, last = max(shift, 0), min(shift + len(series), n_timesteps)
    if last > first:
        moved[first:last] = series[first - shift : last - shift]
    return moved


def _scores(found: Maximization, of: str) -> str:
    rows = "".join(
        f"<div>start {i} <span>{text.number(float(score))}</span></div>" for i, score in enumerate(found.scores)
    )
    return f'<h4>What {escape(of)} gives</h4><div class="tsw-ranking">{rows}</div>'
