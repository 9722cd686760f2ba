"""When a model that is being trained is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tswidgets import _validate
from tswidgets.analysis.budget import Budget

SHARE = 0.03  # of a training's time that looking may take


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    epoch : the one that goes on or has just ended, counted from 1; `n_epochs` is where the training ends.
    batch, n_batches : likewise within the epoch; None at its end, or where the number is not known.
    logs : losses and metrics by Keras' names.
    done : whether the training has ended.
    """

    epoch: int
    n_epochs: int | None = None
    batch: int | None = None
    n_batches: int | None = None
    logs: Mapping[str, float] = field(default_factory=dict)
    done: bool = False


class TrainingWatch(keras.callbacks.Callback):
    """A callback that only looks: it changes nothing of the training, and spends a small share of its time.

    Who inherits says what looking is: `begin`, `first`, `within`, `keep`, `look` and `tell`.

    every : `epoch`, `batch`, or seconds of training between two looks; a number of seconds knows no budget.
    """

    def __init__(self, every: str | float) -> None:
        super().__init__()
        self.every = _validate.live_every(every)
        self.budget = Budget(SHARE if isinstance(self.every, str) else None)
        self._epoch, self._looked = 0, 0.0
        self._logs: dict[str, float] = {}
        if self.every != "epoch":
            # Not a method: Keras waits for the results of every batch where a callback has one.
            self.on_train_batch_end = self._batch_ended

    def begin(self, model: Any) -> None:
        """A training of `model` begins, None where that is not known. What it raises ends the training."""

    def first(self, epoch: int) -> None:
        """Its first epoch begins, after so many that are done."""

    def within(self, epoch: int) -> None:
        """Epoch number `epoch`, counted from 1, goes on."""

    def keep(self, progress: Progress) -> None:
        """An epoch has ended, whether it is looked at or not."""

    def look(self, progress: Progress) -> None:
        """Show the model as it is now."""

    def tell(self, progress: Progress) -> None:
        """Say how far the training is."""

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.budget.begin()
        self._epoch, self._logs, self._looked = 0, {}, 0.0
        with self.budget.waiting():
            self.begin(self.model)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._epoch == 0:
            with self.budget.waiting():
                self.first(epoch)
        self._epoch = int(epoch) + 1
        self.within(self._epoch)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._epoch, self._logs = int(epoch) + 1, numbers(logs)
        progress = self._progress()
        with self.budget.waiting():
            self.keep(progress)
        if self._due:
            self._look(progress)
        else:
            with self.budget.waiting():
                self.tell(progress)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._logs = numbers(logs) or self._logs
        with self.budget.looking():
            self.look(self._progress(done=True))

    def _batch_ended(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._due:
            steps = self._param("steps")
            done = int(batch) + 1 if steps is None else min(int(batch) + 1, steps)  # several steps in one execution
            self._look(self._progress(numbers(logs), batch=done, n_batches=steps))
            self.within(self._epoch)

    def _look(self, progress: Progress) -> None:
        with self.budget.looking():
            self.look(progress)
        self._looked = self.budget.trained

    @property
    def _due(self) -> bool:
        if isinstance(self.every, float):
            return self.budget.trained - self._looked >= self.every
        return self.budget.allows

    def _progress(self, logs: Mapping[str, float] | None = None, **more: Any) -> Progress:
        told = self._logs if logs is None else logs
        return Progress(epoch=self._epoch, n_epochs=self._param("epochs"), logs=told, **more)

    def _param(self, name: str) -> int | None:
        value = (self.params or {}).get(name)
        return None if value is None else int(value)


def shares_weights(model: keras.Model, trained: keras.Model) -> bool:
    """Whether training one model changes the other."""
    if model is trained:
        return True
    own = {id(variable) for variable in model.weights}
    return any(id(variable) in own for variable in trained.weights)


def numbers(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """What logs hold, as far as it is one number each."""
    found = {}
    for name, value in (logs or {}).items():
        try:
            found[str(name)] = float(np.asarray(value, np.float64).mean())
        except (TypeError, ValueError):
            continue
    return found
