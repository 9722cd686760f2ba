"""What was drawn last, so that an equal picture is not sent again."""

from __future__ import annotations

from typing import Any

import numpy as np


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
        return a is b or (a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    return type(a) is type(b) and bool(a == b)
