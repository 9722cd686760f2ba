"""Which inputs share a time axis: by their lengths, and where these are equal by what the layers do."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers as L

from tests.models import case
from tswidgets.probe import Probe
from tswidgets.probe.axes import STATIC
from tswidgets.probe.time_axes import lengths_for, time_axes

N = 8


def two_inputs() -> tuple[keras.KerasTensor, keras.KerasTensor]:
    return keras.Input((N, 3), name="a"), keras.Input((N, 2), name="b")


def added_up() -> keras.Model:
    a, b = two_inputs()
    return keras.Model([a, b], L.Dense(1)(L.Add()([L.Conv1D(4, 3, padding="same")(a), L.Dense(4)(b)])))


def side_by_side() -> keras.Model:
    a, b = two_inputs()
    return keras.Model([a, b], L.LSTM(3)(L.Concatenate()([a, b])))


def branches_that_never_meet_in_time() -> keras.Model:
    """Two sensors of one recording, each summed up before they come together."""
    a, b = two_inputs()
    pooled = [L.GlobalMaxPooling1D()(L.Conv1D(4, 3)(one)) for one in (a, b)]
    return keras.Model([a, b], L.Dense(2)(L.Concatenate()(pooled)))


def states_handed_on() -> keras.Model:
    a, b = two_inputs()
    _, h, c = L.LSTM(4, return_state=True)(a)
    return keras.Model([a, b], L.Dense(1)(L.LSTM(4, return_sequences=True)(b, initial_state=[h, c])))


def attended_to() -> keras.Model:
    a, b = two_inputs()
    looked = L.MultiHeadAttention(2, 3)(L.Dense(4)(b), L.Dense(4)(a))
    return keras.Model([a, b], L.Dense(1)(looked))


def a_summary_for_every_step() -> keras.Model:
    a, b = two_inputs()
    repeated = L.RepeatVector(N)(L.GRU(3)(a))
    return keras.Model([a, b], L.Dense(1)(L.Concatenate()([b, repeated])))


TOGETHER = (added_up, side_by_side, branches_that_never_meet_in_time)
APART = (states_handed_on, attended_to, a_summary_for_every_step)


@pytest.mark.parametrize("build", TOGETHER, ids=lambda build: build.__name__)
def test_inputs_that_are_read_step_by_step_share_an_axis(build) -> None:
    assert time_axes(Probe(build()), [N, N]) == [[0, 1]]


@pytest.mark.parametrize("build", APART, ids=lambda build: build.__name__)
def test_inputs_that_are_read_as_a_whole_have_axes_of_their_own(build) -> None:
    assert time_axes(Probe(build()), [N, N]) == [[0], [1]]


def test_different_lengths_are_different_axes_and_inputs_without_steps_are_on_none() -> None:
    a, b, age = keras.Input((N, 3)), keras.Input((5, 2)), keras.Input((2,))
    pooled = [L.GlobalMaxPooling1D()(one) for one in (a, b)]
    probe = Probe(keras.Model([a, age, b], L.Dense(2)(L.Concatenate()([*pooled, age]))))
    assert time_axes(probe, [N, STATIC, 5]) == [[0], [2]]


def test_a_layer_is_placed_on_the_axis_where_it_has_a_place() -> None:
    """And sees of the other all that was handed on to it, checked against the gradient."""
    found = case("forecaster")
    probe, shapes = Probe(found.model), [(6, 2), (14, 3)]  # as Keras flattens a dict: known, past
    kinds = {tap.name: tap.kind for tap in probe.taps}
    assert {kinds[name] for name in ("conv", "encoder", "decoder", "attention", "both", "forecast")} == {"sequence"}
    for name in ("conv", "encoder"):
        assert lengths_for(probe, name, shapes) == (-6, 14)
    for name in ("decoder", "attention", "forecast"):
        assert lengths_for(probe, name, shapes) == (6, -14)
    gradient = probe.gradient(found.x, (2, 0)).values
    seen = {name: np.abs(gradient[name][0]).max(axis=1) > 0 for name in ("known", "past")}
    own, other = probe.timelines((6, -14))["forecast"], probe.timelines((-6, 14))["forecast"]
    np.testing.assert_array_equal(np.flatnonzero(seen["known"]), np.arange(own.lo[2], own.hi[2] + 1))
    assert np.flatnonzero(seen["past"]).tolist() == list(range(other.lo[2], other.hi[2] + 1))
    assert not other.has_place


def test_a_query_does_not_see_the_other_queries() -> None:
    """Cross-attention: each step of the query looks at all keys, and at no other step of its own series."""
    probe = Probe(attended_to())
    name = next(tap.name for tap in probe.taps if tap.layer_class == "MultiHeadAttention")
    own, keys = probe.timelines((-N, N))[name], probe.timelines((N, -N))[name]
    assert own.lo.tolist() == own.hi.tolist() == list(range(N))
    assert (keys.lo == 0).all()
    assert (keys.hi == N - 1).all()
