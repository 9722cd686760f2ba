"""Which units of a recurrent layer are shown, in which order, and what of them."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.panel import actions, menu
from tswidgets.widgets.views.gates import NAMES

ORDERS = {"index": "by number", "activity": "most active first", "similarity": "alike together"}
DIRECTIONS = {"forward": "Forward", "backward": "Backward"}


class UnitChoice(traitlets.HasTraits):
    """A row of menus and a range of rows. The traits follow the widgets, and they them.

    names : keys of `NAMES`, what can be shown; `both` whether a layer reads in two directions.
    """

    units: Any = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=None, allow_none=True)
    """First and last row that are shown, in the chosen order; None for all. Default: None."""

    def __init__(self, names: tuple[str, ...], *, both: bool) -> None:
        super().__init__()
        self._n_units = 1
        self._following = False
        self.quantity = menu("Show", {name: NAMES[name] for name in names})
        self.order = menu("Units", ORDERS)
        self.direction = menu("Direction", DIRECTIONS)
        self.direction.layout.display = None if both else "none"
        self.range = ipywidgets.IntRangeSlider(value=(0, 0), min=0, max=0, description="Rows")
        self.range.add_class("tsw-rows")
        self.toolbar = actions(self.quantity, self.direction, self.order, self.range)
        self.range.observe(self._ranged, "value")
        self.observe(lambda _: self._follow(), "units")

    def follow(self, n_units: int) -> None:
        """Let the range slider have a place for every unit of the layer."""
        self._n_units = n_units
        self._follow()

    def _ranged(self, change: traitlets.Bunch) -> None:
        if not self._following:
            first, last = change.new
            self.units = None if (first, last) == (0, self._n_units - 1) else (first, last)

    def _follow(self) -> None:
        """The slider stands where the trait says."""
        most = self._n_units - 1
        first, last = (0, most) if self.units is None else (min(self.units[0], most), min(self.units[1], most))
        self._following = True
        try:
            self.range.max = max(most, 0)  # a message of its own: the front end cuts a value to the old range
            self.range.value = (first, last)
        finally:
            self._following = False


class RowChoice(traitlets.HasTraits):
    """The chosen filter of a layer, and the picture's row where it stands: a click on a row chooses the row's unit.

    And the layer that the picture shows, where another is chosen that has nothing to show here.
    """

    layer = traitlets.Unicode()
    filter = traitlets.Int(0)

    def __init__(self, cursor: TimeCursor) -> None:
        super().__init__()
        self._cursor, self._units, self._first, self._own = cursor, np.zeros(0, np.int64), 0, False
        self._shown = ""
        cursor.observe(self._clicked, "filter")

    def follow(self, order: NDArray[np.int64], unit: int, first: int, shown: str = "") -> None:
        """Row i is unit `order[i]`, which is entry `first` + that of the last axis of the layer that is `shown`."""
        self._units, self._first, self._shown = order, first, shown
        row = np.flatnonzero(order == unit)
        self._own = True
        try:
            self._cursor.filter = int(row[0]) if len(row) else 0
        finally:
            self._own = False

    def _clicked(self, change: Any) -> None:
        if self._own or change.new >= len(self._units):
            return
        chosen = self._first + int(self._units[change.new])
        if self._shown:
            self.layer = self._shown
        self.filter = chosen


def rows_of(order: NDArray[np.int64], units: tuple[int, int] | None) -> NDArray[np.int64]:
    """The part of an order that a range of rows names; both ends are inclusive."""
    return order if units is None else order[units[0] : units[1] + 1]
