"""What happens to the time axis on the way through a model, and whether what comes out fits the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis import keepsteps, labelfit, timeaxis_view
from tswidgets.analysis.fitting import Wanted, advice
from tswidgets.analysis.keepsteps import Graph
from tswidgets.analysis.labelfit import Labels
from tswidgets.probe import scoring
from tswidgets.probe.looking import Look, looked_at
from tswidgets.probe.stages import Stage
from tswidgets.probe.timeline import Timeline


@dataclass(frozen=True, eq=False)
class LayerTime:
    """What one layer does to the time axis.

    layer, layer_class : the tap's name and what Keras calls the layer; an input's name and "Input".
    shape : of the output without the axis of samples.
    n_steps : how many time steps come out; None without a time axis.
    size : how many steps of the input the widest of them sees; None where that is not known.
    stride : how many steps of the input lie between two neighbours; None for one step, or where it is not known.
    change : `kept`, `shortened`, `strided`, `pooled`, `lengthened`, `moved` to another axis of the shape, `lost`,
        `summarised` (lost, while the series goes another way to the output), `given back` (steps that have all seen the
        whole series), or `none` where there was no time axis before.
    leads : whether the output depends on it.
    lo, hi : int ndarrays of shape (n_steps,): first and last input step that each sees; empty where it is not known.
    centres : float ndarray of shape (n_steps,): the input step that each belongs to; NaN where it belongs to none.
    """

    layer: str
    layer_class: str
    shape: tuple[int | None, ...]
    n_steps: int | None
    size: int | None
    stride: float | None
    change: str
    leads: bool
    lo: NDArray[np.int64]
    hi: NDArray[np.int64]
    centres: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TimeAxisReport:
    """What happens to the time axis; printed, a table; in a notebook with a picture.

    model : its name.
    n_timesteps : length of the input, or of the one of several that the output's steps belong to.
    layers : a `LayerTime` for the input and for every layer, in the order of the run.
    lost_at : the layer that lost the time axis on the way to the output, the first of several; None if it was kept.
    given_back_at : the layer that made steps again from what was left, as RepeatVector does; None if there is none.
    output_shape, y_shape : without the axis of samples; `y_shape` is None if no y was given.
    findings : sentences on the time axis.
    problems : sentences on y, the loss and the metrics: what Keras refuses, and what it does wrong without a word.
    fixes : layer → what would keep the axis, or make the output fit y, in Keras' words.
    fits : whether the output fits y; None if no y was given.
    """

    model: str
    n_timesteps: int
    layers: tuple[LayerTime, ...]
    lost_at: str | None
    given_back_at: str | None
    output_shape: tuple[int, ...]
    y_shape: tuple[int, ...] | None
    findings: tuple[str, ...]
    problems: tuple[str, ...]
    fixes: dict[str, str]
    fits: bool | None

    @property
    def steps(self) -> str:
        """Numbers of steps on the way to the output: `400 → 393 → 98 → none`."""
        on_way = [layer for layer in self.layers if layer.leads and layer.change not in ("none", "summarised")]
        counts = [layer.shape[0] if layer.change == "given back" else layer.n_steps for layer in on_way]
        changed = [n for i, n in enumerate(counts) if i == 0 or n != counts[i - 1]]
        return " → ".join("none" if n is None else f"{n:,}" for n in changed)

    def __repr__(self) -> str:
        return timeaxis_view.as_text(self)

    def _repr_html_(self) -> str:
        return timeaxis_view.as_html(self)


def time_axis(
    model: Any,
    input_shape: Any = None,
    y_shape: Any = None,
    *,
    x: Any = None,
    y: Any = None,
    loss: Any = None,
    metrics: Any = None,
    output: int = 0,
) -> TimeAxisReport:
    """What each layer does to the time axis, which layer loses it, and what would make the output fit y.

    It reads the model's graph: nothing is trained, and the model, its weights and the data stay as they are.

    Parameters
    ----------
    model : keras.Model or Probe
    input_shape : tuple (n_timesteps, n_channels), optional
        As in keras.Input, or one for each input in a list or dict. Needed where the model takes any length, and for a
        Sequential model that has not been built: a copy of it is looked at.
    y_shape : tuple (n_samples, …), optional
        Shape of the labels: (n_samples, n_timesteps) or (n_samples, n_timesteps, 1) for one a step, (n_samples,
        n_timesteps, n_classes) one-hot, (n_samples,) or (n_samples, n_classes) for one a sample. n_samples may be None.
    x : ndarray of shape (n_samples, n_timesteps, n_channels), or the model's own structure of several, optional
        In place of `input_shape`. A model of your own class that has never been called needs it, and is built by it.
    y : ndarray, optional
        In place of `y_shape`.
    loss, metrics : optional
        As in `model.compile`; by default those that the model was compiled with.
    output : int
        Number of the output that y is for.

    Returns
    -------
    TimeAxisReport

    Raises
    ------
    TypeError, ValueError
        If the model's length is free and no length is given, or if shapes do not fit the model or each other.

    Source of the spans: `receptive_field`. What losses and metrics do with the shapes is found by running Keras' own on
    a few random numbers of these shapes.
    """
    _validate.only_one(x, input_shape, "x and input_shape")
    look = looked_at(model, x, input_shape)
    probe = look.probe
    number = _validate.output_number(output, len(probe.output_shapes))
    label_sizes = _validate.label_sizes(y, y_shape, look.n_samples)
    compiled = scoring.compiled(probe.model, number, loss, metrics)
    graph, end, n_timesteps = _followed(look, number, label_sizes)
    output_sizes = _output_sizes(probe.output_shapes[number], graph[end])
    lost, back = keepsteps.losing(graph, end), keepsteps.giving_back(graph, end)
    findings = _findings(graph, end, lost, back, n_timesteps)
    problems: list[str] = []
    fits, todo = None, {}
    if label_sizes is None:
        todo = {} if back else keepsteps.fixes(graph, end, n_timesteps)
    else:
        per_step = label_sizes[:1] == (n_timesteps,) and not _counts_classes(
            graph, end, label_sizes, output_sizes, compiled
        )
        labels = Labels(label_sizes, per_step)
        fits = labelfit.fits(labels, output_sizes, compiled)
        if not fits:
            said, todo = advice(Wanted(graph, end, output_sizes, n_timesteps, labels, compiled, back))
            problems.append(said)
        problems += labelfit.problems(labels, output_sizes, compiled)
        if fits and per_step:
            problems += _out_of_place(graph[end])
            findings += _by_order_alone(graph[end], output_sizes) if back is None else []
        if fits and compiled.loss is None and not labels.align(output_sizes):
            findings.append("It fits y as class numbers, for loss='sparse_categorical_crossentropy'.")
    leading = {stage.name for stage in keepsteps.ancestors(graph, end)}
    return TimeAxisReport(
        model=probe.model.name,
        n_timesteps=n_timesteps,
        layers=tuple(_layer(graph, stage, stage.name in leading, lost, back) for stage in graph.values()),
        lost_at=lost[0].name if lost else None,
        given_back_at=back.name if back else None,
        output_shape=output_sizes,
        y_shape=label_sizes,
        findings=tuple(findings),
        problems=tuple(problems),
        fixes=todo,
        fits=fits,
    )


def _followed(look: Look, number: int, labels: tuple[int, ...] | None) -> tuple[Graph, str, int]:
    """The stages along the time axis of the input that the output's steps belong to, the output's, and the length."""
    found = []
    for n_timesteps, graph in look.graphs():
        name = look.probe.output_names[number]
        end = name if name in graph else name.split(":")[0] if name.split(":")[0] in graph else _last(graph)
        of_labels = labels is not None and labels[:1] == (n_timesteps,)
        found.append(((of_labels, graph[end].axis is not None), (graph, end, n_timesteps)))
    return max(found, key=lambda one: one[0])[1]


def _last(graph: Graph) -> str:
    """What no other layer reads, for an output that code outside of layers makes."""
    read = {source for stage in graph.values() for source in stage.sources}
    return [name for name in graph if name not in read][-1]


def _output_sizes(declared: Sequence[int | None], end: Stage) -> tuple[int, ...]:
    sizes = end.shape if len(end.shape) == len(declared) else declared
    return tuple(n if n is not None else (end.n_steps or 1) for n in sizes)


def _counts_classes(graph: Graph, end: str, labels: Any, output: Any, compiled: Any) -> bool:
    """Whether as many labels as there are time steps are one-hot classes after all."""
    if len(labels) > 1 or output != labels or graph[end].axis is not None:
        return False
    operation = graph[end].operation
    activation = getattr(getattr(operation, "activation", None), "__name__", "")
    return activation == "softmax" or graph[end].layer_class == "Softmax"


def _layer(graph: Graph, stage: Stage, leads: bool, lost: list[Stage], back: Stage | None) -> LayerTime:
    timeline, nothing = stage.timeline, np.zeros(0, np.int64)
    known = timeline is not None and stage.axis is not None
    lo, hi = (timeline.lo, timeline.hi) if timeline is not None and known else (nothing, nothing)
    centres = timeline.centres if timeline is not None and known else np.zeros(0, np.float32)
    seen = lo <= hi
    size = int((hi - lo + 1)[seen].max(initial=0)) if known else None
    change = "given back" if stage is back else _change(graph, stage)
    if change == "lost" and stage not in lost:
        change = "summarised"
    described = stage.name, stage.layer_class, stage.shape, stage.n_steps
    return LayerTime(*described, size, _stride(stage.timeline), change, leads, lo, hi, centres)


def _stride(timeline: Timeline | None) -> float | None:
    """Input steps from one step to the next, of those whose place is not cut off by an end of the series."""
    if timeline is None:
        return None
    whole = (timeline.near_lo > 0) & (timeline.near_hi < timeline.hi.max(initial=0)) & ~np.isnan(timeline.centres)
    centres = timeline.centres[whole].astype(float)
    if len(centres) < 2:
        return None
    apart = min(12, len(centres) - 1)  # steps, over which what is repeated by upsampling evens out
    return float(np.median(np.abs(centres[apart:] - centres[:-apart])) / apart)


def _change(graph: Graph, stage: Stage) -> str:
    before = keepsteps.steps_in(graph, stage)
    if before is None:
        return "none" if stage.axis is None else "kept"
    if stage.n_steps is None:
        return "lost"
    if stage.n_steps > before:
        return "lengthened"
    if stage.n_steps < before:
        strided = max(np.ravel(getattr(stage.operation, "strides", 1))) > 1
        return "pooled" if "Pooling" in stage.layer_class else "strided" if strided else "shortened"
    axes = {graph[source].axis for source in stage.sources if graph[source].axis is not None}
    return "kept" if stage.axis in axes or len(stage.shape) == 1 else "moved"


def _findings(graph: Graph, end: str, lost: list[Stage], back: Stage | None, n_timesteps: int) -> list[str]:
    found = []
    for stage in lost:
        before = keepsteps.steps_in(graph, stage)
        if keepsteps.is_bypassed(graph, stage):
            found.append(f"Code that is no layer, before {stage.name!r} ({stage.layer_class}), loses the time axis.")
            continue
        found.append(
            f"{stage.name!r} ({stage.layer_class}) loses the time axis: {before:,} steps go in, none come out."
        )
    if back is not None:
        n = back.shape[0]
        found.append(
            f"{back.name!r} ({back.layer_class}) makes {n:,} steps out of what is left; each of them has seen the "
            "whole series, and none belongs to one step of the input."
        )
    if not lost and graph[end].n_steps is not None:
        n = graph[end].n_steps
        same = "one for each step of the input" if n == n_timesteps else f"for the {n_timesteps:,} of the input"
        found.append(f"The output has {n:,} steps, {same}.")
    return found


def _by_order_alone(end: Stage, output: tuple[int, ...]) -> list[str]:
    if end.axis is not None:
        return []
    n = output[0]
    return [f"The {n:,} numbers of {end.name!r} stand for the {n:,} steps by their order alone: each sees all of them."]


def _out_of_place(end: Stage) -> list[str]:
    """Steps that are as many as the input's, yet not in their places: a recurrence that goes backwards."""
    if end.timeline is None or end.axis is None:
        return []
    at = np.arange(len(end.timeline))
    inside = (end.timeline.near_lo <= at) & (at <= end.timeline.near_hi)
    if inside.mean() > 0.5:
        return []
    backwards = np.nanmedian(np.diff(end.timeline.centres)) < 0
    how = "run from the last step to the first, as after go_backwards=True" if backwards else "lie elsewhere in time"
    return [f"The output has a step for each label, but its steps {how}: put them, or y, in the same order."]
