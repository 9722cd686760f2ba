"""One label per time step, in whatever way it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate

Bools = NDArray[np.bool_]


class StepLabels:
    """What a model should answer at each step: a yes or no for each of its outputs.

    y : array of shape (n_samples, n_steps) or (n_samples, n_steps, 1 | n_outputs), or a list of such arrays without the
        sample axis: 0 or 1 for a single output; for several outputs class numbers, one-hot, or a yes or no for each. A
        label that is NaN is unknown, as is a step without any class where the outputs add up to 1.
    outputs : ndarray of shape (n_steps, n_outputs), what the model answers to one sample: classes that add up to 1
        exclude each other.

    exclusive : whether each step has one of several classes; else every output is a yes or no by itself.

    Raises
    ------
    TypeError, ValueError
        If y has another shape, holds no numbers or numbers of another kind.
    """

    def __init__(self, y: Any, n_samples: int, outputs: NDArray[Any]) -> None:
        n_outputs = outputs.shape[-1]
        self._n_outputs = n_outputs
        self._blocks = _validate.step_label_blocks(y, n_samples, n_outputs)
        self._numbered = n_outputs > 1 and self._blocks[0].shape[2] == 1
        most, several, none = 0.0, False, False
        for block in self._blocks:
            known = block[~np.isnan(block)] if block.dtype.kind == "f" else block.ravel()
            if self._numbered:
                _validate.step_classes(known, n_outputs)
                continue
            _validate.yes_or_no(known, n_outputs)
            sums = np.nansum(block, axis=2)[~_unknown(block)]
            several, none = several or bool((sums > 1).any()), none or bool((sums == 0).any())
            most = max(most, float(sums.max(initial=0)))
        adds_up = n_outputs > 1 and bool(np.allclose(outputs.sum(axis=-1), 1, atol=1e-3))
        if several and adds_up:
            _validate.one_class_a_step(most)
        self.exclusive = self._numbered or (n_outputs > 1 and not several and (adds_up or not none))

    def n_steps(self, sample: int) -> int:
        """How many labels a sample has."""
        return int(self._rows(sample).shape[0])

    def of(self, samples: Sequence[int]) -> tuple[Bools, Bools]:
        """Labels of samples of one length: (yes or no, of shape (n, n_steps, n_outputs); known, of shape (n, n_steps)).

        An unknown label is a no everywhere.
        """
        array = self._blocks[0][samples] if len(self._blocks) == 1 else np.stack([self._rows(i) for i in samples])
        known = ~_unknown(array)
        if self._numbered:
            array = _one_hot(array, self._n_outputs)
        yes = (array == 1) & known[..., None]
        return yes, known & yes.any(axis=2) if self.exclusive else known

    def _rows(self, sample: int) -> NDArray[Any]:
        """(n_steps, 1 | n_outputs)"""
        rows: NDArray[Any] = self._blocks[0][sample] if len(self._blocks) == 1 else self._blocks[sample][0]
        return rows


def _unknown(labels: NDArray[Any]) -> Bools:
    """(n_samples, n_steps) of labels of shape (n_samples, n_steps, …)."""
    return np.isnan(labels).any(axis=2) if labels.dtype.kind == "f" else np.zeros(labels.shape[:2], bool)


def _one_hot(numbers: NDArray[Any], n_outputs: int) -> NDArray[Any]:
    """Class numbers of shape (n_samples, n_steps, 1) as a yes or no for each class; of NaN a no."""
    hot: NDArray[Any] = numbers == np.arange(n_outputs)
    return hot
