"""What attends to what: query step × key step of an attention layer, and one query's attention behind the series."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import absent_steps
from tswidgets.analysis.future import percent
from tswidgets.analysis.projection import on_input
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.attention import Attended
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.panel import Input, News, Picture, actions, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.attention import AttentionView
from tswidgets.widgets.views.attributed import AttributedSeries
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.other_series import OtherSeries
from tswidgets.widgets.views.queries import QueryChoice

Floats = NDArray[np.float32]
NAMED = 3  # key steps that the status line names
ALIKE = 1.5  # times the mean of its scores: a query whose largest is less has no favourite
FEW = 0.25  # of all keys: causal queries that have fewer to choose from do not make the scale
NO_PLACE = "the steps that it looks at have no place in time that is known"
CAUTION = (
    "<h4>Attention is not importance</h4>It tells what is mixed into a step, not what matters to the answer: other "
    "weights often lead to the same one (Jain &amp; Wallace, “Attention is not explanation”, 2019)."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class AttentionPicture(Picture):
    """What is known of an attention layer; `tap` is the one that is shown, `selection.layer` the one that was chosen.

    series : ndarray of shape (n_timesteps, n_channels) on the keys' time axis; `absent` are the steps that the model
        masks as padding.
    output : ndarray, what the model answered.
    found : None where `why` says why nothing can be shown.
    shown : ndarray of shape (n_query_steps, n_key_steps), NaN at padding; `largest` is where the colours' scale ends.
    query : index of the query step that is looked at.
    """

    series: Floats
    absent: NDArray[np.bool_]
    output: Floats
    found: Attended | None = None
    shown: Floats
    largest: float = 1.0
    query: int = 0
    why: str = ""


class AttentionPanel:
    """The keys' series with what one query step looks at as colour behind it; below it all queries as a picture."""

    title = "What attends to what"
    scales: Mapping[str, str] = {"filter": "largest score, all samples", "sample": "this query step only"}

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject, self._samples = subject, subject.samples
        self._largest: dict[Any, float] = {}
        self._pointed = Last()
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        title = f"Input {self._samples.name}" if subject.others else "Input"
        names, note = subject.channel_names, "" if subject.others else self._samples.note
        self.series = AttributedSeries(self.time, names, note, title=title, lanes=False)
        self.matrix = AttentionView(self.time)
        self.matrix.figure.add_class("tsw-layer")  # whose rows can be clicked
        self.cursor = TimeCursor(self.time)
        self.choice = QueryChoice(self.cursor)
        self.others = {other.axis: OtherSeries(other) for other in subject.others}
        self._asking = {
            axis: (ipywidgets.VBox(other.rows), ipywidgets.VBox([other.legend])) for axis, other in self.others.items()
        }
        below, beside = [box for box, _ in self._asking.values()], [box for _, box in self._asking.values()]
        for box in (*below, *beside):
            box.layout.display = "none"
        self.time_figures = [self.series.figure, self.matrix.figure]
        self.inputs: list[Input] = [("head", self.choice, "head"), ("query_step", self.choice, "query_step")]
        caution = text.Text("tsw-summary")
        caution.write(CAUTION)
        self.box = page(
            [
                actions(self.choice.menu),
                *self.series.rows,
                *self.matrix.rows,
                self.cursor,
                *below,
            ],
            [self.matrix.colors, caution, self.series.legend, *beside],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return bool(subject.attention.layers)

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        """That of the keys, on which the queries may have no place."""
        axis = subject.attention.key_axis(subject.attention.layer(layer))
        return subject.axis_of(layer) if axis is None else axis

    def compute(self, selection: Selection, token: Token | None = None) -> AttentionPicture:
        started, subject = clock.perf_counter(), self._subject
        sample = min(selection.sample, len(self._samples) - 1)
        layer = subject.attention.layer(selection.layer)
        observation = subject.observe(sample)
        picture = AttentionPicture(
            selection=replace(selection, sample=sample),
            tap=subject.taps[layer],
            shape=observation[layer].shape[1:] if layer in observation else (),
            seconds=0.0,
            series=self._samples[sample].astype(np.float32),
            absent=absent_steps(subject.probe, observation)[0],
            output=np.asarray(subject.answers(observation.outputs[0])[0], np.float32),
            shown=np.empty((0, 0), np.float32),
        )
        try:
            found = subject.attention.find(layer, sample)
        except (ValueError, TypeError) as error:  # what cannot be had is what there is to show
            return replace(picture, why=_validate.reason(error), seconds=clock.perf_counter() - started)
        n_heads, n_queries, n_keys = found.scores.shape
        head = selection.head if selection.head is not None and selection.head < n_heads else None
        query = min(selection.query_step or 0, max(n_queries - 1, 0))
        shown = found.shown(head)
        placed = found.places.keys is not None and found.places.key_axis == subject.axis and n_queries and n_keys
        return replace(
            picture,
            selection=replace(picture.selection, head=head, query_step=query),
            found=found,
            shown=shown,
            largest=self._scale((layer, head, found.version), shown, query if selection.scale == "sample" else None),
            query=query,
            why="" if placed else NO_PLACE,
            seconds=clock.perf_counter() - started,
        )

    def show(self, picture: AttentionPicture) -> None:
        found, series, absent = picture.found, picture.series, picture.absent
        if found is not None:
            self.choice.follow(len(found.scores), picture.selection.head, picture.query)
        if found is None or found.places.keys is None or picture.why:
            self.series.show(series, absent, None, picture.why, layout="together")
            self.matrix.explain(picture.why)
            self._show_asking(None, picture)
            if self._pointed.differs(None):
                self.cursor.show_nothing()
            return
        keys, query, places = found.places.keys, picture.query, found.places
        row = on_input(picture.shown[query], keys, len(series), ~found.absent_keys)
        of = f"what query step {query} looks at"
        self.series.show(series, absent, row, of, (0.0, picture.largest), layout="together")
        own = None if places.query is None or places.across else places.query.centres
        self.matrix.show(found, picture.shown, keys.centres, own, picture.largest, _of(picture))
        self.matrix.choose(query)
        self._show_asking(places.query_axis if places.across else None, picture)
        if self._pointed.differs(picture.shown, keys.centres, keys.lo, keys.hi):
            values = picture.shown.T
            self.cursor.show_steps(keys.centres, keys.lo, keys.hi, values, "query step", step_word="Key step")

    def said(self, picture: AttentionPicture) -> Iterator[str]:
        selection, layer = picture.selection, picture.tap.name
        label = self._subject.label(selection.sample)
        yield answers.outcome(selection.sample, picture.output, label, self._subject.class_names)
        if layer != selection.layer:
            yield f"{selection.layer} has no attention scores, {layer} is shown"
        if picture.why or picture.found is None:
            yield f"{layer}: {picture.why}"
        else:
            yield f"{layer}, query step {picture.query} {looks_most(picture.shown[picture.query])}"

    def data(self, picture: AttentionPicture) -> dict[str, Any]:
        """What is on screen.

        `scores` : (n_heads, n_query_steps, n_key_steps), as `attention_scores` returns them; `shown` : (n_query_steps,
        n_key_steps), those of `head`, or their mean where that is None, NaN at padding; `key_time` : (n_key_steps,),
        the input step of each key, None where it has no place; `query_time` : likewise of the queries, on their own
        time axis; `query_step` whose attention is behind the series. None of all where the layer does not tell.
        """
        found = picture.found
        query, keys = (None, None) if found is None else (found.places.query, found.places.keys)
        return {
            "input": picture.series.copy(),
            "layer": picture.tap.name,
            "scores": None if found is None else found.scores.copy(),
            "shown": None if found is None else picture.shown.copy(),
            "key_time": None if keys is None else keys.centres,
            "query_time": None if query is None else query.centres,
            "head": None if found is None else picture.selection.head,
            "query_step": None if found is None else picture.query,
            "prediction": picture.output.copy(),
        }

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        self.series.close()
        self.matrix.close()
        close_all(self.series.colors)  # shown nowhere: the picture's scale says the same
        for other in self.others.values():
            other.close()

    def _show_asking(self, axis: int | None, picture: AttentionPicture) -> None:
        """The series on whose time axis the queries are, where that is not the keys'."""
        for number, other in self.others.items():
            here = number == axis
            for box in self._asking[number]:
                box.layout.display = None if here else "none"
            if here and picture.found is not None and picture.found.places.query is not None:
                timeline, query = picture.found.places.query, picture.query
                span = int(timeline.near_lo[query]), int(timeline.near_hi[query])
                other.show(picture.selection.sample, span, f"query step {query} reads what is between the lines")

    def _scale(self, key: Any, shown: Floats, query: int | None) -> float:
        """Where the scale ends: at the largest score of a query, or of all and of all samples that were seen so far, so
        that two pictures can be compared.

        Of causal attention the first queries have few keys to share among, the very first one alone: beside them all
        others would have no colour.
        """
        if query is not None and len(shown):
            return _most(shown[query]) or 1.0
        causal = not np.triu(np.nan_to_num(shown), 1).any()
        there = int(np.isfinite(shown).any(axis=1).sum())
        most = _most(shown[int(FEW * there) :] if causal else shown)
        self._largest[key] = max(most, self._largest.get(key, 0.0))
        return self._largest[key] or 1.0


def _most(scores: Floats) -> float:
    return float(scores[np.isfinite(scores)].max(initial=0.0))


def looks_most(row: Floats) -> str:
    """In words, the keys with the largest scores of a query's (n_key_steps,), NaN at padding, and their share."""
    there = np.isfinite(row)
    if not there.any():
        return "is padding"
    scores = np.where(there, row, 0)
    if scores.sum() <= 0:
        return "looks at no key step"
    if there.sum() > 1 and scores.max() < ALIKE * row[there].mean():
        first, share = int(scores.argmax()), percent(float(scores.max() / scores.sum()))
        alike = f"looks at all {there.sum():,} key steps nearly alike"
        return f"{alike}, most at key step {first}: {share} of its attention"
    most = [int(key) for key in np.argsort(-scores, kind="stable")[:NAMED] if scores[key] >= scores.max() / 2]
    steps = f"key step{'s' if len(most) > 1 else ''} {', '.join(map(str, most))}"
    return f"looks most at {steps}: {percent(float(scores[most].sum() / scores.sum()))} of its attention"


def _of(picture: AttentionPicture) -> str:
    head, n_heads = picture.selection.head, 0 if picture.found is None else len(picture.found.scores)
    which = f", head {head}" if head is not None else f", mean of {n_heads} heads"
    return f"Attention scores of {picture.tap.name}{which if n_heads > 1 else ''}"
