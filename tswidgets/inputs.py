"""Sets of samples for models that take several arrays at a time, on one time axis or on several."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.samples import Samples


class SeveralInputs(Samples):
    """Samples of which each is several arrays, seen from one time axis: those that run along it are drawn together.

    Parameters
    ----------
    X : dict of arrays by input name
        Each of shape (n_samples, n_timesteps, n_channels) or (n_samples, n_timesteps), or a list of series; or
        (n_samples, n_features) for an input without time steps.
    flat : dict
        By input name, whether the model takes it without a channel axis.
    integers : dict
        By input name, whether the model reads whole numbers.
    as_list : bool
        Whether the model takes a list in the order of X, and not a dict.
    apart : sequence of sets of str
        Names of inputs that run along one time axis, though others may be as long: `time_axes` tells. Those of
        different lengths are apart anyhow.

    Raises
    ------
    TypeError, ValueError
        If an array is not what `Samples` takes, or if they have different numbers of samples.
    """

    def __init__(
        self,
        X: Mapping[str, Any],
        *,
        flat: Mapping[str, bool],
        integers: Mapping[str, bool],
        as_list: bool,
        apart: Sequence[Collection[str]] = (),
    ) -> None:
        self._as_list = as_list
        self.parts = {name: Samples(values, integers=integers[name]) for name, values in X.items()}
        _validate.same_number({name: len(part) for name, part in self.parts.items()})
        for name, part in self.parts.items():
            part.flat = flat[name]
        timed = [name for name in self.parts if not flat[name]] or list(self.parts)
        self._static = [name for name in self.parts if name not in timed]
        self._axes: list[list[str]] = []
        for name in timed:
            axis = next((axis for axis in self._axes if self._together(axis[0], name, apart)), None)
            if axis is None:
                self._axes.append(axis := [])
            axis.append(name)
        self.flat = False
        self._stand(0)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_axes(self) -> int:
        return len(self._axes)

    def on(self, axis: int) -> SeveralInputs:
        """The same samples, seen from another time axis."""
        other = copy(self)
        other._stand(axis)
        return other

    @property
    def name(self) -> str:
        return ", ".join(self._drawn)

    def _together(self, first: str, second: str, apart: Sequence[Collection[str]]) -> bool:
        same = self.parts[first].lengths == self.parts[second].lengths
        return same and not any((first in group) != (second in group) for group in apart)

    def _stand(self, axis: int) -> None:
        """See everything from this time axis."""
        self._drawn = self._axes[axis]
        self.lengths = self.parts[self._drawn[0]].lengths
        self.n_channels = sum(self.parts[name].n_channels for name in self._drawn)
        self.step_shape = (self.n_channels,)

    def __getitem__(self, i: Any) -> NDArray[Any]:
        """The channels of all inputs that are drawn, side by side."""
        return np.concatenate([self.parts[name][i].astype(np.float32) for name in self._drawn], axis=1)

    def batch(self, i: int) -> Any:
        """Sample i as the model takes it: a list or dict of arrays with a sample axis of 1."""
        batches = {name: part.batch(i) for name, part in self.parts.items()}
        return list(batches.values()) if self._as_list else batches

    def one(self, i: int) -> Any:
        parts = {name: part.one(i) for name, part in self.parts.items()}
        return list(parts.values()) if self._as_list else parts

    def take(self, indices: Sequence[int]) -> Any:
        batches = {name: part.take(indices) for name, part in self.parts.items()}
        return list(batches.values()) if self._as_list else batches

    def drawn(self, values: Any) -> NDArray[Any]:
        by_name = dict(zip(self.parts, values, strict=True)) if self._as_list else values
        return np.concatenate([self.parts[name].drawn(by_name[name]) for name in self._drawn], axis=1)

    def lengths_of(self, i: int) -> tuple[int | None, ...]:
        lengths = {name: part.lengths[i] * (1 if name in self._drawn else -1) for name, part in self.parts.items()}
        lengths |= dict.fromkeys(self._static, 0)
        return tuple(lengths[name] for name in (self.parts if self._as_list else sorted(self.parts)))

    def _size(self, i: int) -> tuple[int, ...]:
        return tuple(part.lengths[i] for part in self.parts.values())

    @property
    def channel_names(self) -> list[str]:
        return [
            f"{name} {i}" if self.parts[name].n_channels > 1 else name
            for name in self._drawn
            for i in range(self.parts[name].n_channels)
        ]

    @property
    def note(self) -> str:
        others = [name for axis in self._axes if axis is not self._drawn for name in axis]
        left = {"on another time axis": others, "not drawn, having no time steps": self._static}
        return " · ".join(f"{why}: {', '.join(names)}" for why, names in left.items() if names)
