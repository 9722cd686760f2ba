"""Pictures of what is known so far, while a computation goes on."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Generator
from typing import TypeVar

from tswidgets.widgets.refresher import Token

Step = TypeVar("Step")
Shown = TypeVar("Shown")
Result = TypeVar("Result")
PATIENCE = 0.15  # seconds between two pictures


def meanwhile(
    run: Generator[Step, None, Result], picture: Callable[[Step], Shown], token: Token | None
) -> Generator[Shown, None, Result]:
    """Run to the end and return what `run` returns; now and then, what `picture` makes of how far it is.

    It stops, by an exception, where nobody waits for it any more.
    """
    shown = clock.perf_counter()
    while True:
        try:
            step = next(run)
        except StopIteration as end:
            result: Result = end.value
            return result
        if token is not None:
            token.check()
        if (now := clock.perf_counter()) - shown > PATIENCE:
            shown = now
            yield picture(step)
