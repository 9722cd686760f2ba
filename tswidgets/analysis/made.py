"""How the layers of a model hang together, as far as it tells where something wrong comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from tswidgets.probe import Probe
from tswidgets.probe.taps import family

BEFORE = ":pre-activation"


@dataclass(frozen=True)
class Made:
    """Names of taps, and of the data.

    sources : of each tap the taps and data that it was made from, the nearest on each way; what goes into an activation
        function is looked through.
    outputs : what the model answers, also before its shape alone is changed.
    makes : taps whose layer has weights or an activation function of its own, and no layers inside that are taps.
    mixes : taps whose filters are each made of all the filters before; those of others keep their places.
    first : of each tap the first output of its call.
    weighed : taps that go into nothing but a softmax: large negative numbers and minus infinity are how what must not
        be attended to is left out.
    activation, half : of a tap the name of its activation function, and whether it computes in float16.
    """

    inputs: tuple[str, ...]
    sources: Mapping[str, tuple[str, ...]]
    outputs: frozenset[str]
    makes: frozenset[str]
    mixes: frozenset[str]
    first: Mapping[str, str]
    weighed: frozenset[str]
    activation: Mapping[str, str]
    half: frozenset[str]


def made(probe: Probe, inputs: Sequence[str]) -> Made:
    """`inputs` are what the data are called, flat."""
    taps, calls = [tap.name for tap in probe.taps], probe.calls
    operations = {name: calls.operation(name) for name in taps}
    direct = calls.sources(inputs)
    sources = {name: _through(name, direct) for name in taps}
    whole = {name for name in taps if any(other.startswith(f"{name}/") for other in taps)}
    makes = {
        name for name, one in operations.items() if name not in whole and not name.endswith(BEFORE) and _makes(one)
    }
    outputs, waiting = set[str](), [name for name in calls.output_names if name]
    while waiting:
        outputs.add(name := waiting.pop())
        if name not in makes:
            waiting.extend(one for one in sources.get(name, ()) if one not in outputs and one not in inputs)
    activation = {name: _activation(one) for name, one in operations.items()}
    into: dict[str, set[str]] = {}
    for name in taps:
        for source in sources[name] if not name.endswith(BEFORE) else ():
            into.setdefault(source, set()).add(activation[name])
    return Made(
        inputs=tuple(inputs),
        sources=sources,
        outputs=frozenset(outputs),
        makes=frozenset(makes),
        mixes=frozenset(name for name in makes if _mixes(operations[name])),
        first={name: calls.beside(name)[0] for name in taps},
        weighed=frozenset(name for name, functions in into.items() if functions == {"softmax"}) - outputs,
        activation=activation,
        half=frozenset(name for name, one in operations.items() if getattr(one, "compute_dtype", "") == "float16"),
    )


def _through(name: str, direct: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for source in direct.get(name, ()):
        found.update(dict.fromkeys(direct.get(source, ()) if source.endswith(BEFORE) else [source]))
    return tuple(found)


def _makes(operation: Any) -> bool:
    """Pooling, dropout and what only reshapes pass on what they are given."""
    if isinstance(operation, keras.Model):
        return False
    own = type(operation).__module__
    if not own.startswith("keras.") or isinstance(operation, keras.layers.Lambda):
        return True
    return bool(getattr(operation, "weights", None)) or bool(_activation(operation))


def _mixes(operation: Any) -> bool:
    own = type(operation).__module__
    if not own.startswith("keras.") or isinstance(operation, keras.layers.Lambda):
        return True
    if isinstance(operation, (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)):
        return False
    many = [weight for weight in getattr(operation, "weights", None) or [] if len(weight.shape) > 1]
    return bool(many) or bool(family(operation)) or _activation(operation) == "softmax"


def _activation(operation: Any) -> str:
    """The name of its activation function, "" without one."""
    inner = operation.layer if isinstance(operation, keras.layers.TimeDistributed) else operation
    function = getattr(inner, "activation", None)
    name = getattr(function, "__name__", type(function).__name__ if function is not None else "").lower()
    if name and name != "linear":
        return name
    kind = type(inner)
    is_one = ".activations." in kind.__module__ or (
        kind.__module__.endswith("ops.nn") and hasattr(keras.activations, kind.__name__.lower())
    )
    return kind.__name__.lower() if is_one and kind is not keras.layers.Activation else ""
