"""Scales, ticks, lines and bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tswidgets.plots.bars import UnitBars
from tswidgets.plots.figure import LEFT, RIGHT, ValueAxis, figure, nice_ticks
from tswidgets.plots.lines import ChannelLines, Curve
from tswidgets.plots.timeaxis import TimeAxis


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 12))
def test_ticks_are_round_few_and_inside(low: float, span: float, most: int) -> None:
    high = low + span
    if not high > low:
        return
    ticks = nice_ticks(low, high, most)
    assert len(ticks) <= most
    rounding = 1e-6 * span + 2 * np.spacing(max(abs(low), abs(high)))
    assert ((ticks >= low - rounding) & (ticks <= high + rounding)).all()
    if len(ticks) > 1:
        step = np.diff(ticks).mean()
        assert float(f"{step / 10 ** np.floor(np.log10(step) + 1e-9):.3g}") in (1, 2, 5, 10)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (5, 5), (-3, -3), (np.inf, -np.inf), (np.nan, np.nan)])
def test_a_value_axis_always_has_room(low: float, high: float) -> None:
    axis = ValueAxis(100)
    axis.fit(low, high)
    assert np.isfinite([axis.scale.min, axis.scale.max]).all()
    assert axis.scale.max > axis.scale.min


def test_fitting_to_the_same_range_sends_nothing(messages) -> None:
    axis = ValueAxis(100)
    axis.fit(-1, 2)
    messages.clear()
    axis.fit(-1, 2)
    assert not messages.sent


def test_all_plot_areas_have_the_same_margins() -> None:
    figures = [figure([], [], height=h, name="x", bottom=b) for h, b in ((100, 10), (200, 44))]
    assert {(f.fig_margin["left"], f.fig_margin["right"]) for f in figures} == {(LEFT, RIGHT)}


def test_time_is_in_seconds_when_the_rate_is_known() -> None:
    axis = TimeAxis(300, 50.0)
    assert axis.home == pytest.approx((-0.01, 5.99))
    assert axis.label == "Time (s)"
    assert axis.of(np.array([100.0])) == pytest.approx([2.0])
    assert TimeAxis(300).label == "Time step"


def test_reset_shows_the_whole_series_in_one_message(messages) -> None:
    axis = TimeAxis(100)
    axis.scale.min, axis.scale.max = 10.0, 20.0
    messages.clear()
    axis.reset()
    assert (axis.scale.min, axis.scale.max) == axis.home
    assert messages.count(axis.scale) == 1


@pytest.mark.parametrize("n_channels", [1, 2, 8, 9, 40])
@pytest.mark.parametrize("n_steps", [1, 2, 50, 20_000])
def test_lines_hold_every_channel(n_channels: int, n_steps: int) -> None:
    time, value = TimeAxis(n_steps), ValueAxis(100)
    lines = ChannelLines(time, value.scale, n_channels)
    values = np.random.default_rng(0).normal(size=(n_steps, n_channels)).astype(np.float32)
    lines.show(values)
    drawn = np.concatenate([np.atleast_2d(mark.y) for mark in lines.marks])
    assert drawn.shape[0] == n_channels
    assert drawn.max(1) == pytest.approx(values.max(0))
    assert drawn.min(1) == pytest.approx(values.min(0))
    if 2 <= n_steps <= 3200:
        assert np.array_equal(drawn, values.T)
        assert np.array_equal(lines.marks[0].x, np.arange(n_steps))


def test_channels_beyond_eight_differ_in_line_style() -> None:
    lines = ChannelLines(TimeAxis(5), ValueAxis(100).scale, 20)
    assert [mark.line_style for mark in lines.marks] == ["solid", "dashed", "dotted"]


def test_lifting_fades_the_others_and_lifting_none_restores() -> None:
    lines = ChannelLines(TimeAxis(5), ValueAxis(100).scale, 10)
    lines.lift([9])
    assert [one for mark in lines.marks for one in mark.opacities] == [0.12] * 9 + [1.0]
    lines.lift([])
    assert {one for mark in lines.marks for one in mark.opacities} == {1.0}


def test_what_is_not_finite_is_a_gap() -> None:
    curve = Curve(TimeAxis(4), ValueAxis(100).scale)
    curve.show(np.arange(4, dtype=np.float32), np.array([1, np.inf, np.nan, 2], np.float32))
    assert np.array_equal(curve.line.y, [1, np.nan, np.nan, 2], equal_nan=True)


def test_bars_rise_from_zero_to_their_value() -> None:
    bars, values = UnitBars(ValueAxis(100).scale), np.array([1, -2, np.nan, 4], np.float32)
    assert bars.show(values) == 1
    y = np.asarray(bars.bars.y).reshape(4, 4)
    assert np.array_equal(y[:, 1], [1, -2, 0, 4])
    assert not y[:, [0, 3]].any()
    bars.choose(3, 4.0)
    assert np.asarray(bars.chosen.x).mean() == pytest.approx(3)


def test_more_bars_than_pixels_keep_the_strongest() -> None:
    bars, values = UnitBars(ValueAxis(100).scale), np.zeros(5000, np.float32)
    values[4321] = -7
    run = bars.show(values)
    assert run > 1
    y = np.asarray(bars.bars.y).reshape(-1, 4)[:, 1]
    assert y.min() == -7
    assert abs(np.asarray(bars.bars.x).reshape(-1, 4).mean(1)[y.argmin()] - 4321) < run
