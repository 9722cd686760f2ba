"""The panel that removes filters, without a browser: what it shows is what the functions return."""

from __future__ import annotations

import time
from typing import Any

import ipywidgets
import keras
import numpy as np
import pytest
import traitlets

import tswidgets as tsw
from tests.probe.comparing import THREE_PARTS
from tswidgets.analysis import removal as removal_module
from tswidgets.widgets import ranking as ranking_module
from tswidgets.widgets import refresher as refresher_module
from tswidgets.widgets import trial as trial_module

RNG = np.random.default_rng(21)
X = RNG.normal(size=(30, 24, 2)).astype(np.float32)
CLASSES = RNG.integers(0, 4, 30)


def build(*tail: keras.layers.Layer, inputs: tuple[int | None, int] = (24, 2)) -> keras.Model:
    keras.utils.set_random_seed(6)
    first = keras.layers.Conv1D(7, 5, padding="same", activation="relu", name="conv")
    return keras.Sequential([keras.Input(inputs), first, *tail])


@pytest.fixture(scope="module")
def classifier() -> keras.Model:
    layers = keras.layers
    return build(layers.GlobalMaxPooling1D(name="pool"), layers.Dense(4, activation="softmax", name="out"))


@pytest.fixture(scope="module")
def labeller() -> keras.Model:
    """A label per time step."""
    return build(keras.layers.GRU(3, return_sequences=True), keras.layers.Dense(1, activation="sigmoid", name="out"))


def explore(model: Any, *data: Any, **options: Any) -> tsw.Explorer:
    explorer = tsw.Explorer(model, *data, panels=["ablation"], **options)
    explorer.layer = "conv"
    return explorer


def without(model: keras.Model, x: np.ndarray, removed: list[int]) -> np.ndarray:
    """The model by hand: its first layer, zeros, and the rest."""
    h = np.array(model.layers[0](x))
    h[..., removed] = 0
    for layer in model.layers[1:]:
        h = layer(h)
    return np.asarray(h)


def test_removing_filters_gives_what_the_layers_give_by_hand(classifier: keras.Model) -> None:
    with explore(classifier, X, CLASSES) as explorer:
        before, after = without(classifier, X, []), without(classifier, X, [1, 4])
        explorer.removed = [4, 1]
        data = explorer.data()
        assert explorer.removed == [1, 4]
        assert data["samples"] == list(range(30))
        assert data["before"] == pytest.approx(before, abs=1e-6)
        assert data["after"] == pytest.approx(after, abs=1e-6)
        assert data["after"] == pytest.approx(tsw.ablate(classifier, X, "conv", [1, 4]).after, abs=1e-6)
        right = np.arange(30), CLASSES
        assert explorer.metric == "score"
        assert data["errors"] == pytest.approx((before[right].mean(), after[right].mean()), abs=1e-6)
        explorer.metric = "accuracy"
        expected = (before.argmax(1) == CLASSES).mean(), (after.argmax(1) == CLASSES).mean()
        assert explorer.data()["errors"] == pytest.approx(expected)
        assert "2 of 7 filters removed" in explorer._panel._errors.value
        assert "over 30 samples" in explorer._panel._errors.value
        explorer.removed = []
        assert np.array_equal(explorer.data()["after"], explorer.data()["before"])


def test_by_the_mean_instead_of_zero(classifier: keras.Model) -> None:
    with explore(classifier, X, CLASSES) as explorer:
        explorer.removed, explorer.removed_value = [2], "mean"
        expected = tsw.ablate(classifier, X, "conv", [2], value="mean").after
        assert explorer.data()["after"] == pytest.approx(expected, abs=1e-6)
        assert not np.allclose(expected, tsw.ablate(classifier, X, "conv", [2]).after, atol=1e-4)


def test_the_classes_before_and_after_are_told(classifier: keras.Model) -> None:
    with explore(classifier, X, CLASSES, class_names=["a <i>", "b", "c", "d"]) as explorer:
        explorer.sample, explorer.removed = 3, [0, 1, 2]
        data, said = explorer.data(), explorer._panel.outcome.summary.value
        for i in range(4):
            assert f"{data['before'][3, i]:.3g} → {data['after'][3, i]:.3g}" in said
        assert "a &lt;i&gt;" in said
        assert said.count("◂ label") == 1


