"""A layer's step as arithmetic that can be done again by hand: HTML of what is multiplied, added up and bent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.convolution_step import ConvolutionStep
from tswidgets.analysis.layer_step import LayerStep
from tswidgets.analysis.pooling_step import PoolingStep
from tswidgets.analysis.recurrent_step import Gate, RecurrentStep
from tswidgets.widgets import text
from tswidgets.widgets.text import number
from tswidgets.widgets.views.gates import NAMES
from tswidgets.widgets.views.grids import cell, is_table, picture, pictures, row, sign, table, words

Floats = NDArray[np.float32]
STRONGEST = 3  # products that are told in words
MOST_ADDENDS = 8  # values of an average that are written out
LINEAR = "linear"


@dataclass(frozen=True)
class Spans:
    """Where the colours of each picture end: they stay while one slides along."""

    window: float
    kernel: float
    products: float


def told(step: LayerStep, names: Sequence[str], colors: Sequence[str], spans: Spans) -> tuple[str, str]:
    """(pictures or a table, lines of arithmetic) of a step; the input's channels by their names and lines' colours."""
    if isinstance(step, ConvolutionStep):
        return _convolution(step, names, colors, spans), _added_up(step, names)
    if isinstance(step, PoolingStep):
        return _pooling(step, names, colors, spans), _pooled(step)
    return _gates(step, spans), _recurrence(step)


# ---------------------------------------------------------------------------------------------------------- convolution


def _convolution(step: ConvolutionStep, names: Sequence[str], colors: Sequence[str], spans: Spans) -> str:
    size, n_channels = step.window.shape
    if not is_table(size, n_channels):
        return pictures(
            picture("Input", step.window.T, spans.window, "channel", "step"),
            sign("×"),
            picture("Kernel", step.kernel.T, spans.kernel, "channel", "weight"),
            sign("="),
            picture("Products", step.products.T, spans.products, "channel", "product"),
        )
    head = ["step", *(_place(step.steps[k], bool(step.masked[k])) for k in range(size)), "sum"]
    rows = []
    for i, channel in enumerate(step.channels):
        cells = [
            cell(
                (number(step.window[k, i]), f"× {number(step.kernel[k, i])}", f"= {number(step.products[k, i])}"),
                float(step.products[k, i]),
                spans.products,
                "tsw-nothing" if step.padding[k] else "",
            )
            for k in range(size)
        ]
        with np.errstate(invalid="ignore"):  # of infinite values
            total = float(step.products[:, i].sum(dtype=np.float64))
        rows.append(row(names[channel], [*cells, cell([number(total)], 0, 0, "tsw-row-sum")], colors[channel]))
    return table(head, rows)


def _added_up(step: ConvolutionStep, names: Sequence[str]) -> str:
    added = f"sum of {text.plural(step.products.size, 'product')}: <b>{number(step.sum)}</b>"
    if step.bias is not None:
        bias = number(abs(step.bias))
        sign = "−" if step.bias < 0 else "+"
        added += f" &nbsp; {number(step.sum)} {sign} <b>{bias}</b> (bias) = <b>{number(step.pre_activation)}</b>"
    else:
        added += ", no bias"
    return words(
        f"{added} &nbsp; {_applied(step.function, step.pre_activation, step.activation)}",
        "" if is_table(*step.window.shape) else _strongest(step, names),
        _missing(int(step.padding.sum()), "reads 0 there"),
    )


def _strongest(step: ConvolutionStep, names: Sequence[str]) -> str:
    size = np.where(np.isfinite(step.products), np.abs(step.products), 0)
    found = []
    for flat in np.argsort(-size, axis=None, kind="stable")[:STRONGEST]:
        k, i = np.unravel_index(int(flat), size.shape)
        if size[k, i]:
            at = f"step {step.steps[k]}, {escape(names[step.channels[i]])}"
            by = f"{number(step.window[k, i])} × {number(step.kernel[k, i])}"
            found.append(f"{at}: {by} = {number(step.products[k, i])}")
    line = f"strongest products: {'; '.join(found)}"
    return f'<p class="tsw-line" title="{line}">{line}</p>' if found else ""


def _place(step: int, masked: bool) -> str:
    return "none" if step < 0 else f"{step} <small>padding</small>" if masked else str(step)


def _missing(count: int, does: str) -> str:
    return f"{text.plural(count, 'place')} without a step of the input: the layer {does}" if count else "&nbsp;"


def _applied(function: str, before: float, after: float) -> str:
    if function == LINEAR:
        return f"no activation function, the answer is <b>{number(after)}</b>"
    return f"{escape(function)}({number(before)}) = <b>{number(after)}</b>"


# -------------------------------------------------------------------------------------------------------------- pooling


def _pooling(step: PoolingStep, names: Sequence[str], colors: Sequence[str], spans: Spans) -> str:
    name, values = names[step.filter], np.where(step.counts, step.window, np.float32(np.nan))
    if not is_table(len(step.steps), 1):
        return pictures(picture(f"Window of {name}", values[None], spans.window, "channel", "step"))
    head = ["step", *(_place(one, bool(one >= 0 and not step.counts[k])) for k, one in enumerate(step.steps))]
    cells = [
        cell(
            [number(value) if step.counts[k] else "left out"],
            float(value),
            spans.window,
            "tsw-winner" if step.winner is not None and step.steps[k] == step.winner else "",
        )
        for k, value in enumerate(values)
    ]
    return table(head, [row(name, cells, colors[step.filter])])


def _pooled(step: PoolingStep) -> str:
    values, own = step.window[step.counts], f"<b>{number(step.activation)}</b>"
    if not step.count:
        return words("no value counts: the layer returns " + own)
    if step.how == "max":
        at = f", at step {step.winner}" if step.winner is not None else ""
        found = f"largest of {text.plural(step.count, 'value')}: {own}{at}"
    elif step.count <= MOST_ADDENDS:
        found = f"({' + '.join(number(float(value)) for value in values)}) / {step.count} = {own}"
    else:
        found = f"sum <b>{number(step.sum)}</b> / {step.count} values = {own}"
    masked = int((~step.counts & (step.steps >= 0)).sum())
    return words(
        found,
        _missing(int((step.steps < 0).sum()), "leaves them out"),
        f"{text.plural(masked, 'step')} of padding left out" if masked else "",
    )


# ----------------------------------------------------------------------------------------------------------- recurrence


def _gates(step: RecurrentStep, spans: Spans) -> str:
    rows = []
    for name, gate in step.gates.items():
        parts = gate.input, gate.reset * (gate.recurrent + gate.recurrent_bias), gate.bias, gate.sum
        cells = [cell([number(part)], part, spans.products) for part in parts]
        cells.append(cell([f"{gate.function} {number(gate.value)}"], gate.value, 1.0, "tsw-gate"))
        rows.append(row(NAMES[name], cells))
    head = ["", "input", "+ recurrent", "+ bias", "= sum", "→ value"]
    order = ", ".join(step.gates)
    ins = np.stack([gate.input_products for gate in step.gates.values()])
    backs = np.stack([gate.recurrent_products for gate in step.gates.values()])
    return table(head, rows, "tsw-gates") + pictures(
        picture("Input × weights", ins, spans.kernel, "gate", "channel", order),
        picture("State before × weights", backs, spans.kernel, "gate", "unit", order),
    )


def _recurrence(step: RecurrentStep) -> str:
    values = {name: number(gate.value) for name, gate in step.gates.items()}
    before, h = number(float(step.h_before[step.unit])), f"<b>{number(step.h)}</b>"
    if step.c is not None and step.c_before is not None:
        c = number(step.c)
        bent = "c" if step.function == LINEAR else f"{escape(step.function)}(c)"
        of = c if step.function == LINEAR else f"{escape(step.function)}({c})"
        kept = f"{values['f']} × {number(step.c_before)} + {values['i']} × {values['g']}"
        return words(
            f"c = f · c before + i · g = {kept} = <b>{c}</b>",
            f"h = o · {bent} = {values['o']} × {of} = {h}",
        )
    if "z" in step.gates:
        return words(
            f"h = z · h before + (1 − z) · candidate = {values['z']} × {before} + (1 − {values['z']}) × "
            f"{values['candidate']} = {h}",
            _reset(step.gates["candidate"]),
        )
    gate = step.gates["h"]
    return words(f"h = {_applied(gate.function, gate.sum, gate.value)}")


def _reset(gate: Gate) -> str:
    if gate.reset == 1.0 and not gate.recurrent_bias:
        return "candidate: its recurrent part is made of r · h before"
    inside = f"{number(gate.recurrent)} + {number(gate.recurrent_bias)}"
    found = f"{number(gate.reset)} × ({inside}) = {number(gate.reset * (gate.recurrent + gate.recurrent_bias))}"
    return f"candidate: its recurrent part is r · (state before · weights + bias) = {found}"
