"""What one look into a model found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets.probe.axes import Length


class Observation(dict[str, NDArray[Any]]):
    """Tap name → read-only ndarray with the batch axis, of one run of a model.

    masks : tap name → bool ndarray of shape (n_samples, n_timesteps), False where the step is padding; only taps that
        carry a mask.
    output : what the model returned, as ndarrays in the model's own structure; `outputs` is the same as a flat list.
    lengths : number of time steps of every input on the time axis of the first; 0 for one that has no steps, −n for
        one of n steps on an axis of its own. `on` gives the same look from that axis.
    given : tap name → what a recurrent layer was given, `sequence`, `mask` and `initial_state`; only where all taps
        were observed.
    version : checksum of the weights that it was made with, `Probe.version()`.
    """

    masks: dict[str, NDArray[np.bool_]]
    output: Any
    outputs: list[NDArray[Any]]
    lengths: tuple[Length, ...]
    given: dict[str, Any]
    version: bytes

    def __init__(
        self,
        results: dict[str, Any],
        masks: dict[str, Any],
        output: Any,
        lengths: tuple[Length, ...],
        version: bytes = b"",
        given: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(results)
        self.masks = masks
        self.output = output
        self.outputs = tree.flatten(self.output)
        self.lengths, self.version, self.given = lengths, version, given or {}

    @cached_property
    def nbytes(self) -> int:
        given = [array for array in tree.flatten(list(self.given.values())) if array is not None]
        return sum(array.nbytes for array in [*self.values(), *given])

    def on(self, lengths: tuple[Length, ...]) -> Observation:
        """The same look from another time axis."""
        return Observation(self, self.masks, self.output, lengths, self.version, self.given)

    def only(self, taps: Collection[str]) -> Observation:
        """The same look at fewer taps."""
        results = {name: array for name, array in self.items() if name in taps}
        masks = {name: mask for name, mask in self.masks.items() if name in taps}
        return Observation(results, masks, self.output, self.lengths, self.version)


@dataclass(frozen=True, eq=False)
class Gradient:
    """Gradient of one number of a model's output for every sample.

    values : ndarray of shape (n_samples, n_timesteps, n_channels), or of a tap; for several inputs their structure.
    score : ndarray of shape (n_samples,), the numbers that were differentiated.
    absent : bool ndarray of shape (n_samples, n_steps), True where a step is padding that the model masks; None where
        nothing is masked.
    """

    values: Any
    score: NDArray[np.float32]
    absent: NDArray[np.bool_] | None


def as_arrays(nested: Any) -> Any:
    """Nested tensors as read-only ndarrays in their own structure; None stays None."""
    if type(nested) is dict:
        return {name: as_arrays(part) for name, part in nested.items()}
    if not tree.is_nested(nested):
        return _array(nested)
    return tree.map_structure(_array, nested)


def _array(tensor: Any) -> NDArray[Any] | None:
    if tensor is None:
        return None
    array = np.asarray(tensor)
    if array.dtype.kind not in "biuSUO" and array.dtype != np.float32:  # float16, float64, and bfloat16 of kind V
        array = array.astype(np.float32)
    array.flags.writeable = False
    return array
