"""How a filter grew: what was recorded of every epoch, and what the panel shows of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

import tswidgets as tsw
from tests.widgets.test_live import SLOW, X, Y, begun, compiled, conv, fit, lstm, said


class Witness(keras.callbacks.Callback):
    """Keeps the weights of every epoch, and computes from them by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[list[np.ndarray]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.weights.append(self.model.get_weights())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.weights.append(self.model.get_weights())

    def answers(self, x: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """(the convolution's, the model's) after every epoch, by NumPy."""
        found = []
        for kernel, bias, weights, offset in self.weights:
            windows = np.lib.stride_tricks.sliding_window_view(x, len(kernel), axis=0)  # (steps, channels, kernel)
            hidden = np.maximum(np.einsum("sck,kcf->sf", windows, kernel) + bias, 0)
            logits = hidden.mean(axis=0) @ weights + offset
            exps = np.exp(logits - logits.max())
            found.append((hidden, exps / exps.sum()))
        return found


@pytest.fixture(scope="module")
def trained() -> Iterator[tuple[tsw.Explorer, tsw.LiveCallback, Witness, Any]]:
    keras.utils.set_random_seed(0)
    with tsw.Explorer(compiled(conv()), X, Y, class_names=["low", "high"]) as explorer:
        explorer.layer, explorer.sample = "conv", 3
        live, witness = tsw.LiveCallback(explorer, record=True), Witness()
        history = fit(explorer.model, witness, live, epochs=5, validation_data=(X[:8], Y[:8]))
        yield explorer, live, witness, history


def test_every_epoch_is_what_numpy_makes_of_its_weights(trained: Any) -> None:
    _, live, witness, history = trained
    record = live.record
    assert record.epochs.tolist() == [0, 1, 2, 3, 4, 5]
    assert (record.sample, record.layers) == (3, ["conv"])
    expected = witness.answers(X[3])
    np.testing.assert_allclose(record.activations("conv"), [hidden for hidden, _ in expected], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(record.predictions, [answer for _, answer in expected], rtol=1e-4, atol=1e-5)
    for name in ("loss", "val_loss"):
        np.testing.assert_array_equal(record.history[name][0], [1, 2, 3, 4, 5])
        np.testing.assert_allclose(record.history[name][1], history.history[name])


def test_the_panel_shows_the_epoch_that_is_chosen(trained: Any) -> None:
    explorer, live, witness, history = trained
    explorer.panel, explorer.filter, explorer.sample = "training", 2, 9  # another sample than the one that is recorded
    expected, panel = witness.answers(X[3]), explorer._panel
    for epoch in (0, 2, 5):
        explorer.epoch = epoch
        shown = explorer.data()
        assert shown["epoch"] == epoch
        assert shown["record"] is live.record
        np.testing.assert_allclose(shown["layer"], expected[epoch][0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(shown["activation"], expected[epoch][0][:, 2], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(shown["prediction"], expected[epoch][1], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(shown["input"], X[3])
        np.testing.assert_allclose(panel.curves._curve.line.y, expected[epoch][0][:, 2], rtol=1e-4, atol=1e-5)
        assert panel.choice.slider.value == epoch
        faint = panel.curves._others.mark.y
        drawn = faint[np.isfinite(faint).all(axis=1)]
        others = [hidden[:, 2] for i, (hidden, _) in enumerate(expected) if i != epoch]
        np.testing.assert_allclose(drawn, others, rtol=1e-4, atol=1e-5)
        assert panel.loss._at.mark.x.tolist() == [epoch, epoch]
    loss = history.history["loss"][4]
    assert f"loss {loss:.3g}" in panel.loss._caption.value
    assert panel.loss._dots[""].mark.y.tolist() == pytest.approx([loss])
    assert "sample 3, as recorded" in panel.series._caption.value
    assert "shown: epoch 5 of 0–5" in said(explorer)
    assert re.search("Sample 3: predicted (low|high)", said(explorer))


def test_scales_are_of_all_epochs_or_of_one(trained: Any) -> None:
    explorer, _, witness, _ = trained
    explorer.panel, explorer.filter, explorer.epoch = "training", 1, 1
    values = np.stack([hidden for hidden, _ in witness.answers(X[3])])
    panel = explorer._panel
    for scale, of in (("filter", values[..., 1]), ("layer", values), ("sample", values[1, :, 1])):
        explorer.scale = scale
        room = 0.06 * (of.max() - of.min())
        found = panel.curves._value.scale
        assert (found.min, found.max) == pytest.approx((of.min() - room, of.max() + room), rel=1e-3, abs=1e-4)
    explorer.scale = "filter"


def test_the_slider_and_the_trait_are_one(trained: Any) -> None:
    explorer, *_ = trained
    explorer.panel = "training"
    choice = explorer._panel.choice
    choice.slider.value = 2
    assert explorer.epoch == 2
    assert explorer.data()["epoch"] == 2
    choice.play.value = 4
    assert (explorer.epoch, choice.slider.value) == (4, 4)
    choice.slider.value = 5
    assert explorer.epoch is None  # the last, whichever that is
    assert explorer.data()["epoch"] == 5
    explorer._panel.cursor.filter = 3  # a click on a row of the picture
    assert explorer.filter == 3


@pytest.mark.parametrize(("value", "error"), [(6, IndexError), (-1, IndexError)])
def test_an_epoch_that_was_not_recorded(trained: Any, value: Any, error: type[Exception]) -> None:
    explorer, *_ = trained
    with pytest.raises(error, match=r"Expected an epoch from 0 to 5; got -?\d\. Pass an epoch of the"):
        explorer.epoch = value


def test_the_panel_is_there_before_the_training_and_says_so() -> None:
    with tsw.Explorer(begun()[0], X, Y) as explorer:
        assert "training" not in explorer.panels
        chosen = explorer.panel = "ablation"
        tsw.LiveCallback(explorer, record=True)
        tsw.LiveCallback(explorer, record=True)
        assert explorer.panels.count("training") == 1
        assert explorer.panel == chosen == explorer._controls.panel.value
        assert explorer._panel.box.layout.display is None
        explorer.panel = "training"
        assert "nothing is recorded yet" in said(explorer)
        assert explorer.data()["epoch"] is None
        with pytest.raises(ValueError, match=r"got epoch 1, and none is recorded\. Train with"):
            explorer.epoch = 1


def test_it_grows_while_the_model_is_trained() -> None:
    with tsw.Explorer(begun()[0], X, Y) as explorer:
        live, seen = tsw.LiveCallback(explorer, record=True), []
        explorer.panel = "training"

        class Looking(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                explorer.refresh()
                seen.append((explorer.data()["epoch"], explorer._panel.choice.slider.max))

        fit(explorer.model, live, Looking())
        assert seen == [(1, 1), (2, 2), (3, 3)]


def test_a_layer_that_is_not_recorded() -> None:
    with tsw.Explorer(begun()[0], X, Y) as explorer:
        live = tsw.LiveCallback(explorer, record=True, layers=["conv", "dense"], sample=1)
        fit(explorer.model, live, epochs=1)
        assert live.record is not None
        assert live.record.layers == ["conv", "dense"]
        explorer.panel, explorer.layer, explorer.filter = "training", "dense", 1
        shown = explorer.data()
        np.testing.assert_allclose(shown["layer"], np.asarray(explorer.model(X[1:2]))[0], rtol=1e-4)
        assert shown["activation"] == pytest.approx(shown["layer"][1])
        explorer.layer = (
            "global_average_pooling1d" if "global_average_pooling1d" in explorer.layers else explorer.layers[1]
        )
        assert explorer._panel._layer(live.record, explorer.layer) == "conv"  # another one is shown, and named
        assert explorer.data()["layer"].shape == (16, 4)
        assert " of conv, epoch 1" in explorer._panel.curves._caption.value


@pytest.mark.parametrize("kind", ["lstm", pytest.param("map", marks=SLOW), pytest.param("steps", marks=SLOW)])
def test_other_kinds_of_layers_and_answers(kind: str) -> None:
    x, y, layer = X, Y, "lstm"
    if kind == "lstm":
        model = lstm()
    elif kind == "map":
        x, layer = X[..., None], "map"
        parts = [keras.layers.Input((20, 3, 1)), keras.layers.Conv2D(2, (3, 1), name="map"), keras.layers.Flatten()]
        model = keras.Sequential([*parts, keras.layers.Dense(2, activation="softmax")])
    else:
        parts = [keras.layers.Input((20, 3)), keras.layers.Conv1D(4, 3, padding="same", name="lstm")]
        model = keras.Sequential([*parts, keras.layers.Dense(1, activation="sigmoid")])
        y = (X[..., :1] > 0).astype(np.float32)
    loss = "binary_crossentropy" if kind == "steps" else "sparse_categorical_crossentropy"
    model.compile("adam", loss, jit_compile=False)
    with tsw.Explorer(model, x, y) as explorer:
        explorer.layer = layer
        live = tsw.LiveCallback(explorer, record=True)
        model.fit(x, y, epochs=2, verbose=0, callbacks=[live])
        explorer.panel = "training"
        after = tsw.activations(model, x[0], layer).values
        np.testing.assert_allclose(explorer.data()["layer"], after, rtol=1e-4, atol=1e-6)
        explorer.epoch = 0
        assert not np.allclose(explorer.data()["layer"], after)
        assert live.record is not None
        np.testing.assert_array_equal(explorer.data()["layer"], live.record.activations(layer)[0])
        np.testing.assert_allclose(live.record.predictions[-1], np.asarray(model(x[:1]))[0], rtol=1e-4, atol=1e-6)


def test_forgotten_epochs_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tswidgets.analysis.training_record.MOST_BYTES", 4 * 300)
    with tsw.Explorer(begun()[0], X, Y) as explorer:
        live = tsw.LiveCallback(explorer, record=True)
        fit(explorer.model, live, epochs=8)
        assert live.record is not None
        assert live.record.every > 1
        explorer.panel, explorer.epoch = "training", 1
        assert explorer.data()["epoch"] in live.record.epochs
        assert f"one epoch in {live.record.every} is kept" in said(explorer)
        assert len(live.record.history["loss"][0]) == 8


def test_a_mistake_while_recording_does_not_stop_the_training(caplog: pytest.LogCaptureFixture) -> None:
    with tsw.Explorer(begun()[0], X, Y) as explorer:
        live = tsw.LiveCallback(explorer, record=True)
        assert live._recorder is not None
        live._recorder._observed = lambda record: 1 / 0  # type: ignore[assignment, return-value]
        assert len(fit(explorer.model, live).history["loss"]) == 3
    assert [record.message for record in caplog.records] == ["could not record the training, which goes on without"]
