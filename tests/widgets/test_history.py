"""A training's curves hold its numbers, and strange trainings are told rather than hidden."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import ipywidgets
import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tswidgets as tsw
from tswidgets.plots.epochs import DOT
from tswidgets.plots.figure import LEFT, RIGHT
from tswidgets.plots.logaxis import log_ticks
from tswidgets.widgets.training import better

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 12, 2)).astype(np.float32)
Y = (X.mean((1, 2)) > 0).astype(np.float32)


def fit(epochs: int = 4, **options: Any) -> Any:
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv1D(3, 3), keras.layers.GlobalMaxPooling1D(), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((12, 2)), *layers])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], run_eagerly=True)  # a batch an epoch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras reading its own learning rate
        return model.fit(X[:24], Y[:24], validation_data=(X[24:], Y[24:]), epochs=epochs, verbose=0, **options)


@pytest.fixture(scope="module")
def trained() -> Any:
    return fit(callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))])


def plain(text: ipywidgets.HTML) -> str:
    return re.sub("<[^>]+>", "", text.value)


def told(history: Any) -> tuple[str, str]:
    """Caption and remarks of the first figure."""
    return plain(history._views[0]._caption), plain(history._views[0]._remarks)


def drawn(line: Any) -> tuple[list[float], list[float]]:
    return line.line.x.tolist(), line.line.y.tolist()


def test_marks_hold_what_fit_recorded(trained: Any) -> None:
    """A figure each for loss, accuracy and learning rate, epochs as Keras prints them."""
    with tsw.plot_history(trained) as shown:
        names = [view._quantity.name for view in shown._views]
        assert names == ["loss", "accuracy", "learning_rate"]
        for name, view in zip(names, shown._views, strict=True):
            assert view._training.line.x.tolist() == [1, 2, 3, 4]
            assert view._training.line.y == pytest.approx(trained.history[name])
            if name != "learning_rate":
                assert view._validation.line.x.tolist() == [1, 2, 3, 4]
                assert view._validation.line.y == pytest.approx(trained.history[f"val_{name}"])
                assert view._validation.line.line_style == "dashed"
            assert not view._training.dots.mark.visible
            low, high = view._value.scale.min, view._value.scale.max
            assert low < view._quantity.finite.min() <= view._quantity.finite.max() < high
        assert not shown._views[2]._validation.line.visible
        for name, (epochs, values) in shown.data().items():
            assert epochs.tolist() == [1, 2, 3, 4]
            assert values.tolist() == trained.history[name]
        assert set(shown.data()) == set(trained.history)


def test_the_best_validation_is_marked_and_told(trained: Any) -> None:
    with tsw.plot_history(trained) as shown:
        for view, choose in ((shown._views[0], np.argmin), (shown._views[1], np.argmax)):
            values = trained.history[f"val_{view._quantity.name}"]
            place = int(choose(values))
            assert view._best.mark.visible and view._best.mark.default_size > DOT
            assert view._best.mark.x.tolist() == [place + 1]
            assert view._best.mark.y == pytest.approx([values[place]])
            assert view._best_epoch.mark.x.tolist() == [place + 1] * 2
            assert f"best validation {values[place]:.3g} in epoch {place + 1}" in plain(view._caption)
        assert not shown._views[2]._best.mark.visible
        assert "last 0.025 · first 0.1" in plain(shown._views[2]._caption)
        last = f"Loss · last {trained.history['loss'][-1]:.3g}, validation {trained.history['val_loss'][-1]:.3g}"
        assert told(shown)[0].startswith(last)


def test_history_dict_and_tables_show_the_same(trained: Any, tmp_path: Path) -> None:
    fit(callbacks=[keras.callbacks.CSVLogger(tmp_path / "log.csv")])
    logged = pd.read_csv(tmp_path / "log.csv")
    frame = pd.DataFrame(trained.history)
    frame.to_csv(tmp_path / "frame.csv")
    with tsw.plot_history(trained) as shown:
        expected = shown.data()
    for other in (trained.history, frame, pd.read_csv(tmp_path / "frame.csv")):
        with tsw.plot_history(other) as shown:
            assert list(shown.data()) == list(expected)
            for name, (epochs, values) in shown.data().items():
                assert np.array_equal(epochs, expected[name][0])
                assert values == pytest.approx(expected[name][1])
    with tsw.plot_history(logged) as shown:
        assert list(shown.data()) == ["loss", "val_loss", "accuracy", "val_accuracy"]
        assert shown.data()["loss"][0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("loss", "lowest"),
        ("dense_1_loss", "lowest"),
        ("mae", "lowest"),
        ("mean_squared_error", "lowest"),
        ("binary_crossentropy", "lowest"),
        ("false_negatives", "lowest"),
        ("accuracy", "highest"),
        ("sparse_top_k_categorical_accuracy", "highest"),
        ("auc_1", "highest"),
        ("f1_score", "highest"),
        ("mean_io_u", "highest"),
        ("true_positives", "highest"),
        ("loss_head_accuracy", "highest"),
        ("learning_rate", ""),
        ("my_number", ""),
        ("glosses", ""),
    ],
)
def test_which_way_is_better_is_known_by_name(name: str, way: str) -> None:
    assert better(name) == way


def test_of_an_unknown_metric_both_ends_are_told() -> None:
    with tsw.plot_history({"my_number": [3, 1, 2], "val_my_number": [5, 6, 4]}) as shown:
        assert "validation lowest 4 in epoch 3, highest 6 in epoch 2" in told(shown)[0]
        assert not shown._views[0]._best.mark.visible
    with tsw.plot_history({"my_number": [1, 2], "val_my_number": [7, 7]}) as shown:
        assert "validation the same in every epoch" in told(shown)[0]


def test_a_training_that_was_continued_begins_at_its_own_epoch() -> None:
    with tsw.plot_history(fit(7, initial_epoch=4)) as shown:
        assert drawn(shown._views[0]._training)[0] == [5, 6, 7]
        assert shown._views[0]._value.axis.scale is not shown._views[0].figure.axes[1].scale
        assert shown._views[0].figure.axes[1].tick_values.tolist() == [5, 6, 7]


def test_one_history_for_two_fits_is_counted_through() -> None:
    record = keras.callbacks.History()
    fit(3, callbacks=[record])
    fit(5, initial_epoch=3, callbacks=[record])
    with tsw.plot_history(record) as shown:
        assert drawn(shown._views[0]._training)[0] == [1, 2, 3, 4, 5]
        assert "Several" not in plain(shown._legend)
    fit(2, callbacks=[record])
    with tsw.plot_history(record) as shown:
        assert drawn(shown._views[0]._training)[0] == [1, 2, 3, 4, 5, 6, 7]
        assert "Several fits in one history, the last of 2 epochs: counted through" in plain(shown._legend)


def test_validation_every_second_epoch_stands_at_those_epochs(tmp_path: Path) -> None:
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    history = fit(7, validation_freq=2, callbacks=[log])
    assert len(history.history["val_loss"]) == 3  # Keras does not say which
    with tsw.plot_history(history) as shown:
        assert drawn(shown._views[0]._validation)[0] == [2, 4, 6]
        assert drawn(shown._views[0]._validation)[1] == pytest.approx(history.history["val_loss"])
        assert "one value every 2 epochs, as their number tells" in told(shown)[1]
    table = pd.read_csv(tmp_path / "log.csv")
    assert table["val_loss"].isna().sum() == 4
    with tsw.plot_history(table) as shown:
        assert drawn(shown._views[0]._validation)[0] == [2, 4, 6]
        assert "not a number" not in told(shown)[1]
    with tsw.plot_history(fit(10, initial_epoch=4, validation_freq=2)) as shown:
        assert drawn(shown._views[0]._validation)[0] == [6, 8, 10]


def test_validation_in_epochs_that_cannot_be_known_is_not_drawn_but_told() -> None:
    history = fit(10, validation_freq=[3, 9])
    with tsw.plot_history(history) as shown:
        assert not shown._views[0]._validation.line.visible
        assert not shown._views[0]._best.mark.visible
        assert shown.data()["val_loss"][0] is None
        assert "not drawn: 2 values for 10 epochs" in told(shown)[1] and "pass validation_freq" in told(shown)[1]
        assert f"best validation {min(history.history['val_loss']):.3g}" in told(shown)[0]
    with tsw.plot_history(history, validation_freq=[3, 9]) as shown:
        assert drawn(shown._views[0]._validation)[0] == [3, 9]
        assert not told(shown)[1]
    with pytest.raises(ValueError, match=r"Expected 5 values of 'val_.*; got 2\."):
        tsw.plot_history(history, validation_freq=2)


def test_one_epoch_is_a_dot() -> None:
    with tsw.plot_history({"loss": [0.5], "val_loss": [np.float32(0.7)]}) as shown:
        view = shown._views[0]
        for line, value in ((view._training, 0.5), (view._validation, 0.7)):
            assert line.dots.mark.visible
            assert line.dots.mark.x.tolist() == [1]
            assert line.dots.mark.y == pytest.approx([value])
        scale = view.figure.axes[1].scale
        assert scale.min < 1 < scale.max
        assert repr(shown) == "TrainingHistory(1 epoch: loss)"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2, np.nan, np.nan], "Training: not a number from epoch 3 on"),
        ([1, np.inf, np.inf], "Training: infinite from epoch 2 on"),
        ([1, np.inf, np.nan], "Training: infinite or not a number from epoch 2 on"),
        ([1, np.nan, 2, np.nan, 3], "Training: not a number in 2 epochs, first in epoch 2"),
        ([1, None, 2], "Training: not a number in epoch 2"),
        ([np.nan, np.nan], "Training: not a number in every epoch"),
    ],
)
def test_where_the_loss_is_lost_is_told(values: list[Any], words: str) -> None:
    with tsw.plot_history({"loss": values}) as shown:
        assert told(shown)[1] == words
        assert "tsw-warn" in shown._views[0]._remarks.value
        expected = [one if one is not None and np.isfinite(one) else np.nan for one in values]
        assert np.array_equal(drawn(shown._views[0]._training)[1], expected, equal_nan=True)


def test_a_loss_that_a_real_training_lost() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(1e15), "mse")
    history = model.fit(np.ones((4, 1)), np.zeros((4, 1)), epochs=8, batch_size=4, verbose=0)
    first = int((~np.isfinite(history.history["loss"])).argmax())
    assert first > 0
    with tsw.plot_history(history) as shown:
        assert f"from epoch {first + 1} on" in told(shown)[1]
        assert np.isfinite([shown._views[0]._value.scale.min, shown._views[0]._value.scale.max]).all()


def test_values_between_gaps_are_dots() -> None:
    with tsw.plot_history({"loss": [1, np.nan, 0.8, np.nan, 0.5, 0.4]}) as shown:
        dots = shown._views[0]._training.dots.mark
        assert dots.visible
        assert dots.x.tolist() == [1, 3]
        assert dots.y == pytest.approx([1, 0.8])


@pytest.mark.parametrize(
    "values", [[3, 3, 3], [0, 0], [1e30, 3e30], [1e-40, 1e-38], [1e300, 1e-300], [1, 1 + 1e-9], [np.nan] * 3, [-5]]
)
@pytest.mark.parametrize("logarithmic", [False, True])
def test_any_numbers_have_a_scale_with_ticks(values: list[float], logarithmic: bool) -> None:
    with tsw.plot_history({"loss": values}) as shown:
        if logarithmic and shown._toggle.disabled:
            return
        shown.logarithmic = logarithmic
        value = shown._views[0]._value
        assert np.isfinite([value.scale.min, value.scale.max]).all() and value.scale.min < value.scale.max
        inside = (value.axis.tick_values >= value.scale.min) & (value.axis.tick_values <= value.scale.max)
        assert 1 <= inside.sum() <= 7 and inside.all()
        y = shown._views[0]._training.line.y.astype(float)
        assert not len(y[np.isfinite(y)]) or value.scale.min <= np.nanmin(y) <= np.nanmax(y) <= value.scale.max


def test_ten_thousand_epochs_are_decimated_and_said_to_be() -> None:
    values = np.exp(-np.arange(10_000) / 1000) + RNG.random(10_000)
    values[6543] = 7
    with tsw.plot_history({"loss": values}) as shown:
        x, y = drawn(shown._views[0]._training)
        assert len(x) <= 3200
        assert x[int(np.argmax(y))] == pytest.approx(6544, abs=7)
        assert max(y) == 7
        assert told(shown)[1] == "Drawn: lowest and highest of every 7 epochs"
        assert f"in epoch {values.argmin() + 1:,}" in told(shown)[0]
        assert len(shown.data()["loss"][1]) == 10_000


def test_logarithmic_marks_hold_logarithms_and_ticks_name_values() -> None:
    losses, accuracies = [1, 0.1, 0.001], [0, 0.5, 0.9]
    with tsw.plot_history({"loss": losses, "val_loss": losses, "accuracy": accuracies}) as shown:
        loss, accuracy = shown._views
        linear = loss._value.axis.tick_values.tolist()
        shown._toggle.value = True
        assert shown.logarithmic
        assert drawn(loss._training)[1] == pytest.approx([0, -1, -3])
        assert loss._best.mark.y == pytest.approx([-3])
        assert dict(loss._value.axis.tick_labels) == {"-3": "0.001", "-2": "0.01", "-1": "0.1", "0": "1"}
        assert loss._value.axis.tick_values.tolist() == [-3, -2, -1, 0]
        assert drawn(accuracy._training)[1] == pytest.approx(accuracies)
        assert "Not logarithmic: accuracy goes down to 0" in plain(accuracy._remarks)
        shown.logarithmic = False
        assert not shown._toggle.value
        assert drawn(loss._training)[1] == pytest.approx(losses)
        assert loss._value.axis.tick_values.tolist() == linear
        assert not loss._value.axis.tick_labels
        assert not plain(accuracy._remarks)


@given(st.floats(-40, 40), st.floats(1e-3, 60), st.integers(2, 9))
def test_logarithmic_ticks_are_round_few_and_inside(first: float, span: float, most: int) -> None:
    low, high = 10.0**first, 10.0 ** (first + span)
    ticks = log_ticks(low, high, most)
    assert 1 <= len(ticks) <= most or span < 0.1
    assert len(ticks) <= most
    assert ((ticks >= low * (1 - 1e-9)) & (ticks <= high * (1 + 1e-9))).all()
    if span > 2:  # a factor of 100 has two powers of ten in it
        assert len(ticks) >= 2
        assert all(f"{tick:.0e}"[0] in "125" and tick == pytest.approx(float(f"{tick:.0e}")) for tick in ticks)


@pytest.mark.parametrize("logarithmic", [True, False])
def test_labels_of_ticks_are_sent_before_what_redraws_them(logarithmic: bool, messages: Any) -> None:
    """bqplot draws ticks anew a moment after a message about them, by the labels that it had when that came."""
    with tsw.plot_history({"loss": [1, 0.1, 0.001]}) as shown:
        shown.logarithmic = not logarithmic
        messages.clear()
        shown.logarithmic = logarithmic
        value = shown._views[0]._value
        first: dict[str, int] = {}
        for place, (widget, state) in enumerate(messages.sent):
            if widget in (value.scale, value.axis):
                for name in state:
                    first.setdefault(name, place)
        assert first["tick_labels"] < min(first["min"], first["tick_values"])


def test_what_has_no_logarithm_disables_the_switch() -> None:
    with tsw.plot_history({"loss": [-0.5, 1]}) as shown:
        assert shown._toggle.disabled
        assert "loss goes down to −0.5" in shown._toggle.tooltip
        with pytest.raises(ValueError, match="Expected a quantity whose values are all above 0; got loss goes down"):
            shown.logarithmic = True
        assert not shown.logarithmic and not shown._toggle.value


def test_figures_share_epochs_and_plot_areas(trained: Any) -> None:
    with tsw.plot_history(trained) as shown:
        figures = [view.figure for view in shown._views]
        assert len({figure.axes[1].scale for figure in figures}) == 1
        assert {(figure.fig_margin["left"], figure.fig_margin["right"]) for figure in figures} == {(LEFT, RIGHT)}
        heights = [int(f.layout.height[:-2]) - f.fig_margin["bottom"] - f.fig_margin["top"] for f in figures]
        assert len(set(heights)) == 1
        assert [figure.axes[1].label for figure in figures] == ["", "", "Epoch"]


def test_a_metric_with_a_value_for_each_class_is_averaged_and_said_to_be() -> None:
    with tsw.plot_history({"f1_score": [np.array([0.1, 0.3]), np.array([0.4, 0.8])]}) as shown:
        assert drawn(shown._views[0]._training)[1] == pytest.approx([0.2, 0.6])
        assert "mean of 2 values" in told(shown)[1]


def test_names_are_text_and_never_markup() -> None:
    with tsw.plot_history({"<img src=x>": [-1, np.nan], "loss": [1, 2]}) as shown:
        shown.logarithmic = True
        texts = [w.value for w in ipywidgets.widgets.widget._instances.values() if isinstance(w, ipywidgets.HTML)]
        assert not any("<img" in one for one in texts)
        assert "&lt;img" in shown._views[1]._caption.value
        assert "Not logarithmic: &lt;img" in shown._views[1]._remarks.value


def test_nothing_is_sent_when_the_switch_is_set_to_what_it_is(trained: Any, messages: Any) -> None:
    with tsw.plot_history(trained) as shown:
        messages.clear()
        shown.logarithmic = False
        assert not messages.sent
        shown.logarithmic = True
        assert set(messages.of_marks().values()) == {1}


def test_close_leaves_no_widget(trained: Any) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    with tsw.plot_history(trained) as shown:
        shown.logarithmic = True
        assert repr(shown) == "TrainingHistory(4 epochs: loss, accuracy, learning_rate)"
        assert len(ipywidgets.widgets.widget._instances) > len(before)
    assert set(ipywidgets.widgets.widget._instances) <= before


def test_the_style_sheet_comes_with_it() -> None:
    with tsw.plot_history({"loss": [1]}) as shown:
        style = shown.children[0]
        assert ".tsw-explorer" in style._css
        assert style.layout.height == "0"
        assert repr(style) == "Style()"


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (None, TypeError, "got None. Run model.fit first"),
        ({}, ValueError, "got an empty history. Run model.fit first"),
        (keras.callbacks.History(), ValueError, "got an empty history"),
        ({"loss": []}, ValueError, "got empty lists for 'loss'"),
        (pd.DataFrame(), ValueError, "got an empty history"),
        ([0.5, 0.4], TypeError, "got a list. For a single curve pass {'loss': […]}"),
        ("history.json", TypeError, "got a str"),
        ({"loss": 0.5}, TypeError, "got 0.5. Pass a list: {'loss': [0.5]}"),
        ({"loss": "abc"}, TypeError, "got 'abc'"),
        ({"loss": [0.5, "NA"]}, TypeError, "got 'NA' in place 1"),
        ({"loss": [0.5, {}]}, TypeError, "got {} in place 1"),
        ({"loss": [[1, 2], [3]]}, TypeError, "not alike"),
        (keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), TypeError, "got a Sequential"),
    ],
)
def test_what_is_no_history_is_refused(given: Any, error: type[Exception], words: str) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    with pytest.raises(error, match=re.escape(words)) as caught:
        tsw.plot_history(given)
    assert re.match(r"Expected .+; got .+\. .+\.$", str(caught.value))
    assert set(ipywidgets.widgets.widget._instances) <= before


def test_a_model_is_told_where_its_history_is(trained: Any) -> None:
    with pytest.raises(TypeError, match=r"got a Sequential, which is not a history itself\. .* model\.history"):
        tsw.plot_history(trained.model)


@pytest.mark.parametrize("freq", [0, -1, 1.5, True, "2", [], [0], [1, 2.5]])
def test_a_validation_freq_that_cannot_be_is_refused(freq: Any) -> None:
    with pytest.raises(ValueError, match=r"Expected validation_freq as model\.fit takes it"):
        tsw.plot_history({"loss": [1, 2], "val_loss": [1]}, validation_freq=freq)
