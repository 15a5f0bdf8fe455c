"""Whether somebody is there, as presence is judged: the beats of one visit, their silences, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from loadtest.clock import Clock
from loadtest.collect import Collector
from loadtest.plan.scenario import Departure
from loadtest.users.heartbeat import Beater, Heartbeats


class Surroundings(Protocol):
    """What is needed of the process's fleet."""

    @property
    def clock(self) -> Clock:
        """What measures."""

    @property
    def collector(self) -> Collector:
        """Where things are counted."""

    @property
    def heartbeats(self) -> Heartbeats:
        """The schedule of beats."""


class Attendance:
    """The beats of a visit. It holds nothing of the visit itself, but for the time in which that beats.

    Args:
        around: the process's fleet.
        identity: number of the identity.
        period_s: time between two of its beats.
    """

    __slots__ = ("_around", "_beater", "_hushed", "_identity", "_period_s")

    def __init__(self, around: Surroundings, identity: int, period_s: float) -> None:
        self._around = around
        self._identity = identity
        self._period_s = period_s
        self._beater: Beater | None = None
        self._hushed = False

    def promise(self) -> None:
        """From the confirm on there will be a beat every period."""
        self._around.collector.presence.beats_every(self._identity, self._period_s)

    def begin(self, beat: Callable[[], None]) -> None:
        """Beat from now on, by ``beat``, which must not block and tells of each by :meth:`sent`."""
        self._beater = self._around.heartbeats.add(beat, self._period_s)

    def end(self) -> None:
        """Beat no more."""
        if self._beater is not None:
            self._beater.cancel()

    def hush(self) -> None:
        """Beat no more, for now; everything else goes on."""
        self.end()
        self.left("silent")

    def resume(self, beat: Callable[[], None]) -> None:
        """Beat again: with the first beat somebody is there again."""
        self._hushed = True
        self._beater = self._around.heartbeats.add(beat, self._period_s, at_once=True)

    def sent(self, at_ns: int) -> None:
        """A beat was sent."""
        if self._hushed:
            self._hushed = False
            self._around.collector.presence.arrived(self._identity, at_ns)

    def left(self, how: Departure) -> None:
        """Somebody is there no more, unless it has another tab that beats."""
        collector = self._around.collector
        if collector.sockets_of(self._identity) <= 1:
            collector.presence.left(self._identity, self._around.clock.now_ns(), how)
