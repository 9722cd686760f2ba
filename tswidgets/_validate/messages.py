"""How users are told what went wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np


class Refusal(ValueError):
    """What a method does not cover of a model: running it in another way would not help."""


def message(expected: str, got: str, todo: str) -> str:
    return f"Expected {expected}; got {got}. {todo}"


def reason(error: BaseException) -> str:
    """The sentence of an error that says what went wrong, without what Keras wraps around it."""
    whole = error.args[0] if isinstance(error, KeyError) and error.args else error  # which says its text's repr
    plain = re.sub(r"\x1b\[\d+m", "", str(whole))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    wrapping = "Exception encountered when calling"
    return next((line for line in lines if not line.startswith(wrapping)), type(error).__name__)


def near_names(name: Any, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    shown = ", ".join(map(repr, names[:30])) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
    return f"This model has: {shown}." + (f" Did you mean {near[0]!r}?" if near else "")


def index(value: Any, size: int, what: str, of: str) -> int:
    """An index into `size` things; negative ones count from the end, as in NumPy."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(message(f"a whole number for {what}", repr(value), f"Pass a number from 0 to {size - 1}."))
    if not -size <= value < size:
        raise IndexError(
            message(f"{what} 0 to {size - 1}", str(value), f"{of} has {size}; pass a number in that range.")
        )
    return int(value) % size


def one_of(value: Any, known: Sequence[str], what: str) -> str:
    """One of a few words."""
    if isinstance(value, str) and value in known:
        return value
    choice = ", ".join(map(repr, known))
    raise ValueError(message(f"a {what} out of {choice}", repr(value), f"Pass one of these for {what}."))


def names(given: Sequence[Any] | None, size: int | None, what: str, of: str) -> list[str] | None:
    """Names as strings, one for each of `size` things, or None if none were given."""
    if given is None:
        return None
    texts = [str(name) for name in given]
    if size is not None and len(texts) != size:
        raise ValueError(
            message(f"{size} {what}, one for each {of}", str(len(texts)), f"Pass {size} names or leave them out.")
        )
    return texts
