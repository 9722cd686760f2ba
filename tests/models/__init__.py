"""Small models with random weights, each with a sample batch and a way to its layers' outputs that needs no hook."""

from functools import cache

import pytest

from tests.models import (
    attention,
    convolution,
    graphs,
    histories,
    masks,
    pointwise,
    published,
    recurrent,
    subclassed,
    two_axes,
)
from tests.models.build import (
    Calls,
    Case,
    arrays,
    before_activation,
    has_activation,
    one_by_one,
    padded_series,
    randomise,
    series,
    views,
)
from tests.models.convolution import conv_layers
from tests.models.graphs import ODD_NAMES
from tests.models.masks import MaskedByHand
from tests.models.scenarios import per_step_labels, speaker_classifier, window_classifier
from tests.models.subclassed import Cumulating, Deciding, Looping, Reversing

FAMILIES = (convolution, pointwise, recurrent, masks, attention, graphs, subclassed, histories, published, two_axes)
CASES = {build.__name__: build for family in FAMILIES for build in family.BUILDERS}


def sampled(names, every=3):
    """Parameters: every third of these models, or so, for what takes long; all of them in `make test-slow`."""
    return [name if i % every == 0 else pytest.param(name, marks=pytest.mark.slow) for i, name in enumerate(names)]


def in_gate(names, *kept):
    """Parameters: `kept` in `make test`, all of them in `make test-slow`. A tuple is several parameters at once."""
    assert set(kept) <= set(names), set(kept) - set(names)
    params = [(name, name if isinstance(name, tuple) else (name,)) for name in names]
    return [pytest.param(*p, marks=[] if name in kept else pytest.mark.slow) for name, p in params]


SAMPLED = sampled(CASES)


@cache
def case(name):
    """One live model for all tests that only look; whoever changes a model builds it with `CASES[name]()`."""
    return CASES[name]()


__all__ = [
    "CASES",
    "ODD_NAMES",
    "SAMPLED",
    "Calls",
    "Case",
    "Cumulating",
    "Deciding",
    "Looping",
    "MaskedByHand",
    "Reversing",
    "arrays",
    "before_activation",
    "case",
    "conv_layers",
    "has_activation",
    "in_gate",
    "one_by_one",
    "padded_series",
    "per_step_labels",
    "randomise",
    "sampled",
    "series",
    "speaker_classifier",
    "views",
    "window_classifier",
]
