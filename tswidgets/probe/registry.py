"""The one probe of every live model."""

from __future__ import annotations

import weakref
from typing import Any

import keras

from tswidgets import _validate
from tswidgets.probe.probe import Probe

_probes: weakref.WeakKeyDictionary[keras.Model, Probe] = weakref.WeakKeyDictionary()


def as_probe(model: keras.Model | Probe, x: Any = None) -> Probe:
    """The one probe of a live model, so that functions called in turn share compiled programs and observations."""
    if isinstance(model, Probe):
        return model
    _validate.keras_model(model, keras)
    if model not in _probes:
        _probes[model] = Probe(model, x)
    return _probes[model]
