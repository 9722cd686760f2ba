"""Fewer points, no peak lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tswidgets.extremes import of_each, of_runs
from tswidgets.plots.decimate import envelope, strongest


@given(st.integers(1, 5000), st.integers(2, 300), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_envelope_keeps_every_extreme_of_every_run(n_steps: int, most: int, n_channels: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(n_steps, n_channels)).astype(np.float32)
    steps, points, run = envelope(values, most)
    assert len(steps) == len(points) <= max(most, 2)
    assert (np.diff(steps) >= 0).all()
    if run == 1:
        assert np.array_equal(points, values)
        return
    for i in range(0, len(points), 2):
        piece = values[i // 2 * run : i // 2 * run + run]
        assert np.array_equal(points[i], piece.min(0))
        assert np.array_equal(points[i + 1], piece.max(0))
        assert i // 2 * run <= steps[i] <= steps[i + 1] <= i // 2 * run + run


def test_envelope_shows_a_gap_only_where_a_whole_run_is_missing() -> None:
    values = np.ones((1000, 1), np.float32)
    values[100:103] = np.nan
    values[500:600] = np.nan
    _, points, run = envelope(values, 100)
    assert run == 20
    missing = np.isnan(points[:, 0]).reshape(-1, 2).all(1)
    assert np.array_equal(np.flatnonzero(missing), np.arange(25, 30))


@pytest.mark.parametrize("n_rows", [1, 7, 100, 1001])
def test_strongest_keeps_the_value_of_largest_magnitude_with_its_sign(n_rows: int) -> None:
    values = np.random.default_rng(1).normal(size=(n_rows, 2)).astype(np.float32)
    kept, run = strongest(values, 10)
    for i, row in enumerate(kept):
        piece = values[i * run : i * run + run]
        assert np.array_equal(row, piece[np.abs(piece).argmax(0), [0, 1]])
    assert len(kept) <= max(10, 1) or run == 1


@pytest.mark.parametrize(
    ("n", "run"), [(1, 1), (1, 4), (7, 1), (7, 2), (20, 5), (23, 5), (23, 40), (64, 16), (129, 63)]
)
def test_runs_are_those_that_are_cut_out_one_by_one(n: int, run: int) -> None:
    values = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    values[::4, 1], values[:, 2] = np.nan, np.nan
    for best, alone in ((np.fmin, np.nanmin), (np.fmax, np.nanmax)):
        pieces = [values[start : start + run] for start in range(0, n, run)]
        expected = [[alone(c) if np.isfinite(c).any() else np.nan for c in piece.T] for piece in pieces]
        np.testing.assert_array_equal(of_runs(best, values, run), np.array(expected, np.float32))


def test_extremes_are_those_of_finite_values() -> None:
    values = np.float32([[1, np.nan, np.inf], [-3, 5, -np.inf], [2, np.inf, np.nan]])
    assert of_each(values).tolist() == [[-3, 2], [5, 5], [np.inf, -np.inf]]
    assert of_each(values[:0]).tolist() == [[np.inf, -np.inf]] * 3
    assert of_each(np.float32(range(14)).reshape(7, 2)).tolist() == [[0, 12], [1, 13]]
