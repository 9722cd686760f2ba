"""Models whose inputs run along several time axes: each layer is shown on the one where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import case, randomise, series
from tswidgets.inputs import SeveralInputs
from tswidgets.widgets.panels import attribution as attribution_module

LABELS = np.sin(np.arange(12, dtype="float32")).reshape(2, 6, 1)


@pytest.fixture(scope="module")
def found() -> Any:
    return case("forecaster")


@pytest.fixture
def explorer(found: Any) -> Iterator[tsw.Explorer]:
    with tsw.Explorer(found.model, found.x, LABELS) as opened:
        yield opened


def test_a_layer_is_drawn_under_the_series_that_it_reads(found: Any, explorer: tsw.Explorer) -> None:
    for layer, name, n_steps in (("encoder", "past", 6), ("decoder", "known", 6), ("conv", "past", 6)):
        explorer.layer, explorer.sample, explorer.filter = layer, 1, 2
        data = explorer.data()
        np.testing.assert_array_equal(data["input"], found.x[name][1])
        expected = found.expected(found.x)[layer][1]
        np.testing.assert_allclose(data["activation"], expected[:, 2], atol=1e-5)
        places = np.arange(n_steps) * (2 if name == "past" else 1) + (1 if name == "past" else 0)
        np.testing.assert_array_equal(data["time"], places)
        panel: Any = explorer._panel
        drawn = np.asarray(panel.series._lines.marks[0].y)
        np.testing.assert_array_equal(drawn, found.x[name][1].T)
        other = "known" if name == "past" else "past"
        beside = np.asarray(panel.others[0]._series._lines.marks[0].y)
        np.testing.assert_array_equal(beside, found.x[other][1].T)
        assert panel.time.scale is not panel.others[0]._time.scale
        assert f"<b>Input {name}</b>" in panel.series._caption.value


def test_the_answers_and_their_labels_are_on_the_decoders_axis(found: Any, explorer: tsw.Explorer) -> None:
    explorer.layer = "decoder"
    panel: Any = explorer._panel
    output = np.asarray(panel.prediction._output.marks[0].y).ravel()
    np.testing.assert_allclose(output, found.expected(found.x)["forecast"][0, :, 0], atol=1e-5)
    np.testing.assert_array_equal(panel.prediction._output.marks[0].x, np.arange(6))
    label = np.asarray(panel.prediction._label.marks[0].y).ravel()
    np.testing.assert_array_equal(label[:6], LABELS[0, :, 0])
    assert panel.prediction._label.marks[0].x[-1] == 5.5  # the last step's label is as wide as the others'
    explorer.layer = "encoder"
    assert not explorer._panel.prediction.rows
    assert "6 × 1 values, one row for each step of known" in explorer._panel.prediction.summary.value


def test_two_panels_of_one_kind_share_the_explorers_traits(explorer: tsw.Explorer) -> None:
    explorer.layer = "encoder"
    first = explorer._panel
    explorer.layer = "decoder"
    second = explorer._panel
    assert first is not second
    assert (first.box.layout.display, second.box.layout.display) == ("none", None)
    second.cursor.filter = 4  # as the browser does
    assert explorer.filter == 4
    explorer.layer = "conv"
    assert explorer._panel is first
    assert (first.box.layout.display, second.box.layout.display) == (None, "none")
    assert explorer.filter == 3  # four filters


def test_equal_lengths_do_not_make_one_axis_of_two() -> None:
    """A day of the past and a day to come, with as many hours."""
    past, known = keras.Input((24, 1), name="past"), keras.Input((24, 1), name="known")
    _, *states = L.GRU(4, return_state=True, name="encoder")(past)
    decoded = L.GRU(4, return_sequences=True, name="decoder")(known, initial_state=states)
    model = randomise(keras.Model([past, known], L.Dense(1, name="head")(decoded)))
    X = [series(2, 24, 1), series(2, 24, 1, 1)]
    with tsw.Explorer(model, X) as explorer:
        assert explorer._subject.samples.n_axes == 2
        explorer.layer = "decoder"
        np.testing.assert_array_equal(explorer.data()["input"], X[1][0])
        explorer.layer = "encoder"
        np.testing.assert_array_equal(explorer.data()["input"], X[0][0])


def test_every_panel_opens_on_either_axis(explorer: tsw.Explorer, found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the check of a map, which `tsw.trust` does below."""
    monkeypatch.setattr(attribution_module, "iter_trust", lambda *_: iter(()))
    for layer, name in (("encoder", "past"), ("decoder", "known")):
        explorer.layer = layer
        for panel in explorer.panels:
            explorer.panel = panel
            shown, axis = explorer.data().get("input"), "past" if panel == "attention" else name  # of its keys
            if shown is not None and panel != "ablation":
                np.testing.assert_array_equal(shown, found.x[axis][0])
        explorer.panel = "activations"


