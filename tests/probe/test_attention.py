"""How much every step attends to every other, against NumPy's softmax(QKᵀ/√d) from the layer's weights."""

import re

import keras
import numpy as np
import pytest
from keras import layers as L

from tests.models import CASES, case, padded_series, randomise, series
from tswidgets.probe import Probe, as_probe
from tswidgets.probe.attention import attention_scores, attention_timelines

OLD = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 6)
fails_in_old_keras = pytest.mark.skipif(OLD, reason="Keras 3.5 cannot build functional attention on masked tensors")
THREE_PARTS = re.compile(r"Expected .+; got .+\. .+[.?]$", re.DOTALL)


def assert_close(got, expected):
    assert got.dtype == np.float32
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


def softmax(z, allowed=True):
    """Over the last axis, 0 where it is not allowed; a row where nothing is allowed is 0."""
    z = np.where(allowed, z, -np.inf)
    e = np.exp(z - np.maximum(z.max(axis=-1, keepdims=True), -1e30))
    return e / np.maximum(e.sum(axis=-1, keepdims=True), 1e-30)


def heads(layer, query, key, allowed=True):
    """Scores of multi-head attention, (n_samples, n_heads, n_query_steps, n_key_steps)."""
    kernel_q, bias_q, kernel_k, bias_k, *_ = (weight.astype("float64") for weight in layer.get_weights())
    q = np.einsum("btc,chd->bhtd", query, kernel_q) + bias_q[None, :, None]
    k = np.einsum("btc,chd->bhtd", key, kernel_k) + bias_k[None, :, None]
    return softmax(np.einsum("bhqd,bhkd->bhqk", q, k) / np.sqrt(kernel_q.shape[-1]), allowed)


def applied(layer, scores, value):
    """What multi-head attention returns for these scores."""
    *_, kernel_v, bias_v, kernel_o, bias_o = layer.get_weights()
    v = np.einsum("btc,chd->bhtd", value, kernel_v) + bias_v[None, :, None]
    return np.einsum("bhqk,bhkd,hdc->bqc", scores, v, kernel_o) + bias_o


# ------------------------------------------------------------------------------------------------ multi-head attention


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("causal", [False, True])
def test_self_attention(causal, dropout):
    """Dropout is off; causal attention looks at no later step."""
    x = keras.Input((7, 3))
    layer = L.MultiHeadAttention(2, 4, dropout=dropout, name="attention")
    model = randomise(keras.Model(x, layer(x, x, use_causal_mask=causal)))
    batch = series(3, 7, 3)
    found = attention_scores(model, batch, "attention")
    expected = heads(layer, batch, batch, np.tri(7, dtype=bool) if causal else True)
    assert found.layer == "attention"
    assert_close(found.scores, expected)
    np.testing.assert_allclose(found.scores.sum(axis=-1), 1, atol=1e-5)
    assert (np.triu(found.scores[0, 0], 1) == 0).all() == causal
    assert_close(np.asarray(model(batch)), applied(layer, found.scores, batch))


def test_a_short_series_asks_a_long_one():
    """Query steps are rows, key steps columns; the mask that the user gives counts."""
    x, other = keras.Input((7, 3)), keras.Input((4, 3))
    layer, allowed = L.MultiHeadAttention(3, 2, name="attention"), np.tri(4, 7, 2, dtype=bool)
    model = randomise(keras.Model([x, other], layer(other, x, attention_mask=np.repeat(allowed[None], 2, axis=0))))
    batch, query = series(2, 7, 3), series(2, 4, 3, seed=1)
    found = attention_scores(model, [batch, query], "attention")
    assert found.scores.shape == (2, 3, 4, 7)
    assert_close(found.scores, heads(layer, query, batch, allowed))


@pytest.mark.filterwarnings(r"ignore:[\s\S]*does not support masking")  # Keras 3.5 says so of its own inner layers
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_padding_is_not_looked_at(causal, dropout):
    """0 in the columns of masked steps, in front here; and the answer is made of what is reported."""
    x = keras.Input((None, 3))
    layer = L.MultiHeadAttention(2, 4, dropout=dropout, name="attention")
    masked = L.Masking(name="masking")(x)
    model = randomise(keras.Model(x, layer(masked, masked, use_causal_mask=causal)))
    batch = padded_series(3, 12, 3)[:, ::-1]
    present = (batch != 0).any(axis=-1)
    allowed = present[:, None, None, :] & (np.tri(12, dtype=bool) if causal else True)
    expected = heads(layer, batch, batch, allowed)
    answer = np.asarray(model(batch))
    np.testing.assert_allclose(applied(layer, expected, batch)[present], answer[present], atol=1e-5)
    scores = attention_scores(model, batch, "attention").scores
    rows = np.broadcast_to(present[:, None], scores.shape[:3])  # what padding asks is nobody's question
    assert_close(scores[rows], expected[rows])
    assert (scores[rows][:, :2] == 0).all()


