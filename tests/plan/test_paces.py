"""A plan whose rate changes: exact, in order, and the same on every worker."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.plan import LoadProfile, Pacer, Paces


@pytest.mark.parametrize("profile", ["flat", "day=20s@6"])
def test_without_a_change_it_is_the_pacer(profile):
    """The same slots at the same times, as the profile stretches them."""
    pacer = Pacer(10.0, 3, profile=LoadProfile.parse(profile))

    assert list(Paces(pacer).upto(5.0)) == [one for one in itertools.islice(pacer, 60) if one[1] <= 5.0]


@given(st.lists(st.tuples(st.floats(1.0, 20.0), st.floats(0.5, 200.0)), max_size=5), st.integers(0, 99))
def test_the_offered_load_is_exact_over_every_stretch(stretches, seed):
    """Each stretch has its rate times its length of arrivals, to less than one; numbers go on, times rise."""
    paces = Paces(Pacer(5.0, seed))
    at_s, rate, bounds = 0.0, 5.0, []
    for length_s, following in [*stretches, (10.0, 0.0)]:
        bounds.append((at_s, at_s + length_s, rate))
        at_s, rate = at_s + length_s, following
        paces.change(at_s, rate)
    taken = list(paces.upto(at_s + 100.0))

    assert [slot for slot, _ in taken] == list(range(len(taken)))
    assert all(a <= b for (_, a), (_, b) in itertools.pairwise(taken))
    for begin_s, end_s, rate_ in bounds:
        inside = sum(begin_s <= due_s < end_s for _, due_s in taken)
        assert inside == pytest.approx((end_s - begin_s) * rate_, abs=1.0)


@given(st.integers(0, 23), st.lists(st.tuples(st.floats(0.5, 30.0), st.floats(0.5, 200.0)), min_size=1, max_size=4))
def test_a_profile_holds_at_every_rate(hour, stretches):
    """Each stretch has its rate times what the profile offers in it of arrivals, to less than one."""
    profile = LoadProfile.parse(f"day=20s@{hour}")
    paces = Paces(Pacer(5.0, 1, profile=profile))
    at_s, rate, bounds = 0.0, 5.0, []
    for length_s, following in [*stretches, (10.0, 0.0)]:
        bounds.append((at_s, at_s + length_s, rate))
        at_s, rate = at_s + length_s, following
        paces.change(at_s, rate)
    due = [due_s for _, due_s in paces.upto(at_s + 100.0)]

    for begin_s, end_s, rate_ in bounds:
        offered = rate_ * (profile.offered_s(end_s) - profile.offered_s(begin_s))
        assert sum(begin_s - 1e-6 <= due_s < end_s - 1e-6 for due_s in due) == pytest.approx(offered, abs=1.01)


def test_arrivals_are_taken_once():
    """What was handed out is not handed out again."""
    paces = Paces(Pacer(10.0))
    first, second = list(paces.upto(1.0)), list(paces.upto(2.0))

    assert [slot for slot, _ in first + second] == list(range(20))


def test_workers_that_look_at_other_times_agree():
    """When a change is told ahead of its moment, it does not matter when a worker takes up arrivals."""
    eager, lazy = Paces(Pacer(3.0, 1)), Paces(Pacer(3.0, 1))
    before = list(eager.upto(4.0))
    for paces in (eager, lazy):
        paces.change(5.0, 50.0)

    assert before + list(eager.upto(8.0)) == list(lazy.upto(8.0))


def test_a_worker_that_is_told_late_takes_nothing_twice():
    """Slots of the old rate beyond the change are not taken again."""
    late = Paces(Pacer(10.0))
    taken = list(late.upto(3.0))
    late.change(2.0, 1.0)

    assert [slot for slot, _ in taken] == list(range(30))
    assert next(late.upto(100.0))[0] == 30


def test_a_rate_of_zero_waits_for_the_next_change():
    """Nothing is due until the rate rises again."""
    paces = Paces(Pacer(10.0))
    paces.change(1.0, 0.0)
    assert len(list(paces.upto(50.0))) == 10
    assert paces.next_due_s == math.inf

    paces.change(60.0, 10.0)

    assert 60.0 <= paces.next_due_s < 60.1


def test_the_plans_end_holds():
    """After its last slot nothing is due."""
    paces = Paces(Pacer(10.0, slots=7))

    assert len(list(paces.upto(1000.0))) == 7
    assert paces.next_due_s == math.inf


def test_changes_come_in_order():
    """A change before the last one is a mistake of the caller."""
    paces = Paces(Pacer(10.0))
    paces.change(5.0, 1.0)

    with pytest.raises(ValueError, match="comes after"):
        paces.change(4.0, 1.0)
