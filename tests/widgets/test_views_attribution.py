"""A quantity behind the input, whether to believe it, and what it explains: what is drawn is what was given."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import Any

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from tswidgets.plots.colors import ABSENT, FIRST_LEVEL, INVALID, LEVELS
from tswidgets.plots.lanes import channel_ranges, in_lanes, row_axis, shortened
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import answers
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.views.attributed import FAINT, HIGHEST, LANE, LEAST_LANE, AttributedSeries, ChannelRaster
from tswidgets.widgets.views.shade import color_range
from tswidgets.widgets.views.targets import TargetChoice, target_of
from tswidgets.widgets.views.trust import HEIGHT, WIDTH, TrustStrip

OF = "saliency of walk"


def some(n_timesteps: int = 40, n_channels: int = 3, seed: int = 0) -> np.ndarray:
    """Channels of very different size and place."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_timesteps, n_channels)) * 10.0 ** np.arange(n_channels) + np.arange(n_channels) * 100
    return x.astype(np.float32)


def made(n_timesteps: int, n_channels: int, **options: Any) -> AttributedSeries:
    return AttributedSeries(TimeAxis(n_timesteps), [f"name {i}" for i in range(n_channels)], **options)


def present(n_timesteps: int) -> np.ndarray:
    return np.zeros(n_timesteps, bool)


def entries(raster: Raster) -> np.ndarray:
    """Palette entries of the picture on the mark, shape (n_rows, n_columns)."""
    return np.asarray(Image.open(io.BytesIO(raster.image.image.value)))


def painted(raster: Raster, low: float, high: float) -> np.ndarray:
    """What the colours stand for; NaN where there is none."""
    shown = entries(raster).astype(float)
    return np.where(shown < FIRST_LEVEL, np.nan, low + (shown - FIRST_LEVEL) / (LEVELS - 1) * (high - low))


def drawn(lines: Any) -> np.ndarray:
    """y of all channels, shape (n_points, n_channels)."""
    return np.concatenate([np.atleast_2d(mark.y) for mark in lines.marks]).T


def plain(text: ipywidgets.HTML) -> str:
    return " ".join(re.sub("<[^>]+>", " ", text.value).split())


def sent_marks(messages: Any) -> set[str]:
    return {name.split()[0] for name in messages.of_marks()}


# -- lanes -------------------------------------------------------------------------------------------------------------


def test_every_channel_fills_its_lane_top_to_bottom() -> None:
    x = some()
    placed = in_lanes(x, channel_ranges(x))
    for channel in range(3):
        line = placed[:, channel]
        assert line.min() == pytest.approx(channel - 0.42) and line.max() == pytest.approx(channel + 0.42)
        assert line.argmin() == x[:, channel].argmax()  # rows run downwards: the largest value is on top
        assert np.corrcoef(line, x[:, channel])[0, 1] == pytest.approx(-1)


def test_a_constant_channel_runs_through_the_middle_and_gaps_stay_gaps() -> None:
    x = np.full((4, 3), 7, np.float32)
    x[:, 1] = [1, np.nan, np.inf, 3]
    x[:, 2] = np.nan
    ranges = channel_ranges(x)
    assert ranges.tolist()[:2] == [[7, 7], [1, 3]] and np.isnan(ranges[2]).all()
    placed = in_lanes(x, ranges)
    assert (placed[:, 0] == 0).all()
    assert list(np.isfinite(placed[:, 1])) == [True, False, False, True]
    assert np.isnan(placed[:, 2]).all()


def test_ranges_are_those_of_all_series_together() -> None:
    ranges = channel_ranges(np.float32([[1, 5], [2, 6]]), np.float32([[-1, np.inf]]), np.float32([[0, 9]]))
    assert ranges.tolist() == [[-1, 2], [5, 9]]


