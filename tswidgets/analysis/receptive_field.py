"""Which input steps a layer's steps can see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe import as_probe
from tswidgets.probe.axes import declared


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """The input steps that reach each step of a layer, for a series of `n_timesteps`.

    layer : the tap's name.
    lo, hi : int ndarrays of shape (n_steps,): first and last input step, both inclusive; `lo > hi` where a step sees
        nothing but padding. A layer without a time axis has one step.
    centres : float ndarray of shape (n_steps,): the input step that a step belongs to; NaN where it belongs to none.
    """

    layer: str
    n_timesteps: int
    lo: NDArray[np.int64]
    hi: NDArray[np.int64]
    centres: NDArray[np.float32]

    @property
    def size(self) -> int:
        """How many input steps the widest step spans."""
        return int((self.hi - self.lo + 1).max(initial=0))

    @property
    def sees_everything(self) -> bool:
        """Whether every step can see the whole series, as after attention, a Flatten or a backward recurrence."""
        return len(self.lo) > 0 and bool((self.lo == 0).all() and (self.hi == self.n_timesteps - 1).all())

    def __repr__(self) -> str:
        sees = "all" if self.sees_everything else f"up to {self.size}"
        return f"ReceptiveField({self.layer!r}, {len(self.lo)} steps, each sees {sees} of {self.n_timesteps})"


def receptive_field(model: Any, layer: str, n_timesteps: int | None = None) -> ReceptiveField:
    """Which input steps each step of `layer` can see, exactly, through branches, strides and uneven padding.

    Parameters
    ----------
    model : keras.Model or Probe
    layer : str
        Name of a tap, as `Probe(model).taps` lists them.
    n_timesteps : int, optional
        Length of the series in steps: where fields begin and end depends on it. By default the length that the model is
        built for, or 1,024 if it takes any, or that of the first x of a model that does not say.

    Raises
    ------
    ValueError
        If the model has no such tap, if it does not take series of that length, or if a layer on the way does something
        to the time axis that cannot be followed.

    Source: Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill 2019; with exact
    index arrays instead of their closed form, clipped at the ends of the series.
    """
    probe = as_probe(model)
    name = probe.tap_name(layer)
    if n_timesteps is None:
        n_timesteps = probe.described_length
    _validate.length(n_timesteps, declared(probe.input_shapes), probe.model.name)
    timeline = probe.timelines(int(n_timesteps)).get(name)
    if timeline is None:
        _validate.unknown_field(name, next(tap.note for tap in probe.taps if tap.name == name))
    return ReceptiveField(name, int(n_timesteps), timeline.lo, timeline.hi, timeline.centres)
