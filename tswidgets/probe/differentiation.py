"""The gradient of one number of a model's output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras import tree

from tswidgets import _validate
from tswidgets.probe import axes, tasks
from tswidgets.probe.inputs import arranged
from tswidgets.probe.observation import Gradient
from tswidgets.probe.targets import Target, indices

if TYPE_CHECKING:
    from tswidgets.probe.probe import Probe


def gradient(probe: Probe, x: Any, target: Target, wrt: str, output: int | str) -> Gradient:
    by = None if wrt == "input" else probe.tap_name(wrt)
    of = probe.tap_name(output) if isinstance(output, str) else output_number(probe, output)
    x = arranged(probe.model, x)
    flat = probe.checked(x)
    whole = next((array for array in flat if array.dtype.kind not in "f"), None)
    if by is None and whole is not None:
        _validate.no_gradient(whole.dtype)
    n_samples = len(flat[0])
    rows, how = indices(target, shape_of(probe, x, of), n_samples)
    masked = by if by is not None else probe.padding_tap(axes.of(flat))
    score, values, mask, _, _ = probe.compute(
        x, ("gradient", by, of, how, masked), tasks.differentiating(by, of, how, masked), rows, of=[by or ""]
    )
    if by is None:
        values = tree.pack_sequence_as(tree.map_structure(lambda _: 0, x), values)
    return Gradient(values, score, None if mask is None else ~mask)


def output_number(probe: Probe, number: int) -> int:
    return _validate.index(number, len(probe.output_shapes), "output", f"model {probe.model.name!r}")


def shape_of(probe: Probe, x: Any, of: int | str) -> tuple[int, ...]:
    """Shape of an output or tap without the batch axis."""
    declared = (
        next(tap.shape for tap in probe.taps if tap.name == of) if isinstance(of, str) else probe.output_shapes[of]
    )
    if None not in declared and probe.fits(probe.checked(x)):
        return tuple(int(n or 0) for n in declared)
    values: Any = probe.observe(x, [of])[of] if isinstance(of, str) else tree.flatten(probe.logits(x))[of]
    return tuple(values.shape[1:])
