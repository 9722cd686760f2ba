"""Whether states that were computed lead to what the layer itself returned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.probe.recurrence import Bools, Floats, steps_of

TOLERANCE = 1e-5  # how far, of its magnitude, a result may be from the layer's own
ROUNDED = {"float16": 5e-3, "bfloat16": 4e-2}  # the same for layers that compute with 11 or 8 significant bits
ROUNDED_BY_GPU = 5e-3  # a GPU multiplies with 11 bits, too, unless that is switched off


def check(
    layer: Any, parts: Sequence[Any], found: Sequence[dict[str, Floats]], absent: Bools, own: Sequence[Any]
) -> None:
    """Refuse states that do not lead to what the layer returned, `own`."""
    answers = [_answer(part, arrays) for part, arrays in zip(parts, found, strict=True)]
    outputs, states = answers[0] if len(parts) == 1 else _merged(layer, *answers)
    certain = _certain(parts[0], absent)
    cells = [part.cell for part in parts]
    tolerance = max(tolerance_of(one.compute_dtype) for one in (layer, *parts, *cells))
    computed = [*outputs, *states]
    if [array.shape for array in computed] == [array.shape for array in own]:
        pairs = [(a[certain], b[certain]) for a, b in zip(outputs, own, strict=False)]
        pairs += zip(states, own[len(outputs) :], strict=True)
        if all(_agree(a, b, tolerance) for a, b in pairs):
            return
    todo = (
        "The layer computes something else than Keras' layer, or rounding errors grow in it without bound: "
        "no states are returned, as they would be wrong. Look at what the layer returns instead."
    )
    raise RuntimeError(_validate.message(f"states that lead to what {layer.name!r} returned", "others", todo))


def _answer(layer: Any, arrays: dict[str, Floats]) -> tuple[list[Floats], list[Floats]]:
    """What a layer with these states returns: its output, and its last states if it returns them."""
    in_order = {name: arrays[name][:, steps_of(layer)] for name in ("h", "c") if name in arrays}
    output = in_order["h"] if layer.return_sequences else in_order["h"][:, -1]
    return [output], [array[:, -1] for array in in_order.values()] if layer.return_state else []


def _merged(layer: Any, forward: Any, backward: Any) -> tuple[list[Floats], list[Floats]]:
    """What a Bidirectional layer makes of the answers of its two directions."""
    ([ahead], states), ([back], states_back) = forward, backward
    if layer.return_sequences:
        back = back[:, ::-1]
    merge: dict[str | None, Callable[[], list[Floats]]] = {
        None: lambda: [ahead, back],
        "concat": lambda: [np.concatenate([ahead, back], axis=-1)],
        "sum": lambda: [ahead + back],
        "mul": lambda: [ahead * back],
        "ave": lambda: [(ahead + back) / 2],
    }
    return merge[layer.merge_mode](), [*states, *states_back]


def _certain(layer: Any, absent: Bools) -> Bools:
    """Where the output is a state. At an absent step Keras repeats its output or returns 0, by version and device."""
    present = ~absent[:, steps_of(layer)]
    if layer.return_sequences:
        return present
    return present[:, -1] if getattr(layer, "zero_output_for_mask", False) else np.logical_or.reduce(present, axis=1)


def tolerance_of(dtype: str) -> float:
    gpu = tf.config.list_logical_devices("GPU") and tf.config.experimental.tensor_float_32_execution_enabled()
    return max(ROUNDED.get(dtype, TOLERANCE), ROUNDED_BY_GPU if gpu else 0)


def _agree(computed: Floats, own: NDArray[Any], tolerance: float) -> bool:
    size = np.abs(own[np.isfinite(own)]).max(initial=1)
    return bool(np.allclose(computed, own, rtol=0, atol=tolerance * size, equal_nan=True))
