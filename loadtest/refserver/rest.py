"""OneChat's REST calls, served: one route for each endpoint of :mod:`loadtest.api`, and the two health checks.

An event is handed to its audience's sockets before the call is answered, so a frame may be read before the response,
as on a real installation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from aiohttp import web

from loadtest import api
from loadtest.api import platform, provisioning, records, refetching
from loadtest.clock import NS_PER_S, Clock
from loadtest.refserver.exchange import Handler, answering, json_answer

Holding: TypeAlias = Callable[[Sequence[api.Endpoint], Handler], Handler]
"""Told the calls that share a handler, and the handler; returns the one to route to."""

ENDPOINTS = (*api.ENDPOINTS, *platform.ENDPOINTS, *provisioning.ENDPOINTS, *refetching.ENDPOINTS, *records.ENDPOINTS)
"""Everything the toolkit calls."""


class Part(Protocol):
    """Handlers of some calls."""

    def handlers(self) -> dict[api.Endpoint, Handler]:
        """A handler for each of its calls."""


class RestApi:
    """The routes of all calls.

    Args:
        parts: each handles some of them.
        clock: time of ``GET /api``.
        holding: makes a call's handler one whose answers can be held; None to answer at once.
    """

    def __init__(self, parts: Iterable[Part], clock: Clock, holding: Holding | None = None) -> None:
        self._handlers = {endpoint: handler for part in parts for endpoint, handler in part.handlers().items()}
        self._clock = clock
        self._holding = holding

    def routes(self) -> list[web.RouteDef]:
        """All routes; calls that share a method and a path share a handler."""
        calls: dict[tuple[str, str], list[api.Endpoint]] = {}
        for call in ENDPOINTS:
            calls.setdefault((call.method, call.path), []).append(call)
        return [
            *(web.route(method, path, self._handler(same)) for (method, path), same in calls.items()),
            web.get("/api", self._version),
            web.get("/health", self._health),
        ]

    def _handler(self, calls: Sequence[api.Endpoint]) -> Handler:
        handler = answering(self._handlers[calls[0]])
        return handler if self._holding is None else self._holding(calls, handler)

    async def _version(self, request: web.Request) -> web.Response:
        unix_s = self._clock.wall_ns(self._clock.now_ns()) // NS_PER_S
        return json_answer({"version": "embedded", "timestamp": unix_s, "queue_services": "ok", "data_services": "ok"})

    async def _health(self, request: web.Request) -> web.Response:
        return json_answer({"status": "woot"})
