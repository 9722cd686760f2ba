"""What the model answered, and which of its answers is explained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from tswidgets.widgets import answers, text

Floats = NDArray[np.float32]
PREDICTED = -1  # in the menu, for which None is no value
Target = int | tuple[int, int] | None


class TargetChoice(traitlets.HasTraits):
    """A menu of classes above their scores. `side` goes beside the figures; both traits follow the menu, and it them.

    n_outputs : how many classes or numbers the model answers; with one there is no menu.
    n_steps : how many output steps there are at the most, for an answer per step; then there is a box for the step.
        Of a flat output that is the time axis, `target_of` is the step alone.
    """

    chosen = traitlets.Int(None, allow_none=True)
    """Index of the class that is explained, or None for the one that is predicted. Default: None."""
    step = traitlets.Int(0)
    """Output step that is explained, for an answer per step."""

    def __init__(self, n_outputs: int, class_names: Sequence[str] | None = None, *, n_steps: int | None = None) -> None:
        super().__init__()
        self._n_outputs, self._class_names, self._per_step = n_outputs, class_names, n_steps is not None
        names = [answers.class_name(i, class_names) for i in range(n_outputs)]
        options = [("predicted class", PREDICTED), *((name, i) for i, name in enumerate(names))]
        self.menu = ipywidgets.Dropdown(options=options, description="Explain")
        self.box = ipywidgets.BoundedIntText(min=0, max=max((n_steps or 1) - 1, 0), description="at step")
        self.summary = text.Text("tsw-summary")
        self.menu.layout.display = None if n_outputs > 1 else "none"
        self.box.layout.display = None if self._per_step else "none"
        transform = (lambda chosen: PREDICTED if chosen is None else chosen, lambda i: None if i == PREDICTED else i)
        traitlets.link((self, "chosen"), (self.menu, "value"), transform)
        traitlets.link((self, "step"), (self.box, "value"))
        choice = ipywidgets.HBox([self.menu, self.box])
        choice.add_class("tsw-target-choice")
        self.side = ipywidgets.VBox([choice, self.summary])
        self.side.add_class("tsw-targets")

    def show(self, output: Floats, target: Target, label: Any) -> None:
        """Scores with the explained one marked: `output` and `target` as in `target_of`, `label` as in `Labels`."""
        if self._per_step and isinstance(target, int):
            target = target, 0
        if not isinstance(target, tuple):
            explained = target if isinstance(target, int) and output.size > 1 else None
            self.summary.write(answers.prediction(output, label, self._class_names, explained))
            return
        step, chosen = target
        told = _at(label, step, output.shape)
        title = f"Prediction at step {step} of {len(output)}"
        explained = chosen if output.shape[1] > 1 else None
        self.summary.write(answers.prediction(output[step], told, self._class_names, explained, title))


def target_of(output: Floats, chosen: int | None, step: int = 0, *, flat: bool = False) -> Target:
    """What the methods take as `target`: the chosen class or the predicted one, indices clamped to what there is.

    output : ndarray of shape (n_outputs,), or (n_steps, n_outputs) for an answer per step.
    flat : whether the steps are the units of a flat output.

    Returns
    -------
    a class; (step, class) of an answer per step, the step of a flat one; None where the answer is a single number, or
    not a number
    """
    if output.ndim == 2:
        step = min(max(step, 0), len(output) - 1)
        return step if flat else (step, _class_of(output[step], chosen) or 0)
    return _class_of(output, chosen) if output.size > 1 else None


def _class_of(scores: Floats, chosen: int | None) -> int | None:
    if chosen is not None:
        return min(chosen, scores.size - 1)
    return int(np.nanargmax(scores)) if np.isfinite(scores).any() else None


def _at(label: Any, step: int, shape: tuple[int, ...]) -> Any:
    """The label of one output step: a class, a number, or None."""
    if not isinstance(label, np.ndarray) or len(label) != shape[0]:
        return None
    row = np.ravel(label[step])
    if row.size != shape[1] or not np.isfinite(row).all():
        return None
    return int(row.argmax()) if row.size > 1 else float(row[0])
