"""The boundary: checks what users pass in, and holds every message they can meet.

A message has three parts: what was expected, what was got, what to do. Inner code trusts its arguments.
"""

from tswidgets._validate.data import labels, same_number, sampling_rate, series, several
from tswidgets._validate.messages import index, message, names, near_names, one_of, reason
from tswidgets._validate.methods import (
    no_edits,
    no_gradient,
    no_replacement,
    no_target,
    not_attending,
    not_recurrent,
    out_of_memory,
)
from tswidgets._validate.model import (
    NOT_REACHED,
    batch,
    fits_model,
    keras_model,
    layer_name,
    length,
    not_reached,
    nothing_to_draw,
    one_or_a_batch,
    unbuilt_model,
    unknown_field,
)

__all__ = [
    "NOT_REACHED",
    "batch",
    "fits_model",
    "index",
    "keras_model",
    "labels",
    "layer_name",
    "length",
    "message",
    "names",
    "near_names",
    "no_edits",
    "no_gradient",
    "no_replacement",
    "no_target",
    "not_attending",
    "not_reached",
    "not_recurrent",
    "nothing_to_draw",
    "one_of",
    "one_or_a_batch",
    "out_of_memory",
    "reason",
    "same_number",
    "sampling_rate",
    "series",
    "several",
    "unbuilt_model",
    "unknown_field",
]
