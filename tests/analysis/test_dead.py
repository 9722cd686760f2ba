"""Which filters tell nothing, against a search by hand."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

from tswidgets.analysis.dead import STATES, bounds, filter_states


def by_hand(series: list[np.ndarray], limits: tuple[float, float] | None) -> list[str]:
    """Value by value, in Python."""
    found = []
    for f in range(series[0].shape[1]):
        values = [float(v) for one in series for v in one[:, f]]
        if not all(np.isfinite(values)):
            found.append("not a number")
        elif limits is not None and np.mean([v <= limits[0] + 0.02 or v >= limits[1] - 0.02 for v in values]) >= 0.95:
            found.append("saturated")
        elif all(v == 0 for v in values):
            found.append("dead")
        elif all(v == values[0] for v in values):
            found.append("constant")
        else:
            found.append("")
    return found


def some(n_steps: int, rng: np.random.Generator) -> np.ndarray:
    """Of each kind one filter, and some that are near to one but are not."""
    values = np.tanh(rng.normal(size=(n_steps, 9))).astype("float32")
    values[:, 0] = 0
    values[:, 1] = 0.25
    values[:, 2] = np.where(rng.random(n_steps) < 0.5, 1, -0.999)
    values[:, 3] = np.where(np.arange(n_steps) % 10 == 0, 0.5, 1)  # a tenth of the steps is not at a bound
    values[n_steps // 2, 4] = np.nan
    values[n_steps // 3, 5] = np.inf
    values[:, 6] = 0
    values[-1, 6] = 1e-3
    values[:, 8] = -1  # so far beyond that it never moves
    return values


def test_of_each_kind_over_series_of_different_lengths() -> None:
    rng = np.random.default_rng(0)
    series = [some(n, rng) for n in (40, 100, 70)]
    for limits in ((-1.0, 1.0), None):
        told = [STATES[number] for number in filter_states(series, limits)]
        assert told == by_hand(series, limits)
        assert told[2] == ("saturated" if limits else "") and told[6] == ""
        assert told[8] == ("saturated" if limits else "constant")
    assert told[:2] + told[4:6] == ["dead", "constant", "not a number", "not a number"]


def test_a_filter_that_lives_in_one_series_alone_is_alive() -> None:
    quiet, loud = np.zeros((5, 2), np.float32), np.zeros((5, 2), np.float32)
    loud[2, 1] = 3
    assert [STATES[number] for number in filter_states([quiet, loud, quiet])] == ["dead", ""]


def test_a_single_value_tells_nothing_but_that_it_is_not_a_number() -> None:
    states = filter_states([np.array([[0.0, 5, np.nan]], np.float32)])
    assert [STATES[number] for number in states] == ["", "", "not a number"]
    assert filter_states([]).shape == ()


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (L.Conv1D(2, 3, activation="tanh"), (-1, 1)),
        (L.Dense(2, activation="sigmoid"), (0, 1)),
        (L.Dense(2, activation="hard_sigmoid"), (0, 1)),
        (L.Activation("softsign"), (-1, 1)),
        (L.Activation("relu6"), (-np.inf, 6)),
        (L.ReLU(max_value=4.0), (-np.inf, 4)),
        (L.LSTM(2), (-1, 1)),
        (L.GRU(2, recurrent_activation="hard_sigmoid"), (-1, 1)),
        (L.LSTM(2, recurrent_activation="relu"), None),
        (L.Bidirectional(L.GRU(2)), (-1, 1)),
        (L.Bidirectional(L.GRU(2), merge_mode="sum"), None),
        (L.TimeDistributed(L.Dense(2, "sigmoid")), (0, 1)),
        (L.Conv1D(2, 3, activation="relu"), None),
        (L.Dense(2, activation="softmax"), None),
        (L.Dense(2), None),
        (L.ReLU(), None),
        (L.BatchNormalization(), None),
    ],
    ids=lambda one: one.name if isinstance(one, keras.Layer) else str(one),
)
def test_bounds_of_activation_functions(layer: Any, expected: tuple[float, float] | None) -> None:
    assert bounds(layer) == expected
    if expected is not None:  # no output leaves them, however large the input
        x = np.random.default_rng(0).normal(size=(3, 7, 4)).astype("float32") * 100
        out = np.asarray(layer(x))
        assert out.min() >= expected[0] and out.max() <= expected[1]


def test_only_the_upper_bound_of_relu6_counts() -> None:
    values = np.zeros((100, 2), np.float32)
    values[:3, 0] = 1
    values[:97, 1] = 6
    assert [STATES[number] for number in filter_states([values], (-np.inf, 6.0))] == ["", "saturated"]
