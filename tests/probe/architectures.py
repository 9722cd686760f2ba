"""Random Keras models: built as Keras builds them, and run by hand, layer by layer, without a hook."""

from dataclasses import dataclass, field
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

_SIZES = {"size": st.integers(1, 4), "strides": st.integers(1, 3), "padding": st.sampled_from(["valid", "same"])}
_STEPS = {"step": st.sampled_from([(1, 1), (2, 1), (1, 2), (3, 1), (1, 3)])}  # (stride, dilation)
_FILTERS = {"filters": st.integers(2, 4)}
_ACTIVATION = {"activation": st.sampled_from([None, "relu", "tanh", "gelu", "sigmoid"])}
_CONVOLUTION = {**_FILTERS, **_ACTIVATION, **_STEPS, "size": st.integers(1, 4), "padding": _SIZES["padding"]}
_RECURRENT = {"units": st.integers(2, 3), "go_backwards": st.booleans(), "unroll": st.booleans()}
_FLAG = {"flag": st.booleans()}
_EARLIER = {"earlier": st.integers(0, 9)}

OPTIONS: dict[str, dict[str, Any]] = {
    "conv": {**_CONVOLUTION, "padding": st.sampled_from(["valid", "same", "causal"])},
    "depthwise": _CONVOLUTION,
    "separable": _CONVOLUTION,
    "transposed": _CONVOLUTION,
    "shared": {"size": st.integers(1, 4), **_ACTIVATION},
    "nested": {**_FILTERS, "size": st.integers(1, 4), **_ACTIVATION},
    "up": {},
    "max": _SIZES,
    "average": _SIZES,
    "batch_norm": {},
    "layer_norm": {},
    "group_norm": _FLAG,
    "dropout": {},
    "activation": {"activation": st.sampled_from(["relu", "tanh", "elu", "softplus"])},
    "relu": {},
    "dense": {**_FILTERS, **_ACTIVATION},
    "each_step": {**_FILTERS, **_ACTIVATION},
    "both": {"units": st.integers(2, 3), **_FLAG},
    "lstm": {**_RECURRENT, "return_state": st.booleans()},
    "gru": _RECURRENT,
    "rnn": _RECURRENT,
    "attention": {"dropout": st.sampled_from([0.0, 0.1]), "causal": st.booleans()},
    "add": _EARLIER,
    "concat": _EARLIER,
    "multiply": _EARLIER,
    "gate": {},
    "affine": {},
    "flip": {},
    "bump": {},
    "mean": {},
    "crop": {},
    "thin": {},
    "lambda": _FLAG,
    "reshape": {},
    "permute": {},
}
ONLY_FIXED = ("reshape", "permute")
MERGES = ("add", "concat", "multiply")


