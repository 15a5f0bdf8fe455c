"""Scenarios: traits that combine, read from text, drawn by person and seed alone."""

import math

import pytest

from loadtest.errors import UsageError
from loadtest.plan.scenario import SILENT, Scenario


@pytest.mark.parametrize("text", ["", "steady"])
def test_without_traits_people_come_stay_and_beat(text):
    """The default does nothing out of the ordinary."""
    scenario = Scenario.parse(text)

    assert scenario == Scenario()
    assert (scenario.stays_s(3, 0), scenario.departure(3, 0), scenario.period_s(3, 30.0)) == (math.inf, "left", 30.0)


def test_traits_combine():
    """Every trait has its own part."""
    scenario = Scenario.parse("churn=90/30,throttled=25%,silent=0.1,mass-leave=40%@20s/15,tabs=4,status=5", seed=7)

    assert scenario == Scenario(
        stay_s=90, away_s=30, throttled=0.25, silent=0.1, leaving=0.4, leave_at_s=20, leave_for_s=15, tabs=4,
        status_s=5, seed=7,
    )  # fmt: skip


def test_traits_have_defaults():
    """A name alone is a usual case of it."""
    scenario = Scenario.parse("churn,throttled,silent,mass-leave,tabs,status")

    assert (scenario.stay_s, scenario.away_s, scenario.tabs, scenario.leave_at_s) == (120, 60, 3, 30)


@pytest.mark.parametrize(
    "text", ["storm", "silent=2", "silent=x", "tabs=0", "tabs=1.5", "churn=0", "churn=-3", "status=inf", "steady=1"]
)
def test_what_cannot_be_is_refused_with_the_grammar(text):
    """A wrong trait or value says how it is written."""
    with pytest.raises(UsageError, match="mass-leave=SHARE@AT/FOR"):
        Scenario.parse(text)


def test_shares_are_shares_of_people():
    """Of 5,000 people as many are slow, or leave, as were asked for, within four standard errors."""
    scenario = Scenario.parse("throttled=30%,mass-leave=50%,silent=20%", seed=3)
    slow = sum(scenario.period_s(user, 30.0) == 60.0 for user in range(5000))
    leaving = sum(scenario.leaves(user) for user in range(5000))
    dying = sum(scenario.departure(user, 0) != "left" for user in range(5000))

    assert abs(slow - 1500) < 4 * math.sqrt(5000 * 0.3 * 0.7)
    assert abs(leaving - 2500) < 4 * math.sqrt(5000 * 0.25)
    assert abs(dying - 1000) < 4 * math.sqrt(5000 * 0.16)


def test_who_dies_silently_does_so_in_every_way_in_turn():
    """Three visits of one who dies show three departures; who does not die stays for ever without churn."""
    scenario = Scenario.parse("silent=50%", seed=1)
    dying = next(user for user in range(100) if scenario.departure(user, 0) != "left")
    living = next(user for user in range(100) if scenario.departure(user, 0) == "left")

    assert {scenario.departure(dying, visit) for visit in range(3)} == set(SILENT)
    assert scenario.stays_s(dying, 0) < math.inf
    assert scenario.stays_s(living, 0) == math.inf


def test_a_slow_tab_is_never_faster_than_the_heartbeat():
    """With a heartbeat of two minutes throttling changes nothing."""
    assert Scenario.parse("throttled=100%").period_s(1, 120.0) == 120.0


def test_a_status_changes_in_a_cycle_through_all_three():
    """Between two others an agent is online again."""
    scenario = Scenario.parse("status=10")
    changes = [scenario.status(1, n) for n in range(4)]

    assert {status for _, status in changes} == {"online", "busy", "offline"}
    assert all(5 <= wait_s <= 15 for wait_s, _ in changes)
