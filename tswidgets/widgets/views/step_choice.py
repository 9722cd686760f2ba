"""Which step of a layer is shown: a slider, and a button that walks along."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets

from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.panel import actions
from tswidgets.widgets.views.walk import Walk


class StepChoice(traitlets.HasTraits):
    """`row` is what to show. `step` is None before one is chosen; it can be set."""

    step = traitlets.Int(None, allow_none=True)

    def __init__(self) -> None:
        super().__init__()
        self._own, self._n_steps = False, 0
        self.slider: Any = ipywidgets.IntSlider(min=0, max=0, description="Step")
        self.menu: ipywidgets.SelectionSlider | None = None
        self.walk = Walk()
        self.walk.play.tooltip = "Slide along"
        self.walk.observe(self._walked, "step")
        self.row = actions(self.walk.play)
        self.row.add_class("tsw-step-row")
        self._put(self.slider)

    @property
    def kernel_only(self) -> list[ipywidgets.Widget]:
        """What does nothing in a page without a kernel."""
        return [self.walk.play] if self.menu else [self.slider, self.walk.play]

    def offer(self, n_steps: int) -> ipywidgets.SelectionSlider:
        """The same slider as a menu of so many steps, every choice of which such a page can hold."""
        close_all(self.slider)
        self.menu = self.slider = ipywidgets.SelectionSlider(options=range(n_steps), description="Step")
        self._put(self.menu)
        self._show(self.step or 0)
        return self.menu

    def follow(self, n_steps: int, step: int) -> None:
        """A layer of so many steps, of which this one is shown."""
        last = max(n_steps - 1, 0)
        if self._n_steps != n_steps:
            self._n_steps = n_steps
            self._quietly(lambda: self._fit(last))
        self._show(step)
        self.slider.disabled = self.walk.play.disabled = n_steps < 2

    def _put(self, slider: Any) -> None:
        slider.add_class("tsw-step-slider")
        slider.style.description_width = "auto"
        slider.observe(self._slid, "value")
        self.row.children = [slider, self.walk.play]

    def _fit(self, last: int) -> None:
        if self.menu is None:
            self.slider.max = last
        self.walk.follow(last + 1)

    def _show(self, step: int) -> None:
        def show() -> None:
            self.slider.value = self.walk.step = step

        self._quietly(show)

    def _quietly(self, change: Any) -> None:
        self._own = True
        try:
            change()
        finally:
            self._own = False

    def _slid(self, change: Any) -> None:
        """A menu may have more steps than this layer, whose last is shown for them; of one step there is no choice."""
        if not self._own and self._n_steps > 1:
            self.step = min(change.new, self._n_steps - 1)

    def _walked(self, change: Any) -> None:
        if not self._own and change.new is not None:
            self.step = change.new
