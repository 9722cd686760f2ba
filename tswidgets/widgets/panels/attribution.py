"""Where the network is looking: a quantity as colour behind the input, and whether to believe it."""

from __future__ import annotations

import time as clock
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import absent_steps
from tswidgets.analysis.trust import Trust, iter_trust
from tswidgets.plots.lanes import channel_ranges
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.meanwhile import PATIENCE, meanwhile
from tswidgets.widgets.panel import Input, News, Picture, actions, menu, page
from tswidgets.widgets.quantities import QUANTITIES, Found, depends_on, finding
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.attributed import LAYOUTS, AttributedSeries, ChannelRaster
from tswidgets.widgets.views.curve import CurveView
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.shade import color_range, total
from tswidgets.widgets.views.targets import TargetChoice, target_of
from tswidgets.widgets.views.trust import TrustStrip

Floats = NDArray[np.float32]
Range = tuple[float, float]
KEPT = 64  # maps that are kept
RANGE_SAMPLES = 16  # series that the lanes' scales are fitted to
SCALES = {"filter": "all samples seen", "sample": "this sample only"}


@dataclass(frozen=True, eq=False, kw_only=True)
class AttributionPicture(Picture):
    """What is known of where the model looks.

    series : ndarray of shape (n_timesteps, n_channels); `absent` are the steps that the model masks as padding.
    output : ndarray, what the model answered; `target` is what is explained of it.
    found : the quantity; None while it is computed, or where `why` says why there is none.
    trust : what speaks for and against it; None while it is not known.
    span, total_span : (low, high) that colours span, of the quantity and of its sum over channels.
    """

    series: Floats
    absent: NDArray[np.bool_]
    output: Floats
    target: Any
    found: Found | None = None
    trust: Trust | None = None
    why: str = ""
    span: Range | None = None
    total_span: Range | None = None


