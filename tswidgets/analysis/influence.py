"""Which input steps each step of an output uses, and whether any of them is later than the step itself."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.attribution import Explained, in_steps
from tswidgets.analysis.bound import with_sample_axis
from tswidgets.analysis.future import Future, largest_future, verdict
from tswidgets.analysis.output_steps import Seen, classes, seen_by, spread, tap_of, timeline_of, unseen
from tswidgets.probe import as_probe
from tswidgets.probe.batches import bytes_per_row, rows_at_once
from tswidgets.probe.differentiation import output_number, shape_of
from tswidgets.probe.inputs import arranged
from tswidgets.probe.lookahead import LookAhead, looking_ahead, most_ahead
from tswidgets.probe.score import Target

Floats = NDArray[np.float32]
Whole = NDArray[np.int64]
USED = 0.01  # of the largest influence: what `used_ahead` counts as used
CONSTANT = 1e-6  # of a channel's mean: a smaller spread is rounding


@dataclass(frozen=True, eq=False)
class TimeInfluence:
    """How much each step of an output changes with each step of the input.

    of : the model's or the tap's name.
    values : ndarray of shape (n_output_steps, n_timesteps), float32, never negative: the size of the gradient of an
        output step's score by an input step. Exactly 0 where either is padding that the model masks.
    score : ndarray of shape (n_output_steps,), what was differentiated: before a final softmax or sigmoid.
    target : ndarray of shape (n_output_steps,), the class or unit of each output step; (n_output_steps, n_axes) where
        the output has more axes than one beside time.
    output_steps : int ndarray of shape (n_output_steps,), which steps of the output the rows are.
    centres : ndarray of shape (n_output_steps,), the input step at the centre of what each reads; NaN if it reads none.
    now : int ndarray of shape (n_output_steps,), the last input step that is not later than each: `Timeline.now`.
    lo, hi : int ndarrays of shape (n_output_steps,), first and last input step that the model's graph lets each see.
    absent : bool ndarray of shape (n_timesteps,), True where an input step is padding; `absent_outputs`, of shape
        (n_output_steps,), True where all that an output step reads is.
    graph_ahead : by how many input steps the graph lets a step of the whole output look ahead, at most; None where what
        the layers see is not known.
    layers_ahead : the layers to blame for it, in the order of the run, each with how far ahead it sees.
    by : names of the inputs whose steps the columns are; `across` says that these run along another time axis than the
        output, so that none of them is later.
    options : the keyword arguments that it was made with.

    Of a batch, `values`, `score`, `target`, `absent` and `absent_outputs` have a leading sample axis.
    """

    of: str
    values: Floats
    score: Floats
    target: Whole
    output_steps: Whole
    centres: Floats
    now: Whole
    lo: Whole
    hi: Whole
    absent: NDArray[np.bool_]
    absent_outputs: NDArray[np.bool_]
    graph_ahead: int | None
    layers_ahead: tuple[LookAhead, ...] = ()
    by: tuple[str, ...] = ()
    across: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"TimeInfluence({self.of!r}, {self.values.shape}, {self.verdict!r})"

    @property
    def later(self) -> NDArray[np.bool_]:
        """Bool ndarray of shape (n_output_steps, n_timesteps): which input steps are the future of an output step."""
        return np.asarray(np.arange(self.values.shape[-1]) > self.now[:, None])

    @property
    def future(self) -> Future:
        """The largest influence of an input step that is later than the output step; of a batch that of all samples."""
        return largest_future(self.values, self.later, self.output_steps, self.now)

    @property
    def used_ahead(self) -> int:
        """How many steps ahead the farthest future step is that has at least 1 % of the largest influence."""
        strong = (self.values > 0) & (self.values >= USED * float(self.values.max(initial=0)))
        *_, rows, steps = np.nonzero(strong & self.later)
        return int((steps - self.now[rows]).max(initial=0))

    @property
    def verdict(self) -> str:
        """Whether an output step uses the future, which one most, and which layers let it, in words."""
        if self.across:
            return f"{', '.join(self.by)} runs along another time axis than the output: none of its steps is later."
        return verdict(self.future, float(self.values.max(initial=0)), self.graph_ahead, self.layers_ahead)


Finding = Generator[tuple[int, int], None, TimeInfluence]


@in_steps
def time_influence(
    model: Any,
    x: Any,
    target: Target = None,
    *,
    n_output_steps: int | None = 200,
    scale: str = "std",
    now: Any = None,
    output: int | str = 0,
    output_axis: str | None = None,
    by: str | None = None,
) -> Finding:
    """Output time × input time: the size of the gradient of every output step by every input step.

    Tells which input steps an answer per step rests on, and, of a model that ought not to look ahead, whether it does.

    Parameters
    ----------
    model : keras.Model or Probe
    x : ndarray of shape (n_timesteps, n_channels), or (n_samples, n_timesteps, n_channels) for a batch
        In the model's own structure where it has several inputs; those along one time axis count together.
    target : int, tuple or ndarray of int, optional
        The class or unit of all output steps, a tuple for an output with several axes beside time; an array of shape
        (n_steps,), or (n_samples, n_steps) for a batch, has one for each step of the whole output, such as its labels.
        By default the only number of a step, or the largest of each.
    n_output_steps : int, optional
        Of an output with more steps only so many are looked at, evenly spread; None looks at all.
    scale : "std" or "none"
        What a channel is measured in: its standard deviation over the steps of the series that are no padding, so that
        its unit does not matter; or its own unit. A channel that is constant in the series is in its own unit.
    now : int ndarray of shape (n_steps,), optional
        For every step of the whole output the last input step that it may use, where that is known better than from
        the layers, or not from them at all: of windows whose label is that of their last step, of forecasts.
    output : int or str
        Number of the output, or the name of a tap.
    output_axis : "time", optional
        The output's first axis, or only one, is the time axis of the input, as of a Dense layer with a unit for each
        step. Needed where the layers do not tell.
    by : str, optional
        Name of an input whose steps are meant, of a model whose inputs run along several time axes, such as an encoder
        and a decoder. By default those along the output's own. What runs along another has no future there.

    Returns
    -------
    TimeInfluence
        `values` are √Σ(∂score/∂channel · scale)² over the channels: the change of the logit for a step that moves by
        its scale in the direction that matters most.

    Raises
    ------
    TypeError, ValueError, IndexError
        If the model does not take x or answers something that is not finite, if the output's steps have no place in
        time, if there is no such target, or if it cannot be differentiated by the input.

    A gradient tells of this series alone: where a rectifier is shut, a step that could matter has no influence. That no
    step uses the future holds for every series only where the graph lets none, `graph_ahead` 0.

    Source: Luo, Li, Urtasun, Zemel, "Understanding the effective receptive field in deep convolutional neural
    networks", 2016; for recurrent layers Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural
    networks", 2013. Departures: one number of each output step, its logit, instead of a norm over all; of one series
    and not of an average; channels in units of their spread.
    """
    _validate.one_of(scale, ("std", "none"), "scale")
    _validate.output_axis(output_axis)
    most = None if n_output_steps is None else _validate.at_least(n_output_steps, 1, "n_output_steps")
    x, single = with_sample_axis(model, x)
    probe = as_probe(model, x)
    of = probe.tap_name(output) if isinstance(output, str) else output_number(probe, output)
    x = arranged(probe.model, x)
    shape = shape_of(probe, x, of)
    seen, around = seen_by(probe, of, x, by)
    lengths, n_timesteps = seen.lengths, seen.n_timesteps
    named = None if now is None else _validate.last_known(now, shape, n_timesteps)
    across = seen.across and named is None
    if across:
        named = np.full(shape[:1], n_timesteps - 1)
    timeline, known = timeline_of(probe, of, lengths, shape, output_axis, named)
    own = timeline.now(n_timesteps) if named is None else named
    asked = Explained(probe, x, np.zeros((len(probe.checked(x)[0]), len(shape)), np.int64), output)
    targets = classes(target, asked.score.answers, single)

    chosen = spread(shape[0], most)
    absent, read = _absent(asked, seen), timeline
    if seen.across:
        read, _ = timeline_of(probe, of, around.lengths, shape, None, None)
    blank = np.stack([unseen(read, one)[chosen] for one in _absent(asked, around)])
    values = np.zeros((asked.n_samples, len(chosen), n_timesteps), np.float32)
    score = np.zeros((asked.n_samples, len(chosen)), np.float32)
    scales = _scales(asked, seen.numbers, scale)
    size, done = rows_at_once(bytes_per_row(probe.taps, asked.flat)), 0
    for i in range(asked.n_samples):
        for start in range(0, len(chosen), size):
            part = slice(start, start + size)
            rows = np.column_stack([chosen[part], targets[i, chosen[part]]])
            repeated = [np.repeat(array[i : i + 1], len(rows), axis=0) for array in asked.flat]
            slopes = asked.score.gradient(repeated, np.full(len(rows), i), targets=rows)
            score[i, part] = slopes.score
            values[i, part] = _norms(asked, slopes.by, scales, i)
            done += len(rows)
            yield done, asked.n_samples * len(chosen)
    values[blank] = 0
    if not np.isfinite(score[~blank]).all():
        _validate.not_finite(asked.flat, np.where(blank, 0, score).sum(axis=1))
    if not np.isfinite(values).all():
        _validate.not_finite_values("time_influence")

    ahead = most_ahead(timeline, own) if known else None
    blamed = looking_ahead(probe, lengths, asked.score.leading, tap_of(probe, of), ahead) if ahead else ()
    told = targets[:, chosen, 0] if targets.shape[-1] == 1 else targets[:, chosen]
    if not targets.shape[-1]:
        told = np.zeros(score.shape, np.int64)
    first: Any = 0 if single else slice(None)
    options = {"n_output_steps": n_output_steps, "scale": scale, "now": now, "output": output, "by": by}
    return TimeInfluence(
        of=of if isinstance(of, str) else probe.model.name,
        values=values[first],
        score=score[first],
        target=told[first],
        output_steps=chosen,
        centres=timeline.centres[chosen],
        now=own[chosen],
        lo=timeline.lo[chosen],
        hi=timeline.hi[chosen],
        absent=absent[first],
        absent_outputs=blank[first],
        graph_ahead=ahead,
        layers_ahead=blamed,
        by=seen.names,
        across=across,
        options={**options, "output_axis": output_axis},
    )


def _absent(asked: Explained, seen: Seen) -> NDArray[np.bool_]:
    """Which steps along a time axis are padding: (n_samples, n_timesteps)."""
    known = (asked.score.absent_of[number] for number in seen.numbers)
    return next((one for one in known if one is not None), np.zeros((asked.n_samples, seen.n_timesteps), bool))


def _scales(asked: Explained, numbers: list[int], scale: str) -> dict[int, NDArray[np.float64]]:
    """What a change of each channel is measured in, for every sample of these inputs; 0 for padding."""
    found = {}
    for number in numbers:
        array, there = asked.flat[number], asked.present[number]
        if array.dtype.kind != "f":
            _validate.whole_number_input(array.dtype)
        there = np.broadcast_to(there if array.ndim > 2 else there.reshape(there.shape[:2]), array.shape)
        size = np.ones((len(array), 1, *array.shape[2:]))
        if scale == "std":
            count = np.maximum(there.sum(axis=1, keepdims=True), 1)
            mean = np.where(there, array, 0).sum(axis=1, keepdims=True, dtype=np.float64) / count
            off = np.where(there, array - mean, 0)
            std = np.sqrt((off**2).sum(axis=1, keepdims=True) / count)
            size = np.where(std > CONSTANT * np.abs(mean), std, 1)
        found[number] = size * there
    return found


def _norms(asked: Explained, slopes: list[Floats], scales: dict[int, NDArray[np.float64]], sample: int) -> Floats:
    """Gradients of some rows, each (n_rows, n_timesteps, …), as sizes of shape (n_rows, n_timesteps)."""
    squares = 0.0
    for number, scale in scales.items():
        scaled = slopes[number].astype(np.float64) * scale[sample]
        squares = squares + (scaled**2).reshape(*scaled.shape[:2], -1).sum(axis=-1)
    return np.sqrt(squares).astype(np.float32)