def test_answers_per_step_are_drawn_with_their_labels(labeller: keras.Model) -> None:
    y = (X[..., 0] > 0).astype(np.float32)
    with explore(labeller, X, y) as explorer:
        explorer.removed, explorer.sample = [0, 5], 11
        lines = explorer._panel.outcome.view.lines
        before, after = without(labeller, X, []), without(labeller, X, [0, 5])
        assert lines["before"].marks[0].y.ravel() == pytest.approx(before[11, :, 0], abs=1e-6)
        assert lines["after"].marks[0].y.ravel() == pytest.approx(after[11, :, 0], abs=1e-6)
        assert np.array_equal(lines["truth"].marks[0].y.ravel(), y[11])
        assert explorer.metric == "accuracy"
        expected = ((before[..., 0] > 0.5) == y).mean(), ((after[..., 0] > 0.5) == y).mean()
        assert explorer.data()["errors"] == pytest.approx(expected)


@pytest.fixture(scope="module")
def forecaster() -> keras.Model:
    return build(keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(3, name="out"), inputs=(24, 1))


def test_predictions_of_a_wave_are_laid_on_it(forecaster: keras.Model) -> None:
    """Three steps ahead: a step of the wave is predicted by up to three windows, of which the mean is drawn."""
    wave = np.cumsum(RNG.normal(size=80)).astype(np.float32)
    with tsw.WindowExplorer(forecaster, wave, horizon=3, panels=["ablation"]) as explorer:
        explorer.layer, explorer.removed = "conv", [2, 3]
        windows, targets = tsw.sliding_windows(wave, 24, horizon=3)
        after = without(forecaster, windows, [2, 3])
        said: dict[int, list[float]] = {}
        for w in range(len(windows)):
            for k in range(3):
                said.setdefault(w + 24 + k, []).append(float(after[w, k]))
        line = explorer._panel.outcome.view.lines["after"].marks[0]
        assert line.x == pytest.approx(sorted(said))
        assert line.y.ravel() == pytest.approx([np.mean(said[step]) for step in sorted(said)], abs=1e-5)
        truth = explorer._panel.outcome.view.lines["truth"].marks[0]
        assert np.array_equal(truth.y.ravel(), wave)
        assert explorer.data()["errors"][1] == pytest.approx(np.square(after - targets).mean(), rel=1e-5)


def test_classes_of_windows_are_drawn_where_the_windows_end(classifier: keras.Model) -> None:
    wave = RNG.normal(size=(60, 2)).astype(np.float32)
    with tsw.WindowExplorer(classifier, wave, stride=4, panels=["ablation"]) as explorer:
        explorer.layer, explorer.removed = "conv", [1]
        lines = explorer._panel.outcome.view.lines
        windows, _ = tsw.sliding_windows(wave, 24, stride=4)
        assert lines["after"].marks[0].x == pytest.approx(23 + 4 * np.arange(len(windows)))
        assert lines["after"].marks[0].y == pytest.approx(without(classifier, windows, [1]).T, abs=1e-6)
        assert not lines["truth"].visible


def test_series_of_other_lengths_do_not_count() -> None:
    model = build(keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(4, activation="softmax"), inputs=(None, 2))
    series = [x[: 10 + i % 3] for i, x in enumerate(X)]
    with explore(model, series, CLASSES) as explorer:
        explorer.sample, explorer.removed = 7, [1]
        alike = list(range(1, 30, 3))
        assert explorer.data()["samples"] == alike
        expected = without(model, np.stack([series[i] for i in alike]), [1])
        assert explorer.data()["after"] == pytest.approx(expected, abs=1e-6)


def test_of_many_samples_some_are_run_and_that_is_said(
    classifier: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_module, "MOST", 8)
    with explore(classifier, X, CLASSES) as explorer:
        explorer.sample = 13
        samples = explorer.data()["samples"]
        assert 13 in samples and len(samples) == 9 and {0, 29} < set(samples)
        assert "over 9 samples" in explorer._panel._errors.value


