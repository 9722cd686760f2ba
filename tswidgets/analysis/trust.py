"""Whether a map is to be believed: what speaks for and against it, in numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from keras import tree
from numpy.typing import NDArray

from tswidgets import _validate
from tswidgets.analysis.again import flattened, other_baseline
from tswidgets.analysis.attribution import Attribution, Explained
from tswidgets.analysis.certainty import certainty
from tswidgets.analysis.curves import Curves, measuring
from tswidgets.analysis.methods import METHODS
from tswidgets.analysis.randomization import Cascade, copied, layers_with_weights, shuffled

Doubles = NDArray[np.float64]

# Where doubts begin, tried out on convolutional models that find a planted truth or tell exercises apart, against LSTMs
# whose gradients miss the truth, untrained models and guided backpropagation.
SHOWS_INPUT = 0.5  # mean rank correlation: 1 % of 188 maps that show the truth are above, 85 % of 40 that do not
NO_GAIN = 0.02  # mean gain: maps that show the truth have 0.2 to 0.5, another seed makes a difference of 0.01
UNDECIDED = 0.5  # on the way from chance, 0, to certainty, 1
MISSED = 0.1  # of the score's change: 50 steps miss 1 %, but most of it where the answer jumps on the way
OTHER_MAP = 0.3  # rank correlation: maps that show the truth have 0.5 to 1
MORE = {"integrated_gradients": ": take more n_steps", "expected_gradients": ": take more n_samples"}


def _nothing() -> Doubles:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Trust:
    """What speaks for and against a map.

    method : of the map.
    completeness : by how much its values miss the score's change, as a share of it; None where that is not promised.
    randomization : (layer, rank correlation with the map of a copy whose layers are shuffled from the output down to
        this one), from the output to the input; NaN where there is nothing to compare: answers that are not finite, or
        maps that one or two cells carry.
    fractions : ndarray of shape (n_points,), shares of the cells that are taken, most important first.
    deletion, insertion : ndarrays of shape (n_points,), the score while these are hidden, and while all else is;
        `random_deletion` and `random_insertion` are the same in random order.
    deletion_gain, insertion_gain : areas between the map's order and random order, above 0 where the map does better,
        as shares of the score's largest change on all four curves; NaN until they are known.
    baseline : rank correlation with the map of another baseline; None for a method without one.
    certainty : of the model's answer, from 0, at chance, to 1; None where it gives no probabilities.
    empty : whether the map is the same everywhere, or holds what is not finite.
    done, total : number of pieces of work that are done, and of all.
    """

    method: str
    completeness: float | None
    randomization: Cascade = ()
    fractions: Doubles = field(default_factory=_nothing)
    deletion: Doubles = field(default_factory=_nothing)
    insertion: Doubles = field(default_factory=_nothing)
    random_deletion: Doubles = field(default_factory=_nothing)
    random_insertion: Doubles = field(default_factory=_nothing)
    deletion_gain: float = float("nan")
    insertion_gain: float = float("nan")
    baseline: float | None = None
    certainty: float | None = None
    empty: bool = False
    done: int = 0
    total: int = 1

    @property
    def complete(self) -> bool:
        """Whether all is known."""
        return self.done == self.total

    @property
    def similarity(self) -> float:
        """Mean rank correlation over the layers of `randomization`; NaN where there is none."""
        known = [one for _, one in self.randomization if np.isfinite(one)]
        return float(np.mean(known)) if known else float("nan")

    @property
    def gain(self) -> float:
        """Mean of both gains: random gaps are scattered, which raises one of them by as much as it lowers the other."""
        return (self.deletion_gain + self.insertion_gain) / 2

    @property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against the map, in plain sentences, the gravest first."""
        return tuple(doubt for doubt, _ in self._findings if doubt)

    @property
    def verdict(self) -> str:
        """Whether to believe the map, and why: a sentence, and a second one if a check could not be made."""
        lost = sum(not np.isfinite(one) for _, one in self.randomization)
        told = " With shuffled weights there was nothing to compare." if lost else ""
        if self.doubts:
            return f"Do not believe this map: {'; '.join(_lowered(one) for one in self.doubts)}.{told}"
        checked = "; ".join(good for _, good in self._findings if good)
        so_far = "Nothing speaks against this map" if self.complete else "Nothing speaks against this map so far"
        return f"{so_far}: {checked}.{told}" if checked else f"{so_far}.{told}"

    @property
    def _findings(self) -> list[tuple[str, str]]:
        """(doubt, what there is to be said without it) of every check, "" where there is nothing to say."""
        found = [("It is the same everywhere, or not finite: it points at nothing.", "")] if self.empty else []
        if np.isfinite(same := self.similarity):
            told = f"when the weights are shuffled (rank correlation {same:.2f})"
            doubt = f"It hardly changes {told}: it shows the input, not the model."
            found.append((doubt, "") if same >= SHOWS_INPUT else ("", f"it changes {told}"))
        if np.isfinite(self.gain):
            doubt = "Hiding what it points at changes the answer no more than hiding anything else."
            good = f"hiding what it points at changes the answer more than hiding anything else (gain {self.gain:.2f})"
            found.append((doubt, "") if self.gain <= NO_GAIN else ("", good))
        if self.certainty is not None and self.certainty < UNDECIDED:
            found.append(("The model itself is undecided about this series: there may be nothing to point at.", ""))
        if self.completeness is not None:
            told, more = f"values miss the score's change by {_percent(self.completeness)}", MORE.get(self.method, "")
            found.append(("", f"its {told}") if self.completeness < MISSED else (f"Its {told}{more}.", ""))
        if self.baseline is not None:
            told = f"map (rank correlation {self.baseline:.2f})"
            doubt, good = f"Another baseline gives another {told}.", f"another baseline gives a similar {told}"
            found.append(("", good) if self.baseline >= OTHER_MAP else (doubt, ""))
        return found

    def __repr__(self) -> str:
        return f"Trust({self.method!r}, {self.verdict!r})"


