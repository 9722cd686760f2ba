"""Fields of tensors that no layer explains, against gradients and perturbations of every single element."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from keras import layers as L
from keras import ops

from tests import reference
from tests.probe.conftest import random_models
from tswidgets.probe import Probe
from tswidgets.probe.dataflow import Field, field_of
from tswidgets.probe.ops import RULES
from tswidgets.probe.timeline import NEVER, Timeline

N_CHANNELS = 2


class Traced:
    """A function of a series as a graph for any batch and, unless a length is given, any length."""

    def __init__(self, function, length=None, n_channels=N_CHANNELS):
        signature = [tf.TensorSpec((None, length, n_channels))]
        self.n_channels = n_channels
        self.run = tf.function(function, input_signature=signature, autograph=False).get_concrete_function()

    @property
    def source(self):
        return self.run.graph.inputs[0]

    def field(self, n_timesteps):
        x = Field.of(Timeline.of_input(n_timesteps), (1, n_timesteps, self.n_channels))
        return field_of(self.run.graph.outputs[0], {id(self.source): x})

    def centres(self, n_timesteps):
        return self.field(n_timesteps).timeline().centres

    def gradient_support(self, n_timesteps, tries=3):
        """Bool ndarray (n_elements, n_timesteps): row j of a batch is there for element j of the output."""
        found = False
        for seed in range(tries):
            one = np.random.default_rng(seed).uniform(0.5, 1.5, (1, n_timesteps, self.n_channels)).astype("float32")
            n_elements = self.run(tf.constant(one)).numpy().size
            x = tf.constant(np.repeat(one, n_elements, axis=0))
            with tf.GradientTape() as tape:
                tape.watch(x)
                score = tf.linalg.trace(tf.reshape(self.run(x), (n_elements, n_elements)))
            gradient = tf.convert_to_tensor(tape.gradient(score, x, unconnected_gradients="zero"))
            found = found | (np.abs(gradient.numpy()).max(axis=-1) > 0)
        return found

    def perturbation_support(self, n_timesteps):
        """The same, found by raising and lowering one step at a time: for what has no gradient or a partial one."""
        x = np.random.default_rng(0).uniform(0.5, 1.5, (1, n_timesteps, self.n_channels))
        found = False
        for value in (1e3, -1e3):
            changed = np.repeat(x, n_timesteps + 1, axis=0)
            for i in range(n_timesteps):
                changed[i + 1, i] = value * np.arange(1, self.n_channels + 1)
            y = self.run(tf.constant(changed, tf.float32)).numpy().reshape(n_timesteps + 1, -1).astype(float)
            found = found | (np.abs(y[1:] - y[0]) > 1e-3 * np.abs(y[0])).T
        return found


def check(traced, n_timesteps, support, *, exact=True):
    """All that an element depends on is in its field; nothing else is, if `exact`."""
    field = traced.field(n_timesteps)
    x = tf.ones((1, n_timesteps, traced.n_channels))
    assert field.lo.shape == tuple(traced.run(x).shape)
    lo, hi, near_lo, near_hi = (part.ravel() for part in (field.lo, field.hi, field.near_lo, field.near_hi))
    first, last = reference.extent(support)
    some = support.any(axis=1)
    if exact:
        np.testing.assert_array_equal(lo, np.where(some, first, NEVER))
        np.testing.assert_array_equal(hi, np.where(some, last, -1))
    assert (lo[some] <= first[some]).all()
    assert (hi[some] >= last[some]).all()
    placed = near_lo <= near_hi
    assert (lo[placed] <= near_lo[placed]).all()
    assert (near_hi[placed] <= hi[placed]).all()


def built(layer, length=12):
    """A layer with positive weights, so that no two paths cancel, as a function."""
    layer(tf.ones((1, length, N_CHANNELS)))
    reference.make_positive(layer, low=0.1, high=0.6)
    return lambda x: layer(x, training=False)


def sees(field):
    timeline = field.timeline()
    return list(zip(timeline.lo.tolist(), timeline.hi.tolist(), strict=True))


# ---------------------------------------------------------------------------------------------- operations, by gradient

KERNEL = tf.constant(np.random.default_rng(0).uniform(0.5, 1.5, (3, N_CHANNELS, 4)), tf.float32)
STEPS = tf.constant([5, 0, 0, 9])


def attention_pooling(x):
    scores = tf.nn.softmax(tf.reduce_sum(tf.tanh(x), -1), -1)
    return tf.reduce_sum(x * scores[:, :, None], 1)


def self_attention(x):
    """Two heads by hand, after a convolution with a short field."""
    h = tf.nn.conv1d(x, KERNEL, 1, "VALID")
    heads = tf.transpose(tf.reshape(h, (tf.shape(h)[0], -1, 2, 2)), (0, 2, 1, 3))
    weights = tf.nn.softmax(tf.matmul(heads, heads, transpose_b=True) / 5.0)
    return tf.reshape(tf.transpose(tf.matmul(weights, heads), (0, 2, 1, 3)), (tf.shape(h)[0], -1, 4))


def einsum_attention(x):
    weights = tf.nn.softmax(tf.einsum("bsc,btc->bts", x, x))
    return tf.einsum("...ts,...sc->...tc", weights, x)


def normalised_over_time(x):
    mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-3)


def recurrence_unrolled(x):
    state = tf.zeros_like(x[:, 0])
    states = []
    for t in range(6):
        state = tf.tanh(0.1 * x[:, t] + 0.5 * state)
        states.append(state)
    return tf.stack(states, axis=1)


@tf.function(autograph=False)
def shifted(x):
    return x[:, 1:] * 2.0


FUNCTIONS = {
    "add": lambda x: tf.nn.relu(tf.nn.conv1d(x, KERNEL, 1, "SAME"))[..., :2] + x,
    "slices": lambda x: x[:, 2:-3, 1:],
    "last step": lambda x: x[:, -1],
    "every third step": lambda x: x[:, 1::3],
    "difference": lambda x: x[:, 2:] - 0.5 * x[:, :-2],
    "backwards": lambda x: x[:, ::-1],
    "new axes": lambda x: tf.squeeze(x[:, :, None, :, None], [2, 4]),
    "one channel": lambda x: x[..., 0],
    "flat": lambda x: tf.reshape(x, (-1, x.shape[-1] * tf.shape(x)[1])),
    "flat and back": lambda x: tf.reshape(tf.reshape(x, (tf.shape(x)[0], -1)), (tf.shape(x)[0], -1, 2)),
    "permute": lambda x: tf.transpose(x, (0, 2, 1)),
    "permute twice": lambda x: tf.transpose(tf.cumsum(tf.transpose(x, (0, 2, 1)), axis=-1), (0, 2, 1)),
    "concatenate steps": lambda x: tf.concat([x[:, 4:], x, tf.zeros_like(x)], 1),
    "concatenate channels": lambda x: tf.concat([x, tf.roll(x, 1, 1), tf.ones_like(x)], -1),
    "stack": lambda x: tf.stack([x, x[:, ::-1]], 2),
    "unstack": lambda x: tf.add_n(tf.unstack(x, axis=-1)),
    "split": lambda x: tf.concat(tf.split(x, [3, 2, -1], 1)[1:], 1),
    "split evenly": lambda x: tf.split(x, 2, -1)[1],
    "pad": lambda x: tf.pad(x, [[0, 0], [2, 1], [0, 1]], constant_values=3.0),
    "reflect": lambda x: tf.pad(x, [[0, 0], [3, 2], [0, 0]], "REFLECT"),
    "flip": lambda x: ops.flip(x, axis=1),
    "roll": lambda x: tf.roll(x, 2, 1),
    "tile": lambda x: tf.tile(x, [1, 2, 1]),
    "repeat": lambda x: tf.repeat(x, 3, axis=1),
    "gather": lambda x: tf.gather(x, STEPS, axis=1),
    "gather channels": lambda x: tf.gather(x, [1, 1, 0], axis=2),
    "gather_nd": lambda x: tf.transpose(tf.gather_nd(tf.transpose(x, (1, 0, 2)), STEPS[:, None]), (1, 0, 2)),
    "cumsum": lambda x: tf.cumsum(x, axis=1),
    "cumsum, exclusive": lambda x: tf.cumsum(x, axis=1, exclusive=True),
    "cumsum, reverse": lambda x: tf.cumsum(x, axis=1, reverse=True, exclusive=True),
    "cumprod": lambda x: tf.math.cumprod(x, axis=-2),
    "mean": lambda x: ops.mean(x[:, 2:7], axis=1),
    "moving sums": lambda x: tf.reduce_sum(tf.signal.frame(x, 4, 2, axis=1), 2, keepdims=True)[:, :, 0],
    "all in all": lambda x: tf.reduce_sum(x[:, 3:5], [1, 2]),
    "one number": lambda x: tf.reduce_logsumexp(x, [1, 2], keepdims=True),
    "softmax over channels": lambda x: tf.nn.softmax(x),
    "softmax over time": lambda x: tf.nn.softmax(x, axis=1),
    "softmax of sums": lambda x: tf.nn.softmax(tf.cumsum(x, axis=1)),
    "normalised over time": normalised_over_time,
    "attention pooling": attention_pooling,
    "self-attention": self_attention,
    "einsum attention": einsum_attention,
    "bilinear": lambda x: tf.einsum("bti,btj->btij", x, x),
    "products with a matrix": lambda x: tf.matmul(x, tf.ones((2, 5))) + tf.linalg.matvec(x, tf.ones(2))[..., None],
    "product with a matrix on its side": lambda x: tf.matmul(x[:, 1], tf.ones((5, 2)), transpose_b=True),
    "triangle": lambda x: tf.einsum("ij,bjc->bic", tf.linalg.band_part(tf.ones((8, 8)), 1, 2), x[:, :8]),
    "mask": lambda x: x * tf.cast(tf.range(tf.shape(x)[1]) % 3 > 0, tf.float32)[:, None],
    "where": lambda x: tf.where(tf.range(tf.shape(x)[1])[:, None] < 4, x, tf.reverse(x, [1])),
    "a constant": lambda x: tf.ones_like(x) * 3.0,
    "random": lambda x: x + 0.0 * tf.random.normal(tf.shape(x)),
    "convolution": lambda x: tf.nn.conv1d(x, KERNEL, 2, "SAME"),
    "dilated": lambda x: tf.nn.conv1d(x, KERNEL, 1, "VALID", dilations=2),
    "explicit padding": lambda x: tf.nn.conv2d(
        x[:, :, None], KERNEL[:, None], [2, 1], [[0, 0], [2, 1], [0, 0], [0, 0]]
    ),
    "space to batch": lambda x: tf.batch_to_space(tf.space_to_batch(x[:, :11], [3], [[1, 0]]), [3], [[2, 1]]),
    "transposed": lambda x: tf.nn.conv1d_transpose(
        x, tf.transpose(KERNEL, (0, 2, 1)), (tf.shape(x)[0], 2 * tf.shape(x)[1] + 1, 4), 2, "VALID"
    ),
    "average": lambda x: tf.nn.avg_pool1d(x, 4, 3, "SAME"),
    "average in 3-D": lambda x: tf.nn.avg_pool3d(x[:, :, None, None], [3, 1, 1], [2, 1, 1], "SAME"),
    "convolution in 3-D": lambda x: tf.nn.conv3d(x[:, :, None, None], KERNEL[:, None, None], [1, 2, 1, 1, 1], "SAME"),
    "transposed in 3-D": lambda x: tf.nn.conv3d_transpose(
        x[:, :, None, None],
        tf.transpose(KERNEL, (0, 2, 1))[:, None, None],
        (tf.shape(x)[0], 2 * tf.shape(x)[1], 1, 1, 4),
        [1, 2, 1, 1, 1],
        "SAME",
    ),
    "slice": lambda x: tf.slice(x, [0, 2, 0], [-1, 4, -1]),
    "start of a sequence backwards": lambda x: tf.reverse_sequence(x, tf.fill([tf.shape(x)[0]], 5), seq_axis=1),
    "space to depth": lambda x: tf.nn.space_to_depth(x[:, :12, :, None], 2),
    "depth to space": lambda x: tf.nn.depth_to_space(tf.tile(x[:, :, None], [1, 1, 1, 2]), 2),
    "nearest": lambda x: tf.image.resize(x[..., None], (8, 2), method="nearest"),
    "band of a matrix": lambda x: tf.linalg.band_part(x, 1, 0),
    "diagonal matrices": lambda x: tf.linalg.diag(x[..., 0]),
    "diagonals": lambda x: tf.linalg.diag_part(x, k=-1),
    "another diagonal": lambda x: tf.linalg.set_diag(x, x[:, 5:7, 0]),
    "broadcast": lambda x: tf.broadcast_to(x[:, :1], tf.shape(x)),
    "normalised locally": lambda x: tf.nn.lrn(x[:, None]),
    "length": lambda x: tf.raw_ops.EuclideanNorm(input=x, axis=[1]),
    "cumulative logsumexp": lambda x: tf.math.cumulative_logsumexp(x, axis=1),
    "batch normalisation": lambda x: tf.compat.v1.nn.fused_batch_norm(
        x[:, :, None], *4 * [tf.ones(2)], is_training=False
    )[0],
    "unrolled": recurrence_unrolled,
    "function in a graph": lambda x: tf.nn.silu(shifted(x)) + x[:, :-1],
    "compiled function": tf.function(lambda x: tf.nn.elu(x)[:, ::2], jit_compile=True),
    "spectrum of windows": lambda x: tf.abs(tf.signal.stft(tf.transpose(x, (0, 2, 1)), 4, 2, window_fn=None)),
    "sorted channels": lambda x: tf.sort(x, axis=-1)[..., :1] + tf.reduce_sum(x, -1, keepdims=True),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_an_element_sees_what_its_gradient_says(function):
    """One graph for two lengths, and one graph for one length only."""
    traced = Traced(function)
    for n in (12, 13):
        check(traced, n, traced.gradient_support(n))
    traced = Traced(function, length=12)
    check(traced, 12, traced.gradient_support(12))


FRAMES = {
    "frames": lambda x: tf.reshape(x, (-1, tf.shape(x)[1] // 4, 4 * 2)),
    "frames, then their mean": lambda x: tf.reduce_mean(tf.reshape(x, (tf.shape(x)[0], -1, 4, 2)), 2),
    "steps as rows": lambda x: tf.transpose(tf.reshape(x, (tf.shape(x)[0], 4, -1, 2)), (0, 2, 1, 3)),
    "batch of frames": lambda x: tf.reshape(
        tf.cumsum(tf.reshape(x, (-1, 4, 2)), axis=1), (tf.shape(x)[0], tf.shape(x)[1], 2)
    ),
    "tf.signal.frame": lambda x: tf.signal.frame(x, 5, 3, pad_end=True, axis=1),
    "patches": lambda x: tf.image.extract_patches(x[:, :, :, None], [1, 4, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME"),
    "extract_sequences": lambda x: ops.transpose(
        ops.extract_sequences(ops.transpose(x, (0, 2, 1)), 4, 2), (0, 2, 1, 3)
    ),
}


@pytest.mark.parametrize("function", FRAMES.values(), ids=FRAMES)
def test_frames_and_patches(function):
    traced = Traced(function)
    for n in (12, 16):
        check(traced, n, traced.gradient_support(n))


# ------------------------------------------------------------------------------------------------ layers, by gradient


class Cumulating(keras.Layer):
    def call(self, x):
        return ops.cumsum(x, axis=1) / ops.cumsum(ops.ones_like(x), axis=1)


class AdditiveAttention(keras.Layer):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.score = L.Dense(3), L.Dense(3), L.Dense(1)

    def call(self, x):
        pairs = ops.tanh(self.query(x)[:, :, None] + self.key(x)[:, None])
        weights = ops.softmax(self.score(pairs)[..., 0], axis=-1)
        return ops.matmul(weights, x)


def apart():
    """Channels that see different steps."""
    return L.Lambda(lambda x: ops.stack([x[:, 3:, 0], x[:, :-3, 1]], axis=-1))


def as_image(*layers):
    return keras.Sequential([L.Reshape((-1, N_CHANNELS, 1)), *layers])


LAYERS = {
    "channels first": lambda: keras.Sequential(
        [L.Permute((2, 1)), L.Conv1D(3, 3, strides=2, data_format="channels_first"), L.Permute((2, 1))]
    ),
    "Conv1D": lambda: L.Conv1D(3, 4, padding="causal", dilation_rate=2, activation="relu"),
    "Conv1D in groups": lambda: keras.Sequential([apart(), L.Conv1D(4, 3, groups=2, padding="same")]),
    "DepthwiseConv1D": lambda: keras.Sequential([apart(), L.DepthwiseConv1D(3, depth_multiplier=2)]),
    "SeparableConv1D": lambda: L.SeparableConv1D(3, 3, dilation_rate=2),
    "Conv1DTranspose": lambda: L.Conv1DTranspose(3, 4, strides=3, padding="same"),
    "Conv1DTranspose, dilated": lambda: L.Conv1DTranspose(2, 3, dilation_rate=2),
    "Conv2D, valid": lambda: as_image(L.Conv2D(3, (4, 2), strides=(2, 1))),
    "Conv2D, same": lambda: as_image(L.Conv2D(3, (4, 1), strides=(3, 1), padding="same")),
    "Conv2D across channels": lambda: as_image(L.Conv2D(3, (1, 2)), L.Reshape((-1, 3))),
    "Conv2D, dilated": lambda: as_image(L.Conv2D(2, (3, 2), dilation_rate=(2, 1), padding="same")),
    "DepthwiseConv2D": lambda: as_image(L.Conv2D(2, 1), L.DepthwiseConv2D((3, 2), depth_multiplier=2)),
    "Conv2DTranspose": lambda: as_image(L.Conv2DTranspose(2, (3, 2), strides=(2, 1), padding="same")),
    "AveragePooling2D": lambda: as_image(L.AveragePooling2D((3, 1), strides=(2, 1), padding="same")),
    "UpSampling1D": lambda: L.UpSampling1D(3),
    "UpSampling2D": lambda: as_image(L.UpSampling2D((2, 1))),
    "ZeroPadding1D": lambda: L.ZeroPadding1D((2, 1)),
    "Cropping1D": lambda: L.Cropping1D((2, 1)),
    "RepeatVector": lambda: keras.Sequential([L.GlobalAveragePooling1D(), L.RepeatVector(4)]),
    "EinsumDense": lambda: L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"),
    "Dense": lambda: L.Dense(3, activation="gelu"),
    "Lambda": lambda: L.Lambda(lambda x: x[:, 1:] + x[:, :-1]),
    "BatchNormalization": lambda: L.BatchNormalization(),
    "LayerNormalization": lambda: keras.Sequential([L.Dense(4), L.LayerNormalization()]),
    "LayerNormalization over time": lambda: L.LayerNormalization(axis=1),
    "MultiHeadAttention": lambda: L.MultiHeadAttention(2, 3),
    "own layer": Cumulating,
    "own attention": AdditiveAttention,
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_layers_whose_operations_are_followed(make):
    layer = make()
    if isinstance(layer, L.MultiHeadAttention):
        layer(tf.ones((1, 12, 2)), tf.ones((1, 12, 2)))
        reference.make_positive(layer, low=0.1, high=0.6)
        traced = Traced(lambda x: layer(x, x))
    else:
        traced = Traced(built(layer), length=12)
    check(traced, 12, traced.gradient_support(12))


# ---------------------------------------------------------------------------------------------- what has no gradient

TABLE = tf.constant(np.random.default_rng(1).permutation(40).reshape(10, 4) + 100.0, tf.float32)


def codes(x):
    return tf.cast(tf.clip_by_value(3 * x[..., 0], 0, 9), tf.int32)


DISCRETE = {
    "maximum": lambda x: tf.maximum(x[:, 1:], x[:, :-1]),
    "largest": lambda x: tf.reduce_max(x[:, 3:], 1),
    "largest and smallest": lambda x: tf.stack([tf.reduce_max(x, [1, 2]), tf.reduce_min(x, [1, 2])], 1),
    "max pooling": lambda x: tf.nn.max_pool1d(x, 3, 2, "SAME"),
    "2-D max pooling": lambda x: tf.nn.max_pool2d(x[..., None], (4, 1), (3, 1), "VALID"),
    "threshold": lambda x: tf.cast(x > tf.reduce_mean(x, -1, keepdims=True), tf.float32),
    "where": lambda x: tf.where(x[:, 1:] > 100.0, 1.0 + x[:, :-1], -x[:, :-1]),
    "argmax": lambda x: tf.cast(tf.argmax(tf.concat([x[:, :, :1], -x[:, :, :1]], -1), -1), tf.float32),
    "rounded": lambda x: tf.round(x / 10.0) + tf.math.floordiv(x, 100.0),
    "embedding": lambda x: tf.nn.embedding_lookup(TABLE, codes(x)),
    "slice update": lambda x: ops.slice_update(x, [0, 4, 0], x[:, :3, :1]),
    "slice update at the end": lambda x: ops.slice_update(tf.ones_like(x), [0, 100, 1], x[:, :3, :1]),
    "scatter update": lambda x: tf.transpose(
        tf.tensor_scatter_nd_update(tf.transpose(x, (1, 0, 2)), [[1], [4]], tf.transpose(x, (1, 0, 2))[7:9]), (1, 0, 2)
    ),
    "median": lambda x: tf.math.top_k(x, 2)[0],
    "one hot": lambda x: tf.reduce_sum(tf.one_hot(codes(x), 10, axis=1), 1, keepdims=True),
}


@pytest.mark.parametrize("function", DISCRETE.values(), ids=DISCRETE)
def test_an_element_sees_what_changes_it(function):
    """The one-hot code is summed over what hides the change: there the field is allowed to be larger."""
    traced = Traced(function)
    for n in (11, 12):
        check(traced, n, traced.perturbation_support(n), exact=function is not DISCRETE["one hot"])


def test_weights_that_are_looked_up_by_the_series():
    """An embedding reads its table from a variable."""
    table = tf.Variable(TABLE)
    traced = Traced(lambda x: tf.gather(table, codes(x)))
    check(traced, 8, traced.perturbation_support(8))


EVERYTHING = {
    "a spectrum": lambda x: tf.abs(tf.signal.rfft(tf.transpose(x[:, :10], (0, 2, 1)))),
    "a sorted series": lambda x: tf.sort(x[..., 0]),
    "an operation without a rule": lambda x: tf.image.resize(x[:, :10, :, None], (7, 2)),
    "a system of equations": lambda x: tf.linalg.solve(tf.matmul(x, x, transpose_a=True) + tf.eye(2), x[:, :2]),
    "a shape from the data": lambda x: tf.reshape(tf.argsort(x[:, :10], axis=1), (-1, 10, 2)),
    "a diagonal": lambda x: tf.einsum("bii->bi", tf.matmul(x, x, transpose_b=True)),
    "statistics of the batch": lambda x: tf.compat.v1.nn.fused_batch_norm(x[:, :, None], tf.ones(2), tf.ones(2))[0],
    "a bias from the data": lambda x: tf.nn.bias_add(x[:, 2:4], tf.reduce_sum(x[0], 0)),
    "columns of a table": lambda x: tf.gather(TABLE, codes(x) % 4, axis=1),
    "a gather from the data": lambda x: tf.gather(x, tf.argsort(x[:, :, 0], axis=1)[:, :5], axis=1, batch_dims=1),
}


@pytest.mark.parametrize("function", EVERYTHING.values(), ids=EVERYTHING)
def test_what_has_no_rule_sees_everything(function):
    traced = Traced(function)
    field = traced.field(10)
    assert field.lo.shape == tuple(traced.run(tf.ones((1, 10, 2))).shape)
    assert (field.lo == 0).all()
    assert (field.hi == 9).all()


def loop(x):
    return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.roll(y, 1, 1)), (0, x))[1]


def branch(x):
    return tf.cond(tf.reduce_sum(x) > 0.0, lambda: x, lambda: -x)


@pytest.mark.parametrize("function", [loop, branch])
def test_loops_and_branches_see_everything_and_have_no_place(function):
    """As long as their shape is known."""
    assert Traced(function).field(6) is None
    field = Traced(function, length=6).field(6)
    assert sees(field) == [(0, 5)] * 6
    assert (field.near_lo == NEVER).all()
    assert (field.near_hi == -1).all()


UNKNOWN = {
    "steps that the data choose": lambda x: tf.boolean_mask(x, x[:, :, 0] > 1.0)[None],
    "a length that the data choose": lambda x: tf.zeros((1, tf.cast(tf.reduce_max(x), tf.int32) + 1, 2)) + x[:, :1],
    "recurrence over any length": lambda x: tf.scan(tf.add, tf.transpose(x, (1, 0, 2))),
    "too long": lambda x: tf.tile(x, [1, 10**6, 1]),
    "too large": lambda x: tf.einsum("bti,bsi,bri->btsr", *3 * [tf.tile(x, [1, 100, 1])]),
}


@pytest.mark.parametrize("function", UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_worked_out(function):
    assert Traced(function).field(6) is None


# ------------------------------------------------------------------------------------------------------ place in time


def summary(x):
    return tf.reduce_mean(x, 1, keepdims=True)


def key_before_query(x):
    return tf.einsum("bts,bsc->btc", tf.nn.softmax(tf.einsum("bsc,btc->bts", x, 2.0 * x)), x)


def summary_next_to_the_series(x):
    both = tf.concat([x, tf.tile(summary(x), [1, tf.shape(x)[1], 1])], -1)
    return tf.matmul(both, tf.ones((4, 3)))


def normalised_rows(x):
    rows = tf.transpose(x, (0, 2, 1))
    return tf.transpose(rows - tf.reduce_mean(rows, -1, keepdims=True), (0, 2, 1))


IN_PLACE = {
    "gate": lambda x: x * tf.sigmoid(summary(x)),
    "gate without a time axis": lambda x: tf.sigmoid(tf.reduce_mean(x, [0, 1])) * x,
    "tiled summary": lambda x: x + tf.tile(summary(x), [1, tf.shape(x)[1], 1]),
    "summary next to the series": summary_next_to_the_series,
    "normalised over time": normalised_over_time,
    "normalised rows": normalised_rows,
    "softmax over time": lambda x: tf.nn.softmax(x, axis=1),
    "einsum attention": einsum_attention,
    "key before query": key_before_query,
    "own attention": lambda x: AdditiveAttention()(x),
    "cumulated": lambda x: tf.cumsum(x, axis=1),
    "cumulated from the end": lambda x: tf.cumsum(x, axis=1, reverse=True),
}


@pytest.mark.parametrize("function", IN_PLACE.values(), ids=IN_PLACE)
def test_steps_that_see_more_stay_where_they_are(function):
    traced = Traced(function)
    np.testing.assert_array_equal(traced.centres(7), range(7))
    wide = traced.field(7).timeline()
    assert (wide.hi - wide.lo).max() == 6


@pytest.mark.parametrize(
    "function",
    [FUNCTIONS["permute"], EVERYTHING["a spectrum"], FUNCTIONS["bilinear"], lambda x: tf.tile(summary(x), [1, 3, 1])],
    ids=["permute", "spectrum", "bilinear", "tiled summary"],
)
def test_steps_that_are_all_in_one_place_have_none(function):
    """Two channels, six frequencies, three copies: axis 1 is no time axis; and pairs of channels are no steps."""
    centres = Traced(function).centres(10)
    expected = np.arange(10) if function is FUNCTIONS["bilinear"] else np.full(len(centres), np.nan)
    np.testing.assert_array_equal(centres, expected)


def test_places_of_windows():
    """Frames of 4, a valid convolution of 3 before attention, and every step twice."""
    np.testing.assert_array_equal(Traced(FRAMES["frames"]).centres(12), [1.5, 5.5, 9.5])
    np.testing.assert_array_equal(Traced(self_attention).centres(6), [1, 2, 3, 4])
    np.testing.assert_array_equal(Traced(lambda x: tf.repeat(x, 2, axis=1)).centres(3), [0, 0, 1, 1, 2, 2])


# -------------------------------------------------------------------------------------------------- fields and graphs


def test_a_field_of_a_timeline_and_back():
    timeline = Timeline(np.array([0, NEVER]), np.array([3, -1]), np.array([1, NEVER]), np.array([2, -1]))
    field = Field.of(timeline, (1, 2, 3, 4))
    assert field.near_lo.shape == (1, 2, 3, 4)
    for part in ("lo", "hi", "near_lo", "near_hi"):
        np.testing.assert_array_equal(getattr(field.timeline(), part), getattr(timeline, part))


def test_without_steps_there_is_one_place():
    one = Timeline.of_input(5).union()
    for shape in ((), (1,), (1, 4), (1, 1, 4)):
        timeline = Field.of(one, shape).timeline()
        assert list(zip(timeline.lo, timeline.hi, timeline.near_lo, timeline.near_hi, strict=True)) == [(0, 4, 0, 4)]


def test_every_rule_is_for_an_operation_that_exists():
    assert [name for name in RULES if not hasattr(tf.raw_ops, name)] == ["XlaDynamicUpdateSlice"]


@pytest.mark.parametrize("n", [5, 300, 2100])
def test_a_constant_matrix(n):
    """A small one is written into the graph, a large one is handed in; a row is where its steps have their middle."""
    triangle = tf.constant(np.tri(n, dtype="float32"))
    timeline = Traced(lambda x: tf.matmul(triangle, x)).field(n).timeline()
    np.testing.assert_array_equal(timeline.lo, 0)
    np.testing.assert_array_equal(timeline.hi, np.arange(n))
    np.testing.assert_array_equal(timeline.centres, np.arange(n) / 2)


def test_a_constant_matrix_with_too_many_products():
    """Its zeros are not looked at where every channel sees other steps and there is no room for all products."""
    triangle = tf.constant(np.tri(300, dtype="float32"))
    traced = Traced(lambda x: tf.matmul(triangle, tf.concat([tf.roll(x, i, 1) for i in range(60)], -1)))
    assert sees(traced.field(300)) == [(0, 299)] * 300


def test_what_chance_hides_is_seen():
    """What a random mask hid while the field was worked out, another mask may show."""
    traced = Traced(lambda x: tf.where(tf.random.uniform(tf.shape(x)) < 0.5, x, x[:, ::-1]))
    assert sees(traced.field(5)) == [(0, 4), (1, 3), (2, 2), (1, 3), (0, 4)]


def test_the_walk_ends_at_tensors_that_are_known():
    """A layer's own rule is asked first: what it returned is a start like any other."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, None, 2))
        layer = tf.py_function(lambda x: x, [x], tf.float32)
        layer.set_shape((None, None, 2))
        after = layer[:, 1:] + layer[:, :-1]
    known = {id(x): Field.of(Timeline.of_input(5), (1, 5, 2))}
    assert field_of(after, known) is None
    known[id(layer)] = Field.of(Timeline.of_input(5), (1, 5, 2))
    assert sees(field_of(after, known)) == [(i, i + 1) for i in range(4)]
    assert sees(field_of(layer, known)) == [(i, i) for i in range(5)]


