"""A model's answer in words and bars of HTML. Names are escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tswidgets.widgets.text import number

Floats = NDArray[np.float32]
MOST_CLASSES = 14  # more classes than that are cut to the likeliest


def class_name(index: int, class_names: Sequence[str] | None) -> str:
    return class_names[index] if class_names is not None and index < len(class_names) else f"class {index}"


def prediction(
    output: Floats,
    label: Any,
    names: Sequence[str] | None,
    explained: int | None = None,
    title: str = "Prediction",
    styles: Sequence[tuple[str, str]] = (),
) -> str:
    """The model's answer, `output` of shape (n_outputs,), as one bar per class, or as a number; `label` likewise.

    explained : a class that is marked as the one that the figures explain; `styles` : (colour, line style) of the
        curves that the classes have in a figure.
    """
    if output.size == 1:
        told = "" if label is None else f'<span class="tsw-true">label {number(float(label))}</span>'
        name = escape(names[0]) if names else "output"
        return f"<h4>{title}</h4>{name} <b>{number(float(output[0]))}</b> {told}"
    best, order = int(np.nanargmax(output)) if np.isfinite(output).any() else -1, np.arange(output.size)
    if output.size > MOST_CLASSES:
        keep = set(np.argsort(-output)[: MOST_CLASSES - 1].tolist())
        keep |= {one for one in (label, explained) if isinstance(one, int)}
        order = np.array(sorted(keep))
    largest = _largest(output)
    rows = [
        _row(
            class_name(int(i), names),
            _bar(output[i], largest),
            number(float(output[i])),
            "tsw-best" if i == best else "",
            _is(label, int(i)),
            i == explained,
            styles[int(i)] if i < len(styles) else None,
        )
        for i in order
    ]
    return _classes(rows, output.size - len(order), title)


def comparison(before: Floats, after: Floats, label: Any, names: Sequence[str] | None) -> str:
    """Two answers of shape (n_outputs,): for each class one bar above the other."""
    if after.size == 1:
        told = "" if label is None else f'<div class="tsw-true">label {number(float(np.ravel(label)[0]))}</div>'
        return (
            f"<h4>Prediction</h4>{escape(names[0]) if names else 'output'} <b>{_arrow(before[0], after[0])}</b>{told}"
        )
    largest = _largest(np.concatenate([before, after]))
    keep = set(np.argsort(-np.fmax(before, after))[:MOST_CLASSES].tolist())
    keep |= {label} if isinstance(label, int) else set()
    best = int(np.nanargmax(after)) if np.isfinite(after).any() else -1
    rows = []
    for i in sorted(keep):
        bars = _bar(before[i], largest, "tsw-before") + _bar(after[i], largest, "tsw-after")
        kind = "tsw-compared tsw-best" if i == best else "tsw-compared"
        rows.append(_row(class_name(i, names), bars, _arrow(before[i], after[i]), kind, _is(label, i)))
    return _classes(rows, after.size - len(keep))


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


def _is(label: Any, index: int) -> bool:
    """Whether a label is this class; several numbers are none."""
    return isinstance(label, int) and label == index


def _classes(rows: Sequence[str], left_out: int, title: str = "Prediction") -> str:
    more = f"<div>and {left_out} less likely classes</div>" if left_out else ""
    return f'<h4>{title}</h4><div class="tsw-prediction">{"".join(rows)}</div>{more}'


def _row(
    name: str,
    bars: str,
    value: str,
    kind: str,
    true: bool,
    explained: bool = False,
    style: tuple[str, str] | None = None,
) -> str:
    key = "" if style is None else _key(*style)
    mark = ' aria-current="true"' if explained else ""
    told = f"{name}, explained" if explained else name
    return (
        f'<div class="{" ".join(filter(None, ("tsw-class", kind)))}" title="{escape(told)}"{mark}>{bars}'
        f'<span class="tsw-name">{key}{escape(name)}</span><span class="tsw-value">{value}</span>'
        f'<span class="tsw-true">{"◂ label" if true else ""}</span></div>'
    )


def _key(color: str, line_style: str) -> str:
    """A piece of the class' line, in front of its name."""
    border = line_style if line_style in ("solid", "dotted") else "dashed"
    return f'<b class="tsw-key" style="border-top: 2px {border} {color}"></b>'


def _bar(value: float, largest: float, kind: str = "") -> str:
    width = 100 * min(abs(float(value)) / largest, 1) if np.isfinite(value) else 0
    return f'<i{f" class={kind}" if kind else ""} style="width:{width:.1f}%"></i>'


def _arrow(before: float, after: float) -> str:
    return f"{number(float(before))} → {number(float(after))}"


def _largest(output: Floats) -> float:
    """What a whole bar stands for: 1 for probabilities."""
    probability = bool((output >= 0).all() and (output <= 1).all())
    return max(float(np.abs(output[np.isfinite(output)]).max(initial=0.0)), 1.0 if probability else 1e-30)
