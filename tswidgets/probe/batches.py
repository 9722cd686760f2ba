"""Large batches in pieces that fit, and what to say when nothing does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
import tensorflow as tf
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe.taps import Tap

CHUNK = 128 * 2**20  # bytes that the layers of a model may take at a time
SHARE = 0.8  # of the free memory that a result may take


def bytes_per_row(
    taps: Sequence[Tap], flat: Sequence[NDArray[Any]], wanted: Collection[str] | None = None, after: str = ""
) -> int:
    """About how many bytes a sample takes: the wanted taps (all, without names) of those that run from `after` on."""
    longest = max((array.shape[1] for array in flat if array.ndim > 1), default=1)
    names = [tap.name for tap in taps]
    following = taps[names.index(after) :] if after in names else taps
    numbers = [
        np.prod([longest if n is None else n for n in tap.shape], dtype=float)
        for tap in following
        if wanted is None or tap.name in wanted
    ]
    return int(4 * sum(numbers)) + sum(array[:1].nbytes for array in flat)


def rows_at_once(bytes_per_row: int, chunk: int | None = None) -> int:
    return max((CHUNK if chunk is None else chunk) // max(bytes_per_row, 1), 1)


def joined(parts: list[Any]) -> Any:
    """Nested structures of arrays, joined along the batch axis; None stays None."""
    if len(parts) == 1:
        return parts[0]
    return tree.map_structure(lambda *arrays: None if arrays[0] is None else np.concatenate(arrays), *parts)


def in_pieces(run: Callable[..., Any], arrays: list[NDArray[Any]], at_once: int, exactly: int | None = None) -> Any:
    """`run(*arrays)` along the batch axis, at most `at_once` rows at a time; it returns nested arrays.

    A model that is built for a batch size is given `exactly` so many rows: the last ones are filled up and dropped.
    """
    n_rows, parts = len(arrays[0]), []
    for start in range(0, max(n_rows, 1), exactly or at_once):
        rows = np.arange(start, min(start + (exactly or at_once), n_rows))
        wanted = len(rows)
        if wanted == n_rows and exactly in (None, n_rows):
            return run(*arrays)
        if exactly is not None:
            rows = np.resize(rows, exactly)
        part = run(*(array[rows] for array in arrays))
        parts.append(tree.map_structure(lambda array, n=wanted: None if array is None else array[:n], part))
    return joined(parts)


@contextmanager
def memory_for(n_rows: int, bytes_per_row: int) -> Iterator[None]:
    """Refuse what will not fit before the machine stands still, and explain what did not."""
    if n_rows * bytes_per_row > CHUNK and n_rows > (fits := _rows_that_fit(bytes_per_row)):
        _validate.out_of_memory(n_rows, bytes_per_row, fits)
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        _validate.out_of_memory(n_rows, bytes_per_row, min(_rows_that_fit(bytes_per_row), n_rows // 2), error)


def _rows_that_fit(bytes_per_row: int) -> int:
    return int(SHARE * psutil.virtual_memory().available // max(bytes_per_row, 1))
