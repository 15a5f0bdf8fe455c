"""A limit on requests by address, as upstream's ``Rack::Attack`` sets one: fixed windows of the clock, 429 beyond.

Upgrades of the cable count too, since the limit stands before everything else. Upstream limits 3,000 a minute and
spares this machine; here nobody is spared, so that the limit can be met in a test. ``Retry-After`` is what rack-attack
sends where it is told to.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from loadtest.clock import NS_PER_S


class Throttle:
    """Counts requests.

    Args:
        limit: how many an address may make in a window.
        period_s: length of a window, in seconds.
        wall_ns: Unix time in nanoseconds.
    """

    def __init__(self, limit: int, period_s: float, wall_ns: Callable[[], int]) -> None:
        self._limit = limit
        self._period_ns = round(period_s * NS_PER_S)
        self._wall_ns = wall_ns
        self._window = -1
        self._counts: Counter[str] = Counter()

    def retry_after_s(self, address: str) -> int | None:
        """Count a request; None when it may pass, else whole seconds until it would."""
        now_ns = self._wall_ns()
        window, elapsed_ns = divmod(now_ns, self._period_ns)
        if window != self._window:
            self._window, self._counts = window, Counter()
        self._counts[address] += 1
        if self._counts[address] <= self._limit:
            return None
        return math.ceil((self._period_ns - elapsed_ns) / NS_PER_S)

    def middleware(self) -> Middleware:
        """What stands before all routes."""

        @web.middleware
        async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
            wait_s = self.retry_after_s(request.remote or "")
            if wait_s is None:
                return await handler(request)
            return web.Response(status=429, text="Retry later\n", headers={"Retry-After": str(wait_s)})

        return limited
