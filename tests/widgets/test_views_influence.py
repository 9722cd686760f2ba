"""The picture of output time × input time: what is drawn is what was found."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tswidgets.analysis.influence import TimeInfluence
from tswidgets.plots.colors import ABSENT, FIRST_LEVEL, LEVELS
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets.views.influence import InfluenceView


def found(n_rows: int = 20, n_timesteps: int = 20, *, stride: int = 1, ahead: int = 2, **parts: Any) -> TimeInfluence:
    """Every output step uses three input steps before it, its own, and `ahead` after it, less and less."""
    steps, now = np.arange(n_rows) * stride, np.arange(n_rows) * stride
    off = np.arange(n_timesteps) - now[:, None]
    values = np.where((off >= -3) & (off <= ahead), 1 / (1 + np.abs(off)), 0).astype(np.float32)
    made: dict[str, Any] = {
        "of": "lstm",
        "values": values,
        "score": np.zeros(n_rows, np.float32),
        "target": np.zeros(n_rows, np.int64),
        "output_steps": steps,
        "centres": now.astype(np.float32),
        "now": now,
        "lo": now - 3,
        "hi": now + ahead,
        "absent": np.zeros(n_timesteps, bool),
        "absent_outputs": np.zeros(n_rows, bool),
        "graph_ahead": ahead,
        "options": {"scale": "std"},
    }
    return TimeInfluence(**(made | parts))


def entries(view: InfluenceView) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(view._raster.image.image.value)))


def plain(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def test_rows_are_output_steps_and_columns_input_steps() -> None:
    view, one = InfluenceView(TimeAxis(20)), found()
    view.show(one)
    painted = (entries(view).astype(float) - FIRST_LEVEL) / (LEVELS - 1)
    assert painted.shape == (20, 20)
    assert painted == pytest.approx(one.values, abs=1.01 / (LEVELS - 1))
    assert list(view._raster.image.x) == [-0.5, 19.5]
    assert list(view._raster.image.y) == [19.5, -0.5]  # row 0 on top


def test_a_line_marks_where_each_output_step_stands() -> None:
    view = InfluenceView(TimeAxis(40, 10.0))
    view.show(found(10, 40, stride=4))
    assert view._own.x == pytest.approx(np.arange(10) * 0.4)
    assert list(view._own.y) == list(range(10))
    assert view._own.visible


def test_an_output_step_is_marked_in_its_row() -> None:
    view = InfluenceView(TimeAxis(40))
    view.choose(3)  # nothing is shown yet
    view.show(found(10, 40, stride=4))
    view.choose(12)
    assert view._raster.chosen.y.tolist() == [[2.5, 2.5], [3.5, 3.5]]
    view.choose(19)  # one that was not looked at: the nearest
    assert view._raster.chosen.y.tolist() == [[4.5, 4.5], [5.5, 5.5]]
    assert view._raster.chosen.visible


def test_rows_are_labelled_with_output_steps() -> None:
    view = InfluenceView(TimeAxis(400))
    view.show(found(200, 400, stride=2))
    assert view._row_axis.tick_labels == {"0": "0", "50": "100", "100": "200", "150": "300"}
    view.show(found(100, 400, stride=4, output_steps=np.round(np.linspace(0, 399, 100)).astype(int)))
    assert list(view._row_axis.tick_labels.values()) == ["0", "100", "200", "300"]
    for label, row in zip(view._row_axis.tick_labels, view._row_axis.tick_values, strict=True):
        assert float(label) == row  # JavaScript looks them up by text


def test_the_caption_says_whether_the_future_is_used() -> None:
    view = InfluenceView(TimeAxis(20))
    view.show(found())
    told = "Influence on lstm · looks ahead: step 0 uses input 1 (+1), 50 % of the largest"
    assert plain(view.rows[0].value) == told
    view.show(found(ahead=0))
    assert plain(view.rows[0].value) == "Influence on lstm · no use of the future"
    view.show(found(ahead=0, graph_ahead=7))
    assert plain(view.rows[0].value).endswith(
        "no use of the future in this series, though layers can look 7 steps ahead"
    )
    view.show(found(10, 20, stride=2))
    assert plain(view.rows[0].value).endswith("· 10 output steps, evenly spread")
    assert "change per standard deviation of the input" in plain(view.colors.value)


def test_padding_has_no_colour_and_equal_pictures_are_not_sent_again(messages: Any) -> None:
    view, absent = InfluenceView(TimeAxis(20)), np.arange(20) > 14
    view.show(found(absent=absent))
    assert (entries(view)[:, 15:] == ABSENT).all() and (entries(view)[:, :15] != ABSENT).all()
    messages.clear()
    view.show(found(absent=absent))
    assert not messages.sent
    view.choose(2)
    messages.clear()
    view.choose(2)
    assert not messages.sent


def test_nothing_to_draw_says_why_and_comes_back() -> None:
    view = InfluenceView(TimeAxis(20))
    view.show(found())
    view.choose(4)
    view.explain("lstm answers once & for all")
    assert plain(view.rows[0].value) == "Nothing to draw · lstm answers once &amp; for all"
    assert not view._raster.image.visible and not view._own.visible and not view._raster.chosen.visible
    assert view.colors.value == ""
    view.choose(4)
    assert not view._raster.chosen.visible
    view.show(found())
    view.choose(4)
    assert view._raster.image.visible and view._own.visible and view._raster.chosen.visible


def test_no_influence_at_all_and_an_output_of_one_step() -> None:
    view = InfluenceView(TimeAxis(20))
    view.show(found(values=np.zeros((20, 20), np.float32)))
    assert (entries(view) == FIRST_LEVEL).all()
    assert "everywhere 0" in plain(view.colors.value)
    view.show(found(1, 20))
    assert entries(view).shape == (1, 20)
    view.close()
