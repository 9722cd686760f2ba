"""What a layer's filters are worth, alone and in pairs: found in a thread of its own while the sliders stay free."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tswidgets import _validate
from tswidgets.analysis.ablation import PairAblation, iter_ablate_pairs
from tswidgets.widgets.refresher import Refresher, Token
from tswidgets.widgets.subject import Subject

PAUSE = 0.15  # seconds between two partial results that are shown


@dataclass(frozen=True)
class Question:
    """What is asked: the metric without each filter of a layer, or without each pair, too, on some samples."""

    layer: str
    removed_value: str
    metric: str
    indices: tuple[int, ...]
    version: bytes
    pairs: bool = False


class Ranking:
    """Answers the newest question, and keeps what was found of it, even if it is cancelled.

    found : what is known; `said` is what became of the last question, "" while it is being answered.
    news : called when there is more to show, in whatever thread.
    """

    def __init__(self, subject: Subject, truth: Callable[[list[int]], Any], news: Callable[[], None]) -> None:
        self._subject, self._truth, self._news = subject, truth, news
        self._asked: Question | None = None
        self.found: tuple[Question, PairAblation] | None = None
        self.said = ""
        self.running = False
        self._refresher: Refresher[Question, PairAblation] = Refresher(
            self._compute, self._publish, self._failed, on_cancel=self._cancelled
        )

    def ask(self, question: Question) -> None:
        self._asked, self.said, self.running = question, "", True
        self._refresher.submit(question)

    def cancel(self) -> None:
        """Stop within a tenth of a second or so; what was found stays."""
        self._refresher.cancel()

    def stop_unless(self, question: Question) -> None:
        """Cancel unless what is being answered is about the same, with or without pairs."""
        if self.running and not _alike(self._asked, question):
            self.cancel()

    def about(self, question: Question) -> PairAblation | None:
        """What is known to a question like this one, with or without pairs."""
        return self.found[1] if self.found is not None and _alike(self.found[0], question) else None

    def close(self) -> None:
        self._refresher.close()

    def _compute(self, question: Question, token: Token) -> Iterator[PairAblation]:
        indices = list(question.indices)
        X, y = self._subject.samples.take(indices), self._truth(indices)
        options: Any = {"y": y, "metric": question.metric, "value": question.removed_value, "pairs": question.pairs}
        options["output_axis"] = "time" if self._subject.flat_steps else None
        last = time.monotonic()
        for found in iter_ablate_pairs(self._subject.model, X, question.layer, **options):
            self.found = question, found  # all of it, so that cancelling loses nothing
            token.check()
            if found.complete or time.monotonic() - last > PAUSE:
                yield found
                last = time.monotonic()

    def _publish(self, question: Question, found: PairAblation) -> None:
        self.running = not found.complete
        self._news()

    def _failed(self, error: Exception) -> None:
        self.running, self.said = False, _validate.reason(error)
        self._news()

    def _cancelled(self, question: Question) -> None:
        self.running = False
        done = self.found[1].done if self.found is not None and self.found[0] == question else 0
        self.said = f"Cancelled; the {done:,} removals of {question.layer} that were found stay"
        self._news()


def _alike(one: Question | None, other: Question) -> bool:
    return one is not None and replace(one, pairs=other.pairs) == other
