"""The panel of labels per step, without a browser: what it shows is what the function returns."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import traitlets
from keras import layers as L
from PIL import Image

import tswidgets as tsw
from tests.models import case, randomise
from tswidgets.analysis import steps as steps_module
from tswidgets.widgets.panels import attribution as attribution_module
from tswidgets.widgets.panels import steps as panel_module
from tswidgets.widgets.refresher import Cancelled
from tswidgets.widgets.views.steps import FALSE, LABEL, MISSED, PREDICTED

RNG = np.random.default_rng(12)
X = RNG.normal(size=(14, 30, 3)).astype(np.float32)
YES = np.repeat(RNG.integers(0, 2, (14, 6)), 5, axis=1)
CLASSES = np.repeat(RNG.integers(0, 4, (14, 6)), 5, axis=1)
SAME = {"outputs", "labels", "predicted", "missed", "false"}


@cache
def labeller(n_outputs: int = 1, activation: str = "sigmoid", n_timesteps: int | None = None, **conv: Any) -> Any:
    parts = [L.Conv1D(6, 5, **{"padding": "same", "name": "conv", **conv}), L.GRU(4, return_sequences=True)]
    model = keras.Sequential([keras.Input((n_timesteps, 3)), *parts, L.Dense(n_outputs, activation=activation)])
    return randomise(model, seed=2)


@cache
def flat_labeller() -> Any:
    parts = [L.Conv1D(6, 5, activation="relu", name="conv"), L.MaxPooling1D(4), L.LSTM(8, name="lstm")]
    return randomise(keras.Sequential([keras.Input((30, 3)), *parts, L.Dense(30, activation="sigmoid", name="out")]))


def explore(model: Any, *data: Any, **options: Any) -> tsw.Explorer:
    return tsw.Explorer(model, *data, **{"panels": ["steps"], **options})


def agrees(explorer: tsw.Explorer, found: tsw.StepScores) -> None:
    """What is on screen for the chosen sample and for all is what the function found."""
    data, sample = explorer.data(), explorer.sample
    n_steps = len(data["outputs"])
    for name in SAME:
        np.testing.assert_allclose(data[name], getattr(found, name)[sample, :n_steps], atol=1e-5, err_msg=name)
    for one, several in (("accuracy", "accuracies"), ("iou", "ious")):
        expected = getattr(found, one)
        assert data[one] == pytest.approx(expected[sample], nan_ok=True)
        np.testing.assert_array_equal(data[several], expected)
        assert data[f"overall_{one}"] == pytest.approx(getattr(found, f"overall_{one}"), nan_ok=True)
    assert data["worst"].tolist() == found.worst.tolist()
    assert explorer._panel.worst.samples == found.worst.tolist()


def states(explorer: tsw.Explorer, n_lanes: int, rows: int = 5) -> np.ndarray:
    """What the lanes are painted with: (n_lanes, rows, n_steps)."""
    painted = np.asarray(Image.open(io.BytesIO(explorer._panel.lanes._raster.image.image.value)))
    return painted.reshape(n_lanes, rows, -1)


def test_a_yes_or_no_at_each_step() -> None:
    model = labeller()
    with explore(model, X, YES, class_names=["fall"]) as explorer:
        agrees(explorer, tsw.score_steps(model, X, YES))
        for sample, threshold in ((3, 0.5), (3, 0.3), (9, 0.71)):
            explorer.sample, explorer.threshold = sample, threshold
            found = tsw.score_steps(model, X, YES, threshold=threshold)
            agrees(explorer, found)
            lanes = states(explorer, 4)
            wanted = [found.labels == 1, found.predicted == 1, found.missed, found.false]
            for lane, (one, state) in enumerate(zip(wanted, (LABEL, PREDICTED, MISSED, FALSE), strict=True)):
                np.testing.assert_array_equal(lanes[lane, :4], np.broadcast_to(one[sample] * state, (4, 30)))
                assert not lanes[lane, 4].any()
            said = f"{found.missed[sample].sum()} steps missed, {found.false[sample].sum()} false, of 30"
            assert said in explorer._panel.lanes._caption.value and said in explorer._status.value
            assert f"{found.iou[sample]:.3g}" in explorer._panel.summary.value
            assert (explorer._panel.curves._threshold.y == np.float32(threshold)).all()


@pytest.mark.parametrize("written", ["numbers", "one-hot"])
def test_one_of_several_classes(written: str) -> None:
    model = labeller(4, "softmax")
    y = CLASSES if written == "numbers" else np.eye(4)[CLASSES]
    with explore(model, X, y) as explorer:
        explorer.sample = 5
        found = tsw.score_steps(model, X, y)
        agrees(explorer, found)
        lanes = states(explorer, 4)
        for k in range(4):
            told, said = found.labels[5] == k, found.predicted[5] == k
            np.testing.assert_array_equal(lanes[k, 0], np.where(told, np.where(said, LABEL, MISSED), 0))
            np.testing.assert_array_equal(lanes[k, 2], np.where(said, np.where(told, PREDICTED, FALSE), 0))
        assert explorer._panel.threshold.layout.display == "none"
        band = np.asarray(Image.open(io.BytesIO(explorer._panel._band.image.image.value)))
        np.testing.assert_array_equal(band[10], 1 + CLASSES[5])
        np.testing.assert_array_equal(band[0] > 0, found.missed[5])


def test_other_panels_meet_class_numbers_as_the_outputs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution_module, "iter_trust", lambda *_: iter(()))
    with explore(labeller(4, "softmax"), X, CLASSES, panels=["activations", "attribution", "ablation"]) as explorer:
        lines = explorer._panel.prediction._label.marks
        drawn = np.concatenate([np.atleast_2d(mark.y) for mark in lines])
        np.testing.assert_array_equal(drawn[:, :-1], np.eye(4)[CLASSES[0]].T)
        np.testing.assert_array_equal(drawn[:, -1], drawn[:, -2])  # the last step's place ends behind it
        explorer.panel, explorer.target_step = "attribution", 12
        assert explorer._panel.targets.summary.value.count("◂ label") == 1
        explorer.panel, explorer.metric = "ablation", "accuracy"
        found = tsw.score_steps(explorer._subject.model, X, CLASSES)
        assert explorer.data()["errors"][0] == pytest.approx(found.overall_accuracy)


def test_a_yes_or_no_for_each_class() -> None:
    model, y = labeller(3), np.repeat(RNG.integers(0, 2, (14, 6, 3)), 5, axis=1)
    with explore(model, X, y) as explorer:
        explorer.threshold = 0.4
        agrees(explorer, tsw.score_steps(model, X, y, threshold=0.4))
        assert explorer._panel.threshold.layout.display is None


def test_series_of_different_lengths() -> None:
    lengths = [30, 12, 30, 7, 19, 12]
    some, y = [X[i, :n] for i, n in enumerate(lengths)], [CLASSES[i, :n] for i, n in enumerate(lengths)]
    model = labeller(4, "softmax")
    with explore(model, some, y) as explorer:
        found = tsw.score_steps(model, some, y)
        for sample in range(6):
            explorer.sample = sample
            agrees(explorer, found)
            assert states(explorer, 4).shape[2] == lengths[sample]


def test_padding_ends() -> None:
    inner = [L.Masking(0.0), L.LSTM(4, return_sequences=True), L.Dense(1, activation="sigmoid")]
    model, padded = randomise(keras.Sequential([keras.Input((30, 3)), *inner])), X.copy()
    padded[4, 11:] = 0
    with explore(model, padded, YES) as explorer:
        explorer.sample = 4
        agrees(explorer, tsw.score_steps(model, padded, YES))
        assert np.isnan(explorer.data()["outputs"][11:]).all()
        assert not states(explorer, 4)[:, :, 11:].any()
        values = np.frombuffer(explorer._panel.legend.series, np.float32).reshape(30, 5)
        assert np.isnan(values[11:]).all() and np.isfinite(values[:11]).all()


def test_labels_of_the_outputs_own_steps_lie_where_these_see() -> None:
    model, y = labeller(n_timesteps=30, strides=2), YES[:, ::2]
    with explore(model, X, y) as explorer:
        agrees(explorer, tsw.score_steps(model, X, y))
        image = explorer._panel.lanes._raster.image
        centres = tsw.activations(model, X[0], "conv").time
        np.testing.assert_array_equal(explorer.data()["time"], centres)
        assert image.x[0] < centres[0] < centres[-1] < image.x[1] <= 30


def test_steps_without_a_place_are_scored_and_explained() -> None:
    """A decoder's steps are on a time axis of their own."""
    found = case("encoder_decoder")
    y = RNG.integers(0, 2, (2, 6))
    with explore(found.model, found.x, y) as explorer:
        agrees(explorer, tsw.score_steps(found.model, found.x, y))
        assert explorer.data()["time"] is None
        assert "6 steps on the input" in explorer._panel.lanes._caption.value


