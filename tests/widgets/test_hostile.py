"""An explorer under bad luck: closed while it computes, its model deleted, names without end."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import ipywidgets
import keras
import numpy as np
import pytest

import tswidgets as tsw
from tswidgets.widgets.lifetime import parts

X = np.random.default_rng(0).normal(size=(6, 40, 2)).astype(np.float32)


def model() -> keras.Model:
    layers = [keras.layers.Conv1D(4, 5, name="conv"), keras.layers.GlobalMaxPooling1D(), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((40, 2)), *layers])


class Gate:
    """Holds a computation until it is opened."""

    def __init__(self, compute: Callable[..., Any]) -> None:
        self._compute, self.reached, self.open = compute, threading.Event(), threading.Event()

    def __call__(self, *args: Any) -> Any:
        self.reached.set()
        assert self.open.wait(20)
        return self._compute(*args)


@pytest.fixture
def waiting() -> Any:
    """An explorer whose worker is in the midst of a computation, and the gate that it stands at."""
    explorer = tsw.Explorer(model(), X)
    explorer._refresher.threaded = True
    gate = Gate(explorer._refresher.compute)
    explorer._refresher.compute = gate
    explorer.sample = 1
    assert gate.reached.wait(20)
    yield explorer, gate
    gate.open.set()
    explorer.close()


def test_closing_while_computing_ends_the_worker_and_leaves_no_widget(waiting: Any) -> None:
    explorer, gate = waiting
    mine = {widget.model_id for widget in parts(explorer)}
    assert len(mine) > 50
    threading.Timer(0.2, gate.open.set).start()
    explorer.close()
    assert not [thread for thread in explorer._refresher._thread if thread.is_alive()]
    assert not mine & set(ipywidgets.widgets.widget._instances)
    explorer.sample = 2  # nothing happens, and nothing is raised


def test_the_last_of_many_changes_is_what_is_shown(waiting: Any) -> None:
    explorer, gate = waiting
    for sample in (2, 3, 4, 5):
        explorer.sample = sample
    gate.open.set()
    assert np.array_equal(explorer.data()["input"], X[5])


def test_a_model_that_nobody_else_holds_is_held_while_it_is_looked_at(waiting: Any) -> None:
    explorer, gate = waiting
    mine = weakref.ref(explorer._subject.model)
    gc.collect()  # as after `del model`
    gate.open.set()
    assert np.array_equal(explorer.data()["input"], X[1])
    assert mine() is not None


def test_a_closed_explorer_lets_its_model_go() -> None:
    made = model()
    gone = weakref.ref(made)
    explorer = tsw.Explorer(made, X)
    explorer.close()
    del made, explorer
    for _ in range(3):
        gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "name", ["x" * 2_000_000, "\u202eevil\u0000\n\t", "😀" * 50, "", "</div><script>alert(1)</script>"]
)
def test_names_of_any_kind(name: str) -> None:
    made = model()
    with tsw.Explorer(made, X, channel_names=[name, "b"], class_names=[name, "c"]) as explorer:
        explorer.sample = 2
        shown = [w.value for w in ipywidgets.widgets.widget._instances.values() if isinstance(w, ipywidgets.HTML)]
        assert not any("<script" in text for text in shown)
        assert repr(explorer)
