"""What some layers answered to one sample after every epoch of a training."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.activations import Activations

Floats = NDArray[np.float32]
MOST_BYTES = 128 * 2**20


@dataclass(frozen=True, eq=False)
class Moment:
    """One epoch.

    epoch : counted from 1, as Keras prints it; 0 for what was there before the first.
    layers : layer → its answer to the sample; `low` and `high` its range, two ndarrays of shape (n_filters,).
    prediction : ndarray, what the model answered.
    """

    epoch: int
    layers: Mapping[str, Activations]
    prediction: Floats
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]

    @property
    def nbytes(self) -> int:
        return self.prediction.nbytes + sum(layer.values.nbytes for layer in self.layers.values())


class TrainingRecord:
    """What some layers answered to one sample, and what the model did, after the epochs of a training.

    It holds 128 MiB at most: when there is more, every second epoch is forgotten, and from then on one in two, in four,
    … is kept, as `every` says. The first and the newest are always there, and losses and metrics of all epochs.

    sample : index of the sample in the explorer's X.
    layers : names of the layers.
    every : one epoch in so many is kept.
    """

    def __init__(self, sample: int, layers: Sequence[str], *, most_bytes: int | None = None) -> None:
        self.sample, self.layers, self.every = sample, list(layers), 1
        self._most, self._lock = MOST_BYTES if most_bytes is None else most_bytes, threading.Lock()
        self._moments: list[Moment] = []
        self._logs: dict[int, dict[str, float]] = {}

    def __repr__(self) -> str:
        return f"TrainingRecord(sample {self.sample} of {', '.join(self.layers)}: {len(self.epochs)} epochs)"

    @property
    def epochs(self) -> NDArray[np.int64]:
        """int ndarray of shape (n_epochs,): the epochs that are kept, counted from 1; 0 is before the training."""
        return np.array([moment.epoch for moment in self.moments], np.int64)

    def activations(self, layer: str) -> Floats:
        """ndarray of shape (n_epochs, n_steps, n_filters), or (n_epochs, n_units) of a layer without a time axis."""
        return np.stack([moment.layers[layer].values for moment in self.moments])

    @property
    def predictions(self) -> Floats:
        """ndarray of shape (n_epochs, …): what the model answered to the sample."""
        return np.stack([moment.prediction for moment in self.moments])

    @property
    def history(self) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Name of a loss or metric → (epochs, values), of every epoch that told it."""
        with self._lock:
            logs = sorted(self._logs.items())
        names = dict.fromkeys(name for _, one in logs for name in one)
        told = {name: [(epoch, one[name]) for epoch, one in logs if name in one] for name in names}
        return {
            name: (np.array([epoch for epoch, _ in pairs]), np.array([value for _, value in pairs], np.float64))
            for name, pairs in told.items()
        }

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept of the layers."""
        return sum(moment.nbytes for moment in self.moments)

    @property
    def moments(self) -> list[Moment]:
        """All that is kept, earliest first."""
        with self._lock:
            return list(self._moments)

    @property
    def last(self) -> int:
        """The newest epoch; −1 before the first is added."""
        moments = self.moments
        return moments[-1].epoch if moments else -1

    def goes_on(self, epoch: int, sample: int, layers: Sequence[str]) -> bool:
        """Whether a training that begins after `epoch` epochs goes on where this record ends."""
        return (self.sample, self.layers, self.last) == (sample, list(layers), epoch) and epoch > 0

    def add(self, epoch: int, layers: Mapping[str, Activations], prediction: Floats, logs: Mapping[str, float]) -> None:
        """Keep an epoch, later than all that are there."""
        ranges = {name: _range(layer.values) for name, layer in layers.items()}
        moment = Moment(
            epoch=epoch,
            layers={name: replace(layer, values=layer.values.copy()) for name, layer in layers.items()},
            prediction=prediction.copy(),
            low={name: low for name, (low, _) in ranges.items()},
            high={name: high for name, (_, high) in ranges.items()},
        )
        with self._lock:
            self._logs[epoch] = dict(logs)
            kept = [*self._moments, moment]
            first = kept[0].epoch
            while True:
                kept = [one for one in kept if one is moment or (one.epoch - first) % self.every == 0]
                if len(kept) <= 2 or sum(one.nbytes for one in kept) <= self._most:
                    break
                self.every *= 2
            self._moments = kept


def _range(values: Floats) -> tuple[Floats, Floats]:
    """Smallest and largest finite value of each filter; (inf, -inf) of one without."""
    flat = values.reshape(-1, values.shape[-1])
    finite = np.isfinite(flat)
    low = np.where(finite, flat, np.float32(np.inf)).min(axis=0)
    return low, np.where(finite, flat, np.float32(-np.inf)).max(axis=0)
