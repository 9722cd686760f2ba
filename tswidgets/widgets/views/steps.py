"""Labels and predictions of each step: behind the input, in lanes below it, and against the output's curves."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import bqplot
import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.agreement import Agreement
from tswidgets.plots.colors import ACCENT, CATEGORIES, NEUTRAL
from tswidgets.plots.figure import TOP, ValueAxis, figure
from tswidgets.plots.lanes import row_axis
from tswidgets.plots.lines import ChannelLines
from tswidgets.plots.states import StateRaster, rgba
from tswidgets.plots.timeaxis import TimeAxis
from tswidgets.widgets import text
from tswidgets.widgets.views.last import Last

Floats = NDArray[np.float32]
States = NDArray[np.uint8]

LANES = {"label": NEUTRAL, "predicted": CATEGORIES[0], "missed": ACCENT, "false": CATEGORIES[3]}
"""What is told of each step, and its colour."""
LABEL, PREDICTED, MISSED, FALSE = range(1, 5)  # states of the lanes
STRENGTH, FAINT = 0.4, 0.2  # opacity of a band behind lines, and of a lane that stands back
BAND_ROWS, EDGE = 20, 1  # rows of the band, of which one at either edge tells of errors
LANE, PAIR = 18, 26  # pixels of a lane, and of one with label and prediction
LOWEST, HIGHEST = 72, 300  # pixels of all lanes, with few and with many outputs
HEIGHT = 130


class LabelBand:
    """The label as a band behind lines: grey of a single output, else in the colours of the outputs.

    Of a figure that tells of errors, missed steps have a mark at its upper edge and false ones at its lower edge.
    """

    def __init__(self, time: TimeAxis, n_outputs: int, *, errors: bool) -> None:
        colors = [NEUTRAL] if n_outputs == 1 else list(CATEGORIES)
        self._n_colors, self._errors = len(colors), errors
        tints = [rgba(color, STRENGTH) for color in colors]
        marks = [rgba(LANES["missed"]), rgba(LANES["false"])]
        self._raster = StateRaster(time, np.array([(0, 0, 0, 0), *tints, *marks], np.uint8))
        self.image = self._raster.image

    def show(self, steps: Floats, of: Agreement) -> None:
        """The first sample's labels, at the input steps `steps`."""
        yes = of.yes[0]
        n_steps, n_outputs = yes.shape
        classes = 1 + np.arange(n_outputs) % self._n_colors
        tint = (yes * classes).astype(np.uint8)
        if of.exclusive:  # one class each: all of the height is its
            tint = tint.max(axis=1, keepdims=True)
        states: States = np.repeat(tint, -(-BAND_ROWS // tint.shape[1]), axis=1)
        if self._errors:
            wrong = _edge(of.missed[0], self._n_colors + 1), _edge(of.false[0], self._n_colors + 2)
            below = np.zeros((n_steps, EDGE), np.uint8) if of.exclusive else wrong[1]
            states = np.concatenate([wrong[0], states, below], axis=1)
        self._raster.show(steps, states)

    def hide(self) -> None:
        self._raster.hide()


class StepLanes:
    """One output: a lane each for label, prediction, missed and false steps. Several: one each, with label above and
    prediction below, in other colours where the label is missed or the prediction false."""

    def __init__(self, time: TimeAxis, names: Sequence[str]) -> None:
        self._paired = len(names) > 1
        self._names = list(names) if self._paired else list(LANES)
        self._title = "Label above prediction" if self._paired else "Label and prediction"
        area = min(max((PAIR if self._paired else LANE) * len(self._names), LOWEST), HIGHEST)
        opaque, faint = ([rgba(color, one) for color in LANES.values()] for one in (1.0, FAINT))
        self._raster = StateRaster(time, np.array([(0, 0, 0, 0), *opaque, *faint], np.uint8))
        self._caption = text.Text("tsw-caption")
        self._last = Last()
        self._lifted: Collection[int] = ()
        self._shown: tuple[Floats, States] | None = None
        self.figure = figure(
            [self._raster.image],
            [row_axis(self._raster.rows, self._names, area), time.axis()],
            height=TOP + area + 10,
            name="step-lanes",
        )
        self.rows = [self._caption, self.figure]

    def show(self, steps: Floats, of: Agreement, *notes: str) -> None:
        """The first sample's steps, at the input steps `steps`."""
        states = _paired(of) if self._paired else _apart(of)
        if self._last.differs(steps, states):
            self._shown = steps, states
            self._paint()
        worst = f"each column is the worst of {self._run} steps" if self._run > 1 else ""
        key = ("orange: missed", "pink: false") if self._paired else ()
        self._caption.write(text.caption(self._title, *key, *notes, worst))

    def explain(self, why: str) -> None:
        self._last.forget()
        self._shown = None
        self._raster.hide()
        self._caption.write(text.caption(self._title, why))

    def lift(self, lanes: Collection[int]) -> None:
        """Bring some lanes forward and let the others stand back; none lifts all."""
        self._lifted = lanes
        if self._shown is not None:
            self._paint()

    def _paint(self) -> None:
        assert self._shown is not None
        steps, states = self._shown
        n_lanes = len(self._names)
        back = [bool(self._lifted) and lane not in self._lifted for lane in range(n_lanes)]
        behind = np.repeat(back, states.shape[1] // n_lanes) & (states > 0)
        self._run = self._raster.show(steps, np.where(behind, states + FALSE, states).astype(np.uint8), n_lanes)


class StepCurves:
    """Outputs over time on the band of the label, with the threshold as a line where there is one."""

    def __init__(self, time: TimeAxis, n_outputs: int, *, thresholded: bool) -> None:
        self._value = ValueAxis(HEIGHT)
        self.band = LabelBand(time, n_outputs, errors=False)
        self._lines = ChannelLines(time, self._value.scale, n_outputs)
        if n_outputs == 1:
            self._lines.marks[0].colors = [LANES["predicted"]]
        self._threshold = bqplot.Lines(
            x=np.array(time.home, np.float32),
            y=np.zeros(2, np.float32),
            scales={"x": time.scale, "y": self._value.scale},
            colors=[NEUTRAL],
            line_style="dashed",
            stroke_width=1.6,
            visible=thresholded,
        )
        self._caption = text.Text("tsw-caption")
        self._last = Last()
        self.figure = figure(
            [self.band.image, self._threshold, *self._lines.marks],
            [self._value.axis, time.axis(title=True, numbers=True)],
            height=HEIGHT + 36,
            name="step-output",
            bottom=44,
        )
        self.figure.add_class("tsw-attributed")  # whose lines have a halo
        self.rows = [self._caption, self.figure]

    def show(
        self, steps: Floats, outputs: Floats, of: Agreement, threshold: float, value_range: tuple[float, float]
    ) -> None:
        """`outputs` of shape (n_steps, n_outputs), NaN at padding, at the input steps `steps`."""
        finite = outputs[np.isfinite(outputs)]
        low, high = float(finite.min(initial=value_range[0])), float(finite.max(initial=value_range[1]))
        self._value.fit(low, high)
        if self._last.differs(steps, outputs, of.yes):
            self._lines.show(outputs, steps)
            self.band.show(steps, of)
        thresholded = bool(self._threshold.visible)
        if thresholded and self._threshold.y[0] != np.float32(threshold):
            self._threshold.y = np.full(2, threshold, np.float32)
        unreal = int((~np.isfinite(outputs) & of.counted[0][:, None]).sum())
        self._caption.write(
            text.caption(
                "Output per step",
                "band: label",
                f"dashed: threshold {text.number(threshold)}" if thresholded else "the largest is predicted",
                f"{text.plural(unreal, 'value')} missing or infinite, drawn as gaps" if unreal else "",
                text.decimated(self._lines.run),
            )
        )

    def explain(self, why: str) -> None:
        self._last.forget()
        self._lines.visible = False
        self.band.hide()
        self._caption.write(text.caption("Output per step", why))

    def lift(self, outputs: Collection[int]) -> None:
        self._lines.lift(outputs)


def _edge(wrong: NDArray[np.bool_], state: int) -> States:
    return np.where(wrong.any(axis=1), np.uint8(state), np.uint8(0))[:, None]


def _apart(of: Agreement) -> States:
    """(n_steps, n_rows): a lane of four rows and a gap for label, prediction, missed and false."""
    lanes = np.stack([one[0, :, 0] for one in (of.yes, of.predicted_yes, of.missed, of.false)], axis=1)
    states = (lanes * np.array([LABEL, PREDICTED, MISSED, FALSE])).astype(np.uint8)
    return _with_gaps(np.repeat(states, 4, axis=1), 4)


def _paired(of: Agreement) -> States:
    """(n_steps, n_rows): for each output two rows of label, two of prediction and a gap."""
    label = np.where(of.missed[0], MISSED, LABEL) * of.yes[0]
    predicted = np.where(of.false[0], FALSE, PREDICTED) * of.predicted_yes[0]
    pairs = np.stack([label, label, predicted, predicted], axis=2).astype(np.uint8)
    return _with_gaps(pairs.reshape(len(pairs), -1), 4)


def _with_gaps(rows: States, every: int) -> States:
    """An empty row after every few."""
    lanes = rows.reshape(len(rows), -1, every)
    return np.pad(lanes, ((0, 0), (0, 0), (0, 1))).reshape(len(rows), -1)
