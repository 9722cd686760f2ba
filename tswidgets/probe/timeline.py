"""Which input steps each step of a layer sees, and where on the input's time axis that puts it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Steps = NDArray[np.int64]
NEVER = 2**40  # first step of an empty field; its last step is -1


@dataclass(frozen=True, eq=False)
class Timeline:
    """Input steps seen by each of a layer's `n_steps` steps.

    lo, hi : int arrays of shape (n_steps,). First and last input step that can reach a step, both inclusive. `lo > hi`
        marks a step that sees nothing but padding.
    near_lo, near_hi : int arrays of shape (n_steps,). The same without what recurrence, attention and normalisation
        over time mix in: step 7 of an LSTM has seen steps 0 to 7, but it is the step taken at 7.
    """

    lo: Steps
    hi: Steps
    near_lo: Steps
    near_hi: Steps

    @staticmethod
    def of_input(n_timesteps: int) -> Timeline:
        steps = np.arange(n_timesteps)
        return Timeline(steps, steps, steps, steps)

    @staticmethod
    def nowhere(n_steps: int = 1) -> Timeline:
        """Steps that see no input step: an input without a time axis, or with another than the one that is followed."""
        first, last = np.full(n_steps, NEVER), np.full(n_steps, -1)
        return Timeline(first, last, first, last)

    def __len__(self) -> int:
        return len(self.lo)

    @property
    def has_place(self) -> bool:
        """Whether its steps can be put on the input's time axis."""
        return len(self) == 0 or bool((self.near_lo <= self.near_hi).any())

    @property
    def centres(self) -> NDArray[np.float32]:
        """Float array of shape (n_steps,): the input step at the centre of each step's field; NaN if it sees none."""
        seen = self.near_lo <= self.near_hi
        return np.where(seen, (self.near_lo + self.near_hi) / 2, np.nan).astype(np.float32)

    def now(self, n_timesteps: int) -> Steps:
        """Int array of shape (n_steps,): the last input step that is not later than each step itself.

        Steps that share the input evenly, as many as it has or one for every k of it, own their share: with padding
        "same" or "causal" step t is the input's step t, wherever around it lies what it sees. Others, as with padding
        "valid", have the stride's width around their centres. What sees nothing is later than everything.
        """
        n_steps = len(self)
        slope, even = n_timesteps / max(n_steps, 1), True
        inside = (self.near_lo > 0) & (self.near_hi < n_timesteps - 1) & (self.near_lo <= self.near_hi)
        at = np.flatnonzero(inside)
        found = float(np.polyfit(at, self.centres[at], 1)[0]) if len(at) > 1 else slope
        if n_steps < n_timesteps:
            slope = abs(round(found)) if abs(found - round(found)) < 0.1 else abs(found)
            even = abs(n_timesteps / max(slope, 1e-9) - n_steps) < 1
        if even:
            ends = np.minimum(np.ceil((np.arange(n_steps) + 1) * slope - 1e-6).astype(np.int64), n_timesteps) - 1
            return ends[::-1] if found < 0 else ends
        centres = np.where(self.near_lo <= self.near_hi, (self.near_lo + self.near_hi) / 2, n_timesteps)
        return np.minimum(np.floor(centres + (slope - 1) / 2).astype(np.int64), n_timesteps - 1)

    def union(self) -> Timeline:
        """One step that sees all that any of these steps sees."""
        return Timeline(*(np.atleast_1d(part) for part in self._extent()))

    def over_all_steps(self) -> Timeline:
        """Every step sees what any step sees, yet stays where it is: attention, normalisation over time."""
        lo, hi, _, _ = self._extent()
        return Timeline(np.full_like(self.lo, lo), np.full_like(self.hi, hi), self.near_lo, self.near_hi)

    def _extent(self) -> tuple[int, int, int, int]:
        return (
            int(self.lo.min(initial=NEVER)),
            int(self.hi.max(initial=-1)),
            int(self.near_lo.min(initial=NEVER)),
            int(self.near_hi.max(initial=-1)),
        )

    def reaching(self, others: list[Timeline]) -> Timeline:
        """The same steps in the same places, each of which also sees all that the other timelines see."""
        lo, hi = self.lo, self.hi
        for first, last, _, _ in (other._extent() for other in others):
            lo, hi = np.minimum(lo, first), np.maximum(hi, last)
        return Timeline(lo, hi, self.near_lo, self.near_hi)


def is_step_by_step(timeline: Timeline | None, n_timesteps: int) -> bool:
    """Whether a layer has one step for every input step, in the same place."""
    steps = np.arange(n_timesteps)
    return timeline is not None and np.array_equal(timeline.near_lo, steps) and np.array_equal(timeline.near_hi, steps)