@pytest.mark.parametrize("name", ["transformer", "causal_transformer"])
def test_within_a_transformer(name):
    found, probe = case(name), as_probe(case(name).model)
    embedded = found.expected(found.x)["embedded"]
    allowed = np.tri(8, dtype=bool) if name == "causal_transformer" else True
    scores = attention_scores(probe, found.x, "attention").scores
    assert_close(scores, heads(found.model.get_layer("attention"), embedded, embedded, allowed))


# ----------------------------------------------------------------------------------------------- attention of one head


def dot(layer, query, key):
    scale = np.asarray(layer.scale) if layer.use_scale else 1
    return scale * np.einsum("bqd,bkd->bqk", query, key)


def concat(layer, query, key):
    scale = np.asarray(layer.scale) if layer.use_scale else 1
    weight = np.asarray(layer.concat_score_weight)
    return weight * np.tanh(scale * (query[:, :, None] + key[:, None])).sum(axis=-1)


def additive(layer, query, key):
    scale = np.asarray(layer.scale) if layer.use_scale else 1
    return (scale * np.tanh(query[:, :, None] + key[:, None])).sum(axis=-1)


ONE_HEAD = {
    "dot": (lambda: L.Attention(name="attention"), dot),
    "scaled": (lambda: L.Attention(use_scale=True, dropout=0.5, name="attention"), dot),
    "concat": (lambda: L.Attention(use_scale=True, score_mode="concat", name="attention"), concat),
    "additive": (lambda: L.AdditiveAttention(name="attention"), additive),
    "additive, no scale": (lambda: L.AdditiveAttention(use_scale=False, name="attention"), additive),
}


@pytest.mark.parametrize("kind", ONE_HEAD)
@pytest.mark.parametrize("how", ["plain", "causal", pytest.param("padded", marks=fails_in_old_keras)])
def test_attention_of_one_head(kind, how):
    """An axis of length 1 stands for the heads; key and value may be two series."""
    build, score = ONE_HEAD[kind]
    layer, x = build(), keras.Input((9, 3))
    h = L.Masking(name="masking")(x) if how == "padded" else x
    key = L.ReLU(name="key")(h)
    model = randomise(keras.Model(x, layer([h, h, key], use_causal_mask=how == "causal")))
    batch = padded_series(2, 9, 3)
    found = attention_scores(model, batch, "attention").scores
    allowed = {"plain": True, "causal": np.tri(9, dtype=bool), "padded": (batch != 0).any(axis=-1)[:, None]}[how]
    expected = softmax(score(layer, batch, np.maximum(batch, 0)), allowed)
    assert found.shape == (2, 1, 9, 9)
    assert_close(found[:, 0], expected)
    rows = (batch != 0).any(axis=-1) if how == "padded" else np.ones((2, 9), bool)
    assert_close(np.asarray(model(batch))[rows], (found[:, 0] @ batch)[rows])


def test_the_last_state_asks():
    found = case("additive_attention")
    taps = found.expected(found.x)
    layer = found.model.get_layer("context")
    scores = attention_scores(found.model, found.x, "context").scores
    assert_close(scores[:, 0], softmax(additive(layer, taps["query"], taps["lstm"])))


# ------------------------------------------------------------------------------------------------------ kinds of models


class Block(keras.Model):
    """Attends twice with the same layer, in Python of its own."""

    def __init__(self, steps=8):
        super().__init__(name="block")
        self.attention = L.MultiHeadAttention(2, 3, name="attention")
        self.steps = steps

    def call(self, x):
        return self.attention(self.attention(x, x), x[:, : self.steps])


class Deciding(Block):
    """Cannot be compiled."""

    def call(self, x):
        return super().call(x if float(keras.ops.mean(x)) < 99 else -x)


@pytest.mark.parametrize("kind", [Block, Deciding])
def test_each_call_in_a_model_of_one_s_own(kind):
    model, x = kind(steps=5), series(2, 8, 3)
    model(x)
    randomise(model)
    probe = Probe(model, x)
    assert bool(probe.eager_because) == (kind is Deciding)
    first = attention_scores(probe, x, "attention").scores
    assert_close(first, heads(model.attention, x, x))
    between = applied(model.attention, first, x)
    assert_close(attention_scores(probe, x, "attention#2").scores, heads(model.attention, between, x[:, :5]))


