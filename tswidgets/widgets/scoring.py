"""How well a model's answers per step agree with the labels of all samples: computed piece by piece, and kept."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator

from tswidgets.analysis.agreement import Counts
from tswidgets.analysis.steps import Answered, StepAnswers
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject

MOST_NUMBERS = 2**26  # outputs that are kept, 256 MiB; of larger sets samples that are evenly spread


class Scoring:
    """The answers hold as long as the weights; their counts as long as the threshold, too.

    samples : those that are scored, in rising order; `done` is how many of them are.
    counts : of all samples of the set, 0 for what is not scored.
    """

    def __init__(self, subject: Subject) -> None:
        assert subject.step_labels is not None
        self._labels, self._n_samples = subject.step_labels, len(subject.samples)
        self._n_outputs = subject.output_shape[-1]
        self.answers = StepAnswers(subject.probe, subject.samples, "time" if subject.flat_steps else None)
        self.samples = subject.samples.spread(self._n_samples, MOST_NUMBERS // self._n_outputs)
        self._of: tuple[bytes, float] = b"", 0.0
        self._begin()

    def go_on(self, version: bytes, threshold: float, patience: float, token: Token | None) -> Iterator[None]:
        """Score on, and pause every `patience` seconds and at the end, so that what is known can be shown."""
        if version != self._of[0]:
            self._begin()
        if (version, threshold) != self._of:
            self._of = version, threshold
            self.counts, self.done, self._scored = Counts.nothing(self._n_samples, self._n_outputs), 0, 0
        paused = clock.perf_counter()
        while (piece := self._next()) is not None:
            self.counts.put(piece.samples, piece.against(self._labels, threshold).counts)
            self._scored, self.done = self._scored + 1, self.done + len(piece.samples)
            if token is not None:
                token.check()
            if clock.perf_counter() - paused > patience and self.done < len(self.samples):
                yield
                paused = clock.perf_counter()
        yield

    def _begin(self) -> None:
        self._found: list[Answered] = []
        self._pieces = self.answers.of(self.samples)
        self.counts, self.done, self._scored = Counts.nothing(self._n_samples, self._n_outputs), 0, 0

    def _next(self) -> Answered | None:
        """The next piece that is not scored: one that is known, or else a new one."""
        if self._scored == len(self._found):
            try:
                self._found.append(next(self._pieces))
            except StopIteration:
                return None
            except Exception:
                self._of = b"", 0.0  # what failed has ended: begin anew next time
                raise
        return self._found[self._scored]
