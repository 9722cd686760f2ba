"""TimeDistributed without its detours.

Where the number of steps is known when a model is traced, Keras unrolls them in Python, a second for hundreds of steps.
Where it is not known, Keras 3.15 takes the number of samples for it and answers wrongly. Folding time into the batch
axis computes the same at once.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import tree


def folded(layer: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
    """What `layer.call` returns, for a traced tensor of shape (n_samples, n_timesteps, …)."""
    inner, options = layer.layer, {}
    if inner._call_has_mask_arg and mask is not None:
        options["mask"] = _fold(mask)
    if inner._call_has_training_arg:
        options["training"] = training
    steps = tf.shape(inputs)[:2]
    return tree.map_structure(
        lambda tensor: _unfold(tensor, steps, inputs.shape[:2]), inner.call(_fold(inputs), **options)
    )


def _fold(tensor: Any) -> Any:
    every_step = tf.reshape(tensor, tf.concat([[-1], tf.shape(tensor)[2:]], 0))
    every_step.set_shape([None, *tensor.shape[2:]])
    return every_step


def _unfold(tensor: Any, steps: Any, known: Any) -> Any:
    apart = tf.reshape(tensor, tf.concat([steps, tf.shape(tensor)[1:]], 0))
    apart.set_shape([*known, *tensor.shape[1:]])
    return apart
