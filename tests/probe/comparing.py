"""How near to each other two results have to be, and what an error message looks like."""

import re

import keras
import numpy as np

from tests.models import case
from tswidgets.probe import as_probe

THREE_PARTS = re.compile(r"Expected .+; got .+\. .+[.?]$", re.DOTALL)


def probe_of(name):
    """The shared probe of a case's model."""
    return as_probe(case(name).model, case(name).x)


def assert_close(got, expected, tolerance=1e-5):
    """To `tolerance` of the expected values' magnitude."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(np.abs(expected).max(initial=0), 1e-3))


def assert_same_look(got, expected, tolerance=1e-6):
    """Two observations: the same taps with the same values and masks, and the same answer in the same structure."""
    assert list(got) == list(expected)
    for name, values in expected.items():
        assert_close(got[name], values, tolerance)
    assert set(got.masks) == set(expected.masks)
    for name, mask in expected.masks.items():
        np.testing.assert_array_equal(got.masks[name], mask)
    assert got.lengths == expected.lengths
    assert structure_of(got.output) == structure_of(expected.output)
    for one, other in zip(got.outputs, expected.outputs, strict=True):
        assert_close(one, other, tolerance)


def structure_of(nested):
    return keras.tree.map_structure(lambda leaf: "leaf", nested)
