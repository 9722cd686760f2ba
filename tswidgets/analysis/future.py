"""Whether an answer per time step uses what comes later, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tswidgets.probe.lookahead import LookAhead

NOISE = 1e-6  # of the largest influence: less than that may be what float32 sums leave of nothing
NAMED = 3  # layers that a sentence names


@dataclass(frozen=True)
class Future:
    """The largest influence of an input step on an output step that is earlier.

    value : the influence; `share` is that of the largest of all.
    output_step, input_step : where it is, with `sample` of a batch; None where the value is 0.
    n_ahead : by how many input steps the input step is later.
    """

    value: float
    share: float
    output_step: int | None = None
    input_step: int | None = None
    n_ahead: int = 0
    sample: int | None = None

    @property
    def used(self) -> bool:
        """Whether it is more than rounding leaves of nothing."""
        return self.share > NOISE


def largest_future(
    values: NDArray[np.float32], later: NDArray[np.bool_], output_steps: NDArray[np.int64], now: NDArray[np.int64]
) -> Future:
    """Of influences of shape ([n_samples,] n_output_steps, n_timesteps), where they are `later`."""
    ahead = np.where(later, values, 0)
    value = float(ahead.max(initial=0))
    if value == 0:
        return Future(0.0, 0.0)
    *sample, row, step = (int(i) for i in np.unravel_index(ahead.argmax(), ahead.shape))
    share = value / float(values.max())
    return Future(value, share, int(output_steps[row]), step, step - int(now[row]), *sample)


def verdict(future: Future, largest: float, graph_ahead: int | None, layers: Sequence[LookAhead]) -> str:
    """Sentences; `largest` is that of all influences."""
    could = f"the model can look up to {_steps(graph_ahead or 0)} ahead{_blamed(layers)}."
    if future.used:
        where = f"in sample {future.sample}, o" if future.sample is not None else "o"
        told = (
            f"{where}utput step {future.output_step} uses input step {future.input_step}, {_steps(future.n_ahead)} "
            f"ahead: {percent(future.share)} of the largest influence."
        )
        return _sentence(told) + (f" {_sentence(could)}" if graph_ahead else "")
    none = "No input step has any influence" if not largest else "No output step uses the future"
    if graph_ahead is None:
        return f"{none} in this series; how far ahead the model could look is not known."
    return f"{none} in this series, though {could}" if graph_ahead else f"{none}."


def percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"


def _blamed(layers: Sequence[LookAhead]) -> str:
    told = [f"{layer.layer} ({layer.because})" for layer in layers[:NAMED]]
    more = [f"{len(layers) - NAMED} more"] if len(layers) > NAMED else []
    return ": " + ", ".join([*told, *more]) if told else ""


def _steps(n: int) -> str:
    return f"{n:,} step" if n == 1 else f"{n:,} steps"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
