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
HEIGHT = 130
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
STATES, GATES = ("h", "c", "g", "candidate"), ("i", "f", "o", "z", "r")
FILLED = ("i", "z")  # what lets something new in: where it is open is to be seen at a glance


class UnitCurves:
    """`rows` go among the figures, `legend` beside them.

    names : keys of `NAMES`, what the recurrent layers of the model have; one that a layer lacks is not drawn.
    """

    def __init__(self, time: TimeAxis, names: tuple[str, ...]) -> None:
        self._names = names
        states = [name for name in STATES if name in names]
        gates = [name for name in GATES if name in names]
        self._value, self._open = ValueAxis(HEIGHT), ValueAxis(HEIGHT)
        self._open.fit(0.0, 1.0)
        self._states = NamedLines(time, self._value.scale, {name: STYLES[name] for name in states})
        self._gates = NamedLines(time, self._open.scale, {name: STYLES[name] for name in gates}, filled=FILLED)
        self._caption, self._gate_caption = text.Text("tsw-caption"), text.Text("tsw-caption")
        self._last = Last()
        drawn = [zero_line(time, self._value.scale), *self._states.marks]
        self.figures = [figure(drawn, [self._value.axis, time.axis()], height=HEIGHT, name="curve")]
        self.rows: list[ipywidgets.Widget] = [self._caption, self.figures[0]]
        if gates:
            axes = [self._open.axis, time.axis()]
            self.figures.append(figure(self._gates.marks, axes, height=HEIGHT, name="curve"))
            self.rows += [self._gate_caption, self.figures[1]]
        self._order = [*states, *gates]
        self.legend = ChannelLegend([NAMES[name] for name in self._order], [STYLES[name] for name in self._order])
        self.legend.title = "unit"

    def show(
        self,
        title: str,
        steps: Floats,
        values: Mapping[str, Floats],
        value_range: tuple[float, float],
        read: Mapping[str, Floats],
    ) -> None:
        """`values` : name → (n_steps,) at the input steps `steps`, NaN at padding; `read` : at every input step."""
        self._value.fit(*value_range)
        shown = tuple(values)
        if not self._last.differs(title, steps, shown, *values.values()):
            return
        self._states.show(steps, values)
        self._gates.show(steps, values)
        gates = [name for name in GATES if name in values]
        for row in self.rows[2:]:
            row.layout.display = None if gates else "none"
        self._caption.write(text.caption(title, ", ".join(NAMES[name] for name in STATES if name in values)))
        opened = [f"{NAMES[name]} open at {_share(values[name])}" for name in gates]
        self._gate_caption.write(text.caption("Its gates", *opened, text.decimated(self._gates.run)))
        nothing = np.full(len(next(iter(read.values()))), np.nan, np.float32)
        self.legend.show(np.stack([read.get(name, nothing) for name in self._order], axis=1))

    def explain(self, why: str) -> None:
        self._last.forget()
        self._states.hide()
        self._gates.hide()
        self._caption.write(text.caption("One unit", why))
        self._gate_caption.write(text.caption("Its gates", why))


def _share(gate: Floats) -> str:
    """At how many of the steps a gate is more open than shut."""
    known = gate[np.isfinite(gate)]
    return f"{int((known > 0.5).sum())} of {text.plural(len(known), 'step')}"
