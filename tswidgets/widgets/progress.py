"""How far a computation is: a thin line at first, then a count, the time left, and a way to stop it."""

from __future__ import annotations

import time
from collections.abc import Callable

import ipywidgets

from tswidgets.widgets.text import Text

QUIET, BRIEF = 0.15, 1.0  # seconds until the line shows, and until there is more to say


class Progress(ipywidgets.HBox):
    """A row that keeps its height when there is nothing to show; only the worker writes to it."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._text = Text("tsw-progress")
        self._cancel = ipywidgets.Button(description="Cancel", tooltip="Stop, and keep what was found")
        self._cancel.layout.visibility = "hidden"
        self._cancel.on_click(lambda _: cancel())
        self._started: float | None = None
        self._begun = 0
        super().__init__([self._text, self._cancel])
        self.add_class("tsw-progress-row")

    def __repr__(self) -> str:
        return f"Progress({self._text.value!r})"

    def show(self, done: int, total: int, what: str) -> None:
        """`done` of `total` things, called `what`; nothing once all are done."""
        if done >= total:
            self.hide()
            return
        now = time.monotonic()
        if self._started is None:
            self._started, self._begun = now, done
        spent = now - self._started
        if spent < QUIET:
            return
        words = ""
        if spent > BRIEF:
            left = spent * (total - done) / max(done - self._begun, 1)
            words = f"{done:,} of {total:,} {what} · {_duration(left)} left"
            self._cancel.layout.visibility = "visible"
        share = 100 * done / total
        self._text.write(
            f'<div role="progressbar" aria-valuemin="0" aria-valuemax="{total}" aria-valuenow="{done}">'
            f'<i style="width:{share:.1f}%"></i><span>{words}</span></div>'
        )

    def hide(self, said: str = "") -> None:
        """Nothing is going on; `said` is what became of it."""
        self._started = None
        self._cancel.layout.visibility = "hidden"
        self._text.write(f"<div>{said}</div>" if said else "")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
