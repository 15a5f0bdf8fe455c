"""Memory that is never given back: so much for each broadcast, delivery or connection."""

from __future__ import annotations

from loadtest.refserver.faults.grammar import Growth
from loadtest.refserver.faults.plan import FaultPlan
from loadtest.refserver.faults.schedule import Schedule
from loadtest.refserver.faults.truth import TruthLog, line

TOLD_EACH_BYTES = 1 << 20


class Memory:
    """What has leaked.

    Args:
        plan: with what memory grows, and how much.
        schedule: since when.
        truth: told each whole MiB, and at the end.
    """

    def __init__(self, plan: FaultPlan, schedule: Schedule, truth: TruthLog) -> None:
        self._terms = [(term, term.value) for term in plan.of_kind("memory-leak") if isinstance(term.value, Growth)]
        self._schedule = schedule
        self._truth = truth
        self._kept: list[bytes] = []
        self._told = 0
        self.leaked_bytes = 0

    def grow(self, each: str, times: int = 1) -> None:
        """Something happened, so many times, that memory may grow with."""
        if not self._terms or not times:
            return
        at_s = self._schedule.at_s()
        for term, growth in self._terms:
            if growth.each == each and term.when.holds(at_s):
                size = growth.size_bytes * times
                self._kept.append(b"x" * size)  # written to, so that it is really there
                self.leaked_bytes += size
        if self.leaked_bytes - self._told >= TOLD_EACH_BYTES:
            self.tell()

    def tell(self) -> None:
        """Write down how much has leaked."""
        if self.leaked_bytes != self._told:
            self._told = self.leaked_bytes
            self._truth.add(line(self._schedule.wall_ns(), "memory-leak", bytes=self.leaked_bytes))
