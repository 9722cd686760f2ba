"""An explorer's picture that follows a training."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tswidgets import _validate
from tswidgets.analysis.training import Progress, TrainingWatch, shares_weights
from tswidgets.analysis.training_record import TrainingRecord
from tswidgets.probe.weights import distrust
from tswidgets.widgets import text
from tswidgets.widgets.explorer import Explorer

logger = logging.getLogger(__name__)
PATIENCE = 10.0  # seconds that a training waits for a picture
LATER = 0.5  # seconds after which it is found out whether a callback further down has changed the weights at the end
WARM_UP = 2  # pictures after which a model's programs are as fast as they get


class LiveCallback(TrainingWatch):
    """The explorer's picture follows the training: `model.fit(…, callbacks=[tsw.LiveCallback(explorer)])`.

    A picture is computed while the training waits, so that it is of one state of the weights, and the training goes on
    as it would have: weights, history and random numbers are the same, bit by bit. Pictures take 3 % of the training's
    time at most: where they cost more, some are left out. The last state is always shown. Put it last in the list of
    callbacks, behind those that change weights, such as `EarlyStopping(restore_best_weights=True)`.

    Parameters
    ----------
    explorer : Explorer
        On the model that is trained, or one that shares weights with it. Its sliders work meanwhile where the front end
        delivers them. Once it is closed, the training goes on without pictures.
    every : "epoch", "batch" or float
        When there may be a picture: after an epoch or after a batch, within the 3 %; or after so many seconds of
        training, whatever pictures cost. Keras waits for the results of every batch where it is not "epoch".
    record : bool
        Keep what some layers answer to one sample after every epoch, for the explorer's panel `training` and in
        `record`. It takes a run of the model for one sample each epoch, beside the 3 %.
    layers : list of str, optional
        Names of the layers that are recorded; by default the one that the explorer shows when the training begins.
    sample : int, optional
        Index of the sample that is recorded; by default the one that the explorer shows when the training begins.

    Attributes
    ----------
    record : TrainingRecord or None
        What has been recorded. A training that goes on where the last one ended (`initial_epoch`) is added to it; any
        other begins a new one.

    Raises
    ------
    TypeError, ValueError, IndexError
        What was expected, what was got and what to do; at the beginning of a training also where the explorer shows a
        model that shares no weights with the one that is trained.
    """

    def __init__(
        self,
        explorer: Explorer,
        every: str | float = "epoch",
        record: bool = False,
        *,
        layers: Sequence[str] | None = None,
        sample: int | None = None,
    ) -> None:
        _validate.an_explorer(explorer, fits=isinstance(explorer, Explorer))
        given = {"layers": layers, "sample": sample}
        if not record:
            _validate.only_recorded([name for name, value in given.items() if value is not None])
        super().__init__(every)
        self._explorer, self._said_closed = explorer, False
        self._recorder = explorer._recorder(layers, sample) if record else None
        for _ in range(WARM_UP):  # what is slow the first time is no part of the training, and tells what a look costs
            with self.budget.looking():
                self._picture()

    def __repr__(self) -> str:
        return f"LiveCallback({self._explorer!r}, every={self.every!r}, record={self._recorder is not None})"

    @property
    def record(self) -> TrainingRecord | None:
        return None if self._recorder is None else self._recorder.record

    def begin(self, model: Any) -> None:
        explored = self._explorer.model
        if model is not None and not shares_weights(explored, model):
            _validate.not_trained(explored.name, model.name)

    def first(self, epoch: int) -> None:
        if self._recorder is not None:
            distrust(self._explorer.model)
            self._recorder.begin(epoch)

    def within(self, epoch: int) -> None:
        self._explorer._within(f"within epoch {epoch:,}")

    def keep(self, progress: Progress) -> None:
        if self._recorder is not None:
            distrust(self._explorer.model)  # what a slider has asked for meanwhile may be of half an update
            self._recorder.keep(progress.epoch, progress.logs)

    def tell(self, progress: Progress) -> None:
        if not self._explorer.closed:
            self._explorer._follow(words(progress), moment(progress))

    def look(self, progress: Progress) -> None:
        self.tell(progress)
        if not self._picture(give_up=not progress.done):
            late = f"picture left out: not ready after {PATIENCE:g} s"
            if not progress.done and not self._explorer.closed:
                self._explorer._follow(f"{words(progress)} · {late}", moment(progress))

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        super().on_train_end(logs)
        if not self._explorer.closed and self._explorer._works_beside:
            late = threading.Timer(LATER, self._explorer._look_again, (self._explorer._version,))
            late.daemon = True
            late.start()

    def _picture(self, *, give_up: bool = True) -> bool:
        """Whether the state of the weights is shown now; what goes wrong is shown, and logged where it was caught."""
        if self._explorer.closed:
            if not self._said_closed:
                logger.warning("the explorer is closed: the training goes on without pictures")
            self._said_closed = True
            return False
        distrust(self._explorer.model)
        try:
            return self._explorer._show_now(PATIENCE, give_up=give_up)
        except Exception:
            return True


def moment(progress: Progress) -> str:
    """Which state of the weights it is, "" for that after the training."""
    if progress.done:
        return ""
    return f"epoch {progress.epoch:,}" + ("" if progress.batch is None else f", batch {progress.batch:,}")


def words(progress: Progress) -> str:
    """`epoch 3 of 20 · batch 12 of 100 · loss 0.41`."""
    of = "" if progress.n_epochs is None else f" of {progress.n_epochs:,}"
    where = [f"epoch {progress.epoch:,}{of}"]
    if progress.done:
        where = [f"trained {progress.epoch:,} epoch{'' if progress.epoch == 1 else 's'}"]
    elif progress.batch is not None:
        of = "" if progress.n_batches is None else f" of {progress.n_batches:,}"
        where.append(f"batch {progress.batch:,}{of}")
    return " · ".join([*where, *(f"{name} {text.number(value)}" for name, value in progress.logs.items())])
