"""Windows that overlap, added up on the wave in little more time than it takes to read them.

NumPy adds to many places at once only if no two of them are the same. So windows are added in turns, in each of which
all are too far apart to overlap. Where windows are long rows of memory and overlap much, neighbours are added to lanes
side by side instead, which are added up at the end: memory is then read nearly in the order in which it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**24  # bytes of values at a time
LANES = 20
LONG = 256  # numbers in a row from which it pays to add rows one by one


class Run(NamedTuple):
    """Steps `first` to `last` of a layer, which land `jump` wave steps apart, from `place` on."""

    first: int
    last: int
    place: int
    jump: int

    @property
    def span(self) -> int:
        return (self.last - self.first) * self.jump + 1


def runs_of(at: NDArray[np.integer[Any]]) -> list[Run]:
    """The steps that land somewhere (-1: nowhere), in runs that land evenly spaced and are as long as they come."""
    found: list[Run] = []
    for step, place in enumerate(at.tolist()):
        if place < 0:
            continue
        if found and found[-1].last == step - 1:
            run = found[-1]
            jump = place - (run.place + run.span - 1)
            if jump > 0 and (run.first == run.last or jump == run.jump):
                found[-1] = run._replace(last=step, jump=jump)
                continue
        found.append(Run(step, step, place, 1))
    return found


class Adder:
    """Adds up windows that are `stride` wave steps apart, and of which a layer's steps land in `runs`.

    size : how many windows `total` takes at most, `n_windows` or fewer.
    """

    def __init__(self, runs: list[Run], stride: int, n_windows: int, n_filters: int, dtype: np.dtype[Any]) -> None:
        self._runs, self._stride = runs, stride
        self._reach = max((run.place + run.span for run in runs), default=0)
        steps = max((run.last - run.first + 1 for run in runs), default=1)
        row = max(steps, stride) * n_filters * dtype.itemsize
        self.size = min(n_windows, max(BLOCK // row, 1))
        self._lanes = None
        n_lanes = min(LANES, steps // (5 * stride))
        if n_lanes >= 2 and self.size >= 2 * n_lanes and steps * n_filters >= LONG:
            self._lanes = Lanes(n_lanes, steps, stride, self.size, n_filters, dtype)
            self.size = self._lanes.size
        self._piece = np.empty(((self.size + 1) * stride + self._reach, n_filters), dtype)

    def total(self, block: NDArray[Any]) -> NDArray[Any]:
        """The sum of a block, for the wave steps from its first window's first to the last that is reached.

        block : ndarray of shape (n_windows, n_steps, n_filters), with no more windows than `size`
        """
        self._piece.fill(0)
        for run in self._runs:
            rows, onto = block[:, run.first : run.last + 1], self._piece[run.place :]
            if self._lanes and run.jump == 1 and rows.shape[1] == self._lanes.n_steps:
                rows, onto = self._lanes.add(rows, onto)
            if run.jump == 1:
                add_in_turns(rows, self._stride, onto)
            else:
                add_in_phases(rows, self._stride, run.jump, onto)
        return self._piece[: (len(block) - 1) * self._stride + self._reach]


def add_in_turns(rows: NDArray[Any], stride: int, onto: NDArray[Any]) -> None:
    n_steps, n_filters = rows.shape[1:]
    apart = -(-n_steps // stride)
    with row_by_row(n_steps * n_filters):
        for i in range(min(apart, len(rows))):
            some = rows[i::apart]
            places = onto[i * stride : (i + len(some) * apart) * stride].reshape(len(some), apart * stride, n_filters)
            places[:, :n_steps] += some


def add_in_phases(rows: NDArray[Any], stride: int, jump: int, onto: NDArray[Any]) -> None:
    """Add windows whose steps land `jump` apart: those that land on the same ones of every `jump` wave steps together.

    On these wave steps alone, a window's steps are neighbours.
    """
    step = stride // gcd(stride, jump)
    n_phases = jump // gcd(stride, jump)
    for i in range(min(n_phases, len(rows))):
        some = rows[i::n_phases]
        part = np.zeros(((len(some) + 1) * step + rows.shape[1], rows.shape[2]), onto.dtype)
        add_in_turns(some, step, part)
        n = (len(some) - 1) * step + rows.shape[1]
        onto[i * stride :: jump][:n] += part[:n]


class Lanes:
    """Room for windows whose neighbours are added to different lanes, in several stretches of the wave at once.

    Lane i holds every window i of a group of `n_lanes` as if it began where the group does. Read with lanes that are
    shorter by `stride`, each is moved on by `stride` more than the one before.
    """

    def __init__(
        self, n_lanes: int, n_steps: int, stride: int, n_windows: int, n_filters: int, dtype: np.dtype[Any]
    ) -> None:
        self.n_steps, self._stride, self._n_lanes = n_steps, stride, n_lanes
        n_groups = -(-2 * (n_steps // stride + n_lanes) // n_lanes)
        self._n_stretches = max(n_windows // (n_groups * n_lanes), 1)
        self._stretch = min(n_groups, n_windows // n_lanes) * n_lanes  # windows
        self.size = self._n_stretches * self._stretch
        self._length = (self._n_stretches + 1) * max(self._stretch * stride, n_steps + n_lanes * stride)
        self._room = np.empty(((n_lanes + 1) * self._length, n_filters), dtype)

    def add(self, rows: NDArray[Any], onto: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Add windows to `onto` as many as fit in whole stretches; what is left of both."""
        stride, n_lanes, n = self._stride, self._n_lanes, self._stretch
        n_stretches = min(len(rows) // n, self._n_stretches)
        if not n_stretches:
            return rows, onto
        n_windows = n_stretches * n
        stretches = rows[:n_windows].reshape(n_stretches, n, *rows.shape[1:])
        self._room.fill(0)
        size = n_lanes * self._length
        with row_by_row(self.n_steps * rows.shape[2]):
            for i in range(0, n, n_lanes):
                # a length that is a multiple of the stretches' lets NumPy see at once that no two places are the same
                lanes = self._room[i * stride : i * stride + size]
                lanes = lanes.reshape(n_lanes, self._n_stretches + 1, -1, rows.shape[2])
                lanes = lanes[:, :n_stretches, : self.n_steps].swapaxes(0, 1)
                lanes += stretches[:, i : i + n_lanes]
        moved = self._room[: size - n_lanes * stride].reshape(n_lanes, self._length - stride, rows.shape[2])
        reach = (n_windows - 1) * stride + self.n_steps
        onto[:reach] += moved[:, :reach].sum(axis=0)
        return rows[n_windows:], onto[n_windows * stride :]


@contextmanager
def row_by_row(size: int) -> Iterator[None]:
    """Add rows of `size` numbers where they lie, if they are long: NumPy would copy them if two fit its buffer."""
    if size < LONG:
        yield
        return
    before = np.setbufsize(16)
    try:
        yield
    finally:
        np.setbufsize(before)
