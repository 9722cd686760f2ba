"""The bundled recordings are what their descriptions say, and the models are as good on them as stated."""

import numpy as np
import pytest

import tswidgets as tsw

ALL = [tsw.datasets.watch_exercises, tsw.datasets.watch_segment, tsw.datasets.japanese_vowels]


def answer(dataset: tsw.datasets.Dataset, x: np.ndarray) -> np.ndarray:
    return np.asarray(dataset.model(x[None], training=False))[0]


@pytest.mark.parametrize("load", ALL, ids=lambda load: load.__name__)
def test_shapes_names_and_types_agree(load) -> None:
    dataset = load()
    assert len(dataset.X) == len(dataset.y)
    for x in dataset.X:
        assert x.dtype == np.float32
        assert x.shape[1] == len(dataset.channel_names)
        assert np.isfinite(x).all()
    assert dataset.y.min() >= 0
    assert dataset.source and "D" in repr(dataset)


def test_watch_exercises_are_recognised_as_stated() -> None:
    watch = tsw.datasets.watch_exercises()
    right = np.asarray(watch.model(watch.X, training=False)).argmax(1) == watch.y
    assert watch.X.shape == (84, 300, 6)
    assert right.mean() == pytest.approx(0.810, abs=0.001)


def test_speakers_are_recognised_as_stated() -> None:
    vowels = tsw.datasets.japanese_vowels()
    assert (len(vowels.X), min(map(len, vowels.X)), max(map(len, vowels.X))) == (370, 7, 29)
    assert vowels.X[0].shape == (19, 12)
    right = [answer(vowels, x).argmax() == label for x, label in zip(vowels.X, vowels.y, strict=True)]
    assert np.mean(right) == pytest.approx(0.954, abs=0.001)


def test_spliced_stretches_are_found_as_stated() -> None:
    segment = tsw.datasets.watch_segment()
    found = np.asarray(segment.model(segment.X, training=False))[..., 0] > 0.5
    assert (found == segment.y).mean() == pytest.approx(0.910, abs=0.001)
