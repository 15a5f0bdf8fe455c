"""One schedule of presence beats for all sockets of a process.

A greenlet a user would cost memory and switches for a beat every 30 s; here one greenlet sleeps until the next beat is
due. First phases are stratified over one whole heartbeat, so that users that arrived in one burst do not beat in one.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import gevent
from gevent.event import Event

from loadtest.clock import NS_PER_S, Clock
from loadtest.plan import stratified_phase

_BEATS_A_TURN = 16
_BREATH_S = 0.0005


class Beater:
    """A scheduled beat; :meth:`cancel` ends it."""

    __slots__ = ("active", "period_ns", "send")

    def __init__(self, send: Callable[[], None], period_ns: int) -> None:
        self.send = send
        self.period_ns = period_ns
        self.active = True

    def cancel(self) -> None:
        """Beat no more, and let go of who did: no circle is left for the garbage collector."""
        self.active = False
        self.send = _nothing


def _nothing() -> None:
    """What a cancelled beat sends."""


class Heartbeats:
    """All beats of a process.

    Args:
        clock: what measures.
        period_s: time between two beats of a socket.
        on_late: told of each beat's due and actual time, in monotonic nanoseconds.
    """

    def __init__(self, clock: Clock, period_s: float, on_late: Callable[[int, int], None]) -> None:
        self._clock = clock
        self._period_ns = round(period_s * NS_PER_S)
        self._on_late = on_late
        self._queue: list[tuple[int, int, Beater]] = []
        self._order = count()
        self._index = count(1)
        self._wake = Event()

    def add(self, send: Callable[[], None], period_s: float | None = None, *, at_once: bool = False) -> Beater:
        """Beat from now on: first after a phase of its own in (0, period], then every period.

        Args:
            send: sends one beat; must not block.
            period_s: time between two beats, where it is not everybody's.
            at_once: the first beat is due now.
        """
        period_ns = self._period_ns if period_s is None else round(period_s * NS_PER_S)
        beater = Beater(send, period_ns)
        phase = 0.0 if at_once else 1.0 - stratified_phase(next(self._index))
        self._push(self._clock.now_ns() + round(phase * period_ns), beater)
        self._wake.set()
        return beater

    def _push(self, due_ns: int, beater: Beater) -> None:
        heapq.heappush(self._queue, (due_ns, next(self._order), beater))

    def run(self) -> None:
        """Send beats as they fall due; runs until its greenlet is killed."""
        while True:
            self._wake.clear()
            now_ns = self._clock.now_ns()
            sent = 0
            while self._queue and self._queue[0][0] <= now_ns:
                due_ns, _, beater = heapq.heappop(self._queue)
                if not beater.active:
                    continue
                beater.send()
                self._on_late(due_ns, self._clock.now_ns())
                self._push(due_ns + beater.period_ns, beater)
                sent += 1
                if sent % _BEATS_A_TURN == 0:  # a pile of beats must not hold up arrivals
                    gevent.sleep(_BREATH_S)
            wait_s = (self._queue[0][0] - self._clock.now_ns()) / NS_PER_S if self._queue else None
            self._wake.wait(timeout=None if wait_s is None else max(wait_s, 0.0))