def test_names_beside_the_rows_fit_and_stay_apart() -> None:
    watch = [f"{kind} {axis}" for kind in ("acceleration", "rotation") for axis in "xyz"]
    assert shortened(watch) == ["accele. x", "accele. y", "accele. z", "rotation x", "rotation y", "rotation z"]
    assert shortened(["AccelerometerX_left", "ECG"]) == ["Acce…eft", "ECG"]
    alike = [f"measured accelerations {i} of the left ankle" for i in range(3)]
    assert shortened(alike) == ["0", "1", "2"]
    told = shortened(["M" * 1_000_000 + "end", "ECG"])  # as long as a name may be, at once
    assert told[0][:2] == "MM" and "…" in told[0] and told[0].endswith("nd") and told[1] == "ECG"


@pytest.mark.parametrize(("n", "height", "expected"), [(6, 204, range(6)), (30, 300, range(0, 30, 2)), (1, 54, [0])])
def test_as_many_rows_are_named_as_there_is_room_for(n: int, height: int, expected: Any) -> None:
    axis = row_axis(TimeAxis(3).scale, [f"c{i}" for i in range(n)], height)
    assert list(axis.tick_values) == list(expected)
    assert axis.tick_labels == {str(i): f"c{i}" for i in expected}  # JavaScript looks them up by text


# -- the input with a quantity behind it -------------------------------------------------------------------------------


def test_apart_draws_lines_and_colours_of_a_channel_in_the_same_row() -> None:
    x, values = some(), np.random.default_rng(1).uniform(-1, 1, (40, 3)).astype(np.float32)
    view = made(40, 3)
    view.show(x, present(40), values, OF, (-1, 1))
    assert painted(view._band, -1, 1) == pytest.approx(values.T, abs=1.01 / (LEVELS - 1))
    assert list(view._band.image.y) == [2.5, -0.5] and (view._band.rows.min, view._band.rows.max) == (-0.5, 2.5)
    assert drawn(view._lanes[0]) == pytest.approx(in_lanes(x, channel_ranges(x)))
    assert view._lanes[0].visible and not view._lines[0].visible
    assert view._names.visible and not view._value.axis.visible
    assert f"Input · colour: {OF} · each channel on its own scale · 3 channels · 40 steps" == plain(view._caption)


def test_together_draws_the_values_and_the_sum_over_channels() -> None:
    x, values = some(), np.random.default_rng(1).uniform(-1, 1, (40, 3)).astype(np.float32)
    view = made(40, 3)
    view.show(x, present(40), values, OF, (-1, 1), layout="together", total_range=(-3, 3))
    assert painted(view._band, -3, 3) == pytest.approx(np.tile(values.sum(1), (3, 1)), abs=3.01 / (LEVELS - 1))
    assert np.array_equal(drawn(view._lines[0]), x)
    assert view._lines[0].visible and not view._lanes[0].visible and not view._borders.visible
    assert view._value.axis.visible and not view._names.visible
    assert view._value.scale.min < x.min() and view._value.scale.max > x.max()
    assert f"colour: {OF}, sum over channels · 3 channels" in plain(view._caption)
    assert plain(view.colors) == f"{OF} −3 0 3 sum over channels"


def test_one_value_for_all_channels_is_behind_all_of_them_in_both_layouts() -> None:
    x, values = some(), np.linspace(0, 2, 40, dtype=np.float32)
    view = made(40, 3)
    for layout in ("apart", "together"):
        view.show(x, present(40), values, OF, (0, 2), layout=layout)
        assert painted(view._band, 0, 2) == pytest.approx(np.tile(values, (3, 1)), abs=2.01 / (LEVELS - 1))
        assert "sum over" not in plain(view._caption) + plain(view.colors)


def test_colours_behind_lines_are_at_most_45_per_cent_opaque() -> None:
    view, values = made(40, 3), np.ones((40, 3), np.float32)
    view.show(some(), present(40), values, OF, (-1, 1))
    picture = Image.open(io.BytesIO(view._band.image.image.value)).convert("RGBA")
    assert np.asarray(picture)[..., 3].max() == round(255 * 0.45)


