"""Filters that tell nothing: dead, constant or saturated over some series, or not a number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
STATES = ("", "dead", "constant", "saturated", "not a number")
"""What `filter_states` tells of a filter, by number."""
NEAR = 0.01  # of the way from one bound to the other that still counts as at a bound
OFTEN = 0.95  # of all steps at a bound that make a filter saturated

# Where an activation's slope vanishes on both sides. Not softmax, whose entries compete: most of them are near 0 when
# all is well. Of relu6 the upper bound alone: at 0 it is silent as any relu is, which `dead` tells.
_BOUNDS: dict[str, tuple[float, float]] = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "sparsesigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu6": (-np.inf, 6.0),
}


def filter_states(series: Iterable[Floats], bounds: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """What is wrong with each filter over all steps of some series, as a number in `STATES`.

    Parameters
    ----------
    series : arrays of shape (n_steps, n_filters)
        A layer's answers, without its padded steps.
    bounds : (lowest, highest) that the layer's activation function can give, as `bounds` returns them

    Returns
    -------
    ndarray of shape (n_filters,), uint8
        The first that holds of: not a number, where one value or more is NaN or infinite; saturated, within 1 % of the
        way between the bounds from one of them at 95 % of the steps or more; dead, 0 everywhere; constant, one other
        value everywhere. 0, nothing, where this is not so, and where less than two values are known.
    """
    low: Any = np.inf
    high: Any = -np.inf
    unreal: Any = False
    bound: Any = 0
    n_steps = 0
    for one in series:
        values = np.atleast_2d(one)
        finite = np.isfinite(values)
        low = np.minimum(low, np.where(finite, values, np.inf).min(axis=0, initial=np.inf))
        high = np.maximum(high, np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf))
        unreal = unreal | ~finite.all(axis=0)
        n_steps += len(values)
        if bounds is not None:
            bound = bound + _at_bound(values, *bounds)
    return states_of(low, high, unreal, n_steps, None if bounds is None else bound)


def states_of(low: Any, high: Any, unreal: Any, n: Any, n_bound: Any = None) -> NDArray[np.uint8]:
    """The same from what is known of each filter's values: one definition for a gallery's signs and for statistics.

    low, high : the least and the greatest finite value, inf and -inf without any; unreal : whether one is not finite.
    n, n_bound : how many values there are, and how many lie at a bound; None for a function without bounds.
    """
    found = np.zeros(np.shape(low), np.uint8)
    enough = np.asarray(n) > 1
    with np.errstate(invalid="ignore"):  # inf - inf of a filter without a value, which is told below
        same = high - low <= 1e-6 * np.maximum(np.abs(low), np.abs(high))
    found[enough & same] = STATES.index("constant")
    found[enough & (low == 0) & (high == 0)] = STATES.index("dead")
    if n_bound is not None:  # also where it is at a bound so far that nothing changes
        found[enough & (n_bound >= OFTEN * np.asarray(n))] = STATES.index("saturated")
    found[unreal] = STATES.index("not a number")
    return found


def _at_bound(values: Floats, low: float, high: float) -> NDArray[np.int64]:
    """At how many steps each filter is at one bound or the other."""
    least, most = ends((low, high))
    count: NDArray[np.int64] = ((values <= least) | (values >= most)).sum(axis=0)
    return count


def ends(bounds: tuple[float, float]) -> tuple[float, float]:
    """(a, b): values up to a and from b on lie at a bound; a bound that is infinite is none."""
    low, high = bounds
    near = NEAR * (high - low if np.isfinite(low) else high)
    return low + near, high - near


def bounds(operation: Any) -> tuple[float, float] | None:
    """Lowest and highest value of a layer's or operation's activation function; None if it has no such bounds."""
    if isinstance(operation, keras.layers.TimeDistributed):
        return bounds(operation.layer)
    if isinstance(operation, keras.layers.Bidirectional):
        return bounds(operation.forward_layer) if operation.merge_mode in ("concat", "ave", None) else None
    gate = getattr(operation, "recurrent_activation", None)
    if gate is not None and _BOUNDS.get(_name(gate)) != (0.0, 1.0):
        return None  # gates that leave 0 to 1 let the states leave the bounds
    if isinstance(operation, keras.layers.ReLU):
        top = operation.max_value
        return None if top is None else (-np.inf, float(top))
    activation = getattr(operation, "activation", None)
    return _BOUNDS.get(_name(type(operation) if activation is None else activation))


def _name(function: Any) -> str:
    return getattr(function, "__name__", "").replace("_", "").lower()
