"""Statistics of a model over the samples of an explorer, computed piece by piece while somebody waits."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator

from tswidgets.analysis.feeding import feed_of
from tswidgets.analysis.statistics import Statistics, statistics_of
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.trial import MOST

AT_ONCE = 8 * 2**20  # bytes that the layers may take between two places to stop
PATIENCE = 0.15  # seconds between two pictures


class Checkup:
    """Begun once for a state of the weights, given up and gone on with as the user likes.

    version : of the weights; indices : of the samples, in the order in which they are counted.
    found : what is known so far, None before the first piece.
    """

    def __init__(self, subject: Subject, version: bytes) -> None:
        self.version, self._subject = version, subject
        chosen = set(subject.samples.spread(MOST))
        alike = [[i for i in group if i in chosen] for group in subject.samples.batches()]
        self._groups = [group for group in alike if group]
        self.indices = [i for group in self._groups for i in group]
        self.found: Statistics | None = None
        self._run = self._begin()

    @property
    def done(self) -> int:
        return 0 if self.found is None else self.found.n_samples

    @property
    def complete(self) -> bool:
        return self.done == len(self.indices)

    def go_on(self, token: Token | None) -> Iterator[None]:
        """Compute on, and pause now and then, so that what is known can be shown."""
        paused = clock.perf_counter()
        while not self.complete:
            try:
                self.found = next(self._run)
            except Exception:
                self.found, self._run = None, self._begin()  # the next time it begins anew
                raise
            if token is not None:
                token.check()
            if clock.perf_counter() - paused > PATIENCE and not self.complete:
                yield
                paused = clock.perf_counter()

    def _begin(self) -> Iterator[Statistics]:
        return statistics_of(feed_of(self._subject.probe, self._subject.samples, self._groups, None, AT_ONCE))
