"""What to change in a model so that its output fits the labels."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from tswidgets.analysis import keepsteps
from tswidgets.analysis.keepsteps import Graph
from tswidgets.analysis.labelfit import Labels, text
from tswidgets.probe import scoring
from tswidgets.probe.scoring import Compiled, Sizes
from tswidgets.probe.stages import Stage


@dataclass(frozen=True)
class Wanted:
    """An output, `end`, that does not fit the labels; `back` is the stage that made steps anew, if there is one."""

    graph: Graph
    end: str
    output: Sizes
    n_timesteps: int
    labels: Labels
    compiled: Compiled
    back: Stage | None


def advice(wanted: Wanted) -> tuple[str, dict[str, str]]:
    """A sentence that says what does not fit, and layer → what to change in it."""
    sizes = wanted.labels.sizes
    said = f"The output, {text(wanted.output)}, does not fit y, {text(sizes)}"
    if wanted.labels.per_step:
        if wanted.back is not None:
            found = _steps_again(wanted)
        else:
            found = keepsteps.fixes(wanted.graph, wanted.end, wanted.n_timesteps)
        found = _with_width(wanted, found)
        return f"{said}: y has a label for each of the {wanted.n_timesteps:,} steps.", found
    timed = wanted.graph[wanted.end].axis is not None
    if len(sizes) < 2 and timed:
        found = _with_width(wanted, _one_a_sample(wanted))
        return f"{said}: y has one label for a whole series, and the output one for each step.", found
    if not timed and wanted.back is None and len(wanted.output) == 1:
        return f"{said}.", _with_width(wanted, {})
    if wanted.back is not None and sizes[0] != wanted.output[0]:
        return f"{said}.", _with_width(wanted, _steps_again(wanted))
    return f"{said}: {_other_steps(wanted)}.", {}


def _other_steps(wanted: Wanted) -> str:
    n, end = wanted.labels.sizes[0], wanted.graph[wanted.end]
    if end.n_steps is None or n == end.n_steps:
        return "their last axes differ"
    return (
        f"y has {n:,} steps, which are neither the {wanted.n_timesteps:,} of the input nor the {end.n_steps:,} of the "
        "output. Make y for the steps of one of these"
    )


def _steps_again(wanted: Wanted) -> dict[str, str]:
    """For steps that were made anew: make as many as y has."""
    n, back = wanted.labels.sizes[0], wanted.back
    if back is None or back.shape[0] == n:
        return {}
    return {back.name: f"n={n}" if back.layer_class == "RepeatVector" else f"let it make {n} steps"}


def _one_a_sample(wanted: Wanted) -> dict[str, str]:
    """The last recurrent layer may return its last step alone if only layers that work on one step follow."""
    stage = wanted.graph[wanted.end]
    last = stage.name
    while True:
        if isinstance(stage.operation, (keras.layers.RNN, keras.layers.Bidirectional)):
            inside = "" if isinstance(stage.operation, keras.layers.RNN) else " in the layer inside of it"
            return {stage.name: f"return_sequences=False{inside}"}
        if stage.layer_class not in _ON_ONE_STEP or len(stage.sources) != 1:
            break
        last = stage.name if stage.layer_class == "Dense" else last
        stage = wanted.graph[stage.sources[0]]
    where = "before it" if wanted.graph[last].layer_class == "Dense" else "after it"
    return {last: f"put GlobalAveragePooling1D() {where}"}


_ON_ONE_STEP = (
    "Dense",
    "Activation",
    "Dropout",
    "ReLU",
    "LeakyReLU",
    "Softmax",
    "BatchNormalization",
    "LayerNormalization",
)


def _with_width(wanted: Wanted, found: dict[str, str]) -> dict[str, str]:
    """And as many numbers a step, or a sample, as y has."""
    sizes = wanted.labels.sizes
    kind = "" if wanted.compiled.loss is None else scoring.family(wanted.compiled.loss)
    if kind == "sparse":
        return found
    width = sizes[-1] if len(sizes) > 1 else 1
    if not wanted.labels.per_step:
        kept_time = any(size == wanted.output[0] for size in sizes[:1]) and len(wanted.output) > 1
        width = width if kept_time or wanted.back is not None else _product(sizes)
    stage = wanted.graph[wanted.end]
    while (what := _width_of(stage)) is None and len(stage.sources) == 1:
        stage = wanted.graph[stage.sources[0]]
    if what is None or stage.operation is None:
        return found | {wanted.end: _and(found.get(wanted.end), f"put Dense({width}) after it")}
    name, now = what
    if now == width:
        return found
    change = f"{name}={width}"
    layer = getattr(stage.operation, "layer", stage.operation)
    if width == 1 and getattr(getattr(layer, "activation", None), "__name__", "") == "softmax":
        change += ' and activation="sigmoid"'
    if layer is not stage.operation:
        change += " in the layer inside of it"
    return found | {stage.name: _and(found.get(stage.name), change)}


def _width_of(stage: Stage) -> tuple[str, int] | None:
    """What says how many numbers a layer gives for each step, and how many."""
    layer = (
        getattr(stage.operation, "layer", stage.operation)
        if stage.layer_class == "TimeDistributed"
        else stage.operation
    )
    if isinstance(layer, keras.layers.Bidirectional):
        return None
    for name in ("units", "filters"):
        if isinstance(getattr(layer, name, None), int):
            return name, int(getattr(layer, name))
    return None


def _and(first: str | None, second: str) -> str:
    return f"{first} and {second}" if first else second


def _product(sizes: Sizes) -> int:
    n = 1
    for size in sizes:
        n *= size
    return n
