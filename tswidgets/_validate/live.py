"""Checks of watching a model while it is trained."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from tswidgets._validate.messages import message


def live_every(every: Any) -> str | float:
    """`epoch`, `batch`, or a number of seconds."""
    if isinstance(every, str) and every in ("epoch", "batch"):
        return every
    expected, todo = "every to be 'epoch', 'batch' or a number of seconds above 0", "Pass one of these for every."
    numbers = (int, float, np.integer, np.floating)
    if isinstance(every, (bool, np.bool_)) or not isinstance(every, (str, *numbers)):
        raise TypeError(message(expected, repr(every), todo))
    if isinstance(every, str) or not (np.isfinite(every) and every > 0):
        raise ValueError(message(expected, repr(every), todo))
    return float(every)


def an_explorer(given: Any, *, fits: bool) -> None:
    if not fits:
        raise TypeError(
            message(
                "an Explorer, whose picture is to follow the training",
                "None" if given is None else f"a {type(given).__name__}",
                "Open one first, explorer = tsw.Explorer(model, X), and pass it.",
            )
        )


def not_trained(explored: str, trained: str) -> NoReturn:
    raise ValueError(
        message(
            f"the training of a model that shares weights with {explored!r}, which the explorer shows",
            f"{trained!r}, which shares none with it",
            "Open the explorer on the model that is trained: tsw.Explorer(model, X).",
        )
    )


def only_recorded(given: list[str]) -> None:
    """`layers` and `sample` say what is recorded."""
    if given:
        names = " and ".join(given)
        raise ValueError(
            message(f"{names} with record=True only", f"{names} without it", f"Pass record=True, or leave {names} out.")
        )


def no_layers(given: Any) -> NoReturn:
    raise ValueError(
        message(
            "layers to be a list of names of layers, as explorer.layers has them",
            repr(given),
            "Name one layer at least, or leave layers out for the one that the explorer shows.",
        )
    )


def epoch(value: Any, epochs: Any) -> int:
    """An epoch of a recorded training, counted from 1; 0 is before it."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(message("a whole number or None for epoch", repr(value), "Pass None for the last one."))
    if not len(epochs):
        raise ValueError(
            message(
                "an epoch of a recorded training",
                f"epoch {value}, and none is recorded",
                "Train with tsw.LiveCallback(explorer, record=True) first, or leave epoch at None.",
            )
        )
    if not epochs[0] <= value <= epochs[-1]:
        raise IndexError(
            message(
                f"an epoch from {epochs[0]} to {epochs[-1]}",
                str(value),
                "Pass an epoch of the recorded training, or None for its last one.",
            )
        )
    return int(value)
