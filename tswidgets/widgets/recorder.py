"""Records a training for an explorer: one sample, a few layers, every epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from tswidgets import _validate
from tswidgets.analysis.activations import Activations, at_layer, first, placed
from tswidgets.analysis.training_record import TrainingRecord
from tswidgets.widgets.state import State
from tswidgets.widgets.subject import Subject

logger = logging.getLogger(__name__)


class Recorder:
    """Keeps what layers answer to a sample: those that were named, or that are chosen when a training begins.

    record : of the newest training, None before the first.
    """

    def __init__(self, chosen: State, subject: Subject, layers: Sequence[str] | None, sample: int | None) -> None:
        self._chosen, self._subject, self._layers, self._sample = chosen, subject, None, sample
        self._failed = False
        if layers is not None:
            if isinstance(layers, str) or not len(list(layers)):
                _validate.no_layers(layers)
            self._layers = [_validate.layer_name(name, chosen.layers) for name in layers]
        if sample is not None:
            self._sample = _validate.index(sample, len(subject.samples), "sample", "X")
        self.record: TrainingRecord | None = None
        self._wanted()

    def begin(self, epoch: int) -> None:
        """A training begins after `epoch` epochs: go on with the record, or begin another with what is there now."""
        self._failed = False
        layers, sample = self._wanted()
        if self.record is None or not self.record.goes_on(epoch, sample, layers):
            self.record = self._subject.training.record = TrainingRecord(sample, layers)
            self.keep(epoch, {})

    def keep(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Add the model as it is now, after `epoch` epochs. What goes wrong is logged, and ends the recording."""
        if self._failed:
            return
        if self.record is None or self.record.last >= epoch:  # nobody said that a training begins
            layers, sample = self._wanted()
            self.record = self._subject.training.record = TrainingRecord(sample, layers)
        try:
            self.record.add(epoch, *self._observed(self.record), logs)
        except Exception:
            logger.exception("could not record the training, which goes on without")
            self._failed = True

    def _wanted(self) -> tuple[list[str], int]:
        layers = self._layers or [self._chosen.layer]
        for name in layers:
            if not (tap := self._subject.taps[name]).drawable:
                _validate.nothing_to_draw(tap.name, tap.note)
        return layers, self._chosen.sample if self._sample is None else self._sample

    def _observed(self, record: TrainingRecord) -> tuple[dict[str, Activations], np.ndarray]:
        found = {}
        for name in record.layers:
            subject = self._subject.of(name)
            observation = subject.observe(record.sample)
            if name not in observation:
                _validate.not_reached(name)
            if not (tap := placed(subject.probe, observation, subject.taps[name])).drawable:
                _validate.nothing_to_draw(name, tap.note)
            found[name] = first(at_layer(subject.probe, observation, tap))
        answer = self._subject.answers(self._subject.observe(record.sample).outputs[0])[0]
        return found, np.asarray(answer, np.float32)
