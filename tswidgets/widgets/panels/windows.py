"""Every window of one long wave at once: a filter's answers window by window, and laid back on the wave."""

from __future__ import annotations

import time as clock
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.activations import Activations
from tswidgets.analysis.wave import not_folded
from tswidgets.plots.ranges import extremes
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.probe import Tap, Timeline
from tswidgets.selection import Selection
from tswidgets.widgets import text
from tswidgets.widgets.look import WaveLook
from tswidgets.widgets.meanwhile import PATIENCE
from tswidgets.widgets.panel import SCALES, Input, News, Picture, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.band import BandView
from tswidgets.widgets.views.curve import CurveView
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.layer import LayerView
from tswidgets.widgets.views.windows import WindowsView
from tswidgets.widgets.wave_cursor import WaveCursor

Floats = NDArray[np.float32]
Range = tuple[float, float]
KEPT = 3  # layers whose answers to all windows are kept


@dataclass(frozen=True, eq=False, kw_only=True)
class WindowsPicture(Picture):
    """What is known of a layer so far; None where it cannot be drawn.

    folded : ndarray of shape (n_wave_steps, n_filters); `count` of shape (n_wave_steps,) windows each.
    columns : ndarray of shape (n_columns, n_steps), the chosen filter's answers, each column the strongest of `run`.
    """

    folded: Floats | None
    count: NDArray[np.int64] | None
    columns: Floats | None
    run: int


class WindowsPanel:
    """The chosen filter of the chosen layer on the wave, and in each window; all filters on the wave."""

    title = "Windows"
    scales: Mapping[str, str] = SCALES

    def __init__(self, subject: Subject, news: News) -> None:
        assert subject.wave is not None
        self._subject, self._wave = subject, subject.wave
        self._looks: OrderedDict[str, WaveLook] = OrderedDict()
        self._sent, self._steps = Last(), np.arange(len(self._wave), dtype=np.float32)
        self.time = TimeAxis(len(self._wave), subject.sampling_rate)
        self.band = BandView(self.time, np.asarray(self._wave.values, np.float32), subject.channel_names)
        self.curve = CurveView(self.time)
        self.layer = LayerView(self.time, title=False)
        self.windows = WindowsView(self.time)
        self.cursor = WaveCursor(self.time, self._wave.size, self._wave.stride, self._wave.n_windows)
        views = (self.band, self.curve, self.layer, self.windows)
        self.time_figures = [view.figure for view in views]
        self.inputs: list[Input] = [("filter", self.cursor, "filter"), ("sample", self.cursor, "sample")]
        self.box = page(
            [*(row for view in views for row in view.rows), self.cursor],
            [self.layer.colors, self.windows.colors, self.band.legend],
        )

    @staticmethod
    def applies(subject: Subject) -> bool:
        return subject.wave is not None

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer)

    def compute(self, selection: Selection, token: Token | None = None) -> Iterator[WindowsPicture]:
        started = clock.perf_counter()
        tap = self._subject.taps[selection.layer]
        sample = min(selection.sample, self._wave.n_windows - 1)
        selection = replace(selection, sample=sample, filter=min(selection.filter, max(tap.n_filters - 1, 0)))
        if why := not_folded(tap):
            yield _nothing(selection, replace(tap, note=why))
            return
        look = self._look(tap)
        for _ in look.go_on(PATIENCE, token):
            yield WindowsPicture(
                selection=selection,
                tap=tap,
                shape=look.shape,
                progress=(look.done, self._wave.n_windows, "windows"),
                seconds=clock.perf_counter() - started,
                folded=look.folded,
                count=look.count,
                columns=look.columns[:, :, selection.filter].copy(),  # it goes on changing
                run=look.run,
            )

    def show(self, picture: WindowsPicture) -> None:
        tap, filter = picture.tap, picture.selection.filter
        title = f"{tap.word.capitalize()} {filter} of {tap.name}"
        if picture.folded is None or picture.count is None or picture.columns is None:
            self.band.explain(tap.note)
            self.curve.explain(tap.name, "cannot be drawn")
            self.layer.explain(tap.note)
            self.windows.explain(tap.note)
            return
        whole = extremes(picture.folded)
        own = extremes(picture.folded[:, filter])
        curve_range = whole if picture.selection.scale == "layer" else own
        mean = "mean of the windows that see a step"
        self.band.show(f"{tap.word} {filter}, {mean}", self._steps, picture.folded[:, filter], curve_range)
        self.curve.show(f"{title}, {mean}", self._steps, picture.folded[:, filter], curve_range)
        folded = Activations(tap.name, picture.folded, Timeline.of_input(len(self._wave)), picture.count == 0)
        self.layer.show_steps(folded, self._steps, tap.word, filter, whole)
        starts = np.arange(len(picture.columns), dtype=np.float32) * (self._wave.stride * picture.run)
        self.windows.show(title, starts, picture.columns, picture.run, extremes(picture.columns))
        if self._sent.differs(tap.name, filter, picture.folded, picture.columns):
            self.cursor.show(picture.folded, picture.columns, picture.run, tap.word)

    def said(self, picture: WindowsPicture) -> Iterator[str]:
        first = picture.selection.sample * self._wave.stride
        yield f"Window {picture.selection.sample}: wave steps {first}–{first + self._wave.size - 1}"
        done, total, _ = picture.progress
        if done < total:
            yield f"{done:,} of {total:,} windows so far"
        elif picture.count is not None:
            yield f"a step is seen by up to {text.plural(int(picture.count.max()), 'window')}"

    def data(self, picture: WindowsPicture) -> dict[str, Any]:
        """What is on screen.

        `wave` : (n_wave_steps, n_channels).
        `folded` : (n_wave_steps, n_filters), the mean over all windows, NaN where none answers; `count` of them.
        `windows` : (n_columns, n_steps), the chosen filter's answers, a column for each window or `run` of them.
        """
        return {
            "wave": np.array(self._wave.values),
            "folded": None if picture.folded is None else picture.folded.copy(),
            "count": None if picture.count is None else picture.count.copy(),
            "windows": None if picture.columns is None else picture.columns.copy(),
            "run": picture.run,
        }

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        for view in (self.band, self.layer, self.windows):
            view.close()

    def _look(self, tap: Tap) -> WaveLook:
        """The layer's answers as far as they are known, begun anew if the weights have changed."""
        version = self._subject.probe.version()
        look = self._looks.pop(tap.name, None)
        if look is None or look.version != version:
            look = WaveLook(self._subject, self._wave, tap, version)
        self._looks[tap.name] = look
        while len(self._looks) > KEPT:
            self._looks.popitem(last=False)
        return look


def _nothing(selection: Selection, tap: Tap) -> WindowsPicture:
    shape = tuple(n or 0 for n in tap.shape)
    return WindowsPicture(
        selection=selection, tap=tap, shape=shape, seconds=0.0, folded=None, count=None, columns=None, run=1
    )
