"""What stands in the way of an answer after each time step."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate.messages import message


def a_single_series(shape: tuple[int, ...], rank: int) -> NoReturn:
    axes = "(n_timesteps,)" if rank == 1 else "(n_timesteps, n_channels)"
    raise ValueError(message(f"one series of shape {axes}", f"an array of shape {shape}", "Pass one sample: X[0]."))


def answered_steps(given: Any, n_timesteps: int) -> NDArray[np.int64]:
    """Steps in rising order, each once."""
    array = np.asarray(given)
    expected = f"whole numbers from 0 to {n_timesteps - 1} for steps, (n_steps,)"
    todo = "Name steps of the series, counted from 0."
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise ValueError(message(expected, f"an array of dtype {array.dtype} and shape {array.shape}", todo))
    wrong = array[(array < 0) | (array >= n_timesteps)]
    if wrong.size:
        raise IndexError(message(expected, str(int(wrong[0])), todo))
    return np.unique(array).astype(np.int64)


def no_answer_so_far(shape: tuple[int, ...]) -> NoReturn:
    todo = "Look at the activations of a layer instead."
    raise ValueError(message("a model that answers (n_outputs,) or (n_timesteps, n_outputs)", f"{shape}", todo))


def no_shorter_series(name: str, n_timesteps: int) -> NoReturn:
    todo = (
        "Build it for any length, keras.Input((None, n_channels)), or let it begin with a Masking layer: "
        "then the rest of a series can be left out."
    )
    got = f"{name!r}, which takes {n_timesteps} steps and no fewer"
    raise ValueError(message("a model that can be asked about the beginning of a series", got, todo))


def rows_range(given: tuple[int, int]) -> tuple[int, int]:
    first, last = given
    if 0 <= first <= last:
        return first, last
    todo = "Pass two row numbers from 0 on, or None for all rows."
    raise ValueError(message("units=(first, last) with 0 ≤ first ≤ last", f"{given}", todo))


def one_input_so_far(n_inputs: int) -> NoReturn:
    todo = "Fix the other inputs in a model of one input around it, or look at the layers' activations."
    raise ValueError(message("a model with one input", f"one with {n_inputs}", todo))
