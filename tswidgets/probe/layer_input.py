"""What a layer is given within a model's run, and what it makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe.attending import MASK, arguments
from tswidgets.probe.intercept import Call, is_tensor, mask_of
from tswidgets.probe.probe import Probe

Floats = NDArray[np.float32]
BEFORE = ":pre-activation"


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer that reads one series.

    x : ndarray of shape (n_samples, n_timesteps, n_channels), float32, what it was given.
    absent : bool ndarray of shape (n_samples, n_timesteps), True where the mask that came with it tells of padding.
    output : ndarray, what the tap is; `before` is what went into the layer's activation function, None where it has
        none, or where the tap itself is that.
    """

    x: Floats
    absent: NDArray[np.bool_]
    output: Floats
    before: Floats | None


def layer_call(probe: Probe, x: Any, tap: str) -> LayerCall | None:
    """The call that a tap is the result of, for a batch; None if it was not given one series.

    The layer's input is taken from the model's own run, wherever it comes from: another layer, an operation of the
    user's own, the first or the second call of a shared layer.
    """
    observed = probe.observe(x)
    if tap not in observed:
        _validate.not_reached(tap)
    found = probe.at_call(x, tap, _given)
    if not found:
        return None
    given, mask = found
    if given.ndim != 3:
        return None
    there = mask is not None and mask.shape == given.shape[:2]
    absent = ~np.asarray(mask, bool) if there else np.zeros(given.shape[:2], bool)
    before = observed.get(tap + BEFORE)
    numbers = [None if one is None else np.asarray(one, np.float32) for one in (given, observed[tap], before)]
    return LayerCall(numbers[0], absent, *numbers[1:])  # type: ignore[arg-type]


def is_before_activation(probe: Probe, tap: str) -> bool:
    """Whether a tap is what a layer computes before its own activation function."""
    layer = tap.removesuffix(BEFORE)
    operations = {one.name: probe.calls.operation(one.name) for one in probe.taps if one.name in (tap, layer)}
    return layer != tap and layer in operations and operations[layer] is operations[tap]


def _given(call: Call) -> Any:
    """(what the call was given first, its mask or None), as tensors; nothing if that is no tensor."""
    given = arguments(call)
    first = next(iter(given.values()), None)
    if not is_tensor(first):
        return ()
    mask = given.get(MASK)
    return first, mask_of(first) if mask is None else mask
