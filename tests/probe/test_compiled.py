"""Models are compiled where they can be, and run step by step where they cannot."""

import keras
import numpy as np
import pytest
from keras import layers as L

from tests.models import CASES, case, randomise, series
from tests.probe.comparing import assert_close
from tests.probe.training import executions, ticking_model
from tswidgets.probe import Probe, as_probe
from tswidgets.probe.programs import Programs

NAMES = list(CASES)


def test_models_of_every_kind_are_compiled():
    """All but the one with Python that depends on the data."""
    eager = {name for name in NAMES if as_probe(case(name).model, case(name).x).eager_because}
    assert eager == {"data_dependent"}


def test_data_dependent_python_runs_step_by_step():
    """Both branches of the `if` are followed, each with the numbers of the layers called by hand."""
    found = CASES["data_dependent"]()
    probe = Probe(found.model, found.x)
    assert probe.eager_because != ""
    branches = set()
    for x in (found.x + 3, found.x - 3):
        observation, expected = probe.observe(x), found.expected(x)
        assert set(observation) == set(expected)
        branches |= set(expected)
        for tap, values in expected.items():
            assert_close(observation[tap], values)
    assert branches == {"conv", "up", "down"}


def test_a_new_length_needs_no_new_trace():
    """A model that takes any length is compiled once."""
    model, runs, traces = ticking_model()
    probe = Probe(model)
    compiled = len(traces)
    for n in (5, 6, 17, 1):
        x = series(2, n, 2)
        assert_close(probe.observe(x)["conv"], np.asarray(model.layers[0](x)))
    assert len(traces) == compiled
    assert [shape[1] for shape in runs] == [5, 6, 17, 1]


def test_a_mistake_of_the_model_s_own_is_raised():
    class Wrong(keras.Model):
        def call(self, x):
            raise RuntimeError("forgot something")

    model = Wrong(name="wrong")
    x = series(1, 4, 2)
    with pytest.raises(RuntimeError, match="forgot something"):
        Probe(model, x).observe(x)


# ---------------------------------------------------------------------------------------------------- any other length


class Ticking(keras.Model):
    """Declares no input shape; `ticking` tells how often it is traced."""

    def __init__(self, ticking):
        super().__init__(name="declares_nothing")
        self.conv = L.Conv1D(3, 3, padding="same", activation="relu", name="conv")
        self.ticking = ticking
        self.head = L.Dense(2, name="head")

    def call(self, x):
        return self.head(self.ticking(x + 2 * self.conv(x)[..., :2]))

    def by_hand(self, x):
        conv = np.asarray(self.conv(x))
        return {"conv": conv, "head": np.asarray(self.head(x + 2 * conv[..., :2]))}


class Counting(keras.Model):
    """Its Python counts the steps: each length is another graph."""

    def __init__(self):
        super().__init__(name="counting")
        self.traces = []
        self.cell = L.Dense(3, name="cell")

    def call(self, x):
        self.traces.append(x.shape)
        h = self.cell(x[:, 0])
        for t in range(1, x.shape[1]):
            h = h + self.cell(x[:, t])
        return h

    def by_hand(self, x):
        return np.asarray(x, np.float64).sum(axis=1) @ np.asarray(self.cell.kernel) + x.shape[1] * np.asarray(
            self.cell.bias
        )


def declaring_nothing(model, length=7):
    x = series(2, length, 2)
    model(x)
    assert not getattr(model, "inputs", None)
    return randomise(model), x


def test_a_second_length_of_a_model_that_declares_none():
    """Compiled for the first length; once more when a second comes; and then for every length, the first as well."""
    layer, _, traces = executions()
    model, x = declaring_nothing(Ticking(layer))
    probe = Probe(model, x)
    compiled = len(traces)
    probe.observe(x)
    assert len(traces) == compiled
    for n in (5, 7, 9, 4):
        other = series(2, n, 2, seed=n)
        observation = probe.observe(other)
        for tap, values in model.by_hand(other).items():
            assert_close(observation[tap], values)
        assert len(traces) == compiled + 1
    assert probe.eager_because == ""


def test_a_second_length_of_a_model_whose_python_counts_the_steps():
    model, x = declaring_nothing(Counting())
    probe = Probe(model, x)
    assert [tap.name for tap in probe.taps] == ["cell", *(f"cell#{t}" for t in range(2, 8))]
    for n in (5, 7, 3, 5):
        other = series(2, n, 2, seed=n)
        observation = probe.observe(other)
        assert list(observation) == ["cell", *(f"cell#{t}" for t in range(2, n + 1))]
        assert_close(observation.output, model.by_hand(other))
    assert probe.eager_because == ""


def forward_only(run, inputs):
    return run(inputs, lambda name, tensor, call: tensor)


def programs_of(model):
    programs = Programs(model, None)
    return lambda x: programs.get("forward", forward_only, [x], x)


def test_one_program_for_every_length():
    layer, _, traces = executions()
    model, x = declaring_nothing(Ticking(layer))
    program_for = programs_of(model)
    first = program_for(x)
    assert program_for(series(5, 7, 2)) is first, "any batch"
    second = program_for(series(2, 5, 2))
    assert second is not first
    compiled = len(traces)
    for n in (5, 7, 9):
        other = series(3, n, 2, seed=n)
        assert program_for(other) is second
        assert_close(np.asarray(second(other)), model.by_hand(other)["head"])
    assert len(traces) == compiled


def test_one_program_a_length():
    """Where no graph is good for all; the attempt at one is made once, and the model counts as compiled."""
    model, _ = declaring_nothing(Counting())
    program_for = programs_of(model)
    programs = {n: program_for(series(2, n, 2)) for n in (7, 5, 3)}
    assert len(set(programs.values())) == 3
    assert sum(shape[1] is None for shape in model.traces) == 1
    traces = len(model.traces)
    for n, expected in programs.items():
        other = series(4, n, 2, seed=n)
        assert program_for(other) is expected
        assert expected.eager_because == ""
        assert_close(np.asarray(expected(other)), model.by_hand(other))
    assert len(model.traces) == traces
