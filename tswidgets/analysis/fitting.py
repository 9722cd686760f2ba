"""What to change in a model so that its output fits the labels."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

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
    kind = "" if wanted.compiled.loss is None else scoring.family(wanted.compiled.loss)
    if kind == "categorical" and wanted.labels.align_as_classes(wanted.output):
        return f"{said}: y holds class numbers. Use 'sparse_categorical_crossentropy', or pass y one-hot.", {}
    if kind == "sparse" and sizes == wanted.output:
        return f"{said}: y has an axis for classes. Use 'categorical_crossentropy', or pass class numbers.", {}
    if wanted.labels.per_step:
        if wanted.back is not None:
            found = _steps_again(wanted)
        else:
            found = keepsteps.fixes(wanted.graph, wanted.end, wanted.n_timesteps)
        found = _with_width(wanted, found)
        return f"{said}: y has a label for each of the {wanted.n_timesteps:,} steps.", found
    timed = wanted.graph[wanted.end].axis is not None
    if len(sizes) == 0 or (sizes == (1,) and len(wanted.output) > 1):
        found = _with_width(wanted, _one_a_sample(wanted))
        return f"{said}: y has one label for a whole series, and the output one for each step.", found
    if not timed and wanted.back is None and len(wanted.output) == 1:
        return f"{said}.", _with_width(wanted, {})
    if wanted.back is not None and sizes[0] != wanted.output[0]:
        return f"{said}.", _with_width(wanted, _steps_again(wanted))
    found = keepsteps.padded(wanted.graph, wanted.end, wanted.n_timesteps, sizes[0]) if timed else {}
    if found and sizes[0] != wanted.output[0]:
        return f"{said}: the kernels cut off steps at the ends.", _with_width(wanted, found)
    return f"{said}: {_other_steps(wanted)}.", _with_width(wanted, {}) if sizes[0] == wanted.output[0] else {}


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
    stage, sizes = wanted.graph[wanted.end], wanted.labels.sizes
    timed = wanted.labels.per_step or len(wanted.output) > 1
    width = (sizes[-1] if len(sizes) > 1 else 1) if timed else prod(sizes)
    last = stage
    while last.layer_class != "Dense" and _keeps_width(last, found) and len(last.sources) == 1:
        last = wanted.graph[last.sources[0]]
    layer = (
        getattr(last.operation, "layer", last.operation) if last.layer_class == "TimeDistributed" else last.operation
    )
    name = "units" if isinstance(layer, keras.layers.Dense) else "filters" if last is stage else ""
    now, activation = getattr(layer, name, None) if name else None, _activation_of(layer)
    if wanted.compiled.loss is None:
        by_class = width == 1 and activation == "softmax" and (now or 0) > 1
    else:
        by_class = scoring.family(wanted.compiled.loss) in ("sparse", "categorical") and width == 1
    replaced = found.get(stage.name, "").startswith(("leave it out", "TimeDistributed", "put Permute"))
    if by_class or now == width or (now is None and stage.shape[-1:] == (width,) and not replaced):
        return found
    if now is None:
        left = found.get(stage.name, "")
        instead = f"put Dense({width}) in its place" if left == "leave it out" else ""
        return found | {stage.name: instead or keepsteps.together(left, f"put Dense({width}) after it")}
    change = f"{name}={width}" + (', activation="sigmoid"' if width == 1 and activation == "softmax" else "")
    if not timed and len(sizes) > 1 and sizes[-1] > 1:
        change += f", put Reshape({sizes}) after it"
    inside = " in the layer inside of it" if layer is not last.operation else ""
    return found | {last.name: keepsteps.together(change + inside, found.get(last.name))}


def _keeps_width(stage: Stage, found: dict[str, str]) -> bool:
    return (
        stage.layer_class in ("Activation", "Dropout", "Softmax", "Reshape") or found.get(stage.name) == "leave it out"
    )


def _activation_of(layer: object) -> str:
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))
