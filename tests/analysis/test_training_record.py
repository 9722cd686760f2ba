"""What is kept of a training, and what is forgotten when there is too much of it."""

from __future__ import annotations

import numpy as np
import pytest

from tswidgets.analysis.activations import Activations
from tswidgets.analysis.training_record import TrainingRecord


def add(record: TrainingRecord, epoch: int, value: float | None = None) -> None:
    values = np.full((10, 4), epoch if value is None else value, np.float32)
    layer = Activations("conv", values, None, np.zeros(10, bool))
    record.add(epoch, {"conv": layer}, np.array([epoch], np.float32), {"loss": 1.0 / (epoch + 1)} if epoch else {})


def test_everything_is_kept_while_there_is_room() -> None:
    record = TrainingRecord(2, ["conv"])
    for epoch in range(6):
        add(record, epoch)
    assert record.epochs.tolist() == [0, 1, 2, 3, 4, 5]
    assert record.activations("conv").shape == (6, 10, 4)
    np.testing.assert_array_equal(record.activations("conv")[:, 0, 0], range(6))
    np.testing.assert_array_equal(record.predictions[:, 0], range(6))
    epochs, losses = record.history["loss"]
    np.testing.assert_array_equal(epochs, [1, 2, 3, 4, 5])
    np.testing.assert_allclose(losses, [1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6])
    assert record.nbytes == 6 * (160 + 4)
    assert (record.every, record.last) == (1, 5)


@pytest.mark.parametrize("first", [0, 3])
def test_beyond_the_limit_every_second_epoch_is_forgotten_but_no_loss(first: int) -> None:
    record = TrainingRecord(0, ["conv"], most_bytes=8 * 164)
    for n, epoch in enumerate(range(first, first + 100), 1):
        add(record, epoch)
        kept = record.epochs
        assert record.nbytes <= 8 * 164
        assert (kept[0], kept[-1]) == (first, epoch)
        inner = kept[:-1] - first
        assert (inner % record.every == 0).all()
        assert len(inner) == -(-(n - 1) // record.every)  # and none of these is missing
    assert record.every == 16
    assert len(record.history["loss"][0]) == 100 - (first == 0)


def test_first_and_newest_stay_even_where_they_alone_are_too_large() -> None:
    record = TrainingRecord(0, ["conv"], most_bytes=10)
    for epoch in range(5):
        add(record, epoch)
    assert record.epochs.tolist() == [0, 4]


def test_what_is_kept_is_a_copy_with_its_range() -> None:
    record = TrainingRecord(0, ["conv"])
    values = np.array([[1, np.nan], [3, np.nan]], np.float32)
    record.add(1, {"conv": Activations("conv", values, None, np.zeros(2, bool))}, np.zeros(1, np.float32), {})
    values[:] = 7
    (moment,) = record.moments
    np.testing.assert_array_equal(moment.layers["conv"].values, [[1, np.nan], [3, np.nan]])
    assert (moment.low["conv"][0], moment.high["conv"][0]) == (1, 3)
    assert np.isinf(moment.low["conv"][1])
    assert moment.high["conv"][1] == -np.inf


def test_when_a_training_goes_on() -> None:
    record = TrainingRecord(2, ["conv"])
    assert not record.goes_on(0, 2, ["conv"])
    add(record, 0)
    assert not record.goes_on(0, 2, ["conv"])  # begins anew
    add(record, 1)
    assert record.goes_on(1, 2, ["conv"])
    assert not record.goes_on(2, 2, ["conv"])
    assert not record.goes_on(1, 3, ["conv"])
    assert not record.goes_on(1, 2, ["dense"])
