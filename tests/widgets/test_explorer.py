"""The explorer without a browser: what is on screen is what the functions return, sent once, computed once."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import ipywidgets
import keras
import numpy as np
import pytest
from PIL import Image

import tswidgets as tsw
from tests.models import CASES
from tswidgets.plots.colors import FIRST_LEVEL, LEVELS
from tswidgets.probe.program import Program

DATASETS = [tsw.datasets.watch_exercises, tsw.datasets.japanese_vowels, tsw.datasets.watch_segment]


@cache
def loaded(load: Any) -> Any:
    """A model that is traced once for all tests that look at it."""
    return load()


def explore(load: Any, **options: Any) -> tsw.Explorer:
    dataset = loaded(load)
    names = {"channel_names": dataset.channel_names, "class_names": dataset.class_names}
    return tsw.Explorer(dataset.model, dataset.X, dataset.y, **names, sampling_rate=dataset.sampling_rate, **options)


@pytest.fixture(scope="module")
def strange() -> keras.Model:
    """Layers that can be drawn, and some that cannot, under names that are no identifiers."""
    inputs = keras.Input((30, 3))
    conv = keras.layers.Conv1D(6, 4, padding="same", name="a b <c> ä")(inputs)
    tall = keras.layers.Reshape((30, 6, 1), name="tall")(conv)
    wide = keras.layers.Conv2D(2, (1, 3), name="wide")(tall)
    flat = keras.layers.Flatten(name="flat")(wide)
    return keras.Model(inputs, keras.layers.Dense(4, name="out")(flat))


X = np.random.default_rng(3).normal(size=(7, 30, 3)).astype(np.float32)


@pytest.mark.parametrize("load", DATASETS, ids=lambda load: load.__name__)
def test_the_screen_and_the_functions_agree(load: Any) -> None:
    dataset = loaded(load)
    answers = {sample: np.asarray(dataset.model(dataset.X[sample][None], training=False))[0] for sample in (0, 5)}
    with explore(load) as explorer:
        for layer in explorer.layers:
            for sample, answer in answers.items():
                explorer.layer, explorer.sample = layer, sample
                data, x = explorer.data(), dataset.X[sample]
                known = tsw.activations(dataset.model, x, layer)
                assert np.array_equal(data["layer"], known.values, equal_nan=True)
                assert np.array_equal(data["activation"], known.values[..., explorer.filter], equal_nan=True)
                assert (data["time"] is None) == (known.time is None)
                assert data["time"] is None or np.array_equal(data["time"], known.time)
                assert np.array_equal(data["input"], x)
                assert data["prediction"] == pytest.approx(answer, abs=1e-5)


def test_data_of_a_panel_that_is_being_opened_in_another_thread() -> None:
    """A tab is clicked, and a cell asks before what follows from it has been done."""
    d = tsw.datasets.watch_exercises()
    with tsw.Explorer(d.model, d.X) as explorer:
        with explorer._own_change():  # the trait is set, and nobody has heard of it yet
            explorer.panel = "ablation"
        assert explorer.data().keys() == explorer._panel.data(explorer._pictures["ablation"]).keys()
        assert explorer._pictures["ablation"].selection.panel == "ablation"


def test_what_is_drawn_is_the_data() -> None:
    """The marks hold the arrays of data(), placed on the time axis in seconds."""
    with explore(tsw.datasets.watch_exercises) as explorer:
        explorer.layer, explorer.filter, explorer.sample = "conv1d_1", 9, 11
        data, panel = explorer.data(), explorer._panel
        line = panel.curve._curve.line
        assert np.array_equal(line.y, data["activation"])
        assert line.x == pytest.approx((26 + 5 * np.arange(50)) / 50)
        assert np.array_equal(np.concatenate([mark.y for mark in panel.series._lines.marks]), data["input"].T)
        picture = np.asarray(Image.open(io.BytesIO(panel.layer._raster.image.image.value))).astype(float)
        low, high = panel.layer._last._shown[-2:]
        painted = low + (picture - FIRST_LEVEL) / (LEVELS - 1) * (high - low)
        assert painted == pytest.approx(np.clip(data["layer"].T, low, high), abs=(high - low) / (LEVELS - 1))


def test_the_first_picture_is_useful() -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        assert explorer.layer == "conv1d_1"
        layer = explorer.data()["layer"]
        assert explorer.filter == np.abs(layer).mean(0).argmax()
        assert explorer.sample == 0
        assert "labelled forward elevation" in explorer._status.value


@pytest.mark.parametrize("change", [{"filter": 3}, {"sample": 7}, {"layer": "conv1d"}, {"layer": "dense"}, {"step": 4}])
def test_a_change_sends_one_message_per_mark_and_calls_no_layer_again(
    change: dict[str, Any], messages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        for selection in ({"sample": 7}, {"sample": 0}):  # the sample has been seen
            explorer.set_trait("sample", selection["sample"])
        called: list[str] = []
        original = keras.Layer.__call__
        monkeypatch.setattr(
            keras.Layer, "__call__", lambda self, *a, **k: called.append(self.name) or original(self, *a, **k)
        )
        runs: list[Any] = []
        run = Program.__call__
        monkeypatch.setattr(Program, "__call__", lambda self, *flat: runs.append(1) or run(self, *flat))
        messages.clear()
        for name, value in change.items():
            setattr(explorer, name, value)
        assert set(messages.of_marks().values()) <= {1}
        assert not called
        assert not runs
        assert "step" in change or messages.of_marks()


def test_a_filter_change_touches_the_curve_and_the_row_marker_alone(messages: Any) -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        messages.clear()
        explorer.filter = (explorer.filter + 1) % 128
        layer, curve = explorer._panel.layer, explorer._panel.curve
        marks = {one.model_id for one in (curve._curve.line, layer._raster.chosen)}
        assert {name.split()[1] for name in messages.of_marks()} == marks


def test_setting_what_is_shown_already_sends_nothing(messages: Any) -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        messages.clear()
        explorer.filter, explorer.sample, explorer.layer = explorer.filter, explorer.sample, explorer.layer
        assert not messages.sent


def test_new_weights_are_shown_without_a_new_explorer() -> None:
    model = keras.Sequential([keras.Input((30, 3)), keras.layers.Conv1D(4, 3, name="conv"), keras.layers.Flatten()])
    with tsw.Explorer(model, X) as explorer:
        explorer.filter = 1
        before = explorer.data()["activation"]
        kernel, bias = model.get_layer("conv").get_weights()
        model.get_layer("conv").set_weights([kernel, bias + np.array([0, 2, 0, 0], np.float32)])
        explorer.sample = 1
        explorer.sample = 0
        assert explorer.data()["activation"] == pytest.approx(before + 2, abs=1e-5)


def test_a_layer_change_keeps_the_wish_for_a_filter() -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        explorer.filter = 100
        explorer.layer = "dense"
        assert explorer.filter == 6
        explorer.layer = "conv1d"
        assert explorer.filter == 100
        assert explorer._controls.filter.value == 100
        assert explorer._controls.filter.max == 127


def test_a_layer_change_keeps_the_place_in_time() -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        explorer.layer, explorer.step = "conv1d_1", 20
        explorer.layer = "conv1d"
        assert explorer.step == 122  # its field is centred on 126, as that of step 20 of conv1d_1
        explorer.layer = "dense"
        assert explorer.step is None


def test_sliders_traits_and_pointer_follow_each_other() -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        controls, cursor = explorer._controls, explorer._panel.cursor
        controls.sample.value = 9
        controls.layer.value = "activation"
        cursor.filter = 5
        cursor.step = 8
        assert explorer.selection == tsw.Selection("activation", 5, 9, 8, metric="score")
        explorer.filter = 77
        assert (controls.filter.value, cursor.filter) == (77, 77)
        assert "activation step 8 sees input 8–16" in explorer._status.value


def test_the_pointer_holds_the_layer(strange: keras.Model) -> None:
    with tsw.Explorer(strange, X) as explorer:
        cursor, data = explorer._panel.cursor, explorer.data()
        explorer.layer = "a b <c> ä"
        data = explorer.data()
        assert np.array_equal(np.frombuffer(cursor.values, "<f4").reshape(30, 6), data["layer"])
        assert np.array_equal(np.frombuffer(cursor.centres, "<f4"), data["time"])
        fields = np.frombuffer(cursor.fields, "<i4").reshape(-1, 2)
        assert fields[0].tolist() == [0, 2]
        assert fields[-1].tolist() == [28, 29]


def test_every_layer_is_drawn_or_explained(strange: keras.Model) -> None:
    with tsw.Explorer(strange, X) as explorer:
        told = {}
        for layer in explorer.layers:
            explorer.layer = layer
            told[layer] = explorer._panel.layer._caption.value
            assert explorer.data()["layer"] is not None
        assert "All 6 filters of a b &lt;c&gt; ä" in told["a b <c> ä"]
        assert "<b>All 6 rows of filter 0 of tall</b>" in told["tall"]
        wide = [f"<b>All 4 rows of filter {filter} of wide</b>" for filter in range(2)]  # the wanted one, if it has it
        assert sum(caption in told["wide"] for caption in wide) == 1
        assert "All 240 units of flat" in told["flat"]


def test_a_layer_of_one_filter_or_unit_is_not_called_all_of_them() -> None:
    conv, head = keras.layers.Conv1D(1, 3, name="conv"), keras.layers.Dense(1, name="head")
    model = keras.Sequential([keras.Input((8, 1)), conv, keras.layers.Flatten(), head])
    with tsw.Explorer(model, np.zeros((2, 8, 1), np.float32)) as explorer:
        for layer, caption in [("conv", "<b>The only filter of conv</b>"), ("head", "<b>The only unit of head</b>")]:
            explorer.layer = layer
            assert caption in explorer._panel.layer._caption.value


def test_names_are_text_and_never_markup(strange: keras.Model) -> None:
    evil = "<img src=x onerror=alert(1)>"
    options = {"channel_names": [evil, "b", "c"], "class_names": [evil, "1", "2", "3"]}
    with tsw.Explorer(strange, X, np.zeros(7, int), **options) as explorer:
        explorer.layer = "a b <c> ä"
        texts = [w.value for w in ipywidgets.widgets.widget._instances.values() if isinstance(w, ipywidgets.HTML)]
        assert not any("<img" in text or "<c>" in text for text in texts)
        assert any("&lt;img" in text for text in texts)


def test_an_error_while_computing_is_shown_and_the_next_change_recovers(
    strange: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tsw.Explorer(strange, X) as explorer:

        def fail(*args: Any) -> None:
            raise RuntimeError("the <b>weights</b> are gone")

        monkeypatch.setattr(explorer._subject.probe, "observe", fail)
        with pytest.raises(RuntimeError):
            explorer.sample = 1
        assert "the &lt;b&gt;weights&lt;/b&gt; are gone" in explorer._status.value
        assert "Still showing sample 0; the next change tries again" in explorer._status.value
        monkeypatch.undo()
        explorer.sample = 2
        assert np.array_equal(explorer.data()["input"], X[2])
        assert "gone" not in explorer._status.value


def test_scales_stay_while_samples_are_browsed_and_can_be_freed() -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        scale, seen = explorer._panel.curve._value.scale, set()
        for sample in (0, 5, 10, 15):  # of these the scale has been fitted to
            explorer.sample = sample
            seen.add((round(scale.min, 3), round(scale.max, 3)))
        assert len(seen) <= 2
        explorer.scale = "sample"
        data = explorer.data()["activation"]
        assert scale.min < data.min() < data.max() < scale.max
        assert scale.max - scale.min < 1.2 * (data.max() - data.min())
        explorer.scale = "layer"
        assert scale.max >= explorer.data()["layer"].max()


def test_masked_steps_are_absent() -> None:
    model = keras.Sequential(
        [keras.Input((None, 2)), keras.layers.Masking(), keras.layers.LSTM(3, return_sequences=True)]
    )
    padded = X[:2, :, :2].copy()
    padded[0, 20:] = 0
    with tsw.Explorer(model, padded) as explorer:
        data = explorer.data()
        assert np.isnan(data["input"][20:]).all() and np.isfinite(data["input"][:20]).all()
        assert np.isnan(data["activation"][20:]).all() and np.isfinite(data["activation"][:20]).all()
        assert "10 of them padding" in explorer._panel.series._caption.value
        explorer.sample = 1
        assert np.isfinite(explorer.data()["layer"]).all()


def test_one_step_one_channel_one_filter_one_sample() -> None:
    model = keras.Sequential([keras.Input((1, 1)), keras.layers.Conv1D(1, 1), keras.layers.Flatten()])
    with tsw.Explorer(model, np.ones((1, 1, 1), np.float32)) as explorer:
        for layer in explorer.layers:
            explorer.layer = layer
            assert explorer.data()["layer"].size == 1


def test_a_hundred_thousand_steps_are_decimated_and_said_to_be() -> None:
    model = keras.Sequential([keras.Input((None, 1)), keras.layers.Conv1D(2, 3, name="conv")])
    wave = np.sin(np.arange(100_000, dtype=np.float32) / 50)[None, :, None]
    with tsw.Explorer(model, wave) as explorer:
        assert len(explorer._panel.curve._curve.line.x) <= 3200
        assert "lowest and highest of every" in explorer._panel.curve._caption.value
        assert "each column is the strongest of" in explorer._panel.layer._caption.value
        assert len(explorer.data()["activation"]) == 99_998


def test_close_leaves_no_widget_and_no_thread_and_the_model_untouched() -> None:
    dataset = tsw.datasets.watch_exercises()
    weights = [w.copy() for w in dataset.model.get_weights()]
    before = set(ipywidgets.widgets.widget._instances)
    with tsw.Explorer(dataset.model, dataset.X) as explorer:
        explorer._controls.zoom.value = True
        explorer._controls.zoom.value = False
        explorer.sample = 3
        repr(explorer)
    assert set(ipywidgets.widgets.widget._instances) <= before
    assert all(np.array_equal(a, b) for a, b in zip(weights, dataset.model.get_weights(), strict=True))


def test_browsing_leaks_no_widgets() -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        explorer.sample = 1
        before = len(ipywidgets.widgets.widget._instances)
        for sample in range(20):
            explorer.sample, explorer.layer = sample, explorer.layers[sample % 10]
        assert len(ipywidgets.widgets.widget._instances) == before


def test_the_repr_is_short_and_the_selection_hashable() -> None:
    with explore(tsw.datasets.watch_exercises) as explorer:
        assert repr(explorer) == f"Explorer('sequential', layer='conv1d_1', filter={explorer.filter}, sample=0)"
        assert {explorer.selection: 1}[tsw.Selection("conv1d_1", explorer.filter, metric="score")] == 1


def test_two_explorers_share_one_probe_and_do_not_disturb_each_other() -> None:
    dataset = tsw.datasets.watch_exercises()
    with tsw.Explorer(dataset.model, dataset.X) as one, tsw.Explorer(dataset.model, dataset.X[:5]) as two:
        assert one._subject.probe is two._subject.probe
        one.sample, two.sample = 50, 4
        assert np.array_equal(one.data()["input"], dataset.X[50])
        assert np.array_equal(two.data()["input"], dataset.X[4])


def test_fit_gives_the_same_weights_whether_or_not_an_explorer_looks_on() -> None:
    def train(look: bool) -> list[np.ndarray]:
        keras.utils.set_random_seed(5)
        layers = [keras.layers.Conv1D(4, 3), keras.layers.Dropout(0.5), keras.layers.Flatten(), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((30, 3)), *layers])
        model.compile("adam", "mse")
        callbacks = []
        if look:
            explorer = tsw.Explorer(model, X)
            turn = keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: setattr(explorer, "sample", batch)
            )
            callbacks = [turn]
        model.fit(X, X[:, 0, :1], epochs=3, batch_size=2, verbose=0, callbacks=callbacks)
        if look:
            explorer.close()
        return model.get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(train(False), train(True), strict=True))


def test_a_model_of_tokens_and_a_model_without_a_channel_axis() -> None:
    """Input((T,)): whole numbers for an Embedding, measurements for a perceptron."""
    tokens = np.random.default_rng(1).integers(1, 20, size=(4, 15))
    tokens[0, 10:] = 0
    layers = [
        keras.layers.Embedding(20, 5, mask_zero=True, name="embedding"),
        keras.layers.LSTM(3, return_sequences=True),
    ]
    reader = keras.Sequential([keras.Input((15,), dtype="int32"), *layers])
    with tsw.Explorer(reader, tokens) as explorer:
        explorer.layer = "embedding"
        table = np.asarray(reader.get_layer("embedding").embeddings)
        data = explorer.data()
        assert np.array_equal(data["layer"][:10], table[tokens[0, :10]])
        assert np.isnan(data["layer"][10:]).all()
        explorer.layer = "lstm" if "lstm" in explorer.layers else explorer.layers[-1]
        assert explorer.data()["layer"].shape == (15, 3)
    perceptron = keras.Sequential([keras.Input((30,)), keras.layers.Dense(4, name="hidden")])
    with tsw.Explorer(perceptron, X[..., 0]) as explorer:
        expected = X[0, :, 0] @ np.asarray(perceptron.get_layer("hidden").kernel)
        assert explorer.data()["layer"] == pytest.approx(expected, abs=1e-5)


def test_a_layer_that_a_sample_does_not_reach_is_explained() -> None:
    """Python that depends on the data: one sample goes `up`, another goes `down`."""
    found = CASES["data_dependent"]()
    both = np.concatenate([found.x[:1] + 3, found.x[:1] - 3])
    ways = [next(name for name in found.expected(x[None]) if name != "conv") for x in both]
    assert set(ways) == {"up", "down"}
    with tsw.Explorer(found.model, both) as explorer:
        assert "not compiled" in explorer._status.value
        explorer.layer = ways[0]
        assert explorer.data()["layer"].size
        explorer.sample = 1
        assert "passes it by for this input" in explorer._panel.layer._caption.value
        assert explorer.data()["activation"] is None
        explorer.layer = "conv"
        assert explorer.data()["layer"] == pytest.approx(found.expected(both[1:])["conv"][0], abs=1e-5)
    with pytest.raises(ValueError, match="passes it by"):
        tsw.activations(found.model, both[1], ways[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0], ids=["NaN", "infinite", "all padding"])
def test_a_series_with_nothing_to_show_is_said_to_have_nothing(value: float) -> None:
    """Not a single finite activation; warnings are errors here."""
    layers = [keras.layers.Masking(), keras.layers.LSTM(3, return_sequences=True), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((None, 2)), *layers])
    with tsw.Explorer(model, np.full((2, 12, 2), value, np.float32)) as explorer:
        for layer in explorer.layers:
            explorer.layer = layer
            assert "no finite value" in explorer._panel.curve._caption.value
        explorer.sample = 1
        assert not np.isfinite(explorer.data()["activation"]).any()
