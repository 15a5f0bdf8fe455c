"""The server as a whole: listening, numbers about itself, stopping."""

import asyncio
import json
import os
import socket
from dataclasses import replace

import pytest
from websockets.exceptions import ConnectionClosedError

from loadtest.errors import UsageError
from loadtest.refserver.server import ReferenceServer
from tests.refserver.site import ADMIN, CONTACT, DIRECTORY, MEMBER, MESSAGES, QUIET, serving


def test_stats_count_what_went_through() -> None:
    """The server tells its sockets, subscriptions, broadcasts and deliveries."""

    async def scenario() -> dict[str, float]:
        async with serving() as site:
            for who in (ADMIN, MEMBER, CONTACT):
                await site.listen(who)
            await site.open()
            await site.post(MESSAGES, {"content": "hi"})
            _, text = await site.get("/loadtest/stats")
            stats: dict[str, float] = json.loads(text)
            return stats

    stats = asyncio.run(scenario())
    counts = {
        key: stats[key] for key in ("pid", "sockets", "subscriptions", "broadcasts", "deliveries", "backlog_bytes")
    }

    # Three presence updates of one frame each, and one message to three sockets.
    expected = {
        "pid": os.getpid(),
        "sockets": 4,
        "subscriptions": 3,
        "broadcasts": 4,
        "deliveries": 6,
        "backlog_bytes": 0,
    }
    assert expected == counts
    assert {"cpu_s", "rss_bytes", "uptime_s"} == stats.keys() - counts.keys()


def test_stopping_cuts_without_a_close_frame() -> None:
    """A stopped server drops its sockets as Puma does: clients see 1006."""

    async def scenario() -> int | None:
        async with serving() as site:
            client = await site.open()
            await site.server.stop()
            with pytest.raises(ConnectionClosedError):
                await client.recv()
            return client.close_code

    assert asyncio.run(scenario()) == 1006


def test_a_port_in_use_is_a_usage_error() -> None:
    """A port that is taken is a usage error that names address and port."""

    async def scenario(port: int) -> None:
        await ReferenceServer(replace(QUIET, port=port), DIRECTORY).start()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
            asyncio.run(scenario(port))


def test_urls_lead_back_to_this_machine() -> None:
    """A server that listens on all addresses gives URLs of the loopback address."""

    async def scenario() -> tuple[str, str]:
        async with ReferenceServer(replace(QUIET, host_address="0.0.0.0"), DIRECTORY) as server:
            return server.url.rpartition(":")[0], server.cable_url.rpartition(":")[0]

    assert asyncio.run(scenario()) == ("http://127.0.0.1", "ws://127.0.0.1")


def test_the_directory_follows_from_the_settings() -> None:
    """Without a directory the server makes the one its settings describe."""
    server = ReferenceServer(QUIET)

    assert QUIET.population.agents == len(server.directory.agents)