def test_several_inputs() -> None:
    keras.utils.set_random_seed(1)
    series, static = keras.Input((24, 2), name="series"), keras.Input((3,), name="static")
    h = keras.layers.GlobalMaxPooling1D()(keras.layers.Conv1D(5, 3, name="conv")(series))
    model = keras.Model([series, static], keras.layers.Dense(2)(keras.layers.Concatenate()([h, static])))
    data = {"series": X, "static": RNG.normal(size=(30, 3)).astype(np.float32)}
    with explore(model, data) as explorer:
        explorer.removed = [0]
        assert explorer.data()["after"] == pytest.approx(tsw.ablate(model, data, "conv", 0).after, abs=1e-6)


def test_ranking_and_pairs_are_those_of_the_function(classifier: keras.Model) -> None:
    with explore(classifier, X, CLASSES) as explorer:
        panel = explorer._panel
        panel._rank.click()
        expected = tsw.ablate_pairs(classifier, X, "conv", y=CLASSES, metric="score")
        data = explorer.data()
        assert np.diag(data["matrix"]) == pytest.approx(expected.singles, abs=1e-6)
        assert np.isnan(data["matrix"][0, 1])
        first = expected.ranking[0]
        assert panel._order.value.index(f"filter {first} ") < panel._order.value.index(f"filter {expected.ranking[1]} ")
        importance = np.frombuffer(panel.switches.importance, np.float32)
        assert importance == pytest.approx(expected.singles - expected.before, abs=1e-6)
        panel._pairs.click()
        assert explorer.data()["matrix"] == pytest.approx(expected.matrix, abs=1e-6)
        found = explorer.data()["interaction"]
        assert found == pytest.approx(expected.interaction, abs=1e-6, nan_ok=True)
        panel.pairs.cursor.pair = [2, 6]
        assert explorer.removed == [2, 6]
        assert explorer.data()["errors"][1] == pytest.approx(expected.matrix[2, 6], abs=1e-6)
        explorer.removed = [1, 2, 3]
        assert panel.pairs.cursor.pair == []
        assert explorer.removed == [1, 2, 3]
        panel._all_on.click()
        assert explorer.removed == []
        explorer.metric = "accuracy"  # another question: nothing is known of it
        assert explorer.data()["matrix"] is None
        explorer.metric = "score"
        assert explorer.data()["matrix"] is not None


def test_new_weights_forget_what_was_found(classifier: keras.Model) -> None:
    model = keras.models.clone_model(classifier)
    with explore(model, X, CLASSES) as explorer:
        explorer._panel._rank.click()
        explorer.removed = [1]
        model.set_weights(classifier.get_weights())
        explorer.sample = 2
        data = explorer.data()
        assert data["matrix"] is None
        assert data["after"] == pytest.approx(without(classifier, X, [1]), abs=1e-6)