def trust(
    model: Any,
    x: Any,
    attribution: Attribution,
    *,
    fill: Any = None,
    n_points: int = 21,
    n_orders: int = 5,
    n_shuffles: int = 3,
    seed: int = 0,
) -> Trust:
    """What speaks for and against a map of one series.

    Parameters
    ----------
    model : keras.Model or Probe
        It stays as it is: shuffled weights are read in the place of its own, while it runs.
    x : ndarray of shape (n_timesteps, n_channels)
        The series that the map is of; in the model's own structure where it has several inputs.
    attribution : Attribution
        As a method returned it for this one series.
    fill : float, "mean" or array, optional
        What hidden values turn into: as `baseline` of `integrated_gradients`. By default what the map itself compares
        with: its `baseline` or `fill`, or the mean of its `background`; for methods without one 0.
    n_points, n_orders : int
        Points of the deletion and insertion curves, and random orders that they are compared with.
    n_shuffles : int
        How often the model's weights are shuffled, layer by layer.
    seed : int
        Of random orders and shuffles.

    Returns
    -------
    Trust
        `verdict` says it in a sentence; `doubts` are empty if nothing speaks against the map. A map that passes is not
        proved right: these are ways to be wrong that were looked for and not found.

    Raises
    ------
    TypeError, ValueError
        If the attribution is that of a batch, of another series or of another state of the model, or if a number is out
        of range.

    Shuffled weights: the same method, target and options on copies whose layers are shuffled one after the other. Of
    the rank correlations of values and of magnitudes the larger one counts, since a map that has only changed its signs
    still points at the same places.

    Deletion and insertion: cells are values at a step and channel, of the CAM family all values of a step; padding is
    none. Largest come first, since positive values speak for the target; of `saliency`, `smooth_grad` and
    `guided_backprop`, whose sign tells a direction, the largest magnitudes.

    Another baseline: "mean" instead of a number or an array, and 0 instead of "mean", of methods with a `baseline` or
    `fill`; of `expected_gradients` the two halves of the background are compared, every other series in each.

    Sources: Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim, "Sanity checks for saliency maps", 2018, for shuffled
    weights; Petsiuk, Das, Saenko, "RISE", 2018, for deletion and insertion; Sundararajan, Taly, Yan, "Axiomatic
    attribution for deep networks", 2017, for completeness; Sturmfels, Lundberg, Lee, "Visualizing the impact of feature
    attribution baselines", 2020. Departures: see `shuffled` and `measuring`.
    """
    *_, found = iter_trust(
        model, x, attribution, fill=fill, n_points=n_points, n_orders=n_orders, n_shuffles=n_shuffles, seed=seed
    )
    return found


