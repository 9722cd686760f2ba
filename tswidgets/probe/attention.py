"""How much every step attends to every other."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe.intercept import Call
from tswidgets.probe.probe import Probe
from tswidgets.probe.registry import as_probe


@dataclass(frozen=True, eq=False)
class AttentionScores:
    """Attention weights of one layer.

    layer : the tap's name.
    scores : ndarray of shape (n_samples, n_heads, n_query_steps, n_key_steps), float32: what each query step takes from
        each key step, as the layer uses it: after the softmax, before dropout, and 0 where the layer masks a key.
    """

    layer: str
    scores: NDArray[np.float32]


def attention_scores(model: keras.Model | Probe, x: Any, layer: str) -> AttentionScores:
    """What each step of an attention layer looks at, while the model's own output stays what it is.

    Parameters
    ----------
    model : keras.Model or Probe
    x : ndarray of shape (n_samples, n_timesteps, n_channels), or the model's own structure of several
    layer : str
        Name of a tap that a MultiHeadAttention, GroupQueryAttention, Attention or AdditiveAttention layer returns, or
        a layer of the user's own whose `call` takes `return_attention_scores`. One head where the layer has none.

    Raises
    ------
    ValueError
        If the model has no such tap, or if its layer cannot return attention scores.
    """
    probe = as_probe(model, x)
    name = probe.tap_name(layer)
    scores = probe.at_call(x, name, _scores)
    if scores is None:
        attending = [tap.name for tap in probe.taps if tap.family == "attention"]
        _validate.not_attending(name, attending)
    return AttentionScores(name, scores[:, None] if scores.ndim == 3 else scores)


def _scores(call: Call) -> Any:
    """The layer called once more, for its scores; None if it does not know any."""
    layer: Any = call.operation
    if "return_attention_scores" not in inspect.signature(layer.call).parameters:
        return None
    _, scores = layer(*call.args, **{**call.kwargs, "return_attention_scores": True})
    return scores
