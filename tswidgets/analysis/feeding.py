"""Series in batches, however many there are: of what lies on a disk only one batch is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import keras
import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.bound import bound
from tswidgets.analysis.undeclared import several_inputs
from tswidgets.probe import Probe, declared_inputs
from tswidgets.probe.batches import bytes_per_row, rows_at_once
from tswidgets.probe.inputs import arranged, names

AT_ONCE = 32 * 2**20  # bytes that a model's layers may take for a batch, if nobody says how many samples it has
MOST = 1024  # samples of such a batch
Batch = tuple[Any, NDArray[np.int64], int]
"""What the model takes, in its own structure; the samples' numbers in X; how many of them are real and fill not up."""


class Feed:
    """X, batch by batch.

    probe : of the model.
    n_samples : how many samples X has; None of an iterable of batches, which is read once.
    """

    def __init__(self, model: Any, X: Any, batch_size: int | None) -> None:
        self._size = None if batch_size is None else _validate.at_least(batch_size, 1, "batch_size")
        inner = model.model if isinstance(model, Probe) else model
        _validate.keras_model(inner, keras)
        self._n_read = 0
        self.n_samples: int | None = None
        if not _is_whole(X):
            parts = _batches(X, n_inputs=len(declared_inputs(inner)))
            head = next(parts, None)
            if head is None:
                _validate.no_samples("an iterable without a batch")
            self._parts: Iterator[Any] = chain([head], parts)
        elif _is_sliced(model, X):
            named = dict(X) if isinstance(X, Mapping) else dict(enumerate(tree.flatten(X)))
            counts = {str(name): len(array) for name, array in named.items()}
            _validate.same_number(counts)
            self.n_samples = next(iter(counts.values()))
            head, self._parts = tree.map_structure(lambda array: array[:1], X), self._slices(X)
        else:
            self.probe, samples = bound(model, X)
            self.n_samples = len(samples)
            numbers = samples.batches()
            self._first = samples.take(numbers[0][:1])
            self._numbered = ((samples.take(some), np.array(some)) for some in self._cut(numbers, samples))
            return
        with np.errstate(over="ignore"):
            self.probe, samples = bound(model, tree.map_structure(lambda array: self._readable(inner, array), head))
        self._first = samples.take([0])
        self._numbered = ((self._ready(part), np.arange(0)) for part in self._parts)

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
        for whole, given in self._numbered:
            flat = tree.flatten(whole)
            n_rows = _validate.n_samples([len(array) for array in flat])
            numbers = given if len(given) else np.arange(self._n_read, self._n_read + n_rows)
            self._n_read += n_rows
            size = exactly or min(n_rows, self._size or self._rows(flat))
            for start in range(0, n_rows, size):
                rows = np.arange(start, min(start + size, n_rows))
                filled = rows if exactly is None else np.resize(rows, exactly)
                part = slice(start, start + size) if len(filled) == len(rows) else filled
                yield tree.map_structure(lambda array, part=part: array[part], whole), numbers[filled], len(rows)

    def _rows(self, flat: list[NDArray[Any]]) -> int:
        return min(rows_at_once(bytes_per_row(self.probe.taps, flat), AT_ONCE), MOST)

    def _slices(self, X: Any) -> Iterator[Any]:
        size = self.probe.batch_size or self._size or self._rows(tree.flatten(self._first))
        for start in range(0, self.n_samples or 0, size):
            yield tree.map_structure(lambda array, start=start: array[start : start + size], X)

    def _cut(self, groups: list[list[int]], samples: Any) -> Iterator[list[int]]:
        """Indices of samples that are as long as each other, not too many at a time."""
        for group in groups:
            size = self.probe.batch_size or self._size or self._rows(tree.flatten(samples.take(group[:1])))
            yield from (group[start : start + size] for start in range(0, len(group), size))

    def _readable(self, model: keras.Model, array: Any) -> NDArray[Any]:
        """Whole numbers are measurements, too, where a model reads no tokens; it is given float32 anyhow."""
        tokens = any(one.integers for one in declared_inputs(model))
        found = np.asarray(array)
        return found if tokens or found.dtype.kind not in "iub" or found.ndim < 2 else found.astype(np.float32)

    def _ready(self, part: Any) -> Any:
        """A batch as the model takes it: with the axes and the kind of numbers of the first."""
        arrays = tree.map_structure(np.asarray, arranged(self.probe.model, part))
        flat, first = tree.flatten(arrays), tree.flatten(self._first)
        fitting = [_fitted(array, like) for array, like in zip(flat, first, strict=False)]
        if len(flat) != len(first) or any(array is None for array in fitting):
            _validate.another_batch([array.shape for array in flat], [array.shape for array in first])
        whole = tree.pack_sequence_as(self._first, fitting)
        self.probe.checked(whole)
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
        _validate.no_batches(X)
    for batch in found:
        with_labels = isinstance(batch, tuple) or (isinstance(batch, list) and n_inputs == 1)
        yield batch[0] if with_labels else batch
