"""How long a run was to go on, and whether it came to that end.

A plan ends by its run time (``--run-time``) or by its messages (``--emissions``). Whoever stops it before, by Ctrl-C,
SIGTERM or the web UI's button, has cut it short: what it measured stands, yet it is not the run that was asked for, and
its verdict must not be taken for one of the whole plan. A run without an end of its own is ended by whoever watches it,
which is no interruption once it holds.
"""

from __future__ import annotations

from typing import Any

from loadtest.clock import NS_PER_S

SLACK_S = 1.0
SLACK_SHARE = 0.1
"""Locust's timer and our start are not the same moment: so much of the run time may be missing, the lesser of both."""


class Course:
    """The planned length of one run, and how far it came.

    Args:
        began_ns: monotonic time at which the test began.
        run_time_s: how long it is to last; None where that is open.
        emissions: how many messages its plan has; 0 where that is open.
    """

    def __init__(self, began_ns: int, run_time_s: float | None, emissions: int) -> None:
        self._began_ns = began_ns
        self._run_time_s = run_time_s
        self._emissions = emissions
        self._played_out = False
        self._ran_s: float | None = None
        self.interrupted = False

    def plan(self, now_ns: int, run_time_s: float | None) -> None:
        """From now on it is to last so many seconds; None where that is open."""
        self._run_time_s = None if run_time_s is None else (now_ns - self._began_ns) / NS_PER_S + run_time_s

    def played_out(self) -> None:
        """All messages of the plan are sent."""
        self._played_out = True

    def ends(self, now_ns: int, phase: str, *, by_itself: bool) -> None:
        """The test is being stopped; only the first such moment counts.

        Args:
            now_ns: monotonic time.
            phase: what the run was at.
            by_itself: whether the run gave up for a reason of its own, which is told elsewhere.
        """
        if self._ran_s is not None:
            return
        self._ran_s = (now_ns - self._began_ns) / NS_PER_S
        self.interrupted = not by_itself and (phase == "ramp" or (phase == "hold" and self._is_short(self._ran_s)))

    def described(self) -> dict[str, Any]:
        """What the run's store says of it."""
        ran_s = None if self._ran_s is None else round(self._ran_s, 3)
        return {"interrupted": self.interrupted, "run_time_s": self._run_time_s, "ran_s": ran_s}

    def _is_short(self, ran_s: float) -> bool:
        if self._played_out:
            return False
        if self._run_time_s is None:
            return self._emissions > 0
        return ran_s < self._run_time_s - min(SLACK_S, SLACK_SHARE * self._run_time_s)
