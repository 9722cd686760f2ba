"""What a model would answer if a layer had returned something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe import batches, tasks
from tswidgets.probe.inputs import arranged

if TYPE_CHECKING:
    from tswidgets.probe.probe import Probe

Edit = Any | Callable[[NDArray[Any]], Any]
"""An array that broadcasts to a tap's values, or a function from these values to such an array."""

CHUNK = 8 * 2**20  # bytes that the layers behind the tap take at a time: more falls out of the processor's cache


def replace(probe: Probe, x: Any, tap: str, value: Edit | Iterable[Edit]) -> Any:
    edits, single = _listed(value, len(_shape(probe, tap)) + 1)
    parts = list(replacing(probe, x, tap, edits))
    if not parts:
        _validate.no_edits()
    result = batches.joined(parts)
    return tree.map_structure(lambda array: array[0], result) if single else result


def replacing(probe: Probe, x: Any, tap: str, values: Iterable[Edit]) -> Iterator[Any]:
    """The outputs for some edits at a time: as many as fit into `CHUNK`, drawn when they are needed."""
    x = arranged(probe.model, x)
    edits, _ = _listed(values, len(_shape(probe, tap)) + 1)
    observation = probe.observe(x, [tap])
    if tap not in observation:
        _validate.not_reached(tap)
    return _replacing(probe, x, tap, edits, observation[tap])


def _replacing(probe: Probe, x: Any, tap: str, edits: Iterable[Edit], values: NDArray[Any]) -> Iterator[Any]:
    structure, flat = x, probe.checked(x)
    n_samples = len(values)
    at_once = batches.rows_at_once(batches.bytes_per_row(probe.taps, flat, after=tap), CHUNK)
    alone = bool(probe.eager_because) or probe.batch_size is not None  # what the model does may depend on the batch
    size = 1 if alone else max(at_once // n_samples, 1)
    one_by_one = iter(edits)
    while edited := [_made(edit, values, tap) for edit in islice(one_by_one, size)]:
        repeated = [np.broadcast_to(array, (len(edited), *array.shape)).reshape(-1, *array.shape[1:]) for array in flat]
        x = tree.pack_sequence_as(tree.map_structure(lambda _: 0, structure), repeated)
        stacked = edited[0] if len(edited) == 1 else np.concatenate(edited)
        answers = probe.compute(x, ("replace", tap), tasks.replacing(tap), stacked)
        shape = len(edited), n_samples
        yield tree.map_structure(lambda array, shape=shape: array.reshape(*shape, *array.shape[1:]), answers)


def removing(probe: Probe, x: Any, tap: str, removed: Iterable[Sequence[int]], fill: NDArray[Any]) -> Iterator[Any]:
    """The outputs without some filters of a tap, for several sets of them; pieces as of `replacing`.

    fill : array that broadcasts to the tap's values, what takes the place of the removed filters.
    """
    x = arranged(probe.model, x)
    observation = probe.observe(x, [tap])
    if tap not in observation:
        _validate.not_reached(tap)
    values = np.asarray(observation[tap], np.float32)
    fill = np.broadcast_to(np.asarray(fill, np.float32), values.shape)
    if probe.eager_because or probe.batch_size is not None:  # what the model does may depend on the batch
        return replacing(probe, x, tap, (_without(filters, fill) for filters in removed))
    return _removing(probe, x, tap, removed, values, fill)


def _removing(
    probe: Probe, x: Any, tap: str, removed: Iterable[Sequence[int]], values: NDArray[Any], fill: NDArray[Any]
) -> Iterator[Any]:
    flat, n_samples = probe.checked(x), len(values)
    at_once = batches.rows_at_once(batches.bytes_per_row(probe.taps, flat, after=tap), CHUNK)
    one_by_one = iter(removed)
    while sets := list(islice(one_by_one, max(at_once // n_samples, 1))):
        keep = np.ones((len(sets), values.shape[-1]), bool)
        for row, filters in zip(keep, sets, strict=True):
            row[list(filters)] = False
        answers = probe.run(x, ("remove", tap), tasks.removing(tap), values, fill, keep)
        shape = len(sets), n_samples
        yield tree.map_structure(lambda array, shape=shape: array.reshape(*shape, *array.shape[1:]), answers)


def _without(filters: Sequence[int], fill: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def edit(values: NDArray[Any]) -> NDArray[Any]:
        for i in filters:
            values[..., i] = fill[..., i]
        return values

    return edit


def _shape(probe: Probe, tap: str) -> tuple[int | None, ...]:
    name = probe.tap_name(tap)
    return next(one.shape for one in probe.taps if one.name == name)


def _listed(value: Edit | Iterable[Edit], rank: int) -> tuple[Iterable[Edit], bool]:
    """(edits, whether there is but one); an array with one axis more than the tap's values is one edit per row."""
    if callable(value):
        return [value], True
    parts = value if isinstance(value, (list, tuple)) else [0]
    several = not parts or any(callable(one) or isinstance(one, np.ndarray) for one in parts)
    if several or isinstance(value, Iterator) or (isinstance(value, Iterable) and not _is_array(value)):
        return value, False
    array = np.asarray(value)
    return (array, False) if array.ndim == rank + 1 else ([array], True)


def _is_array(value: Any) -> bool:
    return isinstance(value, (list, tuple, str, bytes)) or hasattr(value, "shape")


def _made(edit: Edit, values: NDArray[Any], tap: str) -> NDArray[np.float32]:
    """The edited values, of the same shape as `values`."""
    if callable(edit):
        edit = edit(values.copy())  # it may write into what it is given
    array = np.asarray(edit)
    if array.dtype.kind not in "fiub":
        _validate.no_replacement(tap, values.shape, f"dtype {array.dtype}")
    try:
        return np.broadcast_to(array, values.shape).astype(np.float32, copy=False)
    except ValueError:
        _validate.no_replacement(tap, values.shape, f"shape {array.shape}")
