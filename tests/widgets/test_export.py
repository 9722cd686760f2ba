"""A page holds what was asked for and nothing else, and opens without anything but itself."""

from __future__ import annotations

import base64
import getpass
import gzip
import json
import re
from pathlib import Path
from typing import Any

import bqplot
import ipywidgets
import numpy as np
import pytest

import tswidgets as tsw
from tswidgets.widgets.frames import Frames

N_SAMPLES, N_TIMESTEPS = 12, 30


@pytest.fixture(scope="module")
def explorer() -> Any:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((N_TIMESTEPS, 2)),
            keras.layers.Conv1D(5, 3, name="first"),
            keras.layers.Conv1D(3, 4, strides=2, name="second"),
            keras.layers.GlobalAveragePooling1D(name="mean"),
        ]
    )
    X = np.random.default_rng(1).normal(size=(N_SAMPLES, N_TIMESTEPS, 2)).astype(np.float32)
    with tsw.Explorer(model, X) as made:
        yield made


def part(html: str, kind: str) -> Any:
    found = re.search(rf'<script type="application/vnd.jupyter.widget-{kind}\+json">(.*?)</script>', html, re.DOTALL)
    return json.loads(found[1])


def book_of(html: str) -> tuple[dict[str, Any], bytes]:
    """The table of pages and the buffers behind it."""
    state = part(html, "state")["state"]
    (book,) = (one for one in state.values() if one["state"].get("_anywidget_id", "").endswith("book.Book"))
    (data,) = (one["data"] for one in book["buffers"] if one["path"] == ["pages"])
    raw = gzip.decompress(base64.b64decode(data))
    length = int.from_bytes(raw[:4], "little")
    return json.loads(raw[4 : 4 + length]), raw[4 + length :]


def shown(table: dict[str, Any], blob: bytes, choice: str, name: str) -> list[np.ndarray]:
    """float32 arrays of every key of that name on a page."""
    found = []
    for number, (_, key) in zip(table["pages"][choice], table["keys"], strict=True):
        if key == name and number >= 0:
            found += [np.frombuffer(blob[at : at + size], np.float32) for _, at, size in table["values"][number][1]]
    return found


def test_every_page_is_what_the_layer_answers_to_the_sample(explorer: Any, tmp_path: Path) -> None:
    explorer.layer, explorer.sample = "first", 0
    explorer.to_html(tmp_path / "page.html", samples=[7, 2], layers=["first", "second"])
    table, blob = book_of((tmp_path / "page.html").read_text())
    ways = {f"{mode},{order}" for mode in range(3) for order in range(3)}  # how all filters are shown
    assert set(table["pages"]) == {f"{i},{j},{way}" for i in range(2) for j in range(2) for way in ways}
    for i, layer in enumerate(["first", "second"]):
        for j, sample in enumerate([7, 2]):
            expected = tsw.activations(explorer._subject.model, explorer._subject.samples[sample], layer).values
            held = shown(table, blob, f"{i},{j},0,0", "values")
            assert any(one.size == expected.size and np.array_equal(one, expected.ravel()) for one in held)


def test_every_value_is_that_of_the_name_that_it_is_read_by(explorer: Any, tmp_path: Path) -> None:
    explorer.to_html(tmp_path / "page.html", samples=[0, 1])
    table, _ = book_of((tmp_path / "page.html").read_text())
    for page in table["pages"].values():
        for (_, name), number in zip(table["keys"], page, strict=True):
            state, places = table["values"][number] if number >= 0 else ({name: None}, [])
            assert name in state or name in [path[0] for path, *_ in places], name


def test_only_what_was_asked_for_is_in_it(explorer: Any, tmp_path: Path) -> None:
    explorer.layer, explorer.sample = "first", 5
    path = tmp_path / "page.html"
    made = explorer.to_html(path, samples=[2], layers=["first"])
    html = path.read_text()
    _, blob = book_of(html)
    held = blob + b"".join(
        base64.b64decode(one["data"])
        for state in part(html, "state")["state"].values()
        for one in state.get("buffers", [])
    )
    series = explorer._subject.samples
    assert np.ascontiguousarray(series[2][:, 0]).tobytes() in held
    for other in range(N_SAMPLES):
        assert other == 2 or np.ascontiguousarray(series[other][:, 0]).tobytes() not in held
    for private in (str(Path.home()), str(Path.cwd()), f"/{getpass.getuser()}/", str(tmp_path)):
        assert private not in html
    assert made.samples == (2,)
    assert made.n_bytes == path.stat().st_size
    assert "1 sample × 1 layer" in repr(made)


