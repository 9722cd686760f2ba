"""What every case is made of: random weights, random series, and ways to a layer's output that need no hook."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers as L


@dataclass(eq=False)
class Case:
    """A model, a batch for it, and `expected(x)`: tap name → ndarray for every tap, by calling the layers by hand.

    tolerance : how far apart, of the expected magnitude, a compiled and an eager run may be.
    """

    model: keras.Model
    x: Any
    expected: Callable[[Any], dict[str, np.ndarray]]
    tolerance: float = 1e-5


def randomise(model, seed=0):
    """Random weights everywhere, also where Keras starts with 0 and 1: biases and the statistics of BatchNorm."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if any(part in weight.path for part in ("moving_variance", "gamma")):
            value = rng.uniform(0.5, 1.5, weight.shape)
        else:
            value = rng.normal(0, 0.4, weight.shape)
        weight.assign(value.astype("float32"))
    return model


def series(n_samples, n_timesteps, n_channels, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, n_timesteps, n_channels)).astype("float32")


def padded_series(n_samples, n_timesteps, n_channels, seed=0):
    """Series of different lengths, padded by zeros at the end."""
    x = series(n_samples, n_timesteps, n_channels, seed)
    for i in range(n_samples):
        x[i, n_timesteps - 2 - 3 * i :] = 0
    return x


def arrays(tensors):
    """As ndarrays; numbers of half precision as float32, like the probe's."""
    found = {name: np.asarray(tensor) for name, tensor in tensors.items()}
    return {name: a.astype("float32") if a.dtype.itemsize == 2 else a for name, a in found.items()}


def has_activation(layer):
    """Whether what goes into the layer's activation function is a tap of its own."""
    if isinstance(layer, (L.Activation, L.RNN)):
        return False
    return getattr(layer, "activation", None) not in (None, keras.activations.linear)


def before_activation(layer, x):
    """What a built layer of Keras' computes without its activation: the answer of a twin that has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras does not like to write down a lambda
        config = layer.get_config()
    twin = type(layer).from_config({**config, "activation": None})
    twin.build(x.shape)
    twin.supports_masking = True  # or Keras warns of a mask
    twin.set_weights([np.asarray(weight) for weight in layer.weights])
    return twin(x, training=False)


class Calls(dict):
    """Tap name → tensor, for layers that are called one by one."""

    def __call__(self, layer, *args, name=None, before=None, **kwargs):
        """Call a layer under the name of its tap. `before`: what a layer of the tests' own hands to its activation."""
        name = name or layer.name
        result = layer(*args, training=False, **kwargs)
        if before is None and has_activation(layer):
            before = before_activation(layer, args[0])
        if before is not None:
            self[f"{name}:pre-activation"] = before
        self.update(numbered(name, result))
        return result


def numbered(name, result):
    """`lstm`, `lstm:1`, … for what one call returned."""
    return {name + (f":{k}" if k else ""): tensor for k, tensor in enumerate(keras.tree.flatten(result))}


def one_by_one(model):
    """Call the layers of a Sequential one after the other."""

    def expected(x):
        call = Calls()
        for layer in model.layers:
            x = call(layer, x)
        return arrays(call)

    return expected


def views(model, tensors=None):
    """Sub-model of a functional model that returns the given symbolic tensors, by default those of all its layers.

    What goes into an activation function comes from the layer's input, which the sub-model returns as well.
    """
    tensors = tensors or outputs_of(model)
    histories = {name: tensor._keras_history for name, tensor in tensors.items()}
    active = {name: history for name, history in histories.items() if has_activation(history.operation)}
    sources = {name: h.operation._inbound_nodes[h.node_index].input_tensors[0] for name, h in active.items()}
    view = keras.Model(model.input, [tensors, sources])

    def expected(x):
        values, inputs = view(x, training=False)
        found = {}
        for name in tensors:
            if name in inputs:
                found[f"{name}:pre-activation"] = before_activation(active[name].operation, inputs[name])
            found[name] = values[name]
        return arrays(found)

    return expected


def outputs_of(model):
    """Tap name → symbolic tensor of all that a functional model calls, in Keras' order; nothing nested or shared."""
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    found = {}
    for node in nodes:
        if not isinstance(node.operation, L.InputLayer):
            found |= numbered(node.operation.name, node.outputs)
    return found
