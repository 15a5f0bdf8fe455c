"""Canaries leave when an inbox was silent for a period, from contacts in turn."""

from __future__ import annotations

from itertools import pairwise

import gevent
import pytest

from loadtest.clock import NS_PER_S, SystemClock
from loadtest.collect import Collector, CollectorSettings
from loadtest.directory import Agent, Contact, Directory
from loadtest.plan import Canary
from loadtest.users.canaries import Canaries
from tests.users.conftest import eventually

AGENT = Agent((1,), 1, "agent", (5, 6), "p1", "a1")
CONTACTS = tuple(Contact(1, 10 + n, 5 if n < 3 else 6, f"s-{n}", f"c-{n}", "inbox") for n in range(4))
PERIOD_S = 0.05


class Crew:
    """What canaries need of a process."""

    def __init__(self):
        self.clock = SystemClock()
        self.collector = Collector(Directory((AGENT,), CONTACTS), self.clock, CollectorSettings("abc123"))

    @property
    def counted(self):
        """Canaries counted."""
        counts = self.collector.batch.counts
        return sum(n for (_, metric, _, _), n in counts.items() if metric == "emission.canary")


class Choir:
    """Notes who spoke and when that was due; messages are written at once."""

    def __init__(self, crew, *, able=(1, 2, 3, 4)):
        self.crew, self.able = crew, set(able)
        self.spoken = []
        self.has_room = True

    def may_speak(self, identity):
        return identity in self.able

    def speak(self, identity, due_ns):
        if self.has_room:
            self.spoken.append((identity, due_ns))
            inbox = (1, CONTACTS[identity - 1].inbox_id)
            self.crew.collector.ledger.newest_ns[inbox] = self.crew.clock.now_ns()
        return self.has_room


@pytest.fixture
def sing():
    """Starts canaries; they are stopped after the test."""
    started = []

    def start(period_s=PERIOD_S, able=(1, 2, 3, 4)):
        crew = Crew()
        choir = Choir(crew, able=able)
        started.append(Canaries(crew, choir, Canary(period_s)))
        started[-1].start(crew.clock.now_ns())
        return crew, choir

    yield start
    for canaries in started:
        canaries.stop()


def test_every_inbox_has_its_canaries_from_contacts_in_turn(sing):
    """One after the other in an inbox, and an inbox does not wait for another."""
    crew, choir = sing()
    eventually(lambda: sum(identity == 4 for identity, _ in choir.spoken) >= 2 and len(choir.spoken) >= 10)
    of_first = [identity for identity, _ in choir.spoken if identity != 4]

    assert [1, 2, 3, 1] == of_first[:4]
    assert len(choir.spoken) == crew.counted


def test_a_canary_is_a_period_after_the_newest_message(sing):
    """Each is due so long after the one before was written, not after it was due."""
    _, choir = sing()
    eventually(lambda: len(choir.spoken) >= 6)
    due = [due_ns for identity, due_ns in choir.spoken if identity == 4]

    assert all(later - earlier >= PERIOD_S * NS_PER_S for earlier, later in pairwise(due))


def test_an_inbox_that_is_talked_in_needs_none(sing):
    """Other messages of the run are as good; while one inbox has them, the silent one has its canaries."""
    crew, choir = sing()
    crew.collector.ledger.newest_ns[1, 5] = crew.clock.now_ns() + 3600 * NS_PER_S
    eventually(lambda: len(choir.spoken) >= 5)

    assert {4} == {identity for identity, _ in choir.spoken}


def test_who_cannot_speak_is_passed_over(sing):
    """Contacts that are away or busy lose their turn."""
    _, choir = sing(able=(2, 4))
    eventually(lambda: len(choir.spoken) >= 6)

    assert {2, 4} == {identity for identity, _ in choir.spoken}


def test_without_a_period_nobody_speaks(sing):
    """0 is never."""
    _, choir = sing(period_s=0)
    gevent.sleep(0)

    assert choir.spoken == []
