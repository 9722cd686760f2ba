"""What was found of a large array is found once, and never of another one."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from tswidgets.plots.memory import LARGE, remembered, same_memory


def locked(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


@pytest.fixture
def counted():
    calls = []

    @remembered
    def total(array: np.ndarray, times: int = 1) -> float:
        calls.append(times)
        return float(array.sum()) * times

    total.calls = calls
    return total


def test_the_same_memory_is_looked_at_once(counted) -> None:
    batch = locked(np.ones((1, LARGE, 2), np.float32))
    assert counted(batch[0]) == counted(batch[0]) == 2 * LARGE  # two views
    assert counted.calls == [1]
    assert counted(batch[0], 3) == 6 * LARGE
    assert counted(batch[0][:, 1]) == LARGE
    assert counted(batch[0][::-1]) == 2 * LARGE
    assert counted.calls == [1, 3, 1, 1]


def test_what_can_be_written_to_is_looked_at_every_time(counted) -> None:
    array = np.ones(LARGE, np.float32)
    assert counted(array) == LARGE
    array[0] = 5
    assert counted(array) == LARGE + 4


def test_nothing_is_kept_of_an_array_that_is_gone(counted) -> None:
    for value in range(5):
        array = locked(np.full(LARGE, value, np.float32))
        assert counted(array) == value * LARGE  # the memory may be that of the one before
        gone = weakref.ref(array)
        del array
        gc.collect()
        assert gone() is None


def test_same_memory_tells_views_of_other_places_apart() -> None:
    array = locked(np.zeros((4, 4), np.float32))
    assert same_memory(array[1:], array[1:])
    assert not same_memory(array[1:], array[:-1])
    assert not same_memory(array, array.T)
    writable = np.zeros(3)
    assert not same_memory(writable, writable[:])
