"""What is wrong with a model's layers, and where it begins: criteria, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis import wording
from tswidgets.analysis.dead import STATES
from tswidgets.analysis.layer_statistics import LayerStatistics, WeightStatistics
from tswidgets.analysis.made import BEFORE, Made

KINDS = ("not finite", "exploding", "vanishing", "dead", "constant", "saturated")
FAR = 1e4  # times larger than the data, or smaller: from sqrt(2)^22 = 2e3 to sqrt(2)^30 = 3e4 He et al. stop learning
HUGE = 1e18  # whose square float32 does not hold
MOST = {"dead": 0.9, "constant": 0.9, "saturated": 0.5}  # share of the filters from which on a layer is bad
FEW = 30  # values of a filter, of which fewer may all be 0 by chance
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one layer.

    layer : the tap's name; "X" for the data.
    kind : one of "not finite", "exploding", "vanishing", "dead", "constant", "saturated".
    filters : which filters; `n_filters` is how many the layer has.
    serious : whether the layer is bad for it; else it is a remark.
    message, todo : what is wrong, and what to try, in plain sentences.
    sample : number of the first sample in X that shows it, of what is not finite; else None.
    """

    layer: str
    kind: str
    filters: tuple[int, ...]
    n_filters: int
    serious: bool
    message: str
    todo: str
    sample: int | None = None

    def __str__(self) -> str:
        return f"{self.message} {self.todo}".strip()

    def __repr__(self) -> str:
        remark = "" if self.serious else ", a remark"
        return f"Finding({self.layer!r}, {self.kind!r}, {len(self.filters)} of {self.n_filters} filters{remark})"


def findings(layers: Sequence[LayerStatistics], weights: Sequence[WeightStatistics], made: Made) -> list[Finding]:
    """The gravest first, and of equally grave ones that which comes first in the run."""
    found = list(_Search({one.layer: one for one in layers}, weights, made))
    return sorted(found, key=lambda one: (not one.serious, one.kind not in ("not finite", "exploding")))


