"""Presence on the real Action Cable peer, told to a plain client."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.directory import Directory
from tests.e2e.plain_client import Open
from tests.e2e.rails_server import RailsServer

pytestmark = pytest.mark.peer


def test_a_beat_is_answered_to_every_socket_of_its_token(help_desk: Directory, open_socket: Open) -> None:
    """The second socket of an agent gets what the first asked for."""
    beating, second = open_socket(help_desk.agents[10]), open_socket(help_desk.agents[10])
    for _ in range(5):
        beating.beat()
    while len(second.events("presence.update")) < 5:
        second.next()

    expected = 5
    assert expected == len(second.events("presence.update"))


def test_a_beat_is_answered_to_no_other_token(help_desk: Directory, open_socket: Open) -> None:
    """An agent that beats three times gets three answers and perhaps its subscription's, whoever else beats."""
    beating, other = open_socket(help_desk.agents[10]), open_socket(help_desk.agents[11])
    for _ in range(5):
        beating.beat()
    for _ in range(3):
        other.beat()

    possible = {3, 4}
    assert len(other.events("presence.update")) in possible


def test_agents_are_told_which_contacts_are_online(help_desk: Directory, open_socket: Open) -> None:
    """What an agent is told has both maps, keyed by id as text."""
    agent, contact_id = open_socket(help_desk.agents[12]), str(help_desk.contacts[12].contact_id)
    open_socket(help_desk.contacts[12])
    data = agent.beat(lambda data: contact_id in data["contacts"])

    expected = ({"account_id", "users", "contacts"}, "online")
    assert expected == (set(data), data["contacts"][contact_id])


def test_contacts_are_told_of_agents_alone(help_desk: Directory, open_socket: Open) -> None:
    """What a contact is told has no map of contacts."""
    open_socket(help_desk.agents[12])
    data = open_socket(help_desk.contacts[12]).beat()

    expected = ({"account_id", "users"}, "online")
    assert expected == (set(data), data["users"][str(help_desk.agents[12].user_id)])


def test_closing_a_socket_takes_nobody_off_the_list(help_desk: Directory, open_socket: Open) -> None:
    """Presence ends by its expiry alone (60 s here)."""
    open_socket(help_desk.agents[13]).connection.close()
    data = open_socket(help_desk.agents[14]).beat()

    expected = "online"
    assert expected == data["users"].get(str(help_desk.agents[13].user_id))


def test_presence_expires(puma: None, identities: Path, help_desk: Directory, open_socket: Open) -> None:
    """Who stops beating is off the list in the end, while an observer that beats stays on it."""
    with RailsServer(identities, agent_expiry_s=1, contact_expiry_s=1) as server:
        observer, gone = (open_socket(help_desk.agents[n], server=server) for n in (1, 2))
        own_id, gone_id = (str(help_desk.agents[n].user_id) for n in (1, 2))
        while gone_id not in observer.beat()["users"]:
            gone.beat()
        while gone_id in (users := observer.beat()["users"]):
            pass

        expected = "online"
        assert expected == users.get(own_id)


def test_presence_in_redis_outlives_the_server(
    puma: None, redis_url: str, identities: Path, help_desk: Directory, open_socket: Open
) -> None:
    """Who beat at one server process is listed by another on the same Redis."""
    gone, observer = help_desk.agents[20], help_desk.agents[21]
    with RailsServer(identities, redis_url=redis_url) as server:
        open_socket(gone, server=server).connection.close()
    with RailsServer(identities, redis_url=redis_url) as server:
        users = open_socket(observer, server=server).beat()["users"]

    expected = {str(agent.user_id): "online" for agent in (gone, observer)}
    assert expected == {user_id: users.get(user_id) for user_id in expected}
