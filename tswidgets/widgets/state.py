"""What can be chosen in an explorer: every choice a trait, checked at the boundary."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import traitlets

from tswidgets import _validate
from tswidgets.analysis.units import ORDERS
from tswidgets.selection import Selection
from tswidgets.widgets.panel import SCALES
from tswidgets.widgets.quantities import QUANTITIES
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.trial import metrics_for
from tswidgets.widgets.views.gates import NAMES


class State(traitlets.HasTraits):
    """The traits of an explorer. An index or a name that does not exist is refused, and the trait stays as it was."""

    layer = traitlets.Unicode()
    """Name of the layer, `encoder/conv1`; `layers` lists them all. Default: the last convolutional or recurrent one."""
    filter = traitlets.Int(0)
    """Index of the filter or unit. Default: the most active one for the first sample."""
    sample = traitlets.Int(0)
    """Index of the sample in X. Default: 0."""
    row = traitlets.Int(0)
    """Index of the row, of a layer with an axis between time and filters (`Tap.kind` `map`). Default: 0."""
    step = traitlets.Int(None, allow_none=True)
    """Index of the layer's step whose span of input is fixed on screen, or None. The panel `stepper` computes it by
    hand, the first for None. Of a recurrent layer without a time axis that of its input. Default: None."""
    scale = traitlets.Enum(tuple(SCALES), default_value="filter")
    """What scales are fitted to: `filter` (its own range over the samples), `layer` or `sample`. Default: `filter`."""
    all_filters = traitlets.Enum(("picture", "curves", "rows"), default_value="picture")
    """How the panel `activations` shows all filters of the layer: as one `picture`, or each for itself, as `curves` or
    as coloured `rows` that can be scrolled; these are ordered by `unit_order`. Default: `picture`."""
    panel = traitlets.Unicode("activations")
    """What is looked at; `panels` lists what there is for this model. Default: the first of them."""
    removed: traitlets.List = traitlets.List(traitlets.Int())
    """Indices of the chosen layer's filters that are switched off in the panel `ablation`. Default: none."""
    removed_value = traitlets.Enum(("zero", "mean"), default_value="zero")
    """What takes their place: 0, or the filter's mean over the samples. Default: `zero`."""
    metric = traitlets.Unicode("mse")
    """What errors are measured by: `score`, `accuracy`, `mse` or `mae`. Default: what suits the labels."""

    method = traitlets.Enum(tuple(QUANTITIES), default_value="integrated_gradients")
    """What is shown as colour in the panel `attribution`: the name of a method such as `grad_cam`, `filter` for the
    chosen filter's activation, or `attention`. Default: `integrated_gradients`."""
    target = traitlets.Int(None, allow_none=True)
    """Index of the class or number that is explained; None for the one that is predicted. Default: None."""
    target_step = traitlets.Int(0)
    """Index of the output step that is explained, of a model that answers step by step. Default: 0."""
    channels = traitlets.Enum(("apart", "together"), default_value="apart")
    """Whether the channels are drawn `apart`, each in a lane, or `together` on one axis. Default: `apart`."""
    maximize = traitlets.Enum(("class", "filter"), default_value="class")
    """What the panel `maximization` makes as large as possible: the explained `class`, or the chosen `filter`. Default:
    `class`."""

    quantity = traitlets.Enum(tuple(NAMES), default_value="h")
    """What the panel `recurrent` shows of a recurrent layer's units: `h`, `c`, or a gate such as `i`. Default: `h`."""
    unit_order = traitlets.Enum(ORDERS, default_value="index")
    """How its units, and all filters in `activations`, are ordered: by `index`, `activity` or `similarity`.
    Default: `index`."""
    units: Any = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=None, allow_none=True)
    """First and last row of them that are shown, both inclusive; None for all. Default: None."""
    direction = traitlets.Enum(("forward", "backward"), default_value="forward")
    """Which direction of a Bidirectional layer. Where both stand side by side on the layer's last axis, the filter says
    so, and turning the direction moves the filter to the other one's unit of that number. Default: `forward`."""
    current_step = traitlets.Int(None, allow_none=True)
    """Time step of the sample where a walk through time is, or None. Default: None."""
    threshold = traitlets.Float(0.5)
    """Above it an output per step is a yes, in the panel `steps`. Default: 0.5; 0 for logits."""

    head = traitlets.Int(None, allow_none=True)
    """Index of the head that the panel `attention` shows; None for the mean of all. Default: None."""
    query_step = traitlets.Int(None, allow_none=True)
    """Index of the query step whose attention it shows; None for the first. Default: None."""

    epoch = traitlets.Int(None, allow_none=True)
    """Epoch of the recorded training that the panel `training` shows, counted from 1 as Keras prints it; 0 for before
    it, None for the last. Default: None."""

    _subject: Subject
    _panel_names: list[str]

    @property
    def layers(self) -> list[str]:
        """Names of everything that can be chosen as `layer`, in the order in which the model runs it."""
        return list(self._subject.taps)

    @property
    def panels(self) -> list[str]:
        """Names of everything that can be chosen as `panel`."""
        return list(self._panel_names)

    @property
    def selection(self) -> Selection:
        """The whole state as one frozen, hashable value."""
        traits = {field.name: getattr(self, field.name) for field in fields(Selection)}
        return Selection(**traits | {"removed": tuple(self.removed)})

    def _become(self, selection: Selection) -> None:
        """Take over everything that another explorer of the same subject shows."""
        for field in fields(Selection):
            value = getattr(selection, field.name)
            setattr(self, field.name, list(value) if field.name == "removed" else value)

    @traitlets.validate("layer")
    def _valid_layer(self, proposal: Any) -> str:
        return _validate.layer_name(proposal.value, self.layers)

    @traitlets.validate("filter")
    def _valid_filter(self, proposal: Any) -> int:
        tap = self._subject.taps[self.layer]
        return _validate.index(proposal.value, max(tap.n_filters, 1), tap.word, f"layer {tap.name!r}")

    @traitlets.validate("row")
    def _valid_row(self, proposal: Any) -> int:
        tap = self._subject.taps[self.layer]
        return _validate.index(proposal.value, max(tap.n_rows, 1), "row", f"layer {tap.name!r}")

    @traitlets.validate("sample")
    def _valid_sample(self, proposal: Any) -> int:
        return _validate.index(proposal.value, len(self._subject.samples), "sample", "X")

    @traitlets.validate("step")
    def _valid_step(self, proposal: Any) -> int | None:
        if proposal.value is None:
            return None
        n_steps = self._subject.n_steps(self.layer, self.sample)
        return _validate.index(proposal.value, n_steps, "step", f"layer {self.layer!r} for sample {self.sample}")

    @traitlets.validate("panel")
    def _valid_panel(self, proposal: Any) -> str:
        return _validate.one_of(proposal.value, self.panels, "panel")

    @traitlets.validate("removed")
    def _valid_removed(self, proposal: Any) -> list[int]:
        tap = self._subject.taps[self.layer]
        n_filters = int(tap.shape[-1] or 0) if tap.shape else 0
        return _validate.removable(proposal.value, n_filters, tap.word, tap.name)

    @traitlets.validate("target")
    def _valid_target(self, proposal: Any) -> int | None:
        shape = self._subject.output_shape
        if proposal.value is None:
            return None
        return _validate.index(proposal.value, shape[-1] if shape else 1, "target", "the model's output")

    @traitlets.validate("target_step")
    def _valid_target_step(self, proposal: Any) -> int:
        n_steps = self._subject.n_output_steps or 1
        return _validate.index(proposal.value, n_steps, "target_step", "the model's output")

    @traitlets.validate("units")
    def _valid_units(self, proposal: Any) -> tuple[int, int] | None:
        return None if proposal.value is None else _validate.rows_range(proposal.value)

    @traitlets.validate("current_step")
    def _valid_current_step(self, proposal: Any) -> int | None:
        if proposal.value is None:
            return None
        return _validate.index(proposal.value, self._subject.samples.longest, "current_step", "the longest sample")

    @traitlets.validate("threshold")
    def _valid_threshold(self, proposal: Any) -> float:
        return _validate.threshold(proposal.value, *self._subject.thresholds)

    @traitlets.validate("head", "query_step")
    def _valid_attended(self, proposal: Any) -> int | None:
        what, attention = proposal.trait.name, self._subject.attention
        if proposal.value is None:
            return None
        if not attention.layers:
            _validate.without_attention(what, proposal.value)
        layer = attention.layer(self.layer)
        n_heads, n_queries = attention.find(layer, self.sample).scores.shape[:2]
        of = f"layer {layer!r}" if what == "head" else f"layer {layer!r} for sample {self.sample}"
        return _validate.index(proposal.value, n_heads if what == "head" else n_queries, what, of)

    @traitlets.validate("epoch")
    def _valid_epoch(self, proposal: Any) -> int | None:
        if proposal.value is None:
            return None
        record = self._subject.training.record
        return _validate.epoch(proposal.value, [] if record is None else record.epochs)

    @traitlets.validate("metric")
    def _valid_metric(self, proposal: Any) -> str:
        return _validate.one_of(proposal.value, metrics_for(self._subject), "metric")
