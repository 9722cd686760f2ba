"""Less than all: some taps only, and large batches piece by piece."""

import keras
import numpy as np
import pytest

from tests.models import CASES, case, padded_series, series
from tests.probe.comparing import assert_close, assert_same_look
from tests.probe.training import ticking_model
from tswidgets.probe import Probe, as_probe, batches

# ---------------------------------------------------------------------------------------------------------- some taps


SOME = {
    "sequential": ["pool2", "conv2:pre-activation"],
    "shared": ["shared#2"],
    "masked_lstm": ["lstm1", "head"],
    "masked_subclassed": ["masking"],
    "several_outputs": ["lstm:2", "both"],
    "nested": ["encoder"],
    "data_dependent": ["conv"],
    "stateful": ["lstm"],
}


@pytest.mark.parametrize("name", SOME)
def test_some_taps_are_what_they_are_among_all(name):
    """Just these, with their masks, and the whole answer; `sequential` in another order than the model's."""
    found, wanted = case(name), SOME[name]
    everything = Probe(found.model, found.x).observe(found.x)
    some = Probe(found.model, found.x).observe(found.x, wanted)
    assert set(some) == set(wanted)
    assert len(some) < len(everything)
    assert_same_look(some, everything.only(wanted))
    assert some.version == everything.version
    for tap in wanted:
        assert_close(some[tap], found.expected(found.x)[tap], found.tolerance)


def test_masks_of_some_taps():
    """The mask of a tap that was asked for, and no other."""
    found = case("masked_lstm")
    some = Probe(found.model).observe(found.x, ["lstm1"])
    assert set(some.masks) == {"lstm1"}
    np.testing.assert_array_equal(some.masks["lstm1"], (found.x != 0).any(axis=-1))
    assert Probe(found.model).observe(found.x, ["lstm2"]).masks == {}


def test_no_tap_is_the_answer_alone():
    found = case("several_outputs")
    none = Probe(found.model).observe(found.x, [])
    assert dict(none) == none.masks == {}
    assert_close(none.output["label"], found.expected(found.x)["label"])


def test_a_tap_that_is_not_there():
    with pytest.raises(ValueError, match=r"got 'conv_1'\. .*Did you mean 'conv1'\?"):
        as_probe(case("sequential").model).observe(case("sequential").x, ["pool1", "conv_1"])


def test_some_taps_leave_the_memory_as_it_is():
    """What was looked at in part is not remembered; what is remembered as a whole serves any part."""
    model, runs, _ = ticking_model()
    probe, x = Probe(model), series(2, 7, 2)
    assert len(runs) == 0
    probe.observe(x, ["conv"])
    probe.observe(x, ["conv"])
    assert len(runs) == 2
    whole = probe.observe(x)
    assert len(runs) == 3
    some = probe.observe(x, ["dense", "conv"])
    assert probe.observe(x) is whole
    assert len(runs) == 3
    assert set(some) == {"conv", "dense"}
    assert_same_look(some, whole.only(["conv", "dense"]))
    kernel = model.layers[0].kernel
    kernel.assign(kernel * 2)
    assert np.abs(probe.observe(x, ["conv"])["conv"] - whole["conv"]).max() > 0
    assert len(runs) == 4


def test_the_same_taps_in_another_order_need_no_new_trace():
    model, _, traces = ticking_model()
    probe, x = Probe(model), series(2, 7, 2)
    probe.observe(x, ["conv", "dense"])
    compiled = len(traces)
    probe.observe(x, ["dense", "conv"])
    probe.observe(x[:, :4], {"dense", "conv"})
    assert len(traces) == compiled
    probe.observe(x, ["dense"])
    assert len(traces) == compiled + 1


# ------------------------------------------------------------------------------------------------------------- pieces


