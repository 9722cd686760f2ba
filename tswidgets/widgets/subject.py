"""What an explorer looks at: a model, series and labels that were checked against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import most_active
from tswidgets.analysis.bound import axis_of, axis_of_output, bound
from tswidgets.analysis.step_labels import StepLabels
from tswidgets.analysis.training_record import TrainingRecord
from tswidgets.probe import Observation, Probe, Tap
from tswidgets.samples import Labels, Samples
from tswidgets.widgets.attention import Attention
from tswidgets.widgets.wave import Wave, wave_of

Floats = NDArray[np.float32]
Range = tuple[float, float]


@dataclass
class Recorded:
    """What has been recorded of a training of the model; None before there is any."""

    record: TrainingRecord | None = None


@dataclass(frozen=True, eq=False)
class Before:
    """A second model that the first is compared with, as it takes the same series; a probe holds its model weakly."""

    model: Any
    probe: Probe
    samples: Samples

    def observe(self, sample: int, axis: int) -> Observation:
        """All taps for a sample, looked at from a time axis."""
        return self.probe.observe(self.samples.batch(sample)).on(self.samples.on(axis).lengths_of(sample))


@dataclass(frozen=True, eq=False)
class Subject:
    """Bound once, when an explorer opens; every panel shows a part of it, on one time axis.

    Most models have one. An encoder and its decoder have two, with series of their own: `on` gives the same subject on
    another axis, and `of` on the one where a layer lies.

    model : the keras.Model, which a probe holds but weakly.
    samples : seen from this axis; `channel_names` are those of all axes.
    labels, class_names, sampling_rate, wave : None where they were not given.
    attention : what its attention layers look at.
    flat_steps : whether the model's flat output is the time axis.
    training : holds what is recorded while the model is trained.
    before : the model that it is compared with, or None.
    """

    model: Any
    probe: Probe
    samples: Samples
    labels: Labels | None
    all_channel_names: list[list[str]]
    class_names: list[str] | None
    sampling_rate: float | None
    wave: Wave | None
    attention: Attention
    flat_steps: bool = False
    axis: int = 0
    training: Recorded = field(default_factory=Recorded)
    before: Before | None = None

    def on(self, axis: int) -> Subject:
        if axis == self.axis:
            return self
        return replace(self, samples=self.samples.on(axis), axis=axis)

    def of(self, layer: str) -> Subject:
        return self.on(self.axis_of(layer))

    @property
    def others(self) -> list[Subject]:
        """The same on every other time axis."""
        return [self.on(axis) for axis in range(self.samples.n_axes) if axis != self.axis]

    @property
    def channel_names(self) -> list[str]:
        return self.all_channel_names[self.axis]

    def axis_of(self, layer: str) -> int:
        """The time axis on which a layer's steps have a place; of one without steps the first that it sees."""
        return axis_of(self.probe, self.samples, layer)

    @cached_property
    def output_axis(self) -> int:
        """The time axis that the model's output is on."""
        return axis_of_output(self.probe, self.samples, self.output_shape)

    def observe(self, sample: int) -> Observation:
        """All taps for a sample, looked at from this time axis."""
        return self.probe.observe(self.samples.batch(sample)).on(self.samples.lengths_of(sample))

    @cached_property
    def taps(self) -> dict[str, Tap]:
        return {tap.name: tap for tap in self.probe.taps}

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the model's first output for the first sample, as `answers` has it, without the sample axis."""
        return self.answers(self.probe.observe(self.samples.batch(0)).outputs[0]).shape[1:]

    def answers(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """The model's first output for a batch: (n_samples, n_timesteps, 1) where it is flat and the time axis."""
        return outputs[..., None] if self.flat_steps else outputs

    def output_steps(self, sample: int) -> Floats | None:
        """Input step at the centre of what each step of the output sees; None where that is not known."""
        if self.flat_steps:
            return np.arange(self.samples.lengths[sample], dtype=np.float32)
        timeline = self.probe.timelines(self.samples.lengths_of(sample)).get(self.probe.output_names[0])
        return None if timeline is None or not timeline.has_place else timeline.centres

    @property
    def flat_hint(self) -> str:
        """What to say of a flat output that may be the time axis."""
        shape = self.output_shape
        may_be = len(shape) == 1 and shape[0] > 1 and set(self.samples.lengths) == {shape[0]}
        return "as many outputs as time steps: if they are these, open it with output_axis='time'" if may_be else ""

    @cached_property
    def step_labels(self) -> StepLabels | None:
        """Labels per step that can be right or wrong; None without such labels, or without such an output."""
        if len(self.output_shape) != 2 or self.labels is None or self.labels.kind != "steps":
            return None
        try:
            first = self.answers(self.probe.observe(self.samples.batch(0)).outputs[0])[0]
            return StepLabels(self.labels.given, len(self.samples), first)
        except (ValueError, TypeError):  # numbers to be met, and not classes
            return None

    @cached_property
    def thresholds(self) -> Range:
        """From where to where a threshold of the output can be set, by the first sample: 0 to 1 for probabilities."""
        first = self.probe.observe(self.samples.batch(0)).outputs[0]
        finite = first[np.isfinite(first)]
        if not finite.size or (finite.min() >= 0 and finite.max() <= 1):
            return 0.0, 1.0
        most = 2 * float(np.ceil(np.abs(finite).max()))
        return -most, most

    @cached_property
    def n_output_steps(self) -> int | None:
        """Number of steps of an answer per step, for the longest series; None for one answer a series."""
        if len(self.output_shape) < 2:
            return None
        longest = self.samples.batch(int(np.argmax(self.samples.on(self.output_axis).lengths)))
        return int(self.probe.observe(longest).outputs[0].shape[1])

    @cached_property
    def first_layer(self) -> str:
        """The last convolutional or recurrent layer that can be drawn, one of several filters if there is such a layer,
        else the last that can be drawn, else the first."""
        taps = list(self.taps.values())
        drawable = [tap for tap in taps if tap.drawable]
        learning = [tap for tap in drawable if tap.family]
        several = [tap for tap in learning if tap.n_filters > 1]
        return ([*taps[:1], *drawable[-1:], *learning[-1:], *several[-1:]])[-1].name

    def most_active_filter(self, layer: str, sample: int) -> int:
        observation = self.probe.observe(self.samples.batch(sample))
        return most_active(observation[layer]) if self.taps[layer].drawable and layer in observation else 0

    def places(self, layer: str, sample: int) -> Floats:
        """Input step at the centre of each of a layer's steps; empty for a layer without a time axis."""
        timeline = self.probe.timelines(self.of(layer).samples.lengths_of(sample))[layer]
        drawn = timeline is not None and self.taps[layer].time_axis is not None
        return timeline.centres if drawn and timeline else np.empty(0, np.float32)

    def n_steps(self, layer: str, sample: int) -> int:
        """How many steps of a layer can be chosen: of a recurrent one without a time axis those that it reads."""
        if n_steps := len(self._walked(layer, sample)):
            return n_steps
        observation = self.observe(sample)
        shape = observation[layer].shape if layer in observation else ()
        return int(shape[1]) if len(shape) > 2 else 0

    def _walked(self, layer: str, sample: int) -> Floats:
        """The places of a layer's steps; of a recurrent one without a time axis those of the steps that it reads."""
        places = self.places(layer, sample)
        if len(places) or self.taps[layer].family != "recurrent":
            return places
        lengths = self.of(layer).samples.lengths_of(sample)
        before = self.probe.calls_for(lengths).timeline_before(layer, lengths)
        return places if before is None else before.centres

    def same_place(self, old: str, new: str, sample: int, step: int | None) -> int | None:
        """The step of layer `new` that lies nearest in time to a step of layer `old`."""
        before, after = self._walked(old, sample), self._walked(new, sample)
        if step is None or step >= len(before) or not np.isfinite(after).any() or np.isnan(before[step]):
            return None
        return int(np.nanargmin(np.abs(after - before[step])))

    def label(self, sample: int) -> Any:
        return None if self.labels is None else self.labels[sample]


def bind(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    channel_names: Sequence[Any] | None = None,
    class_names: Sequence[Any] | None = None,
    sampling_rate: float | None = None,
    wave: Any = None,
    stride: int = 1,
    horizon: int = 0,
    output_axis: str | None = None,
) -> Subject:
    """Check everything before any widget is made; raises what the explorer raises."""
    first, model = _validate.one_or_two_models(model)
    probe, samples = bound(model, X)
    before = None if first is None else _before(first, X, probe)
    output = probe.observe(samples.batch(0)).outputs[0]
    flat_steps = _validate.output_axis(output_axis) and _validate.flat_steps(output.shape[1:], samples.lengths)
    output = output[..., None] if flat_steps else output
    classes = _validate.names(class_names, output.shape[-1] if output.ndim > 1 else 1, "class_names", "output")
    answered = samples.on(axis_of_output(probe, samples, output.shape[1:]))
    return Subject(
        model=probe.model,
        probe=probe,
        samples=samples,
        labels=None if y is None else Labels(y, answered, output.shape[1:], classes),
        all_channel_names=_channel_names(channel_names, samples),
        class_names=classes,
        sampling_rate=_validate.sampling_rate(sampling_rate),
        wave=None if wave is None else wave_of(samples, wave, stride, horizon),
        attention=Attention(probe, samples),
        flat_steps=flat_steps,
        before=before,
    )


def _before(model: Any, X: Any, after: Probe) -> Before:
    try:
        probe, samples = bound(model, X)
    except (ValueError, TypeError) as error:
        name = getattr(model, "name", type(model).__name__)
        _validate.other_input(name, after.model.name, after.input_shapes, error)
    return Before(probe.model, probe, samples)


def _channel_names(names: Sequence[Any] | None, samples: Samples) -> list[list[str]]:
    """The names of the channels on every time axis; those that were given are of the first, or of all in turn."""
    axes = [samples.on(axis) for axis in range(samples.n_axes)]
    own = [axis.channel_names for axis in axes]
    counts = [axis.n_channels for axis in axes]
    if names is None or isinstance(names, str) or len(list(names)) != sum(counts):
        first = _validate.names(names, counts[0], "channel_names", "channel of X")
        return [first or own[0], *own[1:]]
    given = _validate.names(names, sum(counts), "channel_names", "channel of X") or []
    ends = np.cumsum([0, *counts])
    return [given[ends[i] : ends[i + 1]] for i in range(len(axes))]
