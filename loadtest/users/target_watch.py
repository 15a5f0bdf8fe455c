"""Watches the embedded server: that it lives, and what it costs, so that nobody takes its limit for theirs."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import msgspec

from loadtest.api import Call, Endpoint
from loadtest.clock import NS_PER_S, SystemClock
from loadtest.distributed.keeper import RunKeeper
from loadtest.refserver.child import ServerChild
from loadtest.rest import RestClient

_STATS = Endpoint("server.stats", "GET", "/loadtest/stats", "public")
_PERIOD_S = 2.0


class _Stats(msgspec.Struct):
    cpu_s: float
    rss_bytes: int
    backlog_bytes: int = 0


class TargetWatch:
    """Asks the embedded server for its own figures every two seconds.

    Args:
        child: the server.
        keeper: takes the gauges.
        on_death: told why, when the server is no more.
    """

    def __init__(self, child: ServerChild, keeper: RunKeeper, on_death: Callable[[str], None]) -> None:
        self._child = child
        self._keeper = keeper
        self._on_death = on_death
        self._rest = RestClient(child.url, connections=1, timeout_s=_PERIOD_S)
        self._clock = SystemClock()
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Watch no more."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
        self._rest.close()

    def _run(self) -> None:
        call = Call(_STATS, _STATS.path, b"", {})
        last: tuple[int, float] | None = None
        while True:
            if not self._child.is_alive:
                self._on_death(f"the embedded server ended during the run: {self._child.tail() or 'no output'}")
                return
            reply = self._rest.send(call)
            if reply.status == 200:
                stats = msgspec.json.decode(reply.body, type=_Stats)
                now_ns = self._clock.now_ns()
                if last is not None:
                    share = (stats.cpu_s - last[1]) * NS_PER_S / (now_ns - last[0])
                    self._keeper.gauge("target.cpu_share", share)
                last = (now_ns, stats.cpu_s)
                self._keeper.gauge("target.rss_bytes", float(stats.rss_bytes))
                self._keeper.gauge("target.backlog_bytes", float(stats.backlog_bytes))
            gevent.sleep(_PERIOD_S)
