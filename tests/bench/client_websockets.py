"""The ``websockets`` library's own clients: asyncio's, and the threading one as it runs under gevent.

Run as ``python -m tests.bench.client_websockets asyncio|sync PORT SOCKETS``.
A message is received, counted, and its stamp looked for; keepalive pings are off, which spares them some work.
"""

from __future__ import annotations

import sys

if sys.argv[1:2] == ["sync"]:
    import gevent.monkey

    gevent.monkey.patch_all()

import asyncio
import contextlib
import os
import time
from typing import Any

from loadtest.cable.frames import encode_subscribe
from tests.bench import frames
from tests.bench.gate import Burst, Commands, Pace, say, stamp_of, told


class Books:
    """What a client counts.

    Args:
        reached: is set when ``target`` messages have come.
    """

    def __init__(self, reached: Any) -> None:
        self.received = self.target = 0
        self.latencies: list[int] = []
        self.reached = reached
        self.timing = False

    def take(self, text: str | bytes) -> None:
        """One message."""
        if self.timing:
            sent_ns = stamp_of(text)
            if sent_ns:
                self.latencies.append(time.monotonic_ns() - sent_ns)
        self.received += 1
        if self.received == self.target:
            self.reached.set()

    def expect(self, count: int, *, timing: bool) -> None:
        """So many more, from now on."""
        self.target = self.received + count
        self.timing = timing
        self.latencies.clear()
        self.reached.clear()
        say("ready")

    def paced(self, count: int) -> None:
        """Tell what came of a paced stretch."""
        self.timing = False
        say(told(count - max(0, self.target - self.received), self.latencies))


async def with_asyncio(port: int, sockets: int) -> None:
    """All sockets in one event loop, a task each."""
    from websockets.asyncio.client import connect

    books = Books(asyncio.Event())
    slots = asyncio.Semaphore(64)
    opened: list[Any] = [None] * sockets

    async def open_one(user: int) -> None:
        async with slots:
            connection = await connect(
                f"ws://127.0.0.1:{port}/cable", compression=None, ping_interval=None, open_timeout=60
            )
            await connection.recv()
            await connection.send(encode_subscribe(frames.identifier(user)))
            await connection.recv()
            opened[user] = connection

    async def receive(connection: Any) -> None:
        async for text in connection:
            books.take(text)

    try:
        await asyncio.gather(*map(open_one, range(sockets)))
    except OSError as error:
        say({"error": str(error)})
        return
    tasks = [asyncio.create_task(receive(connection)) for connection in opened]
    await asyncio.sleep(0)
    say({"connected": len(tasks)})
    commands = Commands()
    while (command := commands.next()) != "quit":
        if isinstance(command, Burst):
            books.expect(command.frames, timing=False)
            commands.line()  # blocks the loop as well: see tests/bench/gate.py
            await books.reached.wait()
            say("done")
        elif isinstance(command, Pace):
            books.expect(command.frames, timing=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(books.reached.wait(), command.seconds)
            books.paced(command.frames)
        else:
            say({})
    os._exit(0)


def with_threads(port: int, sockets: int) -> None:
    """All sockets under gevent, a greenlet each (and the library's own)."""
    import gevent
    from gevent.event import Event
    from gevent.pool import Pool
    from websockets.sync.client import connect

    books = Books(Event())
    opened: list[Any] = []

    def open_one(user: int) -> None:
        connection = connect(f"ws://127.0.0.1:{port}/cable", compression=None, ping_interval=None, open_timeout=60)
        connection.recv()
        connection.send(encode_subscribe(frames.identifier(user)))
        connection.recv()
        opened.append(connection)

    def receive(connection: Any) -> None:
        for text in connection:
            books.take(text)

    pool = Pool(64)
    try:
        gevent.joinall([pool.spawn(open_one, user) for user in range(sockets)], raise_error=True)
    except OSError as error:
        say({"error": str(error)})
        return
    serve(books, [gevent.spawn(receive, connection) for connection in opened])


def serve(books: Books, greenlets: list[Any]) -> None:
    """Obey the bench, under gevent."""
    import gevent

    gevent.idle()  # every receiver waits
    say({"connected": len(greenlets)})
    commands = Commands(gevent.monkey.get_original("os", "read"))
    while (command := commands.next()) != "quit":
        if isinstance(command, Burst):
            books.expect(command.frames, timing=False)
            commands.line()
            books.reached.wait()
            say("done")
        elif isinstance(command, Pace):
            books.expect(command.frames, timing=True)
            books.reached.wait(timeout=command.seconds)
            books.paced(command.frames)
        else:
            say({})
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "asyncio":
        asyncio.run(with_asyncio(int(sys.argv[2]), int(sys.argv[3])))
    else:
        with_threads(int(sys.argv[2]), int(sys.argv[3]))
