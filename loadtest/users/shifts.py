"""Who is there when, over a day: people come and go as the load's profile says (:mod:`loadtest.plan.load_profile`).

Each identity has a rank, spread evenly over its role; those whose rank lies below the profile's level are due. Whoever
is not leaves with a close frame and comes back when it is due again; what it does while it is there (visits, tabs,
reconnects) goes on as ever.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import gevent

from loadtest.clock import NS_PER_S, Clock
from loadtest.collect import Collector
from loadtest.plan import LoadProfile, stratified_phase

_LOOK_S = 1.0
_LOOKS_A_DAY = 1440
_A_TURN = 64


class Worker(Protocol):
    """A session that can be told to leave."""

    @property
    def identity(self) -> int:
        """Number of the identity."""

    def leave(self) -> None:
        """Leave now."""


class Staff(Protocol):
    """What is needed of the process's fleet."""

    @property
    def clock(self) -> Clock:
        """What measures."""

    @property
    def collector(self) -> Collector:
        """Where things are counted."""

    def here(self) -> Sequence[Worker]:
        """The sessions that stand."""


class Shifts:
    """Sends people away, and says when they come back; before :meth:`start` and without days everybody stays.

    Args:
        staff: the process's users.
        profile: how many are due when.
    """

    def __init__(self, staff: Staff, profile: LoadProfile) -> None:
        self._staff = staff
        self._profile = profile
        self._since_ns: int | None = None
        self._loop: gevent.Greenlet | None = None

    def start(self, at_ns: int) -> None:
        """The profile begins at ``at_ns``."""
        if not self._profile.is_flat:
            self._since_ns = at_ns
            self._loop = gevent.spawn(self._run)

    def stop(self) -> None:
        """Send nobody away any more."""
        if self._loop is not None:
            self._loop.kill()
            self._loop = None

    def rank(self, identity: int) -> float:
        """Who this is among those of its role, in [0, 1); the first of each is always there."""
        agents = len(self._staff.collector.people.agents)
        return stratified_phase(identity if identity < agents else identity - agents)

    def away_s(self, identity: int) -> float:
        """Seconds until somebody is due; 0 for who is, or while no profile runs."""
        if self._since_ns is None:
            return 0.0
        wait_s = self._profile.returns_s(self.rank(identity), self._at_s())
        return 0.0 if wait_s == math.inf else wait_s

    def _at_s(self) -> float:
        return (self._staff.clock.now_ns() - (self._since_ns or 0)) / NS_PER_S

    def _run(self) -> None:
        every_s = max(_LOOK_S, self._profile.day_s / _LOOKS_A_DAY) if self._profile.day_s > 600 else _LOOK_S / 4
        while True:
            level = self._profile.level(self._at_s())
            leaving = [session for session in self._staff.here() if self.rank(session.identity) >= level]
            for number, session in enumerate(leaving, 1):
                session.leave()
                if number % _A_TURN == 0:
                    gevent.sleep(0)
            gevent.sleep(every_s)
