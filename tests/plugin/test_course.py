"""Which end of a run is an interruption."""

from __future__ import annotations

import pytest

from loadtest.clock import NS_PER_S
from loadtest.plugin.course import Course

BEGAN_NS = 7 * NS_PER_S


def ended(after_s: float, *, run_time_s: float | None = None, emissions: int = 0, **how: object) -> Course:
    """A run that was stopped so long after it began."""
    course = Course(BEGAN_NS, run_time_s, emissions)
    if how.get("played_out"):
        course.played_out()
    at_ns = BEGAN_NS + round(after_s * NS_PER_S)
    course.ends(at_ns, str(how.get("phase", "hold")), by_itself=bool(how.get("by_itself")))
    return course


@pytest.mark.parametrize(
    ("course", "interrupted"),
    [
        (ended(6, run_time_s=30), True),
        (ended(30, run_time_s=30), False),
        (ended(29.5, run_time_s=30), False),  # Locust's timer is not our clock
        (ended(1.85, run_time_s=2), False),
        (ended(1.7, run_time_s=2), True),
        (ended(6), False),  # no end of its own: whoever watches it ends it
        (ended(6, emissions=100), True),
        (ended(6, emissions=100, played_out=True), False),
        (ended(6, run_time_s=30, emissions=100, played_out=True), False),
        (ended(30, run_time_s=30, emissions=100), False),
        (ended(6, run_time_s=30, by_itself=True), False),  # the abort guard, a dead server: told as such
        (ended(1, phase="ramp"), True),
        (ended(1, phase="ramp", by_itself=True), False),
        (ended(9, run_time_s=30, phase="drain"), False),
    ],
)
def test_a_plan_that_was_cut_short_was_interrupted(course: Course, interrupted: bool) -> None:
    """Stopped in its ramp, or before the end that its plan has; not what ended by itself or has no end."""
    assert course.interrupted == interrupted


@pytest.mark.parametrize(
    ("anew_s", "planned_s", "interrupted"), [(None, None, False), (30.0, 35.0, True), (1.0, 6.0, False)]
)
def test_what_is_planned_under_way_counts_from_then(anew_s, planned_s, interrupted) -> None:
    """After 5 s of 20 the web page's form sets another time, or none; stopped after 6 s."""
    course = Course(BEGAN_NS, 20.0, 0)
    course.plan(BEGAN_NS + 5 * NS_PER_S, anew_s)
    course.ends(BEGAN_NS + 6 * NS_PER_S, "hold", by_itself=False)

    assert {"interrupted": interrupted, "run_time_s": planned_s, "ran_s": 6.0} == course.described()


def test_the_first_stop_counts() -> None:
    """Locust says again that it stops, while books are closed: that changes nothing."""
    course = ended(6, run_time_s=30)
    course.ends(BEGAN_NS + 40 * NS_PER_S, "drain", by_itself=False)

    assert course.described() == {"interrupted": True, "run_time_s": 30, "ran_s": 6.0}


def test_a_run_under_way_says_what_is_planned() -> None:
    """Before its end there is no time that it ran."""
    assert Course(BEGAN_NS, 30.0, 0).described() == {"interrupted": False, "run_time_s": 30.0, "ran_s": None}
