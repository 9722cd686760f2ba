"""Attribution by hiding parts of a series: against loops over runs of the plain eager model, and expectations."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

import tswidgets as tsw
from tests import attribution_reference as reference
from tests.models import case, padded_series, randomise, series
from tests.probe.comparing import THREE_PARTS, assert_close
from tswidgets.analysis import occlusion as module
from tswidgets.analysis.attribution import STEPS

METHODS = {"occlusion": {}, "rise": {"n_masks": 20}}


@cache
def small():
    """Of 17 steps and 2 channels, without an average: (model, x, score of class 1)."""
    layers = [L.Conv1D(3, 3, activation="relu"), L.Flatten(), L.Dense(3, "softmax")]
    model = randomise(keras.Sequential([keras.Input((17, 2)), *layers], name="small"))
    return model, series(2, 17, 2), reference.picking(reference.linear_twin(model), 1)


def linear(n_timesteps=12):
    model = randomise(keras.Sequential([keras.Input((n_timesteps, 2)), L.Flatten(), L.Dense(1, "sigmoid")]))
    return model, np.asarray(model.layers[-1].kernel, np.float64).reshape(n_timesteps, 2)


# ------------------------------------------------------------------------------------------------------------ occlusion

WINDOWS = {  # (window, stride) as given → as meant, for 17 steps
    (4, 2): (4, 2),
    (4, 3): (4, 3),
    (5, 5): (5, 5),
    (1, 1): (1, 1),
    (17, 1): (17, 1),
    (6, None): (6, 3),
    (1, None): (1, 1),
    (None, None): (1, 1),
}


@pytest.mark.parametrize("given", WINDOWS, ids=str)
@pytest.mark.parametrize("per_channel", [True, False])
def test_windows(given, per_channel):
    """The mean fall over all windows that cover a step; the last one ends with the series."""
    (model, x, score), (window, stride) = small(), WINDOWS[given]
    result = tsw.occlusion(model, x, 1, window=given[0], stride=given[1], per_channel=per_channel)
    for values, one in zip(result.values, x, strict=True):
        assert_close(values, reference.occlusion(score, one, window, stride, 0.0, per_channel=per_channel), 1e-4)
    assert_close(result.score, reference.scores(score, x))
    assert result.error is None
    assert per_channel or (result.values[..., 0] == result.values[..., 1]).all()
    assert result.options == {
        "window": given[0],
        "stride": given[1],
        "per_channel": per_channel,
        "fill": 0.0,
        "output": 0,
    }


def test_the_window_by_default_is_a_twentieth():
    """And every second of them overlaps the next by half."""
    model, _ = linear(100)
    x = series(1, 100, 2)[0]
    given, default = tsw.occlusion(model, x, window=5, stride=2), tsw.occlusion(model, x)
    np.testing.assert_array_equal(given.values, default.values)


def test_every_step_is_covered():
    """Whatever window and stride: of a model to which every value adds 1, the fall is that of a whole window."""
    layers = [L.Flatten(), L.Dense(1, use_bias=False)]
    model = keras.Sequential([keras.Input((11, 2)), *layers])
    model.layers[-1].kernel.assign(np.ones((22, 1)))
    for window in range(1, 12):
        for stride in range(1, window + 1):
            result = tsw.occlusion(model, np.ones((11, 2)), window=window, stride=stride)
            np.testing.assert_allclose(result.values, window, rtol=1e-5)


FILLS = {
    "number": (0.7, lambda x: 0.7),
    "whole number": (2, lambda x: 2),
    "mean": ("mean", lambda x: x.mean(axis=0)),
    "row": ([1.0, -2.0], lambda x: np.array([1.0, -2.0])),
    "array": (series(1, 17, 2, seed=4)[0], lambda x: series(1, 17, 2, seed=4)[0]),
}


@pytest.mark.parametrize("name", FILLS)
def test_fills(name):
    (model, x, score), (given, meant) = small(), FILLS[name]
    found = tsw.occlusion(model, x, 1, window=5, stride=2, fill=given).values
    masks = reference.rise_masks(np.random.default_rng(0), 20, 17, 4, 0.5, 1)
    by_masks = tsw.rise(model, x, 1, n_masks=20, fill=given).values
    for i, one in enumerate(x):
        assert_close(found[i], reference.occlusion(score, one, 5, 2, meant(one)), 1e-4)
        assert_close(by_masks[i], reference.rise(score, one, masks, meant(one)), 1e-4)


def test_a_linear_model():
    """What a window adds to the score, averaged over those that cover a step."""
    model, w = linear()
    x, fill = series(1, 12, 2)[0], np.array([0.5, -1])
    parts = w * (x - fill)
    assert_close(tsw.occlusion(model, x, window=1, fill=fill).values, parts)
    by_threes = np.repeat(parts.reshape(4, 3, 2).sum(axis=1), 3, axis=0)
    assert_close(tsw.occlusion(model, x, window=3, stride=3, fill=fill).values, by_threes)
    together = tsw.occlusion(model, x, window=3, stride=3, fill=fill, per_channel=False).values
    assert_close(together, np.repeat(by_threes.sum(axis=1, keepdims=True), 2, axis=1))


def test_in_pieces(monkeypatch):
    """However many variants are made at once."""
    model, x, _ = small()
    whole = tsw.occlusion(model, x, 1, window=4, stride=2).values, tsw.rise(model, x, 1, n_masks=20).values
    monkeypatch.setattr(module, "AT_ONCE", 3 * x[0].nbytes)
    assert_close(tsw.occlusion(model, x, 1, window=4, stride=2).values, whole[0])
    assert_close(tsw.rise(model, x, 1, n_masks=20).values, whole[1])


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_its_series_one_by_one(method):
    model, x, _ = small()
    whole = getattr(tsw, method)(model, x, np.array([2, 0]), **METHODS[method])
    assert whole.values.shape == x.shape
    assert whole.on_input is whole.values
    for i, target in enumerate((2, 0)):
        alone = getattr(tsw, method)(model, x[i], target, **METHODS[method])
        assert_close(alone.values, whole.values[i])
        assert isinstance(alone.score, float)
        assert alone.target == target


@pytest.mark.parametrize("method", METHODS)
def test_series_without_channels_and_images(method):
    """(n_timesteps,) and (n_timesteps, n_rows, n_channels): the last axis is that of the channels."""
    x = keras.Input((10,))
    flat = randomise(keras.Model(x, L.Dense(2)(L.Flatten()(L.Conv1D(3, 3)(L.Reshape((10, 1))(x))))))
    image = randomise(keras.Sequential([keras.Input((10, 3, 2)), L.Conv2D(3, 3), L.Flatten(), L.Dense(2)]))
    X = series(2, 10, 1)[..., 0]
    result = getattr(tsw, method)(flat, X, 1, **METHODS[method])
    assert result.values.shape == (2, 10)
    if method == "occlusion":
        score = reference.picking(lambda x: flat(x[..., 0]), 1)
        assert_close(result.values[1], reference.occlusion(score, X[1][:, None], 1, 1, 0.0)[:, 0], 1e-4)
    X = series(2, 10, 6).reshape(2, 10, 3, 2)
    result = getattr(tsw, method)(image, X, 1, **METHODS[method])
    assert result.values.shape == X.shape
    if method == "occlusion":  # all rows of a channel are hidden together
        assert (result.values == result.values[:, :, :1]).all()
        hidden = X[1].copy()
        hidden[4, :, 1] = 0
        fall = np.asarray(image(X[1:]))[0, 1] - np.asarray(image(hidden[None]))[0, 1]
        assert_close(result.values[1, 4, 0, 1], fall, 1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_answers_that_have_no_derivative(method):
    """Nothing is differentiated; an output for each step is explained as well."""
    x = keras.Input((12, 2))
    rounded = keras.ops.round(4 * L.Conv1D(3, 3, padding="same")(x))
    model = randomise(keras.Model(x, rounded))
    result = getattr(tsw, method)(model, series(2, 12, 2), (4, 1), **METHODS[method])
    assert result.values.any()
    assert result.target == (4, 1)
    if method == "occlusion":
        assert not result.values[:, 6:].any()
        assert not result.values[:, :3].any()


def test_several_inputs():
    """Each is hidden by itself, or all at once; nothing without a time axis is."""
    a, b, c = keras.Input((8, 2), name="a"), keras.Input((8, 1), name="b"), keras.Input((8,), name="c")
    model = randomise(keras.Model([a, b, c], L.Dense(1)(L.Concatenate()([L.Flatten()(a), L.Flatten()(b), c]))))
    w = np.asarray(model.layers[-1].kernel, np.float64)[:, 0]
    x = [series(2, 8, 2), series(2, 8, 1, seed=1), series(2, 8, 1, seed=2)[..., 0]]
    found = tsw.occlusion(model, x, window=1).values
    assert_close(found[0], w[:16].reshape(8, 2) * x[0])
    assert_close(found[1], w[16:24, None] * x[1])
    assert not found[2].any(), "it has as many numbers as the others have steps, and is no series"
    together = tsw.occlusion(model, x, window=1, per_channel=False).values
    expected = (w[:16].reshape(8, 2) * x[0]).sum(axis=2, keepdims=True) + w[16:24, None] * x[1]
    assert_close(together[0], np.repeat(expected, 2, axis=2))
    assert_close(together[1], expected)


def test_tokens_are_hidden_by_a_token():
    """Which stays there for the layers behind, mask or no mask."""
    found = case("embedding")
    embedding, lstm, head = found.model.layers
    result = tsw.occlusion(found.model, found.x, (5, 1), window=2, stride=1)
    present = found.x != 0
    np.testing.assert_array_equal(result.absent, ~present)

    def answer(tokens, there):
        h = lstm(embedding(tf.constant(tokens[None])), mask=tf.constant(there[None]))
        return float(head(h)[0, 5, 1])

    for values, x, there in zip(result.values, found.x, present, strict=True):
        falls, counts = np.zeros(6), np.zeros(6)
        for start in range(5):
            hidden = x.copy()
            hidden[start : start + 2] = 0
            falls[start : start + 2] += answer(x, there) - answer(hidden, there)
            counts[start : start + 2] += 1
        assert_close(values, np.where(there, falls / counts, 0), 1e-4)


# ----------------------------------------------------------------------------------------------------------------- RISE


@pytest.mark.parametrize(
    "options", [{}, {"per_channel": True}, {"n_cells": 3, "keep": 0.8, "seed": 5}, {"n_cells": 1}], ids=str
)
def test_rise(options):
    """The same masks, mixed and run one by one."""
    model, x, score = small()
    result = tsw.rise(model, x, 1, n_masks=25, fill=0.3, **options)
    masks = reference.rise_masks(
        np.random.default_rng(options.get("seed", 0)),
        25,
        17,
        options.get("n_cells", 4),
        options.get("keep", 0.5),
        2 if options.get("per_channel") else 1,
    )
    assert masks.min() >= 0
    assert masks.max() <= 1
    for values, one in zip(result.values, x, strict=True):
        assert_close(values, reference.rise(score, one, masks, 0.3), 1e-4)
    defaults = {"n_cells": None, "keep": 0.5, "per_channel": False, "seed": 0, "output": 0}
    assert result.options == {"n_masks": 25, "fill": 0.3, **defaults, **options}


def test_rise_of_many_masks_finds_what_counts():
    """Of a linear model the step that adds most is the highest, and that which takes most the lowest."""
    model, _ = linear(64)
    kernel = np.zeros((64, 2))
    kernel[20:24], kernel[50:54] = 1, -1
    model.layers[-1].kernel.assign(kernel.reshape(-1, 1))
    values = tsw.rise(model, np.ones((64, 2)), n_masks=4000, n_cells=16).values
    assert 20 <= values[:, 0].argmax() < 24
    assert 50 <= values[:, 0].argmin() < 54
    far = np.r_[0:14, 30:44, 60:64]
    assert np.abs(values[far]).max() < 0.1 * values.max()
    assert (values[:, 0] == values[:, 1]).all()


def test_seeds():
    model, x, _ = small()
    first, again, other = (tsw.rise(model, x, 1, n_masks=10, seed=seed).values for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3 * np.abs(first).max()


def test_tokens_are_kept_or_hidden():
    """Half of a token is another token: a mask lets it be or puts `fill` in its place."""
    layers = [L.Embedding(9, 3), L.Flatten(), L.Dense(1)]
    model = randomise(keras.Sequential([keras.Input((16,), dtype="int32"), *layers]))
    x, embedding = np.full(16, 8), model.layers[0].embeddings
    embedding.assign(np.where(np.isin(np.arange(9), (0, 8))[:, None], embedding, 1e4))  # any other token would tell
    answers = [float(model(np.where(np.arange(16) < n, 8, 0)[None])[0, 0]) for n in range(17)]
    try:
        values = tsw.rise(model, x, n_masks=50).values
    except (ValueError, TypeError) as error:
        assert THREE_PARTS.match(str(error))
    else:
        assert np.abs(values).max() <= 2 * np.abs(answers).max()


# -------------------------------------------------------------------------------------------------------------- padding


def masked_score(model, present, target):
    """The logits of the masked model of a series with a mask that stays as it is, whatever the series holds."""
    *_, first, second, head = model.layers

    def score(x):
        mask = tf.repeat(tf.constant(present[None]), len(x), axis=0)
        h = second(first(x, mask=mask), mask=mask)
        return (h @ head.kernel + head.bias)[:, target]

    return score


@pytest.mark.parametrize("fill", [0.0, "mean"])
def test_a_masked_lstm(fill):
    """A step that is hidden by zeros is read as zeros, and not passed over; padding is never hidden."""
    found = case("masked_lstm")
    options = {"window": 4, "stride": 3, "per_channel": False}
    result = tsw.occlusion(found.model, found.x, 1, fill=fill, **options)
    for values, x in zip(result.values, found.x, strict=True):
        present = (x != 0).any(axis=-1)
        score = masked_score(found.model, present, 1)
        put_in = x[present].mean(axis=0) if fill == "mean" else fill
        assert_close(values, reference.occlusion(score, x, 4, 3, put_in, per_channel=False, present=present), 1e-4)
        assert not values[~present].any()
    np.testing.assert_array_equal(result.absent, (found.x == 0).all(axis=-1))


class MaskedMean(keras.Model):
    """In which the mask rides on the tensors."""

    def __init__(self):
        super().__init__()
        self.masking, self.conv = L.Masking(), L.Conv1D(4, 3, padding="same", activation="tanh")
        self.mean, self.head = L.GlobalAveragePooling1D(), L.Dense(2)
        self.conv.supports_masking = True

    def call(self, x):
        return self.head(self.mean(self.conv(self.masking(x))))


def masked_attention():
    """In which the mask comes in under another name."""
    x = keras.Input((None, 3))
    h = L.Dense(4)(L.Masking()(x))
    return keras.Model(x, L.Dense(2)(L.MultiHeadAttention(2, 2)(h, h)[:, 0]))


def masked_twice():
    """Two series, each with padding of its own, whose masks are joined by a sum."""
    x = keras.Input((None, 3))
    conv = L.Conv1D(4, 1)
    conv.supports_masking = True
    h = L.Add()([conv(L.Masking()(x)), L.Dense(4)(L.Masking()(x[:, :, ::-1]))])
    return keras.Model(x, L.Dense(2)(L.GRU(3)(h)))


MASKED = {"subclassed": MaskedMean, "attention": masked_attention, "sum": masked_twice}


@pytest.mark.parametrize("name, method", [*((name, "occlusion") for name in MASKED), ("subclassed", "rise")])
@pytest.mark.filterwarnings("ignore:.*destroy the mask information")  # Keras 3.5 of its own attention layer
def test_no_step_is_masked_because_it_is_hidden(name, method):
    """Zeros in a masked model do what numbers as small as can be do: these are not masked at all."""
    model, x = MASKED[name](), padded_series(2, 14, 3)
    model(x)
    randomise(model)
    options = {"window": 3, "per_channel": False} if method == "occlusion" else {"n_masks": 20, "n_cells": 8}
    zeros, tiny = (getattr(tsw, method)(model, x, 1, fill=fill, **options) for fill in (0.0, 1e-20))
    assert_close(zeros.values, tiny.values)
    padding = (x == 0).all(axis=-1)
    np.testing.assert_array_equal(zeros.absent, padding)
    assert not zeros.values[padding].any()
    assert zeros.values[~padding].any()


def test_no_step_is_masked_because_it_is_hidden_by_the_value_that_masks():
    """Which the layer would otherwise turn into zeros."""
    layers = [L.Masking(-1.0), L.GRU(4), L.Dense(2)]
    model, x = randomise(keras.Sequential([keras.Input((None, 3)), *layers])), series(2, 10, 3)
    x[:, 7:] = -1
    same, next_to_it = (tsw.occlusion(model, x, 1, per_channel=False, fill=fill) for fill in (-1.0, -1.000001))
    assert same.absent[:, 7:].all()
    assert not same.absent[:, :7].any()
    assert_close(same.values, next_to_it.values, 1e-4)


@pytest.mark.parametrize("options", [{}, {"per_channel": True}, {"fill": 0.7}, {"fill": "mean"}], ids=str)
def test_rise_leaves_padding_alone(options):
    found = case("masked_lstm")
    result = tsw.rise(found.model, found.x, 1, n_masks=10, **options)
    padding = (found.x == 0).all(axis=-1)
    assert not result.values[padding].any()
    assert result.values[~padding].any()


# ------------------------------------------------------------------------------------------------------------- mistakes

BAD = [
    ("occlusion", {"window": 18}, "a window that fits into 17 steps"),
    ("occlusion", {"window": 0}, "window"),
    ("occlusion", {"window": 2.0}, "window"),
    ("occlusion", {"window": True}, "window"),
    ("occlusion", {"stride": 0}, "stride"),
    ("occlusion", {"window": 3, "stride": 4}, "leave no step out"),
    ("occlusion", {"fill": "median"}, "fill"),
    ("occlusion", {"fill": np.inf}, "fill"),
    ("occlusion", {"fill": np.zeros((16, 2))}, "fill"),
    ("occlusion", {"target": 3}, "target"),
    ("occlusion", {"output": "flaten"}, "Did you mean"),
    ("rise", {"n_masks": 1}, "n_masks"),
    ("rise", {"n_masks": 2.5}, "n_masks"),
    ("rise", {"keep": 0}, "keep"),
    ("rise", {"keep": 1}, "keep"),
    ("rise", {"n_cells": 0}, "n_cells"),
    ("rise", {"fill": None}, "fill"),
    ("rise", {"target": (0, 0)}, "target"),
]


@pytest.mark.parametrize("method, options, word", BAD, ids=[f"{one[0]} {k} {one[-1]}" for k, one in enumerate(BAD)])
def test_bad_input(method, options, word):
    model, x, _ = small()
    with pytest.raises((ValueError, IndexError, TypeError), match=word) as error:
        getattr(tsw, method)(model, x, **{"target": 1, **options})
    assert THREE_PARTS.match(str(error.value)), str(error.value)


@pytest.mark.parametrize("method", METHODS)
def test_bad_series(method):
    model, x, _ = small()
    for given in (x[0, 0], x[None], x[:, :, :1], np.where(x > 1, np.nan, x)):
        with pytest.raises(ValueError) as error:
            getattr(tsw, method)(model, given, 1)
        assert THREE_PARTS.match(str(error.value)), str(error.value)


@pytest.mark.parametrize("method", METHODS)
def test_progress(method, monkeypatch):
    """Counted up to the end, piece by piece."""
    model, x, _ = small()
    monkeypatch.setattr(module, "AT_ONCE", 7 * x[0].nbytes)
    progress = list(STEPS[method](model, x, 1, **METHODS[method]))
    done, total = zip(*progress, strict=True)
    assert len(set(total)) == 1
    assert (np.diff((0, *done)) > 0).all()
    assert done[-1] == total[0]
    assert len(done) > 4


def test_rise_takes_one_input():
    found = case("lists")
    with pytest.raises(ValueError, match="one input for rise") as error:
        tsw.rise(found.model, found.x, 1, output=1)
    assert THREE_PARTS.match(str(error.value))


def test_the_model_is_left_as_it_was():
    model, x, _ = small()
    before = [np.array(np.asarray(one)) for one in [*model.weights, x]]
    for method, options in METHODS.items():
        getattr(tsw, method)(model, x, 1, **options)
    for old, new in zip(before, [*model.weights, x], strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
