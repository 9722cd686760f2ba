"""What the kernel writes in words: numbers, captions, the prediction, the colour legend. Names are escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import css_gradient

MOST_CLASSES = 14  # more classes than that are cut to the likeliest


def number(value: float) -> str:
    """Three significant digits, a real minus sign."""
    if not np.isfinite(value):
        return "not a number" if np.isnan(value) else "infinite"
    return f"{value:.3g}".replace("-", "−")


def shape(axes: Sequence[int | None]) -> str:
    return " × ".join("any" if n is None else f"{n:,}" for n in axes)


def plural(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}{'es' if word.endswith(('s', 'ch')) else 's'}"


def decimated(run: int) -> str:
    """What to say of a line whose points stand for runs of steps."""
    return f"lowest and highest of every {run} steps" if run > 1 else ""


class Text(ipywidgets.HTML):
    """A line of HTML that sends nothing when it stays the same."""

    def __init__(self, css_class: str) -> None:
        super().__init__(layout=ipywidgets.Layout(width="auto", margin="0"))
        self.add_class(css_class)

    def write(self, html: str) -> None:
        self.value = html  # a trait sends nothing when it is set to what it is


def caption(title: str, *notes: str) -> str:
    """A bold title and faint notes in one line; the words are escaped."""
    rest = "".join(f" · {escape(note)}" for note in notes if note)
    return f'<div title="{escape(title + " · ".join(("", *filter(None, notes))))}"><b>{escape(title)}</b>{rest}</div>'


def class_name(index: int, class_names: Sequence[str] | None) -> str:
    return class_names[index] if class_names is not None and index < len(class_names) else f"class {index}"


def prediction(output: NDArray[np.float32], label: Any, class_names: Sequence[str] | None) -> str:
    """The model's answer, `output` of shape (n_outputs,), as one bar per class, or as a number; `label` likewise."""
    if output.size == 1:
        name = escape(class_names[0]) if class_names else "output"
        told = "" if label is None else f'<span class="tsw-true">label {number(float(label))}</span>'
        return f"<h4>Prediction</h4>{name} <b>{number(float(output[0]))}</b> {told}"
    best, order = int(np.nanargmax(output)) if np.isfinite(output).any() else -1, np.arange(output.size)
    if output.size > MOST_CLASSES:
        keep = set(np.argsort(-output)[: MOST_CLASSES - 1].tolist()) | ({label} if isinstance(label, int) else set())
        order = np.array(sorted(keep))
    left_out = output.size - len(order)
    largest = max(
        float(np.abs(output[np.isfinite(output)]).max(initial=0.0)), 1.0 if _is_probability(output) else 1e-30
    )
    rows = "".join(_class_row(int(i), float(output[i]), largest, i == best, i == label, class_names) for i in order)
    more = f"<div>and {left_out} less likely classes</div>" if left_out else ""
    return f'<h4>Prediction</h4><div class="tsw-prediction">{rows}</div>{more}'


def _is_probability(output: NDArray[np.float32]) -> bool:
    return bool((output >= 0).all() and (output <= 1).all())


def _class_row(i: int, value: float, largest: float, best: bool, true: bool, names: Sequence[str] | None) -> str:
    name, width = escape(class_name(i, names)), 100 * min(abs(value) / largest, 1) if np.isfinite(value) else 0
    return (
        f'<div class="tsw-class{" tsw-best" if best else ""}" title="{name}"><i style="width:{width:.1f}%"></i>'
        f'<span class="tsw-name">{name}</span><span class="tsw-value">{number(value)}</span>'
        f'<span class="tsw-true">{"◂ label" if true else ""}</span></div>'
    )


def colorbar(low: float, high: float, signed: bool, note: str) -> str:
    return (
        f'<h4>Colour</h4><div class="tsw-colorbar"><i style="background:{css_gradient(signed)}"></i>'
        f"<span><span>{number(low)}</span><span>{'0' if signed else ''}</span><span>{number(high)}</span></span>"
        f"{escape(note)}</div>"
    )


def outcome(sample: int, output: Any, label: Any, class_names: Sequence[str] | None) -> str:
    """`sample 3: predicted walk (0.93), labelled run`."""
    head = f"Sample {sample}"
    values = np.asarray(output)
    if values.ndim != 1:
        return head
    if values.size == 1:
        told = f"predicted {number(float(values[0]))}"
    elif np.isfinite(values).any():
        best = int(np.nanargmax(values))
        told = f"predicted {class_name(best, class_names)} ({number(float(values[best]))})"
    else:
        told = "the prediction is not a number"
    if isinstance(label, int) and values.size > 1:
        told += f", labelled {class_name(label, class_names)}"
    elif isinstance(label, (int, float)):
        told += f", labelled {number(label)}"
    return f"{head}: {told}"