def test_inside_another_model():
    """The layer is found by its path."""
    x, inner = keras.Input((8, 3)), keras.Input((8, 3))
    layer = L.MultiHeadAttention(2, 3, name="attention")
    encoder = keras.Model(inner, layer(inner, inner), name="encoder")
    conv = L.Conv1D(3, 3, padding="same", activation="relu", name="conv")
    model, batch = randomise(keras.Model(x, encoder(conv(x)))), series(2, 8, 3)
    found = attention_scores(model, batch, "encoder/attention")
    assert found.layer == "encoder/attention"
    assert_close(found.scores, heads(layer, np.asarray(conv(batch)), np.asarray(conv(batch))))


class Nearest(keras.Layer):
    """A layer of the user's own that knows its scores."""

    def call(self, x, return_attention_scores=False):
        scores = keras.ops.softmax(-keras.ops.abs(x[:, :, :1] - keras.ops.swapaxes(x[:, :, :1], 1, 2)))
        y = keras.ops.matmul(scores, x)
        return (y, scores) if return_attention_scores else y


def test_a_layer_of_one_s_own():
    model, x = keras.Sequential([keras.Input((6, 2)), Nearest(name="nearest")]), series(2, 6, 2)
    expected = softmax(-np.abs(x[:, :, :1] - x[:, None, :, 0]))
    assert_close(attention_scores(model, x, "nearest").scores[:, 0], expected)


def test_half_precision():
    x = keras.Input((7, 3))
    layer = L.MultiHeadAttention(2, 4, dtype="mixed_float16", name="attention")
    model, batch = randomise(keras.Model(x, layer(x, x))), series(2, 7, 3)
    scores = attention_scores(model, batch, "attention").scores
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, heads(layer, batch, batch), atol=2e-3)


