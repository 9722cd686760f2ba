"""The whole layer: filters × time as a picture, or units as bars, and what its colours mean."""

from __future__ import annotations

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.activations import Activations
from tswidgets.plots.bars import UnitBars
from tswidgets.plots.colors import limits
from tswidgets.plots.figure import ValueAxis, counting_ticks, figure
from tswidgets.plots.ranges import extremes_of_each, has_gaps
from tswidgets.plots.raster import Raster
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last

Floats = NDArray[np.float32]
HEIGHT = 210


class LayerView:
    """`rows` go among the figures, `colors` beside them; `title` says whether the time axis is named here.

    meaning : what stands above the colours.
    """

    def __init__(self, time: TimeAxis, *, title: bool = True, meaning: str = "Colour") -> None:
        self._meaning, self._time = meaning, time
        self._raster = Raster(time)
        self._value = ValueAxis(HEIGHT)
        self._bars = UnitBars(self._value.scale)
        self._row_axis = bqplot.Axis(scale=self._raster.rows, side="left", grid_lines="none", tick_format="d")
        self._time_axis = time.axis(title=title, numbers=True)
        self._caption, self.colors = text.Text("tsw-caption"), text.Text("tsw-colors")
        self._last, self._last_choice = Last(), Last()
        self.figure = figure(
            [*self._raster.marks, *self._bars.marks],
            [self._row_axis, self._value.axis, self._time_axis, self._bars.axis],
            height=HEIGHT,
            name="layer",
            bottom=44 if title else 22,
        )
        self.rows = [self._caption, self.figure]

    @property
    def parts(self) -> dict[str, bqplot.Lines]:
        """What marks the filter, by the names of a `FilterSlicer`'s traits."""
        return {"row": self._raster.chosen, "bar": self._bars.chosen}

    def show_steps(
        self,
        layer: Activations,
        steps: Floats,
        word: str,
        filter: int,
        value_range: tuple[float, float],
        *,
        of: str = "",
    ) -> None:
        """A layer whose steps belong at the input steps `steps`; its colours span `value_range`.

        of : what the rows are of, if not of the layer.
        """
        low, high, signed = limits(*value_range)
        window = self._time.window
        if self._last.differs("steps", of or layer.layer, window, layer.values, steps, low, high):
            self._switch(steps=True)
            step_run, filter_run = self._raster.show(
                steps, layer.values, layer.absent, low, high, signed=signed, window=window
            )
            self._row_axis.tick_values = counting_ticks(layer.values.shape[1])
            self._describe(layer, of or layer.layer, word, (low, high, signed), step_run, filter_run)
        if self._last_choice.differs("steps", filter):
            self._raster.choose(filter)

    def show_units(self, layer: Activations, word: str, unit: int, value_range: tuple[float, float]) -> None:
        """A layer without a time axis."""
        self._value.fit(min(value_range[0], 0.0), max(value_range[1], 0.0))
        if self._last.differs("units", layer.layer, layer.values):
            self._switch(steps=False)
            run = self._bars.show(layer.values)
            note = f"each bar is the strongest of {run}" if run > 1 else ""
            self._caption.write(text.caption(all_of(len(layer.values), word, layer.layer), note))
            self.colors.write("")
        if self._last_choice.differs("units", unit, float(layer.values[unit])):
            self._bars.choose(unit, float(layer.values[unit]))

    def explain(self, why: str) -> None:
        """Nothing to draw: say why."""
        self._last.forget()
        self._last_choice.forget()
        self._raster.hide()
        self._bars.hide()
        self._row_axis.visible = self._value.axis.visible = self._bars.axis.visible = False
        self._time_axis.visible = True
        self._caption.write(text.caption("Nothing to draw", why))
        self.colors.write("")

    def give_way(self, other: bool) -> None:
        """Whether another view stands in its place; coming back it draws everything anew."""
        self.figure.layout.display = self._caption.layout.display = "none" if other else None
        if other:
            self._last.forget()
            self._last_choice.forget()

    def close(self) -> None:
        self._raster.close()

    def _switch(self, *, steps: bool) -> None:
        """The figure keeps its place and its size; marks and axes of the other kind are hidden."""
        self._last_choice.forget()
        (self._bars if steps else self._raster).hide()
        self._row_axis.visible = self._time_axis.visible = steps
        self._value.axis.visible = self._bars.axis.visible = not steps

    def _describe(
        self, layer: Activations, of: str, word: str, span: tuple[float, float, bool], step_run: int, filter_run: int
    ) -> None:
        (low, high, signed), ranges = span, extremes_of_each(layer.values)
        clipped = bool((ranges[:, 0] < low).any() or (ranges[:, 1] > high).any())
        shared = f"each row is the strongest of {text.plural(filter_run, word)}" if filter_run > 1 else ""
        merged = f"each column is the strongest of {step_run} steps" if step_run > 1 else ""
        unreal = int((has_gaps(layer.values) & ~layer.absent).sum())
        self._caption.write(
            text.caption(
                all_of(layer.values.shape[1], word, of),
                text.plural(len(layer.values), "step"),
                f"{unreal} of them not a number, grey" if unreal else "",
                shared,
                merged,
            )
        )
        self.colors.write(
            text.colorbar(low, high, signed, "some values lie beyond the scale" if clipped else "", self._meaning)
        )


def all_of(count: int, word: str, of: str) -> str:
    return f"The only {word} of {of}" if count == 1 else f"All {text.plural(count, word)} of {of}"
