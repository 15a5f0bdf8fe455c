"""Beats: spread over one heartbeat at first, then exactly periodic."""

import gc
import itertools
import weakref

import gevent
from gevent.event import Event

from loadtest.clock import SystemClock
from loadtest.users.heartbeat import Heartbeats


def _run(period_s, users, beats):
    """Beat until there were so many; returns (due, actual) times in ns and who beat."""
    clock, late, who, enough = SystemClock(), [], [], Event()
    subject = Heartbeats(clock, period_s, lambda due, actual: late.append((due, actual)))

    def send(user):
        who.append(user)
        if len(who) >= beats:
            enough.set()

    began_ns = clock.now_ns()
    beaters = [subject.add(lambda user=user: send(user)) for user in range(users)]
    loop = gevent.spawn(subject.run)
    assert enough.wait(timeout=30)
    loop.kill()
    return began_ns, late, who, beaters


def test_first_beats_fill_one_heartbeat_evenly():
    """Users that arrived together are due spread over one period, each in it once."""
    began_ns, late, who, _ = _run(period_s=0.4, users=40, beats=40)
    phases = sorted((due - began_ns) / 0.4e9 for due, _ in late[:40])
    gaps = [b - a for a, b in itertools.pairwise(phases)]

    assert sorted(who[:40]) == list(range(40))
    assert max(gaps) < 3 / 40


def test_each_user_beats_once_a_period():
    """A user's beats are due exactly one period apart, however late one was sent."""
    _, late, who, _ = _run(period_s=0.05, users=3, beats=12)
    dues = {user: [due for (due, _), w in zip(late, who, strict=False) if w == user] for user in range(3)}
    steps = {b - a for due in dues.values() for a, b in itertools.pairwise(due)}

    assert steps == {50_000_000}


def test_a_cancelled_user_beats_no_more():
    """Who has left is skipped."""
    clock, sent, done = SystemClock(), [], Event()
    subject = Heartbeats(clock, 0.02, lambda due, actual: None)
    gone = subject.add(lambda: sent.append("gone"))
    gone.cancel()

    def stay():
        sent.append("here")
        if len(sent) >= 5:
            done.set()

    subject.add(stay)
    loop = gevent.spawn(subject.run)
    assert done.wait(timeout=30)
    loop.kill()

    assert set(sent) == {"here"}


def test_who_is_cancelled_is_let_go():
    """A cancelled beat waits in the schedule without whoever it belonged to."""

    class Owner:
        def send(self):
            """A beat."""

    owner = Owner()
    gone = weakref.ref(owner)
    beater = Heartbeats(SystemClock(), 30.0, lambda due_ns, at_ns: None).add(owner.send)
    owner.beater = beater
    gc.disable()
    try:
        beater.cancel()
        del owner
        assert gone() is None
    finally:
        gc.enable()
    assert not beater.active