def test_without_a_range_colours_span_what_is_drawn() -> None:
    view, values = made(40, 3), np.zeros((40, 3), np.float32)
    values[3:6] = [1, -2, 4]
    view.show(some(), present(40), values, OF)
    assert plain(view.colors) == f"{OF} −4 0 4"
    view.show(some(), present(40), values, OF, layout="together")
    assert plain(view.colors) == f"{OF} 0 3 sum over channels"
    view.show(some(), present(40), values, OF, (-1, 1))
    assert "some values lie beyond the scale" in plain(view.colors)
    view.show(some(), present(40), 0 * values, OF)
    assert "everywhere 0" in plain(view.colors)


def test_a_few_strong_values_do_not_leave_the_others_without_colour() -> None:
    values = np.random.default_rng(0).uniform(-1, 1, (500, 3)).astype(np.float32)
    values[9, 1], values[10, 0] = 3.5, np.nan
    low, high = color_range(values)
    assert -low == high == pytest.approx(np.nanpercentile(np.abs(values), 99)) and high < 1
    view = made(500, 3)
    view.show(some(500), present(500), values, OF)
    assert "some values lie beyond the scale" in plain(view.colors)
    assert color_range(np.abs(values))[0] == pytest.approx(0, abs=0.01)
    values[9, 1] = -100
    assert color_range(values) == (-25, np.nanmax(values))
    assert color_range(np.zeros(500), np.float32([0, -8])) == (-2, 0)
    assert color_range(np.float32([2, 3])) == pytest.approx((2, 2.99)) and color_range(np.float32([np.inf])) == (0, 0)


def test_a_step_without_a_value_has_no_colour_and_is_told() -> None:
    values = np.ones(40, np.float32)
    values[:5] = np.nan
    view = made(40, 3)
    view.show(some(), present(40), values, OF, (0, 1))
    assert (entries(view._band)[:, :5] == FIRST_LEVEL).all()  # the colour of 0, which is transparent
    assert "5 steps without a value, no colour" in plain(view._caption)
    view.show(some(), np.arange(40) < 2, values, OF, (0, 1))
    assert "3 steps without a value, no colour" in plain(view._caption)  # the others are padding
    read = np.frombuffer(view.legend.quantity, "<f4")
    assert np.array_equal(read, values, equal_nan=True) and not view.legend.per_channel


def test_channels_without_a_value_are_left_out_of_the_sum() -> None:
    values = np.ones((40, 3), np.float32)
    values[:, 2], values[7] = np.nan, np.nan
    view = made(40, 3)
    view.show(some(), present(40), values, OF, layout="together", total_range=(0, 4))
    assert painted(view._band, 0, 4)[0, [6, 8]] == pytest.approx(2, abs=0.02)
    assert entries(view._band)[0, 7] == FIRST_LEVEL
    assert "1 step without a value" in plain(view._caption)


def test_infinite_values_are_grey_and_told() -> None:
    values = np.ones((40, 3), np.float32)
    values[4, 1], values[4, 2] = np.inf, -np.inf
    view = made(40, 3)
    view.show(some(), present(40), values, OF, (0, 1))
    assert list(entries(view._band)[:, 4]) == [FIRST_LEVEL + LEVELS - 1, INVALID, INVALID]
    assert "2 infinite values, grey" in plain(view._caption)
    view.show(some(), present(40), values, OF, layout="together")


def test_padding_has_neither_line_nor_colour_nor_value() -> None:
    x, values, absent = some(), np.ones((40, 3), np.float32), np.arange(40) >= 30
    view = made(40, 3)
    for layout, lines in (("apart", view._lanes), ("together", view._lines)):
        view.show(x, absent, values, OF, (0, 1), layout=layout)
        assert np.array_equal(np.isnan(drawn(lines[0])), np.tile(absent[:, None], 3))
        assert (entries(view._band)[:, 30:] == ABSENT).all() and (entries(view._band)[:, :30] > FIRST_LEVEL).all()
    read = np.frombuffer(view.legend.quantity, "<f4").reshape(40, 3)
    assert np.isnan(read[30:]).all() and (read[:30] == 1).all()
    assert "10 of them padding" in plain(view._caption)


