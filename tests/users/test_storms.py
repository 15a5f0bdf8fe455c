"""Storms of one process, on a virtual clock and with sockets that are only numbers."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest

from loadtest.clock import NS_PER_S
from loadtest.collect import EndCause
from loadtest.plan.storm import parse_storms
from loadtest.users import storms as storms_module
from loadtest.users.storms import Storms
from tests.collect.support import ADMIN, BOB, CLEO, CONTACT_1, action, collector

EVERYBODY = (ADMIN, BOB, CLEO, CONTACT_1)


class Shore:
    """A collector with everybody confirmed; sockets are dropped as they are struck."""

    def __init__(self):
        self.collector, self.clock = collector(deadline_s=10.0)
        self.epochs = {n: self.collector.confirmed(n, self.clock.now_ns()) for n in EVERYBODY}
        self.struck = []
        self.clock.advance(60)
        self.collector.hold(self.clock.now_ns())

    def here(self):
        """The sessions that stand."""
        return [SimpleNamespace(identity=n, strike=lambda how, n=n: self.drop(n, how)) for n in self.epochs]

    def drop(self, n, how="peer"):
        """Somebody's subscription ends; returns whether it stood."""
        if n not in self.epochs:
            return False
        cause = EndCause.BY_PEER if how == "peer" else EndCause.BY_US
        self.collector.ended(n, self.epochs.pop(n), self.clock.now_ns(), cause)
        self.struck.append((n, how))
        return True

    def come_back(self, storms, n, after_s):
        """Somebody connects and is confirmed so long after now."""
        at_ns = self.clock.advance(after_s)
        storms.attempt(n, at_ns)
        storms.connected(n, "agent", 20_000_000)
        self.epochs[n] = self.collector.confirmed(n, at_ns)
        storms.confirmed(n, "agent", at_ns, 5_000_000)

    def emit(self, key):
        """A message to everybody, which reaches those who are there."""
        now_ns = self.clock.now_ns()
        entry = self.collector.ledger.open(key, action(now_ns))
        self.collector.ledger.written(entry, now_ns)
        self.collector.ledger.responded(entry, now_ns + 1, "ok")
        for epoch in self.epochs.values():
            self.collector.tick(key, epoch, now_ns + 1_000_000)


def counts(batch, prefix):
    """Counts by metric, name and role."""
    return {key[1:]: value for key, value in batch.counts.items() if key[1].startswith(prefix)}


@pytest.fixture
def shore():
    """Four people on their sockets."""
    return Shore()


def test_who_is_struck_comes_back_and_what_it_missed_is_counted(shore):
    """Everybody is dropped at its moment; times count from there; what was sent meanwhile is missed, never lost."""
    storms = Storms(shore, parse_storms("100%@0s:abrupt"))
    storms.start(shore.clock.now_ns())
    with gevent.Timeout(30):
        while shore.epochs:
            gevent.sleep(0)
    shore.clock.advance(3)
    shore.emit(b"00000001")
    for n in EVERYBODY[:3]:
        shore.come_back(storms, n, 1)
    shore.clock.advance(1)
    shore.emit(b"00000002")
    shore.clock.advance(11)
    batch = shore.collector.collect(shore.clock.now_ns())
    storms.stop()
    hists = {key[1]: hist for key, hist in batch.hists.items() if key[1].startswith("storm.")}

    assert {how for _, how in shore.struck} == {"cut"}
    assert counts(batch, "storm.") == {
        ("storm.dropped", "1 abrupt", ""): 4,
        ("storm.missed", "1 abrupt", "message.created"): 5,
    }
    assert (hists["storm.back"].n, hists["storm.attempt"].n) == (3, 3)
    assert [hists["storm.back"].min_us, hists["storm.back"].max_us] == [4_000_000, 6_000_000]
    assert not counts(batch, "delivery.lost")
    assert [note.kind for note in batch.notes if note.kind == "storm"] == ["storm"]


def test_who_has_just_left_is_not_dropped(shore, monkeypatch):
    """Others have their turn while thousands are dropped: whoever leaves by its plan meanwhile comes back by that."""
    monkeypatch.setattr(storms_module, "_A_TURN", 1)
    storms = Storms(shore, parse_storms("100%@0s:abrupt"))
    storms.start(shore.clock.now_ns())
    with gevent.Timeout(30):
        while not shore.struck:
            gevent.sleep(0)
        shore.drop(CONTACT_1, "left")
        while shore.epochs:
            gevent.sleep(0)
    storms.stop()
    shore.come_back(storms, CONTACT_1, 60)
    batch = shore.collector.batch

    assert shore.struck.count((CONTACT_1, "left")) == 1
    assert counts(batch, "storm.dropped") == {("storm.dropped", "1 abrupt", ""): 3}
    assert not [key for key in batch.hists if key[1] == "storm.back"]


def test_accidents_are_no_redeploy(shore):
    """One socket that the peer ends now and then begins nothing."""
    storms = Storms(shore, parse_storms("wait"))
    for n in range(1000, 1100):  # many more are connected than are lost within ten seconds
        shore.collector._here[n] = 1
    for n in EVERYBODY:
        shore.drop(n)
        storms.lost(n, shore.clock.now_ns())
        shore.clock.advance(20)
    batch = shore.collector.collect(shore.clock.now_ns())

    assert not counts(batch, "storm.")


def test_a_redeploy_is_noticed(shore):
    """It begins with the first of those that the peer ended in bulk, and those before the notice are in it."""
    storms = Storms(shore, parse_storms("wait"))
    began_ns = shore.clock.now_ns()
    for n in EVERYBODY:
        shore.drop(n)
        storms.lost(n, shore.clock.advance(0.5))
    shore.come_back(storms, ADMIN, 5.5)
    batch = shore.collector.collect(shore.clock.now_ns())
    (note,) = [note for note in batch.notes if note.kind == "storm"]
    (back,) = [hist for key, hist in batch.hists.items() if key[1] == "storm.back"]

    assert counts(batch, "storm.dropped") == {("storm.dropped", "1 wait", ""): 4}
    assert note.at_us * 1000 == shore.clock.wall_ns(began_ns + NS_PER_S // 2)
    assert back.max_us == 7_000_000


def test_before_the_hold_nothing_is_noticed(shore):
    """What is lost in the ramp or the drain is no storm."""
    storms = Storms(shore, parse_storms("wait"))
    shore.collector.drain(shore.clock.now_ns())
    for n in EVERYBODY:
        storms.lost(n, shore.clock.now_ns())

    assert not counts(shore.collector.collect(shore.clock.now_ns()), "storm.")