@pytest.mark.parametrize("name", ["transformer", "attention", "additive_attention"])
def test_asking_changes_nothing(name):
    """The model's answer and what the probe sees are the same before and after, bit for bit."""
    found = CASES[name]()
    probe = Probe(found.model)
    attending = [tap.name for tap in probe.taps if tap.family == "attention"]
    answer, taps = np.asarray(found.model(found.x)), [tap.name for tap in probe.taps]
    seen, weights, x = Probe(found.model).observe(found.x), found.model.get_weights(), found.x.copy()
    hook, functions = keras.Layer.__call__, [vars(layer).keys() for layer in found.model.layers]
    for layer in attending:
        attention_scores(probe, found.x, layer)
    assert len(attending) >= 1
    np.testing.assert_array_equal(found.model(found.x), answer)
    assert [tap.name for tap in probe.taps] == taps
    again = probe.observe(found.x)
    assert list(again) == list(seen)
    for tap in seen:
        np.testing.assert_array_equal(again[tap], seen[tap])
    for old, new in zip(weights, found.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(found.x, x)
    assert keras.Layer.__call__ is hook
    assert [vars(layer).keys() for layer in found.model.layers] == functions


# --------------------------------------------------------------------------------------------- who looks at whom, where


@pytest.mark.parametrize(
    "call",
    [
        lambda layer, q, k, v: layer(q, v, k),
        lambda layer, q, k, v: layer(q, v, key=k),
        lambda layer, q, k, v: layer(key=k, value=v, query=q),
        lambda layer, q, k, v: layer(value=v, query=q, key=k),
    ],
    ids=["by place", "key by name", "key first", "value first"],
)
@pytest.mark.parametrize("kind", [L.MultiHeadAttention, L.GroupQueryAttention])
def test_query_and_key_however_they_are_written(kind, call):
    """The query has every step, the key every third, and what comes out lies where the query does."""
    x = keras.Input((20, 3))
    query = L.Conv1D(4, 3, padding="causal", name="query")(x)
    key, value = (L.Conv1D(4, 4, strides=3, name=name)(x) for name in ("key", "value"))
    heads = {"num_heads": 2} if kind is L.MultiHeadAttention else {"num_query_heads": 2, "num_key_value_heads": 1}
    sizes = {"key_dim": 3} if kind is L.MultiHeadAttention else {"head_dim": 3}
    probe = Probe(keras.Model(x, call(kind(**heads, **sizes, name="attention"), query, key, value)))
    asking, looked_at = attention_timelines(probe, "attention", (20,))
    np.testing.assert_array_equal(looked_at.centres, np.arange(6) * 3 + 1.5)
    np.testing.assert_array_equal(asking.near_hi, np.arange(20))
    of_output = probe.timelines(20)["attention"]
    np.testing.assert_array_equal(of_output.near_hi, np.arange(20))
    assert (of_output.lo == 0).all() and (of_output.hi == 18).sum() == 19  # step 19 sees itself, too


class Reading(keras.Layer):
    """A layer of the user's own, whose arguments have other names and another order."""

    def call(self, memory, mask=None, queries=None, return_attention_scores=False):
        scores = keras.ops.softmax(keras.ops.matmul(queries, keras.ops.swapaxes(memory, 1, 2)))
        y = keras.ops.matmul(scores, memory)
        return (y, scores) if return_attention_scores else y


def test_the_names_of_arguments_tell_in_a_layer_of_one_s_own():
    x, short = keras.Input((12, 3)), keras.Input((4, 3))
    probe = Probe(keras.Model([x, short], Reading(name="reading")(x, queries=short)))
    asking, looked_at = attention_timelines(probe, "reading", (12, -4))
    assert (len(asking), len(looked_at)) == (4, 12)
    assert looked_at.has_place and not asking.has_place
    assert attention_timelines(probe, "reading", (-12, 4))[0].has_place
    batch = [series(2, 12, 3), series(2, 4, 3, seed=1)]
    expected = softmax(np.einsum("bqc,bkc->bqk", batch[1], batch[0]))
    assert_close(attention_scores(probe, batch, "reading").scores[:, 0], expected)


@fails_in_old_keras
def test_what_is_padding_is_told_by_the_masks_of_the_call():
    """Each side has its own, whatever the other's; without a mask nothing is absent."""
    x, other = keras.Input((12, 3)), keras.Input((9, 3))
    masked = L.Masking(name="masking")(x)
    model = keras.Model([x, other], L.MultiHeadAttention(2, 4, name="attention")(other, masked))
    batch = [padded_series(3, 12, 3), series(3, 9, 3)]
    found = attention_scores(model, batch, "attention")
    np.testing.assert_array_equal(found.absent_keys, ~(batch[0] != 0).any(axis=-1))
    assert found.absent_queries.shape == (3, 9) and not found.absent_queries.any()
    model = keras.Model([x, other], L.Attention(name="attention")([masked, other]))
    found = attention_scores(model, batch, "attention")
    np.testing.assert_array_equal(found.absent_queries, ~(batch[0] != 0).any(axis=-1))
    assert found.absent_keys.shape == (3, 9) and not found.absent_keys.any()


class Pairs(keras.Layer):
    """Returns something else for scores."""

    def call(self, x, return_attention_scores=False):
        return (x, keras.ops.mean(x, axis=1)) if return_attention_scores else x


# ------------------------------------------------------------------------------------------------------------ mistakes


def test_scores_of_another_shape():
    model = keras.Sequential([keras.Input((6, 2)), Pairs(name="pairs")])
    with pytest.raises(ValueError) as error:
        attention_scores(model, series(2, 6, 2), "pairs")
    assert THREE_PARTS.match(str(error.value)), str(error.value)
    assert "got (2,) from 'pairs'" in str(error.value)


@pytest.mark.parametrize(
    "name, layer, has",
    [
        ("transformer", "normal", "This model has: 'attention'."),
        ("transformer", "attention/query", "This model has: 'attention'."),
        ("attention", "lstm", "This model has: 'dot', 'scaled'."),
        ("sequential", "conv1", "This model has none."),
    ],
)
def test_what_has_no_scores(name, layer, has):
    with pytest.raises(ValueError) as error:
        attention_scores(case(name).model, case(name).x, layer)
    assert THREE_PARTS.match(str(error.value)), str(error.value)
    assert f"Expected a layer that returns attention scores; got {layer!r}, which has none. {has}" == str(error.value)


def test_wrong_names_and_models():
    found = case("transformer")
    with pytest.raises(
        ValueError, match=r"Expected the name of a layer; got 'atention'\. .*Did you mean 'attention'\?$"
    ):
        attention_scores(found.model, found.x, "atention")
    with pytest.raises(ValueError, match=r"Expected an array of shape \(n_samples, 8, 4\).*; got shape \(8, 4\)\. "):
        attention_scores(found.model, found.x[0], "attention")
    with pytest.raises(TypeError, match=r"Expected a Keras 3 model; got .+\. Pass the model object itself"):
        attention_scores(L.Attention(), found.x, "attention")
