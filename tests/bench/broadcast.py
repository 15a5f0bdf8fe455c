"""What the reference server costs: one broadcast to a thousand sockets, and deliveries a second from one process.

Run as ``python -m tests.bench.broadcast``. The server runs on one core, a draining client on the other. A burst is
timed from its REST call until the last socket has read it, so the client's reading is in it as well.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from typing import Any

import aiohttp

from loadtest.cable.frames import encode_subscribe
from loadtest.cable.identifier import agent_identifier
from loadtest.directory import Population, generate
from loadtest.refserver import ServerSettings, start_child
from tests.bench.processes import CLIENT_CORE, SERVER_CORE, cpu_s

BURST_TARGET_MS = 25.0
RATE_TARGET = 20_000


class Seen:
    """How many messages all sockets have read, and when the last one came."""

    def __init__(self) -> None:
        self.count = self.wanted = self.at_ns = 0
        self.reached = asyncio.Event()

    def add(self, messages: int) -> None:
        """So many more were read."""
        self.count += messages
        self.at_ns = time.monotonic_ns()
        if self.count >= self.wanted:
            self.reached.set()

    async def until(self, count: int) -> None:
        """Wait until so many have been read in all."""
        self.wanted = count
        self.reached.clear()
        if self.count < count:
            await self.reached.wait()


class Reader(asyncio.Protocol):
    """One socket: shakes hands, subscribes, then only counts bytes."""

    def __init__(self, identifier: str, seen: Seen) -> None:
        self._identifier = identifier
        self._seen = seen
        self.confirmed = asyncio.get_running_loop().create_future()
        self._head = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(
            b"GET /cable HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        if self.confirmed.done():
            self._seen.add(data.count(b'"message.created"'))
            return
        self._head += data
        if self._identifier and b'"welcome"' in self._head:
            text = encode_subscribe(self._identifier).encode()
            self._identifier = ""
            self._transport.write(b"\x81\xfe" + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text)
        if b"confirm_subscription" in self._head:
            self.confirmed.set_result(None)


async def measure(sockets: int, bursts: int, seconds: float) -> int:
    """Measure, and print a table."""
    population = Population(agents=sockets, contacts=1, members=sockets, accounts=1)
    directory = generate(population)
    child = start_child(ServerSettings(population=population), 60.0)
    os.sched_setaffinity(child.pid, {SERVER_CORE})
    seen = Seen()
    loop = asyncio.get_running_loop()
    try:
        host, _, port = child.url.removeprefix("http://").partition(":")
        for agent in directory.agents:
            identifier = agent_identifier(agent.pubsub_token, agent.account_ids[0], agent.user_id)
            _, reader = await loop.create_connection(lambda i=identifier: Reader(i, seen), host, int(port))
            await reader.confirmed
        contact = directory.contacts[0]
        async with aiohttp.ClientSession(child.url) as http:
            base = f"/public/api/v1/inboxes/{contact.inbox_identifier}/contacts/{contact.source_id}/conversations"
            async with http.post(base, json={}) as answer:
                conversation = (await answer.json())["id"]
            path = f"{base}/{conversation}/messages"

            async def send() -> None:
                async with http.post(path, json={"content": "hello"}) as answer:
                    answer.raise_for_status()

            times_ms = []
            for _ in range(bursts):
                await asyncio.sleep(0.02)
                wanted, began_ns = seen.count + sockets, time.monotonic_ns()
                await send()
                await seen.until(wanted)
                times_ms.append((seen.at_ns - began_ns) / 1e6)
            before, began_s, sent, spent_s = seen.count, time.monotonic(), 0, cpu_s(child.pid)
            while time.monotonic() - began_s < seconds:
                await send()
                sent += 1
            await seen.until(before + sent * sockets)
            rate = (seen.count - before) / (seen.at_ns / 1e9 - began_s)
            cpu_us = (cpu_s(child.pid) - spent_s) / (seen.count - before) * 1e6
    finally:
        child.stop()
    p99 = statistics.quantiles(times_ms, n=100)[98]
    print(f"The reference server, one process, {sockets:,} sockets:\n")
    print("| what | target | measured |\n| --- | ---: | ---: |")
    print(f"| a message to {sockets:,} sockets, p50 / p99 of {bursts} | p99 at most {BURST_TARGET_MS:g} ms", end=" ")
    print(f"| {statistics.median(times_ms):.1f} / {p99:.1f} ms |")
    print(f"| deliveries a second | at least {RATE_TARGET:,} | {rate:,.0f} |")
    print(f"| its CPU a delivery | | {cpu_us:.1f} µs |")
    return 0 if p99 <= BURST_TARGET_MS and rate >= RATE_TARGET else 1


def main() -> int:
    """Measure with what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.broadcast")
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--bursts", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    return asyncio.run(measure(options.sockets, options.bursts, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
