"""The number that is explained: for series and their variants, with the masks of the series, and its gradients."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L

from tests import attribution_reference as reference
from tests.models import case, padded_series, randomise, series
from tests.probe.comparing import THREE_PARTS, assert_close, probe_of
from tswidgets.probe import Probe, batches
from tswidgets.probe.score import Score


@cache
def classifier():
    """(model, x, its logits)."""
    layers = [L.Conv1D(4, 3, activation="tanh", name="conv"), L.Flatten(), L.Dense(3, "softmax", name="head")]
    model = randomise(keras.Sequential([keras.Input((9, 2)), *layers], name="classifier"))
    return model, series(4, 9, 2), reference.linear_twin(model)


@cache
def masked():
    """A convolution that hands on its mask to an average, and labels for each step: (model, padded series)."""
    conv = L.Conv1D(4, 3, padding="same", activation="tanh", name="conv")
    conv.supports_masking = True
    x = keras.Input((None, 3))
    h = conv(L.Masking(name="masking")(x))
    ends = [L.Dense(2, name="label")(L.GlobalAveragePooling1D(name="mean")(h)), L.Dense(2, name="steps")(h)]
    return randomise(keras.Model(x, ends, name="masked")), padded_series(3, 12, 3)


def fixed_mask(model, present):
    """The label of a series with a mask that stays as it is."""

    def answer(x):
        there = tf.cast(tf.constant(present), x.dtype)[..., None]
        h = model.get_layer("conv")(x * there)
        return model.get_layer("label")(tf.reduce_sum(h * there, axis=1) / tf.reduce_sum(there, axis=1))

    return answer


@pytest.mark.parametrize("target", [1, np.array([0, 2, 1, 1]), None], ids=str)
def test_of_series_and_of_variants(target):
    """Each variant is asked for what is asked of the series that it is one of."""
    model, x, twin = classifier()
    score = Score(Probe(model), x, target, 0)
    logits = np.asarray(twin(x))
    chosen = {int: lambda: np.full(4, 1), type(None): lambda: logits.argmax(axis=1)}.get(type(target), lambda: target)()
    assert_close(score.at, logits[range(4), chosen])
    assert score.at.dtype == np.float32
    np.testing.assert_array_equal(score.target, 1 if isinstance(target, int) else chosen)
    variants, samples = series(5, 9, 2, seed=3), np.array([3, 0, 0, 2, 3])
    assert_close(score.of([variants], samples), np.asarray(twin(variants))[range(5), chosen[samples]])
    assert_close(score.of(score.flat, np.arange(4)), score.at)


def test_gradients_of_variants():
    """By the input, and by a layer with its values."""
    model, x, twin = classifier()
    score = Score(Probe(model), x, np.array([0, 2, 1, 1]), 0)
    variants, samples = series(5, 9, 2, seed=3), np.array([3, 0, 0, 2, 3])
    rows = tf.constant(np.array([0, 2, 1, 1])[samples])
    expected = reference.gradient(lambda x: tf.gather(twin(x), rows, axis=1, batch_dims=1), variants)
    slopes = score.gradient([variants], samples)
    assert_close(slopes.by[0], expected, 1e-4)
    assert_close(slopes.score, score.of([variants], samples))
    assert slopes.point is None
    slopes = score.gradient([variants], samples, wrt="conv")
    a = np.asarray(model.get_layer("conv")(variants))
    kernel = np.asarray(twin.layers[-1].kernel)
    assert_close(slopes.point, a)
    assert_close(slopes.by[0], kernel[:, rows.numpy()].T.reshape(a.shape))
    assert slopes.mask is None


def test_a_number_of_a_tap():
    model, x, _ = classifier()
    score = Score(Probe(model), x, (2, 1), "conv")
    assert_close(score.at, np.asarray(model.get_layer("conv")(x))[:, 2, 1])
    assert score.target == (2, 1)
    assert not score.gradient().by[0][:, 5:].any()
    mean = Score(Probe(model), x, (None, 3), "conv")
    assert_close(mean.at, np.asarray(model.get_layer("conv")(x))[..., 3].mean(axis=1))
    assert mean.target == (None, 3)


def test_masks_are_those_of_the_series():
    """Steps of a variant that are zeros are there, as those of the series are."""
    model, x = masked()
    present = (x != 0).any(axis=-1)
    score = Score(Probe(model), x, 1, 0)
    np.testing.assert_array_equal(score.absent, ~present)
    assert_close(score.at, np.asarray(fixed_mask(model, present)(tf.constant(x)))[:, 1])
    samples, rng = np.array([0, 1, 2, 2, 0]), np.random.default_rng(1)
    noise = np.where(present[samples][..., None], rng.normal(size=(5, 12, 3)), 0).astype("float32")
    some = np.where(rng.random((5, 12, 1)) < 0.5, noise, 0).astype("float32")
    answer = fixed_mask(model, present[samples])
    for variants in (np.zeros_like(noise), noise, some):
        assert_close(score.of([variants], samples), np.asarray(answer(tf.constant(variants)))[:, 1])
        slopes = score.gradient([variants], samples)
        if variants is noise:  # of zeros in a masking layer there is none
            assert_close(slopes.by[0], reference.gradient(lambda x: answer(x)[:, 1], variants), 1e-4)
        assert_close(slopes.score, score.of([variants], samples))
    whole = score.gradient(wrt="conv")
    np.testing.assert_array_equal(whole.mask, present)
    assert not whole.by[0][~present].any()


def test_masks_that_other_outputs_do_not_use():
    """A label for each step sees the padding as the zeros that the masking layer makes of it."""
    model, x = masked()
    score = Score(Probe(model), x, (5, 1), 1)
    expected = np.asarray(model(x)[1])[:, 5, 1]
    assert_close(score.at, expected)
    np.testing.assert_array_equal(score.absent, (x == 0).all(axis=-1))


def test_many_variants_in_pieces(monkeypatch):
    """Targets and masks go along."""
    model, x = masked()
    rng = np.random.default_rng(0)
    samples, variants = rng.integers(0, 3, 7), rng.normal(size=(7, 12, 3)).astype("float32")
    variants[::2] = 0
    target = np.array([0, 1, 0])
    whole = Score(Probe(model), x, target, 0)
    expected, slopes = whole.of([variants], samples), whole.gradient([variants], samples)
    monkeypatch.setattr(batches, "rows_at_once", lambda *_: 2)
    pieces = Score(Probe(model), x, target, 0)
    np.testing.assert_array_equal(pieces.absent, whole.absent)
    assert_close(pieces.of([variants], samples), expected)
    assert_close(pieces.gradient([variants], samples).by[0], slopes.by[0])


def test_masks_of_one_sample_go_to_all_its_variants():
    """The first of several models in a batch of one; attention that is told to look back has no say in padding."""
    found = case("causal_transformer")
    score = Score(probe_of("causal_transformer"), found.x, 1, 0)
    assert not score.absent.any()
    variants = np.concatenate([found.x, found.x[::-1]])
    expected = np.asarray(reference.linear_twin(found.model)(variants))[:, 1]
    assert_close(score.of([variants], np.array([0, 1, 1, 0])), expected, 1e-4)
    alone = Score(probe_of("causal_transformer"), found.x[:1], 1, 0)
    assert_close(alone.of([variants], np.zeros(4, int)), expected, 1e-4)


def test_the_model_is_asked_anew_when_its_weights_change():
    model, x, _ = classifier()
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    probe = Probe(twin)
    before = Score(probe, x, 1, 0)
    assert_close(before.of([x], np.arange(4)), before.at)
    twin.layers[-1].bias.assign_add([0.0, 1.0, 0.0])
    after = Score(probe, x, 1, 0)
    assert_close(after.at, before.at + 1)
    assert_close(after.of([x], np.arange(4)), before.at + 1)


@pytest.mark.parametrize("target", [3, (0, 0), np.array([0, 1]), True, "1"], ids=str)
def test_no_such_number(target):
    model, x, _ = classifier()
    with pytest.raises(ValueError, match="target") as error:
        Score(Probe(model), x, target, 0)
    assert THREE_PARTS.match(str(error.value))


def test_what_cannot_be_differentiated():
    model, x, _ = classifier()
    behind = Score(Probe(model), x, (2, 1), "conv")
    with pytest.raises(ValueError, match="a number of 'conv' that can be differentiated by 'head'") as error:
        behind.gradient(wrt="head")
    assert THREE_PARTS.match(str(error.value))
    tokens = keras.Sequential(
        [keras.Input((5,), dtype="int32"), L.Embedding(4, 2, name="words"), L.Flatten(), L.Dense(1)]
    )
    score = Score(Probe(randomise(tokens)), np.array([[0, 1, 2, 3, 1]], "int32"), None, 0)
    with pytest.raises(ValueError, match="int32") as error:
        score.gradient()
    assert THREE_PARTS.match(str(error.value))
    kernel = np.asarray(tokens.layers[-1].kernel).reshape(1, 5, 2)
    assert_close(score.gradient(wrt="words").by[0], kernel)
