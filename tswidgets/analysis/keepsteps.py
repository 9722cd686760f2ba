"""What would keep the time axis: for each layer that loses or changes it, the change of it in Keras' words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import keras

from tswidgets.probe.stages import Stage

Graph = Mapping[str, Stage]
TO_LEAVE_OUT = ("Flatten", "Reshape", "Permute", "ZeroPadding1D", "Cropping1D", "UpSampling1D")


def ancestors(graph: Graph, name: str) -> list[Stage]:
    """The stage and all that leads to it, in the order of the run."""
    found, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(graph[one].sources)
    return [stage for stage in graph.values() if stage.name in found]


def without_axis(graph: Graph, name: str) -> list[Stage]:
    """A stage without a time axis, and those without one that lead from the last time axis to it."""
    found, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one not in found and graph[one].axis is None:
            found.add(one)
            waiting.extend(graph[one].sources)
    return [stage for stage in graph.values() if stage.name in found]


def losing(graph: Graph, name: str) -> list[Stage]:
    """The stages that turned a series into something without a time axis, on the way to a stage without one."""
    return [one for one in without_axis(graph, name) if any(graph[source].axis is not None for source in one.sources)]


def giving_back(graph: Graph, name: str) -> Stage | None:
    """The stage that made steps anew, all of them from the whole series, before a stage with such steps."""
    made = [
        one
        for one in without_axis(graph, name)
        if one.operation is not None
        and len(one.shape) > 1
        and (one.shape[0] or 0) > 1
        and all(len(graph[source].shape) < 2 for source in one.sources if not _is_state(graph, one, source))
    ]
    return made[-1] if made and len(graph[name].shape) > 1 else None


def steps_in(graph: Graph, stage: Stage) -> int | None:
    """Number of time steps that go in; the most where inputs differ."""
    steps = [graph[source].n_steps for source in stage.sources]
    return max((n for n in steps if n is not None), default=None)


def fixes(graph: Graph, name: str, n_timesteps: int) -> dict[str, str]:
    """Layer → what would keep `n_timesteps` steps from the input to the stage `name`."""
    lost = losing(graph, name)
    found = {stage.name: _instead(graph, stage) for stage in [*lost, *_flattening(graph, name, lost)]}
    ends = [source for stage in lost for source in stage.sources if graph[source].axis is not None]
    for end in [name] if graph[name].axis is not None else ends:
        found |= _of_lengths(graph, end, n_timesteps)
    return {one: found[one] for one in graph if one in found}


def together(*changes: str | None) -> str:
    """Changes of one layer, settings first."""
    parts = [change for change in changes if change]
    return ", ".join(sorted(parts, key=lambda change: change.startswith("put ")))


def _flattening(graph: Graph, name: str, lost: Sequence[Stage]) -> list[Stage]:
    """Those after the loss that would be the next to lose the axis: a Flatten after a pooling to one step."""
    after = [stage for stage in without_axis(graph, name) if stage not in lost and stage.operation is not None]
    return [one for one in after if any(len(graph[source].shape) > len(one.shape) for source in one.sources)]


def _of_lengths(graph: Graph, end: str, n_timesteps: int) -> dict[str, str]:
    """The same for layers that shorten or lengthen the series on its way to a stage that has a time axis."""
    n_steps = graph[end].n_steps or 1
    if n_steps == n_timesteps:
        return {}
    leading = ancestors(graph, end)
    if any(_joins_another_axis(graph, one) for one in leading):
        whole = n_timesteps % n_steps == 0
        return {end: f"put UpSampling1D({n_timesteps // n_steps}) after it"} if whole else {}
    right = [stage for stage in leading if stage.n_steps == n_timesteps]
    done = {stage.name for stage in ancestors(graph, right[-1].name)} if right else set()
    on_way = [one for one in leading if one.n_steps is not None and one.name not in done]
    changing = [one for one in on_way if steps_in(graph, one) not in (None, one.n_steps)]
    found = _rounded(graph, end, n_timesteps, changing) or {one.name: _instead(graph, one) for one in changing}
    return found | {one.name: _same_rows(one, n_timesteps) for one in on_way if one not in changing and _is_fixed(one)}


def _joins_another_axis(graph: Graph, stage: Stage) -> bool:
    """Whether it joins the series with another input's, which has steps of its own."""
    others = [graph[source] for source in stage.sources if graph[source].axis is None]
    return stage.axis == 0 and any(len(one.shape) > 1 and one.shape[0] == stage.n_steps for one in others)


def _is_fixed(stage: Stage) -> bool:
    target = getattr(stage.operation, "target_shape", None)
    return target is not None and target[0] == stage.n_steps


def _same_rows(stage: Stage, n_timesteps: int) -> str:
    rest = ", ".join(map(str, stage.shape[1:]))
    return f"target_shape=({n_timesteps}, {rest})"


