"""Load over a long run: levels, exact arrivals, who is there when, and how windows grow."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.plan import LoadProfile, Pacer, window_s
from loadtest.plan.load_profile import LONGEST_WINDOWS

DAY_S = 86_400.0
times = st.floats(0, 3 * DAY_S, allow_nan=False)
profiles = st.builds(
    lambda length, hour: LoadProfile.parse(f"day={length}s@{hour / 100}"),
    st.integers(60, 200_000),
    st.integers(0, 2399),
)


def test_flat_is_full_load_all_the_time():
    """Without days the level is 1 and plan time is time."""
    flat = LoadProfile.parse("flat")

    assert (flat.level(12345.0), flat.offered_s(7.0), flat.at_s(7.0), flat.next_change(0.0)) == (1.0, 7.0, 7.0, None)


def test_an_office_has_a_night_and_a_lunch():
    """A day that begins at midnight is quiet, busy, less busy at one o'clock, and busy again."""
    day = LoadProfile.parse("day=24h@0")

    assert [day.level(hour * 3600.0) for hour in (3, 10, 13, 15, 23.5)] == [0.1, 1.0, 0.6, 1.0, 0.1]


def test_a_plan_begins_at_nine():
    """Unless told otherwise, a plan begins when everybody is there."""
    assert LoadProfile.parse("day").hour(0.0) == 9.0
    assert LoadProfile.parse("day=1h").level(0.0) == 1.0


@given(profiles, times)
def test_offered_load_has_an_inverse(profile, at_s):
    """The time at which the load offered by a moment is reached is that moment."""
    assert profile.at_s(profile.offered_s(at_s)) == pytest.approx(at_s, rel=1e-6, abs=1e-3)


@given(profiles, times, st.floats(1, DAY_S))
def test_offered_load_is_the_integral_of_the_level(profile, from_s, length_s):
    """Between two moments so much is offered as the level's mean over a fine grid says."""
    steps = 20_000
    mean = sum(profile.level(from_s + (n + 0.5) * length_s / steps) for n in range(0, steps, 20)) / (steps / 20)
    offered = profile.offered_s(from_s + length_s) - profile.offered_s(from_s)

    assert offered == pytest.approx(mean * length_s, rel=0.05)


@given(profiles, times, st.floats(0, 0.999))
def test_somebody_comes_back_when_the_level_says_so(profile, at_s, rank):
    """Who is due is due at once; who is not is not before its time, and is a moment after it."""
    wait_s = profile.returns_s(rank, at_s)

    assert (wait_s == 0) == (rank < profile.level(at_s)) or wait_s < 1e-6 * profile.day_s
    assert rank < profile.level(at_s + wait_s + 1e-4 * profile.day_s)
    if wait_s > 1e-3 * profile.day_s:
        assert rank >= profile.level(at_s + wait_s / 2)


def test_who_ranks_above_everything_never_comes():
    """A rank that no level reaches is never due."""
    quiet = LoadProfile(100.0, 0.0, ((0.0, 0.5), (24.0, 0.5)))

    assert quiet.returns_s(0.7, 3.0) == math.inf


@given(profiles, times)
def test_the_next_change_is_a_corner_to_come(profile, at_s):
    """Until the next change the level is a straight line, and the level told is the one there."""
    change_s, level = profile.next_change(at_s)
    middle = (profile.level(at_s + 1e-7) + level) / 2

    assert change_s > at_s
    assert profile.level(change_s) == pytest.approx(level, abs=1e-6)
    assert profile.level((at_s + change_s) / 2) == pytest.approx(middle, abs=1e-3)


def test_arrivals_follow_the_profile():
    """A plan of two a second offers exactly so many a day as the profile's integral says, and a tenth at night."""
    day = LoadProfile.parse("day=2400s@0")
    dues = []
    for _, due_s in Pacer(2.0, seed=3, profile=day):
        if due_s >= 2400:
            break
        dues.append(due_s)
    night = sum(due_s < 600 for due_s in dues)

    assert abs(len(dues) - 2.0 * day.offered_s(2400.0)) <= 1
    assert abs(night - 120) <= 1
    assert dues == sorted(dues)


def test_a_plan_that_goes_on_knows_the_time_of_day():
    """After seven hours a plan that began at nine is at four in the afternoon."""
    assert LoadProfile.parse("day").later(7 * 3600.0).hour(0.0) == 16.0
    assert LoadProfile().later(5.0) == LoadProfile()


@pytest.mark.parametrize("text", ["night", "day=", "day=x", "day=5s", "day@24", "day=24h@", "day=-1h"])
def test_what_is_no_profile_is_refused(text):
    """A mistake names what may be said."""
    with pytest.raises(UsageError, match="day"):
        LoadProfile.parse(text)


@pytest.mark.parametrize(
    ("duration_s", "expected_s"),
    [(None, 1), (60, 1), (3600, 1), (8 * 3600, 10), (DAY_S, 20), (7 * DAY_S, 120), (30 * DAY_S, 600)],
)
def test_windows_grow_with_the_run(duration_s, expected_s):
    """A run has at most about five thousand windows, however long it is."""
    assert window_s(duration_s) == expected_s
    assert duration_s is None or duration_s / window_s(duration_s) <= LONGEST_WINDOWS
