"""OneChat's REST calls, served: one route for each of :data:`loadtest.api.ENDPOINTS`, and the two health checks.

An event is handed to its audience's sockets before the call is answered, so a frame may be read before the response,
as on a real installation.
"""

from __future__ import annotations

from aiohttp import web

from loadtest import api
from loadtest.clock import NS_PER_S, Clock
from loadtest.refserver.agent_rest import AgentRest
from loadtest.refserver.contact_rest import ContactRest
from loadtest.refserver.exchange import answering, json_answer


class RestApi:
    """The routes of all calls.

    Args:
        contacts: handles what contacts do.
        agents: handles what agents do.
        clock: time of ``GET /api``.
    """

    def __init__(self, contacts: ContactRest, agents: AgentRest, clock: Clock) -> None:
        self._handlers = {**contacts.handlers(), **agents.handlers()}
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """All routes; calls that share a method and a path share a handler."""
        handlers = {(call.method, call.path): self._handlers[call] for call in api.ENDPOINTS}
        return [
            *(web.route(method, path, answering(handler)) for (method, path), handler in handlers.items()),
            web.get("/api", self._version),
            web.get("/health", self._health),
        ]

    async def _version(self, request: web.Request) -> web.Response:
        unix_s = self._clock.wall_ns(self._clock.now_ns()) // NS_PER_S
        return json_answer({"version": "embedded", "timestamp": unix_s, "queue_services": "ok", "data_services": "ok"})

    async def _health(self, request: web.Request) -> web.Response:
        return json_answer({"status": "woot"})
