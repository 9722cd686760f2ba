"""One number of a model's answer as a function of series, which are to make it as large as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.likeness import Likeness, Neighbours
from tswidgets.analysis.undeclared import several_inputs
from tswidgets.probe import Gradient, Probe, as_probe, axes, declared_inputs
from tswidgets.probe.intercept import Call, mask_of
from tswidgets.probe.targets import Target
from tswidgets.samples import Samples

MOST_STEPS = 500_000  # of real series that are looked at
REDRAWN = 8  # times that a start is drawn anew where the gradient is 0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NearestSample:
    """The real series that is most like an optimised one.

    index : of the sample in X.
    shift : by how many steps it has to be moved to lie on the other, later if positive.
    distance : 1 minus the cosine of the angle between both at that shift, where it is smallest; 0 is the same but for
        its size, 1 unrelated, 2 the opposite. See `Neighbours`.
    score : what the model gives the real series as it is; NaN if it has no step that the target names.
    """

    index: int
    shift: int
    distance: float
    score: float


class Objective:
    """A class, an output step or a filter of a model, for inputs in deviations from the mean of real series.

    target : what was asked for, with the only number there is in the place of None.
    layer : the tap that it is a number of; None for the output.
    likeness : what real series are like.
    n_timesteps : length of the inputs.
    """

    def __init__(
        self, model: Any, target: Any, layer: str | None, X: Any, n_timesteps: int | None, bounds: Any, output: int
    ) -> None:
        inner = model.model if isinstance(model, Probe) else model
        _validate.one_input_of_numbers(declared_inputs(inner) or several_inputs(model, X), getattr(inner, "name", ""))
        self._samples = samples = None if X is None else Samples(X)
        self._probe = probe = as_probe(model, None if samples is None else samples.batch(0))
        shape, name = probe.input_shapes[0], probe.model.name
        _validate.series_input(shape, name)
        self._flat, self._movable = len(shape) == 1, True
        if samples is not None:
            samples.flat = self._flat
            _validate.fits_model(samples.lengths, samples.step_shape, shape, name)
        self.n_timesteps = _length(n_timesteps, shape[0], samples, name)
        n_channels = _channels(shape, samples, name)
        ends = None if bounds is None else _validate.value_bounds(bounds, n_channels)
        if samples is None:
            three = np.full(n_channels, 3.0)
            self.likeness = Likeness.assumed((-three, three) if ends is None else ends)
        else:
            self._chosen = samples.spread(len(samples), MOST_STEPS)
            self._series = _known(probe, samples, self._chosen)
            self.likeness = Likeness.of(self._series, ends)
        _validate.something_varies(bool((self.likeness.deviation > 0).any()))
        self.layer = None if layer is None else probe.tap_name(layer)
        self.target, self._target = self._resolved(target, output)
        self._of: int | str = output if self.layer is None else self.layer
        self._scores: dict[int, float] = {}

    def start(self, n_starts: int, rng: np.random.Generator) -> Floats:
        """Random inputs, most of them at places where the score changes.

        Raises
        ------
        ValueError
            If the score or its gradient is not finite for any, or if the gradient is 0 for all.
        """
        z = self.likeness.noise(n_starts, self.n_timesteps, rng)
        for _ in range(REDRAWN):
            _, score, gradient = self._tried(z)
            flat = ~(gradient != 0).any(axis=(1, 2))
            if not flat.any():
                break
            z[flat] = self.likeness.noise(int(flat.sum()), self.n_timesteps, rng)
        if flat.all():
            before = f"{self.layer}:pre-activation"
            known = any(tap.name == before for tap in self._probe.taps)
            _validate.nothing_to_climb(n_starts, before if known else "")
        if not finite(score, gradient).any():
            _validate.no_finite_start(n_starts)
        return z

    def _tried(self, z: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32], Floats]:
        try:
            return self.at(z)
        except (ValueError, TypeError, IndexError, MemoryError):
            raise
        except Exception as error:  # TensorFlow's own, of a series that is shorter than a kernel
            if self._probe.input_shapes[0][0] is not None:
                raise
            _validate.length_fails(self.n_timesteps, self._probe.model.name, error)

    def at(self, z: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32], Floats]:
        """(inputs, their scores, the gradient by z), for z of shape (n_inputs, n_timesteps, n_channels).

        A step that the model masks, because it happens to have the value that marks padding, is moved off it.
        """
        x = self.likeness.series(z)
        found = self._gradient(x)
        if self._movable and found.absent is not None and found.absent.any():
            x = self.likeness.series(np.where(found.absent[:, :, None], self.likeness.moved(z), z))
            absent, found = found.absent, self._gradient(x)
            self._movable = bool(np.any(found.absent != absent))
        return x, found.score, found.values.reshape(x.shape) * self.likeness.deviation

    def nearest(self, x: NDArray[np.float32]) -> NearestSample | None:
        """The real series that is most like an input of shape (n_timesteps, n_channels); None without any."""
        if self._samples is None:
            return None
        found, shift, distance = self._neighbours.nearest(self.likeness.standard(x))
        index = self._chosen[found]
        if index not in self._scores:
            try:
                score = float(self._probe.gradient(self._samples.batch(index), self._target, output=self._of).score[0])
            except ValueError:  # a shorter series, without the step that the target names
                score = np.nan
            self._scores[index] = score
        return NearestSample(index, shift, distance, self._scores[index])

    @cached_property
    def _neighbours(self) -> Neighbours:
        return Neighbours([self.likeness.standard(one) for one in self._series], self.n_timesteps)

    def _gradient(self, x: NDArray[np.float32]) -> Gradient:
        return self._probe.gradient(x[..., 0] if self._flat else x, self._target, output=self._of)

    def _resolved(self, target: Any, output: int) -> tuple[Any, Target]:
        """(the target as a user would name it, the same for `Probe.gradient`)."""
        _validate.one_target(target)
        if self.layer is not None:
            tap = next(tap for tap in self._probe.taps if tap.name == self.layer)
            if isinstance(target, tuple) or not tap.shape:
                return target, target
            number = _validate.one_filter(target, tap.shape[-1], tap.word, self.layer)
            return number, (*(None,) * (len(tap.shape) - 1), number)
        names = self._probe.output_shapes
        shape = names[_validate.index(output, len(names), "output", f"model {self._probe.model.name!r}")]
        if target is not None or not shape:
            return target, target
        if shape[-1] != 1:
            _validate.no_target(None, [n or 0 for n in shape])
        return (0, 0) if len(shape) == 1 else (target, (*(None,) * (len(shape) - 1), 0))


def finite(score: NDArray[np.float32], gradient: Floats) -> NDArray[np.bool_]:
    """For which inputs both are finite."""
    return np.isfinite(score) & np.isfinite(gradient).all(axis=(1, 2))


def _length(n_timesteps: Any, declared: int | None, samples: Samples | None, name: str) -> int:
    if n_timesteps is not None:
        _validate.length(n_timesteps, declared, name)
        return int(n_timesteps)
    if declared is None and samples is None:
        _validate.no_length(name, "time steps", "n_timesteps=, or ")
    return declared or int(np.median(samples.lengths if samples is not None else []))


def _channels(shape: Sequence[int | None], samples: Samples | None, name: str) -> int:
    declared = shape[1] if len(shape) > 1 else 1
    if declared is None and samples is None:
        _validate.no_length(name, "channels", "")
    return declared or (samples.n_channels if samples is not None else 0)


def _known(probe: Probe, samples: Samples, chosen: list[int]) -> list[NDArray[np.float32]]:
    """The chosen series, each of shape (n_timesteps_i, n_channels), NaN where they are padding or not finite."""
    series = [np.where(np.isfinite(one := samples[i]), one, np.float32(np.nan)) for i in chosen]
    for length in {len(one) for one in series}:
        places = [place for place, one in enumerate(series) if len(one) == length]
        batch = samples.take([chosen[place] for place in places])
        padding = probe.padding_tap(axes.of([batch]))
        mask = None if padding is None else probe.at_call(batch, padding, _mask)
        for place, present in zip(places, [] if mask is None else mask, strict=False):
            series[place][~present] = np.nan
    return series


def _mask(call: Call) -> Any:
    return mask_of(call.outputs[0])
