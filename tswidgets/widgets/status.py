"""The line at the bottom: what is shown, how long it took, and what went wrong."""

from __future__ import annotations

import traceback
from html import escape

from tswidgets.widgets.text import Text


class Status(Text):
    """A live region: screen readers speak it when it changes."""

    def __init__(self) -> None:
        super().__init__("tsw-status")

    def show(self, *parts: str) -> None:
        self.write(f'<div role="status" aria-live="polite">{" · ".join(escape(part) for part in parts if part)}</div>')

    def fail(self, error: BaseException) -> None:
        """One sentence, the details folded; the next change tries again."""
        said = str(error).strip().splitlines() or [type(error).__name__]
        details = escape("".join(traceback.format_exception(error)))
        self.write(
            f'<div role="alert"><details><summary>{escape(said[0])}</summary><pre>{details}</pre></details></div>'
        )
