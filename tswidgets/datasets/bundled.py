"""Readers of the bundled recordings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parent.parent / "data"
# The watch models were trained on inputs standardised with these, one number per channel.
_WATCH_MEAN = np.array([-0.04286, 0.36881, -0.12796, 0.03306, -0.00330, 0.00636])
_WATCH_STD = np.array([0.98066, 0.49867, 0.56974, 1.05573, 2.63547, 1.08705])
_WATCH_CHANNELS = [f"{kind} {axis}" for kind in ("acceleration", "rotation") for axis in "xyz"]
_FIRST_UNSEEN = 9  # the watch models were trained on subjects 1 to 8
_SPLITS = ("test", "train")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Series, labels, and what they are called.

    X : ndarray of shape (n_samples, n_timesteps, n_channels), or a list of (n_timesteps_i, n_channels); float32,
        standardised as `model` expects it.
    y : int ndarray of shape (n_samples,), or (n_samples, n_timesteps) for a label per time step.
    sampling_rate : time steps per second, or None where it is not known.
    source : where the data come from and under which licence.
    model_file : name of the trained model that comes with the data.
    """

    X: Any
    y: NDArray[np.int64]
    channel_names: list[str]
    class_names: list[str]
    sampling_rate: float | None
    source: str
    model_file: str

    def __repr__(self) -> str:
        steps = np.shape(self.X)[1] if isinstance(self.X, np.ndarray) else "any number of"
        return f"Dataset({len(self.X)} series × {steps} steps × {len(self.channel_names)} channels, {self.model_file})"

    @cached_property
    def model(self) -> Any:
        """The trained keras.Model, loaded when it is first asked for."""
        return trained_model(self.model_file)


def trained_model(file: str) -> Any:
    """One of the bundled keras.Models, without optimiser and loss."""
    import keras

    return keras.models.load_model(DATA / "models" / file, compile=False)


def watch_exercises(*, split: str = "test") -> Dataset:
    """Seven shoulder exercises as a smart watch feels them: 84 windows of 6 s from two people the model never saw.

    Parameters
    ----------
    split : str
        `test`, or `train`: 336 windows from the eight people whom the model was trained on. Three windows in a row are
        cut from one recording and overlap by half, so do not part them between training and validation.
    """
    stored = np.load(DATA / "watch_exercises.npz")
    chosen = _people(stored["subject"], split)
    recordings = _standardised(stored["Xq"][chosen], stored["scale"])
    windows = [recordings[:, start : start + 300] for start in (0, 150, 300)]
    exercises = [
        "pendulum",
        "abduction",
        "forward elevation",
        "internal rotation",
        "external rotation",
        "trapezius",
        "row",
    ]
    return Dataset(
        X=np.stack(windows, axis=1).reshape(-1, 300, 6),
        y=np.repeat(stored["y"][chosen], 3).astype(np.int64),
        channel_names=list(_WATCH_CHANNELS),
        class_names=exercises,
        sampling_rate=float(stored["rate_hz"]),
        source="D. Burns et al. 2018, arXiv:1802.01489, from seglearn 1.2.5, BSD-3-Clause",
        model_file="watch_cnn_300x6.keras",
    )


def watch_segment(*, split: str = "test") -> Dataset:
    """A label per time step: real watch signals with a stretch of abduction spliced in, so the labels are made.

    Parameters
    ----------
    split : str
        `test`: 48 series of 8 s from two people the model never saw, or `train`: 192 from the eight others.
    """
    stored = np.load(DATA / "watch_segment.npz")
    chosen = _people(stored["subject"], split)
    return Dataset(
        X=_standardised(stored["Xq"][chosen], stored["scale"]),
        y=stored["y"][chosen].astype(np.int64),
        channel_names=list(_WATCH_CHANNELS),
        class_names=["abduction"],
        sampling_rate=float(stored["rate_hz"]),
        source="spliced from watch_exercises; D. Burns et al. 2018, arXiv:1802.01489, BSD-3-Clause",
        model_file="watch_segment_conv_lstm.keras",
    )


def japanese_vowels(*, split: str = "test") -> Dataset:
    """370 utterances of /ae/ by nine speakers, 7 to 29 steps long: the test half of the UCI set.

    Both halves are sorted by speaker. `validation_split` in Keras takes the last of the series before it shuffles, and
    with them the last speakers alone: shuffle them yourself first.

    Parameters
    ----------
    split : str
        `test`, or `train`: 270 other utterances by the same speakers, 30 of each, 7 to 26 steps long.
    """
    stored = np.load(DATA / "japanese_vowels.npz")
    wave, ends, n_train = stored["X"], stored["offsets"], int(stored["n_train"])
    chosen = range(n_train) if _is_training(split) else range(n_train, len(ends) - 1)
    return Dataset(
        X=[wave[ends[i] : ends[i + 1]] for i in chosen],
        y=stored["y"][chosen.start : chosen.stop].astype(np.int64) - 1,
        channel_names=[str(name) for name in stored["features"]],
        class_names=[f"speaker {i + 1}" for i in range(9)],
        sampling_rate=None,
        source="M. Kudo, J. Toyama, M. Shimbo 1999, UCI Japanese Vowels, DOI 10.24432/C5NS47, CC BY 4.0",
        model_file="jv_lstm100.keras",
    )


def _is_training(split: str) -> bool:
    if not isinstance(split, str) or split not in _SPLITS:
        raise ValueError(f"Expected a split out of 'test', 'train'; got {split!r}. Pass one of these two.")
    return split == "train"


def _people(subject: NDArray[np.integer[Any]], split: str) -> NDArray[np.bool_]:
    """Which recordings are of the people whom the models were trained on, or of the others: (n_recordings,)."""
    seen: NDArray[np.bool_] = subject < _FIRST_UNSEEN
    return seen if _is_training(split) else ~seen


def _standardised(quantised: NDArray[np.int16], scale: NDArray[np.float64]) -> NDArray[np.float32]:
    standardised: NDArray[np.float32] = ((quantised * scale - _WATCH_MEAN) / _WATCH_STD).astype(np.float32)
    return standardised
