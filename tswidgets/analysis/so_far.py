"""The model's answer after each time step, as if the series ended there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import layers, tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import absent_steps
from tswidgets.probe import Observation, Probe, Timeline, as_probe, declared_inputs, tasks
from tswidgets.probe.axes import longest
from tswidgets.probe.dependence import only_through
from tswidgets.probe.recurrent import RecurrentStates, recurrent_states
from tswidgets.probe.registry import of_any_length
from tswidgets.probe.timeline import is_step_by_step

Floats = NDArray[np.float32]
AT_ONCE = 2**26  # bytes of padded series that are run together
LIKE = 1e-4  # how far two ways to the same answers may be apart, as a share of the largest
GIVE_UP = 64  # lengths in turn that a model does not take; a U-net takes every 16th, or 32nd
WAYS = {
    "output": "the model answers at every step, from what it has seen",
    "states": "from the states of {layer}, step by step",
    "padded": "the rest of the series masked as padding",
    "truncated": "the series cut off after each step",
}


@dataclass(frozen=True, eq=False)
class PredictionSoFar:
    """What a model would answer if a series ended after each of its steps.

    values : ndarray of shape (n_timesteps, n_outputs); NaN where a step is padding, where so short a series leaves the
        model nothing to answer from, and where no answer was asked for.
    way : how it was found, a key of `WAYS`; `layer` is the recurrent layer whose states were used, or "".
    """

    values: Floats
    way: str
    layer: str = ""

    @property
    def changes(self) -> NDArray[np.int64]:
        """Steps at which another class is the likeliest than at the step before: (n_changes,)."""
        known = np.flatnonzero(np.isfinite(self.values).all(axis=1))
        best = self.values[known].argmax(axis=1)
        return known[1:][np.diff(best) != 0]

    @property
    def told(self) -> str:
        return WAYS[self.way].format(layer=self.layer)

    def __repr__(self) -> str:
        return f"PredictionSoFar({self.values.shape}, {self.told})"


Answering = Generator[tuple[int, int], None, PredictionSoFar]
"""Yields (done, total) while it works."""


def prediction_so_far(model: Any, x: Any, *, steps: Any = None) -> PredictionSoFar:
    """The model's answer after each time step: equal to what it answers to the series cut off there.

    Where the answer hangs on the last state of a recurrent layer that reads forward, all answers are found from its
    states in one batch. Else the series is run with its rest masked as padding, or cut off after each step, one run for
    every step.

    Parameters
    ----------
    model : keras.Model or Probe
    x : ndarray of shape (n_timesteps, n_channels), or (n_timesteps,) for a model that takes no channels
    steps : int ndarray, optional
        Steps after which an answer is wanted; all by default.

    Raises
    ------
    ValueError
        If the model has several inputs, answers with more than two axes, or takes no shorter series in any way.
    """
    run = answering(model, x, steps=steps)
    while True:
        try:
            next(run)
        except StopIteration as end:
            found: PredictionSoFar = end.value
            return found


def answering(model: Any, x: Any, *, steps: Any = None, most_runs: int | None = None) -> Answering:
    """The same, step by step; where each answer takes a run of its own, `most_runs` of them spread over the steps."""
    probe, batch = _one_series(model, x)
    seen = probe.observe(batch)
    answer = seen.outputs[0]
    if answer.ndim not in (2, 3):
        _validate.no_answer_so_far(answer.shape[1:])
    n_timesteps, absent = longest(seen.lengths), absent_steps(probe, seen)[0]
    wanted = np.arange(n_timesteps) if steps is None else _validate.answered_steps(steps, n_timesteps)
    wanted = wanted[~absent[wanted]]
    yield 0, len(wanted)
    found = _from_output(probe, seen) or _from_states(probe, batch, seen, wanted)
    if found is None:
        if most_runs is not None and len(wanted) > most_runs:
            wanted = wanted[np.unique(np.linspace(0, len(wanted) - 1, most_runs).astype(int))]
        found = yield from _from_shorter(probe, batch, seen, wanted)
    values = np.full_like(found.values, np.nan)
    values[wanted] = found.values[wanted]
    return PredictionSoFar(values, found.way, found.layer)


def _one_series(model: Any, x: Any) -> tuple[Probe, NDArray[Any]]:
    inputs = declared_inputs(model.model if isinstance(model, Probe) else model)
    arrays = isinstance(x, dict) or (isinstance(x, (list, tuple)) and all(np.ndim(one) > 1 for one in x))
    n_inputs = len(inputs) or (len(x) if arrays else 1)
    if n_inputs > 1:
        _validate.one_input_so_far(n_inputs)
    batch = np.asarray(next(iter(x.values())) if isinstance(x, dict) else x)[None]
    probe = as_probe(model, batch)
    rank = len(probe.input_shapes[0])
    if batch.ndim != rank + 1:
        _validate.a_single_series(batch.shape[1:], rank)
    return probe, batch


def _from_output(probe: Probe, seen: Observation) -> PredictionSoFar | None:
    """Of a model that answers at every step, and from no later one."""
    answer, n_timesteps = seen.outputs[0], longest(seen.lengths)
    timeline = probe.timelines(seen.lengths).get(probe.output_names[0])
    if answer.ndim != 3 or timeline is None or not is_step_by_step(timeline, n_timesteps):
        return None
    if (timeline.hi > np.arange(n_timesteps)).any():
        return None
    return PredictionSoFar(np.array(answer[0], np.float32), "output")


def _from_states(
    probe: Probe, batch: NDArray[Any], seen: Observation, wanted: NDArray[np.int64]
) -> PredictionSoFar | None:
    """Of a model that answers from the last state of a layer whose steps see no later ones."""
    if seen.outputs[0].ndim != 2:
        return None
    taps = [tap.name for tap in probe.taps if tap.family == "recurrent" and tap.kind == "units" and tap.name in seen]
    for name in reversed(taps):
        before = probe.calls.timeline_before(name, seen.lengths)
        backwards = getattr(probe.calls.operation(name), "go_backwards", True)  # a Bidirectional layer has none
        if backwards or not _reads_forward(probe, name, before, seen) or not only_through(probe, batch, name):
            continue
        try:
            states = recurrent_states(probe, batch, name)
        except (ValueError, RuntimeError):  # a cell of another kind
            continue
        assert isinstance(states, RecurrentStates) and before is not None
        if states.h.shape[2:] != seen[name].shape[1:]:
            continue
        return _after_states(probe, batch, seen, states, before, wanted)
    return None


def _after_states(
    probe: Probe,
    batch: NDArray[Any],
    seen: Observation,
    states: RecurrentStates,
    before: Timeline,
    wanted: NDArray[np.int64],
) -> PredictionSoFar:
    last = np.searchsorted(before.hi, wanted, side="right") - 1  # the layer's last step that sees no later one
    there = last >= 0
    there[there] = ~states.absent[0, last[there]]
    values = np.full((longest(seen.lengths), seen.outputs[0].shape[-1]), np.nan, np.float32)
    if there.any():
        # All that the answer hangs on is the tap, so that one series serves for as many states as there are.
        answers = probe.run(batch, ("replace", states.layer), tasks.replacing(states.layer), states.h[0, last[there]])
        values[wanted[there]] = tree.flatten(answers)[0]
    return PredictionSoFar(values, "states", states.layer)


def _reads_forward(probe: Probe, name: str, before: Timeline | None, seen: Observation) -> bool:
    """Whether a layer's steps are those that it has for a shorter series, but for the last ones."""
    if before is None or not len(before) or (np.diff(before.hi) <= 0).any():
        return False
    n_timesteps = longest(seen.lengths)
    for n in {n_timesteps - 1, n_timesteps - 2, n_timesteps - 3, n_timesteps // 2} - {0, -1, -2}:
        shorter = probe.calls.timeline_before(name, (n,)) if n > 0 else None
        if shorter is not None and not np.array_equal(shorter.hi, before.hi[before.hi < n]):
            return False
    return True


def _from_shorter(
    probe: Probe, batch: NDArray[Any], seen: Observation, wanted: NDArray[np.int64]
) -> Generator[tuple[int, int], None, PredictionSoFar]:
    free, blank, values = of_any_length(probe), _padding(probe, seen), _empty(seen)
    if blank is not None and _padding_counts_for_nothing(probe, free, batch, wanted, blank):
        size = max(AT_ONCE // max(batch.nbytes, 1), 1)
        for start in range(0, len(wanted), size):
            part = wanted[start : start + size]
            values[part] = _padded(probe, batch, part, blank)
            yield start + len(part), len(wanted)
        return PredictionSoFar(values, "padded")
    if free.eager_because and free is not probe:
        _validate.no_shorter_series(probe.model.name, longest(seen.lengths))
    long_enough = wanted[wanted + 1 >= _shortest(probe, longest(seen.lengths))]
    failed = 0
    for done, step in enumerate(long_enough[::-1]):
        try:
            values[step], failed = _cut_off(free, batch, [step])[0], 0
        except Exception:  # TensorFlow's own, of many kinds, where a Dense layer counts on all the steps
            failed += 1
            if failed == GIVE_UP:
                break
        yield done + 1, len(long_enough)
    if np.isfinite(values).all(axis=1).sum() < min(2, len(wanted)):
        _validate.no_shorter_series(probe.model.name, longest(seen.lengths))
    return PredictionSoFar(values, "truncated")


def _shortest(probe: Probe, n_timesteps: int) -> int:
    """The fewest steps of which every layer is left something: pooling nothing at all ends the whole process."""

    def enough(n: int) -> bool:
        try:
            known = [timeline for timeline in probe.calls.timelines((n,)).values() if timeline is not None]
        except IndexError:
            return False
        return all(len(timeline) for timeline in known)

    return bisect_left(range(1, n_timesteps), True, key=enough) + 1


def _padding_counts_for_nothing(
    probe: Probe, free: Probe, batch: NDArray[Any], wanted: NDArray[np.int64], blank: float
) -> bool:
    """Whether a padded series is answered as one that is cut off: layers that know of no mask see the padding."""
    if free.eager_because and free is not probe:
        return True  # it takes no series but padded ones
    some = wanted[wanted + 1 >= _shortest(probe, batch.shape[1])]
    some = some[np.unique([len(some) // 3, len(some) - 1])] if len(some) else some
    if not len(some):
        return True
    try:
        expected = _cut_off(free, batch, some)
    except Exception:  # TensorFlow's own: a Reshape to a fixed number of steps takes no series but padded ones, either
        return True
    return _alike(_padded(probe, batch, some, blank), expected)


def _padding(probe: Probe, seen: Observation) -> float | None:
    """The value that the model masks as padding; None if it masks nothing."""
    name = probe.padding_tap(seen.lengths)
    layer = None if name is None else probe.calls.operation(name)
    if isinstance(layer, layers.Masking):
        return float(layer.mask_value)
    return 0.0 if isinstance(layer, layers.Embedding) else None


def _padded(probe: Probe, batch: NDArray[Any], steps: NDArray[np.int64], blank: float) -> Floats:
    """Answers to the series with all that follows each of some steps masked: (n_steps, n_outputs)."""
    later = np.arange(batch.shape[1]) > steps[:, None]
    rows = np.where(later.reshape(*later.shape, *[1] * (batch.ndim - 2)), np.asarray(blank, batch.dtype), batch)
    answers = np.asarray(probe.observe(rows, []).outputs[0], np.float32)
    return answers if answers.ndim == 2 else answers[np.arange(len(steps)), steps]


def _cut_off(probe: Probe, batch: NDArray[Any], steps: Any) -> Floats:
    """Answers to the series cut off after each of some steps: (n_steps, n_outputs)."""
    answers = [np.asarray(probe.observe(batch[:, : step + 1], []).outputs[0][0], np.float32) for step in steps]
    return np.stack([answer if answer.ndim == 1 else answer[-1] for answer in answers])


def _alike(one: Floats, other: Floats) -> bool:
    return bool(np.abs(one - other).max(initial=0) <= LIKE * max(np.abs(other).max(initial=0), 1e-6))


def _empty(seen: Observation) -> Floats:
    return np.full((longest(seen.lengths), seen.outputs[0].shape[-1]), np.nan, np.float32)