def test_nothing_is_loaded_from_elsewhere(explorer: Any, tmp_path: Path) -> None:
    explorer.to_html(tmp_path / "page.html", samples=[0], layers=["first"])
    html = (tmp_path / "page.html").read_text()
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", html.split("<script>", 1)[0])
    assert len(re.findall(r"^<script", html, re.MULTILINE)) == 7  # the view, the state, and five sources
    assert len(re.findall(r"^<script>", html, re.MULTILINE)) == 5


def test_the_explorer_and_its_widgets_are_as_before(explorer: Any, tmp_path: Path) -> None:
    explorer.layer, explorer.filter, explorer.sample = "second", 1, 3
    before, widgets = explorer.selection, set(ipywidgets.widgets.widget._instances)
    answer = explorer.data()["activation"]
    explorer.to_html(tmp_path / "page.html", samples=[0, 1])
    assert explorer.selection == before
    assert set(ipywidgets.widgets.widget._instances) == widgets
    assert np.array_equal(explorer.data()["activation"], answer)


def test_the_page_opens_with_what_is_on_screen_if_it_holds_that(explorer: Any, tmp_path: Path) -> None:
    explorer.layer, explorer.filter, explorer.sample = "second", 2, 3
    explorer.to_html(tmp_path / "page.html", samples=[1, 3], layers=["first", "second"])
    html = (tmp_path / "page.html").read_text()
    assert "Filter 2 of second" in html
    assert "Sample 3: predicted" in html
    explorer.to_html(tmp_path / "page.html", samples=[1], layers=["first"])
    assert "Filter 2 of first" in (tmp_path / "page.html").read_text()


def test_a_page_that_would_be_too_large_is_not_written(explorer: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with pytest.raises(ValueError, match=r"Expected a page of at most 1,000 bytes; got .* Give max_bytes more than"):
        explorer.to_html(path, samples=[0], max_bytes=1000)
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"samples": [99]}, IndexError),
        ({"samples": []}, ValueError),
        ({"layers": ["none"]}, ValueError),
        ({"samples": [0.5]}, TypeError),
    ],
)
def test_what_there_is_not_is_said(explorer: Any, tmp_path: Path, options: Any, error: Any) -> None:
    with pytest.raises(error, match="Expected"):
        explorer.to_html(tmp_path / "page.html", **options)


def test_names_are_text_in_the_page(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((20, 2)), keras.layers.Conv1D(2, 3), keras.layers.GlobalMaxPooling1D()])
    X = np.zeros((2, 20, 2), np.float32)
    with tsw.Explorer(model, X, channel_names=[evil, "b"], class_names=[evil + "1", "c"]) as explorer:
        explorer.to_html(tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert part(html, "view")["model_id"] in part(html, "state")["state"]


def test_a_picture_is_one_message_once_the_page_is_ready(explorer: Any, monkeypatch: Any) -> None:
    sent: list[tuple[Any, Any]] = []
    monkeypatch.setattr(
        ipywidgets.Widget, "_send", lambda widget, message, buffers=None: sent.append((widget, message))
    )
    explorer.sample = 0
    sent.clear()
    explorer.sample = 1
    apart = [widget for widget, _ in sent if not isinstance(widget, ipywidgets.IntSlider)]
    assert len(apart) > 5
    explorer._frames._handle_custom_msg({"type": "ready"}, [])
    try:
        sent.clear()
        explorer.sample = 2
        messages = [message for widget, message in sent if not isinstance(widget, ipywidgets.IntSlider)]
        assert [message["method"] for message in messages] == ["custom"]
        states = {widget_id: state for widget_id, state, _, _ in messages[0]["content"]["states"]}
        assert explorer._panel.slicer.line.model_id in states
        assert isinstance(explorer._frames, Frames)
        for name in explorer.panels:  # also of a panel that was opened afterwards
            explorer.panel = name
            explorer.sample = 0
            sent.clear()
            explorer.sample = 2
            explorer.data()
            assert [widget for widget, _ in sent if isinstance(widget, bqplot.Mark)] == [], name
        explorer.panel = "activations"
        sent.clear()
        explorer._frames._handle_custom_msg({"type": "ready"}, [])  # another page: it gets everything
        assert {explorer._panel.slicer.line, explorer._panel.cursor} <= {widget for widget, _ in sent}
    finally:
        explorer._frames._ready = False
