"""What a search is, from options."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from loadtest.analysis.capacity_search import SearchPlan
from loadtest.errors import UsageError
from loadtest.plugin.capacity_options import Load, load_at, search_plan, timing, turns_of

AWAY = "https://chat.example.com"


def options(**changes):
    """A user's options, those that a search reads."""
    return SimpleNamespace(
        **{
            "axis": "emit-rate",
            "agents": 20,
            "contacts": 10,
            "emit_rate": 2.0,
            "factor": 2.0,
            "tolerance": 0.05,
            "hold": 60.0,
            "settle": 10.0,
            "confirm": 600.0,
            "deadline": 10.0,
            "window": 1.0,
            "max_users": None,
            "max_emit_rate": None,
            "identities": None,
            "load_profile": "flat",
            **changes,
        }
    )


def test_the_axis_begins_at_its_own_option():
    """And ends at the brake that runs have for it."""
    plan = search_plan(options(max_emit_rate=50.0), AWAY)

    assert plan == SearchPlan("emit-rate", 2.0, 50.0, least=0.1)


@pytest.mark.parametrize(("axis", "flag"), [("emit-rate", "--max-emit-rate"), ("agents", "--max-users")])
def test_off_loopback_a_bound_must_be_given(axis, flag):
    """Without one nothing is begun; on this machine there is a default."""
    with pytest.raises(UsageError, match=flag):
        search_plan(options(axis=axis), AWAY)

    assert search_plan(options(axis=axis), "http://127.0.0.1:3000").bound > 0
    assert search_plan(options(axis=axis), None).bound > 0


def test_a_search_has_no_profile():
    """A level that a day stretches would not be the level that is judged."""
    with pytest.raises(UsageError, match="--load-profile day"):
        search_plan(options(load_profile="day"), None)


def test_people_of_the_other_role_count_for_the_bound():
    """Of 100 users at most, 10 are contacts that stand still."""
    assert search_plan(options(axis="agents", max_users=100), AWAY).bound == 90


def test_a_start_above_the_bound_is_refused():
    """The search would have to begin with more than is allowed."""
    with pytest.raises(UsageError, match="at most 1"):
        search_plan(options(max_emit_rate=1.0), AWAY)


def test_a_hold_has_three_windows():
    """Two of three windows decide, so there must be three."""
    with pytest.raises(UsageError, match="three windows"):
        search_plan(options(hold=2.0), None)


def test_a_search_may_leave_the_long_hold_out():
    """``--confirm 0``."""
    assert not search_plan(options(confirm=0.0), None).confirm


@pytest.mark.parametrize(
    ("axis", "expected"),
    [("agents", Load(70, 10, 2.0)), ("contacts", Load(20, 70, 2.0)), ("emit-rate", Load(20, 10, 70))],
)
def test_a_level_moves_its_axis_alone(axis, expected):
    """The other two options hold still."""
    assert load_at(SearchPlan(axis, 1.0, 100.0), options(), 70.0) == expected


def test_who_stands_still_is_started_first():
    """Whoever leaves is then of the axis: Locust stops the last ones first."""
    assert turns_of(SearchPlan("agents", 1, 9), Load(9, 3, 1.0)) == (("contact", 3), ("agent", 9))
    assert turns_of(SearchPlan("contacts", 1, 9), Load(3, 9, 1.0)) == (("agent", 3), ("contact", 9))
    assert turns_of(SearchPlan("emit-rate", 1, 9), Load(3, 9, 1.0)) == ()


def test_a_step_takes_its_parts_together():
    """Settling, hold, deadline and judgement; the last one is held for longer."""
    found = timing(options())

    assert found.step_s() == 10 + 60 + 13 + 3
    assert found.step_s(confirm=True) - found.step_s() == 540
