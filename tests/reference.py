"""Slow, readable NumPy float64 twins of what Keras computes, and receptive fields found by trying.

Series have shape (n_timesteps, n_channels), kernels Keras' shapes. Nothing here imports tswidgets.
"""

import keras
import numpy as np
import tensorflow as tf


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, np.float64)))


def relu(z):
    return np.maximum(z, 0)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def padding_before(n_steps, size, stride, dilation, padding):
    """Zeros that TensorFlow puts in front; what `same` puts behind may be one more."""
    reach = dilation * (size - 1)
    if padding == "valid":
        return 0
    if padding == "causal":
        return reach
    n_outputs = -(-n_steps // stride)
    return max((n_outputs - 1) * stride + reach + 1 - n_steps, 0) // 2


def window_members(n_steps, size, stride=1, dilation=1, padding="valid"):
    """For every output step the list of (kernel index, input step) that really exist."""
    before = padding_before(n_steps, size, stride, dilation, padding)
    if padding == "valid":
        n_outputs = max((n_steps - dilation * (size - 1) - 1) // stride + 1, 0)
    else:
        n_outputs = -(-n_steps // stride)
    windows = [[(q, j * stride + q * dilation - before) for q in range(size)] for j in range(n_outputs)]
    return [[(q, i) for q, i in window if 0 <= i < n_steps] for window in windows]


def conv1d(x, kernel, bias=None, *, stride=1, dilation=1, padding="valid"):
    """y[j] = b + Σ_q x[j·stride + q·dilation − before] @ kernel[q]; kernel of shape (size, n_channels, n_filters)."""
    x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    windows = window_members(len(x), len(kernel), stride, dilation, padding)
    y = np.zeros((len(windows), kernel.shape[2]))
    for j, window in enumerate(windows):
        for q, i in window:
            y[j] += x[i] @ kernel[q]
    return y if bias is None else y + np.asarray(bias, np.float64)


def max_pool1d(x, size, *, stride=None, padding="valid"):
    windows = window_members(len(x), size, stride or size, 1, padding)
    return np.array([np.max([x[i] for _, i in window], axis=0) for window in windows], np.float64)


def average_pool1d(x, size, *, stride=None, padding="valid"):
    """Padding does not count: the mean is over the steps that exist."""
    windows = window_members(len(x), size, stride or size, 1, padding)
    return np.array([np.mean([x[i] for _, i in window], axis=0) for window in windows], np.float64)


def batch_norm(x, gamma, beta, mean, variance, epsilon=1e-3):
    gamma, beta, mean, variance = (np.asarray(part, np.float64) for part in (gamma, beta, mean, variance))
    return gamma * (np.asarray(x, np.float64) - mean) / np.sqrt(variance + epsilon) + beta


def dense(x, kernel, bias):
    return np.asarray(x, np.float64) @ np.asarray(kernel, np.float64) + np.asarray(bias, np.float64)


def lstm(x, kernel, recurrent, bias, *, present=None):
    """h of shape (n_timesteps, n_units). Gates in Keras' order i, f, g, o; an absent step keeps the state."""
    kernel, recurrent, bias = (np.asarray(part, np.float64) for part in (kernel, recurrent, bias))
    n = recurrent.shape[0]
    h, c, states = np.zeros(n), np.zeros(n), []
    for t, x_t in enumerate(np.asarray(x, np.float64)):
        if present is None or present[t]:
            i, f, g, o = np.split(x_t @ kernel + h @ recurrent + bias, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.array(states)


def gru(x, kernel, recurrent, bias, *, reset_after=True):
    """h of shape (n_timesteps, n_units). Gates in Keras' order z, r, candidate."""
    kernel, recurrent, bias = (np.asarray(part, np.float64) for part in (kernel, recurrent, bias))
    n = recurrent.shape[0]
    input_bias, recurrent_bias = bias if reset_after else (bias, np.zeros(3 * n))
    h, states = np.zeros(n), []
    for x_t in np.asarray(x, np.float64):
        x_z, x_r, x_h = np.split(x_t @ kernel + input_bias, 3)
        u_z, u_r, u_h = np.split(recurrent, 3, axis=1)
        b_z, b_r, b_h = np.split(recurrent_bias, 3)
        z = sigmoid(x_z + h @ u_z + b_z)
        r = sigmoid(x_r + h @ u_r + b_r)
        candidate = np.tanh(x_h + (r * (h @ u_h + b_h) if reset_after else (r * h) @ u_h))
        h = z * h + (1 - z) * candidate
        states.append(h)
    return np.array(states)


def make_positive(model, seed=0, low=0.5, high=1.5):
    """Overwrite all weights of a freshly built model by positive numbers, so that no two paths cancel."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(rng.uniform(low, high, weight.shape).astype("float32"))


def every_layer(model):
    """A model that returns the outputs of all layers of a functional or sequential model: `lstm`, `lstm:1`, …"""
    outputs = {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            several = layer.output if isinstance(layer.output, (list, tuple)) else [layer.output]
            outputs.update({layer.name + (f":{k}" if k else ""): output for k, output in enumerate(several)})
    return keras.Model(model.inputs[0], outputs)


def gradient_support(model, n_timesteps, *, seed=0, tries=3):
    """Layer name → bool ndarray (n_steps, n_timesteps): True where the gradient of a step by an input step is not 0.

    The model's weights must be positive (`make_positive`). Max pooling passes the gradient of its largest entry only:
    the union over `tries` random inputs finds most of a field, never too much.
    """
    layers, rng = every_layer(model), np.random.default_rng(seed)
    n_channels = model.inputs[0].shape[-1]
    found = {}
    for _ in range(tries):
        one = rng.uniform(0.1, 1, (1, n_timesteps, n_channels)).astype("float32")
        steps = {name: _steps(array) for name, array in layers(tf.constant(one)).items()}
        x = tf.constant(np.repeat(one, max(steps.values()), axis=0))  # row j is there for output step j
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            scores = {}
            for name, y in layers(x, training=False).items():
                weights = np.zeros(y.shape, "float32")
                for j in range(steps[name]):
                    row = weights[j] if y.shape.rank == 2 else weights[j, j]
                    row[:] = rng.uniform(0.5, 1.5, row.shape)
                scores[name] = tf.reduce_sum(y * weights)
        for name, score in scores.items():
            gradient = tape.gradient(score, x)
            support = np.zeros((steps[name], n_timesteps), bool)
            if gradient is not None:
                support = np.abs(gradient.numpy()[: steps[name]]).max(axis=-1) > 0
            found[name] = found.get(name, False) | support
    return found


def perturbation_support(model, n_timesteps, *, seed=0):
    """The same, found by raising one input step at a time beyond all others: exact through max pooling too.

    For positive weights and layers that grow in proportion to their input: convolution, pooling, resampling, ReLU.
    """
    layers, rng = every_layer(model), np.random.default_rng(seed)
    x = np.repeat(rng.uniform(0.5, 1, (1, n_timesteps, model.inputs[0].shape[-1])), n_timesteps + 1, axis=0)
    for i in range(n_timesteps):
        x[i + 1, i] = 1e12
    found = {}
    for name, y in layers(tf.constant(x, tf.float32), training=False).items():
        y = y.numpy()
        changed = np.abs(y[1:] - y[0]) > 1e-2 * np.abs(y[0])
        found[name] = changed.any(axis=-1).reshape(n_timesteps, -1).T
    return found


def extent(support):
    """First and last True of every row, (−1, −2) for a row without any."""
    some = support.any(axis=1)
    first = np.where(some, support.argmax(axis=1), -1)
    last = np.where(some, support.shape[1] - 1 - support[:, ::-1].argmax(axis=1), -2)
    return first, last


def _steps(y):
    return 1 if len(y.shape) == 2 else int(y.shape[1])


def same_conv1d(x, kernel, bias):
    """`conv1d` with same padding and stride 1 for a whole batch; 10 kernel steps reach 4 steps back and 5 ahead."""
    x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    size, n_steps = len(kernel), x.shape[1]
    before = (size - 1) // 2
    padded = np.pad(x, [(0, 0), (before, size - 1 - before), (0, 0)])
    return sum(padded[:, q : q + n_steps] @ kernel[q] for q in range(size)) + np.asarray(bias, np.float64)


def next_of_sine(windows, weights, removed=()):
    """The sine model's prediction for each window: two convolutions, of the first of which filters are set to 0."""
    kernel1, bias1, kernel2, bias2 = weights
    h = relu(same_conv1d(windows, kernel1, bias1))
    for i in removed:
        h[:, :, i] = 0
    return np.tanh(same_conv1d(h, kernel2, bias2)).max(axis=1)


def removal_matrix(n_filters, metric_without):
    """Entry (i, j) is what `metric_without({i, j})` gives, in the document's double loop and with its diagonal."""
    matrix = np.zeros((n_filters, n_filters))
    for i in range(n_filters):
        for j in range(n_filters):
            matrix[i, j] = metric_without({i, j})
    return matrix


def mean_over_entries(function, *arrays):
    """Mean of `function(a, b, …)` over the entries of arrays of one shape, one by one."""
    total, n = 0.0, 0
    for index in np.ndindex(*np.shape(arrays[0])):
        total += function(*(float(array[index]) for array in arrays))
        n += 1
    return total / n


def windows_by_appending(wave, size, horizon):
    """Windows of a wave (n_wave_steps, n_channels) and what is behind each, collected as in the document."""
    windows, targets = [], []
    for i in range(len(wave) - (size + horizon) + 1):
        windows.append([list(wave[k]) for k in range(i, i + size)])
        targets.append([list(wave[k]) for k in range(i + size, i + size + horizon)])
    return np.array(windows), np.array(targets)


def folded(values, at, stride, n_wave_steps, how):
    """The fold of (n_windows, n_steps, n_filters) number by number, and their count; `at[s]` is None for nowhere."""
    n_windows, n_steps, n_filters = values.shape
    total, count = np.zeros((n_wave_steps, n_filters)), np.zeros((n_wave_steps, n_filters), int)
    for w in range(n_windows):
        for s in range(n_steps):
            for f in range(n_filters):
                value = float(values[w, s, f])
                if at[s] is not None and value == value:
                    total[w * stride + at[s], f] += value
                    count[w * stride + at[s], f] += 1
    result = np.full(total.shape, np.nan)
    covered = count > 0
    result[covered] = total[covered] / (count[covered] if how == "mean" else 1)
    return result, count


def copied_edges(answers):
    """The document's array (n_steps, n_wave_steps) of one filter's (n_windows, n_steps), of which it adds up the rows.

    Row s is that step of all windows, moved by s; what is missing before it is taken from the first row, what is
    missing behind it from the end of the last.
    """
    by_step = np.asarray(answers, np.float64).T
    n_steps = len(by_step)
    rows = np.empty((0, len(answers) + n_steps - 1))
    for s in range(n_steps):
        row = by_step[s]
        if s < n_steps - 1:
            row = np.append(row, by_step[-1, -n_steps + s + 1 :])
        row = np.insert(row, [0] * s, by_step[0, :s])
        rows = np.append(rows, row[None], axis=0)
    return rows
