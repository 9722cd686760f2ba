"""What a layer answers to a series, and which input steps each answer belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.bound import with_sample_axis
from tswidgets.extremes import of_each
from tswidgets.probe import Observation, Probe, Tap, Timeline, as_probe
from tswidgets.probe.axes import longest
from tswidgets.probe.time_axes import lengths_for
from tswidgets.probe.timeline import is_step_by_step

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Activations:
    """A layer's output for one series, or with a leading sample axis for a batch.

    layer : the tap's name, `encoder/conv1`.
    values : ndarray of shape (n_steps, n_filters), (n_steps, n_rows, n_filters) for a layer with more axes than those
        two, or (n_units,) for a layer without a time axis. Padded steps are NaN.
    timeline : which input steps each step sees; None without a time axis.
    absent : bool ndarray of shape (n_steps,), True where the step is padding that the model masks; empty without a
        time axis.
    """

    layer: str
    values: Floats
    timeline: Timeline | None
    absent: NDArray[np.bool_]

    @property
    def time(self) -> Floats | None:
        """ndarray of shape (n_steps,): the input step at the centre of what each step sees."""
        return None if self.timeline is None else self.timeline.centres

    @property
    def lo(self) -> NDArray[np.int64] | None:
        """int ndarray of shape (n_steps,): the first input step that each step sees."""
        return None if self.timeline is None else self.timeline.lo

    @property
    def hi(self) -> NDArray[np.int64] | None:
        """int ndarray of shape (n_steps,): the last input step that each step sees."""
        return None if self.timeline is None else self.timeline.hi


def activations(model: Any, x: Any, layer: str) -> Activations:
    """What `layer` answers to a series, as the model computes it in inference.

    Parameters
    ----------
    model : keras.Model or Probe
    x : ndarray of shape (n_timesteps, n_channels), or (n_samples, n_timesteps, n_channels) for a batch
        In the model's own structure where it has several inputs; with further axes, such as
        (n_timesteps, n_rows, n_channels), where the model takes them.
    layer : str
        Name of a tap, as `Probe(model).taps` lists them.

    Raises
    ------
    ValueError
        If the model has no such layer, or if its output cannot be laid out as steps × filters or as units.
    """
    batch, single = with_sample_axis(model, x)
    probe = as_probe(model, batch)
    tap, observation = tap_named(probe, layer), probe.observe(batch)
    observation = observation.on(lengths_for(probe, tap.name, [array.shape[1:] for array in tree.flatten(batch)]))
    if tap.name not in observation:
        _validate.not_reached(tap.name)
    if not (tap := placed(probe, observation, tap)).drawable:
        _validate.nothing_to_draw(tap.name, tap.note)
    result = at_layer(probe, observation, tap)
    return first(result) if single else result


def first(batch: Activations) -> Activations:
    """The first series of a batch."""
    return replace(batch, values=batch.values[0], absent=batch.absent[0])


def tap_named(probe: Probe, layer: str) -> Tap:
    taps = {tap.name: tap for tap in probe.taps}
    tap = taps[_validate.layer_name(layer, list(taps))]
    if not tap.drawable:
        _validate.nothing_to_draw(tap.name, tap.note)
    return tap


def placed(probe: Probe, observation: Observation, tap: Tap) -> Tap:
    """The tap as it can be drawn for these very inputs, of which several may have lengths of their own."""
    if tap.name not in observation:
        return tap
    n_rows, n_samples = len(observation[tap.name]), len(observation.outputs[0])
    if n_rows != n_samples:
        why = f"it runs with {n_rows:,} rows for {n_samples:,} {'sample' if n_samples == 1 else 'samples'}"
        return replace(tap, kind="other", note=f"{why}: which row belongs to which step is not known")
    if tap.time_axis is None or probe.timelines(observation.lengths)[tap.name] is not None:
        return tap
    return replace(tap, kind="other", note="the inputs have different lengths, so its steps have no place on one axis")


def at_layer(probe: Probe, observation: Observation, tap: Tap) -> Activations:
    """One tap of an observation, with its place in time."""
    values, n_timesteps = np.asarray(observation[tap.name], np.float32), longest(observation.lengths)
    timeline = None if tap.time_axis is None else probe.timelines(observation.lengths)[tap.name]
    if timeline is None:
        return Activations(tap.name, values, None, np.zeros((len(values), 0), bool))
    if len(timeline) != values.shape[1]:
        raise AssertionError(f"{tap.name} has {values.shape[1]} steps, its timeline {len(timeline)}")
    mask = observation.masks.get(tap.name)
    if mask is not None and mask.shape == values.shape[:2]:
        absent = ~mask
    elif is_step_by_step(timeline, n_timesteps):  # an Embedding knows of a mask that only the next layer is given
        absent = absent_steps(probe, observation)
    else:
        absent = np.zeros(values.shape[:2], bool)
    if absent.any():
        values = np.where(absent.reshape(*absent.shape, *[1] * (values.ndim - 2)), np.float32(np.nan), values)
    return Activations(tap.name, values, timeline, absent)


def absent_steps(probe: Probe, observation: Observation) -> NDArray[np.bool_]:
    """Bool ndarray of shape (n_samples, n_timesteps): input steps that the model masks as padding."""
    timelines, n_timesteps = probe.timelines(observation.lengths), longest(observation.lengths)
    for name, mask in observation.masks.items():
        if mask.shape[1:] == (n_timesteps,) and is_step_by_step(timelines.get(name), n_timesteps):
            return ~mask
    return np.zeros((len(next(iter(observation.values()))), n_timesteps), bool)


def most_active(values: Floats) -> int:
    """The filter or unit whose activation is largest on average, in magnitude; 0 if nothing is finite."""
    size = np.abs(np.where(np.isfinite(values), values, 0)).reshape(-1, values.shape[-1]).mean(axis=0, dtype=np.float64)
    return int(size.argmax())


def value_ranges(probe: Probe, batches: Iterable[NDArray[Any]]) -> dict[str, tuple[Floats, Floats]]:
    """Tap name → smallest and largest finite value per filter over some batches, two ndarrays of shape (n_filters,).

    A filter without a finite value has (inf, -inf).
    """
    ranges: dict[str, tuple[Floats, Floats]] = {}
    drawable = [tap.name for tap in probe.taps if tap.drawable]
    for batch in batches:
        observation = probe.observe(batch, drawable)
        for name in observation:
            low, high = of_each(observation[name]).T
            if name in ranges:
                low, high = np.minimum(low, ranges[name][0]), np.maximum(high, ranges[name][1])
            ranges[name] = (low, high)
    return ranges
