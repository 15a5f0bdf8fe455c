"""Locust's users: they take an identity, keep connected as real clients do, and give it back."""

import gevent
import locust.log
import pytest
from locust.env import Environment
from locust.event import Events

from loadtest.users import AgentUser, ContactUser, fleet_of
from tests.users.conftest import POPULATION, eventually


class SomeAgent(AgentUser):
    """A concrete agent."""


class SomeContact(ContactUser):
    """A concrete contact."""


@pytest.fixture
def run_users(launch):
    """Starts Locust with a fleet and so many users of a class; it is ended after the test, before the fleet is."""
    runners = []
    locust.log.unhandled_greenlet_exception = False

    def start(fleet, user_class, users):
        environment = Environment(user_classes=[user_class], events=Events())
        environment.cable_fleet = fleet
        runners.append(environment.create_local_runner())
        runners[-1].start(users, spawn_rate=users)
        return runners[-1]

    yield start
    for runner in runners:
        runner.quit()
    assert not locust.log.unhandled_greenlet_exception


@pytest.mark.parametrize(("user_class", "role"), [(SomeAgent, "agent"), (SomeContact, "contact")])
def test_every_user_is_somebody(run_users, launch, directory, server, user_class, role):
    """Each user takes an identity of its role, and is planned and connected."""
    fleet = launch(server.url, directory)
    run_users(fleet, user_class, 3)

    eventually(lambda: fleet.collector.connected_count == 3)

    assert (3, role) == (fleet.collector.planned_count, user_class.role)


def test_stopped_users_give_everything_back(run_users, launch, directory, server):
    """After a stop every identity is free, nobody is planned, and no socket is open."""
    fleet = launch(server.url, directory)
    runner = run_users(fleet, SomeAgent, POPULATION.agents)
    eventually(lambda: fleet.collector.connected_count == POPULATION.agents)
    runner.stop()
    eventually(lambda: not fleet.poller.connections)
    free = {fleet.claim("agent")[0] for _ in range(POPULATION.agents)}

    assert (set(range(POPULATION.agents)), 0) == (free, fleet.collector.planned_count)


def test_users_beyond_the_identities_idle(run_users, launch, directory, server):
    """A user without an identity connects nowhere, and is counted."""
    fleet = launch(server.url, directory)
    run_users(fleet, SomeAgent, POPULATION.agents + 2)

    eventually(lambda: fleet.idle_users == 2)
    eventually(lambda: fleet.collector.connected_count == POPULATION.agents)

    assert POPULATION.agents + 2 == fleet.collector.planned_count


def test_contacts_come_and_go(run_users, launch, directory, server):
    """With a mean stay contacts leave by their plan and come back, which is no reconnect."""
    fleet = launch(server.url, directory, stay_s=0.01, away_s=0.01)
    run_users(fleet, SomeContact, 1)

    eventually(lambda: launch.total("cable.connects") >= 3)

    assert 0 == launch.total("cable.reconnects")


def test_who_is_away_by_plan_is_not_missing(run_users, launch, directory, server):
    """A pause between two visits takes the user out of those that should be connected."""
    fleet = launch(server.url, directory, stay_s=0.01, away_s=1000.0)
    run_users(fleet, SomeContact, 2)

    eventually(lambda: launch.total("cable.disconnects") == 2)

    assert eventually(lambda: fleet.collector.planned_count == 0)


def test_a_lost_connection_is_replaced(run_users, launch, directory, scripted):
    """A user whose socket was cut reconnects by its policy, and that is counted."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("cut"), reconnect="immediate")
    scripted.go()  # cuts as soon as it has confirmed
    run_users(fleet, SomeAgent, 1)

    eventually(lambda: launch.total("cable.connects") >= 3)

    assert launch.total("cable.reconnects") >= 2


def test_an_unconfirmed_subscription_is_tried_again_on_a_new_socket(run_users, launch, directory, scripted):
    """Action Cable ignores a repeated command on the same socket, so only another one can help."""
    fleet = launch(
        scripted.host, directory, cable_path=scripted.cable("mute"), reconnect="immediate", confirm_timeout_s=0.2
    )
    run_users(fleet, SomeAgent, 1)

    eventually(lambda: sum("opened" in what for what in scripted.seen()) >= 3)

    assert launch.total("cable.unconfirmed") >= 2


def test_who_must_let_go_connects_no_more(run_users, launch, directory, scripted):
    """Once the target is let go a lost connection is not replaced."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("cut"), reconnect="immediate")
    run_users(fleet, SomeAgent, 1)
    eventually(lambda: fleet.collector.connected_count)
    fleet.let_go()
    scripted.go()
    eventually(lambda: launch.total("cable.reconnects"))
    gevent.sleep(0)

    assert 1 == sum("opened" in what for what in scripted.seen())


def test_who_was_rejected_comes_back_without_asking(run_users, launch, directory, scripted):
    """When the socket that stayed is lost the client connects again, and the subscription stays forgotten."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable("reject-cut"), reconnect="immediate")
    run_users(fleet, SomeAgent, 1)
    eventually(lambda: launch.total("cable.rejected"))
    scripted.go()
    eventually(lambda: launch.total("cable.connects") == 2)

    assert (1, 1) == (launch.total("cable.rejected"), launch.total("cable.reconnects"))
    assert 1 == sum(what.get("command") == "subscribe" for what in scripted.seen())


@pytest.mark.parametrize(("script", "reconnect"), [("hang-up", "none"), ("unauthorized", "immediate")])
def test_who_shall_not_come_back_stays_away(run_users, launch, directory, scripted, script, reconnect):
    """A policy that gives up, or a server that refuses for good, ends the user's tries; it stays planned."""
    fleet = launch(scripted.host, directory, cable_path=scripted.cable(script), reconnect=reconnect)
    run_users(fleet, SomeAgent, 2)

    eventually(lambda: sum("closed" in what for what in scripted.seen()) == 2)

    assert (2, 0) == (fleet.collector.planned_count, launch.total("cable.reconnects"))


def test_a_user_without_the_plugin_says_so():
    """A locustfile that forgot to import loadtest.plugin is told."""
    with pytest.raises(RuntimeError, match=r"import loadtest\.plugin"):
        fleet_of(Environment(user_classes=[SomeAgent], events=Events()))
