"""Whether somebody is there: the beats of a visit, on a schedule that only records."""

from types import SimpleNamespace

import pytest

from loadtest.users.attendance import Attendance
from loadtest.users.heartbeat import Heartbeats
from tests.collect.support import ADMIN, collector


class Recorded(Heartbeats):
    """A schedule that remembers what was added to it."""

    def __init__(self, clock):
        super().__init__(clock, 30.0, lambda due_ns, at_ns: None)
        self.beaters = []

    def add(self, send, period_s=None, *, at_once=False):
        """Schedule it, and remember how."""
        self.beaters.append((super().add(send, period_s, at_once=at_once), at_once))
        return self.beaters[-1][0]


@pytest.fixture
def there():
    """Somebody with one confirmed tab that beats every 5 s; with its collector, its schedule and its truth."""
    subject, clock = collector()
    subject.confirmed(ADMIN, clock.now_ns())
    around = SimpleNamespace(clock=clock, collector=subject, heartbeats=Recorded(clock))
    attendance = Attendance(around, ADMIN, 5.0)
    account, place = subject.presence._place[ADMIN]

    def alive():
        return bool(account.judge.truth.alive >> place & 1)

    return SimpleNamespace(attendance=attendance, around=around, clock=clock, alive=alive)


def nothing():
    """A beat."""


def test_beats_have_their_own_period_and_end(there):
    """Every 5 s, although the run's heartbeat is 30 s, until they are ended; ending twice does nothing."""
    there.attendance.end()
    there.attendance.begin(nothing)
    ((beater, at_once),) = there.around.heartbeats.beaters
    active = beater.active
    there.attendance.end()
    there.attendance.end()

    assert (5_000_000_000, False, True, False) == (beater.period_ns, at_once, active, beater.active)


def test_a_silence_is_an_absence_until_a_beat_was_sent(there):
    """Not until beats are scheduled again; only the first of them is an arrival."""
    there.attendance.begin(nothing)
    seen = [there.alive()]
    there.attendance.hush()
    seen.append(there.alive())
    there.attendance.resume(nothing)
    seen.append(there.alive())
    there.attendance.sent(there.clock.advance(1))
    seen.append(there.alive())
    there.attendance.left("cut")
    there.attendance.sent(there.clock.advance(1))
    seen.append(there.alive())

    assert [True, False, False, True, False] == seen
    assert [False, True] == [at_once for _, at_once in there.around.heartbeats.beaters]
    assert [False, True] == [beater.active for beater, _ in there.around.heartbeats.beaters]


def test_who_has_another_tab_is_still_there(there):
    """It beats, whatever becomes of this one."""
    there.around.collector.confirmed(ADMIN, there.clock.now_ns())
    there.attendance.hush()

    assert there.alive()


def test_a_visit_that_ended_is_not_held(there):
    """What beat is let go of with its end: no circle is left for the garbage collector."""
    there.attendance.begin(nothing)
    there.attendance.end()

    assert there.around.heartbeats.beaters[0][0].send is not nothing