class AttributionPanel:
    """The input with the chosen quantity behind it; the quantity by itself; what speaks for and against it."""

    title = "Where is it looking"
    scales: Mapping[str, str] = SCALES

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject, self._samples = subject, subject.samples
        self._known: OrderedDict[Any, tuple[Found | None, str, Trust | None]] = OrderedDict()
        self._spans: dict[Any, tuple[Range, Range]] = {}
        some = [self._samples[i] for i in self._samples.spread(RANGE_SAMPLES)]
        self._ranges = channel_ranges(np.concatenate(some))
        self._pointed = Last()
        self.time = TimeAxis(self._samples.longest, subject.sampling_rate)
        shape = subject.output_shape
        self.series = AttributedSeries(self.time, subject.channel_names, self._samples.note)
        self.raster = ChannelRaster(self.time, subject.channel_names)
        self.curve = CurveView(self.time)
        self.trust = TrustStrip()
        n_outputs = shape[-1] if shape else 1
        self.targets = TargetChoice(n_outputs, subject.class_names, n_steps=subject.n_output_steps)
        self.cursor = TimeCursor(self.time)
        self._method = menu("Colour", QUANTITIES)
        self._channels = menu("Channels", LAYOUTS)
        self._channels.layout.display = None if self._samples.n_channels > 1 else "none"
        toolbar = actions(self._method, self._channels)
        self._by_channel, self._by_step = ipywidgets.VBox(self.raster.rows), ipywidgets.VBox(self.curve.rows)
        self.time_figures = [self.series.figure, self.raster.figure, self.curve.figure]
        self.inputs: list[Input] = [
            ("method", self._method, "value"),
            ("channels", self._channels, "value"),
            ("target", self.targets, "chosen"),
            ("target_step", self.targets, "step"),
        ]
        self.box = page(
            [toolbar, *self.series.rows, self._by_step, self._by_channel, self.cursor, self.trust],
            [self.targets.side, self.series.colors, self.series.legend],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return True

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer)

    def compute(self, selection: Selection, token: Token | None = None) -> Iterator[AttributionPicture]:
        started = clock.perf_counter()
        subject, tap = self._subject, self._subject.taps[selection.layer]
        sample = min(selection.sample, len(self._samples) - 1)
        selection = replace(selection, sample=sample, filter=min(selection.filter, max(tap.n_filters - 1, 0)))
        observation = subject.observe(sample)
        output = np.asarray(subject.answers(observation.outputs[0])[0], np.float32)
        target = None
        if output.ndim < 3:
            target = target_of(output, selection.target, selection.target_step, flat=subject.flat_steps)
        picture = AttributionPicture(
            selection=selection,
            tap=tap,
            shape=observation[tap.name].shape[1:] if tap.name in observation else (),
            seconds=0.0,
            series=self._samples[sample].astype(np.float32),
            absent=absent_steps(subject.probe, observation)[0],
            output=output,
            target=target,
        )
        key = depends_on(selection), sample, target, observation.version
        found, why, trust = self._known.get(key, (None, "", None))
        if found is None and not why:
            try:
                found = yield from self._find(picture, started, token)
            except (ValueError, TypeError, IndexError) as error:  # what it cannot be had of is what there is to show
                why = _validate.reason(error)
            self._keep(key, found, why, trust)
        seconds = clock.perf_counter() - started
        spans = self._span((*key[0], target, key[-1]), found, selection.scale) if found else (None, None)
        picture = replace(
            picture, found=found, why=why, trust=trust, seconds=seconds, span=spans[0], total_span=spans[1]
        )
        yield picture
        if found is not None and found.attribution is not None and trust is None:
            yield from self._check(picture, found, key, token)

    def show(self, picture: AttributionPicture) -> None:
        found, absent, selection = picture.found, picture.absent, picture.selection
        of = found.of if found is not None else picture.why or f"{QUANTITIES[selection.method]} is being computed"
        self.series.show(
            picture.series,
            absent,
            None if found is None else found.shown,
            of,
            picture.span,
            ranges=self._ranges,
            layout=selection.channels,
            total_range=picture.total_span,
        )
        self.targets.show(picture.output, picture.target, self._subject.label(selection.sample))
        self._detail(picture)
        if picture.trust is not None:
            self.trust.show(picture.trust)
        elif found is None or found.attribution is None:
            self.trust.explain("What the model computed itself needs no check" if found else "No map to check")
        else:
            self.trust.explain("Checking whether to believe it")
        if self._pointed.differs(picture.series):
            steps = np.arange(len(picture.series))
            self.cursor.show_steps(steps.astype(np.float32), steps, steps, picture.series, "channel")

    def said(self, picture: AttributionPicture) -> Iterator[str]:
        sample, found = picture.selection.sample, picture.found
        yield answers.outcome(sample, picture.output, self._subject.label(sample), self._subject.class_names)
        if picture.why:
            yield picture.why
        elif found is not None and found.attribution is not None:
            yield f"{found.of}, score {text.number(found.attribution.score)}"
        if picture.trust is not None:
            yield "do not believe this map" if picture.trust.doubts else "nothing speaks against this map"

    def data(self, picture: AttributionPicture) -> dict[str, Any]:
        """What is on screen.

        `values` : (n_timesteps, n_channels), or (n_timesteps,) for all channels alike; `own` : (input steps, values) of
        what lies on a layer's steps. `target`, `score`, `error`, `trust` : as the functions return them, or None.
        """
        found, attribution = picture.found, picture.found.attribution if picture.found else None
        return {
            "input": picture.series.copy(),
            "method": picture.selection.method,
            "values": None if found is None else found.shown.copy(),
            "own": None if found is None else found.own,
            "target": picture.target,
            "score": None if attribution is None else attribution.score,
            "error": None if attribution is None else attribution.error,
            "trust": picture.trust,
            "prediction": picture.output.copy(),
        }

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        self.series.close()
        self.raster.close()

    def _find(self, picture: AttributionPicture, started: float, token: Token | None) -> Any:
        """Yields pictures without the quantity while it is computed, and returns it."""
        steps = finding(self._subject, picture.selection, picture.target)

        def waiting(step: tuple[int, int]) -> AttributionPicture:
            return replace(picture, seconds=clock.perf_counter() - started, progress=(*step, "runs"))

        return (yield from meanwhile(steps, waiting, token))

    def _check(
        self, picture: AttributionPicture, found: Found, key: Any, token: Token | None
    ) -> Iterator[AttributionPicture]:
        """Pictures with what becomes known of whether to believe the map."""
        assert found.attribution is not None
        shown, trust = clock.perf_counter(), None
        x = self._samples.one(picture.selection.sample)
        try:
            for trust in iter_trust(self._subject.probe, x, found.attribution):
                if token is not None:
                    token.check()
                if clock.perf_counter() - shown > PATIENCE:
                    shown = clock.perf_counter()
                    yield replace(picture, progress=(trust.done, trust.total, "checks"))
        except ValueError as error:
            yield replace(picture, why="", progress=(0, 0, _validate.reason(error)))
            return
        self._keep(key, found, "", trust)
        yield replace(picture, trust=trust)

    def _keep(self, key: Any, found: Found | None, why: str, trust: Trust | None) -> None:
        self._known[key] = found, why, trust
        while len(self._known) > KEPT:
            self._known.popitem(last=False)

    def _span(self, key: Any, found: Found, scale: str) -> tuple[Range, Range]:
        """What colours span: this series' own values, or all that was seen of the same quantity so far."""
        own = color_range(found.shown), color_range(total(found.shown) if found.shown.ndim == 2 else found.shown)
        seen = self._spans.get(key, own)
        self._spans[key] = both = _union(seen[0], own[0]), _union(seen[1], own[1])
        return own if scale == "sample" else both

    def _detail(self, picture: AttributionPicture) -> None:
        """A curve over a layer's steps, or channels × time; one takes the place of the other."""
        found = picture.found
        by_step = found is not None and found.shown.ndim == 1
        self._by_step.layout.display, self._by_channel.layout.display = (None, "none") if by_step else ("none", None)
        if found is None:
            self.raster.explain(picture.why or "being computed")
        elif by_step:
            steps, values = found.own or (np.arange(len(found.shown), dtype=np.float32), found.shown)
            low, high = picture.span or color_range(values)
            self.curve.show(found.of, steps, values, (min(low, 0.0), max(high, 0.0)))
        else:
            self.raster.show(found.shown, picture.absent, found.of, picture.span)


def _union(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])