def test_what_is_known_of_one_output_stands():
    """Whatever its operation says, which is asked for the other output."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, None, 2))
        first, second = tf.split(x, 2, axis=-1)
        both = tf.concat([first, second], -1)
    later = Timeline(*4 * [np.arange(3) + 1])
    known = {id(x): Field.of(Timeline.of_input(3), (1, 3, 2)), id(second): Field.of(later, (1, 3, 1))}
    assert field_of(both, known).lo.tolist() == [[[0, 1], [1, 2], [2, 3]]]


def test_two_inputs():
    graph = tf.Graph()
    with graph.as_default():
        x, y = (tf.compat.v1.placeholder(tf.float32, (None, None, 2)) for _ in range(2))
        both = x[:, 2:] * y
    fields = Field.of(Timeline.of_input(6), (1, 6, 2)), Field.of(Timeline.of_input(4), (1, 4, 2))
    assert sees(field_of(both, {id(x): fields[0], id(y): fields[1]})) == [(i, i + 2) for i in range(4)]


def test_a_deep_graph():
    def deep(x):
        for _ in range(2000):
            x = x + 1.0
        return x

    assert sees(Traced(deep).field(3)) == [(0, 0), (1, 1), (2, 2)]


def test_nothing_is_added_to_a_graph_that_is_being_traced():
    seen = []

    def function(x):
        y = tf.tile(x[:, ::2], (1, 2, 1))
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        seen.append(sees(field_of(y, {id(x): Field.of(Timeline.of_input(4), (1, 4, 2))})))
        assert len(graph.get_operations()) == before
        return y

    Traced(function)
    assert seen == [[(0, 0), (2, 2), (0, 0), (2, 2)]]


# ------------------------------------------------------------------------------------------------------ random chains


def windows(size, stride, padding):
    kernel = tf.constant(np.random.default_rng(size).uniform(0.5, 1.5, (size, 2, 2)), tf.float32)
    return lambda x: tf.nn.conv1d(x, kernel, stride, padding)


def transposed_windows(size, stride, padding):
    kernel = tf.constant(np.random.default_rng(size).uniform(0.5, 1.5, (size, 2, 2)), tf.float32)

    def function(x):
        n = tf.shape(x)[1] * stride + (max(size - stride, 0) if padding == "VALID" else 0)
        return tf.nn.conv1d_transpose(x, kernel, (tf.shape(x)[0], n, 2), stride, padding)

    return function


def folded(x):
    """Two steps become one of four channels, which are mixed to two."""
    even = x[:, : tf.shape(x)[1] // 2 * 2]
    return tf.matmul(tf.reshape(even, (tf.shape(x)[0], -1, 4)), tf.constant([[1.0, 0], [0, 1], [1, 0], [1, 1]]))


def every_third_hidden(x):
    return x * tf.cast(tf.range(tf.shape(x)[1]) % 3 > 0, tf.float32)[:, None]


CHAIN = {
    "windows": windows,
    "transposed": transposed_windows,
    "dilated": lambda size, stride, padding: lambda x: tf.nn.conv1d(x, KERNEL[..., :2], 1, padding, dilations=stride),
    "average": lambda size, stride, padding: lambda x: tf.nn.avg_pool1d(x, size, stride, padding),
    "slice": lambda size, stride, padding: lambda x: x[:, size - 1 :: stride],
    "pad": lambda size, stride, padding: lambda x: tf.pad(x, [[0, 0], [size, stride - 1], [0, 0]]),
    "frames": lambda size, stride, padding: (
        lambda x: tf.reduce_sum(tf.signal.frame(x, size, stride, pad_end=padding == "SAME", axis=1), 2)
    ),
    "roll": lambda size, stride, padding: lambda x: tf.roll(x, size, 1),
    "cumsum": lambda size, stride, padding: (
        lambda x: tf.cumsum(x, axis=1, exclusive=size > 3, reverse=padding == "SAME")
    ),
    "gather": lambda size, stride, padding: lambda x: tf.gather(x, tf.range(size) * stride % tf.shape(x)[1], axis=1),
    "residual": lambda size, stride, padding: lambda x: x + windows(size, 1, "SAME")(x),
    "both ways": lambda size, stride, padding: lambda x: tf.concat([x[:, ::-1], x], 1 + size % 2)[..., :2],
    "channels": lambda size, stride, padding: lambda x: tf.stack([x[..., 0], tf.reduce_sum(x, -1)], -1),
    "global": lambda size, stride, padding: lambda x: x + tf.reduce_mean(x[:, size - 1 :, :1], 1, keepdims=True),
    "repeat": lambda size, stride, padding: lambda x: tf.repeat(x, stride, axis=1),
    "permuted": lambda size, stride, padding: (
        lambda x: tf.transpose(tf.cumsum(tf.transpose(x, (2, 0, 1)), axis=-1), (1, 2, 0))
    ),
    "folded": lambda size, stride, padding: folded,
    "hidden": lambda size, stride, padding: every_third_hidden,
}


@st.composite
def chains(draw):
    """(shortest length, description, function)."""
    n = draw(st.integers(4, 14), label="n_timesteps")
    x, names, steps = tf.ones((1, n, N_CHANNELS)), [], []
    for _ in range(draw(st.integers(1, 6))):
        size, stride, padding = (
            draw(st.integers(1, 4)),
            draw(st.integers(1, 3)),
            draw(st.sampled_from(["SAME", "VALID"])),
        )
        kind = draw(st.sampled_from(sorted(CHAIN)))
        needed = {
            "windows": size,
            "average": size,
            "frames": size,
            "slice": size,
            "dilated": 2 * stride + 1,
            "folded": 2,
        }
        if x.shape[1] < needed.get(kind, 1) or x.shape[1] > 25:
            continue
        steps.append(CHAIN[kind](size, stride, padding))
        names.append((kind, size, stride, padding))
        x = steps[-1](x)
    return n, names, steps


@random_models
@given(chains())
def test_random_chains_of_operations(chain):
    shortest, _, steps = chain

    def function(x):
        for step in steps:
            x = step(x)
        return x

    traced = Traced(function)
    for n in (shortest, shortest + 3):
        check(traced, n, traced.gradient_support(n, tries=2))


@pytest.mark.parametrize("numbers", [np.ones((12, 4), "float32"), tf.ones((12, 4))], ids=["numpy", "tensorflow"])
def test_numbers_that_an_operation_of_the_model_was_given(numbers):
    """They are no tensors of the graph, and have no operation that made them."""
    inputs = keras.Input((12, 3))
    added = keras.ops.add(L.Dense(4, name="dense")(inputs), numbers)
    probe = Probe(keras.Model(inputs, L.Conv1D(2, 3, name="conv")(added)))
    assert [tap.kind for tap in probe.taps] == ["sequence"] * 3
    conv = probe.timelines(12)["conv"]
    assert conv.lo.tolist() == list(range(10)) and conv.hi.tolist() == list(range(2, 12))
