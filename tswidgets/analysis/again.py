"""A map made again, in the same way but for one thing."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets.analysis.attribution import STEPS, Attribution
from tswidgets.analysis.methods import METHODS
from tswidgets.analysis.ranks import likeness
from tswidgets.probe import Probe


def again(probe: Probe, x: Any, attribution: Attribution, **changed: Any) -> Generator[None, None, Attribution]:
    """The same method, target and options once more; yields while it works."""
    options = {**attribution.options, **changed}
    if attribution.method in STEPS:
        steps = STEPS[attribution.method](probe, x, attribution.target, **options)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found: Attribution = end.value
                return found
            yield
    return METHODS[attribution.method](probe, x, attribution.target, **options)


def other_baseline(probe: Probe, x: Any, attribution: Attribution) -> Generator[None, None, float | None]:
    """Rank correlation of two maps that differ in what the series is compared with; None where it is with nothing."""
    options, one = attribution.options, attribution
    name = next((name for name in ("baseline", "fill", "background") if name in options), None)
    if name is None:
        return None
    if name == "background":
        halves = [np.asarray(options[name])[k::2] for k in (0, 1)]
        if not len(halves[1]):
            return None
        one = yield from again(probe, x, attribution, background=halves[0])
        other = yield from again(probe, x, attribution, background=halves[1])
    else:
        mean = isinstance(options[name], str) and options[name] == "mean"
        other = yield from again(probe, x, attribution, **{name: 0.0 if mean else "mean"})
    return likeness(flattened(one.values), flattened(other.values))[0]


def flattened(maps: Any) -> NDArray[np.float64]:
    """The values of a map, or of one for each input: (n,)."""
    return np.concatenate([np.ravel(one).astype(np.float64) for one in tree.flatten(maps)])
