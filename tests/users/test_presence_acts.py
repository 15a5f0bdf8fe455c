"""Scenarios on the reference server: statuses, a mass leave, silent departures, tabs, and REST as a second observer."""

from __future__ import annotations

import gevent
import pytest

from loadtest.clock import NS_PER_S
from loadtest.users.session import Session
from tests.users.conftest import POPULATION, eventually

EVERYBODY = POPULATION.agents + POPULATION.contacts


@pytest.fixture
def crowd(launch, directory, server):
    """Starts a fleet with everybody confirmed."""
    visits = []

    def connect(scenario="", **settings):
        fleet = launch(server.url, directory, emit_rate=0.0, heartbeat_s=0.3, presence_scenario=scenario, **settings)
        people = fleet.collector.people
        visits.extend(
            gevent.spawn(Session(fleet, number, who).visit, None)
            for number, who in enumerate([*people.agents, *people.contacts])
        )
        eventually(lambda: fleet.collector.connected_count == EVERYBODY)
        eventually(lambda: len(fleet.here()) == EVERYBODY)
        return fleet

    yield connect
    gevent.killall(visits)


def pair_time(launch, name):
    """Statuses that pair time was counted for."""
    for fleet in launch.fleets:
        fleet.tick()
    return {key[2] for key in launch.batch.counts if key[1] == name}


def test_agents_change_their_status_and_others_are_told(crowd, launch):
    """Busy is set through REST, told with the next beat, and both are held against each other."""
    fleet = crowd("status=0.05")
    fleet.begin_hold()

    eventually(lambda: "busy>busy" in pair_time(launch, "presence.status_us"))
    fleet.end_hold()

    assert launch.total("rest.n", "agent.set_availability") > 0
    assert launch.total("rest.error", "agent.set_availability") == 0


def test_a_share_of_all_leaves_together(crowd, launch):
    """At its moment in the hold; who left is told how long to stay away."""
    fleet = crowd("mass-leave=100%@0.05/60")
    fleet.begin_hold()

    eventually(lambda: fleet.collector.connected_count == 0)

    assert all(50 < (fleet.presence_acts.pause_s(identity) or 0) <= 60 for identity in range(EVERYBODY))
    assert fleet.presence_acts.pause_s(0) is None


def test_rest_is_asked_who_is_online(crowd, launch):
    """Everybody is there, and REST says so of both roles."""
    fleet = crowd(presence_oracle_s=0.05)
    fleet.begin_hold()

    for role in ("agent", "contact"):
        eventually(lambda role=role: role in pair_time(launch, "presence.oracle_right"))
    fleet.end_hold()

    assert launch.total("presence.oracle_right") == launch.total("presence.oracle_alive") > 0


def test_a_target_without_these_lists_is_asked_no_further(launch, directory, scripted):
    """What REST cannot tell is told once, and REST is no observer."""
    fleet = launch(scripted.url("none"), directory, presence_oracle_s=0.02, cable_path=scripted.cable("good"))
    fleet.collector.confirmed(0, fleet.clock.now_ns())
    fleet.begin_hold()

    def notes():
        return [one for one in (*launch.batch.notes, *fleet.collector.batch.notes) if one.kind == "presence"]

    gevent.joinall(fleet.presence_acts._running, timeout=60)
    given_up = [asking.ready() for asking in fleet.presence_acts._running]
    fleet.end_hold()

    assert (given_up, len(notes())) == ([True], 1)
    assert "REST is no observer of presence: admin.list_agents answered" in notes()[0].text


@pytest.mark.parametrize("departure", ["cut", "frozen"])
def test_who_dies_silently_is_gone_by_truth_and_no_loss_in_the_ledger(launch, directory, server, departure):
    """The subscription is over for us; a frozen socket stays open until it is dropped."""
    fleet = launch(server.url, directory, heartbeat_s=0.3)
    session = Session(fleet, 0, fleet.collector.people.agents[0])

    outcome = session.visit(0.05, departure)
    account, place = fleet.collector.presence._place[0]

    assert (outcome.ending, fleet.collector.connected_count) == ("left", 0)
    assert account.judge.truth.departure[place] == departure
    assert fleet.poller.connections == (1 if departure == "frozen" else 0)
    session.drop()
    assert eventually(lambda: fleet.poller.connections == 0)


def test_whoever_falls_silent_stays_connected_and_comes_back_with_a_beat(launch, directory, server):
    """Beats stop for a while and start again, over and over, on one socket."""
    fleet = launch(server.url, directory, heartbeat_s=0.05)
    session = Session(fleet, 0, fleet.collector.people.agents[0])
    visiting = gevent.spawn(session.visit, 0.05, "silent", 0.05)
    account, place = fleet.collector.presence._place[0]
    truth = account.judge.truth

    eventually(lambda: truth.departure[place] == "silent")
    eventually(lambda: truth.alive >> place & 1)
    visiting.kill()

    assert launch.total("cable.connects") == 1


def test_a_slow_tab_promises_a_slow_beat(launch, directory, server):
    """Its beats are not late: they are what it promised."""
    fleet = launch(server.url, directory, heartbeat_s=0.05, presence_scenario="throttled=100%")
    visiting = gevent.spawn(Session(fleet, 0, fleet.collector.people.agents[0]).visit, None)
    eventually(lambda: fleet.collector.connected_count == 1)
    fleet.begin_hold()
    account, place = fleet.collector.presence._place[0]
    account.judge.advance(fleet.clock.now_ns() + NS_PER_S)  # twenty heartbeats without a beat
    overdue = account.judge.truth.overdue >> place & 1
    visiting.kill()

    assert overdue == 0
    assert launch.total("presence.beats") == 0


def test_a_further_tab_is_told_too_but_does_not_act(launch, directory, server):
    """Every beat of one tab is answered to both; what the other hears was not pushed."""
    fleet = launch(server.url, directory, heartbeat_s=0.05)
    who = fleet.collector.people.agents[0]
    tabs = [gevent.spawn(Session(fleet, 0, who, second=second).visit, None) for second in (False, True)]
    eventually(lambda: fleet.collector.sockets_of(0) == 2)
    fleet.begin_hold()
    eventually(lambda: launch.total("delivery.received", "presence.update") >= 0 and launch.total("presence.beats") > 4)
    fleet.tick()
    gevent.killall(tabs)

    assert len(fleet.here()) <= 1
    assert launch.total("presence.unasked") == 0


def test_who_has_another_tab_is_still_there(launch, directory, server):
    """A cut of one tab takes nobody away whose other tab beats."""
    fleet = launch(server.url, directory, heartbeat_s=0.3)
    who = fleet.collector.people.agents[0]
    other = gevent.spawn(Session(fleet, 0, who, second=True).visit, None)
    eventually(lambda: fleet.collector.sockets_of(0) == 1)
    Session(fleet, 0, who).visit(0.05, "cut")
    account, place = fleet.collector.presence._place[0]
    is_there = account.judge.truth.alive >> place & 1
    other.kill()

    assert is_there == 1