def iter_trust(
    model: Any,
    x: Any,
    attribution: Attribution,
    *,
    fill: Any = None,
    n_points: int = 21,
    n_orders: int = 5,
    n_shuffles: int = 3,
    seed: int = 0,
) -> Iterator[Trust]:
    """The same piece by piece: yields what is known so far, the last complete. Whoever stops drawing stops the work.

    While a slow method runs again, the same comes several times. What is wrong with the arguments is said at once.

    Parameters
    ----------
    model, x, … : as of `trust`
    """
    n_points, n_orders = _validate.at_least(n_points, 2, "n_points"), _validate.at_least(n_orders, 1, "n_orders")
    n_shuffles, seed = _validate.at_least(n_shuffles, 1, "n_shuffles"), _validate.at_least(seed, 0, "seed")
    asked = _asked(model, x, attribution)
    if fill is None:
        options = attribution.options
        own = options.get("baseline", options.get("fill", 0.0))
        fill = np.mean(options["background"], axis=0) if "background" in options else own
    rng = np.random.default_rng(seed)
    drawn = measuring(asked, attribution, fill, n_points, n_orders, rng)
    return _trusting(asked, attribution, drawn, n_orders, n_shuffles, seed)


def _trusting(
    asked: Explained, attribution: Attribution, drawn: Iterator[Curves], n_orders: int, n_shuffles: int, seed: int
) -> Iterator[Trust]:
    batch = asked.score.packed(asked.flat)
    series = tree.map_structure(lambda array: array[0], batch)
    values = flattened(attribution.values)
    found = Trust(
        attribution.method,
        attribution.error,
        certainty=certainty(asked, attribution),
        empty=bool(not np.isfinite(values).all() or np.ptp(values) == 0),
        done=1,
        total=2 + n_orders + n_shuffles * len(layers_with_weights(asked.probe)),
    )
    yield found
    for curves in drawn:
        gains: dict[str, Any] = {"deletion_gain": curves.deletion_gain, "insertion_gain": curves.insertion_gain}
        found = replace(found, **vars(curves), **gains, done=found.done + 1)
        yield found
    other = other_baseline(asked.probe, series, attribution)
    while True:
        try:
            next(other)
        except StopIteration as end:
            found = replace(found, baseline=end.value, done=found.done + 1)
            break
        yield found
    yield found
    with copied(asked.probe.model, batch) as copy:
        for cascade in shuffled(copy, series, attribution, n_shuffles, seed):
            if cascade is not None:
                found = replace(found, randomization=cascade, done=found.done + 1)
            yield found
    if not found.complete:  # a probe that has seen other ways through the model may know other layers
        yield replace(found, done=found.total)


def _asked(model: Any, x: Any, attribution: Attribution) -> Explained:
    """The score that was attributed, if it is that of this series and this state of the model."""
    _validate.one_map(np.ndim(attribution.score), attribution.method, list(METHODS))
    asked = Explained(model, x, attribution.target, attribution.options.get("output", 0))
    on_layer = attribution.layer in {tap.name for tap in asked.probe.taps}
    own = asked.placing(str(attribution.layer))[1] if on_layer else asked.score.absent
    _validate.map_of(own.shape, attribution.absent.shape)
    _validate.same_score(attribution.score, float(asked.score.at[0]))
    return asked


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.2g} %" if share < 1 else f"{100 * share:.0f} %"


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
