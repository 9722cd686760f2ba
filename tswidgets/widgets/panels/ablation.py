"""What a model answers without some of a layer's filters, and which of them it needs."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.ablation import PairAblation
from tswidgets.selection import Selection
from tswidgets.widgets import answers, text
from tswidgets.widgets.cursor import TimeCursor
from tswidgets.widgets.panel import Input, News, Picture, actions, menu, page
from tswidgets.widgets.ranking import Question, Ranking
from tswidgets.widgets.refresher import Token
from tswidgets.widgets.subject import Subject
from tswidgets.widgets.trial import MOST, Trial, Trials, metrics_for, spread
from tswidgets.widgets.views.last import Last
from tswidgets.widgets.views.matrix import PairsView
from tswidgets.widgets.views.outcomes import outcomes_for
from tswidgets.widgets.views.switches import FilterSwitches

Floats = NDArray[np.float32]
METRICS = {
    "score": "score of the right class",
    "accuracy": "accuracy",
    "mse": "mean squared error",
    "mae": "mean absolute error",
}
ERRORS = ("mse", "mae")  # of these, more is worse
MOST_SHOWN = 12  # filters in the list of those that matter most
VALUES = {"zero": "zero", "mean": "its mean"}


@dataclass(frozen=True, eq=False, kw_only=True)
class AblationPicture(Picture):
    """What the model answers without the removed filters.

    trial : None where nothing can be removed; `why` says why.
    found : what is known of single filters and pairs, or None.
    said : what became of the search for them.
    """

    trial: Trial | None
    found: PairAblation | None
    said: str
    why: str = ""


class AblationPanel:
    """Switches for a layer's filters, the answers with and without the removed ones, the worth of each and of pairs."""

    title = "Remove filters"
    scales: Mapping[str, str] = {}

    def __init__(self, subject: Subject, news: News) -> None:
        self._subject, self._trials = subject, Trials(subject)
        self._ranking = Ranking(subject, self._trials.truth, news)
        self._shown: Selection | None = None  # what the buttons are about
        self._layer = Last()
        self.outcome = outcomes_for(subject)
        self.time, self.time_figures = self.outcome.time, self.outcome.time_figures
        self.switches, self.pairs = FilterSwitches(), PairsView()
        self._errors, self._order = text.Text("tsw-caption"), text.Text("tsw-summary")
        self._all_on = _button("All on", "Switch every filter on again")
        self._rank = _button("Rank all", "Remove each filter by itself")
        self._pairs = _button("All pairs", "Remove every two filters")
        self._metric = menu("Measure", {name: METRICS[name] for name in metrics_for(subject)})
        self._value = menu("Removed becomes", VALUES)
        self._all_on.on_click(lambda _: self.switches.set_trait("removed", []))
        self._rank.on_click(lambda _: self._ask(pairs=False))
        self._pairs.on_click(lambda _: self._ask(pairs=True))
        self.pairs.cursor.observe(self._pair_chosen, "pair")
        toolbar = actions(self._all_on, self._rank, self._pairs, self._metric, self._value)
        self.inputs: list[Input] = [
            ("removed", self.switches, "removed"),
            ("filter", self.switches, "filter"),
            ("metric", self._metric, "value"),
            ("removed_value", self._value, "value"),
        ]
        cursor = TimeCursor(self.time)  # reads values at the pointer into the legend
        cursor.layout.display = "none"
        self.box = page(
            [*self.outcome.rows, self._errors, self.switches, toolbar, *self.pairs.rows, cursor],
            [*self.outcome.side, self._order, self.pairs.colors, *self.outcome.legend],
        )
        self.box.add_class("tsw-removal")

    @staticmethod
    def applies(subject: Subject) -> bool:
        return True

    @staticmethod
    def axis(subject: Subject, layer: str) -> int:
        return subject.axis_of(layer)

    def compute(self, selection: Selection, token: Token | None = None) -> AblationPicture:
        started = clock.perf_counter()
        tap = self._subject.taps[selection.layer]
        selection = replace(selection, sample=min(selection.sample, len(self._subject.samples) - 1))
        question = self._question(selection, pairs=True)
        self._ranking.stop_unless(question)
        trial, why = None, ""
        try:
            removal = self._trials.removal(selection)
        except ValueError as error:  # nothing of this layer can be removed: that is what there is to show
            why = _validate.reason(error)
        else:
            trial = self._trials.run(removal, selection, token)
        found = self._ranking.about(question)
        return AblationPicture(
            selection=selection,
            tap=tap,
            shape=tuple(n or 0 for n in tap.shape),
            seconds=clock.perf_counter() - started,
            progress=(found.done, found.total, "removals") if found and self._ranking.running else (0, 0, ""),
            trial=trial,
            found=found,
            said=self._ranking.said,
            why=why,
        )

    def show(self, picture: AblationPicture) -> None:
        trial, found, tap = picture.trial, picture.found, picture.tap
        selection = self._shown = picture.selection
        n_filters = int(tap.shape[-1] or 0)
        self._rank.disabled, self._pairs.disabled = trial is None, trial is None or n_filters < 3
        if self._layer.differs(tap.name, trial is None):
            self.switches.follow(n_filters if trial is not None else 0, tap.word)
        if trial is None:
            self.outcome.explain("choose another layer")
            self._errors.write(text.caption(f"Nothing to remove from {tap.name}", picture.why))
            self.pairs.explain("")
            self._order.write("")
            return
        self.outcome.show(selection.sample, trial)
        removed = f"{len(selection.removed)} of {text.plural(n_filters, tap.word)} removed"
        metric = METRICS[selection.metric]
        told = trial.why or f"{metric} {text.change(*trial.errors)}"
        self._errors.write(text.caption(removed, told, self._over(len(trial.indices))))
        worse = selection.metric in ERRORS
        if found is None:
            self.switches.rank(np.empty(0), np.empty(0), metric, np.nan)
            self.pairs.explain("“Rank all” finds what each is worth, “All pairs” which of them stand in for each other")
            self._order.write("")
            return
        alone = found.singles
        self.switches.rank(alone - found.before, alone, metric, found.before, larger_is_worse=worse)
        if found.total > n_filters:
            self.pairs.show(found, tap.word, larger_is_worse=worse)
            self.pairs.choose(selection.removed if len(selection.removed) in (1, 2) else None)
        else:
            self.pairs.explain("“All pairs” finds which of them stand in for each other")
        ran = len(self._question(selection, pairs=False).indices)
        self._order.write(_ranking(found, tap.word, f"{metric} {self._over(ran)}"))

    def said(self, picture: AblationPicture) -> Iterator[str]:
        sample = picture.selection.sample
        if picture.trial is not None and sample in picture.trial.indices:
            after = picture.trial.after[picture.trial.indices.index(sample)]
            yield answers.outcome(sample, after, self._subject.label(sample), self._subject.class_names)
            yield "without the removed" if picture.selection.removed else ""
        yield picture.said

    def data(self, picture: AblationPicture) -> dict[str, Any]:
        """What is on screen.

        `samples` : indices of the samples that were run; `before` and `after` : (n_samples, …), the model's answers.
        `errors` : the metric before and after. `matrix`, `interaction` : as `ablate_pairs` finds them, or None.
        """
        trial, found = picture.trial, picture.found
        return {
            "samples": [] if trial is None else list(trial.indices),
            "before": None if trial is None else trial.before.copy(),
            "after": None if trial is None else trial.after.copy(),
            "errors": None if trial is None else trial.errors,
            "matrix": None if found is None else found.matrix.copy(),
            "interaction": None if found is None else found.interaction.copy(),
        }

    def cancel(self) -> None:
        self._ranking.cancel()

    def close(self) -> None:
        self._ranking.close()

    def _over(self, n_samples: int) -> str:
        return f"over {text.plural(n_samples, 'sample' if self._subject.wave is None else 'window')}"

    def _pair_chosen(self, change: Any) -> None:
        if change.new:  # none is chosen where more than two are removed
            self.switches.removed = list(change.new)

    def _ask(self, *, pairs: bool) -> None:
        """What the buttons do: search in the background, for what is on screen."""
        if self._shown is not None:
            self._ranking.ask(self._question(self._shown, pairs=pairs))

    def _question(self, selection: Selection, *, pairs: bool) -> Question:
        indices = self._trials.indices(selection.sample)
        few, version = tuple(spread(indices, MOST)), self._subject.probe.version()
        return Question(selection.layer, selection.removed_value, selection.metric, few, version, pairs)


def _button(words: str, tooltip: str) -> ipywidgets.Button:
    return ipywidgets.Button(description=words, tooltip=tooltip)


def _alone(found: PairAblation, i: int) -> str:
    by = found.singles[i] - found.before
    return f"{text.number(found.singles[i])} ({'+' if by > 0 else ''}{text.number(by)})"


def _ranking(found: PairAblation, word: str, measured: str) -> str:
    """The filters that change the metric most, one line each."""
    lines = [f"<div>{word} {i} <span>{_alone(found, i)}</span></div>" for i in found.ranking[:MOST_SHOWN]]
    return f'<h4>Removed alone: {measured}</h4><div class="tsw-ranking">{"".join(lines)}</div>'
