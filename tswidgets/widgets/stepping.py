"""A layer's steps for one series, as a panel shows them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.convolution_step import ConvolutionSteps
from tswidgets.analysis.frequency import FrequencyResponse, frequency_response
from tswidgets.analysis.layer_step import LayerSteps, followed, layer_steps
from tswidgets.analysis.pooling_step import PoolingSteps
from tswidgets.analysis.recurrent_step import RecurrentSteps
from tswidgets.plots.ranges import Range, extremes, union
from tswidgets.probe import Timeline
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.by_hand import Spans
from tswidgets.widgets.views.grids import largest

Floats = NDArray[np.float32]
KEPT, SPANS = 4, 64  # series whose steps are kept, and filters of which it is known where colours end
MOST = 99  # percent of a layer's values, behind which colours end
N_FREQUENCIES = 129


@dataclass(frozen=True, eq=False)
class Stepped:
    """What is known of a layer for one series.

    steps : of the layer, all of them and of all filters.
    reads : which input steps each step of the layer's own input sees, `answers` likewise of its output; None where that
        is not known.
    names : of the channels of the layer's input.
    """

    steps: LayerSteps
    reads: Timeline | None
    answers: Timeline | None
    names: list[str]

    @cached_property
    def read_at(self) -> Floats | None:
        """(n_input_steps,): the step of the series that each step of the layer's input belongs to."""
        return None if self.reads is None else self.reads.centres

    @cached_property
    def answered_at(self) -> Floats | None:
        """(n_steps,): likewise of its output."""
        return None if self.answers is None else self.answers.centres

    @cached_property
    def half(self) -> float:
        """Half the distance of two steps of the layer's input, in input steps."""
        centres = np.empty(0) if self.read_at is None else self.read_at
        gaps = np.diff(centres[np.isfinite(centres)])
        return float(np.median(np.abs(gaps))) / 2 if len(gaps) else 0.5


class Stepping:
    """Finds steps, and keeps what was found while the weights stay the same."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._known: OrderedDict[Any, Stepped] = OrderedDict()
        self._seen: dict[Any, Range] = {}
        self._spans: OrderedDict[Any, Spans] = OrderedDict()
        self._responses: OrderedDict[Any, FrequencyResponse] = OrderedDict()

    def find(self, layer: str, sample: int, direction: str, version: bytes) -> Stepped:
        """Raises ValueError or RuntimeError where the layer cannot be followed."""
        subject = self._subject
        key = layer, sample, direction, version
        if key not in self._known:
            steps = layer_steps(subject.probe, subject.samples.batch(sample), layer, direction=direction)
            lengths = subject.samples.lengths_of(sample)
            reads = subject.probe.calls_for(lengths).timeline_before(layer, lengths)
            answers = subject.probe.timelines(lengths).get(layer)
            if isinstance(steps, RecurrentSteps) and subject.taps[layer].time_axis is None:
                answers = _through(reads, steps)  # of a layer that returns its last output alone
            self._seen[layer] = union(self._seen.get(layer, (np.inf, -np.inf)), extremes(steps.x))
            self._known[key] = Stepped(
                steps=steps,
                reads=_placed(reads, len(steps.x)),
                answers=_placed(answers, steps.n_steps),
                names=self._names(layer, steps.x.shape[1]),
            )
            _forget(self._known, KEPT)
        self._known.move_to_end(key)
        return self._known[key]

    def range(self, layer: str) -> Range:
        """Lowest and highest value of a layer's input, over all series that were looked at."""
        return self._seen[layer]

    def spans(self, found: Stepped, key: Any, filter: int) -> Spans:
        """Where colours end for all steps of a layer's filter; `key` tells layer, sample and weights."""
        key = (*key, filter)
        if key not in self._spans:
            self._spans[key] = _spans(found.steps, filter)
            _forget(self._spans, SPANS)
        return self._spans[key]

    def response(self, layer: str, rate: float | None, version: bytes) -> FrequencyResponse | None:
        """None of a layer that has no one answer to each frequency."""
        key = layer, rate, version
        if key not in self._responses:
            try:
                found = frequency_response(self._subject.probe, layer, n_frequencies=N_FREQUENCIES, sampling_rate=rate)
            except ValueError:
                return None
            self._responses[key] = found
            _forget(self._responses, KEPT)
        return self._responses[key]

    def rate(self, found: Stepped) -> float | None:
        """Steps of a layer's input per second, where that is known."""
        rate = self._subject.sampling_rate
        return None if rate is None or found.reads is None else rate / (2 * found.half)

    def _names(self, layer: str, n_channels: int) -> list[str]:
        own = self._subject.channel_names
        first = self._subject.probe.calls.number_before(layer) == 0 and len(self._subject.probe.input_shapes) == 1
        return own if first and len(own) == n_channels else [f"channel {i}" for i in range(n_channels)]


def steppable(subject: Subject) -> list[str]:
    """Layers whose steps can be followed."""
    known = followed(subject.probe)
    return [name for name in subject.taps if name in known]


def _placed(timeline: Timeline | None, n_steps: int) -> Timeline | None:
    return timeline if timeline is not None and timeline.has_place and len(timeline) == n_steps else None


def _through(reads: Timeline | None, steps: RecurrentSteps) -> Timeline | None:
    """Which input steps the layer has seen when it comes to each step of its input."""
    if reads is None or len(steps.parts) > 1:
        return reads and reads.over_all_steps()
    whole = reads.over_all_steps()
    lo, hi = (reads.lo, whole.hi) if steps.parts[0].go_backwards else (whole.lo, reads.hi)
    return Timeline(lo, hi, reads.near_lo, reads.near_hi)


def _spans(steps: LayerSteps, filter: int) -> Spans:
    """Of a convolution at about the strongest of its products wherever it slides; a few may lie beyond."""
    finite = np.where(np.isfinite(steps.x), np.abs(steps.x), 0)
    if isinstance(steps, ConvolutionSteps):
        channels, kernel = steps.kernel.channels[:, filter], steps.kernel.weights[:, :, filter]
        size = np.percentile(finite[:, channels], MOST, axis=0) if len(finite) else np.zeros(len(channels))
        return Spans(largest(finite[:, channels]), largest(kernel), float((np.abs(kernel) * size).max()))
    if isinstance(steps, PoolingSteps):
        return Spans(largest(finite[:, filter]), 0.0, 0.0)
    return Spans(largest(finite), steps.span(filter), 3.0)  # a gate is all but shut or open beyond ±3


def _forget(known: OrderedDict[Any, Any], most: int) -> None:
    while len(known) > most:
        known.popitem(last=False)
