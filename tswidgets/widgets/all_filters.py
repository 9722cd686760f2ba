"""What there is to say of all filters of a layer beside their values: an order, and which of them tell nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.activations import Activations, at_layer, first, placed
from tswidgets.analysis.dead import bounds, filter_states
from tswidgets.analysis.units import unit_order
from tswidgets.probe import Tap
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.last import Last

Floats = NDArray[np.float32]
SAMPLES = 16  # spread over the set


@dataclass(frozen=True, eq=False)
class Overview:
    """Of the filters of a layer, or of the rows of one filter of a map.

    order : ndarray of shape (n_filters,), the filters from first to last; None for that of their numbers.
    states : uint8 ndarray of shape (n_filters,), numbers in `STATES`; found over `n_samples`.
    """

    order: NDArray[np.int64] | None
    states: NDArray[np.uint8]
    n_samples: int


@dataclass(frozen=True, eq=False)
class _Seen:
    """Over some samples: the states of all entries but the first axis', and of a layer without a time axis its values,
    (n_samples, n_units)."""

    version: bytes
    states: NDArray[np.uint8]
    n_samples: int
    units: Floats | None


class AllFilters:
    """Found when it is asked for, states once for a layer as long as the weights stay as they are."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._seen: dict[str, _Seen] = {}
        self._sorted, self._order = Last(), np.zeros(0, np.int64)

    def of(
        self, tap: Tap, shown: Activations, row_of: int | None, by: str, version: bytes, token: Token | None
    ) -> Overview:
        """`shown` is what is drawn of the tap: all of its filters, or the rows of filter `row_of`."""
        seen = self._seen.get(tap.name)
        if seen is None or seen.version != version:
            seen = self._seen[tap.name] = self._look(tap, version, token)
        states = seen.states if row_of is None else seen.states.reshape(-1, tap.n_filters)[:, row_of]
        if by == "index":
            return Overview(None, states, seen.n_samples)
        values = np.atleast_2d(shown.values)
        if by == "similarity" and seen.units is not None:
            values = seen.units  # a single sample has one value a unit, of which nothing can be like another
        if self._sorted.differs(values, by):
            self._order = unit_order(values, by)
        return Overview(self._order, states, seen.n_samples)

    def _look(self, tap: Tap, version: bytes, token: Token | None) -> _Seen:
        subject, series = self._subject, []
        for i in subject.samples.spread(SAMPLES):
            if token is not None:
                token.check()
            observation = subject.observe(i)
            if not (here := placed(subject.probe, observation, tap)).drawable or tap.name not in observation:
                continue
            found = first(at_layer(subject.probe, observation, here))
            values = found.values if found.timeline is None else found.values[~found.absent]
            series.append(values.reshape(1 if found.timeline is None else len(values), -1))
        limits = None if tap.name.endswith(":pre-activation") else bounds(subject.probe.calls.operation(tap.name))
        n_samples, nothing = len(series), np.zeros((0, tap.n_rows * tap.n_filters), np.float32)
        units = np.concatenate([*series, nothing]) if tap.time_axis is None else None
        return _Seen(version, filter_states([*series, nothing], limits), n_samples, units)
