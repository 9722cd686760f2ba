"""What an explorer shows, in one hashable value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """The explorer's whole state.

    layer : name of the tap, `encoder/conv1`.
    filter : index of the filter or unit on the layer's last axis.
    sample : index of the series.
    row : index of the row, of a layer with an axis between time and filters.
    step : index of the layer's step whose input span is fixed on screen, or that is computed by hand; or None.
    scale : what the value axes are fitted to: `filter` (its own range over the samples), `layer` (the whole layer's) or
        `sample` (only what is on screen).
    all_filters : how all filters of the layer are shown: as a `picture`, as `curves` or as `rows`.
    removed : indices of the filters that are switched off, in rising order.
    removed_value : what takes their place: `zero`, or `mean` of the filter over the samples.
    metric : what errors are measured by; "" for what suits the labels.
    method : how it is found where the model looks: the name of an attribution method, `filter` or `attention`.
    target : the class or number that is explained, None for the one that is predicted; `target_step` is the output step
        of an answer per step.
    maximize : what the panel `maximization` makes as large as possible: `class`, or `filter` of the layer.
    channels : whether channels are drawn `apart` or `together`.
    quantity : what is shown of a recurrent layer: a state or a gate, `h`, `c`, `i`, …; `unit_order` is how its units
        are ordered, `units` the first and last row that are shown, None for all, `direction` which of two.
    current_step : the time step where a walk through time is, None before it begins.
    threshold : above it an output per step is a yes, where the outputs are no classes that exclude each other.
    head : index of an attention layer's head, None for the mean of all; `query_step` is the step whose attention is
        shown, None for the first.
    epoch : of the recorded training, counted from 1, 0 for before it, None for the last.
    panel : what is looked at: `activations`, or another of the explorer's `panels`.
    """

    layer: str
    filter: int = 0
    sample: int = 0
    step: int | None = None
    scale: str = "filter"
    panel: str = "activations"
    removed: tuple[int, ...] = ()
    removed_value: str = "zero"
    metric: str = ""
    method: str = "integrated_gradients"
    target: int | None = None
    target_step: int = 0
    channels: str = "apart"
    maximize: str = "class"
    quantity: str = "h"
    unit_order: str = "index"
    units: tuple[int, int] | None = None
    direction: str = "forward"
    current_step: int | None = None
    threshold: float = 0.5
    row: int = 0
    head: int | None = None
    query_step: int | None = None
    all_filters: str = "picture"
    epoch: int | None = None
