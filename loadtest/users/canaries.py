"""Sends canaries: a contact speaks up in an inbox that has been silent for a while (:mod:`loadtest.plan.canary`).

A canary is a marked message like any other, with a due time, an entry in the ledger and an audience; it is counted
besides as ``emission.canary``. An inbox in which no contact can speak has none until one can.
"""

from __future__ import annotations

import heapq
from typing import Protocol

import gevent
from gevent.event import Event as Signal

from loadtest.clock import NS_PER_S
from loadtest.plan import Canary, next_in_turn
from loadtest.users.emitting import Crew

Inbox = tuple[int, int]
"""Account and inbox."""

_AGAIN_NS = NS_PER_S


class Choir(Protocol):
    """Who may speak, and makes them."""

    def may_speak(self, identity: int) -> bool:
        """Whether a contact is online, and has a conversation that nobody is changing."""

    def speak(self, identity: int, due_ns: int) -> bool:
        """Let a contact write a message that is nobody's question; returns whether there was room for it."""


class Canaries:
    """The canaries of one process.

    Args:
        crew: what the process's users share.
        choir: who may speak.
        plan: when canaries are due.
    """

    def __init__(self, crew: Crew, choir: Choir, plan: Canary) -> None:
        self._crew = crew
        self._choir = choir
        self._plan = plan
        people = crew.collector.people
        self._voices: dict[Inbox, list[int]] = {}
        for place, contact in enumerate(people.contacts):
            self._voices.setdefault((contact.account_id, contact.inbox_id), []).append(len(people.agents) + place)
        self._last: dict[Inbox, int] = {}
        self._first_ns: dict[Inbox, int] = {}
        self._stopping = Signal()
        self._loop: gevent.Greenlet | None = None

    def start(self, at_ns: int) -> None:
        """Begin at ``at_ns``; without a period, or anybody to speak, nothing happens."""
        if self._plan.period_s > 0 and self._voices:
            self._loop = gevent.spawn(self._run, at_ns)

    def stop(self) -> None:
        """Send no more."""
        self._stopping.set()
        if self._loop is not None:
            self._loop.join()
            self._loop = None

    def _run(self, at_ns: int) -> None:
        clock = self._crew.clock
        self._first_ns = {inbox: self._plan.first_ns(sum(inbox), at_ns) for inbox in self._voices}
        queue = [(due_ns, inbox) for inbox, due_ns in self._first_ns.items()]
        heapq.heapify(queue)
        while not self._stopping.is_set():
            while queue[0][0] <= (now_ns := clock.now_ns()):
                due_ns, inbox = queue[0]
                heapq.heapreplace(queue, (self._look_at(inbox, due_ns, now_ns), inbox))
            self._stopping.wait(timeout=max(0.0, (queue[0][0] - clock.now_ns()) / NS_PER_S))

    def _look_at(self, inbox: Inbox, at_ns: int, now_ns: int) -> int:
        """Send an inbox's canary if it is due; returns when to look again."""
        newest_ns = self._crew.collector.ledger.newest_ns.get(inbox)
        due_ns = self._first_ns[inbox]
        if newest_ns is not None:
            due_ns = max(due_ns, self._plan.due_ns(newest_ns))
        due_ns += self._plan.patience_ns(sum(inbox), self._crew.clock.wall_ns(due_ns))
        if due_ns > now_ns:
            return due_ns
        able = [number for number in self._voices[inbox] if self._choir.may_speak(number)]
        if not able:
            return now_ns + _AGAIN_NS
        voice = next_in_turn(able, self._last.get(inbox, -1))
        if not self._choir.speak(voice, max(due_ns, at_ns)):
            return now_ns + _AGAIN_NS
        self._last[inbox] = voice
        collector = self._crew.collector
        collector.batch.add(collector.window(due_ns), "emission.canary")
        self._first_ns[inbox] = now_ns + self._plan.period_ns  # it is under way: not written yet
        return self._first_ns[inbox]