def test_the_list_of_the_worst_jumps_and_follows() -> None:
    with explore(labeller(), X, YES) as explorer:
        worst = explorer.data()["worst"]
        explorer._panel.worst._list.value = int(worst[1])  # a click
        assert explorer.sample == worst[1]
        explorer.sample = int(worst[4])
        assert explorer._panel.worst._list.value == worst[4]
        explorer.threshold = 0.05  # another order
        assert explorer.sample == worst[4] == explorer._panel.worst._list.value


def test_a_sample_that_is_not_in_the_list_is_chosen_all_the_same() -> None:
    y = YES.copy()
    y[3] = 0
    with explore(labeller(), X, y) as explorer:
        explorer.threshold = 1.0
        explorer.sample = 3
        assert 3 not in explorer._panel.worst.samples and explorer._panel.worst._list.value is None
        assert explorer.sample == 3 and "nothing to find" in explorer._panel.summary.value


def test_a_threshold_that_means_nothing_is_refused() -> None:
    with explore(labeller(), X, YES) as explorer:
        for wrong in (1.5, -0.1, float("nan")):
            with pytest.raises((ValueError, traitlets.TraitError), match="threshold"):
                explorer.threshold = wrong
        assert explorer.threshold == 0.5 == explorer._panel.threshold.value
        explorer._panel.threshold.value = 0.25
        assert explorer.selection.threshold == 0.25