def test_lanes_are_fitted_to_the_data_set_and_widened_where_a_series_goes_beyond() -> None:
    x = np.tile(np.linspace(0, 1, 40, dtype=np.float32)[:, None], 2)
    x[20, 1] = 5
    view = made(40, 2)
    view.show(x, present(40), None, "", ranges=np.float32([[-1, 3], [0, 2]]))
    placed = drawn(view._lanes[0])
    assert placed[0, 0] == pytest.approx(0.42 - 0.84 / 4) and placed[-1, 0] == pytest.approx(0.42 - 0.84 / 2)
    assert placed[20, 1] == pytest.approx(1 - 0.42) and placed[0, 1] == pytest.approx(1 + 0.42)
    view.show(x, present(40), None, "", ranges=np.float32([[-10, 3], [0, 2]]), layout="together")
    assert view._value.scale.min < -10 and view._value.scale.max > 5


def test_the_same_picture_is_sent_once_and_only_what_changes_is_sent(messages: Any) -> None:
    x, values = some(), np.random.default_rng(1).uniform(-1, 1, (40, 3)).astype(np.float32)
    view = made(40, 3)
    view.show(x, present(40), values, OF, (-1, 1))
    messages.clear()
    view.show(x.copy(), present(40), values.copy(), OF, (-1, 1))
    assert not messages.sent
    view.show(x, present(40), values[::-1].copy(), OF, (-1, 1))
    assert sent_marks(messages) == {"Picture"} and messages.count(view._band.image) == 1
    assert messages.count(view.legend) == 1
    messages.clear()
    view.show(x + 1, present(40), values[::-1].copy(), OF, (-1, 1))
    assert sent_marks(messages) == {"Lines"} and set(messages.of_marks().values()) == {1}
    messages.clear()
    for layout in ("together", "apart"):
        view.show(x, present(40), values, OF, (-1, 1), layout=layout)
    assert not any(isinstance(widget, ipywidgets.Layout) for widget, _ in messages.sent)  # nothing jumps


def test_one_channel_is_drawn_with_numbers_in_both_layouts() -> None:
    x, values = some(40, 1), np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    view = made(40, 1)
    for layout in ("apart", "together"):
        view.show(x, present(40), values, OF, (-1, 1), layout=layout)
        assert view._value.axis.visible and view._lines[0].visible and not view._lanes[0].visible
        assert not view._borders.visible
        assert painted(view._band, -1, 1) == pytest.approx(values.T, abs=1.01 / (LEVELS - 1))
        assert plain(view._caption) == f"Input · colour: {OF} · 1 channel · 40 steps"


@pytest.mark.parametrize("n", [1, 3, 6, 12, 13, 32, 33, 64])
def test_lanes_get_room_up_to_a_cap_then_only_colours_are_drawn_apart(n: int) -> None:
    view, x = made(20, n), some(20, 1).repeat(n, axis=1)
    margin = view.figure.fig_margin
    area = int(view.figure.layout.height[:-2]) - margin["top"] - margin["bottom"]
    assert area <= HIGHEST
    assert area >= n * LANE or area == HIGHEST
    view.show(x, present(20), np.ones((20, n), np.float32), OF, (0, 1))
    assert entries(view._band).shape[0] == n
    if n > 1:
        fits = area / n >= LEAST_LANE
        assert fits == (n <= 32)
        assert view._lanes[0].visible == view._borders.visible == fits
        assert (f"no room for {n} lines" in plain(view._caption)) != fits
    view.show(x, present(20), None, "", layout="together")
    assert view._lines[0].visible and drawn(view._lines[0]).shape == (20, n)


def test_more_steps_than_pixels_keep_their_extremes_and_say_so() -> None:
    values = np.zeros((16_000, 3), np.float32)
    values[7777, 1] = -1
    view = made(16_000, 3)
    view.show(some(16_000), present(16_000), values, OF, (-1, 1))
    assert (entries(view._band) == FIRST_LEVEL).sum(axis=1).tolist() == [0, 1, 0]
    assert "each column of colour is the strongest of 10 steps" in plain(view._caption)
    assert "lowest and highest of every" in plain(view._caption)


