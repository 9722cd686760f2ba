"""What lets an explorer follow a training: it is told what to say and when to look again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from tswidgets.selection import Selection
from tswidgets.widgets.controls import Controls
from tswidgets.widgets.pages import PANELS, Pages
from tswidgets.widgets.recorder import Recorder
from tswidgets.widgets.refresher import Refresher
from tswidgets.widgets.state import State
from tswidgets.widgets.status import Status


class Following(State):
    """What begins with _ is for `LiveCallback`; `refresh` for whoever changes weights without it."""

    _refresher: Refresher[Selection, Any]
    _status: Status
    _controls: Controls
    _pages: Pages
    _own_change: Callable[[], AbstractContextManager[None]]

    @property
    def model(self) -> Any:
        """The Keras model that is looked into."""
        return self._subject.model

    @property
    def closed(self) -> bool:
        """Whether it was closed: it shows nothing any more, and lets its model go."""
        return self._refresher.closed

    @property
    def _works_beside(self) -> bool:
        """Whether pictures are computed in a thread of their own."""
        return self._refresher.threaded

    @property
    def _version(self) -> bytes:
        """Checksum of the model's weights as they are now."""
        return self._subject.probe.version()

    def _look_again(self, version: bytes) -> None:
        """Another picture if the weights are no longer those of that checksum; it is not waited for."""
        if not self.closed and self._version != version:
            self._refresher.submit(self.selection)

    def refresh(self) -> None:
        """Compute what is on screen anew, as after a change of the weights, and wait until it is shown.

        Raises what goes wrong, and TimeoutError where it takes longer than a minute.
        """
        self._refresher.submit(self.selection)
        self._refresher.wait_idle()

    def _show_now(self, patience: float, *, give_up: bool) -> bool:
        """The same within so many seconds; whether it is shown. What is late is given up, or else comes later."""
        return self._refresher.ask(self.selection, patience, give_up=give_up)

    def _follow(self, news: str, moment: str) -> None:
        """What the status line says first from now on, of a moment of a training."""
        self._status.lead(news, moment)

    def _within(self, moment: str) -> None:
        """What the moment is called that pictures are of from now on."""
        self._status.now = moment

    def _recorder(self, layers: Sequence[str] | None, sample: int | None) -> Recorder:
        """What records a training for the panel `training`, which is there from now on."""
        made = Recorder(self, self._subject, layers, sample)
        if "training" not in self._panel_names:
            self._panel_names.append("training")
            self._pages.add("training", PANELS["training"])
            tabs, chosen = self._controls.panel, self.panel
            with self._own_change():  # a choice that is given other options chooses the first
                tabs.options = [*tabs.options, (PANELS["training"].title, "training")]
                tabs.value = chosen
            tabs.layout.display = None
        return made
