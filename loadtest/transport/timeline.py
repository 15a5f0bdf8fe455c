"""Virtual time: calls made in the order of the moments they are due at, the clock moved from one to the next.

No thread and no real time; no call is ever entered from within another.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from loadtest.clock import NS_PER_S, VirtualClock


class Timeline:
    """Calls due at monotonic times.

    Args:
        clock: moved by this timeline alone while it runs.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def call_at(self, at_ns: int, call: Callable[[], None]) -> None:
        """Call at that monotonic time, or at once in the next run where it is over."""
        self.postpone(at_ns, self.next_number(), call)

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call so many seconds from now."""
        self.call_at(self.clock.now_ns() + round(seconds * NS_PER_S), call)

    def next_number(self) -> int:
        """What orders calls that are due at the same time: first come, first served."""
        self._count += 1
        return self._count

    def postpone(self, at_ns: int, number: int, call: Callable[[], None]) -> None:
        """Call later than was due, keeping the place among those due then."""
        heapq.heappush(self._queue, (at_ns, number, call))

    def run_until(self, at_ns: int) -> None:
        """Make the calls due up to and including a monotonic time, in the order of time, and stop the clock there.

        Raises:
            ValueError: that time is over.
            Exception: what a call raised; the rest stays due.
        """
        if at_ns < self.clock.now_ns():
            raise ValueError(f"{at_ns} ns is over: it is {self.clock.now_ns()} ns")
        while self._queue and self._queue[0][0] <= at_ns:
            due_ns, _, call = heapq.heappop(self._queue)
            self._advance_to(due_ns)
            call()
        self._advance_to(at_ns)

    def run_for(self, seconds: float) -> None:
        """Run for so many seconds of virtual time."""
        self.run_until(self.clock.now_ns() + round(seconds * NS_PER_S))

    def run_until_idle(self, at_most_s: float = 3600.0) -> None:
        """Run until nothing is on its way.

        Raises:
            RuntimeError: something still is after ``at_most_s``: a timer that sets itself again, most likely.
        """
        limit_ns = self.clock.now_ns() + round(at_most_s * NS_PER_S)
        while self._queue:
            if self._queue[0][0] > limit_ns:
                raise RuntimeError(f"not idle after {at_most_s} s of virtual time: {len(self._queue)} calls are due")
            self.run_until(max(self._queue[0][0], self.clock.now_ns()))

    def _advance_to(self, at_ns: int) -> None:
        ahead_ns = at_ns - self.clock.now_ns()
        if ahead_ns > 0:
            self.clock.advance(ahead_ns / NS_PER_S)
