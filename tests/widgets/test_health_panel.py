"""The panel that points at the first bad layer, without a browser: what it shows is what `statistics` finds."""

from __future__ import annotations

import re
import threading
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import case, randomise, series
from tswidgets.analysis.dead import STATES
from tswidgets.selection import Selection
from tswidgets.widgets import checkup
from tswidgets.widgets.panels.health import HealthPanel
from tswidgets.widgets.refresher import Cancelled, Refresher
from tswidgets.widgets.subject import bind

X = series(30, 24, 3)


@cache
def _built() -> tuple[keras.Model, list[np.ndarray]]:
    keras.utils.set_random_seed(1)
    layers = [L.Conv1D(8, 3, activation="relu", name="c1"), L.Conv1D(300, 3, activation="relu", name="c<2>")]
    layers += [L.AveragePooling1D(2, name="pool"), L.LSTM(4, name="lstm")]
    model = keras.Sequential([keras.Input((24, 3)), *layers, L.Dense(2, activation="softmax", name="out")])
    return model, model.get_weights()


def build(bias: float = 0.0) -> keras.Model:
    """One model, compiled once, as it was in the beginning; with `bias` its second layer is dead."""
    model, weights = _built()
    model.set_weights(weights)
    model.get_layer("c<2>").bias.assign(np.full(300, bias))
    return model


def explore(model: Any, *data: Any, **options: Any) -> tsw.Explorer:
    return tsw.Explorer(model, *data, **{"panels": ["health"], **options})


@pytest.fixture
def broken() -> keras.Model:
    return build(-50.0)


def rows(explorer: tsw.Explorer) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in explorer._panel.layers.rows}


def cells(explorer: tsw.Explorer, name: str) -> np.ndarray:
    """(n_cells, 2) of one row."""
    pairs = np.frombuffer(explorer._panel.layers.cells, np.uint8).reshape(-1, 2)
    at = 0
    for row in explorer._panel.layers.rows:
        if row["name"] == name:
            return pairs[at : at + row["cells"]]
        at += row["cells"]
    raise KeyError(name)


def test_it_shows_what_the_function_finds(broken: keras.Model) -> None:
    with explore(broken, X) as explorer:
        data, expected = explorer.data(), tsw.statistics(broken, X)
        assert data["samples"] == list(range(30))
        assert data["first"] == expected.first == data["statistics"].findings[0]
        for one, other in zip(data["statistics"].layers, expected.layers, strict=True):
            for name in ("n", "zeros", "mean", "std", "low", "high"):
                np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, err_msg=one.layer)
        shown = rows(explorer)
        assert list(shown) == ["X", "c1", "c<2>", "pool", "lstm", "out"]  # what goes into an activation is no row
        assert shown["c1"]["zeros"] == pytest.approx(expected["c1"].zeros.mean())
        np.testing.assert_array_equal(cells(explorer, "c1")[:, 0], np.round(100 * expected["c1"].zeros))


def test_the_first_bad_layer_is_pointed_at_in_words_and_by_a_sign(broken: keras.Model) -> None:
    with explore(broken, X) as explorer:
        shown, verdict = rows(explorer), explorer._panel.view.verdict.value
        assert "The first bad layer is c&lt;2&gt;" in verdict and "What to try" in verdict and "−" in verdict
        assert [row["mark"] for row in shown.values()] == ["", "", "▶", "", "", ""]
        assert shown["c<2>"]["spoken"].startswith(
            "First bad layer: c<2>, Conv1D, 300 filters, dead; size of the values 0"
        )
        assert [row["told"] for row in shown.values()][2:4] == ["dead", "dead, from before"]
        assert "first bad layer: c&lt;2&gt;, dead" in explorer._status.value
        assert set(cells(explorer, "c<2>")[:, 1]) == {2} and set(cells(explorer, "pool")[:, 1]) == {1}
        assert len(cells(explorer, "c<2>")) <= 120
    with explore(build(), X) as explorer:
        assert "No layer is bad" in explorer._panel.view.verdict.value
        assert not any(row["wrong"] for row in rows(explorer).values())


