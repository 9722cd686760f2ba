"""Slow, readable attributions: loops on the plain eager model, and NumPy in float64.

A score is a function of a batch (n_samples, …) of tensors that returns (n_samples,). Gradients are of whole batches;
everything else explains one series of shape (n_timesteps, n_channels). Nothing here imports tswidgets.
"""

import keras
import numpy as np
import tensorflow as tf

from tests import reference


def linear_twin(model):
    """The same model without its last layer's activation function: it answers with logits."""
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.layers[-1].activation = keras.activations.linear
    return twin


def picking(function, target):
    """The score that a target picks of a function's answer: an index for each axis, or None for the mean over it."""

    def score(*inputs):
        value = tf.cast(function(*inputs), tf.float32)
        for index in target if isinstance(target, tuple) else (target,):
            value = tf.reduce_mean(value, axis=1) if index is None else value[:, index]
        return tf.reshape(value, [-1])

    return score


def scores(score, X):
    return np.asarray(score(tf.constant(np.asarray(X, "float32"))), np.float64)


def gradient(score, X):
    """Of every sample of a batch, in float64."""
    points = tf.constant(np.asarray(X, "float32"))
    with tf.GradientTape() as tape:
        tape.watch(points)
        value = score(points)
    return np.asarray(tape.gradient(value, points), np.float64)


def integrated_gradients(score, X, baseline, n_steps):
    """(values, completeness errors) of a batch by the midpoint rule, one point of the way after the other."""
    baseline = np.broadcast_to(baseline, X.shape).astype(np.float64)
    total = np.zeros(X.shape)
    for k in range(n_steps):
        total += gradient(score, baseline + (k + 0.5) / n_steps * (X - baseline))
    values = total / n_steps * (X - baseline)
    change = scores(score, X) - scores(score, baseline)
    return values, np.abs(values.reshape(len(X), -1).sum(axis=1) - change) / np.abs(change)


def occlusion(score, x, window, stride, fill, *, per_channel=True, present=None):
    """The mean fall of the score over all windows that cover a step; padding is left as it is."""
    n_timesteps, n_channels = x.shape
    present = np.ones(n_timesteps, bool) if present is None else present
    fill = np.broadcast_to(fill, x.shape)
    starts = [*range(0, n_timesteps - window, stride), n_timesteps - window]
    together = [[c] for c in range(n_channels)] if per_channel else [list(range(n_channels))]
    places, variants = [(start, channels) for start in starts for channels in together], []
    for start, channels in places:
        hidden = x.copy()
        for t in range(start, start + window):
            for c in channels:
                if present[t]:
                    hidden[t, c] = fill[t, c]
        variants.append(hidden)
    falls = scores(score, x[None])[0] - scores(score, variants)
    total, counts = np.zeros(x.shape), np.zeros(x.shape)
    for (start, channels), fall in zip(places, falls, strict=True):
        for t in range(start, start + window):
            for c in channels:
                total[t, c] += fall
                counts[t, c] += 1
    return np.where(present[:, None], total / counts, 0)


def rise_masks(rng, n_masks, n_timesteps, n_cells, keep, n_channels):
    """Random cells of which each mask sees a cutting of `n_cells`, linear between their middles."""
    cells = rng.random((n_masks, n_cells + 2, n_channels)) < keep
    shifts = rng.random((n_masks, 1))
    masks = np.zeros((n_masks, n_timesteps, n_channels))
    for i in range(n_masks):
        for t in range(n_timesteps):
            place = (t + 0.5) * n_cells / n_timesteps + shifts[i, 0]
            for c in range(n_channels):
                masks[i, t, c] = np.interp(place, np.arange(n_cells + 2), cells[i, :, c].astype(float))
    return masks


def rise(score, x, masks, fill):
    """Σ (score − mean score) · mask / Σ mask at every step; masks of shape (n_masks, n_timesteps, 1 or n_channels)."""
    answers = scores(score, [fill + (x - fill) * mask for mask in masks])
    found = np.zeros(masks.shape[1:])
    for answer, mask in zip(answers, masks, strict=True):
        found += (answer - answers.mean()) * mask
    return np.broadcast_to(found / masks.sum(axis=0), x.shape)


# ------------------------------------------------------------------------------------------------ class activation maps


def activations_and_gradients(before, behind, x):
    """(A, G), each (n_steps, n_filters): what a layer returns, and the gradient by it of the score behind it."""
    a = np.asarray(before(tf.constant(np.asarray(x, "float32")[None])))
    return a[0].astype(np.float64), gradient(behind, a)[0]


def grad_cam(a, g):
    n_steps, n_filters = a.shape
    weights = [sum(g[t, f] for t in range(n_steps)) / n_steps for f in range(n_filters)]
    return np.array([max(sum(weights[f] * a[t, f] for f in range(n_filters)), 0) for t in range(n_steps)])


def grad_cam_plus_plus(a, g):
    """Equations 10, 11 and 19 of the paper, whose powers of the exponential cancel."""
    n_steps, n_filters = a.shape
    weights = np.zeros(n_filters)
    for f in range(n_filters):
        for t in range(n_steps):
            below = 2 * g[t, f] ** 2 + sum(a[s, f] * g[t, f] ** 3 for s in range(n_steps))
            alpha = g[t, f] ** 2 / below if below else 0.0
            weights[f] += alpha * max(g[t, f], 0)
    return np.array([max(sum(weights[f] * a[t, f] for f in range(n_filters)), 0) for t in range(n_steps)])


def hires_cam(a, g):
    return np.array([sum(a[t, f] * g[t, f] for f in range(a.shape[1])) for t in range(len(a))])


