"""One step of pooling: the largest value of a window, or the mean of those that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate import layer_step as refuse
from tswidgets.probe.kernels import NO_STEP, Pool
from tswidgets.probe.layer_input import LayerCall

Floats = NDArray[np.float32]
Steps = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PoolingStep:
    """One channel of a pooling layer at one of its output steps.

    layer, step, filter : which tap, which of its steps, which of its channels.
    absent : whether the model masks this step as padding.
    how : `max` or `average`.
    steps : int ndarray of shape (n_window,), the input's step at each place of the window; -1 where there is none.
        Of global pooling all steps.
    counts : bool ndarray of shape (n_window,), which places count. Those without a step never do: an average is one of
        fewer values at the ends of the series. Of what the model masks a global average leaves out all, and no other
        pooling anything.
    window : ndarray of shape (n_window,), float32, the values; NaN where there is no step.
    winner : int, the step of the layer's input with the largest value, the first of several; None of an average, or
        where a value is not a number.
    sum, count : of the values that count, and how many they are.
    activation : what the layer itself returned.
    """

    layer: str
    step: int
    filter: int
    absent: bool
    how: Literal["max", "average"]
    steps: Steps
    counts: Bools
    window: Floats
    winner: int | None
    sum: float
    count: int
    activation: float


class PoolingSteps:
    """Every step and channel of a pooling layer for one series; `x`, `absent` and `output` as of `ConvolutionSteps`."""

    kind = "pooling"

    def __init__(self, layer: str, pool: Pool, call: LayerCall, masked: Bools, tolerance: float) -> None:
        self.layer, self.pool, self.x, self.absent, self._masked = layer, pool, call.x[0], call.absent[0], masked
        self.output = call.output[0].reshape(-1, call.output.shape[-1])
        self._tolerance = tolerance

    @property
    def n_steps(self) -> int:
        return len(self.output)

    @property
    def n_filters(self) -> int:
        return int(self.output.shape[-1])

    def reads(self, step: int) -> Steps:
        window = self.pool.window
        return np.arange(len(self.x)) if window is None else window.steps(step, len(self.x))

    def at(self, step: int, filter: int) -> PoolingStep:
        steps = self.reads(step)
        there = steps != NO_STEP
        window = np.where(there, self.x[np.maximum(steps, 0), filter], np.float32(np.nan))
        knows_masks = self.pool.window is None and self.pool.how == "average"
        counts = there & ~self.absent if knows_masks else there
        values, own = window[counts].astype(np.float64), float(self.output[step, filter])
        with np.errstate(invalid="ignore", over="ignore"):
            total = float(values.sum())
        sound = bool(values.size and np.abs(values).sum() <= np.finfo(np.float32).max)  # numbers, and not too large
        if sound:
            found = float(values.max()) if self.pool.how == "max" else total / len(values)
            if not np.isclose(found, own, rtol=0, atol=self._tolerance * max(float(np.abs(values).max()), 1e-3)):
                refuse.other_numbers(self.layer, "pooling layer")
        return PoolingStep(
            layer=self.layer,
            step=step,
            filter=filter,
            absent=bool(self._masked[step]),
            how=self.pool.how,
            steps=steps,
            counts=counts,
            window=window.astype(np.float32),
            winner=int(steps[counts][values.argmax()]) if sound and self.pool.how == "max" else None,
            sum=total,
            count=len(values),
            activation=own,
        )