def test_sizes_stand_in_their_order_on_an_axis_of_powers_of_ten(broken: keras.Model) -> None:
    with explore(broken, X) as explorer:
        sizes = {one.layer: one.size for one in explorer.data()["statistics"].layers}
        places = {name: row["size"] for name, row in rows(explorer).items()}
        ticks = {float(label): place for place, label in explorer._panel.layers.ticks}
        assert places["pool"] == places["c<2>"] == ticks[0.0] < min(places["c1"], places["X"])
        powers = sorted(place for label, place in ticks.items() if label)
        assert len(powers) >= 2 and all(0 <= place <= 1 for place in powers)
        for name in ("X", "c1"):
            (a, at_a), (b, at_b) = sorted((label, place) for label, place in ticks.items() if label)[:2]
            share = (np.log10(sizes[name]) - np.log10(a)) / (np.log10(b) - np.log10(a))
            assert places[name] == pytest.approx(at_a + share * (at_b - at_a), abs=1e-6)


def test_a_row_chooses_the_layer_and_the_layer_its_row(broken: keras.Model) -> None:
    with explore(broken, X) as explorer:
        explorer._panel.layers.layer = "pool"  # as a click does
        assert explorer.layer == "pool" == explorer._controls.layer.value
        explorer.layer = "c1:pre-activation"
        assert explorer._panel.layers.layer == "c1:pre-activation"
        assert [row["chosen"] for row in rows(explorer).values()] == [False, True, True, True, True, True]


def test_what_is_not_finite_is_a_sign_in_every_row_after_it() -> None:
    x = X.copy()
    x[11, 2, 1] = np.nan
    with explore(build(), x) as explorer:
        shown = rows(explorer)
        assert explorer.data()["first"].sample == 11
        assert (
            "The data are bad" in explorer._panel.view.verdict.value
            and "sample 11" in explorer._panel.view.verdict.value
        )
        assert shown["X"]["told"] == "1 of 3 not finite" and shown["out"]["told"] == "not finite, from before"
        assert all(row["unreal"] > 0 for row in shown.values())


def test_a_large_set_is_looked_at_in_part_and_says_so(broken: keras.Model) -> None:
    x = series(700, 24, 3)
    with explore(broken, x) as explorer:
        data = explorer.data()
        assert len(data["samples"]) == data["statistics"].n_samples == 256
        assert (data["samples"][0], data["samples"][-1]) == (0, 699)
        assert "over 256 of 700 samples, evenly spread" in explorer._panel.view.caption.value
        expected = tsw.statistics(broken, x[data["samples"]])
        np.testing.assert_allclose(data["statistics"]["c1"].std, expected["c1"].std, rtol=1e-9)


def test_series_of_different_lengths_and_several_inputs() -> None:
    found = case("masked_lstm")
    x = [one[:n] for one, n in zip(found.x, (12, 9, 12), strict=True)]
    with explore(found.model, x) as explorer:
        assert explorer.data()["statistics"]["X"].n[0] == 27  # masked steps are none
        assert sorted(explorer.data()["samples"]) == [0, 1, 2]
    found = case("several_outputs")
    with explore(found.model, found.x) as explorer:
        assert len([name for name in rows(explorer) if name.startswith("X")]) == len(keras.tree.flatten(found.x))