def layer_cam(a, g):
    return np.array([max(sum(a[t, f] * max(g[t, f], 0) for f in range(a.shape[1])), 0) for t in range(len(a))])


def score_cam(score, x, a, fields):
    """Each filter's map on the input, from 0 to 1 over the steps that are seen, hides what it does not mark."""
    variants = []
    for f in range(a.shape[1]):
        placed = projected(a[:, f], fields, len(x))
        low, high = np.nanmin(placed), np.nanmax(placed)
        shown = np.nan_to_num((placed - low) / (high - low)) if high > low else np.zeros(len(x))
        variants.append(x * shown[:, None])
    return np.maximum(a @ reference.softmax(scores(score, variants)), 0)


def projected(values, fields, n_timesteps):
    """A layer's values (n_steps,) on the input: between the centres of fields (first, last), NaN where none sees."""
    at = {}
    for value, (first, last) in zip(values, fields, strict=True):
        if first <= last:
            at.setdefault((first + last) / 2, []).append(float(value))
    found = np.full(n_timesteps, np.nan)
    for t in range(n_timesteps):
        if not any(first <= t <= last for first, last in fields):
            continue
        before, after = max((c for c in at if c <= t), default=min(at)), min((c for c in at if c >= t), default=max(at))
        share = (t - before) / (after - before) if after > before else 0.0
        found[t] = (1 - share) * np.mean(at[before]) + share * np.mean(at[after])
    return found


def fields_of(n_timesteps, size, stride=1, dilation=1, padding="valid"):
    """(first, last) input step of every output step of one convolution."""
    windows = reference.window_members(n_timesteps, size, stride, dilation, padding)
    return [(min(i for _, i in window), max(i for _, i in window)) for window in windows]


# -------------------------------------------------------------------------------------- gradients by rules of their own


def guided(function):
    """An elementwise function backwards through which only what is positive goes, times its derivative."""

    @tf.custom_gradient
    def run(x):
        def backwards(above):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return tf.maximum(above, 0) * tape.gradient(y, x)

        return function(x), backwards

    return run


class Rescale:
    """DeepLIFT's rescale rule for a chain of layers on one series and its baseline.

    forward(x) of shape (n_timesteps, n_channels) gives (n_steps, n_filters) or (n_units,); backward takes the
    multipliers of what a layer returns to those of what it was given.
    """

    def __init__(self, *layers):
        self.layers = layers

    def values(self, x, baseline, target):
        x, baseline = np.asarray(x, np.float64), np.broadcast_to(baseline, np.shape(x)).astype(np.float64)
        pairs = [(x, baseline)]
        for forward, _ in self.layers:
            pairs.append(tuple(forward(one) for one in pairs[-1]))
        m = np.zeros(pairs[-1][0].shape)
        m[target] = 1
        for (_, backward), before, after in zip(self.layers[::-1], pairs[-2::-1], pairs[:0:-1], strict=True):
            m = backward(m, *before, *after)
        return m * (x - baseline), pairs[-1][0][target] - pairs[-1][1][target]


def rescale_conv(kernel, bias, **how):
    kernel = np.asarray(kernel, np.float64)

    def backward(m, x, *_):
        found = np.zeros(x.shape)
        windows = reference.window_members(
            len(x), len(kernel), how.get("stride", 1), how.get("dilation", 1), how.get("padding", "valid")
        )
        for j, window in enumerate(windows):
            for q, i in window:
                found[i] += kernel[q] @ m[j]
        return found

    return lambda x: reference.conv1d(x, kernel, bias, **how), backward


def rescale_norm(gamma, beta, mean, variance, epsilon=1e-3):
    slope = np.asarray(gamma, np.float64) / np.sqrt(np.asarray(variance, np.float64) + epsilon)
    return lambda x: reference.batch_norm(x, gamma, beta, mean, variance, epsilon), lambda m, *_: m * slope


def rescale_function(function, derivative):
    def backward(m, x, baseline, y, y_baseline):
        below, above = x - baseline, y - y_baseline
        far = np.abs(below) > 1e-6
        return m * np.where(far, above / np.where(far, below, 1), derivative(x))

    return function, backward


def rescale_max(size, stride, padding="valid"):
    """The change of a maximum beyond what both share is owed to the steps where series and baseline are largest."""

    def forward(x):
        return reference.max_pool1d(x, size, stride=stride, padding=padding)

    def backward(m, x, baseline, y, y_baseline):
        found = np.zeros(x.shape)
        for j, window in enumerate(reference.window_members(len(x), size, stride, 1, padding)):
            steps = [i for _, i in window]
            for c in range(x.shape[1]):
                p, q = (steps[int(np.argmax([z[i, c] for i in steps]))] for z in (x, baseline))
                top = max(y[j, c], y_baseline[j, c])
                for place, change in ((p, top - y_baseline[j, c]), (q, y[j, c] - top)):
                    moved = x[place, c] - baseline[place, c]
                    found[place, c] += m[j, c] * change / moved if moved else 0
        return found

    return forward, backward


def rescale_over_time(pool):
    """A layer that pools all steps of (n_steps, n_filters) into (n_filters,), by one that leaves one step."""
    forward, backward = pool

    def one_step(m, x, baseline, y, y_baseline):
        return backward(m[None], x, baseline, y[None], y_baseline[None])

    return lambda x: forward(x)[0], one_step


def rescale_flat():
    return lambda x: x.reshape(-1), lambda m, x, *_: m.reshape(x.shape)


def rescale_dense(kernel, bias):
    kernel = np.asarray(kernel, np.float64)
    return lambda x: reference.dense(x, kernel, bias), lambda m, *_: m @ kernel.T
