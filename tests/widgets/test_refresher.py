"""The newest request wins, nothing is lost, nothing queues up."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import Any

import pytest

from tswidgets.widgets.refresher import PATIENCE, Refresher


def make(compute: Any = lambda request, token: request, *, threaded: bool) -> tuple[Refresher, list, list]:
    shown: list[Any] = []
    errors: list[Exception] = []
    return Refresher(compute, lambda _, result: shown.append(result), errors.append, threaded=threaded), shown, errors


def reciprocal(request: int, token: Any) -> float:
    return 1 / request


def test_without_a_kernel_everything_happens_inside_submit() -> None:
    refresher = Refresher(lambda request, token: 2 * request, lambda _, result: shown.append(result), print)
    shown: list[int] = []
    assert not refresher.threaded
    refresher.submit(3)
    assert shown == [6]
    refresher.wait_idle()


def test_inline_errors_are_raised_and_the_next_request_is_served() -> None:
    refresher, shown, errors = make(reciprocal, threaded=False)
    with pytest.raises(ZeroDivisionError):
        refresher.submit(0)
    assert len(errors) == 1
    refresher.submit(2)
    refresher.wait_idle()
    assert shown == [0.5]


def test_a_request_made_while_publishing_inline_is_served_after() -> None:
    shown: list[int] = []

    def publish(request: int, result: int) -> None:
        shown.append(result)
        if request < 3:
            refresher.submit(request + 1)

    refresher = Refresher(lambda request, token: request, publish, print, threaded=False)
    refresher.submit(0)
    assert shown == [0, 1, 2, 3]


def test_an_interrupted_inline_computation_leaves_the_refresher_usable() -> None:
    def compute(request: int, token: Any) -> int:
        if request == 0:
            raise KeyboardInterrupt
        return request

    refresher, shown, _ = make(compute, threaded=False)
    with pytest.raises(KeyboardInterrupt):
        refresher.submit(0)
    refresher.submit(1)
    assert shown == [1]


def test_a_storm_ends_with_the_newest_and_skips_most() -> None:
    computed: list[int] = []

    def compute(request: int, token: Any) -> int:
        computed.append(request)
        time.sleep(0.02)
        return request

    refresher, shown, _ = make(compute, threaded=True)
    for request in range(300):
        refresher.submit(request)
        time.sleep(0.001)
    refresher.wait_idle()
    refresher.close()
    assert shown[-1] == 299
    assert len(computed) < 150


def test_a_long_computation_under_a_storm_still_paints() -> None:
    """A computation that outlives the patience is let finish, so that dragging does not starve the display."""

    def compute(request: int, token: Any) -> int:
        for _ in range(10):
            time.sleep(PATIENCE / 10)
            token.check()
        return request

    refresher, shown, _ = make(compute, threaded=True)
    for request in range(100):
        refresher.submit(request)
        time.sleep(PATIENCE / 15)
    refresher.wait_idle()
    refresher.close()
    assert shown[-1] == 99
    assert len(shown) >= 3


def test_a_stale_computation_is_given_up_while_pictures_are_fresh() -> None:
    rounds: list[int] = []
    begun = threading.Event()

    def compute(request: int, token: Any) -> int:
        for _ in range(100 if request == 1 else 0):
            begun.set()
            time.sleep(0.001)
            token.check()
            rounds.append(request)
        return request

    refresher, shown, errors = make(compute, threaded=True)
    refresher.submit(0)
    refresher.wait_idle()
    refresher.submit(1)
    begun.wait(5)
    refresher.submit(2)
    refresher.wait_idle()
    refresher.close()
    assert shown == [0, 2]
    assert len(rounds) < 100
    assert not errors


def test_threaded_errors_are_reported_and_raised_by_wait_idle() -> None:
    refresher, shown, errors = make(reciprocal, threaded=True)
    refresher.submit(0)
    with pytest.raises(ZeroDivisionError):
        refresher.wait_idle()
    refresher.submit(4)
    refresher.wait_idle()
    refresher.close()
    assert shown == [0.25]
    assert [type(error) for error in errors] == [ZeroDivisionError]


def test_many_threads_may_submit() -> None:
    refresher, shown, _ = make(threaded=True)
    threads = [threading.Thread(target=lambda: [refresher.submit(i) for i in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refresher.submit("last")
    refresher.wait_idle()
    refresher.close()
    assert shown[-1] == "last"


def test_cancel_gives_up_what_is_being_computed() -> None:
    rounds: list[int] = []

    def compute(request: int, token: Any) -> int:
        for i in range(1000 if request == 1 else 0):
            token.check()
            rounds.append(i)
            time.sleep(0.002)
        return request

    refresher, shown, _ = make(compute, threaded=True)
    refresher.submit(1)
    time.sleep(0.05)
    refresher.cancel()
    refresher.wait_idle()
    refresher.submit(2)
    refresher.wait_idle()
    refresher.close()
    assert shown == [2]
    assert len(rounds) < 1000


def test_waiting_from_inside_a_computation_is_refused() -> None:
    refresher, _, errors = make(lambda request, token: refresher.wait_idle(), threaded=True)
    refresher.submit(1)
    with pytest.raises(RuntimeError, match="wait_idle"):
        refresher.wait_idle()
    refresher.close()
    assert [type(error) for error in errors] == [RuntimeError]


def test_a_forgotten_refresher_ends_its_thread() -> None:
    refresher, _, _ = make(threaded=True)
    refresher.submit(1)
    refresher.wait_idle()
    thread, alive = refresher._thread[0], weakref.ref(refresher)
    del refresher
    for _ in range(50):  # the worker drops its own reference a moment after it has published
        gc.collect()
        if alive() is None:
            break
        time.sleep(0.02)
    assert alive() is None
    thread.join(2)
    assert not thread.is_alive()


def test_after_close_nothing_is_computed() -> None:
    refresher, shown, _ = make(threaded=True)
    refresher.close()
    refresher.submit(1)
    assert shown == []


@pytest.mark.parametrize("threaded", [False, True])
def test_better_and_better_results_are_all_published(threaded: bool) -> None:
    refresher, shown, _ = make(lambda request, token: (request * i for i in range(4)), threaded=threaded)
    refresher.submit(5)
    refresher.wait_idle()
    refresher.close()
    assert shown == [0, 5, 10, 15]


def test_cancelling_keeps_what_was_published_and_says_so() -> None:
    first, go_on, cancelled, shown = threading.Event(), threading.Event(), [], []

    def compute(request: str, token: Any) -> Any:
        yield "a part"
        first.set()
        go_on.wait(5)
        yield "the rest"

    refresher: Refresher[str, str] = Refresher(
        compute, lambda _, result: shown.append(result), print, on_cancel=cancelled.append, threaded=True
    )
    refresher.submit("all pairs")
    assert first.wait(5)
    refresher.cancel()
    go_on.set()
    refresher.wait_idle()
    assert shown == ["a part"]
    assert cancelled == ["all pairs"]
    refresher.submit("once more")  # `go_on` is set: nothing holds it up
    refresher.wait_idle()
    assert shown == ["a part", "a part", "the rest"]
    assert cancelled == ["all pairs"]
    refresher.close()


def test_a_newer_request_is_served_and_is_no_cancelling() -> None:
    first, go_on, cancelled, shown = threading.Event(), threading.Event(), [], []

    def compute(request: int, token: Any) -> Any:
        yield request
        first.set()
        go_on.wait(5)
        token.check()
        yield request + 0.5

    refresher: Refresher[int, float] = Refresher(
        compute, lambda _, result: shown.append(result), print, on_cancel=cancelled.append, threaded=True
    )
    refresher.submit(1)
    assert first.wait(5)
    refresher.submit(2)
    go_on.set()
    refresher.wait_idle()
    refresher.close()
    assert shown == [1, 2, 2.5]
    assert not cancelled


@pytest.mark.parametrize("threaded", [False, True])
def test_asking_waits_for_the_picture(threaded: bool) -> None:
    refresher, shown, _ = make(threaded=threaded)
    assert refresher.ask(5, 20)
    assert shown == [5]
    refresher.close()
    assert refresher.closed
    assert not refresher.ask(6, 20)
    assert shown == [5]


@pytest.mark.parametrize("threaded", [False, True])
def test_what_is_late_is_given_up_and_what_is_newer_is_not(threaded: bool) -> None:
    def compute(request: int, token: Any) -> int:
        for _ in range(200 if request == 0 else 1):
            time.sleep(0.01)
            token.check()
        return request

    refresher, shown, _ = make(compute, threaded=threaded)
    assert not refresher.ask(0, 0.05)
    refresher.submit(1)
    refresher.wait_idle()
    assert shown == [1]
    refresher.close()


def test_asking_raises_what_went_wrong() -> None:
    refresher, _, errors = make(reciprocal, threaded=True)
    with pytest.raises(ZeroDivisionError):
        refresher.ask(0, 20)
    assert len(errors) == 1
    assert refresher.ask(2, 20)
    refresher.close()


def test_asking_in_a_storm_waits_for_a_picture_that_is_not_given_up() -> None:
    """Requests that come all the time make no picture of the state that is asked about get lost, and end the wait."""
    state = [0]
    refresher, shown, _ = make(lambda request, token: (time.sleep(0.02), token.check(), state[0])[-1], threaded=True)
    stop = threading.Event()

    def storm() -> None:
        while not stop.wait(0.001):
            refresher.submit(0)

    hand = threading.Thread(target=storm)
    hand.start()
    for i in range(1, 20):
        state[0] = i
        assert refresher.ask(0, 20)
        assert shown[-1] == i
    stop.set()
    hand.join()
    refresher.close()


def test_asking_within_a_computation_is_refused() -> None:
    refused: list[Exception] = []

    def compute(request: int, token: Any) -> int:
        try:
            refresher.ask(1, 5)
        except RuntimeError as error:
            refused.append(error)
        return request

    refresher, shown, _ = make(compute, threaded=True)
    refresher.submit(0)
    refresher.wait_idle()
    refresher.close()
    assert len(refused) == 1
    assert shown == [0]