def test_without_a_quantity_the_input_stays_and_its_place_too(messages: Any) -> None:
    x, view = some(), made(40, 3)
    view.show(x, present(40), None, "saliency is being computed")
    assert not view._band.image.visible and view._band.rows.max == 2.5
    assert plain(view._caption).startswith("Input · saliency is being computed · each channel")
    lines = view.colors.value.count("<h4>"), view.colors.value.count("<span>")
    assert plain(view.colors).startswith("No colour") and lines[0] == 1
    view.show(x, present(40), np.ones((40, 3), np.float32), OF)
    assert view._band.image.visible
    messages.clear()
    view.show(x, present(40), None, "cannot be had")
    assert not view._band.image.visible and view.legend.quantity == b""
    assert sent_marks(messages) == {"Picture"}
    view.show(x, present(40), np.ones((40, 3), np.float32), OF)
    assert view._band.image.visible and view.legend.quantity


def test_hovering_reads_what_was_given() -> None:
    x, values = some(), some(seed=1)
    view = made(40, 3)
    view.show(x, present(40), values, OF)
    assert np.array_equal(np.frombuffer(view.legend.series, "<f4").reshape(40, 3), x)
    assert np.array_equal(np.frombuffer(view.legend.quantity, "<f4").reshape(40, 3), values)
    assert (view.legend.per_channel, view.legend.total, view.legend.word) == (True, True, "colour")
    view.show(x, present(40), values, OF, layout="together")  # values stay those of the channels
    assert np.array_equal(np.frombuffer(view.legend.quantity, "<f4").reshape(40, 3), values)


def test_lifting_a_channel_fades_the_others_in_both_layouts() -> None:
    view = made(40, 3, compared=True)
    view.legend.lifted = [1]
    for group in (view._lanes, view._lines):
        assert group[0].marks[0].opacities == [0.12, 1.0, 0.12]
        assert group[1].marks[0].opacities == pytest.approx([0.12 * FAINT, FAINT, 0.12 * FAINT])


def test_another_series_is_drawn_faintly_on_the_same_scales() -> None:
    x, other = some(), 2 * some(seed=5)
    view = made(40, 3, title="Optimised input", compared=True)
    view.show(x, present(40), None, "100 of 500 iterations", against=("sample 3", other))
    fitted = channel_ranges(x, other)
    for lines, values in zip(view._lanes, (x, other), strict=True):
        assert drawn(lines) == pytest.approx(in_lanes(values, fitted)) and lines.visible
    assert plain(view._caption).startswith("Optimised input · 100 of 500 iterations · faint: sample 3 · each channel")
    assert np.array_equal(np.frombuffer(view.legend.quantity, "<f4").reshape(40, 3), other)
    assert (view.legend.word, view.legend.total) == ("faint", False)
    marks = view.figure.marks
    assert marks.index(view._lanes[1].marks[0]) < marks.index(view._lanes[0].marks[0])  # behind
    view.show(x, present(40), None, "100 of 500 iterations", layout="together", against=("sample 3", other))
    assert [np.array_equal(drawn(one), values) for one, values in zip(view._lines, (x, other), strict=True)] == [
        True
    ] * 2
    view.show(x, present(40), None, "100 of 500 iterations", layout="together")
    assert view._lines[0].visible and not view._lines[1].visible
    assert view.legend.quantity == b""


# -- the quantity alone ------------------------------------------------------------------------------------------------


def test_the_raster_holds_the_values_at_full_strength(messages: Any) -> None:
    values = np.random.default_rng(1).uniform(-1, 1, (40, 3)).astype(np.float32)
    view = ChannelRaster(TimeAxis(40), ["a", "b", "c"])
    view.show(values, present(40), OF, (-1, 1))
    assert painted(view._raster, -1, 1) == pytest.approx(values.T, abs=1.01 / (LEVELS - 1))
    picture = Image.open(io.BytesIO(view._raster.image.image.value)).convert("RGBA")
    assert np.asarray(picture)[..., 3].max() > 240
    assert view._names.visible and view._names.tick_labels == {"0": "a", "1": "b", "2": "c"}
    assert plain(view._caption) == f"{OF} · channel by channel"
    assert plain(view.colors) == f"{OF} −1 0 1"
    messages.clear()
    view.show(values.copy(), present(40), OF, (-1, 1))
    assert not messages.sent


