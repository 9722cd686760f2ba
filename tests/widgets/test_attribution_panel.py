"""The panel that shows where the network looks, without a browser: what it shows is what the functions return."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

import tswidgets as tsw
from tests.models import case
from tswidgets.analysis.trust import iter_trust
from tswidgets.widgets.panels import attribution as panel_module
from tswidgets.widgets.quantities import QUANTITIES
from tswidgets.widgets.views.shade import color_range

RNG = np.random.default_rng(33)
X = RNG.normal(size=(12, 40, 3)).astype(np.float32)
CLASSES = RNG.integers(0, 4, 12)


@pytest.fixture(scope="module")
def classifier() -> keras.Model:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    parts = [layers.Conv1D(6, 5, strides=2, activation="relu", name="conv"), layers.Conv1D(5, 3, name="deep")]
    tail = [layers.GlobalAveragePooling1D(name="gap"), layers.Dense(4, activation="softmax", name="out")]
    return keras.Sequential([keras.Input((40, 3)), *parts, *tail])


@pytest.fixture(scope="module")
def labeller() -> keras.Model:
    """A label per time step."""
    keras.utils.set_random_seed(4)
    layers = keras.layers
    parts = [layers.Conv1D(4, 3, padding="same", name="conv"), layers.LSTM(3, return_sequences=True, name="lstm")]
    return keras.Sequential([keras.Input((None, 3)), *parts, layers.Dense(2, activation="softmax", name="out")])


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether to believe a map takes most of the time, and is tested where it is asked for."""
    monkeypatch.setattr(panel_module, "iter_trust", lambda *_: iter(()))


def explore(model: Any, *data: Any, **options: Any) -> tsw.Explorer:
    return tsw.Explorer(model, *data, panels=["attribution"], **options)


@pytest.mark.parametrize("method", [name for name in QUANTITIES if name not in ("filter", "attention")])
def test_every_method_shows_what_its_function_returns(classifier: keras.Model, method: str) -> None:
    with explore(classifier, X, CLASSES) as explorer:
        explorer.layer, explorer.sample, explorer.method = "deep", 3, method
        data = explorer.data()
        options: dict[str, Any] = {}
        if "cam" in method or method == "class_activation_map":
            options["layer"] = "deep"
        if method == "expected_gradients":
            options["background"] = X[[i for i in range(12) if i != 3]]
        found = getattr(tsw, method)(classifier, X[3], **options)
        np.testing.assert_allclose(data["values"], found.on_input, atol=1e-6)
        assert data["target"] == found.target == int(np.asarray(classifier(X[3:4])).argmax())
        assert data["score"] == pytest.approx(found.score, abs=1e-5)
        assert QUANTITIES[method] in explorer._panel.series._caption.value


def test_target_sample_layer_and_method_repaint(classifier: keras.Model) -> None:
    with explore(classifier, X, CLASSES) as explorer:
        explorer.layer, explorer.method = "conv", "grad_cam"
        shown = [explorer.data()["values"]]
        for name, value in (("target", 2), ("sample", 5), ("layer", "deep"), ("method", "hires_cam")):
            setattr(explorer, name, value)
            shown.append(explorer.data()["values"])
            assert not np.array_equal(shown[-1], shown[-2], equal_nan=True), name
        expected = tsw.hires_cam(classifier, X[5], 2, layer="deep")
        np.testing.assert_allclose(shown[-1], expected.on_input, atol=1e-6)
        assert explorer._panel.targets.menu.value == 2


