"""The one probe of every live model."""

from __future__ import annotations

import weakref
from typing import Any

import keras

from tswidgets import _validate
from tswidgets.probe.probe import Probe

_probes: weakref.WeakKeyDictionary[keras.Model, Probe] = weakref.WeakKeyDictionary()
_of_any_length: weakref.WeakKeyDictionary[keras.Model, Probe] = weakref.WeakKeyDictionary()


def as_probe(model: keras.Model | Probe, x: Any = None) -> Probe:
    """The one probe of a live model, so that functions called in turn share compiled programs and observations."""
    if isinstance(model, Probe):
        return model
    _validate.keras_model(model, keras)
    if model not in _probes:
        _probes[model] = Probe(model, x)
    return _probes[model]


def of_any_length(probe: Probe) -> Probe:
    """A probe that runs series of any length; the same one where the model declares none."""
    if probe.input_shapes[0][0] is None:
        return probe
    if probe.model not in _of_any_length:
        _of_any_length[probe.model] = Probe(probe.model, any_length=True)
    return _of_any_length[probe.model]
