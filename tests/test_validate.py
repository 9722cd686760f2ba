"""Bad input: an error in three parts at the boundary, and nothing lost."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import tswidgets as tsw

THREE_PARTS = re.compile(r"^Expected .+; got .+\. .+[.)?]$", re.DOTALL)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    layers = [keras.layers.Conv1D(4, 5, name="conv_1"), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((20, 2)), *layers])


X = np.random.default_rng(0).normal(size=(6, 20, 2)).astype(np.float32)


def refuse(kind: type[Exception], *words: str, model: Any, X: Any = X, y: Any = None, **options: Any) -> None:
    with pytest.raises(kind) as caught:
        tsw.Explorer(model, X, y, **options)
    assert THREE_PARTS.match(str(caught.value)), caught.value
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("thing", [None, "model.keras", keras.Sequential, keras.layers.Dense(2), np.ones(3)])
def test_something_else_than_a_model(thing: Any) -> None:
    refuse(TypeError, "Keras 3 model", model=thing)


def test_a_model_that_was_not_built_is_built_from_X_or_refused_without() -> None:
    unbuilt = keras.Sequential([keras.layers.Conv1D(2, 3), keras.layers.GlobalMaxPooling1D()])
    with pytest.raises(ValueError, match="has not been built") as caught:
        tsw.Probe(unbuilt)
    assert THREE_PARTS.match(str(caught.value))
    with tsw.Explorer(unbuilt, X) as explorer:
        assert explorer.data()["layer"].shape == (18, 2)


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        (X.astype(int), TypeError, ["int64", "astype"]),
        (X > 0, TypeError, ["bool"]),
        (X.astype(complex), TypeError, ["complex", "magnitude"]),
        (X.astype(object), TypeError, ["object", "astype"]),
        (X.astype(str), TypeError, ["<U"]),
        (X[0, 0], ValueError, ["(2,)", "X[None]"]),
        (X[None], ValueError, ["(1, 6, 20, 2)"]),
        (X[:0], ValueError, ["(0, 20, 2)"]),
        (X[:, :0], ValueError, ["(6, 0, 2)"]),
        ([], ValueError, ["empty list"]),
        ([X[0], X[1][:0]], ValueError, ["series 1"]),
        ([X[0], X[1][:, :1]], ValueError, ["2 in series 0 and 1 in series 1"]),
        ([X[0], X], ValueError, ["item 1"]),
        ({"a": X}, TypeError, ["dict"]),
        (np.zeros((6, 20, 3), np.float32), ValueError, ["2 channels", "3 in X"]),
        (np.zeros((6, 2, 20), np.float32), ValueError, ["transpose(0, 2, 1)"]),
        (np.zeros((6, 25, 2), np.float32), ValueError, ["20 time steps", "25 in series 0"]),
        ([X[0], X[1][:7]], ValueError, ["7 in series 1", "keras.Input((None, 2))"]),
        (np.zeros((6, 20), np.float32), ValueError, ["2 channels", "1 in X"]),
    ],
)
def test_X_that_does_not_fit(model: keras.Model, bad: Any, kind: type[Exception], words: list[str]) -> None:
    refuse(kind, *words, model=model, X=bad)


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        ([0, 1], ValueError, ["6 samples", "2 labels"]),
        (3, ValueError, ["a single value"]),
        ([0, 1, 2, 3, 0, 0], ValueError, ["0 to 2", "0 to 3"]),
        ([1, 2, 3, 1, 2, 3], ValueError, ["Subtract 1"]),
        (["walk"] * 6, TypeError, ["class_names"]),
        (np.zeros((6, 19)), ValueError, ["19 labels for the 20 steps of sample 0"]),
    ],
)
def test_y_that_does_not_fit(model: keras.Model, bad: Any, kind: type[Exception], words: list[str]) -> None:
    refuse(kind, *words, model=model, y=bad)


def test_unknown_class_names_come_with_near_ones(model: keras.Model) -> None:
    names = ["walking", "running", "sitting"]
    refuse(
        ValueError, "'runing'", "Did you mean 'running'", model=model, y=["walking"] * 5 + ["runing"], class_names=names
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channel_names": ["x"]}, ["2 channel_names"]),
        ({"class_names": ["a", "b"]}, ["3 class_names"]),
        ({"sampling_rate": 0}, ["positive sampling_rate"]),
        ({"sampling_rate": -5.0}, ["positive sampling_rate"]),
        ({"sampling_rate": "50 Hz"}, ["'50 Hz'"]),
        ({"sampling_rate": float("nan")}, ["nan"]),
    ],
)
def test_names_and_rates_that_do_not_fit(model: keras.Model, options: dict[str, Any], words: list[str]) -> None:
    refuse(ValueError, *words, model=model, **options)


def test_an_unknown_option_is_refused(model: keras.Model) -> None:
    with pytest.raises(TypeError, match="sampling_frequency"):
        tsw.Explorer(model, X, sampling_frequency=50)


@pytest.mark.parametrize(
    ("name", "value", "kind", "words"),
    [
        ("layer", "conv_2", ValueError, ["'conv_2'", "Did you mean 'conv_1'"]),
        ("filter", 4, IndexError, ["0 to 3", "got 4"]),
        ("filter", -5, IndexError, ["got -5"]),
        ("sample", 6, IndexError, ["0 to 5"]),
        ("step", 16, IndexError, ["0 to 15"]),
    ],
)
def test_what_cannot_be_chosen_is_refused_and_the_picture_stays(
    model: keras.Model, name: str, value: Any, kind: type[Exception], words: list[str]
) -> None:
    with tsw.Explorer(model, X) as explorer:
        before, data = explorer.selection, explorer.data()
        with pytest.raises(kind) as caught:
            setattr(explorer, name, value)
        assert THREE_PARTS.match(str(caught.value))
        assert all(word in str(caught.value) for word in words)
        assert explorer.selection == before
        assert all(np.array_equal(explorer.data()[key], data[key]) for key in data)
        explorer.sample = 3
        assert np.array_equal(explorer.data()["input"], X[3])


def test_negative_indices_count_from_the_end(model: keras.Model) -> None:
    with tsw.Explorer(model, X) as explorer:
        explorer.sample, explorer.filter = -1, -1
        assert (explorer.sample, explorer.filter) == (5, 3)


def test_nothing_is_left_behind_by_a_refused_explorer(model: keras.Model) -> None:
    import ipywidgets

    before = set(ipywidgets.widgets.widget._instances)
    refuse(ValueError, model=model, X=np.zeros((6, 25, 2), np.float32))
    assert set(ipywidgets.widgets.widget._instances) <= before


def _objects(items: list[Any]) -> np.ndarray:
    made = np.empty(len(items), object)
    made[:] = items
    return made


@pytest.mark.parametrize("kind", ["pandas", "xarray", "float64", "float16", "list", "object array"])
def test_what_numpy_can_read_is_accepted(kind: str) -> None:
    one_channel = keras.Sequential([keras.Input((20, 1)), keras.layers.Conv1D(2, 3), keras.layers.Flatten()])
    wave = X[..., 0]
    given: Any = {
        "pandas": pd.DataFrame(wave),
        "xarray": xr.DataArray(wave[..., None], dims=["sample", "time", "channel"]),
        "float64": wave.astype(np.float64),
        "float16": wave.astype(np.float16),
        "list": [pd.DataFrame(one) for one in wave],
        "object array": _objects(list(wave)),
    }[kind]
    with tsw.Explorer(one_channel, given, pd.Series(np.arange(6.0))) as explorer:
        explorer.sample = 2
        assert explorer.data()["input"][:, 0] == pytest.approx(wave[2], abs=2e-3)


def test_labels_come_in_many_forms(model: keras.Model) -> None:
    classes = np.array([0, 1, 2, 0, 1, 2])
    names = ["a", "b", "c"]
    for y in (classes, classes.astype(float), np.eye(3)[classes], [names[i] for i in classes], pd.Series(classes)):
        with tsw.Explorer(model, X, y, class_names=names) as explorer:
            explorer.sample = 4
            assert "labelled b" in explorer._status.value


def test_the_users_arrays_stay_as_they_are(model: keras.Model) -> None:
    given, labels = X.copy(), np.zeros(6, int)
    given[2, 3, 1], given[2, 4, 1] = np.nan, np.inf
    kept = given.copy()
    given.flags.writeable = labels.flags.writeable = False
    with tsw.Explorer(model, given, labels) as explorer:
        explorer.sample = 2
        assert "2 values missing or infinite" in explorer._panel.series._caption.value
        assert "not a number" in explorer._status.value
        explorer.sample = 0
        assert np.isfinite(explorer.data()["activation"]).all()
    assert np.array_equal(given, kept, equal_nan=True)


@pytest.mark.parametrize(
    "given, got",
    [
        ({"a": X}, "'a'"),
        ({"a": X, "c": X}, "'a', 'c'"),
        ([X], "1 of them"),
        (X, "one ndarray"),
        ({"a": X, "b": X[:3]}, "3 in 'b'"),
        ({"a": X, "b": X[:, :10]}, "10 in series 0"),
    ],
)
def test_a_model_with_several_inputs(given: Any, got: str) -> None:
    a, b = keras.Input((20, 2), name="a"), keras.Input((20, 2), name="b")
    model = keras.Model([a, b], keras.layers.Add()([a, b]))
    expected = "the same number of samples" if "3 in" in got else "20 time steps" if "10 in" in got else "2 arrays in X"
    refuse(ValueError, expected, got, model=model, X=given)