def test_the_raster_of_one_value_for_all_channels_names_none() -> None:
    view, values = ChannelRaster(TimeAxis(40), ["a", "b", "c"]), np.linspace(0, 1, 40, dtype=np.float32)
    view.show(values, np.arange(40) >= 35, OF)
    assert entries(view._raster).shape == (1, 40) and (entries(view._raster)[0, 35:] == ABSENT).all()
    assert not view._names.visible and view._raster.rows.max == 0.5
    assert plain(view._caption) == f"{OF} · all channels alike"
    view.show(np.ones((40, 3), np.float32), present(40), OF)
    assert view._names.visible and view._raster.rows.max == 2.5


def test_a_raster_without_a_quantity_says_why_and_comes_back() -> None:
    view, values = ChannelRaster(TimeAxis(40), ["a", "b", "c"]), np.ones((40, 3), np.float32)
    view.show(values, present(40), OF)
    size = view.figure.layout.height
    view.explain("being computed")
    assert not view._raster.image.visible and plain(view._caption) == "Channel by channel · being computed"
    view.show(values, present(40), OF)
    assert view._raster.image.visible and view.figure.layout.height == size


# -- whether to believe it ---------------------------------------------------------------------------------------------

FRACTIONS = np.linspace(0, 1, 5)
CASCADE = (("dense", 0.9), ("a<b>/conv", 0.5), ("stem", -0.25))


def found(**changes: Any) -> Any:
    """What `trust` returns."""
    curves = {
        "deletion": np.array([4.0, 2, 1, 0, 0]),
        "random_deletion": np.array([4.0, 3, 2, 1, 0]),
        "insertion": np.array([0.0, 1, 2, 3, 4]),
        "random_insertion": np.array([0.0, 2, 3, 4, 4]),
    }
    told = {"completeness": 0.0042, "randomization": CASCADE, "fractions": FRACTIONS, "baseline": 0.81}
    gains = {"deletion_gain": 0.75, "insertion_gain": -0.75, "doubts": ()}
    return SimpleNamespace(**{**curves, **told, **gains, **changes})


def test_a_map_without_doubts_is_not_spoken_against() -> None:
    strip = TrustStrip()
    strip.show(found())
    assert plain(strip).startswith("Nothing speaks against this map.") and "tsw-warn" not in strip.value


def test_doubts_are_told_first_in_words() -> None:
    strip = TrustStrip()
    strip.show(found(doubts=("it stays the same when the weights are <shuffled>", "Deletion is no better.")))
    expected = (
        "Do not believe this map. "
        "It stays the same when the weights are &lt;shuffled&gt;. Deletion is no better. Completeness"
    )
    assert plain(strip).startswith(expected)


def test_every_number_is_told_in_words() -> None:
    strip = TrustStrip()
    strip.show(found())
    told = plain(strip)
    assert "Completeness 0.42 %" in told
    assert "Shuffled weights dense: 0.9 a&lt;b&gt;/conv: 0.5 stem: −0.25 0.9 → −0.25" in told
    assert re.search(r"Deletion 1.25 2 [^;]*; dashed: random order, worse Insertion", told)
    assert re.search(r"Insertion 2 2.75 [^;]*; dashed: random order, no worse Other", told)
    assert "Other baseline 0.81" in told
    spoken = re.findall('aria-label="([^"]+)"', strip.value)
    assert len(spoken) == strip.value.count("<svg") == 5
    assert spoken[1] == "Rank correlation, shuffled down to: dense 0.9, a&lt;b&gt;/conv 0.5, stem −0.25"
    assert "4 at 0%, 1 at 50%, 0 at 100%; in random order: 4 at 0%, 2 at 50%, 0 at 100%" in spoken[2]