def test_the_filter_that_is_chosen_can_be_the_colour(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        explorer.layer, explorer.filter, explorer.method = "conv", 2, "filter"
        steps, values = explorer.data()["own"]
        found = tsw.activations(classifier, X[0], "conv")
        np.testing.assert_allclose(values, found.values[:, 2], atol=1e-6)
        np.testing.assert_allclose(steps, found.time)
        on_input = explorer.data()["values"]
        np.testing.assert_allclose(on_input[found.time.astype(int)], values, atol=1e-6)
        explorer.filter = 4
        np.testing.assert_allclose(explorer.data()["own"][1], found.values[:, 4], atol=1e-6)


def test_attention_that_a_step_receives_can_be_the_colour() -> None:
    found = case("transformer")
    with explore(found.model, found.x) as explorer:
        explorer.layer, explorer.method = "attention", "attention"
        scores = tsw.attention_scores(found.model, found.x[:1], "attention").scores
        np.testing.assert_allclose(explorer.data()["values"], scores[0].mean(axis=(0, 1)), atol=1e-6)


def test_what_cannot_be_had_is_explained_and_the_next_change_goes_on(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        explorer.layer, explorer.method = "gap", "grad_cam"
        assert explorer.data()["values"] is None
        assert "a layer with a time axis" in explorer._panel.series._caption.value
        explorer.method = "attention"
        assert "attention scores" in explorer._panel.series._caption.value
        explorer.method = "saliency"
        assert np.isfinite(explorer.data()["values"]).all()


def test_a_missing_value_is_explained(classifier: keras.Model) -> None:
    holed = X.copy()
    holed[0, 7, 1] = np.nan
    with explore(classifier, holed) as explorer:
        assert "missing or infinite" in explorer._panel.series._caption.value
        explorer.sample = 1
        assert np.isfinite(explorer.data()["values"]).all()


def test_a_label_per_step_is_explained_at_a_step(labeller: keras.Model) -> None:
    with explore(labeller, X, RNG.integers(0, 2, (12, 40))) as explorer:
        assert explorer.target_step == 20
        explorer.target, explorer.target_step = 1, 30
        found = tsw.integrated_gradients(labeller, X[0], (30, 1))
        np.testing.assert_allclose(explorer.data()["values"], found.values, atol=1e-6)
        assert not found.values[33:].any()  # a causal model but for the convolution's one step ahead
        assert explorer._panel.targets.box.value == 30
        with pytest.raises(IndexError, match="target_step 0 to 39"):
            explorer.target_step = 40


def test_padding_has_no_colour() -> None:
    found = case("masked_lstm")
    with explore(found.model, found.x) as explorer:
        explorer.sample = 2
        data = explorer.data()
        absent = explorer._pictures["attribution"].absent
        assert absent.any()
        assert not data["values"][absent].any()
        assert data["values"][~absent].all(axis=1).any()


def test_colours_are_comparable_between_samples_unless_they_are_freed(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        explorer.target = 1
        spans = []
        for sample in range(6):
            explorer.sample = sample
            explorer.data()
            spans.append(explorer._pictures["attribution"].span)
        assert all(a[0] >= b[0] and a[1] <= b[1] for a, b in itertools.pairwise(spans))
        explorer.scale = "sample"
        assert explorer._pictures["attribution"].span == color_range(explorer.data()["values"])


def test_a_slow_method_tells_how_far_it_is(classifier: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tswidgets.widgets.meanwhile.PATIENCE", 0.0)
    monkeypatch.setattr("tswidgets.analysis.occlusion.AT_ONCE", 100 * X[0].nbytes)
    with explore(classifier, X) as explorer:
        panel = explorer._panel
        pictures = list(panel.compute(replace(explorer.selection, method="rise")))
        on_the_way = [picture for picture in pictures if picture.progress[1]]
        assert [picture.progress for picture in on_the_way] == [(100 * (i + 1), 1000, "runs") for i in range(10)]
        assert all(picture.found is None for picture in on_the_way)
        assert pictures[-1].found is not None


def test_channels_can_be_drawn_on_one_axis(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        explorer.channels = "together"
        assert "sum over channels" in explorer._panel.series._caption.value
        explorer.channels = "apart"
        assert "each channel on its own scale" in explorer._panel.series._caption.value


def test_the_weights_stay_what_they_are(classifier: keras.Model) -> None:
    before = [weight.numpy().copy() for weight in classifier.weights]
    with explore(classifier, X) as explorer:
        for method in ("deep_lift", "guided_backprop", "score_cam"):
            explorer.layer, explorer.method = "conv", method
    for weight, old in zip(classifier.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_whether_to_believe_a_map_is_said(classifier: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_module, "iter_trust", iter_trust)
    with explore(classifier, X) as explorer:
        data = explorer.data()
        found = tsw.integrated_gradients(classifier, X[0])
        expected = tsw.trust(classifier, X[0], found)
        assert data["trust"].verdict == expected.verdict
        assert data["trust"].randomization == expected.randomization
        assert (
            "do not believe" in explorer._status.value
            if expected.doubts
            else "nothing speaks" in explorer._status.value
        )
        explorer.method = "filter"
        assert explorer.data()["trust"] is None
