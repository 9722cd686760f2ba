"""A set of time series and their labels, whatever container they came in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate


class Samples:
    """Series of shape (n_timesteps, n_channels), all of one length or each of its own.

    A model may take more axes at each step, (n_timesteps, n_rows, n_channels): they are drawn as channels side by side.

    Parameters
    ----------
    X : array of shape (n_samples, n_timesteps, n_channels), or (n_samples, n_timesteps) for one channel, or a list of
        arrays of shape (n_timesteps_i, n_channels)
        With further axes where the model takes them. Anything that NumPy can read: arrays, pandas, xarray. It is not
        copied; a series is converted when asked for.
    integers : bool
        Whether the model reads whole numbers (it begins with an Embedding) and not measurements.

    Raises
    ------
    TypeError, ValueError
        If X has another rank, is empty, holds no numbers, or series with different numbers of channels.
    """

    def __init__(self, X: Any, *, integers: bool = False) -> None:
        self._series = _validate.series(X, integers=integers)
        self._dtype = np.int32 if integers else np.float32
        self.step_shape: tuple[int, ...] = np.shape(self._series[0])[1:] or (1,)
        """Shape of one time step, (n_channels,) or more axes."""
        self.n_channels = math.prod(self.step_shape)
        self.lengths = [len(one) for one in self._series]
        self.flat = False
        """Whether the model takes a series without a channel axis: (n_timesteps,)."""

    def __len__(self) -> int:
        return len(self._series)

    def __getitem__(self, i: Any) -> NDArray[Any]:
        return self._whole(i).reshape(-1, self.n_channels)

    def batch(self, i: int) -> Any:
        """Series i as the model takes it: (1, n_timesteps, n_channels), (1, n_timesteps), or with further axes."""
        return self._whole(i)[None, :, 0] if self.flat else self._whole(i)[None]

    def one(self, i: int) -> Any:
        """Series i as the model takes it, without the sample axis."""
        return self.batch(i)[0]

    def take(self, indices: Sequence[int]) -> Any:
        """Some series, all of one length, as the model takes them: (n_indices, n_timesteps, n_channels)."""
        array = isinstance(self._series, np.ndarray)
        batch = np.asarray(self._series[indices] if array else [self._series[i] for i in indices], self._dtype)
        if self.flat:
            return batch[..., 0] if batch.ndim == 3 else batch
        return batch if batch.ndim > 2 else batch[..., None]

    def drawn(self, values: Any) -> NDArray[Any]:
        """Values of one sample, arranged as the model takes it, as they are drawn: (n_timesteps, n_channels)."""
        array = np.asarray(values)
        return array.reshape(len(array), -1)

    @property
    def n_axes(self) -> int:
        """How many time axes the model's inputs run along."""
        return 1

    @property
    def name(self) -> str:
        """What the inputs are called that are drawn; "" for a single one."""
        return ""

    def on(self, axis: int) -> Samples:
        """The same samples, seen from another time axis: that whose steps are drawn."""
        return self

    def lengths_of(self, i: int) -> tuple[int | None, ...]:
        """Number of time steps of every input of the model, as `Observation.lengths` counts them."""
        return (self.lengths[i],)

    def batches(self) -> list[list[int]]:
        """Indices of the samples that `take` takes together: those with as many steps as each other, in order."""
        found: dict[Any, list[int]] = {}
        for i in range(len(self)):
            found.setdefault(self._size(i), []).append(i)
        return list(found.values())

    def _size(self, i: int) -> tuple[int, ...]:
        return (self.lengths[i],)

    def _whole(self, i: Any) -> NDArray[Any]:
        """Series i with all its axes."""
        one = np.asarray(self._series[i], self._dtype)
        return one[:, None] if one.ndim == 1 else one

    @property
    def channel_names(self) -> list[str]:
        rows, last = self.step_shape[:-1], self.step_shape[-1]
        if not rows:
            return [f"channel {i}" for i in range(last)]
        names = [f"row {', '.join(map(str, row))}" for row in np.ndindex(*rows)]
        return names if last == 1 else [f"{name}, channel {i}" for name in names for i in range(last)]

    @property
    def note(self) -> str:
        """What of X is not drawn, in words."""
        return ""

    @property
    def series(self) -> Any:
        """All of them, in what they came in."""
        return self._series

    @property
    def longest(self) -> int:
        return max(self.lengths)

    def spread(self, most: int, most_steps: int = 100_000) -> list[int]:
        """Up to `most` indices, evenly spread over the set, of series that have about `most_steps` steps together."""
        count = max(1, min(most, len(self), most_steps // max(self.longest, 1)))
        return [int(i) for i in np.unique(np.linspace(0, len(self) - 1, count).astype(int))]


class Labels:
    """What the model should have answered: one class, one number, several, or one label per step for each sample.

    kind : `class`, `value`, `values` or `steps`.
    given : what is known of `y` as it came, classes as indices.
    """

    def __init__(
        self, y: Any, samples: Samples, output_shape: tuple[int, ...], class_names: Sequence[str] | None
    ) -> None:
        self.kind, self.given = _validate.labels(y, samples.lengths, output_shape, class_names)
        self._n_classes = 0  # of labels per step that are class numbers
        if self.kind == "steps" and len(output_shape) == 2 and _validate.are_class_numbers(self.given, output_shape[1]):
            self._n_classes = output_shape[1]

    def __getitem__(self, i: int) -> Any:
        """A class index, a float, or a float32 ndarray of shape (n_outputs,) or (n_timesteps, n_labels).

        Class numbers of steps come one-hot, as the outputs are.
        """
        if self.kind == "values":
            return np.asarray(self.given[i], np.float32)
        if self.kind == "steps":
            steps = np.asarray(self.given[i], np.float32).reshape(len(self.given[i]), -1)
            return (steps == np.arange(self._n_classes)).astype(np.float32) if self._n_classes else steps
        return int(self.given[i]) if self.kind == "class" else float(self.given[i])