def _rounded(graph: Graph, end: str, n_timesteps: int, changing: Sequence[Stage]) -> dict[str, str]:
    """For a series that is strided and made as long again: pad what is not padded, and cut off what is then too much.

    Empty where it is not made as long again, so that every change of the length has to go.
    """
    longer = [one for one in changing if (one.n_steps or 0) > (steps_in(graph, one) or 0) and not _is_padding(one)]
    scales = [_one(one, "strides", "pool_size", "size") for one in changing if one not in longer]
    up, down = prod(_one(one, "strides", "size") for one in longer), prod(scales)
    if not longer or up != down or up == 1:
        return {}
    found = {one.name: _instead(graph, one) for one in changing if _is_padding(one)}
    convolutions = [one for one in changing if hasattr(one.operation, "kernel_size") and _padding(one) == "valid"]
    found |= {one.name: 'padding="same"' for one in convolutions}
    n = n_timesteps
    for stage in _chain(graph, end):
        if stage in convolutions:
            scale = _one(stage, "strides")
            n = n * scale if stage in longer else -(-n // scale)
        elif stage in changing and stage.name not in found:
            n = _length_after(graph, stage, n)
    extra = f"Cropping1D((0, {n - n_timesteps}))" if n > n_timesteps else f"ZeroPadding1D((0, {n_timesteps - n}))"
    if n != n_timesteps:
        last = changing[-1].name
        found[last] = together(found.get(last), f"put {extra} after it")
    return found


def padded(graph: Graph, end: str, n_timesteps: int, n_steps: int) -> dict[str, str]:
    """Layer → padding, if padding alone leaves `n_steps` at a stage, as many as its strides make of the input."""
    chain = _chain(graph, end)
    changing = [one for one in chain if steps_in(graph, one) not in (None, one.n_steps)]
    valid = [one for one in changing if _padding(one) == "valid"]
    n = n_timesteps
    for stage in changing:
        n = -(-n // _one(stage, "strides"))
    return {one.name: 'padding="same"' for one in valid} if n == n_steps else {}


def _chain(graph: Graph, end: str) -> list[Stage]:
    """One way from the input to a stage, along the series."""
    chain = [graph[end]]
    while timed := [graph[source] for source in chain[0].sources if graph[source].axis is not None]:
        chain.insert(0, timed[-1])
    return chain


def _length_after(graph: Graph, stage: Stage, n: int) -> int:
    """Keras' own arithmetic for another length."""
    source = next(graph[source] for source in stage.sources if graph[source].axis is not None)
    operation: Any = stage.operation
    shape = operation.compute_output_shape((1, n, *source.shape[1:]))
    return int(shape[1])


def _instead(graph: Graph, stage: Stage) -> str:
    """What keeps the steps that go into a stage."""
    kind, operation = stage.layer_class, stage.operation
    sources = [graph[source] for source in stage.sources if graph[source].axis is not None]
    sources = sources or [graph[source] for source in stage.sources]
    ahead = sources[-1] if sources else None
    image = ahead is not None and len(ahead.shape) > 2
    if isinstance(operation, keras.layers.RNN):
        return "return_sequences=True"
    if isinstance(operation, keras.layers.Bidirectional):
        return "return_sequences=True in the layer inside of it"
    if ahead is not None and _is_state(graph, stage, ahead.name) and stage.axis is None:
        return f"use the sequence that {ahead.name!r} returns in place of its last state"
    if ahead is not None and ahead.axis == 1 and stage.axis is None and len(ahead.shape) == 2:
        return "leave it out: it mixes the steps" if kind == "Dense" else "put Permute((2, 1)) in its place"
    if image and kind.startswith("Global"):
        return f"TimeDistributed({kind.replace('2D', '1D').replace('3D', '2D')}())"
    if image and kind == "Flatten":
        return "TimeDistributed(Flatten())"
    if kind == "Dense" and ahead is not None and len(ahead.shape) == 1:
        return f"put Reshape(({ahead.n_steps}, 1)) before it"
    if kind == "GetItem":
        return "keep all steps here"
    if kind == "Reshape" and ahead is not None and len(ahead.shape) != len(stage.shape):
        return f"keep the {ahead.n_steps} steps as its first axis"
    if kind in TO_LEAVE_OUT or kind.startswith("Global"):
        return "leave it out"
    if "Pooling" in kind and image:
        size, stride = (", ".join(["1", *map(str, _all(stage, name)[1:])]) for name in ("pool_size", "strides"))
        return f"pool_size=({size}), strides=({stride})"
    if "Pooling" in kind:
        return 'leave it out, or strides=1, padding="same"'
    if hasattr(operation, "kernel_size"):
        wanted = ["strides=1"] if _one(stage, "strides") > 1 else []
        wanted += ['padding="same"'] if _padding(stage) == "valid" else []
        return ", ".join(wanted) or 'padding="same"'
    if is_bypassed(graph, stage):
        return "keep the time axis in the model's own code before it"
    return "let it return a value for each step, along its first axis"


def is_bypassed(graph: Graph, stage: Stage) -> bool:
    """Whether the axis was lost by code that is no layer, between the layer before and this one, which keeps it."""
    ahead = [graph[source] for source in stage.sources if graph[source].axis == 0]
    return stage.layer_class == "Dense" and stage.axis is None and bool(ahead) and len(ahead[-1].shape) > 1


def _is_state(graph: Graph, stage: Stage, source: str) -> bool:
    """Whether a stage reads a recurrent layer's last state, which goes without the axis that its sequence has."""
    before = graph[source].operation
    kept = graph[source].axis is not None and isinstance(before, (keras.layers.RNN, keras.layers.Bidirectional))
    return (
        kept
        and bool(getattr(before, "return_state", False))
        and stage.layer_class in ("Dense", "Reshape", "Concatenate")
    )


def _is_padding(stage: Stage) -> bool:
    return stage.layer_class in ("ZeroPadding1D", "Cropping1D")


def _padding(stage: Stage) -> str:
    return str(getattr(stage.operation, "padding", ""))


def _all(stage: Stage, name: str) -> tuple[int, ...]:
    value = getattr(stage.operation, name, None)
    return () if value is None else tuple(value) if isinstance(value, (tuple, list)) else (int(value),)


def _one(stage: Stage, *names: str) -> int:
    """Along time."""
    return max((_all(stage, name)[0] for name in names if _all(stage, name)), default=1)
