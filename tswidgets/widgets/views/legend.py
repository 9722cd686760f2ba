"""The channels of the input by colour, line style and name; clicking brings channels forward."""

from __future__ import annotations

from collections.abc import Sequence

import anywidget
import traitlets

from tswidgets.plots.colors import category
from tswidgets.widgets.bundle import asset


class ChannelLegend(anywidget.AnyWidget):
    """A list of channels, with a search field when there are many."""

    _esm = asset("legend.js")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    styles: traitlets.List = traitlets.List().tag(sync=True)
    """(colour, line style) of every channel."""
    lifted = traitlets.List(traitlets.Int()).tag(sync=True)
    """Channels brought forward; none means all."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names=list(names), styles=[list(category(i)) for i in range(len(names))])

    def __repr__(self) -> str:
        return f"ChannelLegend({len(self.names)} channels)"
