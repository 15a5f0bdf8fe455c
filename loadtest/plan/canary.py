"""Canaries: a marked message in every inbox that has had none for a while, so that a deaf cable is noticed.

A server whose pub/sub side is dead keeps its sockets open and pings them; only a message that should arrive shows it.
Where people talk, their messages do. A canary is due a period after the inbox's newest message, whoever wrote that;
so a busy inbox has none, and a silent one has one each period.

Workers that hold contacts of one inbox take turns by the wall clock: each is first for one period, and the others
stand in for it, a moment later each, when it has nobody to speak for the inbox. Contacts take turns by number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.clock import NS_PER_S
from loadtest.plan.pacer import stratified_phase

STANDING_IN_NS = 3 * NS_PER_S
"""What a worker waits for the one before it: an announcement of its message takes up to two seconds."""


@dataclass(frozen=True, slots=True)
class Canary:
    """When canaries are due.

    Attributes:
        period_s: silence of an inbox after which one is due; 0 means never.
        share: this worker's number among the workers, from 0.
        shares: how many workers there are.
    """

    period_s: float = 10.0
    share: int = 0
    shares: int = 1

    @property
    def period_ns(self) -> int:
        """The period in nanoseconds."""
        return round(self.period_s * NS_PER_S)

    def first_ns(self, index: int, start_ns: int) -> int:
        """When an inbox without any message is due for its first one: phases are spread over one period.

        Args:
            index: the inbox's number.
            start_ns: start of the plan.
        """
        return start_ns + round(stratified_phase(index) * self.period_ns)

    def due_ns(self, newest_ns: int) -> int:
        """When the next one is due, after the inbox's newest message was written at ``newest_ns``."""
        return newest_ns + self.period_ns

    def patience_ns(self, index: int, wall_ns: int) -> int:
        """How long after it is due this worker waits for the workers whose turn it is before its own.

        Args:
            index: the inbox's number.
            wall_ns: when it is due, Unix time.
        """
        place = (self.share - index - wall_ns // self.period_ns) % self.shares
        return place * STANDING_IN_NS


def next_in_turn(numbers: Sequence[int], last: int) -> int:
    """Whose turn it is: the next number after ``last``, or the first one.

    Args:
        numbers: ascending, at least one.
        last: who had the turn before, -1 at the beginning.
    """
    place = bisect_right(numbers, last)
    return numbers[place if place < len(numbers) else 0]


def canary_period_s(wanted_s: float, inboxes: int, spare_per_s: float | None) -> float:
    """The period that a brake on the rate allows.

    Args:
        wanted_s: the period asked for; 0 means none.
        inboxes: how many inboxes are to have one each period.
        spare_per_s: messages a second that the brake leaves beside the plan's own, or None without a brake.

    Returns:
        Seconds, at least those asked for; 0 where there is room for none.
    """
    if not wanted_s or not inboxes or spare_per_s is None:
        return wanted_s
    return max(wanted_s, inboxes / spare_per_s) if spare_per_s > 0 else 0.0
