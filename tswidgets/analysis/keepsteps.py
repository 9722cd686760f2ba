"""What would keep the time axis: for each layer that loses or changes it, the change of it in Keras' words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    found = {stage.name: _instead(graph, stage) for stage in lost}
    ends = [source for stage in lost for source in stage.sources if graph[source].axis is not None]
    for end in [name] if graph[name].axis is not None else ends:
        found |= _of_lengths(graph, end, n_timesteps)
    return {one: found[one] for one in graph if one in found}


def _of_lengths(graph: Graph, end: str, n_timesteps: int) -> dict[str, str]:
    """The same for layers that shorten or lengthen the series on its way to a stage that has a time axis."""
    if graph[end].n_steps == n_timesteps:
        return {}
    right = [stage for stage in ancestors(graph, end) if stage.n_steps == n_timesteps]
    done = {stage.name for stage in ancestors(graph, right[-1].name)} if right else set()
    on_way = [one for one in ancestors(graph, end) if one.n_steps is not None and one.name not in done]
    changing = [one for one in on_way if steps_in(graph, one) not in (None, one.n_steps)]
    longer = [one for one in changing if (one.n_steps or 0) > (steps_in(graph, one) or 0)]
    shorter = [one for one in changing if one not in longer]
    scaled = any(not _is_padding(one) for one in longer) and any(
        _one(one, "strides", "pool_size") > 1 for one in shorter
    )
    if not scaled:
        return {one.name: _instead(graph, one) for one in changing}
    return _rounded(graph, end, n_timesteps, changing)


def _rounded(graph: Graph, end: str, n_timesteps: int, changing: Sequence[Stage]) -> dict[str, str]:
    """For a series that is made shorter and longer again: pad what is not padded, and cut off what is then too much."""
    found = {one.name: _instead(graph, one) for one in changing if _is_padding(one) or _is_plain(one)}
    valid = [
        one
        for one in changing
        if one.name not in found and _padding(one) == "valid" and hasattr(one.operation, "filters")
    ]
    found |= {one.name: 'padding="same"' for one in valid}
    n, stage = n_timesteps, graph[end]
    chain = [stage]
    while timed := [graph[source] for source in stage.sources if graph[source].axis is not None]:
        stage = timed[-1]
        chain.append(stage)
    for stage in reversed(chain):
        if stage in changing and stage.name in {one.name for one in valid}:
            scale = _one(stage, "strides")
            transposed = "Transpose" in stage.layer_class
            n = n * scale if transposed else -(-n // scale)
        elif stage in changing and stage.name not in found:
            n = _length_after(graph, stage, n)
    last = changing[-1].name
    extra = f"Cropping1D((0, {n - n_timesteps}))" if n > n_timesteps else f"ZeroPadding1D((0, {n_timesteps - n}))"
    if n != n_timesteps:
        found[last] = f"{found[last]}, and {extra} after it" if last in found else f"put {extra} after it"
    return found


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
    ahead = sources[-1] if sources else None
    image = ahead is not None and len(ahead.shape) > 2
    if isinstance(operation, keras.layers.RNN):
        return "return_sequences=True"
    if isinstance(operation, keras.layers.Bidirectional):
        return "return_sequences=True in the layer inside of it"
    if ahead is not None and _is_state(graph, stage, ahead.name) and stage.axis is None:
        return f"use the sequence that {ahead.name!r} returns in place of its last state"
    if ahead is not None and ahead.axis != 0 and stage.axis is None and len(ahead.shape) == 2:
        return "put Permute((2, 1)) in its place: time is the last axis here"
    if image and kind.startswith("Global"):
        return f"TimeDistributed({kind.replace('2D', '1D').replace('3D', '2D')}())"
    if image and kind == "Flatten":
        return "TimeDistributed(Flatten())"
    if kind == "Dense" and ahead is not None and len(ahead.shape) == 1:
        return (
            f"put Reshape(({ahead.n_steps}, 1)) before it: a Dense layer works on each step only next to another axis"
        )
    if kind == "GetItem":
        return "keep all steps here"
    if kind in TO_LEAVE_OUT or kind.startswith("Global"):
        return "leave it out"
    if "Pooling" in kind and image:
        size = ", ".join(["1", *map(str, _all(stage, "pool_size")[1:])])
        return f"pool_size=({size})"
    if "Pooling" in kind:
        return 'leave it out, or strides=1 and padding="same"'
    if hasattr(operation, "kernel_size"):
        stride, padding = _one(stage, "strides") > 1, _padding(stage) == "valid"
        wanted = ["strides=1"] * stride + ['padding="same"'] * (padding or "Transpose" in kind)
        return " and ".join(wanted) or 'padding="same"'
    return "let it return one value a step: its first axis has to stay"


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


def _is_plain(stage: Stage) -> bool:
    """A convolution that shortens by its kernel alone."""
    return (
        hasattr(stage.operation, "kernel_size") and _one(stage, "strides") == 1 and "Transpose" not in stage.layer_class
    )


def _padding(stage: Stage) -> str:
    return str(getattr(stage.operation, "padding", ""))


def _all(stage: Stage, name: str) -> tuple[int, ...]:
    value = getattr(stage.operation, name, None)
    return () if value is None else tuple(value) if isinstance(value, (tuple, list)) else (int(value),)


def _one(stage: Stage, *names: str) -> int:
    """Along time."""
    return max((_all(stage, name)[0] for name in names if _all(stage, name)), default=1)
