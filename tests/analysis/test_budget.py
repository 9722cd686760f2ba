"""How much time may go into looking, told by a clock that is turned by hand."""

from __future__ import annotations

import numpy as np

from tswidgets.analysis.budget import Budget


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def train(budget: Budget, clock: Clock, n_epochs: int, epoch: float, look: float) -> list[int]:
    """The epochs after which there was a look, of a training whose epochs and looks take so many seconds."""
    looked = []
    for i in range(n_epochs):
        clock.now += epoch
        if budget.allows:
            looked.append(i)
            with budget.looking():
                clock.now += look
    return looked


def test_looks_take_their_share_and_no_more() -> None:
    clock = Clock()
    budget = Budget(0.03, clock)
    with budget.looking():
        clock.now += 0.1
    clock.now += 50.0  # a pause between making it and training
    budget.begin()
    looked = train(budget, clock, 200, epoch=1.0, look=0.1)
    assert budget.spent + 0.1 <= 0.03 * 200 + 1e-9  # with the one at the end
    assert np.isclose(budget.trained, 200)
    assert len(looked) in (58, 59)  # the last one falls on the very edge
    assert set(np.diff(looked)) <= {3, 4}
    assert looked[0] == 6  # after 7 s there are 0.21 s


def test_cheap_looks_are_always_allowed_and_dear_ones_rarely() -> None:
    for cost, expected in ((0.01, 100), (1.0, 2), (10.0, 0)):
        clock = Clock()
        budget = Budget(0.03, clock)
        with budget.looking():
            clock.now += cost
        budget.begin()
        assert len(train(budget, clock, 100, epoch=1.0, look=cost)) == expected


def test_the_first_look_is_free_and_tells_what_the_next_costs() -> None:
    clock = Clock()
    budget = Budget(0.03, clock)
    assert train(budget, clock, 100, epoch=1.0, look=1.0) == [0, 99]


def test_what_is_kept_counts_as_spent_but_not_as_a_look() -> None:
    clock = Clock()
    budget = Budget(0.03, clock)
    with budget.looking():
        clock.now += 0.01
    budget.begin()
    clock.now += 1.0
    with budget.waiting():
        clock.now += 0.025
    assert np.isclose(budget.trained, 1.0)
    assert not budget.allows  # 0.025 + 2 * 0.01 > 0.03
    clock.now += 0.6
    assert budget.allows


def test_without_a_share_there_is_no_limit() -> None:
    clock = Clock()
    budget = Budget(None, clock)
    assert len(train(budget, clock, 50, epoch=0.001, look=10.0)) == 50
