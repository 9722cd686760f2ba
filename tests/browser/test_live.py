"""A person watches a model while it is trained, and drags a slider meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from tests.browser.geometry import drawn_points
from tests.browser.lab import Notebook
from tests.browser.test_explorer import assert_curve_is, settled, until

MODEL = """
import time, keras, numpy as np, tswidgets as tsw
keras.utils.set_random_seed(0)
X = np.random.default_rng(0).normal(size=(64, 60, 2)).astype("float32")
y = (X[:, :30, 0].mean(axis=1) > 0).astype(int)
layers = [keras.layers.Conv1D(6, 7, activation="tanh", name="conv"), keras.layers.GlobalMaxPooling1D()]
model = keras.Sequential([keras.layers.Input((60, 2)), *layers, keras.layers.Dense(2, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
"""
SHOW = """
e = tsw.Explorer(model, X, y)
live = tsw.LiveCallback(e, every=0.3, record=True)  # whatever a picture costs on this machine
e
"""
TRAIN = """
class Until(keras.callbacks.Callback):  # ten epochs after the slider has arrived
    left = 10

    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.2)
        self.left -= e.sample > 20
        self.model.stop_training = self.left <= 0

model.fit(X, y, epochs=200, verbose=0, callbacks=[Until(), live])
"""

START = "code => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code }); }"
AT = np.arange(54) + 3  # the input steps at the centres of what the convolution's steps see


@pytest.fixture
def book(notebook: Callable[..., Notebook]) -> Notebook:
    opened = notebook(MODEL, SHOW, height=1700)
    opened.wait_for_explorer()
    return opened


def status(book: Notebook) -> str:
    return book.page.locator(".tsw-status").first.inner_text()


def test_the_picture_follows_the_training_and_the_slider(book: Notebook) -> None:
    book.drag("sample", 0.2)  # JupyterLab opens its second way into the kernel when the first slider is moved
    until(lambda: book.kernel("e.sample") > 5)
    book.page.evaluate(START, TRAIN)
    pictures: list[np.ndarray] = []

    def twice_another() -> bool:
        pictures.append(drawn_points(book.figure("curve"), 1))
        return len({one.tobytes() for one in pictures}) >= 3

    until(twice_another, 40)
    assert re.match(r"epoch \d+ of 200 · (batch \d of 2 · )?loss 0\.\d+ ", status(book))
    book.drag("sample", 0.5)
    until(lambda: re.match(r"epoch .* Sample [23]\d: ", status(book)) is not None, 40)  # while the cell is running
    until(lambda: status(book).startswith("trained "), 60)
    assert int(re.findall(r"\d+", status(book))[0]) < 200  # the slider was heard while the cell was running
    sample = settled(book)[2]
    assert 20 < sample < 45
    shown = np.array(book.kernel("e.data()['activation']"))
    assert_curve_is(book, np.array(book.kernel("tsw.activations(model, X[e.sample], 'conv').values[:, e.filter]")), AT)
    book.page.get_by_role("button", name="Training", exact=True).click()
    until(lambda: re.search(r"shown: epoch (\d+) of 0–\1", status(book)) is not None)
    book.drag("epoch", 0.0)
    until(lambda: "shown: before the training of 0–" in status(book))
    assert book.kernel("e.epoch") == 0
    assert not np.allclose(book.kernel("e.data()['activation']"), shown)
    book.drag("sample", 0.0)
    assert settled(book)[2] == 0
