"""The course of a run: ramp, hold, drain; in the process that owns it.

The hold begins when every planned user is confirmed and contacts have their conversations, or when waiting for that is
over. It ends when the test is stopped: emitting stops, sockets stay up a deadline longer, the books are closed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import gevent
from gevent.event import Event as Signal
from gevent.lock import RLock

from loadtest.clock import NS_PER_S, SystemClock
from loadtest.distributed.keeper import RunKeeper

Phase = Literal["ramp", "hold", "drain", "end"]

_POLL_S = 0.1


class Workers(Protocol):
    """What the conductor leads: the local fleet, or all workers through Locust's channel."""

    def ready(self) -> bool:
        """Whether all users are confirmed and everything they need is there."""

    def begin_hold(self) -> None:
        """Emit from now on."""

    def end_hold(self, limit_s: float | None = None) -> None:
        """Emit no more.

        Args:
            limit_s: let the target go: connect nobody any more, and close the books within so many seconds.
        """

    def drained(self) -> bool:
        """Whether all books are closed."""

    def close_books(self) -> None:
        """Hand over what is left; called once, at the end of the drain."""

    def played_out(self) -> bool:
        """Whether a plan that has an end came to it."""

    def shortage(self) -> str:
        """Why nobody is connected, in a sentence; empty when it is not known."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the conductor waits.

    Attributes:
        confirm_s: for confirms, after the last user was spawned.
        drain_s: for books to close, after the hold.
        flush_s: between two writes of the store.
    """

    confirm_s: float
    drain_s: float
    flush_s: float = 1.0


class Conductor:
    """Leads a run through its phases.

    Args:
        keeper: takes and writes the run's data.
        workers: what is led.
        patience: how long to wait.
        give_up: called with a reason when nobody could be connected; stops the test.
        at_plans_end: called when a plan that has an end came to it; None for one that has none.

    Attributes:
        phase: what the run is at.
        hold_ns: monotonic time at which the hold, and the plan with it, began; None before.
    """

    def __init__(
        self,
        keeper: RunKeeper,
        workers: Workers,
        patience: Patience,
        give_up: Callable[[str], None],
        at_plans_end: Callable[[], None] | None = None,
    ) -> None:
        self.keeper = keeper
        self.phase: Phase = "ramp"
        self.hold_ns: int | None = None
        self._workers = workers
        self._patience = patience
        self._give_up = give_up
        self._at_plans_end = at_plans_end
        self._clock = SystemClock()
        self._ramp: gevent.Greenlet | None = None
        self._flusher: gevent.Greenlet | None = None
        self._over = Signal()
        self._stopping = RLock()
        self._limit_s: float | None = None

    def start(self) -> None:
        """The test starts: the ramp begins."""
        self._mark("ramp")
        self._flusher = gevent.spawn(self._flush_loop)

    def spawning_complete(self) -> None:
        """All users were spawned (Locust may say so again when a worker heals)."""
        if self.phase == "ramp" and self._ramp is None:
            self._ramp = gevent.spawn(self._await_users)

    def hurry(self, limit_s: float) -> None:
        """Let the target go: emit no more and connect nobody, now; the drain to come is bounded.

        Args:
            limit_s: seconds within which the books are closed.
        """
        self._limit_s = limit_s
        self._workers.end_hold(limit_s)

    def stopping(self) -> None:
        """The test is being stopped: drain, and close the books. Returns when that is done.

        Locust may say so again meanwhile, on a signal: the drain under way is waited for, not cut short.
        """
        with self._stopping:
            if self._ramp is not None:
                self._ramp.kill()
            if self.phase == "hold":
                self._mark("drain")
                if self._limit_s is None:
                    self._workers.end_hold()
                self._wait(self._workers.drained, self._limit_s or self._patience.drain_s)
            if self.phase != "end":
                self._workers.close_books()
                self._mark("end")
            self._over.set()
            if self._flusher is not None:
                self._flusher.join()  # not killed: what it is about to write would be lost
                self._flusher = None
            self.keeper.flush(final=True)

    def _await_users(self) -> None:
        if not self._wait(self._workers.ready, self._patience.confirm_s):
            missing = self._workers.shortage()
            if missing:
                self._give_up(missing)
                return
        self._mark("hold")
        self.hold_ns = self._clock.now_ns()
        self.keeper.holds()
        self._workers.begin_hold()
        if self._at_plans_end is not None:
            self._wait(self._workers.played_out, math.inf)
            self._at_plans_end()

    def _wait(self, done: Callable[[], bool], limit_s: float) -> bool:
        until_ns = self._clock.now_ns() + limit_s * NS_PER_S
        while not done():
            if self._clock.now_ns() >= until_ns:
                return False
            gevent.sleep(_POLL_S)
        return True

    def _mark(self, phase: Phase) -> None:
        self.phase = phase
        self.keeper.note("phase", phase, {"phase": phase})

    def _flush_loop(self) -> None:
        while not self._over.wait(timeout=self._patience.flush_s):
            self.keeper.flush()


def warn(text: str) -> None:
    """Say something at once that cannot wait for the report."""
    sys.stderr.write(f"loadtest: {text}\n")
    sys.stderr.flush()
