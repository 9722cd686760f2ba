"""The panel that computes one step of a layer by hand, without a browser: its numbers are those of the functions."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import ipywidgets
import keras
import numpy as np
import pytest
from keras import layers as L
from PIL import Image

import tswidgets as tsw
from tests.conftest import Messages
from tests.models import CASES, case, padded_series, randomise, sampled, series
from tests.reference import sigmoid
from tests.widgets.test_export import book_of, part
from tswidgets.widgets.text import number, plain


def explore(model: Any, *data: Any, layer: str = "", **options: Any) -> tsw.Explorer:
    explorer = tsw.Explorer(model, *data, panels=["stepper", "activations"], **options)
    explorer.panel = "stepper"
    explorer.layer = layer or explorer.layer
    return explorer


def words(explorer: tsw.Explorer) -> str:
    """What the numbers of the panel say."""
    panel: Any = explorer._panel
    return plain(panel.numbers.value + " " + panel.sum.value).replace("&nbsp;", " ")


def boxes(explorer: tsw.Explorer) -> list[tuple[float, float]]:
    mark = explorer._panel.read._boxes.mark  # type: ignore[attr-defined]
    return [(float(x.min()), float(x.max())) for x in mark.x.reshape(-1, 5)] if mark.visible else []


@pytest.fixture(scope="module")
def model() -> keras.Model:
    layers = [
        L.Conv1D(4, 3, dilation_rate=2, padding="causal", activation="relu", name="conv"),
        L.MaxPooling1D(2, name="pool"),
        L.Conv1D(12, 5, strides=2, use_bias=False, name="deep"),
        L.AveragePooling1D(3, strides=1, padding="same", name="mean"),
        L.Conv1D(5, 2, name="wide"),
        L.ReLU(name="relu"),
        L.LSTM(3, name="lstm"),
    ]
    return randomise(keras.Sequential([keras.Input((40, 3)), *layers]))


X = series(3, 40, 3)


def test_the_step_is_that_of_the_function_and_can_be_added_up_by_hand(model: keras.Model) -> None:
    kernel, bias = (np.asarray(weight) for weight in model.get_layer("conv").weights)
    with explore(model, X, layer="conv", channel_names=["a", "<b>", "c"]) as explorer:
        for sample, step, filter in ((0, 0, 1), (1, 11, 3), (2, 39, 0)):
            explorer.sample, explorer.step, explorer.filter = sample, step, filter
            data, expected = explorer.data(), tsw.layer_step(model, X[sample], "conv", step, filter)
            for name in ("steps", "window", "kernel", "products"):
                np.testing.assert_array_equal(getattr(data["step"], name), getattr(expected, name))
            before = sum(
                float(X[sample, i] @ kernel[q, :, filter]) for q, i in enumerate((step - 4, step - 2, step)) if i >= 0
            )
            said = words(explorer)
            assert f"sum of 9 products: {number(before)}" in said
            assert f"{number(abs(float(bias[filter])))} (bias) = {number(before + bias[filter])}" in said
            assert f"relu({number(before + bias[filter])}) = {number(max(before + bias[filter], 0))}" in said
            assert f"{number(float(X[sample, step, 2]))}× {number(float(kernel[2, 2, filter]))}" in said
            np.testing.assert_allclose(data["activation"][step], max(before + bias[filter], 0), atol=1e-5)
            np.testing.assert_array_equal(data["layer_input"], X[sample])
        assert "<b>" in said and "<b></th>" not in explorer._panel.numbers.value  # type: ignore[attr-defined]


def test_what_is_read_is_marked_where_it_lies_in_time(model: keras.Model) -> None:
    with explore(model, X, layer="conv", sampling_rate=10) as explorer:
        explorer.step = 9
        explorer.data()
        np.testing.assert_allclose(boxes(explorer), [(0.45, 0.55), (0.65, 0.75), (0.85, 0.95)], atol=1e-6)
        point = explorer._panel.curve._point  # type: ignore[attr-defined]
        values = explorer.data()["activation"]
        # a causal kernel of 3, dilated by 2, sees 5 to 9: the centre is at 7
        assert point.dot.visible
        np.testing.assert_allclose([point.dot.x[0], point.dot.y[0]], [0.7, values[9]], atol=1e-6)
        explorer.step = 1
        explorer.data()
        np.testing.assert_allclose(boxes(explorer), [(0.05, 0.15)], atol=1e-6)
        assert "2 places without a step of the input: the layer reads 0 there" in words(explorer)
        assert "conv step 1 reads step 1 of its input" in explorer._status.value
        explorer.layer, explorer.step = "deep", 3  # its input's steps are two of the series each
        data = explorer.data()
        read = data["layer_time"][6:11]
        np.testing.assert_allclose(boxes(explorer), [((read[0] - 1) / 10, (read[-1] + 1) / 10)], atol=1e-6)


def test_the_slider_the_pointer_and_the_walk_choose_the_step(model: keras.Model, messages: Messages) -> None:
    with explore(model, X, layer="conv") as explorer:
        panel: Any = explorer._panel
        assert (panel.choice.slider.value, panel.choice.slider.max, explorer.step) == (0, 39, None)
        assert explorer.data()["step"].step == 0
        panel.choice.slider.value = 7
        assert explorer.step == 7 and explorer.data()["step"].step == 7 and panel.choice.walk.play.value == 7
        panel.cursor.step = 12  # as a click does
        assert panel.choice.slider.value == 12 and explorer.data()["step"].step == 12
        panel.choice.walk.play.value = 13
        assert explorer.step == 13 and panel.choice.slider.value == 13
        messages.clear()
        panel.choice.slider.value = 14
        sent = {id(widget) for widget, _ in messages.sent}
        assert id(panel.numbers) in sent and id(panel.read._boxes.mark) in sent
        for heavy in (*panel.read._lines.marks, panel.read._raster.image, panel.curve._curve.line, panel.cursor):
            assert heavy is panel.cursor or id(heavy) not in sent  # what stays is not sent again
        explorer.layer = "wide"
        assert panel.choice.slider.max == len(explorer.data()["time"]) - 1
        explorer.layer, explorer.step = "conv", None
        assert panel.choice.slider.value == 0 and explorer.data()["step"].step == 0
        with pytest.raises(IndexError, match="step 0 to 39"):
            explorer.step = 40


def test_many_weights_are_pictures(model: keras.Model) -> None:
    with explore(model, X, layer="wide") as explorer:
        explorer.step, explorer.filter = 2, 1
        step = explorer.data()["step"]
        html = explorer._panel.numbers.value  # type: ignore[attr-defined]
        found = [Image.open(io.BytesIO(base64.b64decode(one))) for one in re.findall(r"base64,([^\"]+)", html)]
        assert [one.size for one in found] == [(2, 12)] * 3
        for picture, values in zip(found, (step.window, step.kernel, step.products), strict=True):
            pixels = np.asarray(picture.convert("RGBA"), float)
            sign = np.where(pixels[..., 0] > pixels[..., 2], 1, -1) * (pixels[..., 3] > 8)  # orange or blue
            strong = np.abs(values.T) > 0.1 * np.abs(values).max()
            np.testing.assert_array_equal(sign[strong], np.sign(values.T)[strong])
        k, i = np.unravel_index(np.abs(step.products).argmax(), step.products.shape)
        by = f"{number(float(step.window[k, i]))} × {number(float(step.kernel[k, i]))}"
        assert f"strongest products: step {step.steps[k]}, channel {i}: {by}" in words(explorer)


def test_which_value_wins_and_what_an_average_is_of(model: keras.Model) -> None:
    with explore(model, X, layer="pool") as explorer:
        conv = tsw.activations(model, X[0], "conv").values
        explorer.filter = int(conv[10:12].max(axis=0).argmax())
        explorer.step = 5
        pair = conv[10:12, explorer.filter]
        html = explorer._panel.numbers.value  # type: ignore[attr-defined]
        (winner,) = re.findall(r'<td class="tsw-winner"[^>]*><div>([^<]+)', html)
        assert winner == number(float(pair.max()))
        assert f"largest of 2 values: {number(float(pair.max()))}, at step {10 + pair.argmax()}" in words(explorer)
        assert explorer._panel.frequency.figure.layout.display == "none"  # type: ignore[attr-defined]
        explorer.layer, explorer.step, explorer.filter = "mean", 0, 7
        deep = tsw.activations(model, X[0], "deep").values[:2, 7]
        expected = f"({' + '.join(number(float(v)) for v in deep)}) / 2 = {number(float(deep.mean()))}"
        assert expected in words(explorer) and "the layer leaves them out" in words(explorer)


def test_the_gates_of_an_lstm_that_returns_its_last_output(model: keras.Model) -> None:
    with explore(model, X, layer="lstm") as explorer:
        n_steps = len(explorer.data()["layer_input"])
        assert explorer._panel.choice.slider.max == n_steps - 1  # type: ignore[attr-defined]
        explorer.filter, explorer.step = 1, 4
        data, layer = explorer.data(), model.get_layer("lstm")
        x = tsw.activations(model, X[0], "relu").values
        states = tsw.recurrent_states(model, X[:1], "lstm")
        kernel, recurrent, bias = (np.asarray(weight) for weight in layer.weights)
        into = x[4] @ kernel + states.h[0, 3] @ recurrent + bias
        i, f, o = (sigmoid(into[k + 1]) for k in (0, 3, 9))
        c = f * states.c[0, 3, 1] + i * np.tanh(into[7])
        said = words(explorer)
        parts = f"{number(f)} × {number(float(states.c[0, 3, 1]))} + {number(i)} × {number(float(np.tanh(into[7])))}"
        assert f"c = f · c before + i · g = {parts} = {number(c)}" in said
        assert f"h = o · tanh(c) = {number(o)} × tanh({number(c)}) = {number(o * np.tanh(c))}" in said
        np.testing.assert_allclose(data["activation"], states.h[0, :, 1])
        assert np.isfinite(data["time"]).all() and len(boxes(explorer)) == 1
        explorer.step = n_steps - 1
        assert explorer.data()["step"].h == pytest.approx(float(np.asarray(model(X[:1]))[0, 1]), abs=1e-5)
        with pytest.raises(IndexError):
            explorer.step = n_steps
        explorer.panel = "activations"
        assert explorer.data()["activation"].shape == ()


def test_the_frequencies_are_those_of_the_function(model: keras.Model) -> None:
    with explore(model, X, layer="conv", sampling_rate=50) as explorer:
        explorer.filter = 2
        data, panel = explorer.data(), explorer._panel
        found = tsw.frequency_response(model, "conv", sampling_rate=50, n_frequencies=len(data["frequencies"]))
        np.testing.assert_array_equal(data["gain"], found.gain[:, :, 2])
        assert data["frequencies"][-1] == 25
        (lines,) = panel.frequency._lines.marks  # type: ignore[attr-defined]
        np.testing.assert_allclose(lines.x[-1], 25, atol=1e-4)
        np.testing.assert_allclose(lines.y[:3], found.gain[:, :, 2].T)
        explorer.layer = "deep"  # behind a pooling of 2, one step is 0.04 s
        assert explorer.data()["frequencies"][-1] == pytest.approx(12.5)
        assert panel.frequency._fold.visible and panel.frequency._fold.x[0] == pytest.approx(6.25)  # type: ignore[attr-defined]


def test_a_layer_that_cannot_be_followed_says_so(model: keras.Model) -> None:
    with explore(model, X, layer="relu") as explorer:
        data = explorer.data()
        assert data["step"] is None and data["layer_input"] is None
        assert "relu cannot be followed step by step" in explorer._panel.read._caption.value  # type: ignore[attr-defined]
        assert "This model has: 'conv'" in words(explorer)
        assert explorer._panel.choice.slider.disabled  # type: ignore[attr-defined]
        explorer.layer = "conv"
        assert explorer.data()["step"] is not None and not explorer._panel.choice.slider.disabled  # type: ignore[attr-defined]
    flat = randomise(keras.Sequential([keras.Input((40, 3)), L.Flatten(), L.Dense(2)]))
    with tsw.Explorer(flat, X) as explorer:
        assert "stepper" not in explorer.panels


def test_padding_is_absent_and_shorter_series_have_fewer_steps() -> None:
    layers = [L.Masking(name="masking"), L.LSTM(4, return_sequences=True, name="lstm")]
    masked = randomise(keras.Sequential([keras.Input((None, 2)), *layers]))
    x = padded_series(2, 14, 2)
    with explore(masked, x, layer="lstm") as explorer:
        explorer.step = 13
        assert explorer.data()["step"] is None
        assert "step 13 of 'lstm', padding that it masks" in words(explorer)
        assert "2 of them padding" in explorer._panel.read._caption.value  # type: ignore[attr-defined]
    plain_model = randomise(keras.Sequential([keras.Input((None, 2)), L.Conv1D(3, 3, name="conv")]))
    with explore(plain_model, [x[0], x[1, :7]], layer="conv") as explorer:
        explorer.step = 11
        explorer.sample = 1
        data = explorer.data()
        assert data["step"].step == 4 and len(data["activation"]) == 5
        assert explorer._panel.choice.slider.value == 4  # type: ignore[attr-defined]
        explorer.sample = 0
        explorer.data()


def test_series_of_one_channel_and_what_is_not_a_number() -> None:
    one = randomise(keras.Sequential([keras.Input((None, 1)), L.Conv1D(1, 3, name="a b <c>")]))
    x = series(2, 12, 1)
    x[0, 5] = np.nan
    with explore(one, x, layer="a b <c>") as explorer:
        explorer.step = 4
        assert np.isnan(explorer.data()["step"].sum)
        assert "not a number" in words(explorer)
        assert "a b &lt;c&gt;" in explorer._panel.read._caption.value  # type: ignore[attr-defined]
    with explore(one, x[:, :3], layer="a b <c>") as explorer:  # one step alone
        assert explorer.data()["step"].step == 0 and explorer._panel.choice.slider.disabled  # type: ignore[attr-defined]


def test_what_is_marked_is_in_a_saved_picture(model: keras.Model, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with explore(model, X, layer="conv") as explorer:
        explorer.step = 20  # reads 16, 18 and 20 of 40 steps
        explorer.save(tmp_path / "step.png")
        pixels = np.asarray(Image.open(tmp_path / "step.png").convert("RGB"), int)
    tinted = (pixels[..., 0] > 240) & (pixels[..., 2] > 190) & (pixels[..., 0] - pixels[..., 2] > 25)
    columns = (
        tinted[:200].sum(axis=0) > 90
    )  # from the top of the first figure to its bottom, pale: a box that is filled
    assert np.count_nonzero(np.diff(columns.astype(int)) == 1) == 3


def test_nothing_is_left_behind(model: keras.Model, tmp_path: Path) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    with explore(model, X, layer="conv") as explorer:
        explorer.data()
        here = set(ipywidgets.widgets.widget._instances)
        explorer.to_html(tmp_path / "page.html", samples=[0], layers=["conv"])
        assert set(ipywidgets.widgets.widget._instances) == here
    assert set(ipywidgets.widgets.widget._instances) == before


def sums(html: str) -> dict[str, str]:
    """What each page says that the numbers add up to; "" of a layer that cannot be followed."""
    table, _ = book_of(html)
    found = {}
    for page, numbers in table["pages"].items():
        told = [table["values"][one][0].get("value") for one in numbers if one >= 0]
        found[page] = next((one for one in told if "tsw-sum" in str(one)), "")
    return found


def step_slider(html: str) -> dict[str, Any]:
    (slider,) = (
        one["state"] for one in part(html, "state")["state"].values() if one["state"].get("description") == "Step"
    )
    return slider


def test_a_page_without_a_kernel_slides_too(model: keras.Model, tmp_path: Path) -> None:
    with explore(model, X, layer="conv") as explorer:
        explorer.step = 9
        explorer.to_html(tmp_path / "page.html", samples=[0, 2], layers=["conv", "pool", "relu"])
        html = (tmp_path / "page.html").read_text()
        found, slider = sums(html), step_slider(html)
        assert len(found) == 3 * 2 * 40 and not any(found[page] for page in found if page.startswith("2"))
        for i, sample in enumerate((0, 2)):
            for step in (0, 1, 9, 39):
                own = tsw.layer_step(model, X[sample], "conv", step, explorer.filter)
                assert f"<b>{number(own.sum)}</b>" in found[f"0,{i},{step}"]  # type: ignore[union-attr]
            for asked, step in ((0, 0), (19, 19), (39, 19)):  # a pool has half as many
                pool = tsw.layer_step(model, X[sample], "pool", step, explorer.filter)
                assert f"<b>{number(pool.activation)}</b>" in found[f"1,{i},{asked}"]
        assert slider["index"] == 9 and not slider["disabled"] and len(slider["_options_labels"]) == 40
        assert explorer.step == 9 and explorer.data()["step"].step == 9


def test_a_page_slides_beside_layers_that_have_no_steps(tmp_path: Path) -> None:
    layers = [L.Conv1D(2, 3, name="conv"), L.GlobalAveragePooling1D(name="mean"), L.Dense(2, name="dense")]
    small = randomise(keras.Sequential([keras.Input((8, 3)), *layers]))
    with explore(small, X[:, :8], layer="conv") as explorer:
        explorer.step = 4
        explorer.to_html(tmp_path / "page.html", samples=[0, 1])
        found = sums((tmp_path / "page.html").read_text())
        first = explorer.layers.index("conv")
        for step in range(6):
            own = tsw.layer_step(small, X[1, :8], "conv", step, explorer.filter)
            assert f"<b>{number(own.sum)}</b>" in found[f"{first},1,{step}"]  # type: ignore[union-attr]
        assert len(found) == len(explorer.layers) * 2 * 6


def test_a_page_of_too_many_choices_stays_at_the_step(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tswidgets.widgets.export.MOST_CHOICES", 159)
    with explore(model, X, layer="conv") as explorer:
        explorer.step = 9
        explorer.to_html(tmp_path / "page.html", samples=[0, 2], layers=["conv", "pool"])
        html = (tmp_path / "page.html").read_text()
        found, slider = sums(html), step_slider(html)
        assert set(found) == {"0,0", "0,1", "1,0", "1,1"}
        for page, sample in (("0,0", 0), ("0,1", 2)):
            step = tsw.layer_step(model, X[sample], "conv", 9, explorer.filter)
            assert f"<b>{number(step.sum)}</b>" in found[page]  # type: ignore[union-attr]
        assert slider["disabled"] and slider["value"] == 9 and not explorer._panel.choice.slider.disabled  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sampled(CASES, 18))
def test_every_model_can_be_looked_at(name: str) -> None:
    found = case(name)
    with tsw.Explorer(found.model, found.x) as explorer:
        if "stepper" not in explorer.panels:
            kinds = {type(layer).__name__ for layer in found.model.layers}
            assert not kinds & {"Conv1D", "MaxPooling1D", "LSTM", "GRU", "SimpleRNN"}
            return
        explorer.panel = "stepper"
        for layer in explorer.layers:
            explorer.layer = layer
            for step in (0, explorer._subject.n_steps(layer, 0) // 2):
                explorer.step = step or None
                shown = explorer.data()["step"]
                assert "<details" not in explorer._status.value
                assert shown is None or shown.step == step
