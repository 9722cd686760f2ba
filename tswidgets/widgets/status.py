"""The line at the bottom: what is shown, how long it took, and what went wrong."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from html import escape

from tswidgets import _validate
from tswidgets.widgets.text import Text


class Status(Text):
    """A live region: screen readers speak it when it changes."""

    def __init__(self) -> None:
        super().__init__("tsw-status")
        self._lock = threading.Lock()
        self._news = self._news_of = self._of = ""
        self.now = ""
        """The moment of a training that pictures are of from now on, in words; "" while there is none."""
        self._shown: Callable[[str], str] = lambda news: _line(news)

    def show(self, *parts: str) -> None:
        with self._lock:
            self._of = self.now
            self._shown = lambda news: _line(news, *parts)
            self._say()

    def lead(self, news: str, moment: str) -> None:
        """What is said first from now on, of a moment of a training; and of which one the picture is, if of another."""
        with self._lock:
            self._news, self._news_of = news, moment
            self.now = moment
            self._say()

    def fail(self, error: BaseException, todo: str) -> None:
        """What went wrong in one sentence, what to do in another, the details folded."""
        details = escape("".join(traceback.format_exception(error)))
        with self._lock:
            self._shown = lambda news: _alert(details, news, _validate.reason(error), todo)
            self._say()

    def _say(self) -> None:
        other = self._news and self._of != self._news_of
        note = f"picture: {self._of or 'before the training'}" if other else ""
        self.write(self._shown(" · ".join(filter(None, [self._news, note]))))


def _line(*parts: str) -> str:
    said = _joined(*parts)
    return f'<div role="status" aria-live="polite" title="{said}">{said}</div>'


def _alert(details: str, *parts: str) -> str:
    said = _joined(*parts)
    return f'<div role="alert"><details><summary>{said}</summary><pre>{details}</pre></details></div>'


def _joined(*parts: str) -> str:
    return escape(" · ".join(filter(None, parts)))
