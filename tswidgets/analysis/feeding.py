"""Series in batches, however many there are: of what lies on a disk only one batch is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import keras
import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets._validate.statistics import another_batch, no_batches, no_samples
from tswidgets.analysis.bound import bound
from tswidgets.analysis.undeclared import several_inputs
from tswidgets.probe import Probe, declared_inputs
from tswidgets.probe.batches import bytes_per_row, rows_at_once
from tswidgets.probe.inputs import arranged, names
from tswidgets.samples import Samples

AT_ONCE = 32 * 2**20  # bytes that a model's layers may take for a batch, if nobody says how many samples it has
MOST = 1024  # samples of such a batch
Batch = tuple[Any, NDArray[np.int64], int]
"""What the model takes, in its own structure; the samples' numbers in X; how many of them are real and fill not up."""


class Feed:
    """X, batch by batch.

    probe : of the model.
    first : one sample as the model takes it.
    parts : batches of any size, with the numbers of their samples in X; without any they are counted.
    n_samples : how many samples X has; None of an iterable of batches, which is read once.
    """

    def __init__(
        self,
        probe: Probe,
        first: Any,
        parts: Iterable[tuple[Any, NDArray[np.int64] | None]],
        n_samples: int | None,
        size: int | None = None,
    ) -> None:
        self.probe, self.n_samples = probe, n_samples
        self._first, self._parts, self._size, self._n_read = first, parts, size, 0

    @property
    def input_names(self) -> list[str]:
        """What the model's inputs are called, flat; one without a name is ""."""
        return names(self.probe.model, self._first)

    @property
    def words(self) -> list[str]:
        """What an entry of the last axis of each input is called."""
        kinds = [(array.dtype.kind, array.ndim) for array in tree.flatten(self._first)]
        return ["token" if kind in "iu" else "channel" if rank > 2 else "feature" for kind, rank in kinds]

    def __iter__(self) -> Iterator[Batch]:
        exactly = self.probe.batch_size
        for whole, given in self._parts:
            flat = tree.flatten(whole)
            n_rows = _validate.n_samples([len(array) for array in flat])
            numbers = np.arange(self._n_read, self._n_read + n_rows) if given is None else given
            self._n_read += n_rows
            size = exactly or min(n_rows, self._size or _rows(self.probe, whole))
            for start in range(0, n_rows, size):
                rows = np.arange(start, min(start + size, n_rows))
                filled = rows if exactly is None else np.resize(rows, exactly)
                part = slice(start, start + size) if len(filled) == len(rows) else filled
                yield tree.map_structure(lambda array, part=part: array[part], whole), numbers[filled], len(rows)


def feed(model: Any, X: Any, batch_size: int | None) -> Feed:
    """X of any kind, checked against the model; raises where they do not fit."""
    size = None if batch_size is None else _validate.at_least(batch_size, 1, "batch_size")
    inner = model.model if isinstance(model, Probe) else model
    _validate.keras_model(inner, keras)
    if _is_whole(X) and not _is_sliced(model, X):
        probe, samples = bound(model, X)
        return feed_of(probe, samples, samples.batches(), size)
    n_samples = None
    if _is_whole(X):
        named = dict(X) if isinstance(X, Mapping) else dict(enumerate(tree.flatten(X)))
        counts = {str(name): len(array) for name, array in named.items()}
        _validate.same_number(counts)
        n_samples = next(iter(counts.values()))
        head = tree.map_structure(lambda array: array[:1], X)
    else:
        batches = _batches(X, n_inputs=len(declared_inputs(inner)))
        head = next(batches, None)
        if head is None:
            no_samples("an iterable without a batch")
    with np.errstate(over="ignore"):
        probe, samples = bound(model, tree.map_structure(lambda array: _readable(inner, array), head))
        first = samples.take([0])
    if n_samples is None:
        parts: Iterator[Any] = chain([head], batches)
    else:
        parts = _slices(X, n_samples, probe.batch_size or size or _rows(probe, first))
    return Feed(probe, first, ((_ready(probe, first, part), None) for part in parts), n_samples, size)


