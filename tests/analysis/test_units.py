"""In which order units stand."""

import numpy as np
import pytest

from tswidgets.analysis.units import _plane, unit_order


def test_by_number_and_by_activity():
    values = np.array([[0.1, -3, 2], [0.1, 2, -2], [np.nan] * 3], np.float32)
    np.testing.assert_array_equal(unit_order(values, "index"), [0, 1, 2])
    np.testing.assert_array_equal(unit_order(values, "activity"), [1, 2, 0])


def test_units_that_move_together_stand_together():
    rng = np.random.default_rng(0)
    t = np.linspace(0, 6, 200)
    kinds = [np.sin(t), -np.sin(t), np.cos(2 * t)]
    of = rng.permutation(np.arange(30) % 3)
    values = np.stack([kinds[k] * rng.uniform(0.1, 9) + rng.normal(0, 0.03, 200) * 0.1 for k in of], axis=1)
    order = unit_order(values.astype(np.float32), "similarity")
    assert sorted(order) == list(range(30))
    assert np.count_nonzero(np.diff(of[order])) == 2  # three blocks


def test_nothing_to_tell():
    still = np.zeros((5, 4), np.float32)
    assert sorted(unit_order(still, "similarity")) == [0, 1, 2, 3]
    np.testing.assert_array_equal(unit_order(np.full((5, 4), np.nan, np.float32), "activity"), range(4))
    assert sorted(unit_order(np.ones((1, 3), np.float32), "similarity")) == [0, 1, 2]
    with pytest.raises(ValueError, match="order"):
        unit_order(still, "size")


def test_a_unit_that_is_not_a_number_stands_last_and_the_others_are_in_order():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(50, 6)).astype(np.float32) * np.array([1, 5, 3, 9, 2, 7], np.float32)
    values[10:12] = np.nan
    whole = {by: unit_order(values[:, [0, 2, 3, 5]], by) for by in ("activity", "similarity")}
    values[3, 1] = np.inf
    values[:, 4] = np.nan
    for by, of_the_others in whole.items():
        order = unit_order(values, by)
        np.testing.assert_array_equal(order[:4], np.array([0, 2, 3, 5])[of_the_others])
        np.testing.assert_array_equal(order[4:], [1, 4])


@pytest.mark.parametrize(("n_steps", "n_units"), [(40, 90), (90, 40), (700, 600)])
def test_the_plane_is_that_of_a_singular_value_decomposition(n_steps, n_units):
    """Of large layers it is found approximately: where a few units' ways stand out, as they do, it is the same."""
    rng = np.random.default_rng(2)
    ways = rng.normal(size=(n_steps, 4)) * [9, 5, 2, 1]
    values = ways @ rng.normal(size=(4, n_units)) + rng.normal(size=(n_steps, n_units)) * 0.1
    centred = values - values.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=0)
    expected = np.linalg.svd(unit, full_matrices=False)[2][:2]
    found = _plane(unit)
    np.testing.assert_allclose(np.abs((found * expected).sum(axis=1)), 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
