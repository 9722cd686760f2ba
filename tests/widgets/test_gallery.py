"""All filters of a layer apart: what the browser is sent, against the functions and a search by hand."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import randomise, series
from tswidgets.analysis.dead import STATES
from tswidgets.analysis.units import unit_order
from tswidgets.plots.colors import palette

X = series(20, 30, 3)


def model() -> keras.Model:
    """A layer whose filter 1 is dead, 2 constant, 3 saturated and 4 not a number; then units."""
    found = randomise(
        keras.Sequential(
            [
                keras.Input((30, 3)),
                L.Conv1D(6, 5, activation="tanh", name="conv"),
                L.Conv1D(5, 3, activation="relu", name="rectified"),
                L.LSTM(7, name="lstm"),
                L.Dense(2, name="head"),
            ]
        )
    )
    kernel, bias = found.get_layer("conv").get_weights()
    for filter, slope, offset in ((1, 0, 0), (2, 0, 0.3), (3, 0.01, 3), (4, 0, np.nan)):
        kernel[:, :, filter] *= slope
        bias[filter] = offset
    found.get_layer("conv").set_weights([kernel, bias])
    rectified, shift = found.get_layer("rectified").get_weights()
    rectified[:, 4] = 0  # the next layers do not see what is not a number: 0 times NaN is, so nothing is seen of it
    found.get_layer("rectified").set_weights([rectified, shift])
    return found


@pytest.fixture(scope="module")
def opened() -> Any:
    with tsw.Explorer(model(), X) as made:
        yield made


@pytest.fixture
def explorer(opened: Any) -> Any:
    """One for all tests, as it is when it is opened; what one test does to the weights is undone."""
    weights = opened._subject.model.get_weights()
    opened.layer, opened.filter, opened.sample, opened.step, opened.scale = "conv", 0, 0, None, "filter"
    opened.all_filters, opened.unit_order = "picture", "index"
    opened.data()
    yield opened
    opened._subject.model.set_weights(weights)


def order_of(gallery: Any) -> list[int]:
    return np.frombuffer(gallery.order, "<i4").tolist()


def told(gallery: Any) -> list[str]:
    return [STATES[number] for number in gallery.marks]


def names(message: dict[str, Any]) -> set[str]:
    """The traits that a message to the browser holds; bytes travel beside it."""
    return {*message["state"], *(path[0] for path in message["buffer_paths"])}


def test_the_picture_is_first_and_the_gallery_takes_its_place(explorer: Any) -> None:
    panel = explorer._panel
    assert explorer.all_filters == "picture" and panel.whole.mode.value == "picture"
    assert panel.whole.gallery.layout.display == panel.whole.order.layout.display == "none"
    panel.whole.mode.value = "rows"  # as the browser does
    explorer.data()
    assert explorer.all_filters == "rows" and panel.whole.gallery.mode == "rows"
    assert panel.whole.gallery.layout.display is None and panel.layer.figure.layout.display == "none"
    explorer.all_filters = "picture"
    explorer.data()
    assert panel.whole.gallery.layout.display == "none" and panel.layer.figure.layout.display is None
    np.testing.assert_array_equal(panel.layer._raster.rows.max, 5.5)
    with pytest.raises(Exception, match="all_filters"):
        explorer.all_filters = "bars"


@pytest.mark.parametrize("by", ["activity", "similarity"])
def test_the_order_is_that_of_the_function(explorer: Any, by: str) -> None:
    gallery = explorer._panel.whole.gallery
    explorer.all_filters, explorer.sample = "curves", 3
    explorer.data()
    assert gallery.order == b""  # by number
    explorer.unit_order = by
    values = explorer.data()["layer"]
    assert order_of(gallery) == unit_order(values, by).tolist()
    assert sorted(order_of(gallery)) == list(range(6)) and order_of(gallery)[-1] == 4
    explorer.unit_order = "index"
    explorer.data()
    assert gallery.order == b""


def test_what_is_marked_is_what_a_search_by_hand_finds(explorer: Any) -> None:
    explorer.all_filters = "curves"
    explorer.data()
    gallery = explorer._panel.whole.gallery
    assert told(gallery) == ["", "dead", "constant", "saturated", "not a number", ""]
    assert gallery.samples == 16
    probe = tsw.Probe(explorer._subject.model)
    seen = [probe.observe(X[i][None])["conv"][0] for i in np.unique(np.linspace(0, 19, 16).astype(int))]
    for filter, state in enumerate(told(gallery)):
        values = np.concatenate([one[:, filter] for one in seen])
        assert (state == "dead") == (values == 0).all()
        assert (state == "saturated") == ((np.abs(values) > 0.98).mean() >= 0.95)
        assert (state == "not a number") == np.isnan(values).any()


def test_marks_follow_the_weights(explorer: Any) -> None:
    explorer.all_filters = "curves"
    explorer.data()
    layer = explorer._subject.model.get_layer("conv")
    kernel, bias = layer.get_weights()
    bias[1] = 0.5
    layer.set_weights([kernel, bias])
    explorer.sample = 1
    explorer.data()
    assert told(explorer._panel.whole.gallery)[1] == "constant"


def test_nothing_is_sent_when_nothing_changed(explorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    explorer.all_filters, explorer.unit_order = "curves", "similarity"
    explorer.data()
    gallery, sent = explorer._panel.whole.gallery, []
    monkeypatch.setattr(gallery.comm, "send", lambda data, **_: sent.append(names(data)))
    explorer.filter = 5
    explorer.data()
    explorer.step = 3
    explorer.data()
    assert sent == []
    explorer.unit_order = "activity"
    explorer.data()
    assert sent == [{"order"}]


def test_nothing_is_computed_for_a_gallery_that_is_not_shown(explorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tswidgets.widgets import all_filters

    def fail(*_: Any) -> None:
        raise AssertionError("was asked")

    monkeypatch.setattr(all_filters, "unit_order", fail)
    monkeypatch.setattr(all_filters, "filter_states", fail)
    explorer.unit_order, explorer.layer, explorer.sample = "similarity", "lstm", 2
    assert explorer.data()["activation"].shape == ()
    assert explorer._pictures["activations"].overview is None


def test_the_scale_is_that_of_the_picture(explorer: Any) -> None:
    panel = explorer._panel
    explorer.layer, explorer.scale = "rectified", "sample"
    explorer._subject.model.get_layer("conv").set_weights(
        [np.nan_to_num(w) for w in explorer._subject.model.get_layer("conv").get_weights()]
    )
    explorer.sample = 1
    explorer.data()
    colors = panel.layer.colors.value
    explorer.all_filters = "rows"
    values = explorer.data()["layer"]
    assert panel.layer.colors.value == colors and "tsw-colorbar" in colors
    np.testing.assert_allclose(panel.whole.gallery.colors, [0, values.max()], rtol=1e-6)
    np.testing.assert_array_equal(np.frombuffer(panel.whole.gallery.palette, np.uint8), palette(False).ravel())
    explorer.all_filters = "curves"
    explorer.data()
    np.testing.assert_allclose(panel.whole.gallery.span, [values.min(), values.max()], rtol=1e-6)
    assert panel.layer.colors.value == ""


def test_units_are_ordered_by_what_they_answer_to_all_samples(explorer: Any) -> None:
    weights = explorer._subject.model.get_layer("conv").get_weights()
    explorer._subject.model.get_layer("conv").set_weights([np.nan_to_num(w) for w in weights])
    explorer.all_filters, explorer.layer, explorer.unit_order = "curves", "lstm", "similarity"
    explorer.data()
    probe, gallery = tsw.Probe(explorer._subject.model), explorer._panel.whole.gallery
    chosen = np.unique(np.linspace(0, 19, 16).astype(int))
    assert order_of(gallery) == unit_order(probe.observe(X[chosen])["lstm"], "similarity").tolist()
    explorer.unit_order = "activity"
    values = explorer.data()["layer"]
    assert order_of(gallery) == np.argsort(-np.abs(values), kind="stable").tolist()


def test_rows_of_a_map_are_shown_as_the_picture_shows_them() -> None:
    layers = [L.Reshape((24, 6, 1)), L.Conv2D(4, (1, 3), activation="relu", name="across"), L.Flatten(), L.Dense(1)]
    found, x = randomise(keras.Sequential([keras.Input((24, 6)), *layers])), series(3, 24, 6)
    kernel, bias = found.get_layer("across").get_weights()
    kernel[..., 2], bias[2] = 0, -1
    found.get_layer("across").set_weights([kernel, bias])
    with tsw.Explorer(found, x) as explorer:
        explorer.layer, explorer.all_filters, explorer.filter, explorer.unit_order = "across", "rows", 1, "activity"
        values = explorer.data()["activation"]
        gallery = explorer._panel.whole.gallery
        assert order_of(gallery) == np.argsort(-np.abs(values).mean(axis=0), kind="stable").tolist()
        assert "All 4 rows of filter 1 of across" in explorer._panel.whole._caption.value
        assert gallery.marks == b""
        explorer.filter = 2
        explorer.data()
        assert told(gallery) == ["dead"] * 4
        gallery.source.filter = 3  # as a click does
        assert (explorer.row, explorer.filter) == (3, 2)
    assert gallery.comm is None  # closed with the explorer


def test_padding_is_absent_and_no_reason_for_a_mark() -> None:
    layers = [L.Masking(), L.Dense(4, name="units"), L.GlobalAveragePooling1D(), L.Dense(1)]
    found, x = randomise(keras.Sequential([keras.Input((12, 2)), *layers])), series(4, 12, 2)
    x[:, 8:] = 0
    with tsw.Explorer(found, x) as explorer:
        explorer.layer, explorer.all_filters = "units", "rows"
        explorer.data()
        gallery = explorer._panel.whole.gallery
        assert list(gallery.absent) == [0] * 8 + [1] * 4
        assert gallery.marks == b""


def test_what_cannot_be_drawn_is_said() -> None:
    found = randomise(
        keras.Sequential(
            [keras.Input((8, 2)), L.Dense(3, name="a"), L.Permute((2, 1), name="b"), L.Flatten(), L.Dense(1)]
        )
    )
    with tsw.Explorer(found, series(2, 8, 2)) as explorer:
        explorer.all_filters, explorer.layer = "curves", "b"
        explorer.data()
        panel = explorer._panel
        assert not explorer._subject.taps["b"].drawable
        assert "Nothing to draw" in panel.whole._caption.value
        assert panel.cursor.kind == "other"