def test_pictures_come_while_it_counts_and_cancel_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "AT_ONCE", 1)
    monkeypatch.setattr(checkup, "PATIENCE", -1)
    model = build()
    subject = bind(model, X, None)
    panel = HealthPanel(subject, lambda: None)
    selection = Selection(layer="c1", filter=0, sample=0, scale="filter")
    pictures = panel.compute(selection)
    first, second = next(pictures), next(pictures)
    assert first.found is None and second.found.n_samples == 1 and second.progress == (1, 30, "samples")
    panel.show(first)
    assert "being counted" in panel.view.verdict.value and not panel.layers.rows
    panel.show(second)
    assert "so far over 1 of 30 samples" in panel.view.caption.value and len(panel.layers.rows) == 6

    class Stale:
        def check(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(panel.compute(selection, Stale()))  # type: ignore[arg-type]
    pictures = list(panel.compute(selection))  # goes on where it was
    assert pictures[0].found.n_samples == 2 and pictures[-1].found.n_samples == 30
    assert pictures[-1].progress == (0, 0, "")
    whole = tsw.statistics(model, X)
    np.testing.assert_allclose(pictures[-1].found["lstm"].std, whole["lstm"].std, rtol=1e-5)
    assert len(list(panel.compute(selection))) == 1  # known by now


def test_other_weights_are_looked_at_anew() -> None:
    model = build()
    with explore(model, X) as explorer:
        assert explorer.data()["first"] is None
        model.get_layer("c1").bias.assign(np.full(8, -50.0))
        explorer.refresh()
        assert explorer.data()["first"].layer == "c1"
        assert "first bad layer is c1" in explorer._panel.view.verdict.value
        model.get_layer("c1").kernel.assign(np.full((3, 3, 8), np.nan))
        explorer.refresh()
        assert explorer.data()["first"].kind == "not finite"
        assert rows(explorer)["out"]["size"] is None


def test_it_follows_a_training() -> None:
    model = randomise(keras.Sequential([keras.Input((24, 3)), L.Flatten(name="flat"), L.Dense(2, name="out")]))
    model.compile(keras.optimizers.SGD(1e30), "mse", jit_compile=False)
    with explore(model, X) as explorer:
        assert explorer.data()["first"] is None
        live = tsw.LiveCallback(explorer)
        model.fit(X, np.zeros((30, 2)), epochs=3, verbose=0, callbacks=[live])
        assert explorer.data()["first"].kind == "not finite"
        assert "trained 3 epochs" in explorer._status.value


def test_a_failure_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was wrong once may be right the next time."""
    model = build()
    with explore(model, X) as explorer:
        model.get_layer("c1").bias.assign(np.full(8, 0.5))
        panel: HealthPanel = explorer._panel
        good = checkup.statistics_of

        def bad(fed: Any) -> Any:
            raise MemoryError("no room")
            yield

        monkeypatch.setattr(checkup, "statistics_of", bad)
        with pytest.raises(MemoryError):
            explorer.refresh()
        assert "no room" in explorer._status.value
        monkeypatch.setattr(checkup, "statistics_of", good)
        panel._checkup = None
        explorer.refresh()
        assert explorer.data()["statistics"].n_samples == 30


def test_a_page_holds_it_and_its_rows_turn_it(broken: keras.Model, tmp_path: Path) -> None:
    with explore(broken, X) as explorer:
        made = explorer.to_html(tmp_path / "health.html", samples=[0])
        html = (tmp_path / "health.html").read_text()
        assert (
            "first bad layer is c&amp;lt;2" in html
            or "first bad layer is c\\u003c" in html
            or "first bad layer" in html
        )
        menus = re.findall(r'"menu": "IPY_MODEL_\w+"', html)
        assert len(menus) == 1
        assert made.layers == tuple(explorer.layers)
        assert explorer._panel.layers.menu is None
        with pytest.raises(ValueError, match=r"Expected a panel with figures; got 'health', .*\. Write a page"):
            explorer.save(tmp_path / "health.png")


def test_there_is_no_time_axis_to_zoom_in(broken: keras.Model) -> None:
    with explore(broken, X, panels=["activations", "health"]) as explorer:
        assert explorer._controls.zoom.layout.display is None
        explorer.panel = "health"
        assert explorer._controls.zoom.layout.display == explorer._controls.reset.layout.display == "none"
        explorer.panel = "activations"
        assert explorer._controls.zoom.layout.display is None


def test_it_works_beside_the_kernels_own_thread(broken: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a worker, while the layer is chosen again and again: the last picture is of all samples."""
    original = Refresher.__init__

    def threaded(self: Refresher[Any, Any], *args: Any, **options: Any) -> None:
        original(self, *args, **{**options, "threaded": True})

    monkeypatch.setattr(Refresher, "__init__", threaded)
    monkeypatch.setattr(checkup, "AT_ONCE", 1)
    with explore(broken, X) as explorer:
        assert explorer._works_beside and threading.current_thread() is threading.main_thread()
        for layer in ("c1", "pool", "lstm", "out", "c<2>"):
            explorer.layer = layer
        data = explorer.data()
        assert data["statistics"].n_samples == 30 and data["first"].layer == "c<2>"
        assert STATES[data["statistics"]["c<2>"].states[0]] == "dead"