def test_columns_are_as_high_as_their_numbers_from_a_common_zero() -> None:
    strip = TrustStrip()
    strip.show(found())
    bars = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/></g>', strip.value)
    x, top, width, height = np.array(bars, float).T
    unit, zero = HEIGHT / 1.25, HEIGHT / 1.25
    assert height == pytest.approx(np.abs([0.9, 0.5, -0.25]) * unit, abs=0.06)
    assert top[:2] + height[:2] == pytest.approx(zero, abs=0.11) and top[2] == pytest.approx(zero, abs=0.06)
    assert (x[1:] > x[:-1] + width[:-1]).all() and x[-1] + width[-1] < WIDTH


def test_curves_run_through_their_values_on_one_scale() -> None:
    strip = TrustStrip()
    strip.show(found())
    lines = re.findall(r'<polyline class="(tsw-\w+)" points="([^"]+)"', strip.value)
    assert [name for name, _ in lines] == ["tsw-random", "tsw-own"] * 2
    points = np.array([[point.split(",") for point in path.split()] for _, path in lines], float)
    assert points[:, :, 0] == pytest.approx(np.tile(WIDTH * FRACTIONS, (4, 1)))
    height = (HEIGHT - 2) / 4
    expected = [found().random_deletion, found().deletion, found().random_insertion, found().insertion]
    assert points[:, :, 1] == pytest.approx(1 + HEIGHT - 2 - height * np.array(expected), abs=0.06)


def test_what_is_not_defined_is_said_to_be_so() -> None:
    strip, none = TrustStrip(), np.empty(0)
    curves = dict.fromkeys(("deletion", "insertion", "random_deletion", "random_insertion", "fractions"), none)
    strip.show(found(completeness=None, baseline=None, randomization=(), **curves))
    told = plain(strip)
    assert "Completeness – not defined for this method" in told
    assert told.count("– not tested") == 3 and "– this method has no baseline" in told
    assert "<svg" not in strip.value


@pytest.mark.parametrize("value", [np.nan, -1.0, 0.0, 7.5])
def test_any_number_can_be_drawn(value: float) -> None:
    strip = TrustStrip()
    flat = np.full(5, value)
    strip.show(
        found(completeness=value, baseline=value, randomization=(("dense", value),), deletion=flat, insertion=flat)
    )
    assert "nan" not in strip.value.replace("not a number", "")


def test_the_strip_keeps_its_checks_while_nothing_is_known(messages: Any) -> None:
    strip = TrustStrip()
    strip.show(found())
    titles = re.findall("<h5>([^<]+)</h5>", strip.value)
    strip.explain("Checking & waiting")
    assert plain(strip).startswith("Checking &amp; waiting Completeness … of the difference")
    assert re.findall("<h5>([^<]+)</h5>", strip.value) == titles
    strip.show(found())
    messages.clear()
    strip.show(found())
    assert not messages.sent


# -- what is explained -------------------------------------------------------------------------------------------------

SCORES = np.float32([0.2, 0.7, 0.1])


def test_the_target_is_the_predicted_class_until_another_is_chosen() -> None:
    assert target_of(SCORES, None) == 1
    assert target_of(SCORES, 2) == 2
    assert target_of(SCORES, 99) == 2
    assert target_of(SCORES[:1], None) is None and target_of(SCORES[:1], 0) is None
    assert target_of(np.full(3, np.nan, np.float32), None) is None
    assert target_of(np.float32([np.nan, 0.1, 0.4]), None) == 2


def test_the_target_of_an_answer_per_step_is_a_step_and_a_class() -> None:
    output = np.stack([SCORES, SCORES[::-1], SCORES[[1, 0, 2]]])
    assert target_of(output, None, 2) == (2, 0)
    assert target_of(output, 2, 1) == (1, 2)
    assert target_of(output, None, 50) == (2, 0) and target_of(output, None, -4) == (0, 1)
    assert target_of(output[:, :1], None, 1) == (1, 0)
    assert target_of(np.full((2, 3), np.nan, np.float32), None, 1) == (1, 0)


