"""Two models side by side, against what each of them says by itself."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets
import keras
import numpy as np
import pytest

import tswidgets as tsw
from tests.models.build import randomise
from tests.widgets.test_live import Always, X, Y, compiled, conv, fit, lstm, said


def two(build: Any = conv) -> tuple[keras.Model, keras.Model]:
    before, after = build(), build()
    randomise(before, 1)
    randomise(after, 2)
    return before, after


def test_layers_difference_and_answers_of_both() -> None:
    before, after = two()
    with tsw.Explorer([before, after], X, Y, class_names=["low", "high"]) as explorer:
        assert explorer.model is after
        explorer.panel, explorer.layer, explorer.sample = "comparison", "conv", 3
        assert explorer.panel == "comparison"
        for filter in (0, 2):
            explorer.filter = filter
            shown = explorer.data()
            first, second = (tsw.activations(model, X[3], "conv").values for model in (before, after))
            np.testing.assert_allclose(shown["before"], first, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(shown["after"], second, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(shown["difference"], second - first, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(shown["prediction_before"], np.asarray(before(X[3:4]))[0], rtol=1e-5)
            np.testing.assert_allclose(shown["prediction_after"], np.asarray(after(X[3:4]))[0], rtol=1e-5)
            panel = explorer._panel
            (dashed,), (solid,) = panel.curves._before.marks, panel.curves._after.marks
            assert (dashed.line_style, solid.line_style) == ("dashed", "solid")
            np.testing.assert_allclose(dashed.y, first[:, filter], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(solid.y, second[:, filter], rtol=1e-5, atol=1e-6)
        assert "after − before" in html.unescape(panel.difference._caption.value)
        most = f"{np.abs(second - first).max():.3g}"
        assert f"−{most}" in panel.difference.colors.value  # centred at 0
        assert "before: predicted" in said(explorer)
        panel.cursor.filter = 1  # a click on a row
        assert explorer.filter == 1


def test_both_rasters_are_on_one_scale() -> None:
    before, after = two()
    before.get_layer("conv").set_weights([10 * one for one in before.get_layer("conv").get_weights()])
    with tsw.Explorer([before, after], X) as explorer:
        explorer.panel, explorer.layer = "comparison", "conv"
        panel, shown = explorer._panel, explorer.data()
        scales = [view.colors.value.split("</h4>")[1] for view in (panel.before, panel.after)]
        assert scales[0] == scales[1]
        most = max(np.abs(shown["before"]).max(), np.abs(shown["after"]).max())
        assert f"{most:.3g}" in panel.before.colors.value


def test_the_same_model_twice_differs_nowhere() -> None:
    model, _ = two()
    with tsw.Explorer([model, model], X) as explorer:
        explorer.panel, explorer.layer = "comparison", "conv"
        assert (explorer.data()["difference"] == 0).all()


def test_closing_leaves_no_widget_behind() -> None:
    before, after = two()
    there = set(ipywidgets.widgets.widget._instances)
    explorer = tsw.Explorer([before, after], X, Y, panels=["activations", "comparison"])
    live = tsw.LiveCallback(explorer, record=True)
    fit(compiled(after), live, epochs=1)
    for panel in explorer.panels:
        explorer.panel = panel
        explorer.data()
    explorer.epoch = 0
    explorer.close()
    assert set(ipywidgets.widgets.widget._instances) <= there


def test_other_panels_look_at_the_second_model() -> None:
    before, after = two()
    with tsw.Explorer((before, after), X, panels=["activations", "attribution", "comparison"]) as explorer:
        assert explorer.panel == "comparison"  # what two models are given for
        explorer.panel = "activations"
        explorer.layer = "conv"
        expected = tsw.activations(after, X[0], "conv").values
        np.testing.assert_allclose(explorer.data()["layer"], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(explorer.data()["prediction"], np.asarray(after(X[:1]))[0], rtol=1e-5)
    with tsw.Explorer(after, X) as explorer:
        assert "comparison" not in explorer.panels


def test_a_layer_that_the_first_model_has_not_or_in_another_shape() -> None:
    after = two()[1]
    parts = [keras.layers.Input((20, 3)), keras.layers.Conv1D(4, 3, name="conv"), keras.layers.GlobalMaxPooling1D()]
    before = keras.Sequential([*parts, keras.layers.Dense(3, name="other")])
    with tsw.Explorer([before, after], X, Y) as explorer:
        explorer.panel, explorer.layer = "comparison", "conv"
        assert "conv gives 18 × 4 before and 16 × 4 after: these cannot be compared" in said(explorer)
        assert explorer.data()["before"] is None
        explorer.layer = "dense"
        assert "the model before has no layer 'dense'; it has: conv" in said(explorer)
        assert "3 and 2 values" in explorer._panel.summary.value
        explorer.panel = "activations"
        explorer.layer = "conv"
        assert explorer.data()["layer"].shape == (16, 4)


def test_steps_of_the_same_number_elsewhere_in_time() -> None:
    def build(padding: str, kernel: int) -> keras.Model:
        layer = keras.layers.Conv1D(4, kernel, padding=padding, name="conv")
        return keras.Sequential([keras.layers.Input((20, 3)), layer, keras.layers.Dense(1)])

    with tsw.Explorer([build("same", 5), build("causal", 5)], X) as explorer:
        explorer.panel, explorer.layer = "comparison", "conv"
        caption = explorer._panel.curves._caption.value
    assert "its steps lie elsewhere in time" in caption


def test_units_and_recurrent_layers() -> None:
    before, after = two(lstm)
    with tsw.Explorer([before, after], X) as explorer:
        explorer.panel = "comparison"
        for layer in ("lstm", "dense"):
            explorer.layer = layer
            shown = explorer.data()
            values = [tsw.activations(model, X[0], layer).values for model in (before, after)]
            np.testing.assert_allclose(shown["difference"], values[1] - values[0], rtol=1e-4, atol=1e-5)
        assert " → " in explorer._panel.curves._caption.value


def test_masked_series_of_different_lengths() -> None:
    def build() -> keras.Model:
        parts = [keras.layers.Input((None, 3)), keras.layers.Masking(), keras.layers.LSTM(4, return_sequences=True)]
        parts[-1].name = "memory"
        return keras.Sequential([*parts, keras.layers.Dense(2)])

    series = [X[0, :7], X[1, :12]]
    series[0][4:] = 0
    before, after = two(build)
    with tsw.Explorer([before, after], series) as explorer:
        explorer.panel, explorer.layer = "comparison", "memory"
        shown = explorer.data()
        assert np.isnan(shown["difference"][4:]).all()
        assert np.isfinite(shown["difference"][:4]).all()
        explorer.sample = 1
        assert explorer.data()["difference"].shape == (12, 4)


def test_before_and_after_a_training() -> None:
    model = compiled(conv())
    before = keras.models.clone_model(model)
    before.set_weights(model.get_weights())
    with tsw.Explorer([before, model], X, Y) as explorer:
        explorer.panel, explorer.layer = "comparison", "conv"
        assert (explorer.data()["difference"] == 0).all()
        fit(model, Always(explorer))
        values = [tsw.activations(one, X[0], "conv").values for one in (before, model)]
        np.testing.assert_allclose(explorer.data()["difference"], values[1] - values[0], rtol=1e-4, atol=1e-5)
        assert np.abs(explorer.data()["difference"]).max() > 0


def test_two_models_that_do_not_fit() -> None:
    before, after = two()
    other = keras.Sequential([keras.layers.Input((15, 3)), keras.layers.Conv1D(2, 3)], name="shorter")
    with pytest.raises(ValueError, match=r"Expected two models that take the same input, \(20, 3\) .*; got 'shorter'"):
        tsw.Explorer([other, after], X)
    with pytest.raises(ValueError, match=r"Expected one model, or two as \[before, after\]; got a list of 3\. Pass"):
        tsw.Explorer([before, after, after], X)
    with pytest.raises(ValueError, match="a list of 1"):
        tsw.Explorer([after], X)
    with pytest.raises(TypeError):
        tsw.Explorer([before, "after"], X)
    with pytest.raises(ValueError, match="Expected a panel out of"):
        tsw.Explorer(after, X, panels=["comparison"])
