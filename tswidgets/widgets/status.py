"""The line at the bottom: what is shown, how long it took, and what went wrong."""

from __future__ import annotations

import traceback
from html import escape

from tswidgets import _validate
from tswidgets.widgets.text import Text


class Status(Text):
    """A live region: screen readers speak it when it changes."""

    def __init__(self) -> None:
        super().__init__("tsw-status")

    def show(self, *parts: str) -> None:
        said = escape(" · ".join(filter(None, parts)))
        self.write(f'<div role="status" aria-live="polite" title="{said}">{said}</div>')

    def fail(self, error: BaseException, todo: str) -> None:
        """What went wrong in one sentence, what to do in another, the details folded."""
        said, details = escape(_validate.reason(error)), escape("".join(traceback.format_exception(error)))
        self.write(
            f'<div role="alert"><details><summary>{said} · {escape(todo)}</summary><pre>{details}</pre></details></div>'
        )
