"""The push variant of presence: everybody of an account is told of what changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from loadtest.clock import VirtualClock
from loadtest.directory import Population
from loadtest.refserver.presence_push import PresencePush
from loadtest.refserver.server import ReferenceServer
from loadtest.refserver.settings import ServerSettings


class Ear:
    """Takes frames of one subscription."""

    is_open = True

    def __init__(self) -> None:
        self.frames: list[Any] = []

    def write(self, frame: bytes) -> bool:
        """Keep what a frame tells."""
        self.frames.append(json.loads(frame[frame.index(b"{") :])["message"]["data"])
        return True


def looked(scenario: Callable[[ReferenceServer, PresencePush, VirtualClock], None]) -> None:
    """Run a scenario on a server of two agents and two contacts that is not listening."""

    async def run() -> None:
        clock = VirtualClock()
        settings = ServerSettings(population=Population(2, 2, 2, 1), agent_expiry_s=20, contact_expiry_s=20)
        server = ReferenceServer(settings, clock=clock)
        scenario(server, PresencePush(server.presence, server.rooms, [1]), clock)

    work: Awaitable[None] = run()
    asyncio.run(work)  # type: ignore[arg-type]


def joined(server: ReferenceServer, number: int, role: str = "agent") -> Ear:
    """Somebody subscribes."""
    from loadtest.refserver.rooms import Subscription

    ear = Ear()
    people = server.directory.agents if role == "agent" else server.directory.contacts
    server.rooms.join(Subscription("{}", people[number], 1, ear))
    return ear


def test_who_appears_is_told_to_everybody_at_the_next_look() -> None:
    """Nobody has to ask; contacts are told of users alone."""

    def scenario(server: ReferenceServer, push: PresencePush, clock: VirtualClock) -> None:
        agent, contact = joined(server, 0), joined(server, 0, "contact")
        who = server.directory.agents[1].user_id
        server.presence.beat(1, "agent", who)
        push.look()

        assert agent.frames == [{"account_id": 1, "users": {str(who): "online"}, "contacts": {}}]
        assert contact.frames == [{"account_id": 1, "users": {str(who): "online"}}]

    looked(scenario)


def test_nothing_changed_tells_nothing() -> None:
    """A beat of somebody who is shown already is no news."""

    def scenario(server: ReferenceServer, push: PresencePush, clock: VirtualClock) -> None:
        server.presence.beat(1, "agent", server.directory.agents[1].user_id)
        push.look()
        agent = joined(server, 0)
        clock.advance(5)
        server.presence.beat(1, "agent", server.directory.agents[1].user_id)
        push.look()

        assert agent.frames == []

    looked(scenario)


def test_who_expires_is_told_too() -> None:
    """The look that finds the beat too old tells of it."""

    def scenario(server: ReferenceServer, push: PresencePush, clock: VirtualClock) -> None:
        agent = joined(server, 0)
        server.presence.beat(1, "agent", server.directory.agents[1].user_id)
        push.look()
        clock.advance(20.1)
        push.look()

        assert agent.frames[-1]["users"] == {}

    looked(scenario)


def test_a_contact_is_no_news_for_contacts() -> None:
    """Contacts must not see each other, not even that something changed."""

    def scenario(server: ReferenceServer, push: PresencePush, clock: VirtualClock) -> None:
        agent, contact = joined(server, 0), joined(server, 0, "contact")
        server.presence.beat(1, "contact", server.directory.contacts[1].contact_id)
        push.look()

        assert (len(agent.frames), contact.frames) == (1, [])

    looked(scenario)
