"""Planted truth: series in which a known interval of known channels decides the class, models that have learned it,
and measures of how well an attribution finds it.

Every value is +1 or −1 and a little noise: no step, channel or class has more power than another. The class is told by
two channels, where they hold opposite signs for the length of the interval: (+, −) is class 0, (−, +) is class 1. As
decoys they hold the same sign, or one of them holds a sign alone, in none to two other places; elsewhere all signs are
random. Two of the other channels hold opposite signs in three places, each of a class of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import keras
import numpy as np
from keras import layers as L

N_CLASSES, N_CHANNELS, N_PLACES = 2, 5, 3
NOISE = 0.2
N_TRAINING, N_HELD_OUT, N_EXPLAINED, BATCH = 1024, 256, 32, 64
EPOCHS, LOSS = 120, 0.02  # at most so many; cross-entropy on held-out series at which a model has learned enough


class Series(NamedTuple):
    """Series with padding behind them, which is 0.

    x : float32 ndarray of shape (n_samples, n_timesteps, n_channels).
    y : int ndarray of shape (n_samples,), the class; −1 for neither.
    truth : bool ndarray of x's shape, True where the class is decided.
    present : bool ndarray of shape (n_samples, n_timesteps), False at padding.
    """

    x: np.ndarray
    y: np.ndarray
    truth: np.ndarray
    present: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """A yes or no for each class, float32 of shape (n_samples, n_classes)."""
        return (self.y[:, None] == np.arange(N_CLASSES)).astype("float32")

    def first(self, n_samples: int) -> Series:
        return Series(*(part[:n_samples] for part in self))


def deciding_channels(seed: int) -> tuple[int, int]:
    first, second = np.random.default_rng(seed).choice(N_CHANNELS, 2, replace=False)
    return int(first), int(second)


def series(
    seed: int,
    n_samples: int,
    channels: tuple[int, int],
    *,
    n_timesteps: int = 88,
    interval: int = 24,
    shortest: int | None = None,
    neither: bool = False,
) -> Series:
    """As many of each class; with `neither` a third has none. Lengths are from `shortest` to n_timesteps."""
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 1.0], (n_samples, n_timesteps, N_CHANNELS))
    truth = np.zeros(x.shape, bool)
    y = rng.permutation(np.arange(n_samples) % (N_CLASSES + neither))
    y[y == N_CLASSES] = -1
    lengths = rng.integers(shortest or n_timesteps, n_timesteps + 1, n_samples)
    others = [channel for channel in range(N_CHANNELS) if channel not in channels]
    for one, decides, label, length in zip(x, truth, y, lengths, strict=True):
        place, *decoys = rng.permutation(_places(rng, length, interval))
        if label >= 0:
            decides[np.ix_(place, channels)] = True
            one[np.ix_(place, channels)] = (1, -1) if label == 0 else (-1, 1)
        for decoy in decoys:
            holding = ((), channels, channels[:1], channels[1:])[rng.integers(4)]
            one[np.ix_(decoy, np.array(holding, int))] = rng.choice([-1, 1])
        pair = rng.choice(others, 2, replace=False)
        for place in _places(rng, length, interval):
            one[np.ix_(place, pair)] = rng.permutation([-1, 1])
    x += NOISE * rng.standard_normal(x.shape)
    present = np.arange(n_timesteps) < lengths[:, None]
    return Series(np.where(present[:, :, None], x, 0).astype("float32"), y, truth & present[:, :, None], present)


def _places(rng: np.random.Generator, length: int, interval: int) -> np.ndarray:
    """Steps of places that do not overlap: (n_places, interval)."""
    free = np.sort(rng.integers(0, length - N_PLACES * interval + 1, N_PLACES))
    return (free + interval * np.arange(N_PLACES))[:, None] + np.arange(interval)


# -------------------------------------------------------------------------------------------------------------- models
# "features" is what the last convolution hands on.


def convolution_gap(n_timesteps: int) -> keras.Model:
    return _model(n_timesteps, _conv(7), _conv(5, name="features"), _some_steps(), L.GlobalAveragePooling1D())


def convolution_flatten(n_timesteps: int) -> keras.Model:
    """With batch normalisation between convolution and activation."""
    first = [_conv(7, activation=None, use_bias=False), L.BatchNormalization(), L.ReLU()]
    second = [_conv(5, activation=None, use_bias=False), L.BatchNormalization(), L.ReLU(name="features")]
    return _model(n_timesteps, *first, *second, L.AveragePooling1D(8), _some_steps(), L.Flatten())


def convolution_lstm(n_timesteps: int) -> keras.Model:
    layers = [_conv(7), L.AveragePooling1D(4), _conv(3, name="features"), _some_steps(), _lstm()]
    return _model(n_timesteps, *layers)


def strided_gap(n_timesteps: int) -> keras.Model:
    """Valid padding: the middle of the first step's field is far from the first step."""
    convs = [_conv(9, strides=2, padding="valid"), _conv(9, strides=2, padding="valid")]
    last = _conv(5, padding="valid", name="features")
    return _model(n_timesteps, *convs, last, _some_steps(), L.GlobalAveragePooling1D())


