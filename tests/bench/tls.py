"""What TLS costs a connection, in CPU and memory: plain, in full, and resumed as by clients that come back.

Run as ``python -m tests.bench.tls``: this tool's transport on one core, a server of ``websockets`` on the other, each
kind in turn in several rounds; medians are printed. A resumed handshake spares the certificate and its verification.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import CLIENT_CORE, SERVER_CORE
from tests.bench.users import rss_bytes
from tests.certificates import make_certificates

KINDS = ("ws", "wss", "wss, resumed")


@dataclass(frozen=True)
class Row:
    """One kind of connection in one round.

    Attributes:
        cpu_us: of this process, a connection.
        wall_us: until it was open, with as many handshakes in flight as ``--at-once`` says.
        bytes: of this process, a connection that is open.
        resumed: how many connections resumed a session.
    """

    cpu_us: float
    wall_us: float
    bytes: float
    resumed: int


async def serve(certificate: str, key: str) -> None:
    """Accept, say one word, and echo, on a plain and on an encrypted port; ends with the standard input."""
    from websockets.asyncio.server import ServerConnection, serve

    async def echo(connection: ServerConnection) -> None:
        await connection.send("welcome")
        async for message in connection:
            await connection.send(message)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    options = {"compression": None, "ping_interval": None}
    async with (
        serve(echo, "127.0.0.1", 0, **options) as plain,
        serve(echo, "127.0.0.1", 0, ssl=context, **options) as encrypted,
    ):
        ports = [next(iter(one.sockets)).getsockname()[1] for one in (plain, encrypted)]
        print(*ports, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


@contextmanager
def serving(certificate: str, key: str) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its plain and its encrypted port."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.tls", "--serve", certificate, key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        os.sched_setaffinity(server.pid, {SERVER_CORE})
        plain, encrypted = map(int, server.stdout.readline().split())
        try:
            yield plain, encrypted
        finally:
            server.stdin.close()


def measure(connections: int, at_once: int, rounds: int) -> dict[str, list[Row]]:
    """Open so many connections of each kind, in turn, so many times.

    Returns:
        By kind, a row a round.
    """
    from loadtest.transport.address import cable_endpoint
    from loadtest.transport.gevent_ws import Poller

    rows: dict[str, list[Row]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as name:
        made = make_certificates(Path(name))
        with serving(made.server, made.key) as (plain, encrypted):
            to = {
                kind: cable_endpoint(
                    f"http://127.0.0.1:{plain}" if kind == "ws" else f"https://127.0.0.1:{encrypted}",
                    client="seed",
                    ca_file=None if kind == "ws" else made.authority,
                )
                for kind in KINDS
            }
            for _ in range(rounds):
                for kind in KINDS:
                    poller = Poller()
                    if kind == "wss, resumed":
                        _opened(poller, to[kind], connections, at_once)
                    rows[kind].append(_opened(poller, to[kind], connections, at_once))
                    poller.close()
    return rows


def _opened(poller: object, endpoint: object, connections: int, at_once: int) -> Row:
    """Open connections, each its client's, wait until each has heard a word, and close them again."""
    from gevent.event import Event
    from gevent.pool import Pool

    class Listener:
        def __init__(self) -> None:
            self.heard, self.closed = Event(), Event()

        def on_text(self, *_: object) -> None:
            self.heard.set()

        def on_protocol_error(self, *_: object) -> None:
            pass

        def on_closed(self, _: object) -> None:
            self.closed.set()

    listeners = [Listener() for _ in range(connections)]
    took_us: list[float] = []
    sockets = []

    def open_one(client: int) -> None:
        began_ns = time.monotonic_ns()
        sockets.append(poller.connect(endpoint, listeners[client], client=client))  # type: ignore[attr-defined]
        took_us.append((time.monotonic_ns() - began_ns) / 1e3)

    resumed, before, spent_s = poller.resumed, rss_bytes(), time.process_time()  # type: ignore[attr-defined]
    pool = Pool(at_once)
    for client in range(connections):
        pool.spawn(open_one, client)
    pool.join(raise_error=True)
    cpu_us = (time.process_time() - spent_s) / connections * 1e6
    for listener in listeners:
        listener.heard.wait()
    grown = (rss_bytes() - before) / connections
    for socket in sockets:
        socket.close()
    for listener in listeners:
        listener.closed.wait()
    return Row(cpu_us, statistics.median(took_us), grown, poller.resumed - resumed)  # type: ignore[attr-defined]


def table(rows: dict[str, list[Row]]) -> str:
    """Medians over the rounds, as Markdown; memory is that of the first round, since later connections use it again."""
    lines = ["| connection | CPU | until open | memory | resumed |", "| --- | ---: | ---: | ---: | ---: |"]
    for kind, found in rows.items():
        cpu_us, wall_us = (statistics.median(getattr(row, name) for row in found) for name in ("cpu_us", "wall_us"))
        share = sum(row.resumed for row in found)
        memory = f"{found[0].bytes / 1024:.1f} KiB" if kind != KINDS[-1] else ""
        lines.append(f"| {kind} | {cpu_us:.0f} µs | {wall_us:.0f} µs | {memory} | {share} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """The bench's command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tls", description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=1000, help="of each kind in a round (%(default)s)")
    parser.add_argument("--at-once", type=int, default=20, help="handshakes in flight (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="%(default)s")
    parser.add_argument("--serve", nargs=2, metavar=("CERTIFICATE", "KEY"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.serve:
        asyncio.run(serve(*options.serve))
        return 0
    os.sched_setaffinity(0, {CLIENT_CORE})
    print(table(measure(options.connections, options.at_once, options.rounds)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