class _Search:
    """Goes through the layers in the order of the run, and leaves out what comes from a layer before."""

    def __init__(self, layers: dict[str, LayerStatistics], weights: Sequence[WeightStatistics], made: Made) -> None:
        self._layers, self._made = layers, made
        self._weights: dict[str, list[WeightStatistics]] = {}
        for weight in weights:
            self._weights.setdefault(weight.layer, []).append(weight)
        data = [layers[name] for name in made.inputs if name in layers and not _is_token(layers[name])]
        sizes = [one.size for one in data if np.isfinite(one.size)]
        self._size, self._least = max([1.0, *sizes]), min([1.0, *(size for size in sizes if size > 0)])
        self._untrained = any(one.name == "moving_mean" and one.zeros == 1 for one in weights)
        self._told: set[str] = set()  # layers of which something grave is said

    def __iter__(self) -> Iterator[Finding]:
        for name, layer in self._layers.items():
            if name.endswith(BEFORE):
                continue
            one = self._numbers(name, layer)
            if one is not None:
                self._told.add(self._made.first.get(name, name))
                yield one
            elif layer.n_finite.any() and not self._unreal(name):
                yield from self._filters(name, layer)

    # -- numbers that are out of hand ----------------------------------------------------------------------------------

    def _numbers(self, name: str, layer: LayerStatistics) -> Finding | None:
        told_beside = self._made.first.get(name, name) in self._told
        sources = self._made.sources.get(name, ())
        left_out = name in self._made.weighed and not layer.n_nan.any()  # by minus infinity, which a softmax takes
        if told_beside or left_out:
            return None
        lost = [one for one in self._weights.get(name, []) if one.n_nan + one.n_infinite]
        if self._unreal(name) or lost:
            comes = any(self._unreal(source) or self._most(source) > HUGE for source in sources)
            bad_weights_before = any(self._lost(one) for one in self._before(name))
            if (comes and not lost) or (lost and bad_weights_before):
                return None
            return self._not_finite(name, layer, lost)
        spoiled = any(self._unreal(source) for source in sources)  # pooling makes the lowest number there is of NaN
        if self._explodes(name) and not spoiled and not any(self._explodes(source) for source in sources):
            limit = FAR * self._size
            which = np.flatnonzero(_sizes(layer) > limit)
            message, todo = wording.exploding(layer, self._size, self._weights.get(name, []), self._made)
            which = which if len(which) else np.arange(layer.n_filters)
            return self._sized(layer, "exploding", which, message, todo)
        if self._vanishes(name) and not any(self._vanishes(source) for source in sources):
            message, todo = wording.vanishing(layer, self._least)
            return self._sized(layer, "vanishing", np.arange(layer.n_filters), message, todo)
        return None

    def _sized(self, layer: LayerStatistics, kind: str, which: NDArray[np.int64], message: str, todo: str) -> Finding:
        """A remark where nothing has been trained yet that would keep the size: it may be right after an epoch."""
        later = self._untrained and wording.greatest(layer) <= HUGE
        return self._finding(layer, kind, which, message, wording.UNTRAINED if later else todo, serious=not later)

    def _not_finite(self, name: str, layer: LayerStatistics, lost: list[WeightStatistics]) -> Finding:
        which = np.flatnonzero(layer.n_nan + layer.n_infinite)
        if name in self._made.inputs:
            message, todo = wording.data(layer, which)
        elif lost:
            others = [one for one in self._weights if one not in ("", name) and self._lost(one)]
            message, todo = wording.lost_weights(layer, lost, others)
        else:
            sources = [self._layers[one] for one in self._made.sources.get(name, ()) if one in self._layers]
            before = self._layers.get(name + BEFORE)
            own = [one.name for one in self._weights.get("", []) if one.n_nan + one.n_infinite]
            inside = before is not None and not (before.n_nan + before.n_infinite).any()
            message, todo = wording.made_here(layer, sources, self._made, in_activation=inside, model_weights=own)
        return self._finding(layer, "not finite", which, message, todo, sample=layer.first_sample)

    def _unreal(self, name: str) -> bool:
        layer = self._layers.get(name)
        return layer is not None and bool((layer.n_nan + layer.n_infinite).any())

    def _lost(self, name: str) -> bool:
        return any(one.n_nan + one.n_infinite for one in self._weights.get(name, []))

    def _before(self, name: str) -> Iterator[str]:
        for other in self._layers:
            if other == name:
                return
            yield other

    def _most(self, name: str) -> float:
        layer = self._layers.get(name)
        return 0.0 if layer is None else wording.greatest(layer)

    def _explodes(self, name: str) -> bool:
        layer = self._layers.get(name)
        if layer is None or not layer.n_finite.any():
            return False
        free = name in self._made.outputs or name in self._made.inputs
        return self._most(name) > HUGE or (layer.size > FAR * self._size and not free)

    def _vanishes(self, name: str) -> bool:
        layer = self._layers.get(name)
        if layer is None or name in self._made.inputs or name in self._made.outputs or int(layer.n.sum()) < FEW:
            return False
        squashed = self._made.activation.get(name) == "softmax"
        return not squashed and 0 < layer.size < self._least / FAR and not _still(layer).all()

    # -- filters that tell nothing -------------------------------------------------------------------------------------

    def _filters(self, name: str, layer: LayerStatistics) -> Iterator[Finding]:
        is_data = name in self._made.inputs
        if not is_data and (name not in self._made.makes or self._made.first.get(name) != name):
            return
        for kind in ("dead", "constant", "saturated"):
            which = layer.states == STATES.index(kind)
            if kind != "saturated":
                which &= ~self._inherited(name, layer)
            elif name in self._made.outputs:
                continue
            if kind != "constant":
                which &= (layer.n >= FEW) | (which.all() & (layer.n.sum() >= FEW))
            if not which.any():
                continue
            serious = float(which.mean()) >= MOST[kind]
            if is_data:
                serious, kind = bool(which.all()), "constant"
                message, todo = wording.constant_data(layer, np.flatnonzero(which))
            else:
                before, data = self._layers.get(name + BEFORE), self._size
                of_layer = self._weights.get(name, [])
                message, todo = wording.filters(kind, layer, np.flatnonzero(which), before, of_layer, data, serious)
            yield self._finding(layer, kind, np.flatnonzero(which), message, todo, serious=serious)

    def _inherited(self, name: str, layer: LayerStatistics) -> Flags:
        """Filters that tell nothing because nothing comes in."""
        none = np.zeros(layer.n_filters, bool)
        sources = [self._layers[one] for one in self._made.sources.get(name, ()) if one in self._layers]
        if sources and all(_still(one).all() for one in sources):
            return ~none
        if name not in self._made.mixes:
            for one in sources:
                if one.n_filters == layer.n_filters:
                    none |= _still(one)
        return none

    def _finding(
        self,
        layer: LayerStatistics,
        kind: str,
        which: NDArray[np.int64],
        message: str,
        todo: str,
        *,
        serious: bool = True,
        sample: int | None = None,
    ) -> Finding:
        filters = tuple(int(i) for i in which)
        return Finding(layer.layer, kind, filters, layer.n_filters, serious, message, todo, sample)


def _still(layer: LayerStatistics) -> Flags:
    return np.isin(layer.states, [STATES.index("dead"), STATES.index("constant")])


def _sizes(layer: LayerStatistics) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return np.sqrt(np.square(np.nan_to_num(layer.mean)) + np.square(np.nan_to_num(layer.std)))


def _is_token(layer: LayerStatistics) -> bool:
    return layer.word == "token"