def test_logits_are_compared_with_0() -> None:
    model = labeller(activation="linear")
    with explore(model, X, YES) as explorer:
        assert explorer.threshold == 0 and explorer._panel.threshold.min < -1
        agrees(explorer, tsw.score_steps(model, X, YES, threshold=0))


@pytest.mark.parametrize(
    ("model", "y"),
    [(labeller(), None), (labeller(), RNG.normal(size=(14, 30))), (labeller(), RNG.integers(0, 5, (14, 30)))],
    ids=["no labels", "values", "counts"],
)
def test_without_labels_that_can_be_wrong_there_is_no_panel(model: Any, y: Any) -> None:
    with tsw.Explorer(model, X, y) as explorer:
        assert "steps" not in explorer.panels


def test_all_samples_are_scored_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_module, "AT_ONCE", 1)
    monkeypatch.setattr(panel_module, "PATIENCE", -1.0)
    model = labeller()
    with explore(model, X, YES) as explorer:
        panel = panel_module.StepsPanel(explorer._subject, lambda: None)
        pictures = list(panel.compute(explorer.selection))
        assert [picture.progress for picture in pictures] == [(i + 1, 14, "samples") for i in range(14)]
        found = tsw.score_steps(model, X, YES)
        for i, picture in enumerate(pictures):
            known = picture.counts.iou
            np.testing.assert_array_equal(known[: i + 1], found.iou[: i + 1])
            assert np.isnan(known[i + 1 :]).all()
        assert pictures[4].scored == 5 and len(list(panel.compute(explorer.selection))) == 1


def test_what_was_scored_stays_when_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_module, "AT_ONCE", 1)

    class Impatient:
        calls = 0

        def check(self) -> None:
            self.calls += 1
            if self.calls == 6:
                raise Cancelled

    model = labeller()
    with explore(model, X, YES) as explorer:
        panel, runs = panel_module.StepsPanel(explorer._subject, lambda: None), []
        answered = steps_module.StepAnswers._answered
        monkeypatch.setattr(
            steps_module.StepAnswers, "_answered", lambda self, some: (runs.append(some), answered(self, some))[1]
        )
        with pytest.raises(Cancelled):
            list(panel.compute(explorer.selection, Impatient()))  # type: ignore[arg-type]
        assert len(runs) == 6
        picture = list(panel.compute(explorer.selection))[-1]
        assert len(runs) == 14
        np.testing.assert_array_equal(picture.counts.iou, tsw.score_steps(model, X, YES).iou)


def test_other_weights_are_scored_anew_and_another_threshold_runs_nothing() -> None:
    model = labeller.__wrapped__()  # not the one of all tests
    with explore(model, X, YES) as explorer:
        before = explorer.data()["overall_iou"]
        for weight in model.weights:
            weight.assign(-weight.numpy())
        explorer.sample = 1
        agrees(explorer, tsw.score_steps(model, X, YES))
        assert explorer.data()["overall_iou"] != before


def test_a_threshold_sends_little(messages: Any) -> None:
    with explore(labeller(), X, YES) as explorer:
        series = [mark for mark in explorer._panel.series.figure.marks if type(mark).__name__ == "Lines"]
        messages.clear()
        explorer.threshold = 0.35
        assert not any(messages.count(mark) for mark in series)
        assert max(messages.of_marks().values()) == 1
        messages.clear()
        explorer.threshold = 0.3500001  # the same picture
        assert sum(messages.of_marks().values()) <= 1


