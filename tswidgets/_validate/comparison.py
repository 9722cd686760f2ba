"""Checks of two models that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from tswidgets._validate.messages import message, reason


def one_or_two_models(given: Any) -> tuple[Any, Any]:
    """(the model before, None if there is only one, and the model after)."""
    if not isinstance(given, (list, tuple)):
        return None, given
    if len(given) != 2:
        raise ValueError(
            message("one model, or two as [before, after]", f"a list of {len(given)}", "Pass one model or two.")
        )
    return given[0], given[1]


def other_input(before: str, after: str, taken: Sequence[Any], error: Exception) -> NoReturn:
    """The first model does not take what the second, whose inputs are `taken`, does."""
    shapes = ", ".join(str(tuple(shape)) for shape in taken)
    raise ValueError(
        message(
            f"two models that take the same input, {shapes} as {after!r} does",
            f"{before!r}, which does not: {reason(error)}",
            "Open an explorer for each of them.",
        )
    ) from error