def masked_gap(n_timesteps: int) -> keras.Model:
    layers = [_masked_conv(7), _masked_conv(5, name="features"), _some_steps(), L.GlobalAveragePooling1D()]
    return _model(n_timesteps, L.Masking(0.0), *layers)


def masked_lstm(n_timesteps: int) -> keras.Model:
    return _model(n_timesteps, L.Masking(0.0), _masked_conv(9, name="features"), _some_steps(), _lstm())


def _model(n_timesteps: int, *layers: keras.Layer) -> keras.Model:
    """One sigmoid a class: the logits of a softmax may share what tells no class from another."""
    head = L.Dense(N_CLASSES, activation="sigmoid", name="classes")
    return keras.Sequential([keras.Input((n_timesteps, N_CHANNELS)), *layers, head])


def _conv(size: int, **options: object) -> keras.Layer:
    return L.Conv1D(12, size, **{"padding": "same", "activation": "relu", **options})


def _masked_conv(size: int, **options: object) -> keras.Layer:
    conv = _conv(size, **options)
    conv.supports_masking = True
    return conv


def _lstm() -> keras.Layer:
    """Weight decay: a memory that jumps from one state to the other is beyond 50 steps of integration."""
    decay = keras.regularizers.l2(1e-3)
    return L.LSTM(24, kernel_regularizer=decay, recurrent_regularizer=decay)


def _some_steps() -> keras.Layer:
    """Drops whole steps in training, so that a model gathers evidence instead of waiting for the first of it."""
    return L.Dropout(0.3, noise_shape=(None, None, 1))


class Kind(NamedTuple):
    build: Callable[[int], keras.Model]
    n_timesteps: int = 88
    interval: int = 24
    shortest: int | None = None


KINDS = {
    "convolution_gap": Kind(convolution_gap),
    "convolution_flatten": Kind(convolution_flatten),
    "convolution_lstm": Kind(convolution_lstm),
    "strided_gap": Kind(strided_gap, 160, 32),
    "masked_gap": Kind(masked_gap, 72, 20, 62),
    "masked_lstm": Kind(masked_lstm, 72, 20, 62),
}


class Planted(NamedTuple):
    """A model that gets every held-out series right, the same model before training, and some of these series."""

    model: keras.Model
    untrained: keras.Model
    series: Series
    channels: tuple[int, int]


@cache
def planted(kind: str, seed: int) -> Planted:
    """Trains until everything is right.

    Raises
    ------
    RuntimeError
        If it is not after `EPOCHS`.
    """
    build, n_timesteps, interval, shortest = KINDS[kind]
    channels = deciding_channels(seed)
    size = {"n_timesteps": n_timesteps, "interval": interval, "shortest": shortest}
    training = series(2 * seed + 1000, N_TRAINING, channels, neither=True, **size)
    held_out = series(2 * seed + 1001, N_HELD_OUT, channels, **size)
    keras.utils.set_random_seed(seed)
    model, untrained = build(n_timesteps), build(n_timesteps)
    untrained.set_weights(model.get_weights())
    _train(model, training, held_out)
    return Planted(model, untrained, held_out.first(N_EXPLAINED), channels)


