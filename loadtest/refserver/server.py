"""The whole server in one asyncio loop: parts wired together, a listening socket, and numbers about itself."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec
import psutil
from aiohttp import web

from loadtest.clock import Clock, SystemClock
from loadtest.directory import Directory, generate
from loadtest.errors import UsageError
from loadtest.refserver.agent_rest import AgentRest
from loadtest.refserver.cable import CableServer
from loadtest.refserver.contact_rest import ContactRest
from loadtest.refserver.desk import Desk
from loadtest.refserver.payloads import Payloads
from loadtest.refserver.presence import Presence
from loadtest.refserver.publisher import Publisher
from loadtest.refserver.rest import RestApi
from loadtest.refserver.rooms import Deliver, Rooms, deliver_now
from loadtest.refserver.settings import ServerSettings
from loadtest.refserver.state import State

LISTEN_BACKLOG = 4096
"""Connections the kernel keeps until they are accepted; a start of thousands must not wait for SYN retries."""

KEEPALIVE_S = 3600.0
"""How long an idle REST connection stays open: longer than any thinking time, so that no pool meets a reset."""

STOP_S = 2.0
"""How long handlers may take to end when the server stops."""


class ReferenceServer:
    """An installation that serves a directory; an async context manager that listens while it is entered.

    Args:
        settings: how to serve.
        directory: whom to serve; made from the settings when not given.
        clock: time of presence, pings and payloads.
        deliver: what every delivery passes through.
    """

    def __init__(
        self,
        settings: ServerSettings,
        directory: Directory | None = None,
        *,
        clock: Clock | None = None,
        deliver: Deliver = deliver_now,
    ) -> None:
        self.settings = settings
        self.directory = generate(settings.population, settings.seed) if directory is None else directory
        clock = SystemClock() if clock is None else clock
        self.state = State(self.directory, lambda: clock.wall_ns(clock.now_ns()))
        self.rooms = Rooms(deliver)
        self.presence = Presence(clock, settings.agent_presence_s, settings.contact_presence_s)
        rules = settings.rules
        payloads = Payloads(rules, self.presence.availability)
        self.publisher = Publisher(self.state, self.rooms, self.presence, payloads, rules)
        self.cable = CableServer(
            self.state,
            self.rooms,
            self.presence,
            self.publisher,
            clock,
            settings.ping_interval_s,
            account_stream=rules.account_stream,
        )
        desk = Desk(self.state, self.publisher, rules, email_collect=settings.email_collect)
        self._rest = RestApi(
            ContactRest(self.state, desk, payloads), AgentRest(self.state, desk, payloads, self.presence), clock
        )
        self._process = psutil.Process()
        self._started_s = time.monotonic()
        self._runner: web.AppRunner | None = None
        self._beat: asyncio.Task[None] | None = None
        self._authority = ""

    @property
    def url(self) -> str:
        """Base URL, reachable from this machine."""
        return f"http://{self._authority}"

    @property
    def cable_url(self) -> str:
        """URL of the cable."""
        return f"ws://{self._authority}/cable"

    def app(self) -> web.Application:
        """The application: ``/cable``, the REST calls and ``/loadtest/stats``."""
        app = web.Application()
        app.router.add_routes([web.route("*", "/cable", self.cable.handle), *self._rest.routes()])
        app.router.add_get("/loadtest/stats", self._stats)
        app.on_shutdown.append(self._cut)  # runs when nothing is accepted any more
        return app

    async def start(self) -> None:
        """Listen and begin to ping.

        Raises:
            UsageError: the address cannot be listened on.
        """
        settings = self.settings
        runner = web.AppRunner(self.app(), access_log=None, keepalive_timeout=KEEPALIVE_S, shutdown_timeout=STOP_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host_address, settings.port, backlog=LISTEN_BACKLOG).start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            raise UsageError(
                f"cannot listen on {settings.host_address}:{settings.port}: {error}",
                where="--host-address, --port",
                remedy="Give an address of this machine and a free port, or --port 0 for any free one",
            ) from error
        self._runner = runner
        host, port = runner.addresses[0][:2]
        self._authority = f"{_reachable(host)}:{port}"
        self._started_s = time.monotonic()
        self._beat = asyncio.create_task(self.cable.beat())

    async def stop(self) -> None:
        """Stop listening and cut all connections, as a stopped Puma does: no disconnect, no close frame."""
        if self._beat is not None:
            self._beat.cancel()
            with suppress(asyncio.CancelledError):
                await self._beat
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def stats(self) -> dict[str, int | float]:
        """The server's own state: CPU and uptime in seconds, memory and backlog in bytes, counts since its start."""
        return {
            "pid": os.getpid(),
            "cpu_s": time.process_time(),
            "rss_bytes": self._process.memory_info().rss,
            "sockets": len(self.cable.connections),
            "subscriptions": self.rooms.subscriptions,
            "deliveries": self.rooms.deliveries,
            "broadcasts": self.rooms.broadcasts,
            "backlog_bytes": self.cable.backlog_bytes,
            "uptime_s": time.monotonic() - self._started_s,
        }

    async def _cut(self, app: web.Application) -> None:
        self.cable.abort_all()

    async def _stats(self, request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self.stats()), content_type="application/json", charset="utf-8")


def _reachable(host: str) -> str:
    """An address to connect to, for one that was listened on."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"[{host}]" if ":" in host else host
