"""Sets of samples for models that take several arrays at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.samples import Samples


class SeveralInputs(Samples):
    """Samples of which each is several arrays, of which those with one length are drawn together.

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

    Raises
    ------
    TypeError, ValueError
        If an array is not what `Samples` takes, or if they have different numbers of samples.
    """

    def __init__(
        self, X: Mapping[str, Any], *, flat: Mapping[str, bool], integers: Mapping[str, bool], as_list: bool
    ) -> None:
        self._as_list = as_list
        self.parts = {name: Samples(values, integers=integers[name]) for name, values in X.items()}
        _validate.same_number({name: len(part) for name, part in self.parts.items()})
        for name, part in self.parts.items():
            part.flat = flat[name]
        timed = [name for name in self.parts if not flat[name]] or list(self.parts)
        main = self.parts[timed[0]]
        self.flat, self.lengths = False, main.lengths
        self._drawn = [name for name in timed if self.parts[name].lengths == main.lengths]
        self._static = [name for name in self.parts if name not in timed]
        self.n_channels = sum(self.parts[name].n_channels for name in self._drawn)

    def __len__(self) -> int:
        return len(self.lengths)

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
        lengths = {name: self.lengths[i] if name in self._drawn else None for name in self.parts}
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
        left = [name for name in self.parts if name not in self._drawn]
        return f"not drawn, having no step in common: {', '.join(left)}" if left else ""
