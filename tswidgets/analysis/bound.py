"""A model and the series that it takes, checked against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.undeclared import several_inputs
from tswidgets.inputs import SeveralInputs
from tswidgets.probe import Input, Probe, as_probe, declared_inputs, takes_dict
from tswidgets.probe.axes import STATIC
from tswidgets.probe.inputs import arranged
from tswidgets.probe.time_axes import time_axes
from tswidgets.samples import Samples


def bound(model: Any, X: Any) -> tuple[Probe, Samples]:
    """A probe of the model, and X as samples for it; raises where they do not fit."""
    inputs = declared_inputs(model.model if isinstance(model, Probe) else model)
    if len(inputs) > 1:
        return _declared(as_probe(model), X, inputs)
    if not inputs and (given := several_inputs(model, X)):
        return _undeclared(model, X, given)
    samples = Samples(X, integers=any(one.integers for one in inputs))
    probe = as_probe(model, samples.batch(0)) if inputs else _taking(model, samples.batch(0))
    samples.flat = len(probe.input_shapes[0]) == 1
    _validate.fits_model(samples.lengths, samples.step_shape, probe.input_shapes[0], probe.model.name)
    return probe, samples


def _declared(probe: Probe, X: Any, inputs: Sequence[Input]) -> tuple[Probe, SeveralInputs]:
    arrays = _validate.several(X, [one.name for one in inputs], probe.model.name)
    samples = _several(arrays, inputs, as_list=not takes_dict(probe.model), apart=_apart(probe, inputs))
    for one in inputs:
        part = samples.parts[one.name]
        _validate.fits_model(part.lengths, part.step_shape, one.shape, probe.model.name)
    return probe, samples


def _undeclared(model: Any, X: Any, inputs: Sequence[Input]) -> tuple[Probe, SeveralInputs]:
    """Of a model that declares no inputs, X being one array for each of them."""
    as_list = not isinstance(X, Mapping)
    arrays = dict(zip([one.name for one in inputs], X if as_list else X.values(), strict=True))
    samples = _several(arrays, inputs, as_list=as_list)
    probe = _taking(model, samples.batch(0))
    flat = inputs if as_list else sorted(inputs, key=lambda one: one.name)
    steps = [samples.parts[one.name].lengths[0] if len(one.shape) > 1 else STATIC for one in flat]
    apart = [{flat[number].name for number in axis} for axis in time_axes(probe, steps)]
    return probe, _several(arrays, inputs, as_list=as_list, apart=apart)


def _taking(model: Any, batch: Any) -> Probe:
    """A probe of a model that declares no inputs, made from one sample."""
    try:
        return as_probe(model, batch)
    except _validate.Refusal:
        raise
    except Exception as error:  # of whatever kind the model's own code raises
        _validate.refused(model.name, [np.shape(array) for array in tree.flatten(batch)], error)


def _several(
    arrays: dict[str, Any], inputs: Sequence[Input], *, as_list: bool, apart: Sequence[set[str]] = ()
) -> SeveralInputs:
    return SeveralInputs(
        arrays,
        flat={one.name: len(one.shape) == 1 for one in inputs},
        integers={one.name: one.integers for one in inputs},
        as_list=as_list,
        apart=apart,
    )


def axis_of(probe: Probe, samples: Samples, layer: str) -> int:
    """Number of the time axis on which a tap's steps have a place; of one without steps the first that it sees."""
    timed = next((tap.time_axis is not None for tap in probe.taps if tap.name == layer), False)
    for axis in range(samples.n_axes if samples.n_axes > 1 else 0):
        timeline = probe.timelines(samples.on(axis).lengths_of(0)).get(layer)
        if timeline is not None and (timeline.has_place if timed else bool((timeline.lo <= timeline.hi).any())):
            return axis
    return 0


def axis_of_output(probe: Probe, samples: Samples, shape: Sequence[int | None], output: int = 0) -> int:
    """Number of the time axis that an output of this shape, without the sample axis, is on."""
    name = probe.output_names[output]
    if name or samples.n_axes == 1 or len(shape) < 2:
        return axis_of(probe, samples, name)
    fitting = [axis for axis in range(samples.n_axes) if samples.on(axis).lengths[0] == shape[0]]
    return fitting[0] if len(fitting) == 1 else 0


def _apart(probe: Probe, inputs: Sequence[Input]) -> list[set[str]]:
    """Names of the inputs on each time axis, as far as the layers tell."""
    names = [one.name for one in as_flattened(probe.model, inputs)]
    known = next((shape[0] for shape in probe.input_shapes if len(shape) > 1 and shape[0]), probe.described_length)
    steps = [(shape[0] or known) if len(shape) > 1 else STATIC for shape in probe.input_shapes]
    return [{names[number] for number in axis} for axis in time_axes(probe, steps)]


def with_sample_axis(model: Any, x: Any) -> tuple[Any, bool]:
    """x as a batch of arrays, floating-point numbers as float32; and whether it was a single series."""
    inner = model.model if isinstance(model, Probe) else model
    inputs = declared_inputs(inner)
    several = tree.is_nested(x) and not _is_rows(x, len(inputs))
    if several and len(inputs) == 1:
        _validate.one_array(x)
    arrays = tree.map_structure(np.asarray, arranged(inner, x)) if several else np.asarray(x)
    flat = tree.flatten(arrays)
    ranks = [len(shape) for shape in model.input_shapes] if isinstance(model, Probe) else []
    ranks = ranks or [len(one.shape) for one in as_flattened(inner, inputs)] or _ranks(flat)
    if len(ranks) != len(flat):
        _validate.batch([array.shape for array in flat], [(None,) * rank for rank in ranks], inner.name)
    first, rank = flat[0], ranks[0]
    if first.ndim not in (rank, rank + 1):
        _validate.one_or_a_batch(first.shape, rank)
    single = first.ndim == rank
    integers = any(one.integers for one in inputs)

    def ready(array: NDArray[Any]) -> NDArray[Any]:
        array = array[None] if single else array
        if array.dtype.kind not in "fiub":
            _validate.no_numbers(array.dtype)
        return array if integers and array.dtype.kind in "iu" else array.astype(np.float32, copy=False)

    batch = tree.map_structure(ready, arrays)
    _validate.n_samples([len(array) for array in tree.flatten(batch)])
    return batch, single


def _ranks(arrays: list[NDArray[Any]]) -> list[int]:
    """Axes of a sample of each input, of a model that does not say: one with three is a batch of series."""
    if len(arrays) == 1:
        return [2]
    batch = max(array.ndim for array in arrays) > 2
    return [array.ndim - batch for array in arrays]


def as_flattened(model: Any, inputs: Sequence[Input]) -> list[Input]:
    """What a model declares, in the order in which its inputs are flattened: a dict by name."""
    return sorted(inputs, key=lambda one: one.name) if takes_dict(model) else list(inputs)


def _is_rows(x: Any, n_inputs: int) -> bool:
    """Whether a list is one array written as lists, rather than several inputs."""
    return isinstance(x, (list, tuple)) and n_inputs < 2 and not all(hasattr(part, "shape") for part in x)
