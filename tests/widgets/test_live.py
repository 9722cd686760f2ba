"""A picture that follows a training: it shows the weights as they are, and the training does not notice."""

from __future__ import annotations

import html
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tswidgets as tsw
from tswidgets.analysis.budget import Budget

X = np.random.default_rng(0).normal(size=(24, 20, 3)).astype(np.float32)
Y = (X[:, :, 0].mean(axis=1) > 0).astype(np.int64)


def conv() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.layers.Input((20, 3)),
            keras.layers.Conv1D(4, 5, activation="relu", name="conv"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(2, activation="softmax", name="dense"),
        ]
    )


def lstm() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.layers.Input((20, 3)),
            keras.layers.LSTM(5, dropout=0.3, recurrent_dropout=0.2, return_sequences=True, name="lstm"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(2, activation="softmax", name="dense"),
        ]
    )


def normalised() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.layers.Input((20, 3)),
            keras.layers.GaussianNoise(0.1),
            keras.layers.Conv1D(4, 3, activity_regularizer="l2", name="conv"),
            keras.layers.BatchNormalization(),
            keras.layers.SpatialDropout1D(0.3),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(2, activation="softmax", name="dense"),
        ]
    )


def mixed() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.layers.Input((20, 3)),
            keras.layers.GaussianNoise(0.1),
            keras.layers.Conv1D(4, 3, activity_regularizer="l2", name="conv"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling1D(3),
            keras.layers.SimpleRNN(2, dropout=0.3, name="rnn"),
            keras.layers.Dense(2, activation="softmax", name="dense"),
        ]
    )


def compiled(model: keras.Model, ahead: bool = True, **options: Any) -> keras.Model:
    options.setdefault("jit_compile", False)  # which takes a while to compile
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", **options)
    if ahead:
        model.optimizer.build(model.trainable_variables)  # else Keras traces the first step twice
    return model


@cache
def batches() -> tf.data.Dataset:
    """Of arrays Keras makes such a thing anew for every `fit`, which takes longer than the training."""
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)


def fit(
    model: keras.Model, *callbacks: Any, epochs: int = 3, arrays: bool = False, **options: Any
) -> keras.callbacks.History:
    """Three batches an epoch; of arrays in an order that is drawn for each."""
    data: dict[str, Any] = {"x": X, "y": Y, "batch_size": 8} if arrays else {"x": batches(), "shuffle": False}
    return model.fit(**data, epochs=epochs, verbose=0, callbacks=list(callbacks), **options)


def said(explorer: tsw.Explorer) -> str:
    return html.unescape(re.sub("<[^>]+>", "", explorer._status.value))


