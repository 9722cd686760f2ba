"""How a training went: loss, metrics and learning rate over the epochs."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np
import traitlets

from tswidgets import _validate
from tswidgets.plots.epochs import EpochAxis
from tswidgets.widgets import text
from tswidgets.widgets.lifetime import close_all
from tswidgets.widgets.style import Style
from tswidgets.widgets.training import Training, read
from tswidgets.widgets.views.quantity import TRAINING, VALIDATION, QuantityView


def plot_history(history: Any, *, validation_freq: int | list[int] | None = None) -> TrainingHistory:
    """Loss, metrics and learning rate of a training over its epochs, a figure each, with what was best and what is odd.

    Parameters
    ----------
    history : keras.callbacks.History, dict or pandas.DataFrame
        What `model.fit` returned, its `.history`, or a table with one row for each epoch, as `CSVLogger` writes it.
        Epochs are counted from 1, as Keras prints them; a training that was continued begins at its own epoch.
    validation_freq : int or list of int, optional
        What `model.fit` was given. Keras does not record it: without it, fewer validation values than epochs are drawn
        only where their number leaves a single possibility.

    Returns
    -------
    TrainingHistory
        A widget. `data()` gives the numbers, arrays of shape (n_epochs,); `logarithmic = True` switches the value axes.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, or holds no epoch.
    """
    return TrainingHistory(read(history, validation_freq))


class TrainingHistory(ipywidgets.VBox):
    """The figures of `plot_history`."""

    logarithmic = traitlets.Bool(False)
    """Whether values are drawn on a logarithmic axis, where all of a quantity are above 0. Default: False."""

    def __init__(self, training: Training) -> None:
        self._training = training
        super().__init__()
        epochs = EpochAxis(int(training.epochs[0]), int(training.epochs[-1]))
        last = len(training.quantities) - 1
        self._views = [QuantityView(one, epochs, title=i == last) for i, one in enumerate(training.quantities)]
        why = "; ".join(one.not_positive for one in training.quantities)
        self._toggle = ipywidgets.ToggleButton(
            description="Logarithmic",
            disabled=not self._can_be_logarithmic,
            tooltip="Value axes in powers of ten" if self._can_be_logarithmic else f"Only above 0: {why}",
        )
        self._legend = text.Text("tsw-note")
        self._legend.write(_legend(training))
        toolbar = ipywidgets.HBox([self._legend, self._toggle])
        toolbar.add_class("tsw-toolbar")
        figures = ipywidgets.VBox([row for view in self._views for row in view.rows])
        figures.add_class("tsw-figures")
        self.children = [Style(), toolbar, figures]
        self.add_class("tsw-explorer")
        traitlets.link((self, "logarithmic"), (self._toggle, "value"))
        self._show()

    def __repr__(self) -> str:
        names = ", ".join(one.name for one in self._training.quantities)
        return f"TrainingHistory({_epochs(len(self._training.epochs))}: {names})"

    def __enter__(self) -> TrainingHistory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def data(self) -> dict[str, tuple[np.ndarray | None, np.ndarray]]:
        """What is on screen: (epochs, values) by Keras' names; epochs are None where they are not known."""
        found = {}
        for one in self._training.quantities:
            for name, track in ((one.name, one.training), (f"val_{one.name}", one.validation)):
                if track is not None:
                    found[name] = (None if track.epochs is None else track.epochs.copy(), track.values.copy())
        return found

    def close(self) -> None:
        """Close every widget that belongs to it."""
        close_all(self)

    @property
    def _can_be_logarithmic(self) -> bool:
        return not all(one.not_positive for one in self._training.quantities)

    @traitlets.validate("logarithmic")
    def _valid_logarithmic(self, proposal: Any) -> bool:
        if proposal.value and not self._can_be_logarithmic:
            _validate.no_logarithm("; ".join(one.not_positive for one in self._training.quantities))
        return bool(proposal.value)

    @traitlets.observe("logarithmic")
    def _show(self, _: Any = None) -> None:
        for view in self._views:
            view.show(logarithmic=self.logarithmic)


def _epochs(count: int) -> str:
    return f"{count:,} epoch{'' if count == 1 else 's'}"


def _legend(training: Training) -> str:
    lines = [("━━", "solid: training", TRAINING, any(one.training for one in training.quantities))]
    lines.append(("╍╍", "dashed: validation", VALIDATION, any(one.validation for one in training.quantities)))
    said = [f'<span style="color:{color}">{line}</span> {words}' for line, words, color, there in lines if there]
    if any(one.better for one in training.quantities):
        said.append("grey line and circle: best epoch")
    return " · ".join([*said, *filter(None, [training.note])])
