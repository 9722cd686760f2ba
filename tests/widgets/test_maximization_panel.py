"""The panel that shows what a class or a filter looks for, without a browser."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import tswidgets as tsw
from tests.models import case
from tswidgets.widgets.panels import maximization as panel_module

RNG = np.random.default_rng(8)
X = np.cumsum(RNG.normal(size=(10, 40, 3)), axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def classifier() -> keras.Model:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    tail = [layers.GlobalMaxPooling1D(name="pool"), layers.Dense(4, activation="softmax", name="out")]
    return keras.Sequential([keras.Input((40, 3)), layers.Conv1D(6, 5, name="conv"), *tail])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    original = panel_module.iter_maximize_activation
    monkeypatch.setattr(panel_module, "iter_maximize_activation", lambda *a, **k: original(*a, **k, n_iterations=12))


def explore(model: Any, *data: Any, **options: Any) -> tsw.Explorer:
    return tsw.Explorer(model, *data, panels=["maximization"], **options)


def test_a_class_and_a_filter_are_what_the_function_finds(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        explorer.target = 2
        found = tsw.maximize_activation(classifier, 2, X=X, n_iterations=12)
        data = explorer.data()
        np.testing.assert_allclose(data["x"], found.x, atol=1e-6)
        assert data["maximization"].nearest == found.nearest
        explorer.layer, explorer.maximize, explorer.filter = "conv", "filter", 4
        found = tsw.maximize_activation(classifier, (None, 4), layer="conv", X=X, n_iterations=12)
        np.testing.assert_allclose(explorer.data()["x"], found.x, atol=1e-6)
        explorer.filter = 1
        assert not np.allclose(explorer.data()["x"], found.x)


def test_the_nearest_series_lies_where_it_is_most_like(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        data = explorer.data()
        near, real = data["nearest"], X[data["maximization"].nearest.index]
        shift = data["maximization"].nearest.shift
        there = np.flatnonzero(np.isfinite(near).all(axis=1))
        assert len(there) == 40 - abs(shift)
        np.testing.assert_array_equal(near[there], real[there - shift])


def test_iterations_are_shown_on_the_way(classifier: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_module, "PATIENCE", -1.0)
    with explore(classifier, X) as explorer:
        panel = explorer._panel
        panel._known.clear()
        pictures = list(panel.compute(explorer.selection))
        assert [picture.found.iteration for picture in pictures] == list(range(1, 13))
        assert [picture.progress[0] for picture in pictures] == [*range(1, 12), 0]
        best = [picture.found.score for picture in pictures]
        assert best[-1] > best[0]


def test_what_cannot_be_maximised_is_explained(classifier: keras.Model) -> None:
    keras.utils.set_random_seed(1)
    dead = keras.layers.Dense(2, activation="relu", kernel_initializer="zeros", name="dead")
    model = keras.Sequential([keras.Input((40, 3)), keras.layers.Flatten(), dead])
    with explore(model, X) as explorer:
        assert explorer.data()["x"] is None
        assert "Expected" in explorer._panel.series._caption.value
    assert "maximization" not in tsw.Explorer(case("lists").model, case("lists").x).panels


def test_variable_length_and_labels_per_step() -> None:
    found = case("masked_lstm")
    with explore(found.model, found.x) as explorer:
        assert np.isfinite(explorer.data()["x"]).all()
