"""What was drawn last, so that an equal picture is not sent again."""

from __future__ import annotations

from typing import Any

import numpy as np

from tswidgets.plots.memory import same_memory

MOST_COMPARED = 1_000_000  # numbers; larger arrays are drawn again rather than compared


class Last:
    """Remembers the arguments of the last drawing."""

    def __init__(self) -> None:
        self._shown: tuple[Any, ...] | None = None

    def differs(self, *now: Any) -> bool:
        """Whether something must be drawn again; remembers what is going to be drawn."""
        before, self._shown = self._shown, now
        return before is None or len(before) != len(now) or not all(map(_equal, before, now))

    def forget(self) -> None:
        self._shown = None


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a is b or same_memory(a, b):
            return True
        if a.size > MOST_COMPARED:
            return False
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return type(a) is type(b) and bool(a == b)
