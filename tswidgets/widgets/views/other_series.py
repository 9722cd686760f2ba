"""The series of a model's other inputs, which run along a time axis of their own."""

from __future__ import annotations

import ipywidgets
import numpy as np

from tswidgets.analysis.activations import absent_steps
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
        self._series = SeriesView(self._time, subject.channel_names, title=f"Input {samples.name}", apart=True)
        self._range = extremes(*(samples[i] for i in samples.spread(RANGE_SAMPLES)))
        self.rows: list[ipywidgets.Widget] = self._series.rows
        self.legend = self._series.legend

    def show(self, sample: int) -> None:
        series = self._subject.samples[sample].astype(np.float32)
        absent = absent_steps(self._subject.probe, self._subject.observe(sample))[0]
        self._series.show(series, absent, union(self._range, extremes(series)), "on a time axis of its own")

    def close(self) -> None:
        close_all(self._time.pan_zoom)  # hangs on no figure
