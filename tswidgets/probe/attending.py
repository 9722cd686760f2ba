"""Which tensors of a call attend, and which are attended to: told by the names of its arguments."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import keras

from tswidgets.probe.intercept import Call, mask_of, tensors_in

QUERY, KEY, VALUE = (("query", "queries", "q"), ("key", "keys", "k"), ("value", "values", "v"))
MASK = "mask"  # in the name of what says which steps count, and is none of the series


@dataclass(frozen=True, eq=False)
class Attending:
    """The two sides of an attention layer's call, each a tensor of shape (n_samples, n_steps, …).

    query_mask, key_mask : bool tensors of shape (n_samples, n_steps) that came with them, False at padding; or None.
    """

    query: Any
    key: Any
    query_mask: Any
    key_mask: Any


def knows_scores(operation: Any) -> bool:
    """Whether a layer can be asked for what its steps attend to, as Keras' own attention layers can."""
    return isinstance(operation, keras.Layer) and "return_attention_scores" in _parameters(operation)


def attending(call: Call) -> Attending | None:
    """Who attends to whom in this call; None if it is no attention layer's.

    The arguments' names tell: `query`, `key` and `value`, or else the first and the next series that the call is given.
    A list is [query, value] or [query, value, key], as for `keras.layers.Attention`. Without a key the value is the
    key, and without both the query attends to itself.
    """
    if not knows_scores(call.operation):
        return None
    given = arguments(call)
    series = [(name, leaf) for name, part in given.items() for leaf in tensors_in(part) if _is_series(name, leaf)]
    if not series:
        return None
    if isinstance(given[series[0][0]], (list, tuple)):
        return _listed([leaf for name, leaf in series if name == series[0][0]], given.get(MASK))
    query, key, value = (next((leaf for name, leaf in series if name in names), None) for names in (QUERY, KEY, VALUE))
    query = series[0][1] if query is None else query
    others = [leaf for _, leaf in series if leaf is not query] or [query]
    value = others[0] if value is None else value
    key = value if key is None else key
    query_mask, key_mask, value_mask = (given.get(f"{names[0]}_{MASK}") for names in (QUERY, KEY, VALUE))
    return Attending(query, key, _mask(query, query_mask), _both(_mask(key, key_mask), _mask(value, value_mask)))


def _listed(series: list[Any], masks: Any) -> Attending:
    """Of [query, value, key]; the mask of the value is that of the key, which Keras does not look at."""
    query, value, key = (series + [series[-1]] * 2)[:3]
    query_mask, value_mask = [*masks, None, None][:2] if isinstance(masks, (list, tuple)) else (None, None)
    return Attending(query, key, _mask(query, query_mask), _mask(value, value_mask))


def arguments(call: Call) -> dict[str, Any]:
    """What a call was given, by the names and in the order in which its operation declares them."""
    try:
        return dict(inspect.signature(call.operation.call).bind(*call.args, **call.kwargs).arguments)
    except (TypeError, ValueError):  # what only `__call__` takes, or a function without a signature
        return {str(i): part for i, part in enumerate(call.args)} | call.kwargs


def in_order(call: Call) -> list[Any]:
    """The tensors that a call was given, in the order in which its operation declares them, but for masks.

    With keywords that is not the order in which they were written.
    """
    given = call.inputs if not tensors_in(list(call.kwargs.values())) else tensors_in(list(arguments(call).values()))
    return [tensor for tensor in given if tensor.dtype != "bool"]


def _parameters(operation: Any) -> Any:
    try:
        return inspect.signature(operation.call).parameters
    except (AttributeError, TypeError, ValueError):
        return {}


def _is_series(name: Any, tensor: Any) -> bool:
    return MASK not in str(name) and tensor.dtype != "bool" and len(tensor.shape) > 2


def _mask(tensor: Any, given: Any) -> Any:
    mask = mask_of(tensor) if given is None else given
    return mask if mask is not None and len(mask.shape) == 2 else None


def _both(first: Any, second: Any) -> Any:
    if first is None or second is None or first is second:
        return second if first is None else first
    return keras.ops.logical_and(first, second)
