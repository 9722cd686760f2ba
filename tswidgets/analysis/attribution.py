"""What an attribution is, and what every method of finding one begins and ends with."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.bound import with_sample_axis
from tswidgets.probe import Timeline, as_probe
from tswidgets.probe.axes import longest
from tswidgets.probe.score import Score
from tswidgets.probe.time_axes import lengths_for

Floats = NDArray[np.float32]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each part of a series had to do with one number of a model's answer.

    method : name of the function that made it, `grad_cam`.
    values : ndarray of shape (n_timesteps, n_channels); of the CAM family (n_steps,), on the layer's own axis. Exactly
        0 where a step is padding that the model masks. Of a model with several inputs their own structure of arrays.
    on_input : the same on the input's steps: (n_timesteps, n_channels), or (n_timesteps,) of the CAM family, NaN where
        no step of the layer sees.
    target : what was explained: a class, output step or filter, or a tuple of them; an int ndarray where every sample
        has its own.
    score : the number itself: before a final softmax or sigmoid.
    error : by how much the values miss the change of the score from the baseline, as a share of it; None where the
        method does not promise to add up.
    layer, timeline : of the CAM family, the tap's name and which input steps its steps see; else None.
    absent : bool ndarray of shape (n_timesteps,), True where a step is padding.
    options : the keyword arguments that it was made with.

    Of a batch, `values`, `on_input`, `score`, `error` and `absent` have a leading sample axis.
    """

    method: str
    values: Any
    on_input: Any
    target: Any
    score: Any
    error: Any
    layer: str | None
    timeline: Timeline | None
    absent: NDArray[np.bool_]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        shapes = [np.shape(array) for array in tree.flatten(self.values)]
        return f"Attribution({self.method!r}, {', '.join(map(str, shapes))}, target={self.target!r})"


class Explained:
    """A model, some series, and the number that is to be explained.

    score : what to ask the model; `flat` are its inputs, each with a sample axis.
    """

    def __init__(self, model: Any, x: Any, target: Any, output: int | str) -> None:
        x, self._single = with_sample_axis(model, x)
        self.probe = as_probe(model, x)
        self.score = Score(self.probe, x, target, output)
        self.n_samples = len(self.flat[0])
        whole = [array for array in self.flat if array.dtype.kind == "f"]
        if not all(np.isfinite(array).all() for array in (self.score.at, *whole)):
            _validate.not_finite(self.flat, self.score.at)

    @property
    def flat(self) -> list[NDArray[Any]]:
        return self.score.flat

    @property
    def present(self) -> list[NDArray[np.bool_]]:
        """For every input, which of its steps are no padding: broadcasts to its values."""
        found = []
        for array, absent in zip(self.flat, self.score.absent_of, strict=True):
            across = (1,) * (array.ndim - 2)
            found.append(
                np.ones((1, *array.shape[1:2], *across), bool)
                if absent is None
                else ~absent.reshape(absent.shape + across)
            )
        return found

    def placing(self, tap: str) -> tuple[Timeline, NDArray[np.bool_]]:
        """A tap's timeline on the time axis where it has a place, and which steps of that are padding: a bool ndarray
        of shape (n_samples, n_timesteps)."""
        lengths = lengths_for(self.probe, tap, [array.shape[1:] for array in self.flat])
        timeline, shape = self.probe.timelines(lengths)[tap], (self.n_samples, longest(lengths))
        assert timeline is not None
        there = (one for one, n in zip(self.score.absent_of, lengths, strict=True) if one is not None and n == shape[1])
        return timeline, next(there, np.zeros(shape, bool))

    def answer(
        self,
        method: str,
        values: Sequence[NDArray[Any]],
        *,
        error: NDArray[Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Attribution:
        """The attribution of values that lie on the inputs' own steps, one array for each input."""
        shown = [
            np.where(there, array, 0).astype(np.float32) for array, there in zip(values, self.present, strict=True)
        ]
        packed = self.score.packed(shown)
        return self.made(method, packed, packed, error=error, options=options)

    def made(
        self,
        method: str,
        values: Any,
        on_input: Any,
        *,
        error: NDArray[Any] | None = None,
        layer: str | None = None,
        timeline: Timeline | None = None,
        absent: NDArray[np.bool_] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Attribution:
        """The attribution, of one series if one was given; `absent` if not that of the first time axis."""
        if not all(np.isfinite(array).all() for array in tree.flatten(values)):
            _validate.not_finite_values(method)

        def own(part: Any) -> Any:
            return tree.map_structure(lambda array: array[0], part) if self._single and part is not None else part

        score, target = own(self.score.at), self.score.target
        return Attribution(
            method=method,
            values=own(values),
            on_input=own(on_input),
            target=_plain(target[0]) if self._single and isinstance(target, np.ndarray) else target,
            score=float(score) if self._single else score,
            error=None if error is None else float(error[0]) if self._single else np.asarray(error, np.float32),
            layer=layer,
            timeline=timeline,
            absent=own(self.score.absent if absent is None else absent),
            options=dict(options or {}),
        )


Steps = Generator[tuple[int, int], None, Attribution]
"""Yields (done, total) while it works, and returns the attribution."""
STEPS: dict[str, Callable[..., Generator[tuple[int, int], None, Any]]] = {}
"""What takes a while, as generators: whoever stops drawing stops the work."""


def in_steps(run: Callable[Arguments, Generator[tuple[int, int], None, Result]]) -> Callable[Arguments, Result]:
    """The function that such a generator is: run to its end."""
    STEPS[run.__name__] = run

    @wraps(run)
    def method(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        steps = run(*args, **kwargs)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found: Result = end.value
                return found

    method.__annotations__["return"] = get_args(get_type_hints(run)["return"])[-1].__name__
    return method


def missed(values: Sequence[NDArray[Any]], change: NDArray[Any]) -> NDArray[np.float64]:
    """How far sums over all of each sample are from a change of its score, as a share of it: (n_samples,)."""
    total = np.sum([array.reshape(len(array), -1).sum(axis=1, dtype=np.float64) for array in values], axis=0)
    size = np.abs(np.asarray(change, np.float64))
    return np.abs(total - change) / np.maximum(size, 1e-12)


def _plain(target: Any) -> Any:
    return int(target) if np.ndim(target) == 0 else tuple(int(part) for part in target)
