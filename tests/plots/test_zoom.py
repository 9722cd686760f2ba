"""A long series is drawn as runs of steps, and zoomed in as what it is."""

from __future__ import annotations

import numpy as np
import pytest

from tswidgets.plots.figure import POINTS, ValueAxis
from tswidgets.plots.lines import MOST_POINTS, ChannelLines, Curve
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis, steps_within

N = 200_000


@pytest.fixture(scope="module")
def series() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)


def zoom(time: TimeAxis, first: float, last: float) -> None:
    time.scale.min, time.scale.max = time.at(first), time.at(last)


@pytest.mark.parametrize("rate", [None, 50.0])
def test_every_step_in_sight_is_drawn(series: np.ndarray, rate: float | None) -> None:
    time = TimeAxis(N, rate)
    lines = ChannelLines(time, ValueAxis(100).scale, 2)
    lines.show(series)
    assert lines.run > 1 and len(lines.marks[0].x) <= MOST_POINTS
    zoom(time, 70_000, 71_000)
    lines.show(series)
    assert lines.run == 1
    x, y = lines.marks[0].x / np.float32(time.seconds_per_step), lines.marks[0].y
    here = (x > 69_999.5) & (x < 71_000.5)
    assert np.round(x[here]) == pytest.approx(np.arange(70_000, 71_001))
    assert np.array_equal(y[:, here], series[70_000:71_001].T)
    assert x[0] < 1000 and x[-1] > N - 1000  # the rest is still there
    assert len(x) < 2 * MOST_POINTS and (np.diff(x) > 0).all()
    assert y.min() == series.min() and y.max() == series.max()  # and loses no peak
    time.reset()
    lines.show(series)
    assert lines.run > 1 and len(lines.marks[0].x) <= MOST_POINTS


def test_a_curve_on_a_layers_own_steps(series: np.ndarray) -> None:
    time, steps = TimeAxis(2 * N + 3), np.arange(N, dtype=np.float32) * 2 + 1.5
    curve = Curve(time, ValueAxis(100).scale)
    zoom(time, 1000, 1100)
    curve.show(steps, series[:, 0])
    x, y = curve.line.x, curve.line.y
    here = (x >= 1000) & (x <= 1100)
    seen = (steps >= 1000) & (steps <= 1100)
    assert np.array_equal(x[here], steps[seen])
    assert np.array_equal(y[here], series[seen, 0])


def test_steps_that_run_backwards_are_drawn_as_before(series: np.ndarray) -> None:
    time = TimeAxis(N)
    zoom(time, 1000, 1100)
    curve = Curve(time, ValueAxis(100).scale)
    curve.show(np.arange(N, dtype=np.float32)[::-1].copy(), series[:, 0])
    assert curve.run > 1
    assert curve.line.y.max() == series[:, 0].max()


def test_not_finite_values_are_gaps_and_do_not_hide_others(series: np.ndarray) -> None:
    time = TimeAxis(N)
    broken = series.copy()
    broken[5, 0], broken[60, 0] = np.inf, np.nan
    lines = ChannelLines(time, ValueAxis(100).scale, 2)
    lines.show(broken)
    assert np.isfinite(lines.marks[0].y).all()
    zoom(time, 0, 100)
    lines.show(broken)
    gaps = np.isnan(lines.marks[0].y[0, :100])
    assert np.flatnonzero(gaps).tolist() == [5, 60]


def test_the_picture_of_a_layer_has_a_column_for_each_step_in_sight(series: np.ndarray) -> None:
    time, raster = TimeAxis(N), Raster(TimeAxis(N))
    absent = np.zeros(N, bool)
    run, _ = raster.show(np.arange(N, dtype=np.float32), series, absent, -1, 1, signed=True)
    assert run > N / POINTS / 2
    zoom(time, 500, 900)
    run, _ = raster.show(np.arange(N, dtype=np.float32), series, absent, -1, 1, signed=True, window=time.window)
    assert run == 1
    assert raster.image.x == pytest.approx([498.5, 901.5], abs=1.1)


def test_the_window_and_its_neighbours() -> None:
    assert steps_within(None, 10) == (0, 10)
    assert steps_within((2.5, 4.5), 10) == (2, 6)
    assert steps_within((-5, 2), 10) == (0, 3)
    assert steps_within((50, 60), 10) == (9, 10)
    assert steps_within((2.5, 4.5), 3, np.array([1, 3, 5], np.float32)) == (0, 3)
