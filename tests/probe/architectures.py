"""Random Keras models: built as Keras builds them, and run by hand, layer by layer, without a hook."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st
from keras import layers as L
from keras import ops

from tests.models import before_activation, has_activation, randomise

LONGEST, WIDEST = 40, 20
FUSED = hasattr(ops, "dot_product_attention")  # Keras' attention then has no Softmax layer unless there is dropout

# --------------------------------------------------------------------------------------------------- what can be drawn

_SIZE, _PADDING = {"size": st.integers(1, 4)}, {"padding": st.sampled_from(["valid", "same"])}
_STEP = {"step": st.sampled_from([(1, 1), (2, 1), (1, 2), (3, 1), (1, 3)])}  # (stride, dilation)
_FILTERS, _EARLIER, _FLAG = {"filters": st.integers(2, 4)}, {"earlier": st.integers(0, 9)}, {"flag": st.booleans()}
_ACTIVATION = {"activation": st.sampled_from([None, "relu", "tanh", "gelu"])}
_DEPTHWISE = {**_SIZE, **_STEP, **_PADDING, **_ACTIVATION}
_POOLING = {"pool_size": st.integers(1, 4), "strides": st.integers(1, 3), **_PADDING}
_UNITS = {"units": st.integers(2, 3)}
_RECURRENT = {**_UNITS, "go_backwards": st.booleans(), "unroll": st.booleans()}

OPTIONS: dict[str, dict[str, Any]] = {
    "Conv1D": {**_FILTERS, **_DEPTHWISE, "padding": st.sampled_from(["valid", "same", "causal"])},
    "DepthwiseConv1D": _DEPTHWISE,
    "SeparableConv1D": {**_FILTERS, **_DEPTHWISE},
    "Conv1DTranspose": {**_FILTERS, **_DEPTHWISE},
    "shared": {**_SIZE, **_ACTIVATION},
    "nested": {**_FILTERS, **_SIZE, **_ACTIVATION},
    **dict.fromkeys(("MaxPooling1D", "AveragePooling1D"), _POOLING),
    "GroupNormalization": _FLAG,
    "Activation": {"activation": st.sampled_from(["relu", "tanh", "elu", "softplus"])},
    "Dense": {**_FILTERS, **_ACTIVATION},
    "TimeDistributed": {**_FILTERS, **_ACTIVATION},
    "Bidirectional": {**_UNITS, **_FLAG},
    "LSTM": {**_RECURRENT, "return_state": st.booleans()},
    **dict.fromkeys(("GRU", "SimpleRNN"), _RECURRENT),
    "MultiHeadAttention": {"dropout": st.sampled_from([0.0, 0.1]), "causal": st.booleans()},
    **dict.fromkeys(("Add", "Concatenate", "Multiply"), _EARLIER),
    "Lambda": _FLAG,
    **{kind: {} for kind in ("BatchNormalization", "LayerNormalization", "Dropout", "ReLU", "UpSampling1D", "gate")},
    **{kind: {} for kind in ("affine", "flip", "bump", "mean", "crop", "thin", "Reshape", "Permute")},
}
ONLY_FIXED = ("Reshape", "Permute")
MERGES = ("Add", "Concatenate", "Multiply")


def _shape_after(kind, o, n, c):
    """(steps, channels) after a layer, None where it does not fit."""
    stride, dilation = o.get("step", (o.get("strides", 1), 1))
    reach = dilation * (o.get("size", o.get("pool_size", 1)) - 1)
    c = o.get("filters", o.get("units", c) * (2 if kind == "Bidirectional" else 1))
    if kind in ("Conv1D", "DepthwiseConv1D", "SeparableConv1D", "MaxPooling1D", "AveragePooling1D"):
        n = (n - reach - 1) // stride + 1 if o["padding"] == "valid" else -(-n // stride)
    elif kind == "Conv1DTranspose":
        n = n * stride + (max(reach + 1 - stride, 0) if o["padding"] == "valid" else 0)
    n = {"UpSampling1D": 2 * n, "crop": n - 2, "thin": -(-n // 2)}.get(kind, n)
    if kind == "Reshape":
        n, c = (n // 2, 2 * c) if n % 2 == 0 else (n * c, 1)
    elif kind == "Permute":
        n, c = c, n
    return (n, c) if 1 <= n <= LONGEST and c <= WIDEST else None


@dataclass(frozen=True)
class Blueprint:
    """What a random model is made of; `earlier` in a layer's options is the number of the tensor that it merges."""

    n_timesteps: int
    n_channels: int
    fixed: bool
    masked: bool
    layers: tuple[tuple[str, dict[str, Any]], ...]
    head: str
    seed: int