def feed_of(
    probe: Probe, samples: Samples, groups: Sequence[Sequence[int]], size: int | None, at_once: int = AT_ONCE
) -> Feed:
    """Some samples, in groups of those that are as long as each other, not too many at a time."""

    def parts() -> Iterator[tuple[Any, NDArray[np.int64]]]:
        for group in groups:
            most = probe.batch_size or size or _rows(probe, samples.take(group[:1]), at_once)
            for start in range(0, len(group), most):
                some = list(group[start : start + most])
                yield taken(some), np.array(some)

    def taken(some: Sequence[int]) -> Any:
        with np.errstate(over="ignore"):  # beyond float32
            return samples.take(some)

    return Feed(probe, taken(groups[0][:1]), parts(), sum(map(len, groups)), size)


def _rows(probe: Probe, x: Any, at_once: int = AT_ONCE) -> int:
    return min(rows_at_once(bytes_per_row(probe.taps, tree.flatten(x)), at_once), MOST)


def _slices(X: Any, n_samples: int, size: int) -> Iterator[Any]:
    for start in range(0, n_samples, size):
        yield tree.map_structure(lambda array, start=start: array[start : start + size], X)


def _readable(model: keras.Model, array: Any) -> NDArray[Any]:
    """Whole numbers are measurements, too, where a model reads no tokens; it is given float32 anyhow."""
    tokens = any(one.integers for one in declared_inputs(model))
    found = np.asarray(array)
    return found if tokens or found.dtype.kind not in "iub" or found.ndim < 2 else found.astype(np.float32)


def _ready(probe: Probe, first: Any, part: Any) -> Any:
    """A batch as the model takes it: with the axes and the kind of numbers of the first."""
    arrays = tree.map_structure(np.asarray, arranged(probe.model, part))
    flat, known = tree.flatten(arrays), tree.flatten(first)
    fitting = [_fitted(array, like) for array, like in zip(flat, known, strict=False)]
    if len(flat) != len(known) or any(array is None for array in fitting):
        another_batch([array.shape for array in flat], [array.shape for array in known])
    whole = tree.pack_sequence_as(first, fitting)
    probe.checked(whole)
    return whole


def _fitted(array: NDArray[Any], like: NDArray[Any]) -> NDArray[Any] | None:
    """With as many axes: a single channel may be without one of its own."""
    if array.ndim == like.ndim - 1 and like.shape[-1] == 1:
        array = array[..., None]
    elif array.ndim == like.ndim + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != like.ndim or array.dtype.kind not in "fiub":
        return None
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite for the model, and counted as such
        return array.astype(like.dtype, copy=False)


def _is_whole(X: Any) -> bool:
    """Whether X is all samples, and not an iterable of batches."""
    return isinstance(X, (list, tuple, Mapping)) or _is_array(X)


def _is_array(X: Any) -> bool:
    return hasattr(X, "shape") and hasattr(X, "__getitem__")


def _is_sliced(model: Any, X: Any) -> bool:
    """Whether X is an array, or one for each input, of which a part can be read without the rest."""
    if _is_array(X):
        return getattr(X, "dtype", None) != np.dtype(object)
    parts = list(X.values()) if isinstance(X, Mapping) else list(X)
    if not parts or not all(_is_array(part) for part in parts):
        return False
    inner = model.model if isinstance(model, Probe) else model
    return isinstance(X, Mapping) or len(declared_inputs(inner)) > 1 or bool(several_inputs(model, X))


def _batches(X: Any, n_inputs: int) -> Iterator[Any]:
    """The batches of a generator, a tf.data.Dataset, a PyDataset or a DataLoader; of (x, y) and (x, y, weights) the x.

    A list is one array for each input, unless the model takes but one, as of a DataLoader of PyTorch.
    """
    if isinstance(X, keras.utils.PyDataset):
        found: Iterable[Any] = (X[number] for number in range(X.num_batches or 0))
    elif isinstance(X, Iterable) and not isinstance(X, (str, bytes)):
        found = X
    else:
        no_batches(X)
    for batch in found:
        with_labels = isinstance(batch, tuple) or (isinstance(batch, list) and n_inputs == 1)
        yield batch[0] if with_labels else batch