def test_the_menu_and_the_choice_follow_each_other() -> None:
    choice = TargetChoice(3, ["walk", "run", "sit"])
    assert choice.chosen is None and choice.menu.label == "predicted class" and choice.menu.index == 0
    choice.menu.label = "sit"
    assert choice.chosen == 2
    choice.chosen = 0
    assert choice.menu.label == "walk"
    choice.chosen = None
    assert choice.menu.label == "predicted class"
    assert choice.menu.layout.display is None and choice.box.layout.display == "none"
    assert [name for name, _ in TargetChoice(2).menu.options] == ["predicted class", "class 0", "class 1"]


def test_the_step_can_be_chosen_only_of_an_answer_per_step() -> None:
    choice = TargetChoice(3, n_steps=50)
    assert choice.box.layout.display is None and choice.box.max == 49
    choice.box.value = 12
    assert choice.step == 12
    choice.step = 7
    assert choice.box.value == 7


def test_a_single_number_needs_no_menu() -> None:
    choice = TargetChoice(1)
    assert choice.menu.layout.display == choice.box.layout.display == "none"
    choice.show(np.float32([0.5]), None, 0.7)
    assert plain(choice.summary) == "Prediction output 0.5 label 0.7"
    assert "aria-current" not in choice.summary.value


def test_the_explained_class_is_marked() -> None:
    choice = TargetChoice(3, ["walk", "<run>", "sit"])
    choice.show(SCORES, 2, 0)
    marked = re.findall('<div class="tsw-class[^"]*" title="([^"]+)" aria-current="true">', choice.summary.value)
    assert marked == ["sit, explained"]
    choice.show(SCORES, 1, 0)
    assert 'title="&lt;run&gt;, explained" aria-current="true"' in choice.summary.value
    assert choice.summary.value.count("aria-current") == 1


def test_scores_and_label_are_those_of_the_explained_step() -> None:
    output, choice = np.stack([SCORES, SCORES[::-1]]), TargetChoice(3, ["walk", "run", "sit"], n_steps=2)
    label = np.eye(3, dtype=np.float32)[[0, 2]]
    choice.show(output, (1, 0), label)
    assert plain(choice.summary).startswith("Prediction at step 1 of 2 walk 0.1 run 0.7 sit 0.2 ◂ label")
    assert 'title="walk, explained"' in choice.summary.value
    choice.show(output, (0, 0), label)
    assert "at step 0 of 2 walk 0.2 ◂ label run 0.7" in plain(choice.summary)
    for unfit in (None, label[:1], np.full((2, 3), np.nan, np.float32), label[:, :1]):
        choice.show(output, (0, 0), unfit)
        assert "label" not in plain(choice.summary)
    single = TargetChoice(1, n_steps=2)
    single.show(output[:, :1], (1, 0), np.float32([[0], [1]]))
    assert plain(single.summary) == "Prediction at step 1 of 2 output 0.1 label 1"


def test_an_unlikely_class_is_listed_while_it_is_explained() -> None:
    output = np.linspace(1, 0, 40, dtype=np.float32)
    assert "class 39" not in answers.prediction(output, 0, None)
    assert 'title="class 39, explained"' in answers.prediction(output, 0, None, 39)


def test_closing_leaves_no_widget() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    time = TimeAxis(20)
    series = AttributedSeries(time, ["a", "b"], compared=True)
    raster, strip, choice = ChannelRaster(time, ["a", "b"]), TrustStrip(), TargetChoice(3, n_steps=4)
    for i in range(3):
        values = np.full((20, 2), i, np.float32)
        series.show(values, present(20), values, OF, layout="together" if i == 1 else "apart")
        raster.show(values, present(20), OF)
    strip.show(found())
    assert set(ipywidgets.widgets.widget._instances) > before
    series.close()
    raster.close()
    close_all(
        *series.rows, series.colors, series.legend, *raster.rows, raster.colors, strip, choice.side, time.pan_zoom
    )
    assert set(ipywidgets.widgets.widget._instances) <= before