class Always(tsw.LiveCallback):
    """With a picture each time: what there is time for depends on the machine."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.budget = Budget(None)


class Looks(Always):
    """Compares what is on screen with the model as it is, each time that there is a picture."""

    def __init__(self, explorer: tsw.Explorer, *args: Any, **options: Any) -> None:
        super().__init__(explorer, *args, **options)
        self.seen: list[tuple[int, int | None, np.ndarray]] = []

    def look(self, progress: Any) -> None:
        super().look(progress)
        shown, model = self._explorer.data(), self._explorer.model
        layer, sample = self._explorer.layer, self._explorer.sample
        with keras.StatelessScope():
            x = tf.constant(X[sample : sample + 1])
            for one in model.layers:
                x = one(x, training=False)
                if one.name == layer:
                    np.testing.assert_allclose(shown["layer"], x[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(shown["prediction"], x[0], rtol=1e-4, atol=1e-6)
        self.seen.append((progress.epoch, progress.batch, shown["layer"]))


# -- the training does not notice --------------------------------------------------------------------------------------


def everything(build: Callable[[], keras.Model], watch: bool, **options: Any) -> dict[str, Any]:
    """All that a training leaves behind, the random numbers that come next included."""
    keras.utils.set_random_seed(3)
    model = build()
    if options.get("freeze"):
        model.get_layer("conv").trainable = False
    compiled(model, ahead=False)
    callbacks, explorer = [], None
    if watch:
        explorer = tsw.Explorer(model, X, Y)
        callbacks = [Always(explorer, options.get("every", "epoch"), record=True)]
    history = fit(model, *callbacks, arrays=True, validation_data=(X[:8], Y[:8])).history
    if explorer is not None:
        assert callbacks[0].record is not None
        assert len(callbacks[0].record.epochs) == 4
        explorer.close()
    return {
        "weights": [np.asarray(one) for one in model.variables],
        "optimizer": [np.asarray(one) for one in model.optimizer.variables],
        "history": history,
        "trainable": [layer.trainable for layer in model.layers],
        "trainable weights": len(model.trainable_weights),
        "losses": len(model.losses),
        "python": random.getstate(),
        "numpy": [np.asarray(part) for part in np.random.get_state(legacy=True)],
        "tensorflow": np.asarray(tf.random.uniform((4,))),
        "generator": np.asarray(tf.random.get_global_generator().state),
        "keras": np.asarray(keras.random.uniform((4,))),
        "next epoch": fit(model, epochs=1, arrays=True).history,
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return np.array_equal(a, b)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("build", "every"),
    [
        (conv, "batch"),
        *(pytest.param(build, "epoch", marks=SLOW) for build in (conv, lstm, normalised)),
        *(pytest.param(build, "batch", marks=SLOW) for build in (lstm, normalised, mixed)),
    ],
)
def test_a_training_is_the_same_bit_by_bit(
    build: Callable[[], keras.Model], every: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tswidgets.probe.program.WORTHWHILE", 0)  # XLA is tried at once, and not when it is time
    alone, watched = (everything(build, watch, every=every, freeze=build is normalised) for watch in (False, True))
    assert (False in watched["trainable"]) == (build is normalised)
    for name in alone:
        assert same(alone[name], watched[name]), name


def test_the_comparison_sees_a_single_random_number() -> None:
    """What the test above can tell apart: one draw more from a layer's seed generator."""
    weights = []
    for draws in (0, 1):
        keras.utils.set_random_seed(3)
        noise = keras.layers.GaussianNoise(0.1)
        dense = keras.layers.Dense(2, activation="softmax")
        model = compiled(keras.Sequential([keras.layers.Input((20, 3)), keras.layers.Flatten(), noise, dense]))
        for _ in range(draws):
            noise.seed_generator.next()
        fit(model, epochs=1, arrays=True)
        weights.append(model.get_weights())
    assert not same(*weights)


# -- the picture is of the weights as they are -------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["inline", "threaded"])
def threaded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr("tswidgets.widgets.refresher._in_kernel", lambda: request.param)
    return request.param


@cache
def begun() -> tuple[keras.Model, list[np.ndarray]]:
    """A model that is traced once for all tests that train it, and the numbers that it begins with."""
    keras.utils.set_random_seed(0)
    model = compiled(conv())
    return model, [one.numpy().copy() for one in [*model.variables, *model.optimizer.variables]]


@pytest.fixture
def explorer(threaded: bool) -> Iterator[tsw.Explorer]:
    model, values = begun()
    for one, value in zip([*model.variables, *model.optimizer.variables], values, strict=True):
        one.assign(value)
    keras.utils.set_random_seed(0)
    with tsw.Explorer(model, X, Y, class_names=["low", "high"]) as made:
        assert made._refresher.threaded == threaded
        yield made


def test_every_epoch_shows_its_own_weights(explorer: tsw.Explorer) -> None:
    live = Looks(explorer)
    fit(explorer.model, live)
    assert [epoch for epoch, _, _ in live.seen] == [1, 2, 3, 3]
    assert not np.array_equal(live.seen[0][2], live.seen[1][2])
    assert said(explorer).startswith("trained 3 epochs · loss 0.")


def test_every_batch_and_seconds(explorer: tsw.Explorer) -> None:
    live = Looks(explorer, "batch")
    fit(explorer.model, live, epochs=2)
    by_batch = [(epoch, batch) for epoch, batch, _ in live.seen]
    assert by_batch == [(1, 1), (1, 2), (1, 3), (1, None), (2, 1), (2, 2), (2, 3), (2, None), (2, None)]
    rare = Looks(explorer, 1e6)
    fit(explorer.model, rare)
    assert [epoch for epoch, _, _ in rare.seen] == [3]  # only the end
    often = Looks(explorer, 1e-9)
    fit(explorer.model, often, epochs=1)
    assert len(often.seen) == 5


