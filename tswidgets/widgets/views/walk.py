"""Walking through time, step by step."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets

SECONDS = 15  # that a walk takes, if its steps are not too many or too few for it
FASTEST, SLOWEST = 100, 500  # milliseconds between two pictures


class Walk(traitlets.HasTraits):
    """A play button. `step` is the time step where the walk is, None before it begins; it can be set."""

    step = traitlets.Int(None, allow_none=True)

    def __init__(self) -> None:
        super().__init__()
        self.play = ipywidgets.Play(value=0, min=0, max=0, show_repeat=False, tooltip="Walk through time")
        self.play.add_class("tsw-play")
        self.play.observe(self._played, "value")
        self.observe(self._moved, "step")

    def follow(self, n_steps: int) -> None:
        """A walk over so many steps."""
        pictures = min(n_steps, SECONDS * 1000 // FASTEST)
        with self.play.hold_sync():
            self.play.max = max(n_steps - 1, 0)
            self.play.step = max(round(n_steps / max(pictures, 1)), 1)
            self.play.interval = int(min(max(SECONDS * 1000 / max(pictures, 1), FASTEST), SLOWEST))

    def _played(self, change: Any) -> None:
        if change.new != (self.step or 0):
            self.step = change.new

    def _moved(self, change: Any) -> None:
        self.play.value = change.new or 0
