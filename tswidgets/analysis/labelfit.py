"""Whether a model's output fits labels, and whether its loss and metrics compare each number with its own label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tswidgets.probe import scoring
from tswidgets.probe.scoring import Compiled, Sizes


@dataclass(frozen=True)
class Labels:
    """What y is: `sizes` is its shape without the axis of samples.

    per_step : whether its first axis counts the time steps of an input, and not classes.
    """

    sizes: Sizes
    per_step: bool

    def align(self, output: Sizes) -> bool:
        """One number of the output for each of y, but for a last axis of length 1."""
        return output in (self.sizes, (*self.sizes, 1)) or self.sizes == (*output, 1)

    def align_as_classes(self, output: Sizes) -> bool:
        """One probability a class for each class number in y."""
        return len(output) > 0 and output[-1] > 1 and self.sizes in (output[:-1], (*output[:-1], 1))

    def steps_are_last(self, output: Sizes) -> bool:
        """One number a step, so that the last axis holds no classes: one number, or all the steps."""
        return self.per_step and (output[-1:] == (1,) or len(output) == 1)


def text(sizes: Any) -> str:
    """`(n_samples, 400, 1)`."""
    return "(" + ", ".join(["n_samples", *("any" if n is None else str(n) for n in sizes)]) + ")"


def fits(labels: Labels, output: Sizes, compiled: Compiled) -> bool:
    """Whether the shapes go together, for the loss if there is one."""
    kind = "" if compiled.loss is None else scoring.family(compiled.loss)
    if kind == "sparse":
        return labels.align_as_classes(output)
    return labels.align(output) or (compiled.loss is None and labels.align_as_classes(output))


def problems(labels: Labels, output: Sizes, compiled: Compiled) -> list[str]:
    """A sentence for every loss or metric that raises, and for each that gives a number that is not what it says.

    Keras' own are run on a few numbers of these shapes, so that what is said is what this version of Keras does. Losses
    and metrics of the user's own are left alone.
    """
    sentences: list[str] = []
    broadcast: list[str] = []
    scorers = [] if compiled.loss is None else [(compiled.loss, _of_loss)]
    for scorer, of in [*scorers, *((metric, _of_metric) for metric in compiled.metrics)]:
        said = of(scorer, labels, output) if scoring.is_keras_own(scorer) else ""
        if said == _BROADCAST:
            broadcast.append(repr(scoring.name_of(scorer)))
        elif said:
            sentences.append(said)
        if of is _of_loss and said.startswith("Keras will refuse"):
            return sentences
    return ([_broadcasting(broadcast, labels, output)] if broadcast else []) + sentences


_BROADCAST = "broadcast"


def _of_loss(loss: Any, labels: Labels, output: Sizes) -> str:
    name, kind = repr(scoring.name_of(loss)), scoring.family(loss)
    drawn = _drawn(labels, output, kind)
    if drawn is None:
        return ""
    y, numbers = drawn
    value = scoring.loss_value(loss, y, numbers)
    shapes = f"an output of shape {text(output)} with y of shape {text(labels.sizes)}"
    if value is None:
        return f"Keras will refuse to train: {name} does not take {shapes}."
    if kind == "categorical" and labels.align(output) and labels.steps_are_last(output):
        what = f"the {output[-1]} steps as {output[-1]} classes" if len(output) == 1 else "a single class, always right"
        return f"{name} takes the numbers of the output for {what}; for labels of 0 and 1 use 'binary_crossentropy'."
    together = labels.align_as_classes(output) if kind == "sparse" else labels.align(output)
    if not together:
        return _BROADCAST
    if kind != "sparse" and _differ(value, scoring.loss_value(loss, y.reshape(numbers.shape), numbers)):
        return f"{name} does not compare step with step for {shapes}: give y the shape of the output."
    return ""


def _of_metric(metric: Any, labels: Labels, output: Sizes) -> str:
    name, kind = scoring.name_of(metric), scoring.family(metric)
    drawn = _drawn(labels, output, kind)
    if drawn is None:
        return ""
    y, numbers = drawn
    value = scoring.metric_value(metric, y, numbers)
    shapes = f"an output of shape {text(output)} with y of shape {text(labels.sizes)}"
    if value is None:
        return f"Keras will raise: the metric {name!r} does not take {shapes}."
    if not (labels.align(output) or labels.align_as_classes(output)):
        return _BROADCAST
    if name.lower() in ("accuracy", "acc"):
        return _of_accuracy(name, value, labels, y, numbers)
    if kind in ("sparse", "categorical") and labels.align(output) and labels.steps_are_last(output):
        what = f"the {output[-1]} steps for classes" if len(output) == 1 else "one number for one class"
        return f"{name!r} takes {what}: it is no accuracy of steps. Use 'binary_accuracy'."
    if kind != "sparse" and not labels.align(output):
        return _BROADCAST
    if kind != "sparse" and _differ(value, scoring.metric_value(metric, y.reshape(numbers.shape), numbers)):
        return f"{name!r} does not compare step with step for {shapes}: give y the shape of the output."
    return ""


def _of_accuracy(name: str, value: float, labels: Labels, y: Any, numbers: Any) -> str:
    """`accuracy` is whichever of three accuracies Keras guesses from the shapes: is it the one that is meant?"""
    output = numbers.shape[1:]
    if not (labels.steps_are_last(output) or output == (1,)):
        return ""
    binary = float(np.mean((numbers > 0.5) == y.reshape(numbers.shape)))
    if not _differ(value, binary):
        return ""
    return (
        f"{name!r} is not the share of steps that are right: for an output of shape {text(output)} with y of shape "
        f"{text(labels.sizes)} Keras takes the {output[-1]} steps for {output[-1]} classes, of which only the largest "
        "counts. Use 'binary_accuracy'."
    )


def _broadcasting(names: list[str], labels: Labels, output: Sizes) -> str:
    who = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return (
        f"Keras says nothing and gives a wrong number: {who} spread{'s' * (len(names) == 1)} the output of shape "
        f"{text(output)} over y of shape {text(labels.sizes)} until they match, so that numbers are compared with "
        "labels of other places."
    )


def _drawn(labels: Labels, output: Sizes, kind: str) -> Any:
    return scoring.numbers(output, labels.sizes, max(output[-1], 2) if kind == "sparse" and output else 2)


def _differ(value: float, other: float | None) -> bool:
    return other is not None and not np.isclose(value, other, rtol=1e-3, atol=1e-5)
