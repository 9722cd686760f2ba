"""What an explorer looks at: a model, series and labels that were checked against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import most_active
from tswidgets.analysis.bound import bound
from tswidgets.probe import Probe, Tap
from tswidgets.samples import Labels, Samples
from tswidgets.widgets.wave import Wave, wave_of

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Subject:
    """Bound once, when an explorer opens; every panel shows a part of it.

    model : the keras.Model, which a probe holds but weakly.
    labels, class_names, sampling_rate, wave : None where they were not given.
    """

    model: Any
    probe: Probe
    samples: Samples
    labels: Labels | None
    channel_names: list[str]
    class_names: list[str] | None
    sampling_rate: float | None
    wave: Wave | None

    @cached_property
    def taps(self) -> dict[str, Tap]:
        return {tap.name: tap for tap in self.probe.taps}

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the model's first output for the first sample, without the sample axis."""
        shape: tuple[int, ...] = self.probe.observe(self.samples.batch(0)).outputs[0].shape[1:]
        return shape

    @cached_property
    def n_output_steps(self) -> int | None:
        """Number of steps of an answer per step, for the longest series; None for one answer a series."""
        if len(self.output_shape) < 2:
            return None
        longest = self.samples.batch(int(np.argmax(self.samples.lengths)))
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
        timeline = self.probe.timelines(self.samples.lengths_of(sample))[layer]
        drawn = timeline is not None and self.taps[layer].kind == "sequence"
        return timeline.centres if drawn and timeline else np.empty(0, np.float32)

    def same_place(self, old: str, new: str, sample: int, step: int | None) -> int | None:
        """The step of layer `new` that lies nearest in time to a step of layer `old`."""
        before, after = self.places(old, sample), self.places(new, sample)
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
) -> Subject:
    """Check everything before any widget is made; raises what the explorer raises."""
    probe, samples = bound(model, X)
    output = probe.observe(samples.batch(0)).outputs[0]
    channels = _validate.names(channel_names, samples.n_channels, "channel_names", "channel of X")
    classes = _validate.names(class_names, output.shape[-1] if output.ndim > 1 else 1, "class_names", "output")
    return Subject(
        model=probe.model,
        probe=probe,
        samples=samples,
        labels=None if y is None else Labels(y, samples, output.shape[1:], classes),
        channel_names=channels or samples.channel_names,
        class_names=classes,
        sampling_rate=_validate.sampling_rate(sampling_rate),
        wave=None if wave is None else wave_of(samples, wave, stride, horizon),
    )
