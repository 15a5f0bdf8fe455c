"""Time: monotonic nanoseconds that measure, with a wall anchor that only travels.

Durations are always differences of :meth:`Clock.now_ns`.
Wall time is used where a stamp leaves the process (marks, window numbers, the store); the offset between the two is
read again by :meth:`SystemClock.anchor`, once a window, so that a stepped wall clock bends no latency of this process.
"""

from __future__ import annotations

import time
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000


class Clock(Protocol):
    """What measures: monotonic nanoseconds and their place on the wall clock."""

    def now_ns(self) -> int:
        """Monotonic time in nanoseconds; only differences mean anything."""

    def wall_ns(self, mono_ns: int) -> int:
        """The Unix time in nanoseconds at which the monotonic time ``mono_ns`` fell, by the last anchor."""

    def mono_ns(self, wall_ns: int) -> int:
        """The monotonic time in nanoseconds of the Unix time ``wall_ns``, by the last anchor."""

    def bound_at_ns(self, mono_ns: int) -> int:
        """By how much the two above may be wrong at a monotonic time, in nanoseconds; 0 where one clock is all."""


class SystemClock:
    """CLOCK_MONOTONIC, anchored to CLOCK_REALTIME.

    Attributes:
        offset_ns: by how much the run's wall time is ahead of this machine's.
    """

    __slots__ = ("_offset_ns", "offset_ns")

    def __init__(self) -> None:
        self._offset_ns = 0
        self.offset_ns = 0
        self.anchor()

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self, mono_ns: int) -> int:
        return mono_ns + self._offset_ns

    def mono_ns(self, wall_ns: int) -> int:
        return wall_ns - self._offset_ns

    def bound_at_ns(self, mono_ns: int) -> int:
        return 0

    def anchor(self) -> int:
        """Read the offset between the clocks again.

        The two reads are repeated and the tightest pair is kept, so that a preemption between them does not count.

        Returns:
            The step since the last anchor in nanoseconds (0 on the first).
        """
        best: tuple[int, int] | None = None
        for _ in range(5):
            before = time.monotonic_ns()
            wall = time.time_ns()
            after = time.monotonic_ns()
            spread = after - before
            if best is None or spread < best[0]:
                best = (spread, wall - (before + after) // 2)
        assert best is not None
        step = best[1] - self._offset_ns if self._offset_ns else 0
        self._offset_ns = best[1]
        return step


class VirtualClock:
    """A clock that moves only when told to: for tests, and for users' tests.

    Args:
        start_ns: monotonic time at the start.
        wall_start_ns: Unix time at the start.

    Attributes:
        bound_ns: what :meth:`bound_at_ns` says, at any time.
    """

    __slots__ = ("_now_ns", "_offset_ns", "bound_ns")

    def __init__(self, start_ns: int = NS_PER_S, wall_start_ns: int = 1_700_000_000 * NS_PER_S) -> None:
        self._now_ns = start_ns
        self.bound_ns = 0
        self._offset_ns = wall_start_ns - start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def wall_ns(self, mono_ns: int) -> int:
        return mono_ns + self._offset_ns

    def mono_ns(self, wall_ns: int) -> int:
        return wall_ns - self._offset_ns

    def bound_at_ns(self, mono_ns: int) -> int:
        return self.bound_ns

    def advance(self, seconds: float) -> int:
        """Move forward by ``seconds`` (never back) and return the new monotonic time in nanoseconds."""
        if seconds < 0:
            raise ValueError(f"a monotonic clock never runs back: {seconds} s")
        self._now_ns += round(seconds * NS_PER_S)
        return self._now_ns