@pytest.mark.parametrize(
    "options",
    [{"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 2}],
    ids=lambda options: str(*options),
)
def test_however_the_model_is_compiled(options: dict[str, Any]) -> None:
    model = compiled(conv(), **options)
    with tsw.Explorer(model, X, Y) as explorer:
        live = Looks(explorer, "batch")
        fit(model, live, epochs=1)
        batches = [batch for _, batch, _ in live.seen if batch is not None]
        assert batches[-1] == 3 and len(batches) == (2 if "steps_per_execution" in options else 3)


def test_tf_data_and_a_training_that_goes_on(explorer: tsw.Explorer) -> None:
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    options: Any = {"verbose": 0, "shuffle": False}
    live = Looks(explorer, record=True)
    explorer.model.fit(data, epochs=2, callbacks=[live], **options)
    explorer.model.fit(data, epochs=4, initial_epoch=2, callbacks=[live], **options)
    assert [epoch for epoch, _, _ in live.seen] == [1, 2, 2, 3, 4, 4]
    assert live.record is not None
    assert live.record.epochs.tolist() == [0, 1, 2, 3, 4]
    explorer.model.fit(data, epochs=1, callbacks=[live], **options)
    assert live.record.epochs.tolist() == [0, 1]
    assert said(explorer).startswith("trained 1 epoch · loss ")


def test_the_status_line_tells_how_far_the_training_is(explorer: tsw.Explorer) -> None:
    told = []

    class Listening(Always):
        def look(self, progress: Any) -> None:
            super().look(progress)
            told.append(said(explorer))

    fit(explorer.model, Listening(explorer, "batch"), epochs=2, validation_data=(X[:8], Y[:8]))
    assert re.match(r"epoch 1 of 2 · batch 2 of 3 · loss 0\.\d{3} · Sample 0: ", told[1])
    assert re.match(r"epoch 2 of 2 · loss 0\.\d{3} · val_loss 0\.\d{3} · Sample 0: ", told[-2])
    assert re.match(r"trained 2 epochs · loss 0\.\d{3} · val_loss 0\.\d{3} · Sample 0: ", told[-1])


def test_best_weights_that_are_restored_are_shown(explorer: tsw.Explorer) -> None:
    class Best(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 0:
                self.kept = self.model.get_weights()

        def on_train_end(self, logs: Any = None) -> None:
            self.model.set_weights(self.kept)

    live = Looks(explorer)
    fit(explorer.model, Best(), live)
    np.testing.assert_array_equal(live.seen[0][2], live.seen[-1][2])
    if explorer._works_beside:  # behind the callback they are noticed a moment later
        live = Looks(explorer)
        fit(explorer.model, live, Best())
        end = time.monotonic() + 20
        while not np.array_equal(explorer.data()["layer"], live.seen[0][2]):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_two_explorers_and_two_callbacks_on_one_model(threaded: bool) -> None:
    model, _ = begun()
    with tsw.Explorer(model, X, Y) as one, tsw.Explorer(model, X[5:], Y[5:]) as other:
        other.layer = "dense"
        lives = [Looks(one), Always(other, "batch")]
        fit(model, *lives)
        after = np.asarray(model(X[5:6]))[0]
        np.testing.assert_allclose(other.data()["layer"], after, rtol=1e-4)
        assert len(lives[0].seen) == 4


def test_a_loop_of_ones_own(explorer: tsw.Explorer) -> None:
    model, live = explorer.model, Looks(explorer, record=True)
    for epoch in range(2):
        model.train_on_batch(X[:8], Y[:8])
        live.on_epoch_end(epoch, {"loss": np.float32(0.5)})
    live.on_train_end()
    assert [epoch for epoch, _, _ in live.seen] == [1, 2, 2]
    assert live.record is not None
    assert live.record.epochs.tolist() == [1, 2]
    assert said(explorer).startswith("trained 2 epochs · loss 0.5 · ")


PANELS = {
    "attribution": ("values", lambda: compiled(conv())),
    "ablation": ("after", lambda: compiled(conv())),
    "recurrent": ("so_far", lambda: compiled(lstm())),
}


@pytest.mark.parametrize(
    "panel", ["ablation", *(pytest.param(one, marks=SLOW) for one in ("attribution", "recurrent"))]
)
def test_other_panels_show_the_new_weights(panel: str) -> None:
    """As an explorer shows it that was opened afterwards."""
    name, build = PANELS[panel]
    model = build()

    def values(explorer: tsw.Explorer) -> np.ndarray:
        found = explorer.data()[name]
        return np.asarray(found)

    with tsw.Explorer(model, X, Y) as explorer:
        explorer.panel = panel
        if panel == "ablation":
            explorer.removed = [1]
        before = values(explorer)
        fit(model, Always(explorer))
        shown = values(explorer)
        new = keras.models.clone_model(model)
        new.set_weights(model.get_weights())
        with tsw.Explorer(new, X, Y) as fresh:
            for trait in ("panel", "layer", "filter", "removed"):
                setattr(fresh, trait, getattr(explorer, trait))
            np.testing.assert_allclose(shown, values(fresh), rtol=1e-4, atol=1e-6)
        assert not np.allclose(before, shown)


# -- what can go wrong -------------------------------------------------------------------------------------------------


def test_another_model_is_an_error_before_anything_is_trained(explorer: tsw.Explorer) -> None:
    other = compiled(conv())
    before = other.get_weights()
    with pytest.raises(
        ValueError, match=r"Expected the training of a model that shares weights with .*; got .*\. Open"
    ):
        fit(other, tsw.LiveCallback(explorer))
    assert same(before, other.get_weights())


def test_models_that_share_layers_are_fine() -> None:
    model = compiled(conv())
    part = keras.Model(model.inputs, model.get_layer("conv").output)
    whole = compiled(
        keras.Sequential([keras.layers.Input((20, 3)), model, keras.layers.Dense(2, activation="softmax")])
    )
    for shown, trained in ((part, model), (model, whole)):
        with tsw.Explorer(shown, X) as explorer:
            explorer.layer = "conv"
            fit(trained, Always(explorer))
            expected = model.get_layer("conv")(X[:1])[0]
            np.testing.assert_allclose(explorer.data()["layer"], expected, rtol=1e-4, atol=1e-6)


def test_a_closed_explorer_does_not_stop_the_training(explorer: tsw.Explorer, caplog: pytest.LogCaptureFixture) -> None:
    class Closing(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                explorer.close()

    with caplog.at_level(logging.WARNING):
        history = fit(explorer.model, Closing(), Always(explorer), epochs=4)
    assert len(history.history["loss"]) == 4
    assert [record.message for record in caplog.records] == [
        "the explorer is closed: the training goes on without pictures"
    ]


def test_what_a_picture_raises_is_shown_and_logged_and_the_training_goes_on(
    explorer: tsw.Explorer, caplog: pytest.LogCaptureFixture
) -> None:
    live, panel = Always(explorer), explorer._panel
    compute, broken = panel.compute, True

    def failing(*args: Any) -> Any:
        if broken:
            raise RuntimeError("the picture fell off the wall")
        return compute(*args)

    panel.compute = failing  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR):
        assert len(fit(explorer.model, live).history["loss"]) == 3
    assert said(explorer).startswith("trained 3 epochs · loss 0.")
    assert "the picture fell off the wall" in said(explorer)
    assert caplog.records
    broken = False
    explorer.sample = 3
    assert explorer.data()["input"] == pytest.approx(X[3])
    assert "fell off" not in said(explorer)


def test_a_picture_that_takes_too_long_is_left_out(explorer: tsw.Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    live, panel, told = Always(explorer), explorer._panel, []
    compute = panel.compute
    monkeypatch.setattr("tswidgets.widgets.live.PATIENCE", 0.05)

    def slow(selection: Any, token: Any = None) -> Any:
        for _ in range(10 if slowly else 0):
            threading.Event().wait(0.05)
            token.check()
        return compute(selection, token)

    class Listening(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            nonlocal slowly
            told.append(said(explorer))
            slowly = epoch < 1

    slowly = True
    panel.compute = slow  # type: ignore[method-assign]
    fit(explorer.model, live, Listening())
    assert "picture left out: not ready after 0.05 s" in told[0]
    assert "left out" not in said(explorer)
    shown = explorer.data()["prediction"]
    np.testing.assert_allclose(shown, np.asarray(explorer.model(X[:1]))[0], rtol=1e-4)


def test_an_interrupted_training_leaves_everything_working(explorer: tsw.Explorer) -> None:
    class Interrupting(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.model.optimizer.iterations > 4:
                raise KeyboardInterrupt

    live = Always(explorer)
    with pytest.raises(KeyboardInterrupt):
        fit(explorer.model, live, Interrupting())
    explorer.sample = 7
    expected = np.asarray(explorer.model(X[7:8]))[0]
    np.testing.assert_allclose(explorer.data()["prediction"], expected, rtol=1e-4)
    looks = Looks(explorer)
    fit(explorer.model, looks)
    assert len(looks.seen) == 4


def test_a_mistake_of_the_model_stays_the_models_own(threaded: bool) -> None:
    with tsw.Explorer(compiled(conv()), X, Y) as explorer:
        with pytest.raises(Exception, match="Negative dimension size"):
            explorer.model.fit(X[:, :3], Y, verbose=0, callbacks=[Always(explorer)])
        explorer.sample = 1
        assert explorer.data()["input"] == pytest.approx(X[1])


def test_sliders_work_while_the_model_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of its own drags, as a front end's messages do; the training does not notice that, either."""
    monkeypatch.setattr("tswidgets.widgets.refresher._in_kernel", lambda: True)
    results = []
    for drag in (False, True):
        keras.utils.set_random_seed(1)
        model = compiled(normalised())
        with tsw.Explorer(model, X, Y) as explorer:
            stop, dragged = threading.Event(), [0]

            def dragging(explorer: tsw.Explorer = explorer, stop: Any = stop, dragged: Any = dragged) -> None:
                while not stop.wait(0.002):
                    dragged[0] += 1
                    explorer.sample = dragged[0] % len(X)
                    explorer.layer = explorer.layers[dragged[0] // 7 % len(explorer.layers)]

            hand = threading.Thread(target=dragging)
            live = tsw.LiveCallback(explorer, "batch")
            if drag:
                hand.start()
            fit(model, live, epochs=6, arrays=True)
            if drag:
                stop.set()
                hand.join(20)
                assert not hand.is_alive() and dragged[0] > 10
            expected = np.asarray(model(X[explorer.sample : explorer.sample + 1], training=False))[0]
            np.testing.assert_allclose(explorer.data()["prediction"], expected, rtol=1e-4, atol=1e-6)
        results.append(model.get_weights())
    assert same(*results)


@pytest.mark.parametrize(
    ("every", "error"),
    [
        ("epochs", ValueError),
        (0, ValueError),
        (-1.0, ValueError),
        (np.inf, ValueError),
        (True, TypeError),
        (None, TypeError),
    ],
)
def test_odd_arguments(explorer: tsw.Explorer, every: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"Expected every to be 'epoch', 'batch' or a number of seconds .*; got .*\. Pass"):
        tsw.LiveCallback(explorer, every)


def test_odd_explorers_and_layers(explorer: tsw.Explorer) -> None:
    with pytest.raises(TypeError, match=r"got a Sequential\. Open one first"):
        tsw.LiveCallback(explorer.model)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Expected layers and sample with record=True only"):
        tsw.LiveCallback(explorer, layers=["conv"], sample=0)
    with pytest.raises(ValueError, match="Did you mean 'conv'"):
        tsw.LiveCallback(explorer, record=True, layers=["cnv"])
    with pytest.raises(ValueError, match="Name one layer at least"):
        tsw.LiveCallback(explorer, record=True, layers=[])
    with pytest.raises(IndexError, match="sample 0 to 23"):
        tsw.LiveCallback(explorer, record=True, sample=24)
    assert "LiveCallback(Explorer(" in repr(tsw.LiveCallback(explorer))


def test_a_training_in_a_thread_of_its_own(explorer: tsw.Explorer) -> None:
    """What docs/live-training.md says for front ends that deliver sliders between cells only."""
    model, looks = explorer.model, Looks(explorer)
    training = threading.Thread(target=fit, args=(model, looks))
    training.start()
    training.join(60)
    assert not training.is_alive()
    assert len(looks.seen) == 4
    explorer.sample = 2
    np.testing.assert_allclose(explorer.data()["prediction"], np.asarray(model(X[2:3]))[0], rtol=1e-4)
