"""The samples that are answered worst, to be jumped to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets
import traitlets

ROWS = 8  # that are seen at a time


class WorstSamples(traitlets.HasTraits):
    """A list of which one is chosen; `widget` goes beside the figures."""

    sample = traitlets.Int(0)
    """The chosen sample; it need not be in the list."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._filling = False
        self._list = ipywidgets.Select(options=[], rows=ROWS, layout=ipywidgets.Layout(width="100%", margin="0"))
        self._list.observe(self._clicked, "value")
        heading = ipywidgets.HTML(f"<h4>{title}</h4>", layout=ipywidgets.Layout(width="auto", margin="0"))
        self.widget = ipywidgets.VBox([heading, self._list])

    @property
    def samples(self) -> list[int]:
        """What the list offers, in its order."""
        return [sample for _, sample in self._list.options]

    def show(self, options: Sequence[tuple[str, int]]) -> None:
        """Words for each sample, the worst first."""
        shown = tuple(options)
        self._filling = True
        try:
            if shown != tuple(self._list.options):
                self._list.options = shown
            self._follow()
        finally:
            self._filling = False

    def _follow(self) -> None:
        self._list.value = self.sample if self.sample in self.samples else None

    @traitlets.observe("sample")
    def _moved(self, _: Any) -> None:
        if not self._filling:
            self._filling = True
            try:
                self._follow()
            finally:
                self._filling = False

    def _clicked(self, change: Any) -> None:
        if not self._filling and change.new is not None:
            self.sample = change.new
