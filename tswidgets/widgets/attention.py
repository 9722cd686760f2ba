"""What a model's attention layers look at in one series, and where in time that is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.probe import Probe, Timeline
from tswidgets.probe.attention import attention_scores, attention_timelines
from tswidgets.samples import Samples

Floats = NDArray[np.float32]
KEPT = 4  # series whose scores are kept: those of long ones are large
KEPT_PLACES = 64  # layers and lengths for which the places in time are kept


@dataclass(frozen=True, eq=False)
class Places:
    """Which input steps the steps of query and key see, None where that is not known, and on which time axes."""

    query: Timeline | None = None
    keys: Timeline | None = None
    query_axis: int | None = None
    key_axis: int | None = None

    @property
    def across(self) -> bool:
        """Whether the queries are steps of another time axis than the keys."""
        return self.query_axis is not None and self.query_axis != self.key_axis

    def fitting(self, n_queries: int, n_keys: int) -> Places:
        """Without what has another number of steps than the layer tells of."""
        query = self.query is not None and len(self.query) == n_queries
        keys = self.keys is not None and len(self.keys) == n_keys
        return Places(
            self.query if query else None,
            self.keys if keys else None,
            self.query_axis if query else None,
            self.key_axis if keys else None,
        )


@dataclass(frozen=True, eq=False)
class Attended:
    """The attention of one layer for one series.

    scores : ndarray of shape (n_heads, n_query_steps, n_key_steps), the mean of `n_parts` where the model folds so many
        series into one sample, such as channels that do not meet.
    absent_queries, absent_keys : bool, (n_query_steps,) and (n_key_steps,), True at padding.
    places : where their steps lie in time.
    version : of the weights.
    """

    layer: str
    scores: Floats
    absent_queries: NDArray[np.bool_]
    absent_keys: NDArray[np.bool_]
    places: Places
    version: bytes
    n_parts: int = 1

    def shown(self, head: int | None) -> Floats:
        """(n_query_steps, n_key_steps): the scores of a head, or their mean over all; NaN at padding."""
        values = self.scores.mean(axis=0) if head is None else self.scores[head]
        absent = self.absent_queries[:, None] | self.absent_keys
        return np.where(absent, np.float32(np.nan), values)


class Attention:
    """Finds attention, and keeps what was found while the weights stay the same.

    layers : the taps that come from a layer which can be asked for its scores.
    """

    def __init__(self, probe: Probe, samples: Samples) -> None:
        self._probe, self._samples = probe, samples
        self._known: OrderedDict[Any, Attended] = OrderedDict()
        self._placed: OrderedDict[Any, Places] = OrderedDict()

    @property
    def layers(self) -> list[str]:
        return self._probe.calls.attending

    def layer(self, chosen: str) -> str:
        """The chosen layer if it attends, else the last that does, of those whose keys have a place in time if any."""
        layers = self.layers
        if chosen in layers:
            return chosen
        return [*layers[-1:], *(name for name in layers if self.key_axis(name) is not None)][-1]

    def key_axis(self, layer: str) -> int | None:
        """The time axis that the keys of an attention layer lie on."""
        return self._places(layer, 0).key_axis

    def find(self, layer: str, sample: int) -> Attended:
        """Raises ValueError where the layer's scores cannot be had."""
        key = layer, sample, self._probe.version()
        known = self._known.get(key)
        if known is None:
            found = attention_scores(self._probe, self._samples.batch(sample), layer)
            places = self._places(layer, sample).fitting(*found.scores.shape[2:])
            scores: Floats = found.scores[0] if len(found.scores) == 1 else found.scores.mean(axis=0)
            queries, keys = (np.asarray(one.all(axis=0)) for one in (found.absent_queries, found.absent_keys))
            known = self._known[key] = Attended(layer, scores, queries, keys, places, key[-1], len(found.scores))
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return known

    def _places(self, layer: str, sample: int) -> Places:
        on = [self._samples.on(axis) for axis in range(self._samples.n_axes)]
        lengths = tuple(samples.lengths_of(sample) for samples in on)
        key = layer, lengths, len(self._probe.calls.runs)
        known = self._placed.get(key)
        if known is None:
            known = _places([attention_timelines(self._probe, layer, one) for one in lengths])
            self._placed[key] = known
            while len(self._placed) > KEPT_PLACES:
                self._placed.popitem(last=False)
        return known


def _places(on: Sequence[tuple[Timeline | None, Timeline | None]]) -> Places:
    """Of timelines of query and key on every time axis those where they have a place, the key's axis before others."""
    key_axis = next((axis for axis, (_, keys) in enumerate(on) if keys is not None and keys.has_place), None)
    order = sorted(range(len(on)), key=lambda axis: axis != key_axis)
    query_axis = next((axis for axis in order if (query := on[axis][0]) is not None and query.has_place), None)
    query, keys = (None if axis is None else on[axis][side] for side, axis in enumerate((query_axis, key_axis)))
    return Places(query, keys, query_axis, key_axis)
