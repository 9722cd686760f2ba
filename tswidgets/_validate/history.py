"""Checks of what a fit recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets._validate.messages import message

_WHOLE = "what model.fit returned, its .history, or a dict of lists, one number for each epoch"
_NOT_RUN = "Run model.fit first, and pass what it returns."


def recorded(given: Any) -> tuple[dict[str, NDArray[np.float64]], list[int] | None]:
    """What was recorded, by name, and the number of each epoch as Keras prints it, where that is told.

    An array has one row for each epoch; where Keras did not validate in every epoch it has fewer.
    """
    columns, epochs = _columns(given)
    arrays = {str(name): _numbers(str(name), values) for name, values in columns.items()}
    if not any(len(array) for array in arrays.values()):
        got = "an empty history" if not arrays else f"empty lists for {', '.join(map(repr, arrays))}"
        raise ValueError(message("at least one epoch", got, _NOT_RUN))
    return arrays, epochs


def validation_freq(given: Any) -> int | list[int] | None:
    if given is None:
        return None
    epochs = [given] if np.ndim(given) == 0 else list(given)
    whole = all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) and one > 0 for one in epochs)
    if not epochs or not whole:
        expected = "validation_freq as model.fit takes it, a whole number from 1 on or a list of them"
        raise ValueError(message(expected, repr(given), "Pass what model.fit was given, or leave it out."))
    return int(given) if np.ndim(given) == 0 else [int(one) for one in epochs]


def validated_epochs(name: str, n_values: int, n_validated: int, freq: Any) -> None:
    """Whether as many epochs were validated as there are values."""
    if n_values != n_validated:
        expected = f"{n_validated} values of {name!r}, as validation_freq={freq} tells"
        raise ValueError(message(expected, str(n_values), "Pass the validation_freq that model.fit was given."))


def no_logarithm(why: str) -> None:
    raise ValueError(message("a quantity whose values are all above 0", why, "Leave logarithmic at False."))


def _columns(given: Any) -> tuple[dict[str, Any], list[int] | None]:
    """The recorded lists, and the epochs' numbers; a column `epoch`, as CSVLogger writes it, is taken for these."""
    if isinstance(lists := getattr(given, "history", None), Mapping):
        return dict(lists), [int(epoch) + 1 for epoch in getattr(given, "epoch", None) or []] or None
    if lists is not None:
        got = f"a {type(given).__name__}, which is not a history itself"
        raise TypeError(message(_WHOLE, got, "Pass what model.fit returned; a model keeps it as model.history."))
    names = getattr(given, "columns", None)
    if names is not None:
        columns = {str(name): np.asarray(given[name]) for name in names if not str(name).startswith("Unnamed:")}
    elif isinstance(given, Mapping):
        columns = {str(name): values for name, values in given.items()}
    else:
        got = "None" if given is None else f"a {type(given).__name__}"
        raise TypeError(message(_WHOLE, got, _NOT_RUN if given is None else "For a single curve pass {'loss': […]}."))
    epochs = _numbers("epoch", columns.pop("epoch")) if "epoch" in columns else np.empty(0)
    counted = len(epochs) and (np.diff(epochs) > 0).all() and (epochs == np.round(epochs)).all()
    return columns, [int(epoch) + 1 for epoch in epochs] if counted else None


def _numbers(name: str, values: Any) -> NDArray[np.float64]:
    """One row for each epoch; None is not a number."""
    expected, todo = f"a list of numbers for {name!r}, one for each epoch", "Leave it out, or pass numbers."
    if not isinstance(values, (list, tuple)) and np.ndim(values) == 0:
        raise TypeError(message(expected, repr(values), f"Pass a list: {{{name!r}: [{values!r}]}}."))
    try:
        raw = np.asarray(values)
        if raw.dtype.kind not in "biufOUS":
            raise TypeError
        return raw.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(message(expected, _odd(values), todo)) from None


def _odd(values: Sequence[Any]) -> str:
    """The first entry that is no number."""
    for epoch, value in enumerate(values):
        try:
            np.asarray(value, np.float64)
        except (TypeError, ValueError):
            return f"{value!r} in place {epoch}"
    return f"a {type(values).__name__} of {len(values)} entries that are not alike"
