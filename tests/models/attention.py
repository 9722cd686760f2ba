"""Attention between steps, with its weights computed by NumPy where they are a tap of their own."""

import keras
import numpy as np
from keras import layers as L

from tests.models.build import Calls, Case, arrays, randomise, series, views


def attend(call, layer, x, causal):
    """Self-attention by its own dense layers and by NumPy, with a tap for each of its layers."""
    inner = {one.name: one for one in (layer._query_dense, layer._key_dense, layer._value_dense, layer._output_dense)}
    query, key, value = (
        np.asarray(call(inner[name], x, name=f"{layer.name}/{name}")) for name in ("query", "key", "value")
    )
    scores = np.einsum("bqhd,bkhd->bhqk", query, key) / np.sqrt(query.shape[-1])
    if causal:
        scores = np.where(np.tri(x.shape[1], dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = (weights / weights.sum(axis=-1, keepdims=True)).astype("float32")
    for one in (layer._softmax, layer._dropout_layer):  # Keras numbers their names
        call[f"{layer.name}/{one.name}"] = weights
    context = np.einsum("bhqk,bkhd->bqhd", weights, value)
    call(inner["attention_output"], context, name=f"{layer.name}/attention_output")
    return call(layer, x, x, use_causal_mask=causal)


def transformer(seed=0, causal=False):
    """One block: attention and a small dense net, each with a residual and a normalisation."""
    x = keras.Input((8, 4))
    embedded = L.Dense(6, name="embedded")(x)
    attention = L.MultiHeadAttention(2, 3, dropout=0.1, name="attention")
    attended = attention(embedded, embedded, use_causal_mask=causal)
    added = L.Add(name="added")([embedded, attended])
    normal = L.LayerNormalization(name="normal")(added)
    wide = L.Dense(7, activation="gelu", name="wide")(normal)
    narrow = L.Dense(6, name="narrow")(wide)
    residual = L.Add(name="residual")([normal, narrow])
    pooled = L.GlobalAveragePooling1D(name="pooled")(L.LayerNormalization(name="normal2")(residual))
    head = L.Dense(3, activation="softmax", name="head")(pooled)
    model = randomise(keras.Model(x, head, name="causal" if causal else "transformer"), seed)

    def expected(x):
        call, layers = Calls(), {layer.name: layer for layer in model.layers}
        embedded = call(layers["embedded"], x)
        h = call(layers["added"], [embedded, attend(call, attention, embedded, causal)])
        h = normal = call(layers["normal"], h)
        for name in ("wide", "narrow"):
            h = call(layers[name], h)
        h = call(layers["residual"], [normal, h])
        for name in ("normal2", "pooled", "head"):
            h = call(layers[name], h)
        return arrays(call)

    return Case(model, series(2, 8, 4, seed), expected)


def causal_transformer(seed=0):
    return transformer(seed, causal=True)


def attention(seed=0):
    """Of an LSTM's steps to each other: dot products, plain and with a scale that is learnt."""
    x = keras.Input((9, 3))
    h = L.LSTM(4, return_sequences=True, name="lstm")(x)
    dot = L.Attention(name="dot")([h, h])
    scaled = L.Attention(use_scale=True, name="scaled")([h, h])
    joined = L.Concatenate(name="joined")([dot, scaled])
    head = L.Dense(2, activation="tanh", name="head")(joined)
    model = randomise(keras.Model(x, head, name="attention"), seed)
    return Case(model, series(2, 9, 3, seed), views(model))


def additive_attention(seed=0):
    """The last state asks, the steps answer."""
    x = keras.Input((9, 3))
    h, last, _ = L.LSTM(4, return_sequences=True, return_state=True, name="lstm")(x)
    query = L.Reshape((1, 4), name="query")(last)
    context = L.AdditiveAttention(name="context")([query, h])
    head = L.Dense(2, name="head")(L.Flatten(name="flat")(context))
    model = randomise(keras.Model(x, head, name="additive_attention"), seed)
    return Case(model, series(2, 9, 3, seed), views(model))


BUILDERS = (transformer, causal_transformer, attention, additive_attention)
