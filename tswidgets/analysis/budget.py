"""How much of a training's time may go into looking at it."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager

RECENT = 3  # looks of which the dearest tells what the next one may cost


class Budget:
    """A share of the time that a training takes without being looked at.

    share : what looking may cost, as a part of the training's own time; None for as much as it likes.
    now : a clock in seconds.
    """

    def __init__(self, share: float | None, now: Callable[[], float] = clock.perf_counter) -> None:
        self._share, self._now = share, now
        self._recent: list[float] = []
        self._begun = now()
        self.spent = 0.0

    def begin(self) -> None:
        """A training begins. What a look costs is remembered from the one before."""
        self._begun, self.spent = self._now(), 0.0

    @property
    def trained(self) -> float:
        """Seconds of the training itself."""
        return self._now() - self._begun - self.spent

    @property
    def allows(self) -> bool:
        """Whether there is time for a look that costs as much as those before and one at the end; the first is free."""
        if self._share is None or not self._recent:
            return True
        return self.spent + 2 * max(self._recent) <= self._share * self.trained

    @contextmanager
    def looking(self) -> Iterator[None]:
        """The time until the end of the block is spent on a look."""
        with self.waiting() as started:
            yield
            self._recent = [*self._recent, self._now() - started][-RECENT:]

    @contextmanager
    def waiting(self) -> Iterator[float]:
        """The time until the end of the block is no time of the training, and no measure of what a look costs."""
        started = self._now()
        try:
            yield started
        finally:
            self.spent += self._now() - started
