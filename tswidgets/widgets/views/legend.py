"""The channels of the input by colour, line style and name: clicking brings them forward, hovering reads values."""

from __future__ import annotations

from collections.abc import Sequence

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.plots.colors import category
from tswidgets.widgets.bundle import MOST_READ, asset, sendable


class ChannelLegend(anywidget.AnyWidget):
    """A list of channels, with a search field when there are many."""

    _esm = asset("legend.js")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    styles: traitlets.List = traitlets.List().tag(sync=True)
    """(colour, line style) of every channel."""
    title = traitlets.Unicode("input").tag(sync=True)
    """What stands above the values of `series`."""
    series = traitlets.Bytes().tag(sync=True)
    """float32, the input (n_timesteps, n_channels) in C order, for the read-out; empty where it is too much to send."""
    quantity = traitlets.Bytes().tag(sync=True)
    """float32, read beside the input: (n_timesteps, n_channels), or (n_timesteps,); empty where there is none."""
    per_channel = traitlets.Bool(True).tag(sync=True)
    """Whether `quantity` has a value for each channel; then `total` is whether their sum is read, too."""
    total = traitlets.Bool(True).tag(sync=True)
    word = traitlets.Unicode("colour").tag(sync=True)
    """What stands above the values of `quantity`."""
    lifted = traitlets.List(traitlets.Int()).tag(sync=True)
    """Channels brought forward; none means all."""

    def __init__(self, names: Sequence[str], styles: Sequence[tuple[str, str]] | None = None) -> None:
        shown = styles or [category(i) for i in range(len(names))]
        super().__init__(names=list(names), styles=[list(style) for style in shown])

    def show(self, series: NDArray[np.float32]) -> None:
        self.series = sendable(series, MOST_READ)

    def read(self, quantity: NDArray[np.float32] | None, word: str = "colour", *, total: bool = True) -> None:
        """A second value at every step: of shape (n_timesteps, n_channels), or (n_timesteps,) for all channels."""
        with self.hold_sync():
            self.quantity = b"" if quantity is None else sendable(quantity, MOST_READ)
            self.per_channel = quantity is None or quantity.ndim == 2
            self.word, self.total = word, total

    def __repr__(self) -> str:
        return f"ChannelLegend({len(self.names)} channels)"
