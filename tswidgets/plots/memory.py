"""What was found of a large array is kept as long as the array lives."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")
LARGE = 200_000  # numbers; of a smaller array it is found again as quickly


def remembered(find: Callable[..., Result]) -> Callable[..., Result]:
    """For a pure function of an array and of hashable arguments. Only arrays that cannot be written to are remembered.

    Views of the same memory are the same array, such as the one series of a batch of one that is looked at again.
    """
    known: dict[Any, Result] = {}
    lock = threading.Lock()

    @functools.wraps(find)
    def found(array: NDArray[Any], *arguments: Any) -> Result:
        if array.size < LARGE or array.flags.writeable:
            return find(array, *arguments)
        key = (*_memory(array), arguments)
        with lock:
            if key in known:
                return known[key]
        result = find(array, *arguments)
        with lock:
            known[key] = result
        weakref.finalize(_owner(array), known.pop, key, None).atexit = False
        return result

    return found


def same_memory(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays that cannot be written to are views of the same numbers."""
    return not a.flags.writeable and not b.flags.writeable and _memory(a) == _memory(b)


def _memory(array: NDArray[Any]) -> tuple[Any, ...]:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str, id(_owner(array))


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    return array.base if isinstance(array.base, np.ndarray) else array
