"""In which order units stand."""

import numpy as np
import pytest

from tswidgets.analysis.units import unit_order


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
