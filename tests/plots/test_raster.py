"""The picture holds the values that it was given, each where it belongs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tswidgets.plots.colors import ABSENT, FIRST_LEVEL, INVALID, LEVELS, limits, palette
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets.lifetime import close_all

NO = np.zeros(0, bool)


def painted(raster: Raster) -> np.ndarray:
    """Palette entries of the picture on the mark, shape (rows, columns)."""
    return np.asarray(Image.open(io.BytesIO(raster.image.image.value)))


def show(raster: Raster, steps: np.ndarray, values: np.ndarray, low: float, high: float, signed: bool = True) -> tuple:
    absent = np.zeros(len(values), bool)
    return raster.show(steps.astype(np.float32), values.astype(np.float32), absent, low, high, signed=signed)


def value_of(entry: np.ndarray, low: float, high: float) -> np.ndarray:
    return low + (entry.astype(float) - FIRST_LEVEL) / (LEVELS - 1) * (high - low)


def test_evenly_spaced_steps_are_one_column_each_and_hold_their_values() -> None:
    raster, values = Raster(TimeAxis(300)), np.random.default_rng(0).uniform(-1, 1, (50, 8))
    show(raster, 26 + 5 * np.arange(50), values, -1, 1)
    assert painted(raster).shape == (8, 50)
    assert value_of(painted(raster), -1, 1) == pytest.approx(values.T, abs=1.01 / (LEVELS - 1))
    assert list(raster.image.x) == [23.5, 273.5]  # half a jump before the first centre, half after the last
    assert list(raster.image.y) == [7.5, -0.5]


def test_unevenly_spaced_steps_take_the_place_half_way_to_their_neighbours() -> None:
    raster, steps = Raster(TimeAxis(100)), np.array([10, 20, 60])
    show(raster, steps, np.array([[-1.0], [0.0], [1.0]]), -1, 1)
    row, (start, end) = painted(raster)[0], raster.image.x
    at = start + (np.arange(len(row)) + 0.5) * (end - start) / len(row)
    nearest = np.abs(at[:, None] - steps).argmin(1)
    assert np.array_equal(row, np.array([FIRST_LEVEL, FIRST_LEVEL + LEVELS // 2, FIRST_LEVEL + LEVELS - 1])[nearest])


def test_steps_that_run_backwards_are_put_in_order() -> None:
    raster = Raster(TimeAxis(4))
    show(raster, np.array([3, 2, 1, 0]), np.array([[1.0], [0.5], [-0.5], [-1.0]]), -1, 1)
    assert value_of(painted(raster)[0], -1, 1) == pytest.approx([-1, -0.5, 0.5, 1], abs=0.01)


def test_nothing_is_painted_where_a_step_is_padding_and_grey_where_it_is_not_a_number() -> None:
    raster, values = Raster(TimeAxis(4)), np.array([[0.5], [np.nan], [np.inf], [np.nan]], np.float32)
    absent = np.array([False, False, False, True])
    raster.show(np.arange(4, dtype=np.float32), values, absent, -1, 1, signed=True)
    assert list(painted(raster)[0][1:]) == [INVALID, INVALID, ABSENT]


def test_steps_that_see_only_padding_have_no_place() -> None:
    raster = Raster(TimeAxis(4))
    show(raster, np.array([np.nan, 1, 2]), np.array([[9.0], [0.25], [0.5]]), 0, 1, signed=False)
    assert value_of(painted(raster)[0], 0, 1) == pytest.approx([0.25, 0.5], abs=0.01)


def test_more_steps_and_filters_than_pixels_keep_their_extremes() -> None:
    raster, values = Raster(TimeAxis(100_000)), np.zeros((100_000, 700), np.float32)
    values[77_777, 333] = -1
    shared = show(raster, np.arange(100_000), values, -1, 1)
    picture = painted(raster)
    assert shared == (63, 2)
    assert picture.shape[0] <= 600
    assert picture.shape[1] <= 1600
    assert (picture == FIRST_LEVEL).any(1).sum() == 1
    column = np.flatnonzero((picture == FIRST_LEVEL).any(0)).mean()
    start, end = raster.image.x
    assert start + (column + 0.5) * (end - start) / picture.shape[1] == pytest.approx(77_777, abs=130)


def test_zero_is_transparent_and_opacity_grows_with_magnitude() -> None:
    signed, one_signed = palette(True)[FIRST_LEVEL:, 3].astype(int), palette(False)[FIRST_LEVEL:, 3].astype(int)
    assert signed[LEVELS // 2] == 0
    assert signed[0] == signed[-1] == 255
    assert (np.diff(signed[: LEVELS // 2 + 1]) < 0).all() and (np.diff(signed[LEVELS // 2 :]) > 0).all()
    assert one_signed[0] == 0 and one_signed[-1] == 255 and (np.diff(one_signed) > 0).all()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-1, 3, (-3, 3, True)),
        (0, 2, (0, 2, False)),
        (1, 2, (0, 2, False)),
        (-4, -1, (-4, 4, True)),
        (0, 0, (0, 1, False)),
    ],
)
def test_limits_are_symmetric_for_signed_data_and_begin_at_zero_for_the_rest(low, high, expected) -> None:
    assert limits(low, high) == expected


def test_two_widgets_show_all_pictures_in_turn_and_are_closed_with_the_mark() -> None:
    raster = Raster(TimeAxis(3))
    seen = []
    for value in range(4):
        show(raster, np.arange(3), np.full((3, 1), value), 0, 3)
        seen.append(raster.image.image)
    assert seen[0] is seen[2] is not seen[1] is seen[3]
    close_all(raster.image)
    assert seen[0].comm is None
    assert seen[1].comm is None