def _shape_after(kind, o, n, c):
    """(steps, channels) after a layer, None where it does not fit."""
    stride, dilation = o.get("step", (o.get("strides", 1), 1))
    reach = dilation * (o.get("size", 1) - 1)
    c = o.get("filters", c)
    if kind in ("conv", "depthwise", "separable", "max", "average"):
        n = (n - reach - 1) // stride + 1 if o["padding"] == "valid" else -(-n // stride)
    elif kind == "transposed":
        n = n * stride + (max(reach + 1 - stride, 0) if o["padding"] == "valid" else 0)
    elif kind in ("lstm", "gru", "rnn", "both"):
        c = 2 * o["units"] if kind == "both" else o["units"]
    n = {"up": 2 * n, "crop": n - 2, "thin": -(-n // 2)}.get(kind, n)
    if kind == "reshape":
        n, c = (n // 2, 2 * c) if n % 2 == 0 else (n * c, 1)
    elif kind == "permute":
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
            alike = [k for k in alike if kind == "concat" or places[k][2] == c]
            options["earlier"] = alike[options["earlier"] % len(alike)]
            after = n, c + places[options["earlier"]][2] if kind == "concat" else c
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


def _convolving(o):
    stride, dilation = o["step"]
    convolving = {"kernel_size": o["size"], "strides": stride, "dilation_rate": dilation}
    return {**convolving, "padding": o["padding"], "activation": o["activation"]}


def _pooling(o):
    return {"pool_size": o["size"], "strides": o["strides"], "padding": o["padding"]}


def _bidirectional(o, name):
    return L.Bidirectional((L.LSTM if o["flag"] else L.GRU)(o["units"], return_sequences=True, name="cell"), name=name)


def _reshape(c, n, name):
    return L.Reshape((n // 2, 2 * c) if n % 2 == 0 else (n * c, 1), name=name)


LAYERS = {
    "conv": lambda o, name, h: L.Conv1D(o["filters"], **_convolving(o), name=name),
    "depthwise": lambda o, name, h: L.DepthwiseConv1D(
        **_convolving(o), depth_multiplier=1 + (o["filters"] == h.shape[-1] * 2), name=name
    ),
    "separable": lambda o, name, h: L.SeparableConv1D(o["filters"], **_convolving(o), name=name),
    "transposed": lambda o, name, h: L.Conv1DTranspose(o["filters"], **_convolving(o), name=name),
    "up": lambda o, name, h: L.UpSampling1D(2, name=name),
    "max": lambda o, name, h: L.MaxPooling1D(**_pooling(o), name=name),
    "average": lambda o, name, h: L.AveragePooling1D(**_pooling(o), name=name),
    "batch_norm": lambda o, name, h: L.BatchNormalization(name=name),
    "layer_norm": lambda o, name, h: L.LayerNormalization(name=name),
    "group_norm": lambda o, name, h: L.GroupNormalization(h.shape[-1] if o["flag"] else 1, name=name),
    "dropout": lambda o, name, h: L.Dropout(0.5, seed=0, name=name),
    "activation": lambda o, name, h: L.Activation(o["activation"], name=name),
    "relu": lambda o, name, h: L.ReLU(name=name),
    "dense": lambda o, name, h: L.Dense(o["filters"], o["activation"], name=name),
    "each_step": lambda o, name, h: L.TimeDistributed(L.Dense(o["filters"], o["activation"]), name=name),
    "both": lambda o, name, h: _bidirectional(o, name),
    "lstm": lambda o, name, h: L.LSTM(**o, return_sequences=True, name=name),
    "gru": lambda o, name, h: L.GRU(**o, return_sequences=True, name=name),
    "rnn": lambda o, name, h: L.SimpleRNN(**o, return_sequences=True, name=name),
    "attention": lambda o, name, h: L.MultiHeadAttention(2, 2, dropout=o["dropout"], name=name),
    "add": lambda o, name, h: L.Add(name=name),
    "concat": lambda o, name, h: L.Concatenate(name=name),
    "multiply": lambda o, name, h: L.Multiply(name=name),
    "lambda": lambda o, name, h: L.Lambda((lambda x: x[:, ::-1] * 0.5) if o["flag"] else ops.sin, name=name),
    "reshape": lambda o, name, h: _reshape(h.shape[2], h.shape[1], name),
    "permute": lambda o, name, h: L.Permute((2, 1), name=name),
    "shared": lambda o, name, h: L.Conv1D(h.shape[-1], o["size"], padding="same", activation=o["activation"], name=name),
    "nested": lambda o, name, h: keras.Sequential(
        [
            L.Conv1D(o["filters"], o["size"], padding="causal", activation=o["activation"], name="conv"),
            L.LeakyReLU(name="leaky"),
        ],
        name=name,
    ),
}
OPERATIONS = {
    "affine": [lambda x: x * 2, lambda x: x + 1],
    "flip": [lambda x: ops.flip(x, axis=1)],
    "bump": [lambda x: x * x, lambda x: -x, ops.exp],
    "crop": [lambda x: x[:, 1:-1]],
    "thin": [lambda x: x[:, ::2]],
}


@dataclass(eq=False)
class Step:
    operation: Any
    sources: list[int]
    name: str
    options: dict[str, Any] = field(default_factory=dict)


class Network:
    """A random model, and the same run by hand; `squashed` names the tap that is the logits of its output."""

    def __init__(self, blueprint):
        self.blueprint = blueprint
        length = blueprint.n_timesteps if blueprint.fixed else None
        self._symbols, self._steps = [keras.Input((length, blueprint.n_channels))], []
        self.squashed = ""
        chain = [0]
        if blueprint.masked:
            chain = [self._add(L.Masking(name="masking"), 0)]
        for k, (kind, options) in enumerate(blueprint.layers):
            chain.append(self._grow(kind, options, f"{kind}{k}", chain))
        end = self._head(blueprint.head, chain[-1])
        self.model = randomise(keras.Model(self._symbols[0], self._symbols[end]), blueprint.seed)

    def __repr__(self):
        return repr(self.blueprint)

    def _add(self, operation, *sources, **options):
        tensors = [self._symbols[k] for k in sources]
        result = _call(operation, tensors, options)
        first = keras.tree.flatten(result)[0]
        name = operation.name if isinstance(operation, keras.Layer) else first._keras_history.operation.name
        count = sum(step.operation is operation for step in self._steps) if isinstance(operation, keras.Layer) else 0
        self._steps.append(Step(operation, list(sources), name + (f"#{count + 1}" if count else ""), options))
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
        layer = LAYERS[kind](options, name, self._symbols[at])
        if kind in MERGES:
            return self._add(layer, at, chain[options["earlier"]])
        if kind == "attention":
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
        for step in self._steps:
            inputs = [values[k] for k in step.sources]
            values.append(_run(step.operation, inputs, step.options, step.name, masked))
        return values[-1]

    def taps(self, x):
        """Tap name → ndarray, by hand."""
        found = {}
        self.by_hand(x, lambda name, tensor: found.setdefault(name, tensor))
        return {name: np.asarray(tensor) for name, tensor in found.items()}


def like(tensor, original):
    """The tensor with the mask of the original."""
    mask = getattr(original, "_keras_mask", None)
    if mask is not None and tensor is not original:
        tensor._keras_mask = mask
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
    inner = (layer._query_dense, layer._key_dense, layer._value_dense)
    query, key, value = (_run(one, [x], {}, f"{name}/{part}", visit) for one, part in zip(inner, ("query", "key", "value"), strict=True))
    scores = tf.einsum("bqhd,bkhd->bhqk", query, key) / np.sqrt(query.shape[-1])
    mask, allowed = getattr(x, "_keras_mask", None), tf.ones((1, x.shape[1], x.shape[1]), bool)
    if mask is not None:
        allowed = mask[:, :, None] & mask[:, None, :]
    if causal:
        allowed = allowed & np.tri(x.shape[1], dtype=bool)
    weights = tf.nn.softmax(tf.where(allowed[:, None], scores, -1e9))
    if layer.dropout or not FUSED:
        weights = layer._softmax(scores, mask=allowed[:, None])
        weights = visit(f"{name}/{layer._softmax.name}", weights)
        if layer.dropout:
            weights = visit(f"{name}/{layer._dropout_layer.name}", weights)
    context = tf.einsum("bhqk,bkhd->bqhd", weights, value)
    out = _run(layer._output_dense, [context], {}, f"{name}/attention_output", visit)
    return like(out, x)