class _UntilLearned(keras.callbacks.Callback):
    """Asks the model about held-out series after each epoch; `validation_data` makes a new data set each time."""

    learned, told = False, ""

    def __init__(self, held_out: Series) -> None:
        super().__init__()
        self._held_out = held_out

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        answers, labels = self.model.predict_on_batch(self._held_out.x), self._held_out.labels
        accuracy = ((answers > 0.5) == labels).mean()
        loss = -np.log(np.clip(np.where(labels == 1, answers, 1 - answers), 1e-7, 1)).mean()
        self.learned = bool(accuracy == 1 and loss < LOSS)
        self.told = f"accuracy {accuracy:.3f}, cross-entropy {loss:.3f}"
        self.model.stop_training = self.learned


def _train(model: keras.Model, training: Series, held_out: Series) -> None:
    adam, until = keras.optimizers.Adam(5e-3, clipnorm=1.0), _UntilLearned(held_out)
    steps = N_TRAINING // BATCH
    model.compile(adam, "binary_crossentropy", jit_compile=False, steps_per_execution=steps)
    adam.build(model.trainable_variables)  # else Keras traces the first step twice
    model.fit(training.x, training.labels, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=[until])
    if not until.learned:
        raise RuntimeError(f"{model.name} has not learned what was planted in {EPOCHS} epochs: {until.told}")


# ------------------------------------------------------------------------------------------------------------ measures


def auroc(score: np.ndarray, truth: np.ndarray) -> float:
    """Share of pairs of a True and a False place in which the True one has more, half for a tie: from sums of ranks."""
    score, truth = np.ravel(score), np.ravel(truth).astype(bool)
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    n_true, n_false = truth.sum(), (~truth).sum()
    return float((ranks[truth].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))


def auprc(score: np.ndarray, truth: np.ndarray) -> float:
    """Average precision: the precision at every place's score, averaged over the True places."""
    score, truth = np.ravel(score), np.ravel(truth).astype(bool)
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)  # places with the same score are found together
    found, looked_at = np.cumsum(truth[order])[last], np.flatnonzero(last) + 1
    return float((np.diff(found, prepend=0) * found / looked_at).sum() / truth.sum())


def _mean(measure: Callable[[np.ndarray, np.ndarray], float], scores: np.ndarray, truths: np.ndarray) -> float:
    return float(np.mean([measure(*pair) for pair in zip(scores, truths, strict=True)]))


def channel_auroc(values: np.ndarray, truth: np.ndarray) -> float:
    """values, truth : (n_samples, n_timesteps, n_channels). Mean |credit| of each channel; mean over samples."""
    return _mean(auroc, np.abs(values).mean(axis=1), truth.any(axis=1))


def time_auroc(values: np.ndarray, truth: np.ndarray) -> float:
    """values : (n_samples, n_timesteps, n_channels), their sizes summed over channels; or (n_samples, n_timesteps)."""
    return _mean(auroc, over_time(values), truth.any(axis=2))


def time_auprc(values: np.ndarray, truth: np.ndarray) -> float:
    return _mean(auprc, over_time(values), truth.any(axis=2))


def cell_auprc(values: np.ndarray, truth: np.ndarray) -> float:
    """Every step of every channel by itself."""
    return _mean(auprc, np.abs(values), truth)


def pointing_game(values: np.ndarray, truth: np.ndarray) -> float:
    """Share of samples whose largest step lies in the interval; steps that are NaN have nothing."""
    peaks = over_time(values).argmax(axis=1)
    return float(np.mean(truth.any(axis=2)[np.arange(len(peaks)), peaks]))


def over_time(values: np.ndarray) -> np.ndarray:
    """Credit of each step, (n_samples, n_timesteps); 0 where it is NaN. A map of steps alone keeps its sign."""
    return np.nan_to_num(values) if values.ndim == 2 else np.abs(values).sum(axis=2)
