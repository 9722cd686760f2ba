"""The bundled recordings are what their descriptions say, and the models are as good on them as stated."""

import numpy as np
import pytest

import tswidgets as tsw

ALL = [tsw.datasets.watch_exercises, tsw.datasets.watch_segment, tsw.datasets.japanese_vowels]


def answer(dataset: tsw.datasets.Dataset, x: np.ndarray) -> np.ndarray:
    return np.asarray(dataset.model(x[None], training=False))[0]


def padded(X) -> np.ndarray:
    """(n_samples, longest, n_channels), with zeros at the end, which the speakers' model masks."""
    rows = np.zeros((len(X), max(map(len, X)), X[0].shape[1]), np.float32)
    for row, x in zip(rows, X, strict=True):
        row[: len(x)] = x
    return rows


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
    answers = np.asarray(vowels.model(padded(vowels.X), training=False))
    assert (answers.argmax(axis=1) == vowels.y).mean() == pytest.approx(0.954, abs=0.001)
    np.testing.assert_allclose(answers[3], answer(vowels, vowels.X[3]), atol=1e-6)


def test_spliced_stretches_are_found_as_stated() -> None:
    segment = tsw.datasets.watch_segment()
    found = np.asarray(segment.model(segment.X, training=False))[..., 0] > 0.5
    assert (found == segment.y).mean() == pytest.approx(0.910, abs=0.001)


@pytest.mark.parametrize(
    ("load", "n_test", "n_train"),
    [
        (tsw.datasets.watch_exercises, 84, 336),
        (tsw.datasets.watch_segment, 48, 192),
        (tsw.datasets.japanese_vowels, 370, 270),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_halves_have_no_series_in_common(load, n_test: int, n_train: int) -> None:
    test, train = load(), load(split="train")
    assert (len(test.X), len(test.y), len(train.X), len(train.y)) == (n_test, n_test, n_train, n_train)
    assert (train.channel_names, train.class_names) == (test.channel_names, test.class_names)
    assert not {np.asarray(x).tobytes() for x in train.X} & {np.asarray(x).tobytes() for x in test.X}
    assert len(load(split="test").X) == n_test and np.array_equal(load(split="test").X[3], test.X[3])
    for x in train.X:
        assert x.dtype == np.float32 and x.shape[1] == len(train.channel_names)
    answers = np.asarray(train.model(padded(train.X), training=False))
    told = answers[..., 0] > 0.5 if answers.ndim == 3 else answers.argmax(axis=1)
    assert (told == train.y).mean() > 0.95  # the models know what they were trained on


def test_the_watch_s_training_half_is_what_standardises() -> None:
    """Mean and deviation are of a part of the very recordings, so that they are 0 and 1 but for a little."""
    X = tsw.datasets.watch_exercises(split="train").X
    assert X.mean(axis=(0, 1)) == pytest.approx(np.zeros(6), abs=0.01)
    assert X.std(axis=(0, 1)) == pytest.approx(np.ones(6), abs=0.01)


@pytest.mark.parametrize("split", ["test", "train"])
def test_speakers_come_one_after_the_other(split: str) -> None:
    """As the docstring says, so that nobody takes the last speakers for a validation set."""
    y = tsw.datasets.japanese_vowels(split=split).y
    assert (np.diff(y) >= 0).all() and set(y) == set(range(9))
    assert split == "test" or (np.bincount(y) == 30).all()


@pytest.mark.parametrize("load", ALL, ids=lambda load: load.__name__)
@pytest.mark.parametrize("wrong", ["validation", "Train", None, 0])
def test_another_split_is_refused(load, wrong: object) -> None:
    with pytest.raises(ValueError, match=r"^Expected a split out of 'test', 'train'; got .+\. Pass one"):
        load(split=wrong)


def windows(wave: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows of `size` steps (n_windows, size, 1) and the value after each."""
    starts = range(len(wave) - size)
    return np.stack([wave[i : i + size] for i in starts]), np.array([wave[i + size, 0] for i in starts])


def test_the_sine_s_model_predicts_it_as_stated() -> None:
    """The error is that of the file as it was trained, before entries of its configuration were taken out."""
    sine = tsw.datasets.sine()
    assert sine.wave.shape == (300, 1) and sine.wave.dtype == np.float32
    assert sine.wave[:, 0] == pytest.approx(np.sin(2 * np.pi * np.arange(10_000, 10_300) / 100), abs=1e-6)
    assert [layer.count_params() for layer in sine.model.layers] == [88, 65, 0]
    X, y = windows(sine.wave, 100)
    predicted = np.asarray(sine.model(X, training=False))[:, 0]
    assert X.shape == (200, 100, 1)
    assert np.mean((predicted - y) ** 2) == pytest.approx(4.1717e-5, rel=1e-3)


def test_the_sine_can_begin_elsewhere_and_be_noisy() -> None:
    assert np.array_equal(tsw.datasets.sine(50, start=10_020).wave, tsw.datasets.sine(70).wave[20:])
    clean, noisy = tsw.datasets.sine(10_000).wave, tsw.datasets.sine(10_000, noise=0.05).wave
    assert (noisy - clean).std() == pytest.approx(0.05, rel=0.05)
    assert abs((noisy - clean).mean()) < 0.003
    assert np.array_equal(noisy, tsw.datasets.sine(10_000, noise=0.05, seed=0).wave)
    assert not np.array_equal(noisy, tsw.datasets.sine(10_000, noise=0.05, seed=1).wave)


@pytest.mark.parametrize(
    "wrong", [{"n_timesteps": 0}, {"n_timesteps": 2.5}, {"n_timesteps": True}, {"noise": -1}, {"noise": np.nan}]
)
def test_a_sine_that_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"^Expected .+; got .+\. Pass "):
        tsw.datasets.sine(**wrong)


def test_the_walk_is_in_g_and_its_channels_are_named() -> None:
    walk = tsw.datasets.daphnet_walk()
    assert walk.wave.shape == (7040, 9) and walk.wave.dtype == np.float32
    assert np.isfinite(walk.wave).all()
    assert (walk.sampling_rate, walk.unit, walk.model) == (64.0, "g", None)
    assert walk.channel_names[3:6] == ["upper leg forward", "upper leg vertical", "upper leg lateral"]
    upright = walk.wave[:, [name.endswith("vertical") for name in walk.channel_names]]
    assert upright.mean(0) == pytest.approx(np.ones(3), abs=0.15)  # gravity
    assert walk.wave[0, :3] == pytest.approx([0.101, 1.0, 0.297])
    assert "10.24432/C56K78" in walk.source


@pytest.mark.parametrize("load", [tsw.datasets.sine, tsw.datasets.daphnet_walk], ids=lambda load: load.__name__)
def test_a_recording_tells_what_it_is(load) -> None:
    recording = load()
    assert len(recording.channel_names) == recording.wave.shape[1]
    assert recording.source
    assert repr(recording).startswith(f"Recording({len(recording.wave)} steps × ")
    assert recording.model is recording.model
