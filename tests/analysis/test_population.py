"""Whether the planned users were there."""

from __future__ import annotations

from typing import Any

from loadtest.analysis.population import connected_share, users
from loadtest.analysis.series import Series
from loadtest.analysis.windows import timeline
from tests.analysis.builders import US, RunBuilder


def section(run: RunBuilder) -> dict[str, Any]:
    """The users section over the whole hold."""
    data = run.build()
    line = timeline(data)
    return users(data, Series(data), line, line.full())


def test_planned_and_confirmed_are_counted_by_role():
    """Each role has its own row."""
    rows = section(RunBuilder().users(agents=40, contacts=4))

    assert [(row["planned"], row["confirmed"]) for row in rows.values()] == [(40, 40), (4, 4)]


def test_workers_add_up():
    """Users of two workers are all users."""
    run = RunBuilder().count(5, "x").count(64, "x")
    for worker, planned in (("a", 30), ("b", 31)):
        run.gauge(6.0, "users.planned.agent", planned, worker).gauge(7.0, "users.planned.agent", planned, worker)
        run.gauge(7.0, "users.ever_confirmed.agent", planned - 1, worker)

    assert (section(run)["agent"]["planned"], section(run)["agent"]["confirmed"]) == (61, 59)


def test_without_gauges_the_description_says_who_was_planned():
    """A run that broke before its first reading still had a plan."""
    run = RunBuilder().count(5, "x").count(64, "x")

    assert (section(run)["agent"]["planned"], section(run)["agent"]["confirmed"]) == (100, 0)


def test_a_role_nobody_planned_has_no_row():
    """A run of agents alone says nothing of contacts."""
    run = RunBuilder(population={"agents": 5, "contacts": 0}).count(5, "x").count(64, "x")

    assert list(section(run)) == ["agent"]


def test_connected_time_is_a_share_of_the_planned_time():
    """Half the agents away half the time is three quarters, over all roles."""
    run = RunBuilder(hold=2).count(5, "users.planned_us", 4 * US, role="agent")
    run.count(5, "users.connected_us", 2 * US, role="agent").count(6, "users.planned_us", 4 * US, role="contact")
    data = run.count(6, "users.connected_us", 4 * US, role="contact").build()

    assert connected_share(Series(data), timeline(data).full()) == 0.75
