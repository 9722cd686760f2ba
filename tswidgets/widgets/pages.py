"""The panels of an explorer: which there are, and the one that is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets
import traitlets

from tswidgets import _validate
from tswidgets.plots.lines import MOST_POINTS
from tswidgets.widgets.panel import Panel
from tswidgets.widgets.panels.ablation import AblationPanel
from tswidgets.widgets.panels.activations import ActivationsPanel
from tswidgets.widgets.panels.attention import AttentionPanel
from tswidgets.widgets.panels.attribution import AttributionPanel
from tswidgets.widgets.panels.comparison import ComparisonPanel
from tswidgets.widgets.panels.health import HealthPanel
from tswidgets.widgets.panels.influence import InfluencePanel
from tswidgets.widgets.panels.maximization import MaximizationPanel
from tswidgets.widgets.panels.recurrent import RecurrentPanel
from tswidgets.widgets.panels.stepper import StepperPanel
from tswidgets.widgets.panels.steps import StepsPanel
from tswidgets.widgets.panels.training import TrainingPanel
from tswidgets.widgets.panels.windows import WindowsPanel
from tswidgets.widgets.subject import Subject

PANELS: dict[str, type[Panel]] = {
    "activations": ActivationsPanel,
    "attribution": AttributionPanel,
    "maximization": MaximizationPanel,
    "stepper": StepperPanel,
    "recurrent": RecurrentPanel,
    "attention": AttentionPanel,
    "steps": StepsPanel,
    "influence": InfluencePanel,
    "windows": WindowsPanel,
    "ablation": AblationPanel,
    "health": HealthPanel,
    "training": TrainingPanel,
    "comparison": ComparisonPanel,
}
"""What can be chosen as `Explorer.panel`, in the order of the tabs."""


class Pages:
    """Panels, each made when it is first shown, one for each time axis that it is shown on.

    owner : the explorer, whose traits the panels' inputs are linked to.
    box : holds all of them, of which one is displayed.
    """

    def __init__(self, owner: Any, subject: Subject, kinds: dict[str, type[Panel]], news: Callable[[], None]) -> None:
        self._owner, self._subject, self.kinds, self._news = owner, subject, kinds, news
        self._made: dict[tuple[str, int], Panel] = {}
        self._making = threading.RLock()  # a tab is opened in one thread while a cell asks in another
        self.box = ipywidgets.VBox()

    def __iter__(self) -> Iterator[Panel]:
        return iter([*self._made.values()])

    def add(self, name: str, kind: type[Panel]) -> None:
        """Another panel that can be opened."""
        self.kinds[name] = kind

    def at(self, name: str, layer: str) -> Panel:
        """The panel as it was made for the time axis that it stands on while this layer is chosen."""
        place = self._place(name, layer)
        with self._making:
            if place not in self._made:
                self._made[place] = self._make(name, place[1])
            return self._made[place]

    def open(self, name: str, layer: str) -> Panel:
        """Show a panel, and hide the others."""
        with self._making:
            opened = self.at(name, layer)
            for panel in self._made.values():
                panel.box.layout.display = None if panel is opened else "none"
            return opened

    def _make(self, name: str, axis: int) -> Panel:
        panel = self.kinds[name](self._subject.on(axis), self._news)
        if panel.time.n_timesteps > MOST_POINTS:  # zoomed in, more of its steps are drawn
            panel.time.scale.observe(lambda _: self._news(), ["min", "max"])
        for own, widget, trait in panel.inputs:
            traitlets.link((self._owner, own), (widget, trait))
        self.box.children = [*self.box.children, panel.box]
        return panel

    def _place(self, name: str, layer: str) -> tuple[str, int]:
        return name, self.kinds[name].axis(self._subject, layer)


def kinds_for(subject: Subject, panels: Sequence[str] | None) -> dict[str, type[Panel]]:
    """The panels that were asked for, or else all that have something to show of this subject."""
    fitting = {name: kind for name, kind in PANELS.items() if kind.applies(subject)}
    wanted = list(fitting) if panels is None else [_validate.one_of(name, list(fitting), "panel") for name in panels]
    return {name: fitting[name] for name in wanted or fitting}
