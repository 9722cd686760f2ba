"""What a method shows of a model whose weights have been shuffled, layer by layer."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.again import again, flattened
from tswidgets.analysis.attribution import Attribution
from tswidgets.analysis.ranks import likeness
from tswidgets.probe import Probe
from tswidgets.probe.other_weights import OtherWeights

Cascade = tuple[tuple[str, float], ...]
"""(layer, rank correlation with the map of a copy whose layers are shuffled from the output down to this one)."""
SAME = 1e-4  # difference of two maps, as a share of the largest value, that is nothing but rounding


class Copy:
    """A model with weights of its own, which start as the model's: same programs, no layer made anew."""

    def __init__(self, model: keras.Model, x: Any) -> None:
        self.weights = OtherWeights(model)
        self.probe = Probe(model, x, self.weights)

    def fits(self, model: keras.Model) -> bool:
        own = [id(variable) for variable, _ in self.weights.pairs()]
        return own == [id(variable) for variable in model.weights]

    def reset(self) -> None:
        for own, _ in self.weights.pairs():
            self.weights.instead_of(own).assign(own)


def layers_with_weights(probe: Probe) -> list[tuple[str, keras.Layer]]:
    """(name, layer), each once, from the output to the input.

    A layer that holds others, such as a nested model, is taken apart, unless it has weights beside theirs. Weights of
    no layer, in the code of a subclassed model, come last, together with all others.
    """
    names: dict[int, str] = {}
    layers: dict[int, keras.Layer] = {}  # in the order of their last calls
    for node in (node for run in probe.calls.runs.values() for node in run.nodes):
        key, name = id(node.operation), node.taps[0]
        if isinstance(node.operation, keras.Layer) and not name.endswith(":pre-activation"):
            names.setdefault(key, name)
            layers[key] = layers.pop(key, node.operation)
    weights = [(key, {id(one) for one in layer.weights}) for key, layer in layers.items()]
    left, found = {id(one) for one in probe.model.weights}, []
    for i, (key, own) in reversed([*enumerate(weights)]):
        # What is inside has ended its call before, and may have all the weights that there are.
        inner = set().union(*(held for j, (_, held) in enumerate(weights) if held < own or (held == own and j < i)))
        if own & left and own - inner:
            found.append((names[key], layers[key]))
            left -= own
    return [*found, (probe.model.name, probe.model)] if left else found


_idle: weakref.WeakKeyDictionary[keras.Model, Copy] = weakref.WeakKeyDictionary()


@contextmanager
def copied(model: keras.Model, x: Any) -> Iterator[Copy]:
    """A copy that nobody else uses meanwhile; the compiled programs are kept for the next one who asks."""
    copy = _idle.pop(model, None)
    if copy is None or not copy.fits(model):
        copy = Copy(model, x)
    try:
        yield copy
    finally:
        _idle[model] = copy


def shuffled(copy: Copy, x: Any, attribution: Attribution, n_shuffles: int, seed: int) -> Iterator[Cascade | None]:
    """Cascades, better and better; None while nothing new is known.

    Of every layer the larger of the two mean rank correlations over the shuffles, of values and of magnitudes, so that
    neither a mere change of sign nor one of strength counts as another map. A layer that the map and the score of
    this series do not depend on is left out. NaN where the copies answer nothing finite.

    Source: Adebayo et al., "Sanity checks for saliency maps", 2018. Departures: weights are shuffled within each
    array of a layer and not drawn anew, so that they stay as large as they were; the correlations are over the cells
    that carry the maps.
    """
    layers = layers_with_weights(copy.probe)
    found = np.full((n_shuffles, len(layers), 2), np.nan)
    counts = np.zeros(len(layers), bool)
    for i in range(n_shuffles):
        rng, before = np.random.default_rng([seed, i]), (attribution.score, flattened(attribution.values))
        copy.reset()
        for k, (_, layer) in enumerate(layers):
            copy.weights.shuffle(layer, rng)
            try:
                other = yield from again(copy.probe, x, attribution)
            except ValueError:  # what such a copy answers is not finite
                counts[k], before = True, (np.nan, np.empty(0))
            else:
                now = other.score, flattened(other.values)
                found[i, k] = likeness(flattened(attribution.values), now[1])
                counts[k] |= not _same(before, now)
                before = now
            seen = len(layers) if i else k + 1
            yield tuple((name, _larger(found[: i + 1, j])) for j, (name, _) in enumerate(layers[:seen]) if counts[j])


def _same(one: tuple[float, NDArray[np.float64]], other: tuple[float, NDArray[np.float64]]) -> bool:
    if one[1].shape != other[1].shape or abs(one[0] - other[0]) > SAME * abs(other[0]):
        return False
    return bool(np.allclose(one[1], other[1], rtol=0, atol=SAME * float(np.abs(other[1]).max(initial=0.0))))


def _larger(correlations: NDArray[np.float64]) -> float:
    """Of (n_shuffles, 2) the larger of both means over the shuffles that have one."""
    finite = correlations[np.isfinite(correlations).all(axis=1)]
    return float(finite.mean(axis=0).max()) if len(finite) else float("nan")
