"""What every layer's values are like, against plain NumPy on what its layers answer by hand."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

import tswidgets as tsw
from tests.models import CASES, case, in_gate
from tswidgets.analysis.dead import STATES, bounds, filter_states
from tswidgets.probe import as_probe

THREE_PARTS = re.compile(r"Expected .+; got .+\. .+[.?]$", re.DOTALL)
MASKED = ("masked_lstm", "masked_subclassed", "masked_conv", "mask_lost", "embedding")
GATE = ("images", "nested", "shared", "lists", "data_dependent", "mixed_float16", "dict_layer", "stateful")
FIELDS = ("zeros", "mean", "std", "low", "high")


def by_numpy(values: np.ndarray, present: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """In float64, filter by filter; `present` tells the steps that count."""
    flat = np.asarray(values, np.float64)
    flat = flat.reshape(-1, flat.shape[-1]) if present is None else flat[present].reshape(-1, flat.shape[-1])
    found: dict[str, list[float]] = {name: [] for name in ("n", "n_nan", "n_infinite", *FIELDS)}
    for column in flat.T:
        finite = column[np.isfinite(column)]
        found["n"].append(len(column))
        found["n_nan"].append(np.isnan(column).sum())
        found["n_infinite"].append(np.isinf(column).sum())
        found["zeros"].append((column == 0).mean())
        for name, of in (("mean", np.mean), ("std", np.std), ("low", np.min), ("high", np.max)):
            found[name].append(of(finite) if len(finite) else np.nan)
    return {name: np.array(one) for name, one in found.items()}


def assert_like(got: tsw.LayerStatistics, expected: dict[str, np.ndarray], tolerance: float = 1e-5) -> None:
    for name in ("n", "n_nan", "n_infinite"):
        np.testing.assert_array_equal(getattr(got, name), expected[name], got.layer)
    scale = max(np.nanmax(np.abs([expected["low"], expected["high"]]), initial=0), 1e-3)
    for name in FIELDS:
        far = 0.02 if name == "zeros" and tolerance > 1e-5 else tolerance * (1 if name == "zeros" else scale)
        np.testing.assert_allclose(getattr(got, name), expected[name], rtol=0, atol=far, err_msg=f"{got.layer} {name}")


def assert_same(got: tsw.Statistics, expected: tsw.Statistics, tolerance: float = 1e-9) -> None:
    assert [one.layer for one in got.layers] == [one.layer for one in expected.layers]
    assert got.n_samples == expected.n_samples
    for one, other in zip(got.layers, expected.layers, strict=True):
        assert_like(one, {name: getattr(other, name) for name in ("n", "n_nan", "n_infinite", *FIELDS)}, tolerance)
        np.testing.assert_allclose(one.saturated, other.saturated, atol=1e-6)
        assert one.first_sample == other.first_sample


def small(seed: int = 0) -> keras.Sequential:
    keras.utils.set_random_seed(seed)
    layers = [L.Conv1D(6, 3, activation="relu", name="conv"), L.GlobalMaxPooling1D(name="pool")]
    return keras.Sequential([keras.Input((20, 2)), *layers, L.Dense(3, activation="tanh", name="head")])


def some(n_samples: int = 30, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_samples, 20, 2)).astype("float32")


@pytest.fixture(scope="module")
def model() -> keras.Sequential:
    """For all tests that only look."""
    return small()


# -- the numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", in_gate([name for name in CASES if name not in MASKED], *GATE))
def test_every_tap_of_every_kind_of_model(name: str) -> None:
    found = case(name)
    expected, before = found.expected(found.x), found.model.get_weights()
    got = tsw.statistics(found.model, found.x)
    inputs = keras.tree.flatten(found.x)
    assert [one.layer for one in got.layers][: len(inputs)] == (
        ["X"] if len(inputs) == 1 else [one.layer for one in got.layers if one.layer.startswith("X[")]
    )
    taps = [tap.name for tap in as_probe(found.model).taps if tap.name in expected]
    assert [one.layer for one in got.layers][len(inputs) :] == taps
    if len(inputs) == 1:
        assert_like(got["X"], by_numpy(inputs[0]))
    tolerance = max(found.tolerance, 1e-5) * 10
    for tap in taps:
        if np.ndim(expected[tap]) > 1 and got[tap].n_filters == expected[tap].shape[-1]:
            assert_like(got[tap], by_numpy(expected[tap]), tolerance)
        else:  # the last axis is time, of any length
            assert_like(got[tap], by_numpy(np.ravel(expected[tap])[:, None]), tolerance)
    for now, then in zip(found.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("name", ["masked_lstm", "masked_conv", "embedding"])
def test_padding_counts_nowhere(name: str) -> None:
    found = case(name)
    got, probe = tsw.statistics(found.model, found.x), as_probe(found.model, found.x)
    expected, padded = found.expected(found.x), (found.x == 0).reshape(*found.x.shape[:2], -1).all(axis=2)
    assert padded.any()
    for tap in probe.taps:
        values = expected[tap.name]
        timed = values.ndim == 3 and values.shape[1] == padded.shape[1]
        assert_like(got[tap.name], by_numpy(values, ~padded if timed else None))
    data = found.x[~padded].reshape(1, (~padded).sum(), -1)
    assert_like(got["X"], by_numpy(data))


def test_series_of_different_lengths_are_as_their_padded_batch(model: Any) -> None:
    found = case("masked_lstm")
    lengths = [12, 9, 6]
    series = [one[:n] for one, n in zip(found.x, lengths, strict=True)]
    apart, together = tsw.statistics(found.model, series), tsw.statistics(found.model, found.x)
    assert apart["X"].n[0] == sum(lengths)
    for one, other in zip(apart.layers, together.layers, strict=True):
        assert_like(one, {name: getattr(other, name) for name in ("n", "n_nan", "n_infinite", *FIELDS)})
    boxed = np.empty(3, object)
    boxed[:] = series
    assert_same(tsw.statistics(found.model, boxed), apart)


def test_numbers_that_are_not_finite_are_counted_and_spoil_nothing(model: Any) -> None:
    x = some()
    x[7, 3, 1], x[9, 4, 1], x[9, 5, 0] = np.nan, np.inf, -np.inf
    got = tsw.statistics(model, x, batch_size=4)
    assert_like(got["X"], by_numpy(x))
    assert got["X"].first_sample == got["conv"].first_sample == 7
    sound = np.delete(x, [7, 9], axis=0)
    assert np.isfinite(got["conv"].mean).all()
    assert got["conv"].n_nan.sum() + got["conv"].n_infinite.sum() > 0
    np.testing.assert_array_less(got["conv"].high, tsw.statistics(model, sound)["conv"].high + 10)


def test_what_float32_cannot_hold_is_infinite_and_said_so(model: Any) -> None:
    x = some(12).astype(np.float64)
    x[4, 2, 1] = 1e300
    for given in (x, [*x]):
        got = tsw.statistics(model, given, batch_size=3)
        assert got["X"].n_infinite.tolist() == [0, 1]
        assert (got.first.layer, got.first.sample) == ("X", 4)


def test_an_offset_that_all_share_cancels_no_digits(model: Any) -> None:
    rng = np.random.default_rng(3)
    x = (1e6 + rng.normal(0, 1, (400, 20, 2)).round()).astype("float32")  # whole numbers, which float32 holds exactly
    got = tsw.statistics(model, x, batch_size=7)
    np.testing.assert_allclose(got["X"].std, x.reshape(-1, 2).astype(np.float64).std(axis=0), rtol=1e-10)
    np.testing.assert_allclose(got["X"].mean, x.reshape(-1, 2).astype(np.float64).mean(axis=0), rtol=1e-13)
    constant = np.full((50, 20, 2), 1e6 + 0.25, "float32")
    assert (tsw.statistics(model, constant, batch_size=8)["X"].std == 0).all()


def test_half_precision_is_summed_in_double() -> None:
    layers = [L.Dense(4, name="d", dtype="float16", kernel_initializer="ones", bias_initializer="zeros")]
    half = keras.Sequential([keras.Input((20, 2)), *layers])
    x = np.full((200, 20, 2), 100, "float32")
    x[::2] = 50
    got = tsw.statistics(half, x)["d"]  # of 4,000 values of 200 and 100 the sum is beyond 65,504, and their squares
    np.testing.assert_allclose([got.mean[0], got.std[0], got.low[0], got.high[0]], [150, 50, 100, 200])
    assert not got.n_infinite.any()


def test_saturation_is_what_the_gallery_says() -> None:
    keras.utils.set_random_seed(0)
    wide = keras.initializers.RandomNormal(stddev=4)
    layers = [L.Conv1D(12, 3, activation="tanh", kernel_initializer=wide, name="t"), L.Dense(2, name="d")]
    loud, x = keras.Sequential([keras.Input((20, 2)), *layers]), some(40)
    got = tsw.statistics(loud, x, batch_size=9)["t"]
    values = tsw.activations(loud, x, "t").values
    np.testing.assert_allclose(got.saturated, (np.abs(values) >= 0.98).reshape(-1, 12).mean(axis=0), atol=1e-12)
    np.testing.assert_array_equal(got.states, filter_states(values, bounds(loud.get_layer("t"))))
    assert STATES.index("saturated") in got.states or got.saturated.max() < 0.95
    assert np.isnan(tsw.statistics(loud, x)["d"].saturated).all()


def test_weights_are_told_under_their_layers(model: Any) -> None:
    told = {(one.layer, one.name): one for one in tsw.statistics(model, some()).weights}
    assert list(told) == [("conv", "kernel"), ("conv", "bias"), ("head", "kernel"), ("head", "bias")]
    kernel = np.asarray(model.get_layer("conv").kernel, np.float64)
    one = told["conv", "kernel"]
    assert (one.shape, one.n, one.n_nan) == ((3, 2, 6), 36, 0)
    expected = [kernel.mean(), kernel.std(), kernel.min(), kernel.max()]
    np.testing.assert_allclose([one.mean, one.std, one.low, one.high], expected)
    assert told["conv", "bias"].zeros == 1


# -- however much there is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_what_lies_on_a_disk_is_as_what_lies_in_memory(model: Any, kind: str, tmp_path: Path) -> None:
    x = (some(101) * (1 if kind == "float32" else 50)).astype(kind)
    on_disk = np.memmap(tmp_path / "x.dat", kind, "w+", shape=x.shape)
    on_disk[:] = x
    at_once = tsw.statistics(model, x.astype("float32"), batch_size=101)
    assert_same(tsw.statistics(model, on_disk, batch_size=8), at_once)
    assert at_once.total == at_once.n_samples == 101


def test_several_inputs_from_a_disk(tmp_path: Path) -> None:
    found = case("several_outputs") if isinstance(case("several_outputs").x, dict) else case("lists")
    arrays = keras.tree.flatten(found.x)
    mapped = []
    for i, array in enumerate(arrays):
        one = np.memmap(tmp_path / f"{i}.dat", array.dtype, "w+", shape=array.shape)
        one[:] = array
        mapped.append(one)
    x = keras.tree.pack_sequence_as(found.x, mapped)
    assert_same(tsw.statistics(found.model, x, batch_size=1), tsw.statistics(found.model, found.x), 1e-6)


def test_any_iterable_of_batches(model: Any) -> None:
    x, y = some(25), np.zeros(25)
    whole = tsw.statistics(model, x)

    class Sequence(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 5

        def __getitem__(self, i: int) -> Any:
            return x[5 * i : 5 * i + 5], y[5 * i : 5 * i + 5]

    parts = np.array_split(x, 4)
    for batches in (
        (one for one in parts),
        ((one, np.zeros(len(one))) for one in parts),
        ([tf.constant(one), tf.zeros(len(one))] for one in parts),
        tf.data.Dataset.from_tensor_slices((x, y)).batch(6),
        Sequence(),
    ):
        got = tsw.statistics(model, batches)
        assert_same(got, whole)
        assert got.total is None and got.complete


def test_memory_does_not_grow_with_the_number_of_samples(model: Any) -> None:
    rng = np.random.default_rng(0)

    def batches(n: int) -> Any:
        for _ in range(n):
            yield rng.normal(size=(64, 20, 2)).astype("float32")

    tsw.statistics(model, batches(2))  # compiled, and whatever is kept for good
    peaks = []
    for n in (10, 100):
        tracemalloc.start()
        got = tsw.statistics(model, batches(n))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert got.n_samples == 64 * n
    assert peaks[1] < peaks[0] + 60_000  # 90 batches more are 0.9 MB


def test_a_model_that_is_built_for_a_batch_size_counts_every_sample_once() -> None:
    keras.utils.set_random_seed(0)
    layers = [L.LSTM(3, stateful=True, return_sequences=True, name="lstm"), L.Dense(2, name="head")]
    built = keras.Sequential([keras.Input(batch_shape=(4, 20, 2)), *layers])
    x = some(10)
    got = tsw.statistics(built, x)
    assert got.n_samples == 10
    assert_like(got["X"], by_numpy(x))
    probe = tsw.Probe(built)
    batches = [(np.resize(x[i : i + 4], (4, 20, 2)), min(4, 10 - i)) for i in (0, 4, 8)]
    answers = np.concatenate([probe.observe(batch)["lstm"][:n] for batch, n in batches])
    assert_like(got["lstm"], by_numpy(answers))


def test_it_goes_batch_by_batch_and_stops_when_nobody_draws(model: Any) -> None:
    x = some(30)
    found = list(tsw.iter_statistics(model, x, batch_size=8))
    assert [one.n_samples for one in found] == [8, 16, 24, 30]
    assert [one.complete for one in found] == [False, False, False, True]
    assert_same(found[-1], tsw.statistics(model, x))
    assert_same(found[0], tsw.statistics(model, x[:8]))
    drawn: list[int] = []

    def counted() -> Any:
        for i in range(0, 30, 5):
            drawn.append(i)
            yield x[i : i + 5]

    run = tsw.iter_statistics(model, counted())
    next(run)
    assert len(drawn) == 1


def test_a_last_axis_of_any_length_is_told_as_one() -> None:
    layers = [L.Conv1D(3, 3, padding="same", name="conv"), L.Permute((2, 1), name="turned")]
    turned = keras.Sequential([keras.Input((None, 2)), *layers])
    series = [one[: 10 + i] for i, one in enumerate(some(6))]
    got = tsw.statistics(turned, series)
    values = np.concatenate([np.ravel(tsw.activations(turned, one, "conv").values) for one in series])
    assert_like(got["turned"], by_numpy(values[:, None]))


@pytest.mark.parametrize(
    ("X", "error"),
    [
        (3, TypeError),
        ("series", TypeError),
        (iter([]), ValueError),
        (np.zeros((0, 20, 2), "float32"), ValueError),
        (np.zeros((5, 20, 3), "float32"), ValueError),
        (np.zeros((5, 20, 2), complex), TypeError),
        (iter([some(3), np.zeros((3, 20, 5), "float32")]), ValueError),
        (iter([some(3), np.zeros((3, 20), "float32")]), ValueError),
    ],
    ids=["number", "text", "no batch", "no sample", "channels", "complex", "later batch", "later axes"],
)
def test_what_is_wrong_is_said_in_three_parts(model: Any, X: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=THREE_PARTS):
        tsw.statistics(model, X)


def test_arguments_are_checked_before_anything_runs(model: Any) -> None:
    with pytest.raises(ValueError, match=THREE_PARTS):
        tsw.iter_statistics(model, some(), batch_size=0)
    with pytest.raises(TypeError, match=THREE_PARTS):
        tsw.iter_statistics("model", some())
    with pytest.raises(ValueError, match="conv"):
        tsw.statistics(model, some())["cnv"]


def test_it_fits_a_notebooks_cell(model: Any) -> None:
    deep = keras.Sequential([keras.Input((20, 2)), *[L.Dense(3, name=f"layer_{i}") for i in range(9)]])
    for one in (model, deep):
        told = repr(tsw.statistics(one, some()))
        assert len(told.splitlines()) < 34 and max(map(len, told.splitlines())) <= 100
        assert "30 samples" in told and ("conv" in told or "layer_8" in told)
    rows = tsw.statistics(model, some()).rows
    assert [row["layer"] for row in rows][:3] == ["X", "conv:pre-activation", "conv"]
    assert rows[2]["zeros"] == pytest.approx(tsw.statistics(model, some())["conv"].zeros.mean())
