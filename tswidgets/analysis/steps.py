"""How well a model that answers at each time step agrees with a label for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import absent_steps
from tswidgets.analysis.agreement import NONE, Agreement, Counts, agreement
from tswidgets.analysis.bound import axis_of_output, bound
from tswidgets.analysis.step_labels import StepLabels
from tswidgets.probe import Observation, Probe, batches
from tswidgets.probe.axes import longest
from tswidgets.samples import Samples

AT_ONCE = 8 * 2**20  # bytes that a model's layers may take between two places to stop: about 0.1 s of a long LSTM
DEFAULT = 0.5  # threshold

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StepScores:
    """A model's answers at each step against labels. Series that are shorter than the longest end with nothing.

    outputs : ndarray of shape (n_samples, n_steps, n_outputs), float32, what the model answered; NaN beyond the end of
        a series, and at padding.
    labels, predicted : int ndarrays of shape (n_samples, n_steps): 0 or 1 of a single output, the class of several that
        exclude each other; (n_samples, n_steps, n_outputs) where each of several is a yes or no. -1 where there is
        none: at padding, where the label is unknown, and where the output is not a number.
    missed : bool ndarray of shape (n_samples, n_steps): a label that was not predicted (a false negative).
    false : bool ndarray of shape (n_samples, n_steps): something was predicted that is not the label (a false
        positive). A step with the wrong one of several classes is both.
    counted : bool ndarray of shape (n_samples, n_steps): False at padding and where the label is unknown.
    accuracy : float64 ndarray of shape (n_samples,): share of the counted steps that are right; where each of several
        outputs is a yes or no, share of their steps × outputs.
    iou : float64 ndarray of shape (n_samples,): intersection over union.
    overall_accuracy, overall_iou : the same of all steps of all samples together, so that long series weigh more.
    output_iou : float64 ndarray of shape (n_outputs,): of all steps together, for each output by itself.
    worst : int ndarray: samples by their intersection over union, lowest first, and equal ones by their accuracy. Those
        with outputs that are not numbers come first; those with nothing labelled and nothing predicted are left out.
    threshold : above it an output is a yes; it is of no account where classes exclude each other.
    time : float32 ndarray of shape (n_steps,): the input step that each step of the longest series lies at, which is
        the centre of what it sees where the model drops steps; None where that is not known.
    """

    outputs: Floats
    labels: NDArray[np.int32]
    predicted: NDArray[np.int32]
    missed: Bools
    false: Bools
    counted: Bools
    accuracy: NDArray[np.float64]
    iou: NDArray[np.float64]
    overall_accuracy: float
    overall_iou: float
    output_iou: NDArray[np.float64]
    worst: NDArray[np.int64]
    threshold: float
    time: Floats | None

    def __repr__(self) -> str:
        n_samples, n_steps, n_outputs = self.outputs.shape
        scores = f"accuracy {self.overall_accuracy:.4g}, IoU {self.overall_iou:.4g}"
        return f"StepScores({n_samples} samples × {n_steps} steps × {n_outputs} outputs, {scores})"


def score_steps(
    model: Any, X: Any, y: Any, *, threshold: float | None = None, output_axis: str | None = None, output: int = 0
) -> StepScores:
    """Compare what a model answers at each time step with a label for each.

    Parameters
    ----------
    model : keras.Model or Probe
    X : ndarray of shape (n_samples, n_timesteps, n_channels), a list of arrays of shape (n_timesteps_i, n_channels), or
        a dict or list of such for a model with several inputs
    y : ndarray of shape (n_samples, n_steps), or (n_samples, n_steps, 1 | n_outputs), or a list of such without the
        sample axis
        Labels of the steps of the output, which are those of the input unless the model drops some. 0 or 1 for a single
        output; for several outputs class numbers, one-hot, or 0 and 1 for each. NaN where the label is unknown. Steps
        that the model masks as padding do not count, whatever y says there.
    threshold : float, optional
        A single output, or one of several that do not exclude each other, is a yes above it. Default: 0.5, for
        probabilities; of logits 0 would be the same.
    output_axis : "time", optional
        Says that a flat output of n_timesteps numbers is the time axis.
    output : int
        Number of the output, of a model that has several.

    Raises
    ------
    ValueError, TypeError, IndexError
        If the model does not take X; if its output has no steps, or another number of them than y; if y is neither of
        these kinds of labels; or if outputs are no probabilities and no threshold is given.

    Accuracy is that of steps (frame-wise). Intersection over union is Jaccard's coefficient, TP / (TP + FP + FN), of
    the positive class of a single output; of several outputs its mean over those that occur, as label or as prediction.
    It is NaN for a sample in which nothing is labelled and nothing predicted, and of all samples together it is counted
    over all their steps at once. Scores of outputs that are not a number are NaN, too.

    Source: Jaccard, "The distribution of the flora in the alpine zone", 1912; counted over all samples at once by
    Everingham et al., "The PASCAL visual object classes challenge: a retrospective", 2015. Departures: an output that
    does not occur is left out of the mean, as in Keras' MeanIoU, and 0 / 0 of a single output is NaN and not 0 or 1.
    """
    above = DEFAULT if threshold is None else _validate.threshold(threshold)
    probe, samples = bound(model, X)
    output = _validate.index(output, len(probe.output_names), "output", f"model {probe.model.name!r}")
    answers = StepAnswers(probe, samples, output_axis, output)
    labels = StepLabels(y, len(samples), answers.first)
    for i, n_timesteps in enumerate(answers.lengths):
        _validate.n_step_labels(i, labels.n_steps(i), answers.n_steps(i), n_timesteps)
    found = list(answers.of(range(len(samples))))
    if threshold is None and not labels.exclusive:
        for one in found:
            _validate.probable(one.outputs[~one.absent])
    return _joined(found, labels, above, answers)


@dataclass(frozen=True, eq=False)
class Answered:
    """Samples of one length, and what the model answers: outputs (n, n_steps, n_outputs), absent (n, n_steps)."""

    samples: list[int]
    outputs: Floats
    absent: Bools

    def against(self, labels: StepLabels, threshold: float) -> Agreement:
        yes, known = labels.of(self.samples)
        return agreement(self.outputs, yes, known & ~self.absent, threshold, exclusive=labels.exclusive)


class StepAnswers:
    """What a model answers at each step of some samples, a piece at a time.

    flat : whether a flat output is the time axis.
    lengths : numbers of steps of the samples, on the time axis that the output is on.
    first : ndarray of shape (n_steps, n_outputs), the answer to sample 0.
    """

    def __init__(self, probe: Probe, samples: Samples, output_axis: str | None = None, output: int = 0) -> None:
        observation = probe.observe(samples.batch(0))
        shape = observation.outputs[output].shape[1:]
        samples = samples.on(axis_of_output(probe, samples, shape, output))
        self._probe, self._samples, self._output = probe, samples, output
        self.flat = _validate.output_axis(output_axis) and _validate.flat_steps(shape, samples.lengths)
        if not self.flat:
            timed = [tap.name for tap in probe.taps if tap.kind == "sequence"]
            _validate.output_per_step(shape, samples.lengths[0], timed[-1] if timed else "")
        self.first: Floats = self._steps(observation)[0]
        self.lengths = samples.lengths
        self._n_steps = {samples.lengths[0]: len(self.first)}

    def of(self, wanted: Sequence[int]) -> Iterator[Answered]:
        """Pieces of samples of one length each, as many as run in about a tenth of a second."""
        among = set(wanted)
        for alike in self._samples.batches():
            left = [i for i in alike if i in among]
            while left:
                size = self._at_once(left[0])
                yield self._answered(left[:size])
                left = left[size:]

    def observed(self, observation: Observation, sample: int) -> Answered:
        """The answer to a single sample that has been observed."""
        return Answered([sample], self._steps(observation), self._absent(observation))

    def n_steps(self, sample: int) -> int:
        """Number of steps of the answer to a sample."""
        length = self._samples.lengths[sample]
        if length not in self._n_steps:
            self._n_steps[length] = self._steps(self._probe.observe(self._samples.batch(sample))).shape[1]
        return self._n_steps[length]

    def places(self, sample: int) -> Floats | None:
        """The input step that each step of the answer to a sample lies at, of shape (n_steps,); None if not known.

        It is the step itself where there are as many, as with their labels; else the centre of what it sees.
        """
        length, n_steps = self._samples.lengths[sample], self.n_steps(sample)
        if n_steps == length:
            return np.arange(length, dtype=np.float32)
        name = self._probe.output_names[self._output]
        timeline = self._probe.timelines(self._samples.lengths_of(sample)).get(name)
        known = timeline is not None and len(timeline) == n_steps and timeline.has_place
        return timeline.centres if known and timeline else None

    def _answered(self, samples: list[int]) -> Answered:
        batch = self._samples.take(samples)
        lengths = self._samples.lengths_of(samples[0])
        names = {self._probe.output_names[self._output], self._probe.padding_tap(lengths) or ""} - {""}
        observation = self._probe.observe(batch, sorted(names)).on(lengths)
        return Answered(samples, self._steps(observation), self._absent(observation))

    def _steps(self, observation: Observation) -> Floats:
        output = np.asarray(observation.outputs[self._output], np.float32)
        return output[..., None] if self.flat else output

    def _absent(self, observation: Observation) -> Bools:
        """Which steps of the answer are padding, (n_samples, n_steps)."""
        shape = self._steps(observation).shape[:2]
        mask = observation.masks.get(self._probe.output_names[self._output])
        if mask is not None and mask.shape == shape:
            return ~mask
        return (
            absent_steps(self._probe, observation)
            if longest(observation.lengths) == shape[1]
            else np.zeros(shape, bool)
        )

    def _at_once(self, sample: int) -> int:
        flat = [np.asarray(array) for array in tree.flatten(self._samples.batch(sample))]
        size = batches.rows_at_once(batches.bytes_per_row(self._probe.taps, flat), AT_ONCE)
        exactly = self._probe.batch_size
        return size if exactly is None else max(size // exactly, 1) * exactly


def _joined(found: Sequence[Answered], labels: StepLabels, threshold: float, answers: StepAnswers) -> StepScores:
    """All pieces in one, in the order of the samples."""
    n_samples = sum(len(one.samples) for one in found)
    n_steps, n_outputs = max(one.outputs.shape[1] for one in found), found[0].outputs.shape[2]
    outputs = np.full((n_samples, n_steps, n_outputs), np.nan, np.float32)
    shape = (n_samples, n_steps) if labels.exclusive or n_outputs == 1 else outputs.shape
    told, predicted = np.full(shape, NONE, np.int32), np.full(shape, NONE, np.int32)
    missed, false, counted = (np.zeros((n_samples, n_steps), bool) for _ in range(3))
    counts, longest = Counts.nothing(n_samples, n_outputs), 0
    for one in found:
        against = one.against(labels, threshold)
        place = one.samples, slice(0, one.outputs.shape[1])
        outputs[place] = np.where(one.absent[..., None], np.float32(np.nan), one.outputs)
        told[place], predicted[place] = against.labels, against.predicted
        missed[place], false[place] = against.missed.any(axis=2), against.false.any(axis=2)
        counted[place] = against.counted
        counts.put(one.samples, against.counts)
        longest = one.samples[0] if one.outputs.shape[1] == n_steps else longest
    together = counts.together
    return StepScores(
        outputs=outputs,
        labels=told,
        predicted=predicted,
        missed=missed,
        false=false,
        counted=counted,
        accuracy=counts.accuracy,
        iou=counts.iou,
        overall_accuracy=float(together.accuracy[0]),
        overall_iou=float(together.iou[0]),
        output_iou=together.output_iou[0],
        worst=counts.worst,
        threshold=threshold,
        time=answers.places(longest),
    )
