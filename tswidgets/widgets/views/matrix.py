"""All pairs of a layer's filters as two squares: what removing a pair changes, and how far that exceeds its singles."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets.analysis.ablation import PairAblation
from tswidgets.plots.matrix import MatrixPicture
from tswidgets.widgets import text
from tswidgets.widgets.matrix_cursor import MatrixCursor
from tswidgets.widgets.views.last import Last

Floats = NDArray[np.float32]


class PairsView:
    """`rows` go among the figures, `colors` beside them; `cursor.pair` is the chosen cell."""

    def __init__(self) -> None:
        self._caption, self.colors = text.Text("tsw-caption"), text.Text("tsw-colors")
        self._matrix, self._interaction = MatrixPicture("pairs"), MatrixPicture("interaction")
        self._title, title = text.Text("tsw-caption"), text.Text("tsw-caption")
        title.write(text.caption("Interaction", "a pair less its two singles"))
        self._squares = ipywidgets.Box(
            [
                ipywidgets.VBox([self._title, self._matrix.figure]),
                ipywidgets.VBox([title, self._interaction.figure]),
            ]
        )
        self._squares.add_class("tsw-squares")
        self.cursor = MatrixCursor()
        self._last = Last()
        self.rows = [self._caption, self._squares, self.cursor]

    def show(self, found: PairAblation, word: str, *, larger_is_worse: bool) -> None:
        """Draw what is found so far; orange is worse, whether that is a larger metric or a smaller one."""
        self._visible(True)
        if not self._last.differs(found, word, larger_is_worse):
            return
        n, finished = len(found.matrix), found.complete and found.total > len(found.matrix)
        with np.errstate(over="ignore", invalid="ignore"):  # a metric may be infinite
            change, interaction = found.change.astype(np.float32), found.interaction.astype(np.float32)
        sign, diagonal = 1 if larger_is_worse else -1, np.eye(n, dtype=bool)
        unknown = np.isnan(change) & (not finished)
        most, beyond = _most(change), _most(interaction)
        run = self._matrix.show(sign * change, unknown, most, word)
        self._interaction.show(sign * interaction, diagonal | np.isnan(interaction) & (not finished), beyond, word)
        self.cursor.show(change, found.before, found.metric, word, complete=finished)
        unreal = int(np.count_nonzero(np.triu(~np.isfinite(change) & ~unknown)))
        self._title.write(text.caption(f"Change of {found.metric}", "diagonal: each alone"))
        self._caption.write(
            text.caption(
                f"All pairs of {text.plural(n, word)} of {found.layer}",
                "" if finished else f"{found.done:,} of {found.total:,} computed",
                f"{found.metric} {text.number(found.before)} with all" if np.isfinite(found.before) else "",
                f"each dot is the strongest of {run} × {run} pairs" if run > 1 else "",
                f"{text.plural(unreal, 'result')} not a finite number, grey" if unreal else "",
            )
        )
        self.colors.write(
            _bar(sign * most, f"Change of {found.metric}", "without the pair; orange: worse, blue: better")
            + _bar(sign * beyond, "Interaction", "orange: the two stand in for each other; blue: their losses overlap")
        )

    def choose(self, pair: Iterable[int] | None) -> None:
        """Frame the cell of two filters, and its mirror; of one filter that on the diagonal; None frames none."""
        self.cursor.pair = sorted(set(pair or ()))

    def explain(self, why: str) -> None:
        """Nothing to draw: say why. What is chosen stays chosen."""
        self._last.forget()
        self._visible(False)
        self._caption.write(text.caption("All pairs", why))
        self.colors.write("")

    def _visible(self, shown: bool) -> None:
        self._squares.layout.display = self.cursor.layout.display = None if shown else "none"


def _most(values: Floats) -> float:
    """The largest magnitude, where colours end; 0 where there is nothing to colour."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _bar(most: float, title: str, note: str) -> str:
    """A scale from better on the left to worse on the right."""
    return text.colorbar(-most, most, True, note, title=escape(title)) if most else ""
