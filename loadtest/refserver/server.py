"""The whole server in one asyncio loop: parts wired together, a listening socket, and numbers about itself."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

import msgspec
import psutil
from aiohttp import web

from loadtest.clock import Clock, SystemClock
from loadtest.directory import Directory, generate
from loadtest.errors import UsageError
from loadtest.refserver.access import Access
from loadtest.refserver.admin_rest import AdminRest
from loadtest.refserver.agent_rest import AgentRest
from loadtest.refserver.cable import CableServer
from loadtest.refserver.contact_rest import ContactRest
from loadtest.refserver.desk import Desk
from loadtest.refserver.faults.rig import FaultRig
from loadtest.refserver.payloads import Payloads
from loadtest.refserver.platform_rest import PlatformRest
from loadtest.refserver.presence import Presence
from loadtest.refserver.presence_push import PresencePush
from loadtest.refserver.publisher import Publisher
from loadtest.refserver.records_rest import RecordsRest
from loadtest.refserver.refetch_rest import RefetchRest
from loadtest.refserver.rest import RestApi
from loadtest.refserver.rooms import Deliver, Rooms, deliver_now
from loadtest.refserver.settings import ServerSettings
from loadtest.refserver.state import State
from loadtest.refserver.throttle import Throttle
from loadtest.refserver.views import Views

LISTEN_BACKLOG = 4096
"""Connections the kernel keeps until they are accepted; a start of thousands must not wait for SYN retries."""

KEEPALIVE_S = 3600.0
"""How long an idle REST connection stays open: longer than any thinking time, so that no pool meets a reset."""

LISTEN_TRIES = 50
LISTEN_AGAIN_S = 0.1
FAREWELL_S = 1.0
"""A server that was away tries to listen again so many times, so many seconds apart."""

STOP_S = 2.0
"""How long handlers may take to end when the server stops."""


class ReferenceServer:
    """An installation that serves a directory; an async context manager that listens while it is entered.

    Args:
        settings: how to serve.
        directory: whom to serve; made from the settings when not given.
        clock: time of presence, pings and payloads.
        deliver: what every delivery passes through where the settings have no faults.

    Attributes:
        on_failure: called when the server cannot go on; :meth:`check` says why.
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
        expiries_s = (settings.agent_presence_s, settings.contact_presence_s)
        self._faults: FaultRig | None = None
        if settings.faults or settings.truth_path is not None:
            self._faults = FaultRig(settings.faults, settings.truth_path, settings.seed, clock)
        self.presence = Presence(clock, *expiries_s) if self._faults is None else self._faults.presence(*expiries_s)
        self.presence.whole_seconds = settings.whole_seconds
        self.rooms = Rooms(deliver if self._faults is None else self._faults.deliveries)
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
            faults=None if self._faults is None else self._faults.connections,
        )
        desk = Desk(self.state, self.publisher, rules, email_collect=settings.email_collect)
        access = Access(self.state, settings.platform_token())
        views = Views(payloads, self.presence)
        self._rest = RestApi(
            (
                ContactRest(self.state, desk, payloads),
                AgentRest(self.state, access, desk, payloads, views, self.presence),
                PlatformRest(self.state, access),
                AdminRest(self.state, access, views),
                RecordsRest(self.state, access, desk, views, self.presence),
                RefetchRest(self.state, access, payloads),
            ),
            clock,
            None if self._faults is None else self._faults.answers.holding,
        )
        self._away: asyncio.Task[None] | None = None
        self._failure: UsageError | None = None
        self.on_failure: Callable[[], None] = lambda: None
        if self._faults is not None:
            self._faults.deliveries.rooms = self.rooms
            self._faults.connections.connections = lambda: self.cable.connections
            self._faults.connections.restart = self._restart
        self._process = psutil.Process()
        self._started_s = time.monotonic()
        self._runner: web.AppRunner | None = None
        self._beat: asyncio.Task[None] | None = None
        self._pushing: asyncio.Task[None] | None = None
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
        limit = self.settings.rate_limit
        throttles = [] if limit is None else [Throttle(limit, self.settings.rate_period_s, self.state.wall_ns)]
        app = web.Application(middlewares=[throttle.middleware() for throttle in throttles])
        app.router.add_routes([web.route("*", "/cable", self.cable.handle), *self._rest.routes()])
        app.router.add_get("/loadtest/stats", self._stats)
        app.on_shutdown.append(self._cut)  # runs when nothing is accepted any more
        return app

    async def start(self) -> None:
        """Listen and begin to ping.

        Raises:
            UsageError: the address cannot be listened on, or the truth not be written.
        """
        settings = self.settings
        if self._faults is not None:
            self._faults.truth.on_failure = partial(asyncio.get_running_loop().call_soon_threadsafe, self._fail)
            self._faults.open()
        runner = web.AppRunner(self.app(), access_log=None, keepalive_timeout=KEEPALIVE_S, shutdown_timeout=STOP_S)
        await runner.setup()
        self._site = web.TCPSite(runner, settings.host_address, settings.port, backlog=LISTEN_BACKLOG)
        try:
            await self._site.start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            if self._faults is not None:
                self._faults.close()
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
        if settings.push_presence:
            push = PresencePush(self.presence, self.rooms, self.directory.account_ids())
            self._pushing = asyncio.create_task(push.run())

    async def stop(self) -> None:
        """Stop listening and cut all connections, as a stopped Puma does: no disconnect, no close frame.

        Raises:
            UsageError: not all of the truth could be written.
        """
        for task in (self._beat, self._away, self._pushing):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        if self._runner is not None:
            await self._runner.cleanup()
        if self._faults is not None:
            self._faults.close()

    def check(self) -> None:
        """Do nothing while the server can go on.

        Raises:
            UsageError: the truth cannot be written, or a restarted server cannot listen again.
        """
        if self._faults is not None:
            self._faults.truth.check()
        if self._failure is not None:
            raise self._failure

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

    def _fail(self) -> None:
        self.on_failure()

    def _restart(self, away_s: float, told: bool) -> int:
        """Cut everything and be away for a while, as a server that is restarted is; returns how many sockets it cut.

        Args:
            away_s: for how long.
            told: whether clients are told to come back, and closed, before that.
        """
        sockets = len(self.cable.connections)
        if self._away is None or self._away.done():
            self._away = asyncio.create_task(self._be_away(away_s, told=told))
        return sockets

    async def _be_away(self, away_s: float, *, told: bool) -> None:
        runner = self._runner
        if runner is None or runner.server is None:
            return
        host, port = runner.addresses[0][:2]
        await self._site.stop()
        if told:
            await self.cable.say_goodbye(FAREWELL_S)
        self.cable.abort_all()
        for connection in tuple(runner.server.connections):
            connection.force_close()
        await asyncio.sleep(away_s)
        for again in range(LISTEN_TRIES):
            self._site = web.TCPSite(runner, host, port, backlog=LISTEN_BACKLOG)
            try:
                await self._site.start()
            except OSError as error:
                await self._site.stop()
                if again == LISTEN_TRIES - 1:
                    self._failure = UsageError(f"{host}:{port} was taken while the server was away: {error}")
                    self._fail()
                await asyncio.sleep(LISTEN_AGAIN_S)
            else:
                return

    async def _cut(self, app: web.Application) -> None:
        self.cable.abort_all()

    async def _stats(self, request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self.stats()), content_type="application/json", charset="utf-8")


def _reachable(host: str) -> str:
    """An address to connect to, for one that was listened on."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"[{host}]" if ":" in host else host