@pytest.fixture
def small_pieces(monkeypatch):
    """`small_pieces(probe, x, n_rows)`: from here on a model is given no more than so many rows of `x` at a time."""

    def limit(probe, x, n_rows):
        assert batches.CHUNK == 128 * 2**20
        chunk = n_rows * batches.bytes_per_row(probe.taps, [np.asarray(array) for array in keras.tree.flatten(x)])
        monkeypatch.setattr(batches, "CHUNK", chunk)
        if batches.rows_at_once.__defaults__ == (128 * 2**20,):  # the constant, as it was at import
            monkeypatch.setattr(batches.rows_at_once, "__defaults__", (chunk,))
        assert batches.rows_at_once(chunk // n_rows) == n_rows

    return limit


def larger(found, n_rows):
    """A batch of `n_rows` different series for a case."""
    if found is case("masked_lstm") or found is case("masked_subclassed"):
        return np.concatenate([padded_series(4, 14, 12, seed) for seed in range(n_rows)])[:n_rows]
    if found is case("embedding"):
        tokens = np.random.default_rng(3).integers(1, 7, (n_rows, 6)).astype("int32")
        tokens[:, 4:] *= np.arange(n_rows)[:, None] % 2
        return tokens
    rng = np.random.default_rng(3)
    return keras.tree.map_structure(
        lambda array: rng.normal(size=(n_rows, *array.shape[1:])).astype(array.dtype), found.x
    )


IN_PIECES = ["sequential", "masked_lstm", "masked_subclassed", "embedding", "several_outputs", "lists", "plain_tensors"]


@pytest.mark.parametrize("name", IN_PIECES)
@pytest.mark.parametrize("n_rows", [1, 3])
def test_a_large_batch_in_pieces_equals_the_whole(name, n_rows, small_pieces):
    """Taps, masks, several outputs and several inputs; alone, and by threes with two left over."""
    found = case(name)
    x, taps = larger(found, 8), list(found.expected(found.x))[-1:]
    whole = as_probe(found.model, found.x).observe(x)
    assert len(whole.outputs[0]) == 8
    if name in ("masked_lstm", "masked_subclassed", "embedding"):
        assert whole.masks
    probe = Probe(found.model, found.x)
    small_pieces(probe, x, n_rows)
    assert_same_look(probe.observe(x), whole)
    assert_same_look(probe.observe(x, taps), whole.only(taps))
    for tap, values in found.expected(x).items():
        assert_close(whole[tap], values, found.tolerance)


def test_pieces_are_as_large_as_they_may_be(small_pieces):
    model, runs, traces = ticking_model(length=7)
    probe, x = Probe(model), series(8, 7, 2)
    compiled = len(traces)
    small_pieces(probe, x, 3)
    probe.observe(x)
    assert [shape[0] for shape in runs] == [3, 3, 2]
    assert len(traces) == compiled, "pieces of any size are one program"
    probe.observe(x[:3])
    assert [shape[0] for shape in runs[3:]] == [3]
    probe.observe(x[:1])
    assert [shape[0] for shape in runs[4:]] == [1]


def test_a_row_that_is_too_large_goes_alone(small_pieces):
    model, runs, _ = ticking_model()
    probe = Probe(model)
    small_pieces(probe, series(1, 7, 2), 3)
    probe.observe(series(2, 70, 2))
    assert [shape[:2] for shape in runs] == [(1, 70), (1, 70)]


@pytest.mark.parametrize("most, n_runs", [(2**20, 2), (100, 4)])
def test_what_came_in_pieces_is_remembered_if_it_fits(small_pieces, monkeypatch, most, n_runs):
    monkeypatch.setattr("tswidgets.probe.memory.MOST", most)
    model, runs, _ = ticking_model()
    probe, x = Probe(model), series(4, 7, 2)
    small_pieces(probe, x, 2)
    probe.observe(x)
    probe.observe(x)
    assert len(runs) == n_runs


def test_an_observation_in_pieces_is_like_any_other(small_pieces):
    """It cannot be written to."""
    found = case("masked_lstm")
    probe, x = Probe(found.model), larger(found, 5)
    small_pieces(probe, x, 2)
    observation = probe.observe(x)
    for values in (*observation.values(), *observation.outputs, *observation.masks.values()):
        assert not values.flags.writeable


def stateful_by_hand(found, x):
    """Row by row in the slot of the batch in which the model meets it: each slot has a state of its own."""
    slots = [found.expected(np.stack([row, row])) for row in x]
    return {tap: np.stack([slot[tap][i % 2] for i, slot in enumerate(slots)]) for tap in slots[0]}


@pytest.mark.parametrize("n_rows", [1, 2, 3, 5])
def test_a_model_of_a_fixed_batch_is_given_full_batches(n_rows):
    """What is missing is filled up and dropped again; sample 3 goes on from the state that sample 1 goes on from."""
    found = CASES["stateful"]()
    states = [np.copy(state.numpy()) for state in found.model.layers[0].states]
    assert np.abs(states[0][0] - states[0][1]).max() > 1e-3, "or the slots could not be told apart"
    x = series(n_rows, 8, 3, seed=4)
    probe = Probe(found.model)
    observation = probe.observe(x)
    expected = stateful_by_hand(found, x)
    assert set(observation) == set(expected)
    for tap, values in expected.items():
        assert_close(observation[tap], values)
    assert_close(observation.output, expected["head"])
    assert_same_look(probe.observe(x, ["lstm"]), observation.only(["lstm"]))
    for before, after in zip(states, found.model.layers[0].states, strict=True):
        np.testing.assert_array_equal(before, after)
    if n_rows == 3:
        wrong_slot = found.expected(np.stack([x[2], x[2]]))["lstm"][1]
        assert np.abs(observation["lstm"][2] - wrong_slot).max() > 1e-3


def test_an_observation_in_pieces_tells_its_weights(small_pieces):
    """Whoever keeps something until the weights change asks for the version."""
    found = case("sequential")
    probe, x = Probe(found.model), larger(found, 3)
    assert probe.observe(x).version == probe.version()
    small_pieces(probe, x, 2)
    assert probe.observe(x + 1).version == probe.version()


def test_an_observation_of_a_fixed_batch_tells_its_weights():
    found = CASES["stateful"]()
    probe = Probe(found.model)
    for n_rows in (2, 1, 5):
        assert probe.observe(series(n_rows, 8, 3)).version == probe.version(), n_rows
