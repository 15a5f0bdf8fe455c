"""Storms of one process: drops sockets as planned, or notices that the peer did, and measures who comes back when.

All times of a storm count from its beginning: when each of those it struck tried to connect (the herd), and when each
was confirmed again. What was sent to somebody meanwhile is *away*, never lost: nothing was subscribed; it is counted as
missed by the storm's people, who would have to fetch it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import gevent
import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_S, Clock
from loadtest.collect import Collector
from loadtest.directory import Role
from loadtest.nouns import many, noun
from loadtest.plan.scenario import Departure
from loadtest.plan.storm import Storm

NOTICED_SHARE = 0.1
NOTICED_WITHIN_S = 10.0
"""So many of all that are lost within so many seconds are a redeploy, not accidents."""

_A_TURN = 64
_DEPARTURES: dict[str, Departure] = {"clean": "left", "abrupt": "cut", "half-open": "frozen"}


class Struck(Protocol):
    """A session that can be dropped."""

    @property
    def identity(self) -> int:
        """Number of the identity."""

    def strike(self, departure: Departure) -> bool:
        """Drop its socket; its user then does what a client does that lost it.

        Returns:
            Whether there was one to drop.
        """


class Shore(Protocol):
    """What is needed of the process's fleet."""

    @property
    def clock(self) -> Clock:
        """What measures."""

    @property
    def collector(self) -> Collector:
        """Where things are counted."""

    def here(self) -> Sequence[Struck]:
        """The sessions that stand."""


@dataclass(slots=True)
class _Begun:
    """A storm that has begun, and who of this process is still gone by it."""

    storm: Storm
    since_ns: int
    gone: dict[int, int] = field(default_factory=dict)  # identity -> when it was lost
    back: dict[int, tuple[int, int]] = field(default_factory=dict)  # identity -> when it was lost, and confirmed again


class Storms:
    """The storms of a run, as far as they strike this process.

    Args:
        shore: the process's users.
        storms: what is planned, or the one that is waited for.
    """

    def __init__(self, shore: Shore, storms: Sequence[Storm]) -> None:
        self._shore = shore
        self._storms = storms
        self._waits = next((storm for storm in storms if storm.manner == "wait"), None)
        self._begun: _Begun | None = None
        self._losses: deque[tuple[int, int]] = deque()  # when, who; of the last seconds
        self._loop: gevent.Greenlet | None = None
        if storms:
            shore.collector.on_away = self._missed

    def start(self, hold_ns: int) -> None:
        """The hold begins."""
        if self._storms and self._waits is None:
            self._loop = gevent.spawn(self._run, hold_ns)

    def stop(self) -> None:
        """Drop nothing more."""
        if self._loop is not None:
            self._loop.kill()
            self._loop = None

    # -- what users tell ---------------------------------------------------------------------------------------------

    def lost(self, identity: int, at_ns: int) -> None:
        """The peer, or the network, ended somebody's subscription."""
        if self._waits is None or not self._shore.collector.holding:
            return
        if self._begun is not None:
            self._strike(self._begun, identity, at_ns)
            return
        self._losses.append((at_ns, identity))
        while self._losses[0][0] < at_ns - round(NOTICED_WITHIN_S * NS_PER_S):
            self._losses.popleft()
        if len(self._losses) >= NOTICED_SHARE * (len(self._losses) + self._shore.collector.connected_count):
            begun = self._begin(self._waits, self._losses[0][0], "the peer ended sockets in bulk")
            for lost_ns, who in self._losses:
                self._strike(begun, who, lost_ns)
            self._losses.clear()

    def attempt(self, identity: int, at_ns: int) -> None:
        """Somebody tries to connect."""
        begun = self._begun
        if begun is not None and identity in begun.gone:
            self._record("storm.attempt", begun, at_ns - begun.since_ns)

    def connected(self, identity: int, role: Role, took_ns: int) -> None:
        """Somebody's socket was opened and welcomed."""
        begun = self._begun
        if begun is not None and identity in begun.gone:
            self._record("storm.connect", begun, took_ns, role)

    def confirmed(self, identity: int, role: Role, at_ns: int, took_ns: int) -> None:
        """Somebody's subscription was confirmed."""
        begun = self._begun
        lost_ns = None if begun is None else begun.gone.pop(identity, None)
        if begun is not None and lost_ns is not None:
            begun.back[identity] = (lost_ns, at_ns)
            self._record("storm.back", begun, at_ns - begun.since_ns)
            self._record("storm.confirm", begun, took_ns, role)

    # -- what happens ------------------------------------------------------------------------------------------------

    def _run(self, hold_ns: int) -> None:
        shore = self._shore
        for storm in self._storms:
            at_ns = hold_ns + round(storm.at_s * NS_PER_S)
            gevent.sleep(max(0.0, (at_ns - shore.clock.now_ns()) / NS_PER_S))
            struck = [session for session in shore.here() if storm.strikes(session.identity)]
            told = f"{many(len(struck), 'socket')} {noun(len(struck), 'is', 'are')} dropped ({storm.manner})"
            begun = self._begin(storm, shore.clock.now_ns(), told)
            for number, session in enumerate(struck, 1):
                if session.strike(_DEPARTURES[storm.manner]):  # it may have left while others had their turn
                    self._strike(begun, session.identity, shore.clock.now_ns())
                if number % _A_TURN == 0:
                    gevent.sleep(0)

    def _begin(self, storm: Storm, at_ns: int, text: str) -> _Begun:
        self._begun = _Begun(storm, at_ns)
        data = {"storm": storm.name, "manner": storm.manner, "share": storm.share}
        self._shore.collector.note("storm", f"Storm {storm.name}: {text}", data, at_ns)
        return self._begun

    def _strike(self, begun: _Begun, identity: int, at_ns: int) -> None:
        if identity not in begun.gone and identity not in begun.back:
            begun.gone[identity] = at_ns
            collector = self._shore.collector
            collector.batch.add(collector.window(begun.since_ns), "storm.dropped", begun.storm.name)

    def _record(self, metric: str, begun: _Begun, duration_ns: int, role: str = "") -> None:
        self._shore.collector.duration(metric, begun.storm.name, role, begun.since_ns, max(0, duration_ns))

    def _missed(self, identities: NDArray[np.int64], written_ns: int, event: str) -> None:
        """Who had no subscription when an emission was written; those of them that the storm had struck missed it."""
        begun = self._begun
        if begun is None or written_ns < begun.since_ns:
            return
        missed = 0
        for identity in identities.tolist():
            lost_ns = begun.gone.get(identity)
            if lost_ns is not None:
                missed += lost_ns <= written_ns
            elif identity in begun.back:
                since_ns, until_ns = begun.back[identity]
                missed += since_ns <= written_ns < until_ns
        if missed:
            collector = self._shore.collector
            collector.batch.add(collector.window(begun.since_ns), "storm.missed", begun.storm.name, event, missed)
