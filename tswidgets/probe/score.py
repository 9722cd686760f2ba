"""One number of a model's answer: what it is for some series and for variants of them, and its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe import axes, tasks
from tswidgets.probe.dependence import leading_to
from tswidgets.probe.differentiation import output_number
from tswidgets.probe.inputs import arranged
from tswidgets.probe.probe import Probe
from tswidgets.probe.targets import How, indices, picked
from tswidgets.probe.targets import Target as Target

Floats = NDArray[np.float32]


class Slopes(NamedTuple):
    """Gradients of some scores.

    by : one array for each input, or a list of one for a tap; (n_rows, …).
    point : the tap's values, and `mask` tells which of its steps are no padding; None where there is none.
    """

    score: Floats
    by: list[Floats]
    point: Floats | None
    mask: NDArray[np.bool_] | None


class Score:
    """The number that an attribution explains, chosen once for a batch of series.

    Steps that the model masks as padding stay masked, and no others are, whatever a variant holds there: the masks are
    those of the series themselves. Masks that a model computes in code of its own, without Keras, are not known.

    flat : the inputs as a list of arrays, (n_samples, …) each.
    answers : the output's logits or the tap's numbers, (n_samples, …).
    target : what was chosen, the same for all samples; or an int ndarray of shape (n_samples,) or (n_samples, n_axes).
    absent : bool ndarray of shape (n_samples, n_timesteps), True where a step is padding; `absent_of` has the same for
        every input, None where nothing is masked.
    """

    def __init__(self, probe: Probe, x: Any, target: Target, output: int | str) -> None:
        self.probe = probe
        self._x = arranged(probe.model, x)
        self._of = probe.tap_name(output) if isinstance(output, str) else output_number(probe, output)
        self.flat = probe.checked(self._x)
        self.lengths = axes.of(self.flat)
        padding = probe.padding_tap(self.lengths)
        task = tasks.asking(self._of, padding)
        self.answers, mask, own, held = probe.compute(self._x, ("ask", self._of, padding), task)
        self._masks = {name: mask for name, mask in held.items() if len(mask) == len(self.flat[0])}
        shape = self.answers.shape[1:]
        self._rows, self._how = indices(target, shape, len(self.flat[0]))
        if target is None and shape:
            self._rows[:, 0] = self.answers.reshape(*self.answers.shape[:2], -1)[..., 0].argmax(axis=1)
            self._how = ("index", *self._how[1:])
        self.target = _told(target, self._rows, self._how, shape)
        self.absent_of = [None if mask is None else ~mask for mask in (own if len(own) > 1 else [mask])]
        shape = len(self.flat[0]), axes.longest(self.lengths)
        first = next((one for one in self.absent_of if one is not None and one.shape == shape), None)
        self.absent = np.zeros(shape, bool) if first is None else first

    @cached_property
    def at(self) -> Floats:
        """ndarray of shape (n_samples,), the score of the series as they are."""
        found: Floats = picked(self.answers, self._rows, self._how).astype(np.float32)
        return found

    @cached_property
    def leading(self) -> set[str]:
        """Names of the taps that the score depends on; of a model that runs step by step all taps."""
        one = tree.map_structure(lambda array: array[:1], self._x)
        found = self.probe.compute(one, ("leading", self._of), leading_to(self._of))
        return {name for name, there in found.items() if there.all()}

    def with_values(self, tap: str, values: Floats) -> Floats:
        """Scores of the series if a tap had these values, (n_samples, …)."""
        task = tasks.holding(tasks.scoring(self._of, self._how, tap), self._sources)
        key = "score with", tap, self._of, self._how, tuple(self._sources)
        rows, *masks = self._arguments(np.arange(len(self.flat[0])))
        found: Floats = self.probe.compute(self._x, key, task, rows, values, *masks)
        return found

    def of(self, variants: Sequence[NDArray[Any]], samples: NDArray[Any]) -> Floats:
        """Scores of variants of the series: flat inputs of n_variants rows, each a variant of the sample named."""
        task = tasks.holding(tasks.scoring(self._of, self._how), self._sources)
        key = "score", self._of, self._how, tuple(self._sources)
        flat, samples, at = self._in_place(variants, samples)
        found: Floats = self.probe.compute(self.packed(flat), key, task, *self._arguments(samples))
        return found[at]

    def gradient(
        self,
        variants: Sequence[NDArray[Any]] | None = None,
        samples: NDArray[Any] | None = None,
        wrt: str | None = None,
        rule: str = "gradient",
        targets: NDArray[Any] | None = None,
    ) -> Slopes:
        """The gradients by each input, or by tap `wrt`, of the series or of variants.

        targets : an index along every axis for every variant, (n_variants, n_axes), where they are not to share that of
            their sample; for a score whose target is an array.

        Raises
        ------
        ValueError
            If nothing that can be differentiated leads from there to the score, or if an input is of whole numbers.
        """
        flat = self.flat if variants is None else variants
        samples = np.arange(len(self.flat[0])) if samples is None else samples
        whole = next((array for array in self.flat if array.dtype.kind not in "f"), None)
        if wrt is None and whole is not None:
            _validate.no_gradient(whole.dtype)
        task = tasks.holding(tasks.differentiating(wrt, self._of, self._how, wrt, rule), self._sources)
        key = "explain", wrt, self._of, self._how, rule, tuple(self._sources)
        rows = self._rows[samples] if targets is None else targets.astype(np.int32)
        (*flat, rows), samples, at = self._in_place([*flat, rows], samples)
        arguments = [rows, *self._held(samples)]
        score, gradient, mask, point, path = (
            self.probe.run(self.packed(flat), key, task, *arguments)  # halves of one batch are no good in pieces
            if rule == "rescale"
            else self.probe.compute(self.packed(flat), key, task, *arguments, of=[wrt or ""])
        )
        if not path.all():
            _validate.not_differentiable(wrt, self._named)
        by = [one[at] for one in tree.flatten(gradient)]
        return Slopes(score[at], by, None if point is None else point[at], None if mask is None else mask[at])

    @property
    def _named(self) -> str:
        return self._of if isinstance(self._of, str) else self.probe.model.name

    @property
    def _sources(self) -> list[str]:
        return list(self._masks)

    def _in_place(
        self, variants: Sequence[NDArray[Any]], samples: NDArray[Any]
    ) -> tuple[list[NDArray[Any]], NDArray[Any], Any]:
        """(rows to run, the sample of each, where the variants are among them).

        A model that is built for a batch size may keep a state for each row: a variant runs in the row of its sample.
        """
        size = self.probe.batch_size
        if size is None:
            return list(variants), samples, slice(None)
        rows = samples % size
        turns = np.array([np.count_nonzero(rows[:i] == row) for i, row in enumerate(rows)])
        at = turns * size + rows
        index = np.zeros((turns.max() + 1) * size, np.int64)
        index[at] = np.arange(len(samples))
        return [array[index] for array in variants], samples[index], at

    def _arguments(self, samples: NDArray[Any]) -> list[NDArray[Any]]:
        return [self._rows[samples], *self._held(samples)]

    def _held(self, samples: NDArray[Any]) -> list[NDArray[Any]]:
        return [self._masks[name][samples] for name in self._sources]

    def packed(self, flat: Sequence[Any]) -> Any:
        """A list of one thing for each input, in the model's own structure."""
        return tree.pack_sequence_as(tree.map_structure(lambda _: 0, self._x), list(flat))


def _told(target: Target, rows: NDArray[Any], how: Sequence[How], shape: Sequence[int]) -> Any:
    """The target as a user would write it: an int where one axis is to choose from, else a tuple."""
    used = max([i + 1 for i, n in enumerate(shape) if n != 1], default=1)
    if target is None or isinstance(target, np.ndarray):
        return rows[:, 0] if used == 1 else rows[:, :used]
    parts = tuple(None if way == "mean" else int(row) for way, row in zip(how, rows[0], strict=True))[:used]
    return parts[0] if len(parts) == 1 else parts
