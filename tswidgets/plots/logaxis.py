"""A vertical scale that can be switched between the values and their logarithms."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.figure import ValueAxis, nice_ticks

_LARGEST = float(np.finfo(np.float32).max)  # what a mark can hold
_CONSTANT = 1e-5  # a relative range below that would be drawn as float32's own steps


class SwitchableAxis(ValueAxis):
    """Marks hold what `of` makes of the values, logarithms to base 10 while `logarithmic`; ticks name the values.

    The scale stays a linear one, since bqplot's marks and axes do not change to a scale of another kind.
    """

    def __init__(self, height: int) -> None:
        self.logarithmic = False
        super().__init__(height)
        self.axis.tick_format = ".7~g"

    def of(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where values stand on the scale: NaN if they are not finite, at its end if they are beyond float32."""
        held = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
        return np.log10(held) if self.logarithmic else np.clip(held, -_LARGEST, _LARGEST)

    def fit(self, low: float, high: float, *, margin: float = 0.06) -> None:
        """Show low to high, both above 0 while `logarithmic`."""
        first, last = (float(end) for end in self.of(np.array([low, high])))
        if last - first <= _CONSTANT * max(abs(first), abs(last), self.logarithmic):
            first = last = (first + last) / 2
            if self.logarithmic:
                first, last = first - 0.1, last + 0.1
        with self.axis.hold_sync(), self.scale.hold_sync():
            super().fit(first, last, margin=margin)
            if self.logarithmic:
                shown_low, shown_high = 10.0 ** np.clip([self.scale.min, self.scale.max], -307, 307)
                ticks = log_ticks(shown_low, shown_high, self.n_ticks + 2)
                places = np.log10(ticks)
                labels = {_key(float(place)): _label(tick) for place, tick in zip(places, ticks, strict=True)}
                self._name(places, labels)
            elif self.axis.tick_labels:
                self._name(nice_ticks(self.scale.min, self.scale.max, self.n_ticks), {})

    def _name(self, places: NDArray[np.float64], labels: dict[str, str]) -> None:
        """Labels go ahead of scale and ticks: for these bqplot redraws a moment later, by the labels it had then."""
        self.axis.tick_values, self.axis.tick_labels = places, labels
        self.axis.send_state("tick_labels")


def log_ticks(low: float, high: float, most: int) -> NDArray[np.float64]:
    """1, 2 and 5 times the powers of ten from low to high, the powers alone, or round values in a narrow range."""
    powers = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    whole = powers[(powers >= np.log10(low)) & (powers <= np.log10(high))]
    fine = np.sort(np.outer(10.0**powers, [1, 2, 5]).ravel())
    fine = fine[(fine >= low) & (fine <= high)]
    if 2 <= len(fine) <= most:
        return fine
    if len(whole) >= 2:
        return np.asarray(10.0 ** whole[:: -(-len(whole) // most)])
    return nice_ticks(low, high, most)


def _key(place: float) -> str:
    """A number as JavaScript writes it, which bqplot looks labels up by."""
    if 0 < abs(place) < 1e-6:
        return repr(place).replace("e-0", "e-")
    return np.format_float_positional(place + 0.0, trim="-")


def _label(value: float) -> str:
    return re.sub(r"e([+-])0*", r"e\1", f"{value:.7g}")
