"""A wave cut into windows and folded back: against loops over single numbers, and against the document's arrays."""

import re
import subprocess
import sys
import tracemalloc
from itertools import pairwise

import keras
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from keras import layers as L

from tests import reference
from tswidgets.analysis import overlap
from tswidgets.analysis.fold import Fold
from tswidgets.analysis.receptive_field import receptive_field
from tswidgets.analysis.windows import fold_count, fold_windows, landing, sliding_windows

THREE_PARTS = re.compile(r"^Expected .+; got .+\. .+[.)?]$", re.DOTALL)
NAN, INF = np.nan, np.inf
randomly = settings(deadline=None)


def sine(n_steps=10_000):
    return np.sin(2 * np.pi * np.arange(n_steps) / 100)


def whole_numbers(seed, shape, missing=0.0):
    """Small whole numbers in float32, whose sums are exact, some of them NaN."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-99, 100, shape).astype(np.float32)
    values[rng.random(shape) < missing] = NAN
    return values


def assert_folded(values, at, stride, length, **options):
    """`mean` and `sum` as in the triple loop, the sum exactly."""
    n_wave_steps = (len(values) - 1) * stride + length
    for how in ("mean", "sum"):
        expected, _ = reference.folded(values, at, stride, n_wave_steps, how)
        got = fold_windows(values, stride=stride, how=how, **options)
        assert got.dtype == values.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-6 if how == "mean" else 0)


# -------------------------------------------------------------------------------------------------------------- windows


def test_the_documents_sine():
    wave = sine()
    windows, targets = sliding_windows(wave, 100, horizon=1)
    assert (windows.shape, targets.shape) == ((9900, 100, 1), (9900, 1))
    assert windows.dtype == targets.dtype == np.float64
    expected = reference.windows_by_appending(wave[:300, None], 100, 1)
    np.testing.assert_array_equal(windows[:200], expected[0])
    np.testing.assert_array_equal(targets[:200], expected[1][:, :, 0])
    np.testing.assert_array_equal(targets[-1], wave[-1:])


@randomly
@given(st.integers(1, 9), st.integers(0, 4), st.integers(0, 20), st.integers(1, 12), st.integers(0, 3))
def test_windows_of_any_size(size, horizon, more, stride, n_channels):
    """All of them, from the first on, that have a whole target; 0 channels stands for a wave of one axis."""
    n = size + horizon + more
    wave = whole_numbers(n, (n, n_channels) if n_channels else n)
    windows, targets = sliding_windows(wave, size, stride=stride, horizon=horizon)
    expected = reference.windows_by_appending(wave.reshape(n, -1), size, horizon)
    n_windows = (n - size - horizon) // stride + 1
    assert windows.shape == (n_windows, size, max(n_channels, 1))
    assert targets.shape == (n_windows, horizon, *wave.shape[1:])
    np.testing.assert_array_equal(windows, expected[0][::stride])
    np.testing.assert_array_equal(targets.reshape(n_windows, -1), expected[1][::stride].reshape(n_windows, -1))


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_windows_are_read_only_views(shape, dtype):
    wave = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    for part in sliding_windows(wave, 10, stride=3, horizon=2):
        assert part.dtype == dtype
        assert np.shares_memory(part, wave)
        with pytest.raises(ValueError, match="read-only"):
            part[0, 0] = 1
    wave[:] = 7
    assert (sliding_windows(wave, 10)[0] == 7).all()
    assert wave.flags.writeable


def test_what_can_be_read_as_an_array():
    import pandas as pd

    wave = sine(30)
    for other in (list(wave), pd.Series(wave, index=range(100, 130))):
        np.testing.assert_array_equal(sliding_windows(other, 7)[0], sliding_windows(wave, 7)[0])
    frame = pd.DataFrame({"a": wave, "b": -wave})
    assert sliding_windows(frame, 7, horizon=3)[1].shape == (21, 3, 2)


def test_a_window_as_long_as_the_wave():
    windows, targets = sliding_windows(sine(12), 10, horizon=2)
    assert (windows.shape, targets.shape) == ((1, 10, 1), (1, 2))
    assert sliding_windows(sine(12), 12)[1].shape == (1, 0)


# ----------------------------------------------------------------------------------------------------------------- fold


@randomly
@given(st.integers(1, 15), st.integers(1, 9), st.integers(1, 12), st.integers(1, 3), st.sampled_from([0, 0.3, 0.9]))
def test_the_fold_is_the_triple_loop(n_windows, n_steps, stride, n_filters, missing):
    values = whole_numbers(n_windows, (n_windows, n_steps, n_filters), missing)
    assert_folded(values, range(n_steps), stride, n_steps)


@settings(randomly, max_examples=300)
@given(st.data())
def test_every_way_to_add_is_the_triple_loop(data):
    """Blocks, lanes and stretches so small that few windows use all of them; steps that land in runs of any kind."""
    n_windows, stride = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 3))
    size, n_filters = data.draw(st.integers(10, 30)), data.draw(st.integers(1, 2))
    n_steps = data.draw(st.sampled_from([size, size - 3, size // 2, 3]))
    start, jump = data.draw(st.integers(0, (size - 1) // n_steps)), data.draw(st.integers(1, (size - 1) // n_steps + 1))
    time = np.minimum(start + np.arange(n_steps) * jump + data.draw(st.sampled_from([0, 0.5])), size - 1.0)
    time[: data.draw(st.integers(0, 2))] = NAN
    values = whole_numbers(size, (n_windows, n_steps, n_filters), data.draw(st.sampled_from([0, 0.01])))
    at = [None if place < 0 else int(place) for place in landing(time, size)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "BLOCK", data.draw(st.sampled_from([1, 2000, 10_000])))
        patch.setattr(overlap, "LANES", data.draw(st.integers(2, 6)))
        patch.setattr(overlap, "LONG", data.draw(st.sampled_from([1, 1000])))
        assert_folded(values, at, stride, size, time=time, size=size)


@pytest.mark.parametrize(("n_windows", "n_steps", "n_filters", "stride"), [(3000, 100, 32, 1), (900, 300, 6, 3)])
def test_large_arrays_are_folded_in_lanes(n_windows, n_steps, n_filters, stride):
    """Several blocks, the last of them shorter; with a few values missing."""
    values = whole_numbers(1, (n_windows, n_steps, n_filters))
    adder = overlap.Adder(overlap.runs_of(np.arange(n_steps)), stride, n_windows, n_filters, values.dtype)
    assert adder._lanes
    assert n_windows % adder.size
    for missing in (False, True):
        if missing:
            values[n_windows // 2, 7, 1] = NAN
        n_wave_steps = (n_windows - 1) * stride + n_steps
        total, count = np.zeros((n_wave_steps, n_filters)), np.zeros((n_wave_steps, n_filters), int)
        for w in range(n_windows):
            total[w * stride : w * stride + n_steps] += np.nan_to_num(values[w])
            count[w * stride : w * stride + n_steps] += ~np.isnan(values[w])
        np.testing.assert_array_equal(fold_windows(values, stride=stride, how="sum"), total)
        np.testing.assert_allclose(fold_windows(values, stride=stride), total / count, rtol=1e-6)
    before = np.getbufsize()
    adder.total(values[: adder.size])
    assert np.getbufsize() == before


@randomly
@given(st.integers(1, 15), st.integers(1, 12), st.integers(1, 12), st.integers(1, 9), st.integers(0, 99))
def test_a_deeper_layer_lands_where_it_looks(n_windows, size, n_steps, stride, seed):
    """Anywhere and nowhere, on whole steps and between two, several on one place, and in any order."""
    assume(n_steps != size)  # see test_where_steps_land
    time = np.random.default_rng(seed).integers(0, 2 * size - 1, n_steps) / 2
    time[seed % 7 :: 5] = NAN
    at = [None if t != t else int(t // 1) for t in time]
    assert_folded(whole_numbers(seed, (n_windows, n_steps, 2), 0.1), at, stride, size, time=time, size=size)


def test_the_mean_has_no_artefact_at_the_edges():
    """A wave comes back from its own windows, and each step of it is divided by what the notes say."""
    wave = sine(299)[:, None]
    windows, _ = sliding_windows(wave, 100)
    np.testing.assert_allclose(fold_windows(windows), wave, atol=1e-14)
    n, size, tau = 200, 100, np.arange(299)
    shares = np.minimum.reduce([tau + 1, n + size - 1 - tau, np.full(299, n), np.full(299, size)])
    np.testing.assert_array_equal(fold_count(n, size), shares)
    np.testing.assert_allclose(fold_windows(windows, how="sum"), wave * shares[:, None], atol=1e-12)


def test_steps_that_no_window_covers_are_nan():
    folded = fold_windows(np.ones((3, 2, 1), np.float32), stride=5)[:, 0]
    np.testing.assert_array_equal(folded, [1, 1, NAN, NAN, NAN, 1, 1, NAN, NAN, NAN, 1, 1])
    ends = fold_windows(np.ones((2, 3, 1)), time=[1, 1.5, 2.5], size=5, how="sum")[:, 0]
    np.testing.assert_array_equal(ends, [NAN, 2, 3, 1, NAN, NAN])


def test_missing_values_do_not_contribute():
    values = np.array([[1, 2, 3], [4, NAN, 6], [NAN, NAN, 9]], np.float32)[:, :, None]
    np.testing.assert_array_equal(fold_windows(values)[:, 0], [1, 3, 3, 6, 9])
    np.testing.assert_array_equal(fold_windows(values, how="sum")[:, 0], [1, 6, 3, 6, 9])
    values[0, 2] = NAN
    assert np.isnan(fold_windows(values)[2, 0])
    fold = Fold(5, 2, np.arange(3))
    fold.add(0, np.concatenate([values, np.ones_like(values)], axis=2))
    np.testing.assert_array_equal(fold.count, [1, 2, 3, 2, 1])
    fold = Fold(5, 1, np.arange(3))
    fold.add(0, values)
    np.testing.assert_array_equal(fold.count, [1, 2, 0, 1, 1])


@pytest.mark.parametrize("how", ["mean", "sum", "copy_edges"])
def test_infinite_values_stay_where_they_are(how):
    values = np.ones((4, 3, 2), np.float32)
    values[1, 1, 0], values[3, 0, 0], values[2, 2, 1], values[3, 1, 1] = INF, -INF, INF, -INF
    folded = fold_windows(values, how=how)
    np.testing.assert_array_equal(np.isinf(folded), [[0, 0], [0, 0], [1, 0], [1, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(np.isnan(folded), [[0, 0], [0, 0], [0, 0], [0, 0], [0, 1], [0, 0]])
    assert folded[2, 0] == INF
    assert folded[3, 0] == -INF


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float16, np.float32),
        (int, np.float32),
        (bool, np.float32),
    ],
)
@pytest.mark.parametrize("how", ["mean", "sum", "copy_edges"])
def test_kinds_of_numbers(given, expected, how):
    values = np.ones((4000, 3, 1), given)
    folded = fold_windows(values, how=how)
    assert folded.dtype == expected
    np.testing.assert_array_equal(folded[2:-2], 1 if how == "mean" else 3)


# -------------------------------------------------------------------------------------------------- copies at the edges


def test_the_documents_arrays():
    """200 windows of 100 steps: 100 rows of 299, added up."""
    answers = np.random.default_rng(0).normal(size=(200, 100, 8))
    folded = fold_windows(answers, how="copy_edges")
    for f in range(8):
        rows = reference.copied_edges(answers[:, :, f])
        assert rows.shape == (100, 299)
        summed = rows.sum(axis=0).reshape(1, -1)
        assert summed.shape == folded[:, f][None].shape == (1, 299)
        np.testing.assert_allclose(folded[:, f][None], summed, rtol=0, atol=1e-12)
    assert np.abs(folded[99:200] - 100 * fold_windows(answers)[99:200]).max() < 1e-12
    assert (np.abs(folded - 100 * fold_windows(answers))[[1, 98, 200, 297]] > 1e-3).any(axis=1).all()


@randomly
@given(st.integers(1, 12), st.integers(0, 12), st.integers(1, 3))
@example(1, 0, 1)
@example(5, 0, 1)
def test_copied_edges_are_the_documents(n_steps, more, n_filters):
    values = whole_numbers(more, (max(n_steps - 1 + more, 1), n_steps, n_filters))
    folded = fold_windows(values, how="copy_edges")
    for f in range(n_filters):
        np.testing.assert_array_equal(folded[:, f], reference.copied_edges(values[:, :, f]).sum(axis=0))


def test_a_copy_of_nothing_is_nothing():
    """What is masked cannot be copied; where nothing is copied, it does not contribute."""
    values = np.ones((5, 3, 1), np.float32)
    values[0, 0], values[2, 1] = NAN, NAN
    np.testing.assert_array_equal(fold_windows(values, how="copy_edges")[:, 0], [NAN, 3, 3, 2, 3, 3, 3])


# ------------------------------------------------------------------------------------------------------- piece by piece


@randomly
@given(
    st.integers(1, 30), st.integers(1, 9), st.integers(1, 4), st.lists(st.integers(0, 30)), st.randoms(), st.booleans()
)
def test_pieces_in_any_order_are_the_whole(n_windows, n_steps, stride, cuts, random, missing):
    values = whole_numbers(n_windows, (n_windows, n_steps, 2), 0.2 if missing else 0)
    fold = Fold((n_windows - 1) * stride + n_steps, 2, np.arange(n_steps), stride)
    edges = sorted({0, n_windows, *(cut for cut in cuts if cut < n_windows)})
    pieces = list(pairwise(edges))
    random.shuffle(pieces)
    added = np.full_like(values, NAN)
    for first, last in pieces:
        fold.add(first, values[first:last])
        added[first:last] = values[first:last]
        for how in ("mean", "sum"):
            np.testing.assert_array_equal(fold.result(how), fold_windows(added, stride=stride, how=how))
    _, count = reference.folded(values, range(n_steps), stride, len(fold.count), "sum")
    np.testing.assert_array_equal(fold.count, count.max(axis=1))
    if stride == 1 and n_windows >= n_steps - 1:
        np.testing.assert_array_equal(fold.result("copy_edges"), fold_windows(values, how="copy_edges"))


def test_what_is_known_at_any_time():
    """Before the first window nothing; asking changes nothing, and what was told is not changed by more windows."""
    values, fold = whole_numbers(0, (6, 3, 2)), Fold(8, 2, np.arange(3))
    for how in ("mean", "sum", "copy_edges"):
        assert np.isnan(fold.result(how)).all()
    assert not fold.count.any()
    fold.add(2, values[2:4])
    early = {how: fold.result(how) for how in ("mean", "sum", "copy_edges")}
    assert np.isnan(early["mean"]).all(axis=1).tolist() == [True, True, False, False, False, False, True, True]
    np.testing.assert_array_equal(early["mean"][2:6], fold_windows(values[2:4]))
    np.testing.assert_array_equal(fold.count, [0, 0, 1, 2, 2, 1, 0, 0])
    kept = {how: result.copy() for how, result in early.items()}
    fold.add(4, values[4:])
    fold.add(0, values[:2])
    for how in early:
        np.testing.assert_array_equal(early[how], kept[how])
        np.testing.assert_array_equal(fold.result(how), fold_windows(values, how=how))


# ---------------------------------------------------------------------------------------------------------------- count


@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 25))
def test_how_many_windows_contain_a_step(n_windows, size, stride):
    expected = np.zeros((n_windows - 1) * stride + size, int)
    for w in range(n_windows):
        expected[w * stride : w * stride + size] += 1
    count = fold_count(n_windows, size, stride)
    assert count.dtype == np.int64
    np.testing.assert_array_equal(count, expected)
    fold = Fold(len(expected), 1, np.arange(size), stride)
    fold.add(0, np.ones((n_windows, size, 1), np.float32))
    np.testing.assert_array_equal(fold.count, expected)


# ----------------------------------------------------------------------------------------------------- where steps land


@pytest.mark.parametrize(
    ("time", "size", "at"),
    [
        ([0.0, 1, 2], 9, [0, 1, 2]),
        ([4.5, 9.5], 12, [4, 9]),
        ([NAN, 0, 1.5, NAN], 4, [-1, 0, 1, -1]),  # as many steps, of which the middle ones are elsewhere
        ([2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7], 10, range(10)),  # same padding, a kernel of 10: 4 in front
        ([1.0, 1.5, 2, 2.5, 3], 5, range(5)),  # same padding, a kernel of 5
        ([1.5] * 4, 4, range(4)),  # same padding, a kernel that is longer than the window
        ([0.5, 0.5, 2.5, 2.5], 4, range(4)),  # halved and doubled again
        ([0.5, 0.5, 2.5, 2.5, 4.5, 4.5], 6, range(6)),
        ([0, 0.5, 1, 1.5, 2, 3, 4, 5], 8, [0, 0, 1, 1, 2, 3, 4, 5]),  # causal, a kernel of 5
        ([4.0, 3, 2, 1, 0], 5, [4, 3, 2, 1, 0]),  # turned round: the middle one is where it was
        ([NAN, 1, 2, 3, NAN], 5, [-1, 1, 2, 3, -1]),
        ([0.0], 1, [0]),
        ([NAN, NAN], 2, [-1, -1]),
        ([1.0, 1.0], 2, [0, 1]),
        ([49.5], 100, [49]),
    ],
)
def test_where_steps_land(time, size, at):
    got = landing(np.array(time), size)
    assert got.dtype == np.int64
    assert got.tolist() == list(at)


LAYERS = {
    "mean of two": (lambda: L.AveragePooling1D(2), 0.5, 2),
    "mean of five": (lambda: L.AveragePooling1D(5, strides=3), 0.0, 3),
    "largest of three": (lambda: L.MaxPooling1D(3), 1.0, 3),
    "same padding": (lambda: L.Conv1D(1, 10, padding="same", use_bias=False), 0.0, 1),
    "turned round": (lambda: L.SimpleRNN(1, return_sequences=True, go_backwards=True, activation="linear"), 0.0, 1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_a_model_land_on_the_wave(name):
    """What a layer says of a wave that rises by 1 a step, on the step that it says it of; windows of 11 steps."""
    build, above, jump = LAYERS[name]
    layer = build()
    model = keras.Sequential([keras.Input((11, 1)), layer])
    if layer.weights:  # hands through the step that a kernel is in the middle of, or the step itself
        kernel = np.zeros(layer.weights[0].shape, np.float32)
        kernel[4 if len(kernel) == 10 else 0] = 1
        layer.set_weights([kernel, *(np.zeros(weight.shape) for weight in layer.weights[1:])])
    wave = np.arange(1, 31, dtype=np.float32)
    windows, _ = sliding_windows(wave, 11)
    time = receptive_field(model, layer.name).centres
    folded = fold_windows(np.asarray(model(windows)), time=time, size=11)
    assert folded.shape == (30, 1)
    covered = ~np.isnan(folded[:, 0])
    np.testing.assert_allclose(folded[covered, 0], wave[covered] + above, rtol=1e-6)
    assert covered.sum() >= 30 - 2 * jump - 2
    if jump == 1:
        assert covered.all()


# ------------------------------------------------------------------------------------------------------- memory, import


def test_the_fold_takes_little_memory():
    values = np.ones((40_000, 100, 4), np.float32)
    tracemalloc.start()
    try:
        fold_windows(values)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < values.nbytes / 6


def test_neither_keras_nor_tensorflow_is_needed():
    code = "import sys, tswidgets.analysis.windows; print(*{'keras', 'tensorflow'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""


# ------------------------------------------------------------------------------------------------------------- mistakes

WAVE, VALUES = sine(50), np.ones((20, 6, 2), np.float32)
HOLES = np.where(np.isin(np.arange(50), [7, 9]), NAN, WAVE)


def refuse(call, kind, *words):
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert THREE_PARTS.match(str(caught.value)), caught.value
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("wave", "options", "kind", "words"),
    [
        (np.arange(50), {}, TypeError, ["int64", "float32"]),
        (WAVE > 0, {}, TypeError, ["bool"]),
        (WAVE.astype(complex), {}, TypeError, ["complex", "magnitude"]),
        (["a", "b"], {}, TypeError, ["<U1"]),
        (None, {}, TypeError, ["object"]),
        ([[1.0, 2.0], [3.0]], {}, ValueError, ["ragged"]),
        (np.float64(3), {}, ValueError, ["shape ()"]),
        (WAVE.reshape(5, 5, 2), {}, ValueError, ["(5, 5, 2)", "first axis"]),
        (WAVE[:0], {}, ValueError, ["shape (0,)"]),
        (np.zeros((50, 0)), {}, ValueError, ["(50, 0)"]),
        (HOLES, {}, ValueError, ["2 values NaN", "first at step 7", "Interpolate"]),
        (np.where(np.arange(50) == 49, INF, WAVE), {}, ValueError, ["1 value NaN", "step 49"]),
        (np.stack([WAVE, HOLES], axis=1), {}, ValueError, ["2 values", "step 7"]),
        (WAVE, {"size": 51}, ValueError, ["at least 51 steps", "window of 51;", "50 steps", "smaller size"]),
        (WAVE, {"size": 50, "horizon": 1}, ValueError, ["at least 51", "window of 50 and 1 behind it", "50 steps"]),
        (WAVE[None], {}, ValueError, ["1 step.", "wave.T"]),
        (WAVE, {"size": 0}, ValueError, ["size of at least 1", "got 0"]),
        (WAVE, {"size": -3}, ValueError, ["got -3"]),
        (WAVE, {"size": 10.0}, TypeError, ["whole number for size", "10.0"]),
        (WAVE, {"size": True}, TypeError, ["True"]),
        (WAVE, {"size": "10"}, TypeError, ["'10'"]),
        (WAVE, {"size": None}, TypeError, ["None"]),
        (WAVE, {"stride": 0}, ValueError, ["stride of at least 1", "got 0"]),
        (WAVE, {"stride": -1}, ValueError, ["stride", "-1"]),
        (WAVE, {"stride": 1.5}, TypeError, ["stride", "1.5"]),
        (WAVE, {"stride": False}, TypeError, ["stride", "False"]),
        (WAVE, {"horizon": -1}, ValueError, ["horizon of at least 0", "from 0 on"]),
        (WAVE, {"horizon": np.bool_(True)}, TypeError, ["horizon", "True"]),
        (WAVE, {"horizon": 0.0}, TypeError, ["horizon"]),
    ],
)
def test_waves_that_cannot_be_cut(wave, options, kind, words):
    refuse(lambda: sliding_windows(wave, **{"size": 10, **options}), kind, *words)


@pytest.mark.parametrize(
    ("values", "options", "kind", "words"),
    [
        (VALUES[:, :, 0], {}, ValueError, ["(20, 6)", "values[:, :, None]"]),
        (VALUES[0, 0], {}, ValueError, ["(2,)"]),
        (VALUES[None], {}, ValueError, ["(1, 20, 6, 2)"]),
        (VALUES[:0], {}, ValueError, ["(0, 6, 2)"]),
        (VALUES[:, :0], {}, ValueError, ["(20, 0, 2)"]),
        (VALUES[:, :, :0], {}, ValueError, ["(20, 6, 0)"]),
        ([[[1.0], [2.0]], [[3.0]]], {}, ValueError, ["ragged"]),
        (VALUES.astype(complex), {}, TypeError, ["complex"]),
        (VALUES.astype(str), {}, TypeError, ["<U"]),
        (None, {}, TypeError, ["object"]),
        (VALUES, {"stride": 0}, ValueError, ["stride of at least 1", "got 0"]),
        (VALUES, {"stride": 2.0}, TypeError, ["stride"]),
        (VALUES, {"how": "max"}, ValueError, ["'mean', 'sum', 'copy_edges'", "'max'"]),
        (VALUES, {"how": None}, ValueError, ["None"]),
        (VALUES, {"how": ["mean"]}, ValueError, ["['mean']"]),
        (VALUES, {"how": "copy_edges", "stride": 2}, ValueError, ["got stride 2", "how='mean'"]),
        (VALUES[:4], {"how": "copy_edges"}, ValueError, ["at least 5 windows", "got 4 windows of 6 steps", "'mean'"]),
        (VALUES, {"how": "copy_edges", "time": np.arange(6) + 2, "size": 10}, ValueError, ["land elsewhere"]),
        (VALUES, {"time": np.arange(6.0)}, ValueError, ["size together with time", "windows.shape[1]"]),
        (VALUES, {"size": 10}, ValueError, ["10 steps", "6 steps and no time", "time="]),
        (VALUES, {"size": 0}, ValueError, ["size of at least 1"]),
        (VALUES, {"time": np.arange(6.0), "size": 6.5}, TypeError, ["size", "6.5"]),
        (VALUES, {"time": np.arange(5.0), "size": 10}, ValueError, ["(6,)", "(5,)"]),
        (VALUES, {"time": np.ones((6, 1)), "size": 10}, ValueError, ["(6, 1)"]),
        (VALUES, {"time": ["a"] * 6, "size": 10}, TypeError, ["real numbers in time"]),
        (VALUES, {"time": np.arange(6.0) + 5, "size": 10}, ValueError, ["time from 0 to 9", "got 5 to 10"]),
        (VALUES, {"time": np.arange(6.0) - 0.5, "size": 10}, ValueError, ["-0.5 to 4.5"]),
        (VALUES, {"time": np.array([0, 1, 2, NAN, 4, INF]), "size": 10}, ValueError, ["inf"]),
    ],
)
def test_values_that_cannot_be_folded(values, options, kind, words):
    refuse(lambda: fold_windows(values, **options), kind, *words)


def test_what_cannot_be_done_is_said_before_it_is_begun(monkeypatch):
    monkeypatch.delattr(Fold, "add")
    refuse(lambda: fold_windows(VALUES[:4], how="copy_edges"), ValueError, "4 windows")
    refuse(lambda: fold_windows(VALUES, how="max"), ValueError, "'max'")


def test_a_layer_with_the_windows_steps_has_edges_to_copy():
    time = [1.0, 1.5, 2.5, 3.5, 4, 4.5]
    np.testing.assert_array_equal(
        fold_windows(VALUES, how="copy_edges", time=time, size=6), fold_windows(VALUES, how="copy_edges")
    )


@pytest.mark.parametrize("how", ["maximum", "copy_edges"])
def test_a_fold_says_what_it_cannot(how):
    refuse(lambda: Fold(21, 1, np.arange(3), 2).result(how), ValueError, "copy_edges")


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ((0, 5), ValueError, ["n_windows of at least 1"]),
        ((5, 0), ValueError, ["size of at least 1"]),
        ((5, 5, 0), ValueError, ["stride of at least 1"]),
        ((2.0, 5), TypeError, ["n_windows"]),
        ((5, True), TypeError, ["size", "True"]),
        ((5, 5, None), TypeError, ["stride", "None"]),
    ],
)
def test_counts_of_nothing(arguments, kind, words):
    refuse(lambda: fold_count(*arguments), kind, *words)
