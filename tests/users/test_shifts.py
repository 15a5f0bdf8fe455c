"""Who is there over a day: those above the level leave, and come back when it has risen."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from loadtest.clock import NS_PER_S
from loadtest.plan import LoadProfile
from loadtest.users.shifts import Shifts
from tests.users.conftest import eventually

AGENTS, CONTACTS = 10, 40
AT_NIGHT = 43
"""Of 50 those whose rank is a tenth or more: evenly spread ranks are whole people, two of ten and five of forty."""


class Staff:
    """Everybody connected, on a clock that stands still unless it is told to go on."""

    def __init__(self):
        self.now_s = 0.0
        self.gone = set()
        people = SimpleNamespace(agents=range(AGENTS))
        self.collector = SimpleNamespace(people=people)
        self.clock = SimpleNamespace(now_ns=lambda: round(self.now_s * NS_PER_S))

    def here(self):
        """The sessions that stand."""
        return [
            SimpleNamespace(identity=n, leave=lambda n=n: self.gone.add(n))
            for n in range(AGENTS + CONTACTS)
            if n not in self.gone
        ]


@pytest.fixture
def shifts():
    """A staff and its shifts over a day of 2,400 s that begins at nine."""
    staff = Staff()
    made = Shifts(staff, LoadProfile.parse("day=2400s@9"))
    yield staff, made
    made.stop()


def test_at_night_a_tenth_of_each_role_stays(shifts):
    """The first agent and the first contact are always there."""
    staff, made = shifts
    made.start(0)
    staff.now_s = 1500.0  # midnight

    eventually(lambda: len(staff.gone) == AT_NIGHT)

    assert {0, AGENTS}.isdisjoint(staff.gone)
    assert sum(n < AGENTS for n in staff.gone) == 8


def test_who_left_comes_back_in_the_morning(shifts):
    """Everybody's absence ends between six and nine, spread out."""
    staff, made = shifts
    made.start(0)
    staff.now_s = 1500.0
    back_s = sorted(1500.0 + made.away_s(n) for n in range(AGENTS + CONTACTS) if made.away_s(n))

    assert len(back_s) == AT_NIGHT
    assert 2100 <= back_s[0] < back_s[-1] <= 2400
    assert max(b - a for a, b in itertools.pairwise(back_s)) < 60


def test_before_the_plan_begins_everybody_stays(shifts):
    """In the ramp nobody is away, and a flat profile never sends anybody."""
    staff, made = shifts
    flat = Shifts(staff, LoadProfile())
    flat.start(0)

    assert made.away_s(AGENTS + 7) == flat.away_s(7) == 0.0
