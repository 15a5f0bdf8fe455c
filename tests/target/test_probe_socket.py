"""A probe's socket: what came, when, and waiting for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from websockets.asyncio.server import ServerConnection

from loadtest.cable import Confirmed, Pinged, Welcomed, contact_identifier
from loadtest.target.probe_socket import ProbeSocket, open_socket, seconds_between
from loadtest.transport.address import cable_endpoint
from tests.target.wrong_cable import WELCOME, Treat, wrong_cable

T = TypeVar("T")
ALICE = contact_identifier("alice")


async def talkative(socket: ServerConnection) -> None:
    """Welcome, ping with the clock, and answer each command with a confirm and a broadcast."""
    await socket.send(WELCOME)
    await socket.send(json.dumps({"type": "ping", "message": int(time.time())}))
    async for text in socket:
        identifier = json.loads(text)["identifier"]
        await socket.send(json.dumps({"identifier": identifier, "type": "confirm_subscription"}))
        await socket.send(json.dumps({"identifier": identifier, "message": {"event": "hello", "data": {"a": 1}}}))
        await socket.send(json.dumps({"identifier": identifier, "message": "no event"}))


async def brief(socket: ServerConnection) -> None:
    """Welcome and go."""
    await socket.send(WELCOME)


def with_socket(treat: Treat, use: Callable[[ProbeSocket], Awaitable[T]]) -> T:
    """Open a socket to such a server, use it, and close it."""

    async def scenario() -> T:
        async with wrong_cable(treat) as url:
            socket = await open_socket(cable_endpoint(url), 5.0)
            try:
                return await use(socket)
            finally:
                await socket.close()

    return asyncio.run(scenario())


def test_what_comes_is_kept_with_its_time() -> None:
    """Protocol events and broadcasts, in order; a broadcast with its name and data."""

    async def use(socket: ProbeSocket) -> list[str]:
        await socket.subscribe(ALICE)
        hello = await socket.until(lambda a: a.name == "hello", 5.0)
        assert hello is not None
        assert (hello.data, hello.at_ns >= socket.opened_ns) == ({"a": 1}, True)
        return [type(arrival.event).__name__ for arrival in socket.arrivals[:4]]

    assert ["Welcomed", "Pinged", "Confirmed", "Received"] == with_socket(talkative, use)


def test_a_broadcast_that_is_no_event_has_no_name() -> None:
    """Other channels send what they like."""

    async def use(socket: ProbeSocket) -> int:
        await socket.subscribe(ALICE)
        await socket.until(lambda a: a.name == "hello", 5.0)
        await socket.beat(ALICE)  # answered like any command: the text before it has come by then
        await socket.until(lambda a: a.name == "hello", 5.0, since=len(socket.arrivals))
        return len(socket.seen(lambda a: a.name == "" and type(a.event).__name__ == "Received"))

    assert with_socket(talkative, use) >= 1


def test_what_came_before_is_found_and_can_be_passed_over() -> None:
    """Waiting looks at what is there already, unless told to begin later."""

    async def use(socket: ProbeSocket) -> tuple[bool, bool]:
        await socket.until(lambda a: isinstance(a.event, Pinged), 5.0)
        again = await socket.until(lambda a: isinstance(a.event, Welcomed), 0.0)
        later = await socket.until(lambda a: isinstance(a.event, Welcomed), 0.05, since=len(socket.arrivals))
        return again is not None, later is not None

    assert (True, False) == with_socket(talkative, use)


def test_pings_tell_the_servers_clock() -> None:
    """Its seconds beside this machine's."""

    async def use(socket: ProbeSocket) -> tuple[float, float]:
        await socket.until(lambda a: isinstance(a.event, Pinged), 5.0)
        return socket.ping_seconds[0]

    told_s, here_s = with_socket(talkative, use)

    assert 0 <= here_s - told_s < 60


def test_a_socket_that_was_closed_ends_the_wait() -> None:
    """Nobody waits for what cannot come any more, and sending to it is no error."""

    async def use(socket: ProbeSocket) -> bool:
        found = await socket.until(lambda a: isinstance(a.event, Confirmed), 60.0)
        await socket.send("too late")
        return found is None and socket.is_closed

    assert with_socket(brief, use)


def test_seconds_are_seconds() -> None:
    """Nanoseconds apart."""
    assert seconds_between(1_000_000_000, 3_500_000_000) == 2.5