@st.composite
def blueprints(draw):
    n_timesteps, n_channels, fixed = draw(st.integers(8, 20)), draw(st.integers(2, 3)), draw(st.booleans())
    kinds = [kind for kind in OPTIONS if fixed or kind not in ONLY_FIXED]
    n, c, stage, layers = n_timesteps, n_channels, 0, []
    places = [(n, stage, c)]  # lengths of a stage are the same for any length of the input
    for _ in range(draw(st.integers(3, 7))):
        kind = draw(st.sampled_from(kinds))
        options = draw(st.fixed_dictionaries(OPTIONS[kind]))
        if kind in MERGES:
            alike = [k for k, p in enumerate(places) if (p[0] if fixed else p[1]) == (n if fixed else stage)]
            alike = [k for k in alike if kind == "Concatenate" or places[k][2] == c]
            options["earlier"] = alike[options["earlier"] % len(alike)]
            after = n, c + places[options["earlier"]][2] if kind == "Concatenate" else c
        else:
            after = _shape_after(kind, options, n, c)
        if after is None or after[1] > WIDEST:
            continue
        if "unroll" in options:
            options["unroll"] = options["unroll"] and fixed and n <= 12
        stage += after[0] != n or kind in ("crop", "thin")
        n, c = after
        layers.append((kind, options))
        places.append((n, stage, c))
    heads = ["none", "pool", "lstm", "flat"] if fixed else ["none", "pool", "lstm"]
    head, masked = draw(st.sampled_from(heads)), draw(st.sampled_from([False, False, True]))
    return Blueprint(n_timesteps, n_channels, fixed, masked, tuple(layers), head, draw(st.integers(0, 999)))


# -------------------------------------------------------------------------------------------------- how layers are made


