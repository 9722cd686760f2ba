"""What is needed to check an attribution."""

from __future__ import annotations

from tswidgets._validate.messages import message

TOLERANCE = 0.01  # of a score: what a model of half precision may differ from itself


def same_score(then: float, now: float) -> None:
    """Whether an attribution explains the score that the model gives now."""
    if not abs(then - now) <= TOLERANCE * max(abs(now), 1.0):
        todo = "Attribute anew: this is another series, or the model has learnt since."
        raise ValueError(message(f"an attribution of the score {now:.4g}", f"one of {then:.4g}", todo))
