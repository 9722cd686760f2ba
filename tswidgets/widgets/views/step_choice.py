"""Which step of a layer is shown: a slider, and a button that walks along."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets

from tswidgets.widgets.views.walk import Walk


class StepChoice(traitlets.HasTraits):
    """`row` is what to show. `step` is None before one is chosen; it can be set."""

    step = traitlets.Int(None, allow_none=True)

    def __init__(self) -> None:
        super().__init__()
        self._own = False
        self.slider = ipywidgets.IntSlider(min=0, max=0, description="Step")
        self.slider.add_class("tsw-step-slider")
        self.slider.style.description_width = "auto"
        self.walk = Walk()
        self.walk.play.tooltip = "Slide along"
        self.slider.observe(self._slid, "value")
        self.walk.observe(self._walked, "step")
        self.widgets: list[ipywidgets.Widget] = [self.slider, self.walk.play]

    def follow(self, n_steps: int, step: int) -> None:
        """A layer of so many steps, of which this one is shown."""
        self._own = True
        try:
            last = max(n_steps - 1, 0)
            if self.slider.max != last:
                self.slider.max = last
                self.walk.follow(n_steps)
            self.slider.value = self.walk.step = step
            self.slider.disabled = self.walk.play.disabled = n_steps < 2
        finally:
            self._own = False

    def _slid(self, change: Any) -> None:
        if not self._own:
            self.step = change.new

    def _walked(self, change: Any) -> None:
        if not self._own and change.new is not None:
            self.step = change.new
