"""Labels per time step: what the function counts is what plain loops count."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L

import tswidgets as tsw
from tests.models import CASES, case, randomise, sampled
from tswidgets.analysis import steps as module

RNG = np.random.default_rng(7)
NAN = float("nan")


def series(n_samples: int = 9, n_timesteps: int = 24, n_channels: int = 3) -> np.ndarray:
    return RNG.normal(size=(n_samples, n_timesteps, n_channels)).astype(np.float32)


@cache
def labeller(n_outputs: int = 1, activation: str = "sigmoid", n_timesteps: int | None = None, **options: Any) -> Any:
    """An answer per step."""
    parts = [
        L.Conv1D(6, 5, padding="same", activation="relu", name="conv", **options),
        L.LSTM(4, return_sequences=True),
    ]
    model = keras.Sequential([keras.Input((n_timesteps, 3)), *parts, L.Dense(n_outputs, activation=activation)])
    return randomise(model, seed=n_outputs)


@cache
def flat_labeller(n_timesteps: int = 24) -> Any:
    """All steps' answers at once, as a flat output."""
    parts = [L.Conv1D(6, 5), L.MaxPooling1D(4), L.LSTM(8), L.Dense(n_timesteps, activation="sigmoid", name="head")]
    return randomise(keras.Sequential([keras.Input((n_timesteps, 3)), *parts]), seed=3)


