"""What a layer answers to every window of one long wave, laid back on the wave."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.activations import at_layer, placed, tap_named
from tswidgets.analysis.fold import Fold
from tswidgets.analysis.windows import landing
from tswidgets.probe import Probe, Tap, as_probe

Floats = NDArray[np.float32]
Take = Callable[[range], Any]
"""Some of the windows, as the model takes them."""
AT_ONCE = 32, 4096  # windows of the first piece, and of the largest
PATIENCE = 0.05  # seconds that a piece should take, so that work can be shown and given up


@dataclass(frozen=True, eq=False)
class FoldedActivations:
    """A layer on the wave.

    layer : the tap's name.
    values : ndarray of shape (n_wave_steps, n_filters), the mean over the windows; NaN where no window answers.
    count : int ndarray of shape (n_wave_steps,), how many windows' steps each value is the mean of.
    """

    layer: str
    values: Floats
    count: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Piece:
    """Some windows' activations: `values` of shape (n_windows, n_steps, n_filters), of the windows from `first` on."""

    first: int
    values: Floats


def fold_activations(model: Any, windows: Any, layer: str, *, stride: int = 1) -> FoldedActivations:
    """The activations of any layer, averaged over all windows that see a step of the wave.

    Parameters
    ----------
    model : keras.Model or Probe
    windows : ndarray of shape (n_windows, size, n_channels), as `sliding_windows` cuts them; a view will do
    layer : str
        Name of a tap. A layer without a time axis has one answer for each window, which lands in the window's middle.
    stride : int
        How many steps of the wave lie between the starts of two windows.

    Raises
    ------
    ValueError
        If the model has no such layer, if its output has no place in time, or if windows do not fit the model.

    The windows run in pieces, so that neither they nor the activations are ever in memory at once. Where a step lands
    is what `fold_windows` says, with the layer's receptive fields as `time`.
    """
    windows = np.asarray(windows)
    _validate.whole_windows(windows.shape)
    probe = as_probe(model, windows[:1])
    tap = tap_named(probe, layer)
    if why := not_folded(tap):
        _validate.nothing_to_draw(tap.name, why)
    fold = None
    for piece in pieces(probe, lambda some: np.asarray(windows[some], np.float32), len(windows), tap):
        fold = fold or fold_of(probe, tap, piece.values, len(windows), windows.shape[1], stride)
        fold.add(piece.first, piece.values)
    assert fold is not None
    return FoldedActivations(tap.name, fold.result(), fold.count)


def pieces(probe: Probe, take: Take, n_windows: int, tap: Tap, first: int = 0) -> Iterator[Piece]:
    """The windows from `first` on, as many at a time as take about `PATIENCE`."""
    at_once, most = AT_ONCE
    while first < n_windows:
        started, last = clock.perf_counter(), min(first + at_once, n_windows)
        observation = probe.observe(take(range(first, last)), [tap.name])
        if tap.name not in observation:
            _validate.not_reached(tap.name)
        values = at_layer(probe, observation, placed(probe, observation, tap)).values
        yield Piece(first, values if values.ndim == 3 else values[:, None, :])
        first = last
        if clock.perf_counter() - started < PATIENCE / 2:
            at_once = min(2 * at_once, most)


def not_folded(tap: Tap) -> str:
    """Why a layer's activations cannot be folded back onto the wave; "" if they can."""
    if tap.kind != "map":
        return tap.note
    shape = " × ".join("?" if n is None else str(n) for n in tap.shape)
    return f"{tap.layer_class} gives {shape}, rows at each step, and a fold has one value a filter"


def fold_of(probe: Probe, tap: Tap, values: Floats, n_windows: int, size: int, stride: int) -> Fold:
    """An empty fold for a tap whose activations are like `values`."""
    timeline = probe.timelines(size)[tap.name] if tap.kind == "sequence" else None
    time = np.array([(size - 1) / 2]) if timeline is None else timeline.centres
    return Fold((n_windows - 1) * stride + size, values.shape[-1], landing(time, size), stride, values.dtype)
