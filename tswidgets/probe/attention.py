"""How much every step attends to every other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe.attending import attending, knows_scores
from tswidgets.probe.axes import Length
from tswidgets.probe.intercept import Call
from tswidgets.probe.probe import Probe
from tswidgets.probe.registry import as_probe
from tswidgets.probe.timeline import Timeline


@dataclass(frozen=True, eq=False)
class AttentionScores:
    """Attention weights of one layer.

    layer : the tap's name.
    scores : ndarray of shape (n_samples, n_heads, n_query_steps, n_key_steps), float32: what each query step takes from
        each key step, as the layer uses it: after the softmax, before dropout, and 0 where the layer masks a key. A
        model that folds series into its samples, such as channels that do not meet, has as many more of them.
    absent_queries, absent_keys : bool ndarrays of shape (n_samples, n_query_steps) and (n_samples, n_key_steps), True
        where the mask that the layer was given with them says that a step is padding.
    """

    layer: str
    scores: NDArray[np.float32]
    absent_queries: NDArray[np.bool_]
    absent_keys: NDArray[np.bool_]


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
    found = probe.at_call(x, name, _scores)
    if found is None:
        _validate.not_attending(name, probe.calls.attending)
    scores, queries, keys = found
    if scores.ndim not in (3, 4):
        _validate.no_scores(name, scores.shape[1:])
    scores = scores[:, None] if scores.ndim == 3 else scores
    absent = [
        np.zeros((len(scores), n), bool) if mask is None or mask.shape != (len(scores), n) else ~mask
        for mask, n in ((queries, scores.shape[2]), (keys, scores.shape[3]))
    ]
    return AttentionScores(name, scores, *absent)


def attention_timelines(
    probe: Probe, layer: str, lengths: tuple[Length, ...]
) -> tuple[Timeline | None, Timeline | None]:
    """Which input steps the query's and the key's steps see, for inputs of such lengths; None where that is unknown."""
    return probe.calls_for(lengths).attended(layer, lengths)


def _scores(call: Call) -> Any:
    """(scores, the query's mask, the key's mask) of the layer called once more; None if it does not know any."""
    if not knows_scores(call.operation):
        return None
    sides = attending(call)
    _, scores = call.operation(*call.args, **{**call.kwargs, "return_attention_scores": True})
    return (scores, None, None) if sides is None else (scores, sides.query_mask, sides.key_mask)