def _layer(kind, o, name, h):
    """A layer of this kind and with these options, for a tensor of the shape of h."""
    (_, n, c), more = h.shape, {"activation": o.get("activation"), "name": name}
    if "step" in o:
        rest = {key: value for key, value in o.items() if key not in ("step", "size")}
        o = {**rest, "kernel_size": o["size"], "strides": o["step"][0], "dilation_rate": o["step"][1]}
    elif "go_backwards" in o:
        o = {**o, "return_sequences": True}
    elif kind == "nested":
        conv = L.Conv1D(o["filters"], o["size"], padding="causal", activation=o["activation"], name="conv")
        return keras.Sequential([conv, L.LeakyReLU(name="leaky")], name=name)
    special = {
        "Bidirectional": lambda: L.Bidirectional(
            (L.LSTM if o["flag"] else L.GRU)(o["units"], return_sequences=True, name="cell"), name=name
        ),
        "shared": lambda: L.Conv1D(c, o["size"], padding="same", **more),
        "Dense": lambda: L.Dense(o["filters"], **more),
        "TimeDistributed": lambda: L.TimeDistributed(L.Dense(o["filters"], **more), name=name),
        "MultiHeadAttention": lambda: L.MultiHeadAttention(2, 2, dropout=o["dropout"], name=name),
        "GroupNormalization": lambda: L.GroupNormalization(c if o["flag"] else 1, name=name),
        "Dropout": lambda: L.Dropout(0.5, seed=0, name=name),
        "Lambda": lambda: L.Lambda((lambda x: x[:, ::-1] / 2) if o["flag"] else ops.sin, name=name),
        "Reshape": lambda: L.Reshape((n // 2, 2 * c) if n % 2 == 0 else (n * c, 1), name=name),
        "Permute": lambda: L.Permute((2, 1), name=name),
    }
    return special[kind]() if kind in special else getattr(L, kind)(**({} if kind in MERGES else o), name=name)


OPERATIONS = {
    "affine": [lambda x: x * 2, lambda x: x + 1],
    "flip": [lambda x: ops.flip(x, axis=1)],
    "bump": [lambda x: x * x, lambda x: -x, ops.exp],
    "crop": [lambda x: x[:, 1:-1]],
    "thin": [lambda x: x[:, ::2]],
}


class Network:
    """A random model, and the same run by hand; `squashed` names the tap that is the logits of its output."""

    def __init__(self, blueprint):
        self.blueprint, self.squashed = blueprint, ""
        length = blueprint.n_timesteps if blueprint.fixed else None
        self._symbols, self._steps = [keras.Input((length, blueprint.n_channels))], []
        chain = [self._add(L.Masking(name="masking"), 0) if blueprint.masked else 0]
        for k, (kind, options) in enumerate(blueprint.layers):
            chain.append(self._grow(kind, options, f"{kind}{k}", chain))
        end = self._head(blueprint.head, chain[-1])
        self.model = randomise(keras.Model(self._symbols[0], self._symbols[end]), blueprint.seed)

    def _add(self, operation, *sources, **options):
        tensors = [self._symbols[k] for k in sources]
        result = _call(operation, tensors, options)
        first = keras.tree.flatten(result)[0]
        name = operation.name if isinstance(operation, keras.Layer) else first._keras_history.operation.name
        again = isinstance(operation, keras.Layer) and any(step[0] is operation for step in self._steps)
        self._steps.append((operation, sources, name + ("#2" if again else ""), options))
        self._symbols.append(first)
        return len(self._symbols) - 1

    def _grow(self, kind, options, name, chain):
        at = chain[-1]
        if kind in OPERATIONS:
            for operation in OPERATIONS[kind]:
                at = self._add(operation, at)
            return at
        if kind == "mean":
            return self._add(lambda x, m: x + m, at, self._add(lambda x: ops.mean(x, axis=1, keepdims=True), at))
        if kind == "gate":
            pooled = self._add(L.GlobalAveragePooling1D(keepdims=True, name=f"{name}_pooled"), at)
            gate = self._add(L.Dense(self._symbols[at].shape[-1], "sigmoid", name=f"{name}_dense"), pooled)
            return self._add(L.Multiply(name=name), at, gate)
        layer = _layer(kind, options, name, self._symbols[at])
        if kind in MERGES:
            return self._add(layer, at, chain[options["earlier"]])
        if kind == "MultiHeadAttention":
            return self._add(layer, at, at, use_causal_mask=options["causal"])
        once = self._add(layer, at)
        return self._add(layer, once) if kind == "shared" else once

    def _head(self, kind, at):
        if kind == "none":
            return at
        if kind == "lstm":
            return self._add(L.LSTM(3, name="end"), at)
        self.squashed = "end:pre-activation"
        pool = L.Flatten(name="flat") if kind == "flat" else L.GlobalAveragePooling1D(name="pool")
        size, activation = (3, "softmax") if kind == "flat" else (1, "sigmoid")
        return self._add(L.Dense(size, activation, name="end"), self._add(pool, at))

    def series(self, n_samples=2):
        """Normal noise; in a masked model with zeros at the end."""
        n = self.blueprint.n_timesteps
        x = np.random.default_rng(self.blueprint.seed).normal(size=(n_samples, n, self.blueprint.n_channels))
        if self.blueprint.masked:
            for k in range(n_samples):
                x[k, n - 1 - 3 * (k % 2) :] = 0
        return x.astype("float32")

    def by_hand(self, x, visit=lambda name, tensor: tensor):
        """The output. What `visit(name, tensor)` returns for a tap goes on in its place, with its mask."""

        def masked(name, tensor):
            return like(visit(name, tensor), tensor)

        values = [tf.convert_to_tensor(x)]
        for operation, sources, name, options in self._steps:
            values.append(_run(operation, [values[k] for k in sources], options, name, masked))
        return values[-1]

    def taps(self, x):
        """Tap name → ndarray, by hand."""
        found = {}
        self.by_hand(x, lambda name, tensor: found.setdefault(name, tensor))
        return {name: np.asarray(tensor) for name, tensor in found.items()}


def like(tensor, original):
    """The tensor with the mask of the original."""
    if tensor is not original:
        tensor._keras_mask = getattr(original, "_keras_mask", None)
    return tensor


def _call(operation, tensors, options):
    if isinstance(operation, (L.Add, L.Concatenate, L.Multiply)):
        return operation(tensors)
    return operation(*tensors, **options)


def _run(layer, inputs, options, name, visit):
    """The result of one call, whose taps and those of the layers inside are shown to `visit`."""
    if isinstance(layer, keras.Sequential):
        (h,) = inputs
        for inner in layer.layers:
            h = _run(inner, [h], {}, f"{name}/{inner.name}", visit)
        return visit(name, h)
    if isinstance(layer, L.Bidirectional):
        there, back = (
            _run(inner, inputs, {}, f"{name}/{inner.name}", visit)
            for inner in (layer.forward_layer, layer.backward_layer)
        )
        return visit(name, like(tf.concat([there, tf.reverse(back, [1])], -1), inputs[0]))
    if isinstance(layer, L.MultiHeadAttention):
        return visit(name, _attend(layer, inputs[0], options["use_causal_mask"], name, visit))
    if not isinstance(layer, keras.Layer):
        return visit(name, layer(*inputs))
    result = _call(layer, inputs, {"training": False})
    if has_activation(layer):
        before = before_activation(layer, inputs[0])
        changed = visit(f"{name}:pre-activation", before)
        if changed is not before:
            result = like(tf.convert_to_tensor(layer.activation(changed)), result)
    first, *others = keras.tree.flatten(result)
    first = visit(name, first)
    for k, other in enumerate(others):
        visit(f"{name}:{k + 1}", other)
    return first


def _attend(layer, x, causal, name, visit):
    changed, mask = [], getattr(x, "_keras_mask", None)
    result = layer(
        x, x, use_causal_mask=causal, training=False
    )  # also takes the mask from x, in some versions of Keras

    def seen(tap, tensor):
        new = visit(f"{name}/{tap}", tensor)
        changed.extend([tap] if new is not tensor else [])
        return new

    query, key, value = (seen(part, getattr(layer, f"_{part}_dense")(x)) for part in ("query", "key", "value"))
    scores = tf.einsum("bqhd,bkhd->bhqk", query, key) / np.sqrt(query.shape[-1])
    allowed = np.tri(x.shape[1], dtype=bool)[None] if causal else np.ones((1, 1, 1), bool)
    if mask is not None:
        allowed = allowed & mask[:, :, None] & mask[:, None, :]
    weights = tf.nn.softmax(tf.where(allowed[:, None], scores, -1e9))
    if layer.dropout or not FUSED:
        weights = seen(layer._softmax.name, layer._softmax(scores, mask=allowed[:, None]))
    if layer.dropout:
        weights = seen(layer._dropout_layer.name, weights)
    context = tf.einsum("bhqk,bkhd->bqhd", weights, value)
    out = seen("attention_output", layer._output_dense(context))
    return like(out, result) if changed else result