def test_lanes_can_be_lifted() -> None:
    with explore(labeller(), X, YES) as explorer:
        whole = states(explorer, 4)
        explorer._panel.legend.lifted = [3]  # missed
        lifted = states(explorer, 4)
        np.testing.assert_array_equal(lifted[2], whole[2])
        assert (lifted[0][whole[0] > 0] == LABEL + FALSE).all()
        explorer._panel.legend.lifted = []
        np.testing.assert_array_equal(states(explorer, 4), whole)


# -- a flat output that is the time axis -------------------------------------------------------------------------------


def test_a_flat_output_is_a_curve_where_it_is_the_time_axis() -> None:
    model = flat_labeller()
    with explore(model, X, YES, output_axis="time", panels=None) as explorer:
        assert "steps" in explorer.panels
        explorer.sample = 3
        answer = np.asarray(model(X[3:4]))[0]
        np.testing.assert_allclose(explorer.data()["prediction"][:, 0], answer, atol=1e-5)
        line = explorer._panel.prediction._output.marks[0]
        np.testing.assert_allclose(np.ravel(line.y), answer, atol=1e-5)
        np.testing.assert_array_equal(np.ravel(line.x), np.arange(30))
        explorer.panel = "steps"
        agrees(explorer, tsw.score_steps(model, X, YES, output_axis="time"))


def test_attribution_explains_an_output_step_of_a_flat_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution_module, "iter_trust", lambda *_: iter(()))
    model = flat_labeller()
    with explore(model, X, YES, output_axis="time", panels=["attribution", "maximization"]) as explorer:
        assert explorer.target_step == 15
        explorer.target_step = 7
        found = tsw.integrated_gradients(model, X[0], 7)
        data = explorer.data()
        np.testing.assert_allclose(data["values"], found.values, atol=1e-6)
        assert data["target"] == found.target == 7
        assert "at step 7 of 30" in explorer._panel.targets.summary.value
        with pytest.raises(IndexError, match="target_step 0 to 29"):
            explorer.target_step = 30
        explorer.panel = "maximization"
        assert explorer.data()["target"] == 7 and "at step 7" in explorer._status.value


def test_removal_shows_the_flat_answers_per_step_and_measures_them_by_step() -> None:
    model = flat_labeller()
    y = np.zeros((14, 30), int)
    y[np.arange(14), RNG.integers(0, 30, 14)] = 1  # one event each: not a choice between 30 classes
    with explore(model, X, y, output_axis="time", panels=["ablation"]) as explorer:
        explorer.layer, explorer.metric, explorer.removed = "lstm", "accuracy", [1, 4]
        data = explorer.data()
        hidden = np.array(keras.Sequential(model.layers[:-1])(X))
        hidden[:, [1, 4]] = 0
        after = np.asarray(model.layers[-1](hidden))
        np.testing.assert_allclose(data["after"][..., 0], after, atol=1e-5)
        assert data["errors"][1] == pytest.approx(np.mean((after > 0.5) == y), abs=1e-6)
        explorer._panel._rank.click()
        ranked = np.diagonal(explorer.data()["matrix"])
        for k in range(8):
            hidden = np.array(keras.Sequential(model.layers[:-1])(X))
            hidden[:, k] = 0
            alone = np.asarray(model.layers[-1](hidden))
            assert ranked[k] == pytest.approx(np.mean((alone > 0.5) == y), abs=1e-6)
        assert explorer._panel.outcome.view.figure in explorer._panel.time_figures


def test_without_the_argument_it_is_bars_and_a_hint() -> None:
    model = flat_labeller()
    for y in (None, YES):
        with explore(model, X, y, panels=["activations", "attribution", "ablation"]) as explorer:
            assert "output_axis=&#x27;time&#x27;" in explorer._status.value
            assert explorer.data()["prediction"].shape == (30,)
            explorer.panel = "ablation"
            assert explorer.data()["before"].shape == (14, 30)
    with explore(labeller(), X, YES, panels=["activations"]) as explorer:
        assert "output_axis" not in explorer._status.value


def test_what_is_no_time_axis_is_refused() -> None:
    parts = [L.GlobalMaxPooling1D(), L.Dense(29, activation="sigmoid")]
    model = keras.Sequential([keras.Input((None, 3)), *parts])
    with pytest.raises(
        ValueError, match=r"one number for each time step.*; got 29 numbers for series of 30 steps\. Leave"
    ):
        explore(model, X, None, output_axis="time")
    with pytest.raises(ValueError, match="29 numbers for series of 28 to 29 steps"):
        explore(model, [X[0, :29], X[1, :28]], None, output_axis="time")
    with pytest.raises(ValueError, match="output_axis"):
        explore(flat_labeller(), X, None, output_axis="steps")
    with pytest.raises(TypeError, match="numbers in y; got dtype"):
        explore(labeller(), X, np.full((14, 30), "walk"))