def test_attribution_lies_on_the_axis_of_the_chosen_layer(
    explorer: tsw.Explorer, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribution_module, "iter_trust", lambda *_: iter(()))
    explorer.method = "gradient_x_input"
    explorer.panel = "attribution"
    gradient = tsw.Probe(found.model).gradient(found.x, (explorer.target_step, 0)).values
    for layer, name in (("encoder", "past"), ("decoder", "known")):
        explorer.layer = layer
        np.testing.assert_allclose(explorer.data()["values"], gradient[name][0] * found.x[name][0], atol=1e-6)


def test_a_class_activation_map_of_a_decoder_lies_on_its_own_axis_and_is_checked_there(found: Any) -> None:
    x = {name: array[0] for name, array in found.x.items()}
    values = found.expected(found.x)["decoder"][0]
    gradient = tsw.Probe(found.model).gradient(found.x, (4, 0), wrt="decoder").values[0]
    cam = tsw.grad_cam(found.model, x, (4, 0), layer="decoder")
    expected = np.maximum(values @ gradient.mean(axis=0), 0)
    np.testing.assert_allclose(cam.on_input, expected, atol=1e-5 * max(expected.max(), 1))
    assert cam.absent.shape == (6,)
    told = tsw.trust(found.model, x, cam)
    assert told.complete
    assert told.deletion[0] == pytest.approx(cam.score, abs=1e-5)
    assert abs(told.deletion[-1] - cam.score) > 1e-3  # the decoder's series is hidden, and matters


def test_labels_per_step_stand_over_the_series_of_the_output(found: Any) -> None:
    y = (LABELS > 0).astype("float32")
    with tsw.Explorer(found.model, found.x, y, panels=["steps"]) as explorer:
        data = explorer.data()
        np.testing.assert_array_equal(data["time"], np.arange(6))
        series_shown = np.asarray(explorer._panel.series._lines.marks[0].y)
        np.testing.assert_array_equal(series_shown, found.x["known"][0].T)


def test_channel_names_of_one_axis_or_of_all(found: Any) -> None:
    names = ["hour", "holiday", "load", "sun", "wind"]
    assert [tensor.name for tensor in found.model.inputs] == ["known", "past"]  # Keras sorts a dict
    with tsw.Explorer(found.model, found.x, channel_names=names) as explorer:
        assert explorer._subject.of("decoder").channel_names == names[:2]
        assert explorer._subject.of("encoder").channel_names == names[2:]
    with tsw.Explorer(found.model, found.x, channel_names=names[:2]) as explorer:
        assert explorer._subject.of("encoder").channel_names == ["past 0", "past 1", "past 2"]
    with pytest.raises(ValueError, match="2 channel_names"):
        tsw.Explorer(found.model, found.x, channel_names=names[:4])


def test_series_of_different_lengths_on_both_axes(found: Any) -> None:
    past, known = keras.Input((None, 3), name="past"), keras.Input((None, 2), name="known")
    h, *states = L.LSTM(4, return_sequences=True, return_state=True, name="encoder")(past)
    decoded = L.LSTM(4, return_sequences=True, name="decoder")(known, initial_state=states)
    looked = L.Attention(name="attention")([decoded, h])
    model = randomise(keras.Model({"past": past, "known": known}, L.Dense(2, name="head")(looked)))
    X = {"past": [found.x["past"][0], found.x["past"][1][:9]], "known": [found.x["known"][0][:4], found.x["known"][1]]}
    with tsw.Explorer(model, X) as explorer:
        for sample, (n_past, n_known) in enumerate(((14, 4), (9, 6))):
            explorer.sample = sample
            for layer, n_steps in (("encoder", n_past), ("decoder", n_known), ("attention", n_known)):
                explorer.layer = layer
                np.testing.assert_array_equal(explorer.data()["time"], np.arange(n_steps))


def test_samples_are_seen_from_either_axis() -> None:
    x = {"a": series(3, 9, 2), "b": series(3, 4, 3), "c": series(3, 9, 1)}
    options: Any = {"flat": dict.fromkeys(x, False), "integers": dict.fromkeys(x, False), "as_list": False}
    samples = SeveralInputs(x, **options)
    assert (samples.n_axes, samples.name, samples.on(1).name) == (2, "a, c", "b")
    assert (samples.lengths_of(0), samples.on(1).lengths_of(0)) == ((9, -4, 9), (-9, 4, -9))
    np.testing.assert_array_equal(samples.on(1)[2], x["b"][2])
    assert samples.lengths == [9] * 3  # looking from elsewhere changes nothing here
    apart = SeveralInputs(x, **options, apart=[{"c"}])
    assert [apart.on(axis).name for axis in range(apart.n_axes)] == ["a", "b", "c"]


def test_a_layer_without_states_shows_the_last_recurrent_one_on_its_own_axis(explorer: tsw.Explorer) -> None:
    explorer.panel = "recurrent"
    for layer in ("conv", "decoder", "forecast"):  # on the encoder's axis, and on the decoder's
        explorer.layer = layer
        data = explorer.data()
        assert data["states"]["h"].shape == (6, 5)
        np.testing.assert_array_equal(data["time"], np.arange(6))
    explorer.layer = "encoder"
    np.testing.assert_array_equal(explorer.data()["time"], np.arange(6) * 2 + 1)
