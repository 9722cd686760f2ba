"""Two things timed in turn in one process: the ratio is what counts, the machine is not."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Pair(NamedTuple):
    """Median milliseconds of ours and of theirs, the median of theirs / ours, what theirs is, how far both agree."""

    what: str
    ours: float
    theirs: float
    ratio: float
    instead: str
    agreement: str


def equal(difference: float) -> str:
    return f"equal to {difference:.0e}" if difference else "equal"


def seconds(action: Callable[[int], Any], i: int) -> float:
    started = time.perf_counter()
    action(i)
    return time.perf_counter() - started


def compare(
    ours: Callable[[int], Any], theirs: Callable[[int], Any], rounds: int = 30, warm_up: int = 3, times: int = 1
) -> tuple[float, float, float]:
    """Median milliseconds of both, and the median of theirs / ours; what is handed to both is another number each time.

    A turn is `times` calls in a row, as of a slider that is dragged, of which the median counts.
    """

    def turn(action: Callable[[int], Any], i: int) -> float:
        return statistics.median(seconds(action, times * i + k) for k in range(times))

    for i in range(warm_up):
        turn(ours, i), turn(theirs, i)
    return in_turn(*zip(*((turn(ours, i), turn(theirs, i)) for i in range(warm_up, rounds)), strict=True))


def in_turn(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Median milliseconds of both, and the median of theirs / ours, of seconds that were taken in turn."""
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    return statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3, ratio


def versions() -> str:
    import keras
    import tensorflow as tf

    return (
        f"Python {platform.python_version()}, Keras {keras.__version__}, TensorFlow {tf.__version__}, "
        f"{os.cpu_count()} cores"
    )
