"""The series of a model's other inputs, which run along a time axis of their own."""

from __future__ import annotations

import bqplot
import ipywidgets
import numpy as np

from tswidgets.analysis.activations import absent_steps
from tswidgets.plots.colors import NEUTRAL
from tswidgets.plots.ranges import extremes, union
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.views.series import SeriesView

RANGE_SAMPLES = 16  # scales are fitted to that many samples, spread over the set


class OtherSeries:
    """`rows` go below the figures, `legend` beside them. `subject` stands on the axis of what is shown."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        samples = subject.samples
        self._time = TimeAxis(samples.longest, subject.sampling_rate)
        height = bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)
        self._span = bqplot.Lines(
            x=np.zeros((2, 2), np.float32),
            y=np.array([[0, 1]] * 2, np.float32),
            scales={"x": self._time.scale, "y": height},
            colors=[NEUTRAL] * 2,
            stroke_width=1.2,
            visible=False,
        )
        self._series = SeriesView(
            self._time, subject.channel_names, behind=[self._span], title=f"Input {samples.name}", apart=True
        )
        self._range = extremes(*(samples[i] for i in samples.spread(RANGE_SAMPLES)))
        self.rows: list[ipywidgets.Widget] = self._series.rows
        self.legend = self._series.legend

    def show(self, sample: int, span: tuple[int, int] | None = None, note: str = "") -> None:
        """`span`: first and last step that are marked by a line on either side; `note` says what they are."""
        series = self._subject.samples[sample].astype(np.float32)
        absent = absent_steps(self._subject.probe, self._subject.observe(sample))[0]
        self._series.show(series, absent, union(self._range, extremes(series)), "on a time axis of its own", note)
        with self._span.hold_sync():
            self._span.visible = span is not None and span[0] <= span[1]
            if span is not None and self._span.visible:
                self._span.x = self._time.of(np.array([[span[0] - 0.5] * 2, [span[1] + 0.5] * 2], np.float32))

    def close(self) -> None:
        close_all(self._time.pan_zoom)  # hangs on no figure
