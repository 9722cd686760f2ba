"""Which head of an attention layer is shown, and which of its query steps."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets

from tswidgets.widgets.cursor import TimeCursor

MEAN = -1


class QueryChoice(traitlets.HasTraits):
    """A menu of heads, and a click on a row of the picture. The traits follow them, and they the traits."""

    head: Any = traitlets.Int(None, allow_none=True)
    """Index of the head; None for the mean of all. Default: None."""
    query_step: Any = traitlets.Int(None, allow_none=True)
    """Index of the query step; None for the first. Default: None."""

    def __init__(self, cursor: TimeCursor) -> None:
        super().__init__()
        self._cursor, self._own = cursor, False
        self.menu = ipywidgets.Dropdown(options=[("mean of all heads", MEAN)], description="Head")
        self.menu.style.description_width = "auto"
        self.menu.layout.display = "none"
        self.menu.observe(self._picked, "value")
        cursor.observe(self._clicked, "filter")

    def follow(self, n_heads: int, head: int | None, query_step: int) -> None:
        """What is shown, of a layer with so many heads; one alone is no choice."""
        self._own = True
        try:
            options = [("mean of all heads", MEAN), *((f"head {i}", i) for i in range(n_heads))]
            if tuple(options) != self.menu.options:
                self.menu.options = options
            self.menu.value = MEAN if head is None else head
            self.menu.layout.display = None if n_heads > 1 else "none"
            self._cursor.filter = query_step
        finally:
            self._own = False

    def _picked(self, change: Any) -> None:
        if not self._own:
            self.head = None if change.new == MEAN else change.new

    def _clicked(self, change: Any) -> None:
        if not self._own:
            self.query_step = change.new
