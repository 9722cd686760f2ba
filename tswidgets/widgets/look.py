"""A layer's answers to all windows of a wave, computed piece by piece and kept as far as a screen can show them."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.fold import Fold
from tswidgets.analysis.wave import fold_of, pieces
from tswidgets.plots.decimate import strongest
from tswidgets.plots.figure import POINTS
from tswidgets.probe import Tap
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.wave import Wave

Floats = NDArray[np.float32]
MOST_BYTES = 128 * 2**20  # of windows' answers that are kept for a layer


class WaveLook:
    """Begun once, given up and gone on with as the user likes.

    version : of the weights that it was computed with.
    done : how many windows have been computed.
    columns : ndarray of shape (n_columns, n_steps, n_filters), the strongest of each `run` windows, NaN for later ones.
    shape : of the layer's output for one window.
    """

    def __init__(self, subject: Subject, wave: Wave, tap: Tap, version: bytes) -> None:
        self._probe, self._wave, self._tap = subject.probe, wave, tap
        self._take = subject.samples.take
        self.version = version
        self.done, self.run = 0, 1
        self.shape: tuple[int, ...] = ()
        self.columns = np.empty((0, 0, 0), np.float32)
        self._fold: Fold | None = None
        self._rest = np.empty((0, 0, 0), np.float32)  # windows that do not fill a column yet

    @property
    def folded(self) -> Floats:
        """ndarray of shape (n_wave_steps, n_filters), NaN where no window has answered yet."""
        assert self._fold is not None
        folded: Floats = np.pad(self._fold.result(), ((0, self._beyond), (0, 0)), constant_values=np.nan)
        return folded

    @property
    def count(self) -> NDArray[np.int64]:
        """int ndarray of shape (n_wave_steps,): how many windows answered so far."""
        assert self._fold is not None
        return np.pad(self._fold.count, (0, self._beyond))

    def go_on(self, patience: float, token: Token | None) -> Iterator[None]:
        """Compute on, and pause every `patience` seconds and at the end, so that what is known can be shown."""
        paused = clock.perf_counter()
        for piece in pieces(self._probe, self._take, self._wave.n_windows, self._tap, self.done):
            self._add(piece.values)
            if clock.perf_counter() - paused > patience and self.done < self._wave.n_windows:
                yield
                paused = clock.perf_counter()
            if token is not None:
                token.check()
        yield

    def _add(self, values: Floats) -> None:
        wave = self._wave
        if self._fold is None:
            self.shape = values.shape[1:]
            self._fold = fold_of(self._probe, self._tap, values, wave.n_windows, wave.size, wave.stride)
            size = values[0].nbytes * wave.n_windows
            self.run = max(-(-wave.n_windows // POINTS), -(-size // MOST_BYTES))
            n_columns = -(-wave.n_windows // self.run)
            self.columns = np.full((n_columns, *values.shape[1:]), np.nan, np.float32)
            self._rest = values[:0]
        self._fold.add(self.done, values)
        waiting = np.concatenate([self._rest, values])
        first, self.done = (self.done - len(self._rest)) // self.run, self.done + len(values)
        if self.done == wave.n_windows:
            missing = -len(waiting) % self.run
            waiting = np.concatenate([waiting, np.full((missing, *values.shape[1:]), np.nan, np.float32)])
        n_columns = len(waiting) // self.run
        ready, self._rest = waiting[: n_columns * self.run], waiting[n_columns * self.run :]
        if n_columns:
            by_column, _ = strongest(ready.reshape(len(ready), -1), n_columns)
            self.columns[first : first + n_columns] = by_column.reshape(n_columns, *values.shape[1:])

    @property
    def _beyond(self) -> int:
        """Steps of the wave behind the last window."""
        return len(self._wave) - self._wave.covered
