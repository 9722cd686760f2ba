"""Which layer is bad: what the values of all layers are like over many samples, and where it begins."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import bqplot

from tswidgets.analysis.statistics import Statistics
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.selection import Selection
from tswidgets.widgets import text
from tswidgets.widgets.checkup import Checkup
from tswidgets.widgets.panel import Input, News, Picture, page
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.health import HealthView


@dataclass(frozen=True, eq=False, kw_only=True)
class HealthPicture(Picture):
    """What is known of all layers.

    found : None before the first samples have been counted; indices : of the samples that are to be counted, in order.
    """

    found: Statistics | None = None
    indices: tuple[int, ...] = ()


class HealthPanel:
    """The first bad layer in words, and every layer as a row; a click on a row chooses the layer."""

    title = "Health"
    scales: Mapping[str, str] = {}

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject = subject
        self._checkup: Checkup | None = None
        self.time = TimeAxis(subject.samples.longest, subject.sampling_rate)  # nothing here stands on it
        self.time_figures: list[bqplot.Figure] = []
        self.view = HealthView()
        self.layers = self.view.list
        self.inputs: list[Input] = [("layer", self.layers, "layer")]
        self.box = page(self.view.rows, self.view.side)

    @staticmethod
    def applies(subject: Subject) -> bool:
        return True

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return 0

    def compute(self, selection: Selection, token: Token | None = None) -> Iterator[HealthPicture]:
        started, subject = clock.perf_counter(), self._subject
        tap, version = subject.taps[selection.layer], subject.probe.version()
        checkup = self._checkup
        if checkup is None or checkup.version != version:
            checkup = self._checkup = Checkup(subject, version)
        empty = HealthPicture(
            selection=replace(selection, sample=min(selection.sample, len(subject.samples) - 1)),
            tap=tap,
            shape=tuple(n or 0 for n in tap.shape),
            seconds=0.0,
            indices=tuple(checkup.indices),
        )

        def picture() -> HealthPicture:
            known, n = checkup.done, len(checkup.indices)
            progress = (0, 0, "") if checkup.complete else (known, n, "samples")
            return replace(empty, found=checkup.found, progress=progress, seconds=clock.perf_counter() - started)

        if not checkup.complete:
            yield picture()
        for _ in checkup.go_on(token):
            yield picture()
        yield picture()

    def show(self, picture: HealthPicture) -> None:
        found = picture.found
        if found is None:
            self.view.explain("The values of every layer are being counted.")
            return
        self.view.show(found, self._subject.taps, self._counted(picture))

    def said(self, picture: HealthPicture) -> Iterator[str]:
        found = picture.found
        if found is None:
            yield "being counted"
            return
        yield "no layer is bad" if found.first is None else f"first bad layer: {found.first.layer}, {found.first.kind}"
        yield self._counted(picture)

    def data(self, picture: HealthPicture) -> dict[str, Any]:
        """What is on screen.

        `statistics` : as `statistics` returns them, of the samples in `samples`; `first` : the first bad layer, a
        `Finding`, or None; None of both while nothing is known.
        """
        found = picture.found
        return {
            "statistics": found,
            "first": None if found is None else found.first,
            "samples": [] if found is None else list(picture.indices[: found.n_samples]),
        }

    def cancel(self) -> None:
        """Nothing goes on beside `compute`."""

    def close(self) -> None:
        """All that there is hangs in the box."""

    def _counted(self, picture: HealthPicture) -> str:
        """Over which samples it was computed."""
        n, whole = picture.found.n_samples if picture.found else 0, len(self._subject.samples)
        word = "sample" if self._subject.wave is None else "window"
        if n == whole:
            return f"over {'the only' if n == 1 else f'all {n:,}'} {word}{'' if n == 1 else 's'}"
        so_far = "so far " if n < len(picture.indices) else ""
        return f"{so_far}over {n:,} of {text.plural(whole, word)}, evenly spread"
