"""One recurrent unit over time: its states, and its gates from shut to open."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets.plots.colors import CATEGORIES, NEUTRAL
from tswidgets.plots.figure import ValueAxis, figure
from tswidgets.plots.lines import NamedLines, zero_line
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.legend import ChannelLegend

Floats = NDArray[np.float32]
HEIGHT = 110
TICKS = 5  # at most; with fewer a scale can be left with one
NAMES = {
    "h": "h, hidden state",
    "c": "c, cell state",
    "i": "i, input gate",
    "f": "f, forget gate",
    "g": "g, cell input",
    "o": "o, output gate",
    "z": "z, update gate",
    "r": "r, reset gate",
    "candidate": "candidate state",
}
STYLES = {
    "h": (CATEGORIES[5], "solid"),
    "c": (CATEGORIES[0], "solid"),
    "g": (NEUTRAL, "dashed"),
    "candidate": (NEUTRAL, "dashed"),
    "i": (CATEGORIES[2], "solid"),
    "f": (CATEGORIES[3], "dashed"),
    "o": (CATEGORIES[4], "dash_dotted"),
    "z": (CATEGORIES[2], "solid"),
    "r": (CATEGORIES[3], "dashed"),
}
PARTS = {
    "states": ("h", "g", "candidate"),
    "memory": ("c",),  # grows far beyond the others, which would be flat lines beside it
    "gates": ("i", "f", "o", "z", "r"),
}
FILLED = {"i": "bottom", "z": "top"}  # how much is let in, at a glance: Keras' GRU keeps z and lets in 1 - z


class UnitCurves:
    """`rows` go among the figures, `legend` beside them.

    names : keys of `NAMES`, what the recurrent layers of the model have; one that a layer lacks is not drawn.
    """

    def __init__(self, time: TimeAxis, names: tuple[str, ...]) -> None:
        self._last = Last()
        there = {part: [name for name in of if name in names] for part, of in PARTS.items()}
        self.parts = {part: Part(time, of) for part, of in there.items() if of}
        self.figures = [part.figure for part in self.parts.values()]
        self.rows: list[ipywidgets.Widget] = [
            row for part in self.parts.values() for row in (part.caption, part.figure)
        ]
        self._order = [name for part in self.parts.values() for name in part.names]
        self.legend = ChannelLegend([NAMES[name] for name in self._order], [STYLES[name] for name in self._order])
        self.legend.title = "unit"

    def show(
        self,
        title: str,
        steps: Floats,
        values: Mapping[str, Floats],
        ranges: Mapping[str, tuple[float, float]],
        read: Mapping[str, Floats],
    ) -> None:
        """`values` : name → (n_steps,) at the input steps `steps`, NaN at padding; `read` : at every input step.

        `ranges` : name → what its scale spans at least; gates are drawn from 0 to 1.
        """
        for key, part in self.parts.items():
            ends = [end for name in part.names for end in ranges.get(name, ())]
            if ends and key != "gates":
                part.value.fit(float(np.fmin.reduce(ends)), float(np.fmax.reduce(ends)))
        if not self._last.differs(title, steps, tuple(values), *values.values()):
            return
        titles = {"states": title, "memory": "Its memory", "gates": "Its gates"}
        for key, part in self.parts.items():
            own = {name: values[name] for name in part.names if name in values}
            part.lines.show(steps, own)
            part.let_be_seen(bool(own))
            told = _opened(own) if key == "gates" else ", ".join(NAMES[name] for name in own)
            part.caption.write(text.caption(titles[key], told, text.decimated(part.lines.run)))
        nothing = np.full(len(next(iter(read.values()))), np.nan, np.float32)
        self.legend.show(np.stack([read.get(name, nothing) for name in self._order], axis=1))

    def explain(self, why: str) -> None:
        self._last.forget()
        for key, part in self.parts.items():
            part.lines.hide()
            part.let_be_seen(key == "states")
        self.parts["states"].caption.write(text.caption("One unit", why))


class Part:
    """Some of a unit's curves, on a scale of their own."""

    def __init__(self, time: TimeAxis, names: list[str]) -> None:
        self.names, self.value = names, ValueAxis(36 * TICKS)
        self.lines = NamedLines(time, self.value.scale, {name: STYLES[name] for name in names}, filled=FILLED)
        self.caption = text.Text("tsw-caption")
        zero = [] if set(names) & set(PARTS["gates"]) else [zero_line(time, self.value.scale)]
        marks = [*zero, *self.lines.marks]
        self.figure = figure(marks, [self.value.axis, time.axis()], height=HEIGHT, name="curve")

    def let_be_seen(self, on: bool) -> None:
        for row in (self.caption, self.figure):
            row.layout.display = None if on else "none"


def _opened(gates: Mapping[str, Floats]) -> str:
    """At how many of the steps each gate is more open than shut; an open update gate of a GRU lets nothing in."""
    present = {name: gate[np.isfinite(gate)] for name, gate in gates.items()}
    told = [f"{name} {'keeps' if name == 'z' else 'open'} at {(gate > 0.5).sum()}" for name, gate in present.items()]
    n_steps = max(map(len, present.values()), default=0)
    return f"{', '.join(told)} of {text.plural(n_steps, 'step')}" if told else ""