def run(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(model(x[None], training=False), np.float32)[0]


def share(part: float, whole: float) -> float:
    return part / whole if whole else NAN


class Loops:
    """Counts step by step. `truth` and `answer`: for each sample a list of sets of outputs; None is no label."""

    def __init__(
        self, truth: list[list[set[int] | None]], answer: list[list[set[int]]], exclusive: bool, n: int
    ) -> None:
        self.accuracy, self.iou, self.missed, self.false = [], [], [], []
        both, either, right, total = [0] * n, [0] * n, 0, 0
        for one, other in zip(truth, answer, strict=True):
            own_both, own_either, own_right, own_total = [0] * n, [0] * n, 0, 0
            missed, false = [], []
            for told, said in zip(one, other, strict=True):
                missed.append(told is not None and bool(told - said))
                false.append(told is not None and bool(said - told))
                if told is None:
                    continue
                own_total += 1 if exclusive else n
                own_right += (told == said) if exclusive else n - len(told ^ said)
                for k in range(n):
                    own_both[k] += k in told and k in said
                    own_either[k] += k in told or k in said
            self.accuracy.append(share(own_right, own_total))
            self.iou.append(self.mean(own_both, own_either))
            self.missed.append(missed)
            self.false.append(false)
            both, either = (
                [a + b for a, b in zip(both, own_both, strict=True)],
                [a + b for a, b in zip(either, own_either, strict=True)],
            )
            right, total = right + own_right, total + own_total
        self.overall_accuracy, self.overall_iou = share(right, total), self.mean(both, either)
        self.output_iou = [share(a, b) for a, b in zip(both, either, strict=True)]

    @staticmethod
    def mean(both: list[int], either: list[int]) -> float:
        each = [a / b for a, b in zip(both, either, strict=True) if b]
        return sum(each) / len(each) if each else NAN

    def check(self, found: tsw.StepScores) -> None:
        np.testing.assert_allclose(found.accuracy, self.accuracy, atol=1e-12)
        np.testing.assert_allclose(found.iou, self.iou, atol=1e-12)
        assert found.overall_accuracy == pytest.approx(self.overall_accuracy, nan_ok=True)
        assert found.overall_iou == pytest.approx(self.overall_iou, nan_ok=True)
        np.testing.assert_allclose(found.output_iou, self.output_iou, atol=1e-12)
        for i, (missed, false) in enumerate(zip(self.missed, self.false, strict=True)):
            assert found.missed[i, : len(missed)].tolist() == missed
            assert found.false[i, : len(false)].tolist() == false
            assert not found.missed[i, len(missed) :].any() and not found.false[i, len(missed) :].any()
        order = sorted((self.iou[i], self.accuracy[i], i) for i in range(len(self.iou)) if not math.isnan(self.iou[i]))
        assert found.worst.tolist() == [i for *_, i in order]


def above(outputs: np.ndarray, threshold: float) -> list[set[int]]:
    return [{k for k, value in enumerate(row) if value > threshold} for row in outputs]


def largest(outputs: np.ndarray) -> list[set[int]]:
    return [{max(range(len(row)), key=lambda k: row[k])} for row in outputs]


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("shape", ["(n, T)", "(n, T, 1)", "bool", "list"])
def test_a_yes_or_no_at_each_step(threshold: float, shape: str) -> None:
    X, model = series(), labeller()
    y = RNG.integers(0, 2, (9, 24))
    y[4], y[5] = 0, 1
    given = {"(n, T)": y, "(n, T, 1)": y[..., None], "bool": y.astype(bool), "list": [list(one) for one in y]}[shape]
    found = tsw.score_steps(model, X, given, threshold=threshold)
    outputs = np.asarray(model(X, training=False))
    np.testing.assert_allclose(found.outputs, outputs, atol=1e-5)
    truth = [[{0} if label else set() for label in one] for one in y]
    Loops(truth, [above(one, threshold) for one in found.outputs], False, 1).check(found)
    assert (found.labels == y).all() and (found.predicted == (found.outputs[..., 0] > threshold)).all()
    assert found.counted.all() and found.threshold == threshold
    np.testing.assert_array_equal(found.time, np.arange(24))


@pytest.mark.parametrize("written", ["numbers", "one-hot"])
def test_one_of_several_classes_at_each_step(written: str) -> None:
    X, model = series(), labeller(4, "softmax")
    y = RNG.integers(0, 4, (9, 24))
    y[y == 2] = 1  # a class that is never right
    found = tsw.score_steps(model, X, y if written == "numbers" else np.eye(4)[y])
    answer = [largest(one) for one in found.outputs]
    Loops([[{int(label)} for label in one] for one in y], answer, True, 4).check(found)
    assert (found.labels == y).all() and (found.predicted == found.outputs.argmax(axis=2)).all()
    assert (found.missed == found.false).all()


def test_logits_of_classes_need_no_threshold() -> None:
    X, y = series(), RNG.integers(0, 3, (9, 24))
    found = tsw.score_steps(labeller(3, "linear"), X, y)
    assert (found.predicted == found.outputs.argmax(axis=2)).all()


def test_a_yes_or_no_for_each_class_at_each_step() -> None:
    X, model, y = series(), labeller(3), RNG.integers(0, 2, (9, 24, 3))
    y[:, :, 2] = 0
    found = tsw.score_steps(model, X, y, threshold=0.4)
    truth = [[{k for k in range(3) if step[k]} for step in one] for one in y]
    Loops(truth, [above(one, 0.4) for one in found.outputs], False, 3).check(found)
    assert (found.labels == y).all() and found.predicted.shape == (9, 24, 3)


def test_series_of_different_lengths_end_where_they_end() -> None:
    model = labeller(3, "softmax")
    lengths = [24, 7, 15, 7, 1, 24]
    X = [series(1, n)[0] for n in lengths]
    y = [RNG.integers(0, 3, n) for n in lengths]
    found = tsw.score_steps(model, X, y)
    answer = [largest(run(model, x)) for x in X]
    Loops([[{int(label)} for label in one] for one in y], answer, True, 3).check(found)
    for i, n in enumerate(lengths):
        np.testing.assert_allclose(found.outputs[i, :n], run(model, X[i]), atol=1e-5)
        assert np.isnan(found.outputs[i, n:]).all() and not found.counted[i, n:].any()
        assert (found.predicted[i, n:] == -1).all() and (found.labels[i, :n] == y[i]).all()


def test_padding_that_the_model_masks_does_not_count() -> None:
    inner = [L.Masking(0.0), L.LSTM(4, return_sequences=True), L.Dense(1, activation="sigmoid")]
    model = randomise(keras.Sequential([keras.Input((24, 3)), *inner]))
    X, y = series(), RNG.integers(0, 2, (9, 24))
    ends = [24, 3, 20, 0, 11, 24, 5, 9, 1]
    for i, end in enumerate(ends):
        X[i, end:], y[i, end:] = 0, 1
    found = tsw.score_steps(model, X, y)
    truth = [[({0} if label else set()) if t < ends[i] else None for t, label in enumerate(y[i])] for i in range(9)]
    outputs = np.asarray(model(X, training=False))
    Loops(truth, [above(one, 0.5) for one in outputs], False, 1).check(found)
    assert [int(one.sum()) for one in found.counted] == ends
    assert math.isnan(found.accuracy[3])


def test_padded_one_hot_labels_without_a_mask_are_unknown() -> None:
    X, model, y = series(), labeller(3, "softmax"), RNG.integers(0, 3, (9, 24))
    hot = np.eye(3)[y]
    hot[:, 20:] = 0
    found = tsw.score_steps(model, X, hot)
    assert not found.counted[:, 20:].any()
    np.testing.assert_allclose(found.accuracy, (found.predicted == y)[:, :20].mean(axis=1))


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_label_that_is_unknown_does_not_count(n_outputs: int) -> None:
    X, model = series(), labeller(n_outputs, "sigmoid" if n_outputs == 1 else "softmax")
    y = RNG.integers(0, max(n_outputs, 2), (9, 24)).astype(float)
    y[RNG.random((9, 24)) < 0.3] = np.nan
    found = tsw.score_steps(model, X, y)
    truth = [[None if np.isnan(one) else ({int(one)} if n_outputs > 1 or one else set()) for one in row] for row in y]
    if n_outputs == 1:
        truth = [[{0} if one else one for one in row] for row in truth]
    answer = [largest(one) if n_outputs > 1 else above(one, 0.5) for one in found.outputs]
    Loops(truth, answer, n_outputs > 1, n_outputs).check(found)


def test_a_flat_output_is_the_time_axis_where_it_is_said_to_be() -> None:
    X, model, y = series(), flat_labeller(), RNG.integers(0, 2, (9, 24))
    found = tsw.score_steps(model, X, y, output_axis="time")
    outputs = np.asarray(model(X, training=False))[..., None]
    np.testing.assert_allclose(found.outputs, outputs, atol=1e-5)
    Loops([[{0} if k else set() for k in one] for one in y], [above(o, 0.5) for o in outputs], False, 1).check(found)
    np.testing.assert_array_equal(found.time, np.arange(24))


def test_labels_of_the_outputs_own_steps() -> None:
    """A model that drops steps can be scored at those it keeps."""
    X, model = series(), labeller(strides=2, n_timesteps=24)
    y = RNG.integers(0, 2, (9, 12))
    found = tsw.score_steps(model, X, y)
    assert found.outputs.shape == (9, 12, 1)
    np.testing.assert_array_equal(found.time, tsw.activations(model, X[0], "conv").time)
    with pytest.raises(ValueError, match=r"label for each of the 12 steps .* got 24 for sample 0.*Keep all steps"):
        tsw.score_steps(model, X, np.zeros((9, 24)))


def test_nothing_to_find_and_nothing_found_has_no_intersection_over_union() -> None:
    X, model = series(), labeller()
    found = tsw.score_steps(model, X, np.zeros((9, 24)), threshold=1.0)
    assert np.isnan(found.iou).all() and math.isnan(found.overall_iou) and not len(found.worst)
    assert (found.accuracy == 1).all()
    found = tsw.score_steps(model, X, np.ones((9, 24)), threshold=1.0)
    assert (found.iou == 0).all() and found.missed.all() and not found.false.any()


def test_outputs_that_are_no_numbers_have_no_scores() -> None:
    X, model, y = series(), labeller(), RNG.integers(0, 2, (9, 24))
    X[2, 10] = np.nan
    found = tsw.score_steps(model, X, y)
    assert np.isnan(found.accuracy).nonzero()[0].tolist() == [2] and found.worst[0] == 2
    assert math.isnan(found.overall_accuracy)
    assert (found.predicted[2, 12:] == -1).all() and not found.missed[2, 12:].any()


def test_pieces_make_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    X, model, y = series(40), labeller(3, "softmax"), RNG.integers(0, 3, (40, 24))
    whole = tsw.score_steps(model, X, y)
    monkeypatch.setattr(module, "AT_ONCE", 1)
    pieces = tsw.score_steps(model, X, y)
    np.testing.assert_allclose(pieces.outputs, whole.outputs, atol=1e-6)
    np.testing.assert_array_equal(pieces.iou, whole.iou)
    assert pieces.overall_iou == whole.overall_iou


def test_several_inputs() -> None:
    a, b = keras.Input((24, 2), name="a"), keras.Input((24, 1), name="b")
    one = L.LSTM(3, return_sequences=True)(L.Concatenate()([a, b]))
    model = randomise(keras.Model({"a": a, "b": b}, L.Dense(1, activation="sigmoid")(one)))
    X = {"a": series(5, n_channels=2), "b": series(5, n_channels=1)}
    y = RNG.integers(0, 2, (5, 24))
    found = tsw.score_steps(model, X, y)
    np.testing.assert_allclose(found.outputs, np.asarray(model(X)), atol=1e-5)
    assert found.overall_accuracy == pytest.approx(np.mean((np.asarray(model(X))[..., 0] > 0.5) == y))


def test_several_outputs() -> None:
    x = keras.Input((24, 3))
    steps = L.LSTM(3, return_sequences=True)(x)
    heads = [
        L.Dense(2, activation="softmax")(L.GlobalAveragePooling1D()(steps)),
        L.Dense(1, activation="sigmoid")(steps),
    ]
    model, X, y = randomise(keras.Model(x, heads)), series(), RNG.integers(0, 2, (9, 24))
    found = tsw.score_steps(model, X, y, output=1)
    np.testing.assert_allclose(found.outputs, np.asarray(model(X)[1]), atol=1e-5)
    with pytest.raises(ValueError, match="an output per time step"):
        tsw.score_steps(model, X, y)


@pytest.mark.parametrize("name", sampled(CASES, 6))
def test_every_model_is_scored_or_refused(name: str) -> None:
    found = CASES[name]() if name == "stateful" else case(name)  # whose state a plain call moves on
    taken = keras.tree.flatten(found.x)[0]
    shape = tsw.Probe(found.model, found.x).observe(found.x).outputs[0].shape
    y = RNG.integers(0, 2, (len(taken), shape[1] if len(shape) > 1 else 1))
    if len(shape) != 3:
        with pytest.raises(ValueError, match=r"^Expected .*; got .*\. "):
            tsw.score_steps(found.model, found.x, y)
        return
    try:
        scores = tsw.score_steps(found.model, found.x, y, threshold=0)
    except ValueError as error:
        assert str(error).startswith("Expected ") and "; got " in str(error)
        return
    output = keras.tree.flatten(found.model(found.x, training=False))[0]
    there = scores.counted & np.isfinite(scores.outputs).all(axis=2)
    wanted = np.asarray(output, np.float32)[there]
    np.testing.assert_allclose(scores.outputs[there], wanted, atol=1e-4 * max(np.abs(wanted).max(initial=0), 1))


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros((8, 24)), "labels for each of the 9 samples; got 8"),
        (np.zeros((9, 24, 2)), r"n_timesteps, 1\); got shape \(9, 24, 2\)"),
        (np.zeros(9), "one label per time step"),
        (np.full((9, 24), 2), "0 or 1 for each step in y; got 2"),
        (np.full((9, 24), 0.5), "0 or 1 for each step in y; got 0.5"),
        (np.full((9, 24), "walk"), "numbers in y; got dtype <U4"),
        (np.zeros((9, 23)), "one label for each of the 24 steps .* got 23 for sample 0"),
        ([np.zeros(24)] * 8 + [np.zeros(3)], "got 3 for sample 8, which has 24"),
    ],
)
def test_labels_that_do_not_fit_are_refused(y: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        tsw.score_steps(labeller(), series(), y)


def test_what_else_is_refused() -> None:
    X, y = series(), np.zeros((9, 24))
    with pytest.raises(ValueError, match=r"class numbers 0 to 2 in y; got 1 to 3. Subtract 1"):
        tsw.score_steps(labeller(3, "softmax"), X, RNG.integers(1, 4, (9, 24)))
    with pytest.raises(ValueError, match="one class at each step in y; got 3 at some step"):
        tsw.score_steps(labeller(3, "softmax"), X, np.ones((9, 24, 3)))
    with pytest.raises(ValueError, match="pass output_axis='time'"):
        tsw.score_steps(flat_labeller(), X, y)
    with pytest.raises(ValueError, match=r"24 numbers for series of 23 steps"):
        model = keras.Sequential([keras.Input((23, 3)), L.Flatten(), L.Dense(24)])
        tsw.score_steps(model, X[:, :23], y[:, :23], output_axis="time")
    with pytest.raises(ValueError, match=r"Behind 'pool' they are gone. Keep the steps: padding"):
        parts = [L.Conv1D(4, 8), L.MaxPooling1D(4, name="pool"), L.LSTM(4), L.Dense(1, activation="sigmoid")]
        tsw.score_steps(keras.Sequential([keras.Input((24, 3)), *parts]), X, y)
    with pytest.raises(ValueError, match="output_axis"):
        tsw.score_steps(labeller(), X, y, output_axis="steps")
    with pytest.raises(
        ValueError, match=r"outputs between 0 and 1, where no threshold is given; .* 0 if they are logits"
    ):
        tsw.score_steps(labeller(1, "linear"), X, y)
    assert tsw.score_steps(labeller(1, "linear"), X, y, threshold=0).threshold == 0
    for bad in (NAN, "half", True):
        with pytest.raises(ValueError, match="a number for threshold"):
            tsw.score_steps(labeller(), X, y, threshold=bad)  # type: ignore[arg-type]


def test_half_precision() -> None:
    model, X, y = labeller(dtype="float16"), series(), RNG.integers(0, 2, (9, 24))
    found = tsw.score_steps(model, X, y)
    assert found.outputs.dtype == np.float32 and np.isfinite(found.overall_iou)


def test_nothing_of_the_users_is_changed() -> None:
    model, X, y = labeller(), series(), RNG.integers(0, 2, (9, 24)).astype(float)
    y[0, 0] = np.nan
    weights, kept = [w.numpy().copy() for w in model.weights], (X.copy(), y.copy())
    tsw.score_steps(model, X, y)
    for weight, old in zip(model.weights, weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(y, kept[1])


def test_the_bundled_model() -> None:
    d = tsw.datasets.watch_segment()
    found = tsw.score_steps(d.model, d.X, d.y)
    outputs = np.asarray(d.model(d.X, training=False))[..., 0]
    metric = keras.metrics.BinaryIoU(target_class_ids=[1], threshold=0.5)
    metric.update_state(d.y, found.outputs[..., 0])
    assert found.overall_iou == pytest.approx(float(metric.result()), abs=1e-6)
    assert found.overall_accuracy == pytest.approx(np.mean((outputs > 0.5) == d.y), abs=1e-4)
