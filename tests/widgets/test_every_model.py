"""The explorer opens models of every kind, and draws each of their layers or says why not."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import tswidgets as tsw
from tests.models import CASES, case, sampled

EVERY_LAYER = os.environ.get("HYPOTHESIS_PROFILE") == "slow"  # or filters of the last that has several
NAMES = [name for name in CASES if name != "stateful"]  # a state for each place in the batch: see below


def drawn(explorer: tsw.Explorer, layer: str) -> np.ndarray:
    """What is on screen for a layer, after checking that it is drawn or explained."""
    explorer.layer = layer
    data, panel = explorer.data(), explorer._panel
    if data["activation"] is None:
        assert "Nothing to draw" in panel.layer._caption.value
        assert len(panel.layer._caption.value) > len("Nothing to draw") + 60
    else:
        assert np.isfinite(data["activation"]).any()
        if data["time"] is not None:
            assert len(data["time"]) == len(data["activation"])
            assert np.isfinite(data["time"]).any()
    return data["layer"]


@pytest.mark.parametrize("name", sampled(NAMES, 6))
def test_every_layer_is_drawn_or_explained(name: str) -> None:
    found = case(name)
    with tsw.Explorer(found.model, found.x) as explorer:
        expected: dict[str, Any] = found.expected(explorer._subject.samples.batch(0))
        assert set(expected) <= set(explorer.layers)
        for layer, values in expected.items():
            shown, wanted = drawn(explorer, layer), values[0]
            present = np.isfinite(shown)
            assert present.any()
            scale = max(np.abs(wanted).max(), 1e-3)
            np.testing.assert_allclose(shown[present], wanted[present], rtol=0, atol=found.tolerance * scale)


def test_a_model_that_is_built_for_a_batch_size_is_shown_one_sample_at_a_time() -> None:
    found = case("stateful")
    with tsw.Explorer(found.model, found.x) as explorer:
        for layer in explorer.layers:
            assert np.isfinite(drawn(explorer, layer)).all()


def test_a_model_that_is_not_compiled_says_so() -> None:
    found = case("data_dependent")
    with tsw.Explorer(found.model, found.x) as explorer:
        assert "not compiled" in explorer._status.value


@pytest.mark.parametrize("name", sampled(CASES, 6))
def test_filters_can_be_removed_from_every_model_or_it_says_why(name: str) -> None:
    """Of the last layer that can be drawn and has several filters, against the function; the rest is explained."""
    found = case(name)
    with tsw.Explorer(found.model, found.x, panels=["ablation"]) as explorer:
        tried = [tap for tap in explorer._subject.taps.values() if tap.drawable][-3:]
        for tap in reversed(tried):
            explorer.layer = tap.name
            data = explorer.data()
            if data["after"] is None:
                assert "Nothing to remove" in explorer._panel._errors.value
                continue
            explorer.removed = [0]
            data = explorer.data()
            X = explorer._subject.samples.take(data["samples"])
            expected = tsw.ablate(found.model, X, tap.name, 0)
            np.testing.assert_allclose(data["after"], expected.after, rtol=0, atol=1e-5)
            np.testing.assert_allclose(data["before"], expected.before, rtol=0, atol=1e-5)
            if not EVERY_LAYER:
                break
