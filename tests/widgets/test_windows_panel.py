"""The windows panel without a browser: what is drawn is what the functions return, as far as it is computed."""

from __future__ import annotations

import io
from typing import Any

import ipywidgets
import keras
import numpy as np
import pytest
from PIL import Image

import tswidgets as tsw
from tests.probe.comparing import THREE_PARTS
from tswidgets.analysis import wave as wave_module
from tswidgets.plots.colors import FIRST_LEVEL, LEVELS
from tswidgets.probe.program import Program
from tswidgets.widgets import look as look_module
from tswidgets.widgets.refresher import Cancelled

RNG = np.random.default_rng(8)


@pytest.fixture(scope="module")
def deep() -> keras.Model:
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((40, 2)),
            keras.layers.Conv1D(6, 5, strides=2, name="first"),
            keras.layers.Conv1D(4, 3, strides=2, padding="same", activation="tanh", name="second"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(2, name="out"),
        ],
        name="deep",
    )


WAVE = np.cumsum(RNG.normal(size=(260, 2)), axis=0).astype(np.float32)


def explore(model: Any, wave: Any = WAVE, **options: Any) -> tsw.WindowExplorer:
    return tsw.WindowExplorer(model, wave, **{"panels": ["windows", "activations"], **options})


def painted(raster: Any, low: float, high: float) -> np.ndarray:
    """The values that a picture shows; NaN where it shows nothing."""
    levels = np.asarray(Image.open(io.BytesIO(raster.image.image.value))).astype(float)
    values = low + (levels - FIRST_LEVEL) / (LEVELS - 1) * (high - low)
    return np.where(levels < FIRST_LEVEL, np.nan, values)


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("layer", ["first", "second", "flat", "out"])
def test_the_screen_and_the_functions_agree(deep: keras.Model, layer: str, stride: int) -> None:
    with explore(deep, stride=stride) as explorer:
        explorer.layer = layer
        explorer.filter = 1
        windows, _ = tsw.sliding_windows(WAVE, 40, stride=stride)
        expected = tsw.fold_activations(deep, windows, layer, stride=stride)
        data, panel = explorer.data(), explorer._panel
        covered = len(expected.values)
        assert data["folded"][:covered] == pytest.approx(expected.values, abs=1e-5, nan_ok=True)
        assert np.isnan(data["folded"][covered:]).all()
        assert np.array_equal(data["count"][:covered], expected.count)
        answers = tsw.activations(deep, windows, layer).values
        answers = answers if answers.ndim == 3 else answers[:, None]
        assert data["windows"] == pytest.approx(answers[:, :, 1], abs=1e-5)
        assert np.array_equal(data["wave"], WAVE)
        line = panel.curve._curve.line
        assert np.array_equal(line.y, data["folded"][:, 1], equal_nan=True)
        assert np.array_equal(line.x, np.arange(260))


def test_the_pictures_show_the_data_where_windows_begin(deep: keras.Model) -> None:
    with explore(deep, stride=2) as explorer:
        explorer.layer, explorer.filter = "first", 3
        data, panel = explorer.data(), explorer._panel
        low, high = panel.windows._last._shown[-2:]
        raster = panel.windows._raster
        assert painted(raster, low, high) == pytest.approx(data["windows"].T, abs=(high - low) / (LEVELS - 1))
        assert raster.image.x == pytest.approx([-1, 2 * 110 + 1])  # 111 windows, one every 2 steps
        assert (low, high) == (-high, high)  # signed: zero is colourless
        low, high = panel.layer._last._shown[-2:]
        expected = data["folded"].T
        shown = painted(panel.layer._raster, low, high)
        assert np.array_equal(np.isnan(shown), np.isnan(expected))
        assert shown == pytest.approx(expected, abs=(high - low) / (LEVELS - 1), nan_ok=True)


