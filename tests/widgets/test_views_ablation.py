"""Switches and squares for removing filters: they hold what they were given, and send it once."""

from __future__ import annotations

import io
import re
from typing import Any

import ipywidgets
import numpy as np
import pytest
import traitlets
from PIL import Image

from tswidgets.analysis.ablation import PairAblation
from tswidgets.plots.colors import ABSENT, FIRST_LEVEL, INVALID, LEVELS
from tswidgets.plots.matrix import MOST, SIDE, MatrixPicture
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.views.matrix import PairsView
from tswidgets.widgets.views.switches import FilterSwitches

BEFORE = 0.25


def pairs(n: int = 8, known: int | None = None, seed: int = 0, metric: str = "mse") -> PairAblation:
    """Made-up results; of the pairs only those with filters below `known`."""
    matrix = np.random.default_rng(seed).normal(BEFORE, 0.2, (n, n))
    matrix = (matrix + matrix.T) / 2
    known = n if known is None else known
    matrix[known:], matrix[:, known:] = np.nan, np.nan
    return PairAblation("conv", metric, BEFORE, matrix, known * (known + 1) // 2, n * (n + 1) // 2)


def painted(picture: MatrixPicture) -> np.ndarray:
    """Palette entries of the picture on the mark."""
    return np.asarray(Image.open(io.BytesIO(picture.image.image.value)))


def value_of(picture: MatrixPicture, most: float) -> np.ndarray:
    """What the colours stand for; NaN where there is none."""
    entries = painted(picture).astype(float)
    values = -most + (entries - FIRST_LEVEL) / (LEVELS - 1) * 2 * most
    return np.where(entries < FIRST_LEVEL, np.nan, values)


def plain(text: ipywidgets.HTML) -> str:
    return " ".join(re.sub("<[^>]+>", " ", text.value).split())


@pytest.fixture
def view() -> Any:
    made = PairsView()
    yield made
    close_all(*made.rows, made.colors)


@pytest.mark.parametrize("worse", [True, False], ids=["error", "score"])
def test_the_squares_hold_change_and_interaction(view: PairsView, worse: bool) -> None:
    """Worse is orange, the upper end of the scale, whether the metric then is larger or smaller."""
    found, sign = pairs(), 1 if worse else -1
    view.show(found, "filter", larger_is_worse=worse)
    for picture, values in ((view._matrix, found.change), (view._interaction, found.interaction)):
        most = np.nanmax(np.abs(values))
        assert value_of(picture, most) == pytest.approx(sign * values, abs=1.01 * most / (LEVELS - 1), nan_ok=True)
        assert list(picture.image.x) == [-0.5, 7.5] and list(picture.image.y) == [7.5, -0.5]
    assert (painted(view._interaction).diagonal() == ABSENT).all()
    bars = plain(view.colors)
    most = f"{np.abs(found.change).max():.3g}"
    ends = ("−" + most, most) if worse else (most, "−" + most)
    assert f"Change of mse {ends[0]} 0 {ends[1]} " in bars


def test_no_change_has_no_colour(view: PairsView) -> None:
    found = PairAblation("conv", "mse", BEFORE, np.full((3, 3), BEFORE), 6, 6)
    view.show(found, "filter", larger_is_worse=True)
    assert (painted(view._matrix) == FIRST_LEVEL + LEVELS // 2).all()
    assert view.colors.value == ""


def test_what_is_not_computed_yet_is_not_drawn(view: PairsView) -> None:
    view.show(pairs(8, known=5), "filter", larger_is_worse=True)
    entries = painted(view._matrix)
    assert (entries[5:] == ABSENT).all() and (entries[:, 5:] == ABSENT).all()
    assert (entries[:5, :5] >= FIRST_LEVEL).all()
    assert (painted(view._interaction)[5:] == ABSENT).all()
    assert "15 of 36 computed" in plain(view._caption)
    assert not view.cursor.complete


def test_nothing_is_drawn_before_the_untouched_model_is_known(view: PairsView) -> None:
    view.show(PairAblation("conv", "mse", np.nan, np.full((4, 4), np.nan), 0, 10), "unit", larger_is_worse=True)
    assert (painted(view._matrix) == ABSENT).all()
    assert view.cursor.before is None
    assert "All pairs of 4 units of conv · 0 of 10 computed" in plain(view._caption)


def test_single_filters_alone_are_a_diagonal_that_is_not_complete(view: PairsView) -> None:
    matrix = np.full((4, 4), np.nan)
    np.fill_diagonal(matrix, [0.1, 0.2, 0.3, 0.4])
    view.show(PairAblation("conv", "mse", BEFORE, matrix, 4, 4), "filter", larger_is_worse=True)
    entries = painted(view._matrix)
    assert (entries.diagonal() >= FIRST_LEVEL).all() and (entries[~np.eye(4, dtype=bool)] == ABSENT).all()
    assert not view.cursor.complete


def test_a_result_that_is_not_a_number_is_grey_and_told(view: PairsView) -> None:
    matrix = pairs(4).matrix.copy()
    matrix[1, 2] = matrix[2, 1] = np.nan
    matrix[3, 3] = np.inf
    view.show(PairAblation("conv", "mse", BEFORE, matrix, 10, 10), "filter", larger_is_worse=True)
    entries = painted(view._matrix)
    assert entries[1, 2] == entries[2, 1] == entries[3, 3] == INVALID
    assert np.count_nonzero(entries == INVALID) == 3
    assert "2 results not a finite number, grey" in plain(view._caption)
    assert view.cursor.complete


def test_partial_results_keep_the_size_and_send_one_message_per_mark(view: PairsView, messages: Any) -> None:
    view.show(pairs(8, known=3), "filter", larger_is_worse=True)
    layouts = [picture.figure.layout for picture in (view._matrix, view._interaction)]
    sizes = [(layout.width, layout.height) for layout in layouts]
    messages.clear()
    found = pairs(8, known=6)
    view.show(found, "filter", larger_is_worse=True)
    assert set(messages.of_marks().values()) == {1} and len(messages.of_marks()) == 2
    assert messages.count(view.cursor) == 1
    assert not any(isinstance(widget, ipywidgets.Layout) for widget, _ in messages.sent)
    assert sizes == [(layout.width, layout.height) for layout in layouts]
    messages.clear()
    view.show(found, "filter", larger_is_worse=True)
    assert not messages.sent


@pytest.mark.parametrize("n", [3, 8, 128, 300, 600])
def test_every_row_has_a_pixel_and_the_plot_area_is_square(view: PairsView, n: int) -> None:
    view.show(pairs(n), "filter", larger_is_worse=True)
    for picture in (view._matrix, view._interaction):
        margin, layout = picture.figure.fig_margin, picture.figure.layout
        width = int(layout.width[:-2]) - margin["left"] - margin["right"]
        assert width == int(layout.height[:-2]) - margin["top"] - margin["bottom"] == max(n, SIDE)
        assert painted(picture).shape == (n, n)
        x, y = picture.image.scales["x"], picture.image.scales["y"]
        assert (x.min, x.max, y.min, y.max, y.reverse) == (-0.5, n - 0.5, -0.5, n - 0.5, True)
        for axis in picture.figure.axes:
            assert axis.label == "Filter"
            assert 0 in axis.tick_values and max(axis.tick_values) < n
    assert "strongest" not in plain(view._caption)


def test_more_rows_than_pixels_keep_the_strongest_and_say_so(view: PairsView) -> None:
    matrix = np.full((1203, 1203), BEFORE)
    matrix[700, 1202] = matrix[1202, 700] = BEFORE - 1
    matrix[9:12, 3:6], matrix[3:6, 9:12] = np.nan, np.nan
    matrix[0:3, 30:32], matrix[30:32, 0:3] = np.nan, np.nan
    view.show(PairAblation("conv", "mse", BEFORE, matrix, 1, 10**6), "unit", larger_is_worse=True)
    entries = painted(view._matrix)
    assert entries.shape == (401, 401) and len(entries) <= MOST
    assert sorted(zip(*np.nonzero(entries == FIRST_LEVEL), strict=True)) == [(233, 400), (400, 233)]
    assert sorted(zip(*np.nonzero(entries == ABSENT), strict=True)) == [(1, 3), (3, 1)]  # the other has values left
    assert list(view._matrix.image.x) == [-0.5, 1202.5]
    assert "each dot is the strongest of 3 × 3 pairs" in plain(view._caption)
    assert view.cursor.change == b"" and view.cursor.n == 1203


def test_rows_go_down_columns_to_the_right_and_the_last_run_may_be_short() -> None:
    picture, values = MatrixPicture("pairs"), np.zeros((1201, 1201), np.float32)
    values[1200, 0] = 1
    assert picture.show(values, np.zeros(values.shape, bool), 1.0, "unit") == 3
    assert np.argwhere(painted(picture) == FIRST_LEVEL + LEVELS - 1).tolist() == [[400, 0]]
    assert list(picture.image.x) == [-0.5, 1202.5] and list(picture.image.y) == [1202.5, -0.5]
    assert picture.image.scales["x"].max == 1200.5
    close_all(picture.figure)


def test_the_pointer_holds_the_changes(view: PairsView) -> None:
    found = pairs(128, metric="accuracy")
    view.show(found, "unit", larger_is_worse=False)
    cursor = view.cursor
    assert np.array_equal(np.frombuffer(cursor.change, "<f4").reshape(128, 128), found.change.astype(np.float32))
    assert (cursor.n, cursor.word, cursor.metric, cursor.before, cursor.complete) == (
        128,
        "unit",
        "accuracy",
        BEFORE,
        True,
    )


def test_a_pair_is_chosen_in_order_and_forgotten_with_its_layer(view: PairsView) -> None:
    view.show(pairs(8), "filter", larger_is_worse=True)
    for chosen, expected in (((5, 3), [3, 5]), ((4, 4), [4]), ([7], [7]), (None, []), ({2, 0}, [0, 2])):
        view.choose(chosen)
        assert view.cursor.pair == expected
    view.choose((3, 7))
    view.show(pairs(8, seed=1), "filter", larger_is_worse=True)
    assert view.cursor.pair == [3, 7]
    view.show(pairs(6), "filter", larger_is_worse=True)
    assert view.cursor.pair == []


def test_nothing_to_draw_is_explained_and_takes_no_room(view: PairsView) -> None:
    view.show(pairs(), "filter", larger_is_worse=True)
    view.explain("press All pairs to see them")
    assert plain(view._caption) == "All pairs · press All pairs to see them"
    assert view._squares.layout.display == view.cursor.layout.display == "none"
    assert view.colors.value == ""
    view.show(pairs(), "filter", larger_is_worse=True)
    assert view._squares.layout.display is None and view.cursor.layout.display is None
    assert "All pairs of 8 filters" in plain(view._caption) and view.colors.value


def test_names_are_text_and_never_markup(view: PairsView) -> None:
    view.show(pairs(metric="<lambda>"), "filter", larger_is_worse=True)
    assert not any("<lambda>" in text.value for text in (view._caption, view._title, view.colors))


def test_closing_leaves_no_widget() -> None:
    before = set(ipywidgets.widgets.widget._instances)
    made = PairsView()
    for n in (8, 4, 8):
        made.show(pairs(n), "filter", larger_is_worse=True)
    made.explain("nothing")
    switches = FilterSwitches()
    assert set(ipywidgets.widgets.widget._instances) > before
    close_all(*made.rows, made.colors, switches)
    assert set(ipywidgets.widgets.widget._instances) <= before


def test_switches_are_sorted_and_sent_once(messages: Any) -> None:
    switches = FilterSwitches()
    switches.follow(8, "filter")
    messages.clear()
    switches.removed = [5, 1, 5]
    assert switches.removed == [1, 5]
    assert messages.count(switches) == 1
    switches.removed = [1, 5]
    assert messages.count(switches) == 1
    assert repr(switches) == "FilterSwitches(8 filters, removed=[1, 5])"


def test_another_layer_has_none_ranked_and_nothing_removed_that_it_lacks(messages: Any) -> None:
    switches = FilterSwitches()
    switches.follow(8, "filter")
    switches.removed = [1, 7]
    switches.rank(np.ones(8), np.ones(8), "mse", 0.5, larger_is_worse=False)
    messages.clear()
    switches.follow(4, "unit")
    assert messages.count(switches) == 1
    assert (switches.n, switches.word, switches.removed) == (4, "unit", [1])
    assert (switches.importance, switches.values, switches.metric, switches.before) == (b"", b"", "", None)


def test_what_is_removed_before_the_layer_is_known_stays() -> None:
    switches = FilterSwitches()
    switches.removed = [6, 1]
    switches.follow(8, "filter")
    assert switches.removed == [1, 6]
    switches.follow(1, "unit")
    assert switches.removed == []


def test_what_the_last_layer_had_is_dropped_and_all_at_once_is_refused() -> None:
    switches = FilterSwitches()
    switches.follow(3, "unit")
    switches.removed = [0, 100, -1]
    assert switches.removed == [0]
    with pytest.raises(traitlets.TraitError, match="at least one unit that stays; got all 3"):
        switches.removed = [0, 1, 2]
    assert switches.removed == [0]


def test_a_ranking_is_held_as_it_is(messages: Any) -> None:
    switches = FilterSwitches()
    switches.follow(3, "unit")
    messages.clear()
    switches.rank(np.array([0.1, np.nan, -0.2]), np.array([0.6, np.nan, 0.3]), "mse", 0.5)
    assert messages.count(switches) == 1
    assert np.array_equal(np.frombuffer(switches.importance, "<f4"), np.float32([0.1, np.nan, -0.2]), equal_nan=True)
    assert np.array_equal(np.frombuffer(switches.values, "<f4"), np.float32([0.6, np.nan, 0.3]), equal_nan=True)
    assert (switches.metric, switches.before, switches.larger_is_worse) == ("mse", 0.5, True)
    switches.rank(np.full(3, np.nan), np.full(3, np.nan), "mse", np.nan)
    assert switches.before is None
