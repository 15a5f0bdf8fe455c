"""Who was really there: subscribed and beating, by the times at which beats were really sent.

A person is *alive* from its subscription's confirmation until it leaves, however it does. One whose own beat this tool
sends late is *overdue* from the moment it was due (:data:`GRACE_NS` after, since a timer is never exact): what a server
says of somebody who does not beat is not its mistake, so that time is nobody's. One who had been there and is not is
*gone*. Beside that stands what an ideal server knows, one without any delay: whoever beat within the expiry is *up*.
"""

from __future__ import annotations

import heapq
from collections import deque
from enum import IntEnum
from typing import Literal

import numpy as np

from loadtest.clock import NS_PER_MS
from loadtest.collect.presence_views import Roster

GRACE_NS = 50 * NS_PER_MS
"""How late a beat may be before its sender counts as overdue: the generator's own limit of lateness."""

Departure = Literal["left", "cut", "frozen", "silent"]
"""How somebody goes: leaves with a close frame; its connection is cut; its process stops, so that the connection stays
and nothing is read or sent; its beats stop, while the connection is served."""

DEPARTURES: tuple[Departure, ...] = ("left", "cut", "frozen", "silent")

NEVER_NS = np.iinfo(np.int64).min // 2


class State(IntEnum):
    """What somebody is at a moment."""

    NEVER = 0
    ALIVE = 1
    OVERDUE = 2
    GONE = 3


class Truth:
    """The truth about one account's people, by place.

    Args:
        roster: who there is.
        expiry_ns: how long the target shows agents and contacts after a beat; None where nobody knows.
    """

    def __init__(self, roster: Roster, expiry_ns: tuple[int | None, int | None]) -> None:
        self._roster = roster
        self._expiry_ns = expiry_ns
        size = roster.size
        #: bits of those in each state, and of those whom an ideal server shows
        self.alive = self.overdue = self.gone = self.up = 0
        #: bits of agents that chose to be shown as busy, and as offline
        self.busy = self.away = 0
        self.since_ns = np.full(size, NEVER_NS, dtype=np.int64)
        self.beat_ns = np.full(size, NEVER_NS, dtype=np.int64)
        self.answered_ns = np.full(size, NEVER_NS, dtype=np.int64)
        self.died_ns = np.full(size, NEVER_NS, dtype=np.int64)
        self.departure: list[Departure] = ["left"] * size
        self._period_ns = [0] * size
        self._due: list[tuple[int, int, int]] = []  # (overdue from, place, the beat it counts from)
        self._lapses: tuple[deque[tuple[int, int]], deque[tuple[int, int]]] = (deque(), deque())

    @property
    def expiry_known(self) -> tuple[bool, bool]:
        """Whether the target's expiry of agents, and of contacts, is known."""
        return self._expiry_ns[0] is not None, self._expiry_ns[1] is not None

    def state(self, place: int) -> State:
        """What somebody is now."""
        if self.alive >> place & 1:
            return State.ALIVE
        if self.overdue >> place & 1:
            return State.OVERDUE
        return State.GONE if self.gone >> place & 1 else State.NEVER

    def is_up(self, place: int) -> bool:
        """Whether an ideal server shows somebody, or it is not known what it would do."""
        return self._expiry_ns[int(place >= self._roster.agents)] is None or bool(self.up >> place & 1)

    # -- what happens ------------------------------------------------------------------------------------------------

    def arrive(self, place: int, at_ns: int, period_ns: int) -> None:
        """Somebody is there from now on, and beats every ``period_ns`` (0 for no promise); arriving is a beat."""
        bit = 1 << place
        self.alive |= bit
        self.gone &= ~bit
        self.since_ns[place] = at_ns
        self.answered_ns[place] = at_ns
        self._period_ns[place] = period_ns
        self._count(place, at_ns)

    def leave(self, place: int, at_ns: int, departure: Departure) -> None:
        """Somebody is gone."""
        bit = 1 << place
        self.alive &= ~bit
        self.overdue &= ~bit
        self.gone |= bit
        self.died_ns[place] = at_ns
        self.departure[place] = departure

    def beat(self, place: int, sent_ns: int) -> None:
        """Somebody's beat was sent."""
        bit = 1 << place
        if self.overdue & bit:
            self.overdue &= ~bit
            self.alive |= bit
        self._count(place, sent_ns)

    def answered(self, place: int, sent_ns: int) -> None:
        """A beat that was sent at ``sent_ns`` was answered, so the server has counted it."""
        if sent_ns > self.answered_ns[place]:
            self.answered_ns[place] = sent_ns

    def _count(self, place: int, at_ns: int) -> None:
        self.beat_ns[place] = at_ns
        if self._period_ns[place]:
            heapq.heappush(self._due, (at_ns + self._period_ns[place] + GRACE_NS, place, at_ns))
        number = int(place >= self._roster.agents)
        if self._expiry_ns[number] is not None:
            self.up |= 1 << place
            self._lapses[number].append((at_ns, place))

    # -- what time does ----------------------------------------------------------------------------------------------

    def next_ns(self) -> int | None:
        """When somebody becomes overdue or lapses next, or might."""
        moments = [self._due[0][0]] if self._due else []
        for lapses, expiry_ns in zip(self._lapses, self._expiry_ns, strict=True):
            if lapses and expiry_ns is not None:
                moments.append(lapses[0][0] + expiry_ns + 1)  # a beat as old as the expiry still counts
        return min(moments) if moments else None

    def due(self, at_ns: int) -> int | None:
        """Take one who becomes overdue by ``at_ns`` off the list; None when there is none."""
        while self._due and self._due[0][0] <= at_ns:
            _, place, beat_ns = heapq.heappop(self._due)
            if self.beat_ns[place] == beat_ns and self.alive >> place & 1:
                return place
        return None

    def lapse(self, at_ns: int) -> int | None:
        """Take one whom the ideal server stops showing by ``at_ns`` off the list; None when there is none."""
        for lapses, expiry_ns in zip(self._lapses, self._expiry_ns, strict=True):
            while lapses and expiry_ns is not None and lapses[0][0] + expiry_ns < at_ns:
                beat_ns, place = lapses.popleft()
                if self.beat_ns[place] == beat_ns:
                    return place
        return None

    def make_overdue(self, place: int) -> None:
        """Somebody's beat should have been sent by now."""
        bit = 1 << place
        self.alive &= ~bit
        self.overdue |= bit

    def drop(self, place: int) -> None:
        """The ideal server shows somebody no more."""
        self.up &= ~(1 << place)
