"""A model and the series that it takes, checked against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tswidgets import _validate
from tswidgets.inputs import SeveralInputs
from tswidgets.probe import Input, Probe, as_probe, declared_inputs, takes_dict
from tswidgets.samples import Samples


def bound(model: Any, X: Any) -> tuple[Probe, Samples]:
    """A probe of the model, and X as samples for it; raises where they do not fit."""
    inputs = declared_inputs(model.model if isinstance(model, Probe) else model)
    if len(inputs) > 1:
        probe = as_probe(model)
        return probe, _several(probe, X, inputs)
    samples = Samples(X, integers=any(one.integers for one in inputs))
    probe = as_probe(model, samples[0][None])
    samples.flat = len(probe.input_shapes[0]) == 1
    _validate.fits_model(samples.lengths, samples.n_channels, probe.input_shapes[0], probe.model.name)
    return probe, samples


def _several(probe: Probe, X: Any, inputs: Sequence[Input]) -> SeveralInputs:
    arrays = _validate.several(X, [one.name for one in inputs], probe.model.name)
    shapes = {one.name: one.shape for one in inputs}
    samples = SeveralInputs(
        arrays,
        flat={name: len(shape) == 1 for name, shape in shapes.items()},
        integers={one.name: one.integers for one in inputs},
        as_list=not takes_dict(probe.model),
    )
    for name, part in samples.parts.items():
        _validate.fits_model(part.lengths, part.n_channels, shapes[name], probe.model.name)
    return samples