def test_cancelling_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a kernel, where the search has a thread of its own."""
    monkeypatch.setattr(refresher_module, "_in_kernel", lambda: True)
    monkeypatch.setattr(ranking_module, "PAUSE", 0.02)
    monkeypatch.setattr(removal_module, "AT_ONCE", 2**17)
    keras.utils.set_random_seed(6)
    wide = keras.layers.Conv1D(128, 5, name="conv")
    tail = [
        keras.layers.Conv1D(64, 5, name="behind"),
        keras.layers.GlobalMaxPooling1D(),
        keras.layers.Dense(4, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((24, 2)), wide, *tail])
    with explore(model, X, CLASSES) as explorer:
        panel = explorer._panel
        assert explorer.data()["after"].shape == (30, 4)  # the layer is on screen
        panel._pairs.click()
        deadline = time.monotonic() + 60
        while panel._ranking.found is None or panel._ranking.found[1].done < 140:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        explorer.removed = [5]  # sliders and switches stay free meanwhile
        assert explorer.data()["after"] == pytest.approx(without(model, X, [5]), abs=1e-5)
        explorer._progress._cancel.click()
        panel._ranking._refresher.wait_idle()
        data = explorer.data()
        found = panel._ranking.found[1]
        assert 140 <= found.done < found.total == 8256
        assert np.isfinite(data["matrix"]).sum() == 128 + 2 * (found.done - 128)
        assert "stay" in explorer._status.value
        expected = tsw.ablate(model, X, "conv", [[0, 1], [0, 2]]).after[:, np.arange(30), CLASSES].mean(1)
        assert data["matrix"][0, 1:3] == pytest.approx(expected, abs=1e-5)
        panel._rank.click()
        panel._ranking._refresher.wait_idle()
        assert explorer.data()["matrix"] is not None
        assert panel._ranking.said == ""
        panel._pairs.click()
        explorer.layer = "behind"  # who goes on to another layer waits for this one no more
        explorer.data()
        panel._ranking._refresher.wait_idle()
        assert not panel._ranking.running
        assert panel._ranking.found[1].done < 8256
        assert explorer.data()["matrix"] is None


@pytest.mark.parametrize("removed", [[7], [0, 1, 2, 3, 4, 5, 6], [-8], [0.5]])
def test_what_cannot_be_removed_is_refused(classifier: keras.Model, removed: list[Any]) -> None:
    with explore(classifier, X, CLASSES) as explorer:
        explorer.removed = [3]
        with pytest.raises((ValueError, IndexError, traitlets.TraitError)) as caught:
            explorer.removed = removed
        if removed != [0.5]:
            assert THREE_PARTS.search(str(caught.value))
        assert explorer.removed == [3]
        explorer.removed = [2]
        assert explorer.data()["after"] == pytest.approx(without(classifier, X, [2]), abs=1e-6)


def test_another_layer_has_all_its_filters(classifier: keras.Model) -> None:
    with explore(classifier, X, CLASSES) as explorer:
        explorer.removed = [1, 2]
        explorer.layer = "out"
        assert explorer.removed == []
        assert explorer._panel.switches.n == 4
        assert explorer._panel.switches.removed == []


def test_switched_off_before_the_panel_is_there(classifier: keras.Model) -> None:
    with tsw.Explorer(classifier, X, CLASSES) as explorer:
        explorer.layer = "conv"
        explorer.removed = [1, 6]
        explorer.panel = "ablation"
        assert explorer._panel.switches.removed == [1, 6]
        assert explorer.data()["after"] == pytest.approx(without(classifier, X, [1, 6]), abs=1e-6)


def test_what_was_hidden_is_drawn_again() -> None:
    """After a layer with nothing to remove, and after a trial that changed nothing."""
    model = build(keras.layers.Conv1D(1, 3, name="one"), keras.layers.GlobalAveragePooling1D(), inputs=(24, 1))
    wave = RNG.normal(size=60).astype(np.float32)
    with tsw.WindowExplorer(model, wave, horizon=1, panels=["ablation"]) as explorer:
        assert explorer.layer == "conv"  # the last of several filters, and not the last
        lines = explorer._panel.outcome.view.lines

        def shown() -> list[bool]:
            return [lines[name].visible for name in ("truth", "before", "after")]

        assert shown() == [True, True, False]  # nothing is removed
        explorer.removed = [2]
        assert shown() == [True, True, True]
        explorer.layer = "one"
        assert shown() == [False, False, False]
        explorer.layer = "conv"
        explorer.removed = [1]
        assert shown() == [True, True, True]


def test_a_layer_without_which_nothing_is_left_says_so() -> None:
    model = build(keras.layers.Conv1D(1, 3, name="one"), keras.layers.LSTM(4, return_state=True, name="lstm"))
    inputs = keras.Input((24, 2))
    hidden, state, memory = model.layers[2](model.layers[1](model.layers[0](inputs)))
    both = keras.Model(inputs, keras.layers.Dense(2)(hidden))
    with explore(both, X) as explorer:
        for layer in ("one", "lstm:2"):
            explorer.layer = layer
            assert explorer.data()["after"] is None
            assert explorer._panel.switches.n == 0
            assert "Nothing to remove" in explorer._panel._errors.value
        explorer.layer, explorer.removed = "conv", [1]
        assert explorer.data()["after"].shape == (30, 2)
    assert state is not None and memory is not None


def test_the_model_and_the_data_stay_as_they_are(classifier: keras.Model) -> None:
    weights, data = [w.copy() for w in classifier.get_weights()], X.copy()
    with explore(classifier, X, CLASSES) as explorer:
        explorer.removed = [1]
        explorer._panel._pairs.click()
    assert all(np.array_equal(a, b) for a, b in zip(weights, classifier.get_weights(), strict=True))
    assert np.array_equal(X, data)


def test_close_leaves_no_widget(classifier: keras.Model) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    explorer = tsw.Explorer(classifier, X, CLASSES)
    explorer.panel = "ablation"
    explorer._panel._rank.click()
    explorer.close()
    assert set(ipywidgets.widgets.widget._instances) <= before
