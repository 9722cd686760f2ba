"""What a click on a row of a layer's picture chooses: a filter, or of a map the row itself."""

from __future__ import annotations

from typing import Any

import traitlets

from tswidgets.widgets.cursor import TimeCursor


class LayerRowChoice(traitlets.HasTraits):
    """The cursor counts rows of the picture; here it is said what they are."""

    filter = traitlets.Int(0)
    row = traitlets.Int(0)

    def __init__(self, cursor: TimeCursor) -> None:
        super().__init__()
        self._cursor, self._of_map, self._own = cursor, False, False
        cursor.observe(self._clicked, "filter")
        self.observe(lambda _: self._point(), ["filter", "row"])

    def follow(self, *, of_map: bool) -> None:
        """`of_map`: the picture shows the rows of one filter, and not one row for each filter."""
        self._of_map = of_map
        self._point()

    def _point(self) -> None:
        self._own = True
        try:
            self._cursor.filter = self.row if self._of_map else self.filter
        finally:
            self._own = False

    def _clicked(self, change: Any) -> None:
        if not self._own:
            setattr(self, "row" if self._of_map else "filter", change.new)