def test_another_filter_runs_nothing_and_sends_each_mark_once(
    deep: keras.Model, messages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with explore(deep) as explorer:
        explorer.layer, explorer.filter = "first", 0
        runs: list[Any] = []
        run = Program.__call__
        monkeypatch.setattr(Program, "__call__", lambda self, *flat: runs.append(1) or run(self, *flat))
        messages.clear()
        explorer.filter = 4
        panel = explorer._panel
        assert not runs
        assert set(messages.of_marks().values()) == {1}
        changed = (
            panel.curve._curve.line,
            panel.layer._raster.chosen,
            panel.windows._raster.image,
            panel.band._band.image,
        )
        assert {name.split()[1] for name in messages.of_marks()} == {one.model_id for one in changed}
        messages.clear()
        explorer.sample = 77
        assert not messages.of_marks()  # the chosen window is marked by the browser
        assert panel.cursor.sample == 77
        assert "Window 77: wave steps 77–116" in explorer._status.value


def test_many_windows_share_columns_and_say_so(deep: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_module, "POINTS", 50)
    with explore(deep) as explorer:
        explorer.layer, explorer.filter = "first", 2
        data = explorer.data()
        windows, _ = tsw.sliding_windows(WAVE, 40)
        answers = tsw.activations(deep, windows, "first").values[:, :, 2]
        assert data["run"] == 5  # 221 windows in 45 columns, the last of one window
        groups = [answers[i : i + 5] for i in range(0, 221, 5)]
        strongest = [np.take_along_axis(g, np.abs(g).argmax(0)[None], 0)[0] for g in groups]
        assert data["windows"] == pytest.approx(np.array(strongest), abs=1e-5)
        assert "strongest of 5 windows" in explorer._panel.windows._caption.value


def test_it_shows_what_it_has_and_goes_on_where_it_was_stopped(
    deep: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wave_module, "AT_ONCE", (20, 20))
    with explore(deep) as explorer:
        panel = explorer._panel
        monkeypatch.setattr("tswidgets.widgets.panels.windows.PATIENCE", 0.0)
        whole = explorer.data()["folded"]
        panel._looks.clear()

        class Token:
            left = 4

            def check(self) -> None:
                self.left -= 1
                if self.left < 0:
                    raise Cancelled

        pictures = panel.compute(explorer.selection, Token())
        some = [next(pictures), next(pictures)]
        assert [picture.progress[:2] for picture in some] == [(20, 221), (40, 221)]
        known = ~np.isnan(some[0].folded[:, 0])
        assert 0 < known.sum() < 60
        with pytest.raises(Cancelled):
            list(pictures)
        done = panel._looks[explorer.layer].done
        assert 40 < done < 221
        *_, last = panel.compute(explorer.selection, None)
        assert last.progress[0] == 221
        assert last.folded == pytest.approx(whole, abs=1e-5, nan_ok=True)


def test_new_weights_are_seen(deep: keras.Model) -> None:
    model = keras.models.clone_model(deep)
    model.set_weights(deep.get_weights())
    with explore(model) as explorer:
        explorer.layer = "first"
        before = explorer.data()["folded"]
        model.get_layer("first").set_weights([2 * part for part in model.get_layer("first").get_weights()])
        explorer.filter = (explorer.filter + 1) % 6
        assert explorer.data()["folded"] == pytest.approx(2 * before, rel=1e-4, abs=1e-5, nan_ok=True)


def test_a_layer_that_cannot_be_drawn_says_why() -> None:
    model = keras.Sequential(
        [
            keras.Input((20, 2)),
            keras.layers.Reshape((20, 2, 1), name="tall"),
            keras.layers.Conv2D(3, (1, 2), name="wide"),
            keras.layers.GlobalAveragePooling2D(name="mean"),
        ]
    )
    with explore(model, layer_free := WAVE) as explorer:
        assert layer_free is WAVE
        explorer.layer = "wide"
        assert explorer.data()["folded"] is None
        assert "20 × 1 × 3" in explorer._panel.layer._caption.value
        explorer.layer = "mean"
        assert explorer.data()["folded"].shape == (260, 3)


def test_a_model_of_flat_windows() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(3, name="hidden"), keras.layers.Dense(1)])
    with explore(model, WAVE[:, 0], horizon=1) as explorer:
        explorer.layer = "hidden"
        windows, _ = tsw.sliding_windows(WAVE[:, 0], 20, horizon=1)
        kernel, bias = model.get_layer("hidden").get_weights()
        expected = windows[..., 0] @ kernel + bias
        folded = explorer.data()["folded"]
        assert folded[9 : 9 + len(expected)] == pytest.approx(expected, abs=1e-4)  # the middle of 20 steps, the earlier


def test_an_explorer_of_windows_has_the_panel_too(deep: keras.Model) -> None:
    windows, _ = tsw.sliding_windows(WAVE, 40, stride=5)
    with tsw.Explorer(deep, windows, wave=WAVE, stride=5) as explorer:
        assert explorer.panel == "activations"
        assert "windows" in explorer.panels
        explorer.panel = "windows"
        explorer.sample = 3
        assert "Window 3: wave steps 15–54" in explorer._status.value
    with tsw.Explorer(deep, windows) as explorer:
        assert "windows" not in explorer.panels


@pytest.mark.parametrize(
    "options",
    [
        {"wave": WAVE[1:]},  # not the wave that they were cut from
        {"stride": 4},
        {"wave": WAVE[:200]},
        {"wave": WAVE, "horizon": 60},
        {"wave": np.where(np.arange(260)[:, None] == 17, np.nan, WAVE)},
        {"stride": 0},
    ],
    ids=["shifted", "stride", "short", "horizon", "nan", "stride 0"],
)
def test_windows_that_are_not_of_the_wave_are_refused(deep: keras.Model, options: dict[str, Any]) -> None:
    windows, _ = tsw.sliding_windows(WAVE, 40, stride=5)
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.Explorer(deep, windows, **{"wave": WAVE, "stride": 5, **options})


def test_what_a_wave_needs_is_said(deep: keras.Model) -> None:
    free = keras.Sequential([keras.Input((None, 2)), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.WindowExplorer(free, WAVE)
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.WindowExplorer(deep, WAVE[:39])
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.WindowExplorer(free, WAVE, 30, horizon=1)  # two channels behind each window, one answer
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.Explorer(free, [WAVE[:30], WAVE[30:70]], wave=WAVE)
    with tsw.WindowExplorer(free, WAVE, 30, horizon=1, y=WAVE[30:, 0], panels=["windows"]) as explorer:
        assert explorer.data()["count"].max() == 1


def test_a_subclassed_model_and_one_of_several_outputs() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.out = keras.layers.Conv1D(3, 5, name="conv"), keras.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.out(keras.ops.mean(self.conv(x), axis=1))

    with explore(Own(), WAVE, window=30, horizon=1) as explorer:
        assert explorer.layer == "conv"
        assert explorer._subject.label(0) == pytest.approx(WAVE[30])
    inputs = keras.Input((30, 2))
    h = keras.layers.Conv1D(3, 5, name="conv")(inputs)
    several = keras.Model(inputs, {"a": keras.layers.Flatten()(h), "b": keras.layers.GlobalMaxPooling1D()(h)})
    with explore(several, WAVE, horizon=1) as explorer:
        assert explorer._subject.labels is None  # which of the two is meant to predict is not known
        assert explorer.data()["folded"].shape == (260, 3)


def test_close_leaves_no_widget(deep: keras.Model) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    explorer = explore(deep)
    explorer.panel = "activations"
    explorer.close()
    assert set(ipywidgets.widgets.widget._instances) <= before
