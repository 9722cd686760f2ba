"""Checks of what statistics are taken over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from tswidgets._validate.messages import message

_X = "X as an array, a list of series, a dict of inputs, or an iterable of batches"


def no_samples(got: str) -> NoReturn:
    raise ValueError(message(f"{_X}, with at least one sample", got, "Pass data; a generator can be read only once."))


def no_batches(X: Any) -> NoReturn:
    raise TypeError(message(_X, f"a {type(X).__name__}", "Pass numpy.asarray(X), or a generator of batches."))


def another_batch(got: Sequence[tuple[int, ...]], first: Sequence[tuple[int, ...]]) -> NoReturn:
    """A batch that has other axes than the first, or no numbers."""
    todo = "Let every batch have the axes of the first; of (x, y) the first part is taken."
    shapes = [" and ".join(map(str, one)) for one in (first, got)]
    raise ValueError(message(f"batches of numbers like the first, of shape {shapes[0]}", f"shape {shapes[1]}", todo))
