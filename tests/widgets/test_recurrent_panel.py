"""The panel that looks inside a recurrent layer, without a browser: what it shows is what the functions return."""

from __future__ import annotations

from typing import Any

import ipywidgets
import keras
import numpy as np
import pytest

import tswidgets as tsw
from tests.models import CASES, case, randomise, sampled, series
from tswidgets.selection import Selection
from tswidgets.widgets.panels.recurrent import RecurrentPanel
from tswidgets.widgets.states import layers_of
from tswidgets.widgets.subject import bind

L = keras.layers
X = series(6, 20, 3)


def explore(model: Any, *data: Any, **options: Any) -> tsw.Explorer:
    return tsw.Explorer(model, *data, panels=["recurrent"], **options)


def sequential(*layers: Any) -> keras.Model:
    return randomise(keras.Sequential([keras.Input((None, 3)), *layers]))


@pytest.fixture(scope="module")
def classifier() -> keras.Model:
    return sequential(L.LSTM(8, return_sequences=True, name="lower"), L.GRU(6, name="upper"), L.Dense(4, "softmax"))


def test_states_and_gates_are_those_of_the_function(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        assert explorer.layer == "upper"
        for layer, names in (("upper", "h z r candidate"), ("lower", "h c i f g o")):
            explorer.layer, explorer.sample = layer, 2
            data, found = explorer.data(), tsw.recurrent_states(classifier, X[2:3], layer)
            assert list(data["states"]) == names.split()
            for name, values in data["states"].items():
                np.testing.assert_array_equal(values, getattr(found, name)[0])
            np.testing.assert_array_equal(data["time"], np.arange(20))


def test_the_answer_so_far_and_where_the_walk_is(classifier: keras.Model) -> None:
    with explore(classifier, X, [0, 1, 2, 3, 0, 1], class_names=["rest", "walk", "run", "jump"]) as explorer:
        expected = tsw.prediction_so_far(classifier, X[0]).values
        np.testing.assert_allclose(explorer.data()["so_far"], expected, atol=1e-6)
        summary = explorer._panel.summary
        assert "<h4>Prediction</h4>" in summary.value
        explorer.current_step = 4
        explorer.data()
        assert "Prediction after step 4" in summary.value
        cut = np.asarray(classifier(X[:1, :5], training=False))[0]
        for value in cut:
            assert f"{value:.3g}" in summary.value
        explorer.sample = 3
        explorer.data()
        assert f"{tsw.prediction_so_far(classifier, X[3]).values[4, 1]:.3g}" in summary.value


def test_order_and_rows(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        explorer.layer = "lower"
        np.testing.assert_array_equal(explorer.data()["order"], range(8))
        explorer.unit_order = "activity"
        h = tsw.recurrent_states(classifier, X[:1], "lower").h[0]
        expected = np.argsort(-np.abs(h).mean(axis=0))
        np.testing.assert_array_equal(explorer.data()["order"], expected)
        explorer.units = (0, 2)
        np.testing.assert_array_equal(explorer.data()["order"], expected[:3])
        panel = explorer._panel
        assert panel.choice.range.value == (0, 2)
        panel.cursor.filter = 1  # a click on the second row
        assert explorer.filter == expected[1]
        assert explorer.data()["unit"] == expected[1]
        explorer.filter = int(expected[2])
        explorer.data()
        assert panel.cursor.filter == 2
        panel.choice.range.value = (3, 7)
        assert explorer.units == (3, 7)
        explorer.layer = "upper"
        assert explorer.units is None and len(explorer.data()["order"]) == 6


def test_a_quantity_that_a_layer_lacks(classifier: keras.Model) -> None:
    """A GRU has no cell state: its h is shown, and the choice stays for the LSTM."""
    with explore(classifier, X) as explorer:
        explorer.quantity = "c"
        explorer.data()
        assert "h, hidden state of upper" in explorer._panel.raster._caption.value
        explorer.layer = "lower"
        explorer.data()
        assert "c, cell state of lower" in explorer._panel.raster._caption.value
        assert "open at" in explorer._panel.curves.parts["gates"].caption.value


def test_a_cell_state_has_a_scale_of_its_own(classifier: keras.Model) -> None:
    """It reaches many times what the hidden state does, which would be a flat line beside it."""
    model = keras.models.clone_model(classifier)
    model.set_weights(classifier.get_weights())
    cell = model.get_layer("lower").cell
    cell.bias.assign(np.full(cell.bias.shape, 4.0))  # all gates are open: c grows by 1 a step
    with explore(model, X) as explorer:
        curves = explorer._panel.curves
        states, memory = curves.parts["states"], curves.parts["memory"]
        assert memory.figure.layout.display == "none"  # a GRU has none
        explorer.layer, explorer.filter = "lower", 2
        explorer.data()
        assert {part.figure.layout.display for part in curves.parts.values()} == {None}
        found = tsw.recurrent_states(model, X, "lower")
        assert found.c[:, :, 2].max() > 4 > np.abs(found.h).max()
        assert states.value.scale.max < 1.2 and memory.value.scale.max >= found.c[0, :, 2].max()
        np.testing.assert_allclose(memory.lines.marks[0].y, found.c[0, :, 2], atol=1e-5)
        assert len(memory.value.axis.tick_values) > 1  # one number is no scale
        assert memory.figure in explorer._panel.time_figures


def test_how_much_is_let_in_is_filled_and_told(classifier: keras.Model) -> None:
    """An LSTM's input gate lets in, and Keras' update gate keeps: it lets in what is missing to 1."""
    with explore(classifier, X) as explorer:
        gates = explorer._panel.curves.parts["gates"]
        fills = {name: line.fill for name, line in zip(gates.names, gates.lines.marks, strict=True)}
        assert fills == {"i": "bottom", "f": "none", "o": "none", "z": "top", "r": "none"}
        for layer, said in (("upper", "z keeps at {}, r open at {}"), ("lower", "i open at {}, f open at {}")):
            explorer.layer = layer
            unit = explorer.data()["unit"]
            found = tsw.recurrent_states(classifier, X[:1], layer)
            counts = [int((found.gates[name][0, :, unit] > 0.5).sum()) for name in said.split()[::4]]
            assert said.format(*counts) in gates.caption.value
            assert "of 20 steps" in gates.caption.value


def test_a_layer_without_states_shows_the_last_that_has_some(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        explorer.layer = explorer.layers[-1]
        assert list(explorer.data()["states"]) == ["h", "z", "r", "candidate"]
        assert "is not recurrent, upper is shown" in explorer._status.value
        row = len(explorer.data()["order"]) - 1  # as many as the layer has units, and more than the head has classes
        explorer._panel.cursor.filter = row  # as the browser does
        assert (explorer.layer, explorer.filter, explorer.data()["unit"]) == ("upper", row, row)


@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_both_directions(merge: str) -> None:
    layer = L.Bidirectional(L.LSTM(5, return_sequences=True), merge_mode=merge, name="both")
    model = sequential(layer, L.GlobalAveragePooling1D(), L.Dense(2))
    found = tsw.recurrent_states(model, X[:1], "both")
    with explore(model, X) as explorer:
        explorer.layer, explorer.filter = "both", 1
        assert (explorer.data()["direction"], explorer.data()["unit"]) == ("forward", 1)
        np.testing.assert_array_equal(explorer.data()["states"]["i"], found.forward.i[0])
        if merge == "concat":
            explorer.filter = 7
        else:
            explorer.direction = "backward"
        data = explorer.data()
        assert (data["direction"], data["unit"]) == ("backward", 2 if merge == "concat" else 1)
        np.testing.assert_array_equal(data["states"]["h"], found.backward.h[0])
        explorer._panel.cursor.filter = 4
        assert explorer.filter == (9 if merge == "concat" else 4)


def test_turning_the_direction_and_choosing_a_filter_agree() -> None:
    """Side by side, the first five filters read forward and the others backward; the menu never says anything else."""
    layers = [L.Bidirectional(L.LSTM(5, return_sequences=True), name="both"), L.GRU(12, name="one")]
    model = sequential(*layers, L.Dense(2))
    with explore(model, X) as explorer:
        explorer.layer, explorer.filter = "both", 3
        menu = explorer._panel.choice.direction
        for turn, filter in (("backward", 8), ("forward", 3)):
            explorer.direction = turn
            assert (explorer.filter, menu.value) == (filter, turn)
            data = explorer.data()
            assert (data["direction"], data["unit"]) == (turn, 3)
        explorer.filter = 6
        assert (explorer.direction, menu.value, explorer.data()["unit"]) == ("backward", "backward", 1)
        menu.value = "forward"  # what a person does
        assert (explorer.filter, explorer.data()["direction"]) == (1, "forward")
        explorer.layer = "one"
        explorer.filter = 9
        explorer.layer = "both"
        assert (explorer.filter, explorer.direction, explorer.data()["direction"]) == (9, "backward", "backward")


def test_a_first_unit_that_reads_backward_is_kept() -> None:
    """The explorer begins with the most active unit, whichever way it reads."""
    model = sequential(L.Bidirectional(L.LSTM(5, return_sequences=True), name="both"), L.GlobalAveragePooling1D())
    weights = model.get_layer("both").get_weights()
    model.get_layer("both").set_weights([0 * one if i < 3 else one for i, one in enumerate(weights)])  # forward: silent
    with explore(model, X) as explorer:
        assert explorer.filter >= 5
        assert (explorer.direction, explorer.data()["direction"]) == ("backward", "backward")


def test_padding_is_absent() -> None:
    model = sequential(L.Masking(), L.LSTM(4, name="lstm"), L.Dense(3, "softmax"))
    batch = X[:2].copy()
    batch[0, 12:] = 0
    with explore(model, [batch[0], batch[1, :9]]) as explorer:
        data = explorer.data()
        for values in data["states"].values():
            assert np.isnan(values[12:]).all() and np.isfinite(values[:12]).all()
        assert np.isnan(data["so_far"][12:]).all() and np.isfinite(data["so_far"][:12]).all()
        explorer.current_step = 19
        explorer.data()
        assert "Prediction after step 11" in explorer._panel.summary.value
        explorer.sample = 1
        assert len(explorer.data()["so_far"]) == 9
        assert explorer._panel.walk.play.max == 8


def test_steps_behind_strides_stand_where_they_belong() -> None:
    model = sequential(L.Conv1D(4, 4, strides=3), L.LSTM(5, name="lstm"), L.Dense(2))
    with explore(model, X) as explorer:
        data = explorer.data()
        centres = np.arange(6) * 3 + 1.5
        np.testing.assert_array_equal(data["time"], centres)
        assert data["states"]["h"].shape == (6, 5)
        line = explorer._panel.curves.parts["states"].lines.marks[0]
        np.testing.assert_allclose(line.x, centres)
        np.testing.assert_allclose(line.y, data["states"]["h"][:, data["unit"]], atol=1e-6)
        assert np.isnan(data["so_far"][:3]).all() and np.isfinite(data["so_far"][3:]).all()


def test_the_gate_of_the_chosen_unit_is_the_colour_behind_the_input(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        explorer.layer, explorer.filter, explorer.quantity = "lower", 3, "i"
        gate = tsw.recurrent_states(classifier, X[:1], "lower").i[0, :, 3]
        explorer.data()
        legend = explorer._panel.series.legend
        np.testing.assert_allclose(np.frombuffer(legend.quantity, np.float32), gate, atol=1e-6)
        assert "i, input gate of unit 3" in explorer._panel.series._caption.value


def test_the_play_button_walks(classifier: keras.Model) -> None:
    with explore(classifier, X) as explorer:
        play = explorer._panel.walk.play
        assert play.max == 19 and 100 <= play.interval <= 500
        play.value = 7  # what a tick of the button does
        assert explorer.current_step == 7 and explorer._panel.cursor.step == 7
        explorer.current_step = 2
        assert play.value == 2
        explorer._panel.cursor.step = 11
        assert explorer.current_step == 11 and play.value == 11


def test_retrained_weights_are_seen(classifier: keras.Model) -> None:
    model = keras.models.clone_model(classifier)
    model.set_weights(classifier.get_weights())
    with explore(model, X) as explorer:
        before = explorer.data()["so_far"]
        model.layers[0].set_weights([1.5 * weight for weight in model.layers[0].get_weights()])
        explorer.sample = 1
        explorer.sample = 0
        after = explorer.data()
        assert np.abs(after["so_far"] - before).max() > 1e-3
        np.testing.assert_array_equal(after["states"]["h"], tsw.recurrent_states(model, X[:1], "upper").h[0])


def test_a_repeated_picture_sends_nothing(classifier: keras.Model, messages: Any) -> None:
    with explore(classifier, X) as explorer:
        explorer.current_step = 3
        explorer.data()
        messages.clear()
        explorer.current_step = 4
        explorer.data()
        assert not messages.of_marks()  # the walk moves the pointer and the words beside, no figure


@pytest.mark.parametrize("name", sampled(CASES, 6))
def test_every_recurrent_model(name: str) -> None:
    found = case(name)
    subject = bind(found.model, found.x)
    if not RecurrentPanel.applies(subject):
        assert not layers_of(subject)
        return
    with explore(found.model, found.x) as explorer:
        for layer in layers_of(subject):
            explorer.layer = layer
            data, panel = explorer.data(), explorer._panel
            if data["states"] is None:
                assert len(panel.raster._caption.value) > 60
            else:
                assert np.isfinite(data["states"]["h"]).any()
            assert data["so_far"] is not None or len(panel.answer._caption.value) > 60


@pytest.mark.parametrize(
    "trait, value", [("quantity", "x"), ("unit_order", "size"), ("units", (3, 1)), ("current_step", 20)]
)
def test_bad_values_are_refused_and_nothing_is_lost(classifier: keras.Model, trait: str, value: Any) -> None:
    with explore(classifier, X) as explorer:
        before = getattr(explorer, trait)
        with pytest.raises(Exception) as error:
            setattr(explorer, trait, value)
        assert str(error.value)
        assert getattr(explorer, trait) == before
        explorer.sample = 1
        assert explorer.data()["so_far"] is not None


def test_closing_leaves_nothing(classifier: keras.Model) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    explorer = explore(classifier, X)
    explorer.quantity, explorer.current_step = "z", 3
    explorer.data()
    explorer.close()
    assert set(ipywidgets.widgets.widget._instances) <= before


# ----------------------------------------------------------------------------------------------- within TimeDistributed


def within(inner: Any) -> keras.Model:
    """Reads the 6 channels of each of 20 steps as 3 steps of 2, from left to right."""
    x = keras.Input((20, 6))
    apart = L.Masking()(L.Reshape((20, 3, 2))(x))
    pooled = keras.ops.mean(L.TimeDistributed(inner, name="reader")(apart), axis=1)
    return randomise(keras.Model(x, L.Dense(2, name="head")(pooled)))


@pytest.mark.parametrize("backwards", [False, True])
def test_a_layer_within_time_distributed_after_its_last_step(backwards: bool) -> None:
    model, x = within(L.LSTM(4, go_backwards=backwards)), series(2, 20, 6)
    x[0, 5, 2:], x[0, 7, :2], x[0, 9] = 0, 0, 0  # the end, the beginning, and all of a step is padding
    with explore(model, x) as explorer:
        explorer.layer, explorer.filter = "reader", 2
        data, found = explorer.data(), tsw.recurrent_states(model, x[:1], "reader")
        last = np.full(20, 0 if backwards else 2)
        last[[5, 7]] = (0, 1) if backwards else (0, 2)
        for name, values in data["states"].items():
            expected = np.stack([getattr(found, name)[0, t, last[t]] for t in range(20)])
            np.testing.assert_array_equal(values, expected)
        assert list(np.flatnonzero(np.isnan(data["states"]["c"]).any(axis=1))) == [9]
        np.testing.assert_array_equal(data["time"], np.arange(20))
        panel = explorer._panel
        assert "Unit 2 of reader after its last inner step of 3" in panel.curves.rows[0].value
        spans = np.frombuffer(panel.cursor.fields, np.int32).reshape(20, 2)
        np.testing.assert_array_equal(spans, np.stack([np.arange(20)] * 2, axis=1))


def test_layers_within_two_time_distributed_layers_are_not_drawn() -> None:
    x = keras.Input((20, 6))
    inner = L.TimeDistributed(L.TimeDistributed(L.LSTM(4)), name="reader")(L.Reshape((20, 1, 3, 2))(x))
    model = randomise(keras.Model(x, L.Dense(2)(L.Flatten()(inner))))
    with explore(model, series(2, 20, 6)) as explorer:
        assert explorer.data()["states"] is None
        assert "within one TimeDistributed layer; got" in explorer._panel.raster._caption.value


# ----------------------------------------------------------------------------------------------- scales take their time


def test_a_first_picture_waits_for_no_other_series(classifier: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the last one has the scales of all of them, but for one whose states cannot be known."""
    monkeypatch.setattr("tswidgets.widgets.panels.recurrent.PATIENCE", -1)
    found: list[int] = []

    def states_of(model: Any, x: Any, layer: str) -> Any:
        sample = next(i for i in range(len(X)) if np.array_equal(X[i], x[0]))
        found.append(sample)
        if sample == 3:
            raise RuntimeError("as they would be wrong")
        return tsw.recurrent_states(model, x, layer)

    monkeypatch.setattr("tswidgets.widgets.states.recurrent_states", states_of)
    subject = bind(classifier, X, None)
    panel = RecurrentPanel(subject, lambda *_: None)
    pictures = panel.compute(Selection(layer="lower", filter=0, sample=1, scale="filter"))
    first = next(pictures)
    assert found == [1]
    h = tsw.recurrent_states(classifier, X, "lower").h
    np.testing.assert_array_equal(first.ranges["h"], (h[1].min(axis=0), h[1].max(axis=0)))
    last = list(pictures)[-1]
    assert sorted(found) == [0, 1, 2, 3, 4, 5]
    known = np.delete(h, 3, axis=0)
    np.testing.assert_array_equal(last.ranges["h"], (known.min(axis=(0, 1)), known.max(axis=(0, 1))))
    panel.close()
