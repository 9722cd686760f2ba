"""One step of a recurrent layer: what each gate makes of the input and of what the layer remembers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate import layer_step as refuse
from tswidgets.probe import Probe, Tap
from tswidgets.probe.kernels import name_of
from tswidgets.probe.recurrence import resets_after, starting_states, weights_of
from tswidgets.probe.recurrent import BidirectionalStates, RecurrentStates, around, parts_of, recurrent_states

Floats = NDArray[np.float32]
ACTIVATED = ("g", "candidate", "h")  # by the layer's `activation`; the others by its `recurrent_activation`


@dataclass(frozen=True, eq=False)
class Gate:
    """One gate of one unit, or what is computed like one.

    value = function(sum), sum = input + bias + reset · (recurrent + recurrent_bias)

    input_products : ndarray of shape (n_channels,), the input's channels times their weights; `input` is their sum.
    recurrent_products : ndarray of shape (n_units,), the states before times their weights; `recurrent` is their sum.
    bias, recurrent_bias : 0 where there is none; only a GRU with `reset_after` has the second.
    reset : 1, or of the candidate of a GRU with `reset_after` the reset gate. Without it the reset gates are in the
        `recurrent_products` already.
    sum : what goes into the `function`, by its name; `value` is what comes out.
    """

    input_products: Floats
    recurrent_products: Floats
    input: float
    recurrent: float
    bias: float
    recurrent_bias: float
    reset: float
    sum: float
    function: str
    value: float


@dataclass(frozen=True, eq=False)
class RecurrentStep:
    """One unit of an LSTM, GRU or SimpleRNN at one step of its input.

    layer, step, filter : which tap, which of its steps, which entry of its last axis. Of a layer that returns its last
        output alone the step is that of its input.
    absent : False; a step that the model masks is not computed at all.
    input_step : the step of the layer's input that it reads, another than `step` where it reads backwards.
    unit, direction : which unit that is, and of a Bidirectional layer which way it reads, `forward` or `backward`.
    x : ndarray of shape (n_channels,), float32, the layer's input at this step.
    h_before : ndarray of shape (n_units,), the states of all units after the step before, in the order of reading.
    c_before, c : the unit's cell state before and after; None but of an LSTM, where c = f · c_before + i · g.
    gates : name → `Gate`, in the order of the cell's weights: i, f, g, o of an LSTM; z, r, candidate of a GRU; h of a
        SimpleRNN.
    function : name of what an LSTM applies to c: h = o · function(c). Of a GRU h = z · h_before + (1 − z) · candidate.
    h : the unit's state after this step.
    activation : h as well, what the layer itself returned; a Bidirectional layer that merges both returns their sum,
        product or mean.
    """

    layer: str
    step: int
    filter: int
    absent: bool
    input_step: int
    unit: int
    direction: str
    x: Floats
    h_before: Floats
    c_before: float | None
    gates: dict[str, Gate]
    c: float | None
    function: str
    h: float
    activation: float


class RecurrentSteps:
    """Every step and unit of a recurrent layer for one series.

    x : ndarray of shape (n_timesteps, n_channels), the layer's input; `absent` tells which steps of it are masked.
    output : ndarray of shape (n_steps, n_filters), h after each step, NaN at padding.
    """

    kind = "recurrent"

    def __init__(self, probe: Probe, x: Any, layer: str, tap: Tap, direction: str) -> None:
        self.layer, self.parts, n_filters = layer, parts_of(probe, layer), int(tap.shape[-1] or 0)
        self.turned = len(tap.shape) > 1 and len(self.parts) == 1 and bool(self.parts[0].go_backwards)
        found = recurrent_states(probe, x, layer)
        both = isinstance(found, BidirectionalStates)
        self.states: list[RecurrentStates] = [found.forward, found.backward] if both else [found]  # type: ignore[union-attr,list-item]
        given, _ = around(probe, x, layer)
        self.x, self.absent = np.asarray(given["sequence"][0], np.float32), self.states[0].absent[0]
        initial = given["initial_state"]
        each = 0 if initial is None else len(initial) // len(self.parts)
        self._starts = [
            starting_states(part, 1, initial and [one[:1] for one in initial[k * each : (k + 1) * each]])
            for k, part in enumerate(self.parts)
        ]
        n_units = [part.cell.units for part in self.parts]
        self._beside = both and n_filters == sum(n_units)  # else they are added, or averaged
        self._direction = 1 if both and direction == "backward" else 0
        if not self._beside and n_filters != n_units[0]:
            refuse.no_unit(layer, n_filters, n_units[0])
        self._weights = [weights_of(part.cell) for part in self.parts]

    @property
    def n_steps(self) -> int:
        return len(self.x)

    @property
    def n_filters(self) -> int:
        return sum(part.cell.units for part in self.parts) if self._beside else int(self.parts[0].cell.units)

    @cached_property
    def output(self) -> Floats:
        if self._beside:
            return np.concatenate([states.h[0] for states in self.states], axis=-1)
        return self.states[self._direction].h[0, :: -1 if self.turned else 1]

    def reads(self, step: int) -> NDArray[np.int64]:
        return np.array([self.n_steps - 1 - step if self.turned else step])

    def place(self, filter: int) -> tuple[int, int]:
        """(which direction, which unit of it) a filter is."""
        first = self.parts[0].cell.units
        if not self._beside:
            return self._direction, filter
        return (1, filter - first) if filter >= first else (0, filter)

    def span(self, filter: int) -> float:
        """About the largest product of the gates of a unit, of the input with its weights or of states with theirs."""
        which, unit = self.place(filter)
        kernel, recurrent, _ = self._weights[which]
        columns = slice(unit, None, self.parts[which].cell.units)
        states, present = self.states[which].h[0], ~self.absent
        if not present.any():
            return 0.0
        read = np.percentile(np.where(np.isfinite(self.x[present]), np.abs(self.x[present]), 0), 99, axis=0)
        kept = np.percentile(np.abs(np.nan_to_num(states[present])), 99, axis=0)
        of_both = (
            (np.abs(kernel[:, columns]) * read[:, None]).max(),
            (np.abs(recurrent[:, columns]) * kept[:, None]).max(),
        )
        return float(max(of_both))

    def at(self, step: int, filter: int) -> RecurrentStep:
        at = int(self.reads(step)[0])
        if self.absent[at]:
            refuse.padding_step(self.layer, step)
        which, unit = self.place(filter)
        states, part = self.states[which], self.parts[which]
        before = self._before(which, at)
        gates = self._gates(which, at, unit, before)
        c = getattr(states, "c", None)
        return RecurrentStep(
            layer=self.layer,
            step=step,
            filter=filter,
            absent=False,
            input_step=at,
            unit=unit,
            direction="" if len(self.parts) == 1 else ("forward", "backward")[which],
            x=self.x[at].copy(),
            h_before=before[0].copy(),
            c_before=None if c is None else float(before[1][unit]),
            gates=gates,
            c=None if c is None else float(c[0, at, unit]),
            function=name_of(part.cell.activation) if c is not None else "linear",
            h=float(states.h[0, at, unit]),
            activation=float(states.h[0, at, unit]),
        )

    def _before(self, which: int, step: int) -> list[Floats]:
        """h, and c of an LSTM, as the layer has them when it comes to a step: those of the last step that it read."""
        backwards = self.parts[which].go_backwards
        read = np.flatnonzero(~self.absent)
        read = read[read > step][:1] if backwards else read[read < step][-1:]
        if not len(read):
            return [np.asarray(state[0], np.float32) for state in self._starts[which]]
        states = self.states[which]
        return [getattr(states, name)[0, read[0]] for name in ("h", "c") if hasattr(states, name)]

    def _gates(self, which: int, step: int, unit: int, before: list[Floats]) -> dict[str, Gate]:
        states, cell = self.states[which], self.parts[which].cell
        kernel, recurrent, biases = self._weights[which]
        values = {name: float(of[0, step, unit]) for name, of in states.gates.items()} or {
            "h": float(states.h[0, step, unit])
        }
        found, n_units, h_before = {}, cell.units, before[0]
        for number, (name, value) in enumerate(values.items()):
            column, after, state = number * n_units + unit, 1.0, h_before
            if name == "candidate" and resets_after(cell):
                after = values["r"]
            elif name == "candidate":
                state = h_before * states.gates["r"][0, step]
            with np.errstate(invalid="ignore", over="ignore"):
                ins, backs = self.x[step] * kernel[:, column], state * recurrent[:, column]
                given, remembered = float(ins.sum(dtype=np.float64)), float(backs.sum(dtype=np.float64))
            bias, of_state = float(biases[0, column]), float(biases[1, column])
            found[name] = Gate(
                input_products=ins,
                recurrent_products=backs,
                input=given,
                recurrent=remembered,
                bias=bias,
                recurrent_bias=of_state,
                reset=after,
                sum=given + bias + after * (remembered + of_state),
                function=name_of(cell.activation if name in ACTIVATED else cell.recurrent_activation),
                value=value,
            )
        return found
