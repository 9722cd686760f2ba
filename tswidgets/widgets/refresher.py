"""Computes what was asked for last, in a thread of its own, so that dragging a slider never queues up.

Observers only submit. One worker takes the newest request, computes it and publishes the result; requests that came and
went meanwhile are never computed. Without a kernel (scripts, tests) everything happens inside `submit`, which raises.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")
logger = logging.getLogger(__name__)
PATIENCE = 0.1  # seconds without a new picture after which a computation is no longer given up for a newer request


class Cancelled(Exception):
    """Raised by `Token.check` inside a computation that nobody waits for any more."""


class _Mailbox:
    """All that the worker shares with its owner; the worker holds no owner, so that one can be collected."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.asked = self.done = self.cancelled = 0  # generation numbers of requests
        self.answered = 0  # the newest one that was served to its end, and not given up for a newer one
        self.request: Any = None
        self.busy = self.closed = False
        self.worker: int | None = None
        self.error: BaseException | None = None
        self.last_picture = 0.0


class Token:
    """A computation's right to go on."""

    def __init__(self, box: _Mailbox, generation: int) -> None:
        self._box = box
        self._generation = generation

    @property
    def stale(self) -> bool:
        box = self._box
        if box.closed or box.cancelled >= self._generation:
            return True
        return box.asked != self._generation and time.monotonic() - box.last_picture < PATIENCE

    def check(self) -> None:
        """Call it between two chunks of a long computation."""
        if self.stale:
            raise Cancelled


class Refresher(Generic[Request, Result]):
    """Latest-wins worker.

    compute : (request, token) → result, or an iterator of better and better results; pure, runs in the worker.
    publish : (request, result) → None; the only place that writes outputs.
    on_error : called in the worker with what `compute` or `publish` raised.
    on_cancel : called in the worker with the request that `cancel` ended.
    threaded : by default True where a Jupyter kernel runs.
    """

    def __init__(
        self,
        compute: Callable[[Request, Token], Result | Iterator[Result]],
        publish: Callable[[Request, Result], None],
        on_error: Callable[[Exception], None],
        *,
        on_cancel: Callable[[Request], None] = lambda _: None,
        threaded: bool | None = None,
    ) -> None:
        self.compute, self.publish, self.on_error, self.on_cancel = compute, publish, on_error, on_cancel
        self.threaded = _in_kernel() if threaded is None else threaded
        self._box = _Mailbox()
        self._thread: list[threading.Thread] = []
        self._finalizer = weakref.finalize(self, _shut_down, self._box, self._thread)  # at exit too

    def submit(self, request: Request) -> None:
        """Ask for a result; returns at once when threaded, else computes, publishes and raises."""
        box = self._box
        with box.changed:
            if box.closed:
                return
            box.asked += 1
            box.request = request
            box.changed.notify_all()
            if box.busy:  # the worker is there, or this is a request made while publishing inline
                return
            box.busy = True
        if self.threaded:
            worker = threading.Thread(target=_work, args=(box, weakref.ref(self)), name="tswidgets", daemon=True)
            self._thread.append(worker)
            worker.start()
        else:
            self.run_pending()

    def run_pending(self) -> None:
        """Compute and publish in this thread until nothing is asked for, and raise what went wrong."""
        box = self._box
        try:
            while box.done != box.asked and not box.closed:
                _serve(box, self)
        finally:
            with box.changed:
                box.busy = False
                box.done = box.answered = box.asked
                box.changed.notify_all()
        if box.error is not None:
            raise box.error

    @property
    def closed(self) -> bool:
        return self._box.closed

    def ask(self, request: Request, timeout: float, *, give_up: bool = True) -> bool:
        """Ask for a result and wait until it, or that of a newer request, is published: whether it is.

        What takes longer than `timeout` seconds is given up as soon as it can be, or else comes later. Raises what went
        wrong.
        """
        box, generation = self._box, self._box.asked + 1
        if box.worker == threading.get_ident():
            raise RuntimeError("ask() was called from the computation that it would wait for")
        late = threading.Timer(timeout, self._give_up, (generation,))
        if give_up and not self.threaded:  # the computation is in this thread, and the clock in another
            late.start()
        try:
            self.submit(request)
            with box.changed:
                box.changed.wait_for(lambda: box.closed or box.answered >= generation, timeout)
        finally:
            late.cancel()
        if box.answered < generation:
            if give_up:
                self._give_up(generation)
            return False
        if box.error is not None:
            raise box.error
        return not box.closed and box.cancelled < generation

    def _give_up(self, generation: int) -> None:
        """Cancel a request and all before it; newer ones are served as usual."""
        with self._box.changed:
            self._box.cancelled = max(self._box.cancelled, generation)

    def cancel(self) -> None:
        """Give up what is being computed; a later request is served as usual."""
        with self._box.changed:
            self._box.cancelled = self._box.asked

    def wait_idle(self, timeout: float = 60.0) -> None:
        """Block until the newest request is published, and raise what went wrong with it."""
        box = self._box
        if box.worker == threading.get_ident():
            raise RuntimeError("wait_idle() was called from the computation that it would wait for")
        with box.changed:
            if not box.changed.wait_for(lambda: box.closed or box.done == box.asked, timeout):
                raise TimeoutError(f"still computing after {timeout:g} s")
        if box.error is not None:
            raise box.error

    def close(self) -> None:
        self._finalizer()


def _work(box: _Mailbox, owner_of: Callable[[], Refresher[Any, Any] | None]) -> None:
    while True:
        with box.changed:
            box.changed.wait_for(lambda: box.closed or box.done != box.asked)
            if box.closed:
                box.busy = False
                box.changed.notify_all()
                return
        owner = owner_of()
        if owner is None:
            return
        _serve(box, owner)
        del owner


def _serve(box: _Mailbox, owner: Refresher[Any, Any]) -> None:
    """Compute the newest request once, and publish it unless a newer one made it worthless."""
    with box.changed:
        generation, request = box.asked, box.request
        box.worker = threading.get_ident()
    token, error, superseded = Token(box, generation), None, False
    try:
        result = owner.compute(request, token)
        for picture in result if isinstance(result, Iterator) else (result,):
            token.check()
            owner.publish(request, picture)
            box.last_picture = time.monotonic()
    except Cancelled:
        superseded = box.cancelled < generation
        if not superseded and not box.closed:
            owner.on_cancel(request)
    except Exception as raised:
        error = raised
        if not token.stale:
            _report(owner, raised)
    finally:
        with box.changed:
            box.done, box.error, box.worker = max(box.done, generation), error, None
            box.answered = box.answered if superseded else max(box.answered, generation)
            box.changed.notify_all()


def _report(owner: Refresher[Any, Any], error: Exception) -> None:
    logger.error("could not refresh", exc_info=error)
    try:
        owner.on_error(error)
    except Exception:
        logger.exception("could not show an error")


def _shut_down(box: _Mailbox, threads: list[threading.Thread]) -> None:
    with box.changed:
        box.closed = True
        box.changed.notify_all()
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(5)


def _in_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
