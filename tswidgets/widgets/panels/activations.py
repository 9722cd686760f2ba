"""What went in, what a filter saw, where, and what the whole layer saw: on one time axis."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import Activations, absent_steps, at_layer, first, most_active, placed, value_ranges
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.probe import Probe, Tap
from tswidgets.samples import Labels, Samples
from tswidgets.selection import Selection
from tswidgets.widgets import text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.views.curve import CurveView
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.layer import LayerView
from tswidgets.widgets.views.prediction import Prediction
from tswidgets.widgets.views.series import SeriesView

Floats = NDArray[np.float32]
Range = tuple[float, float]
RANGE_SAMPLES = 16  # scales are fitted to that many samples, spread over the set


@dataclass(frozen=True, eq=False)
class Picture:
    """All that the panel shows of one selection.

    series : ndarray of shape (n_timesteps, n_channels); `absent` are the steps that the model masks as padding.
    activations : the chosen layer, or None where it cannot be drawn; `raw` is its output as it is.
    output : ndarray, what the model answered; `output_steps` are the input steps of an answer per step.
    curve_range, layer_range, series_range : (low, high) that the scales are fitted to.
    seconds : how long the computation took.
    """

    selection: Selection
    tap: Tap
    series: Floats
    absent: NDArray[np.bool_]
    activations: Activations | None
    raw: NDArray[Any]
    output: Floats
    output_steps: Floats | None
    curve_range: Range
    layer_range: Range
    series_range: Range
    seconds: float


class ActivationsPanel:
    """`rows` and, beside them, `side` are the view, `cursor` is the pointer above it. Only `show` writes to them."""

    def __init__(
        self,
        probe: Probe,
        samples: Samples,
        labels: Labels | None,
        time: TimeAxis,
        *,
        channel_names: Sequence[str],
        class_names: Sequence[str] | None,
    ) -> None:
        self._probe, self._samples, self._labels = probe, samples, labels
        self._taps = {tap.name: tap for tap in probe.taps}
        self._known: tuple[bytes, dict[str, tuple[Floats, Floats]]] = (b"", {})
        self._series_range = _extremes(*(samples[i] for i in samples.spread(RANGE_SAMPLES)))
        self._last = Last()
        output = probe.observe(samples.batch(0)).outputs[0]
        labelled = labels is not None and labels.kind == "steps"
        self.series = SeriesView(time, channel_names, samples.note)
        self.prediction = Prediction(time, output.shape[-1], class_names, steps=output.ndim == 3, labelled=labelled)
        self.curve = CurveView(time)
        self.layer = LayerView(time)
        self.cursor = TimeCursor(time)
        views = (self.series, self.prediction, self.curve, self.layer)
        self.time_figures = [self.series.figure, *self.prediction.figures, self.curve.figure, self.layer.figure]
        self.rows = [row for view in views for row in view.rows]
        self.side = ipywidgets.VBox([self.prediction.summary, self.layer.colors, self.series.legend])
        self.side.add_class("tsw-side")

    def compute(self, selection: Selection, token: Token | None = None) -> Picture:
        """Everything to show of a selection; indices are clamped once more, since traits change in other threads."""
        started = clock.perf_counter()
        tap = self._taps[selection.layer]
        sample = min(selection.sample, len(self._samples) - 1)
        filter = min(selection.filter, max(tap.n_filters - 1, 0))
        x = self._samples[sample]
        observation = self._probe.observe(self._samples.batch(sample))
        reached = tap.name in observation
        if not reached:
            tap = replace(tap, kind="other", note=_validate.NOT_REACHED)
        tap = placed(self._probe, observation, tap)
        chosen = first(at_layer(self._probe, observation, tap)) if tap.drawable else None
        n_steps = 0 if chosen is None or chosen.timeline is None else len(chosen.timeline)
        step = selection.step if selection.step is not None and selection.step < n_steps else None
        if token is not None:
            token.check()
        curve_range, layer_range = self._fit(selection.scale, chosen, filter, observation.version)
        return Picture(
            selection=replace(selection, sample=sample, filter=filter, step=step),
            tap=tap,
            series=x,
            absent=absent_steps(self._probe, observation)[0],
            activations=chosen,
            raw=observation[tap.name][0] if reached else np.empty(0, np.float32),
            output=observation.outputs[0][0],
            output_steps=self._output_steps(sample),
            curve_range=curve_range,
            layer_range=layer_range,
            series_range=_extremes(x) if selection.scale == "sample" else _union(self._series_range, _extremes(x)),
            seconds=clock.perf_counter() - started,
        )

    def show(self, picture: Picture) -> None:
        chosen, tap, filter = picture.activations, picture.tap, picture.selection.filter
        title = f"{tap.word.capitalize()} {filter} of {tap.name}"
        self.series.show(picture.series, picture.absent, picture.series_range)
        label = None if self._labels is None else self._labels[picture.selection.sample]
        self.prediction.show(picture.output, picture.output_steps, label)
        if chosen is None:
            self.curve.explain(tap.name, "cannot be drawn")
            self.layer.explain(tap.note)
        elif chosen.timeline is None:
            units = text.plural(len(chosen.values), tap.word)
            value = text.number(float(chosen.values[filter]))
            self.curve.explain(f"{title} = {value}", f"{tap.layer_class} has no time axis: {units} as bars below")
            self.layer.show_units(chosen, tap.word, filter, picture.layer_range)
        else:
            steps = chosen.timeline.centres
            self.curve.show(title, steps, chosen.values[:, filter], picture.curve_range)
            self.layer.show_steps(chosen, steps, tap.word, filter, picture.layer_range)
        self._point(chosen, tap.word)

    def close(self) -> None:
        self.layer.close()

    def places(self, layer: str, sample: int) -> Floats:
        """Input step at the centre of each of a layer's steps; empty for a layer without a time axis."""
        timeline = self._probe.timelines(self._samples.lengths_of(sample))[layer]
        drawn = timeline is not None and self._taps[layer].kind == "sequence"
        return timeline.centres if drawn and timeline else np.empty(0, np.float32)

    def same_place(self, old: str, new: str, sample: int, step: int | None) -> int | None:
        """The step of layer `new` that lies nearest in time to a step of layer `old`."""
        before, after = self.places(old, sample), self.places(new, sample)
        if step is None or step >= len(before) or not np.isfinite(after).any() or np.isnan(before[step]):
            return None
        return int(np.nanargmin(np.abs(after - before[step])))

    def most_active_filter(self, layer: str, sample: int) -> int:
        observation = self._probe.observe(self._samples.batch(sample))
        return most_active(observation[layer]) if self._taps[layer].drawable and layer in observation else 0

    def _point(self, chosen: Activations | None, word: str) -> None:
        """Tell the pointer what it is above."""
        if chosen is None:
            if self._last.differs(None):
                self.cursor.show_nothing()
        elif self._last.differs(chosen.layer, chosen.values, chosen.time):
            if chosen.timeline is None:
                self.cursor.show_units(chosen.values, word)
            else:
                self.cursor.show_steps(
                    chosen.timeline.centres, chosen.timeline.lo, chosen.timeline.hi, chosen.values, word
                )

    def _fit(self, scale: str, chosen: Activations | None, filter: int, version: bytes) -> tuple[Range, Range]:
        """(low, high) for the curve and for the whole layer."""
        if chosen is None:
            return (0.0, 1.0), (0.0, 1.0)
        here = _extremes(chosen.values[..., filter : filter + 1])
        if scale == "sample":
            return here, _extremes(chosen.values)
        low, high = self._ranges(version).get(chosen.layer, (chosen.values.min(0), chosen.values.max(0)))
        whole = float(low.min()), float(high.max())
        own = float(low[filter]), float(high[filter])
        return _union(own if scale == "filter" else whole, here), whole

    def _ranges(self, version: bytes) -> dict[str, tuple[Floats, Floats]]:
        """Value ranges of all taps, found once for each state of the weights."""
        if self._known[0] != version:
            batches = (self._samples.batch(i) for i in self._samples.spread(RANGE_SAMPLES))
            self._known = version, value_ranges(self._probe, batches)
        return self._known[1]

    def _output_steps(self, sample: int) -> Floats | None:
        timeline = self._probe.timelines(self._samples.lengths_of(sample)).get(self._probe.output_names[0])
        return None if timeline is None else timeline.centres


def _extremes(*arrays: Floats) -> Range:
    """Smallest and largest finite value; (inf, -inf) if there is none."""
    finite = [array[np.isfinite(array)] for array in arrays]
    return min((float(a.min()) for a in finite if a.size), default=np.inf), max(
        (float(a.max()) for a in finite if a.size), default=-np.inf
    )


def _union(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])
