"""Watches the embedded server: that it lives, and what waits in it, so that nobody takes its limit for theirs.

What its process costs is read with everything else that is watched (:mod:`loadtest.users.watching`).
"""

from __future__ import annotations

from collections.abc import Callable

import gevent
import msgspec

from loadtest.api import Call, Endpoint
from loadtest.distributed.keeper import RunKeeper
from loadtest.refserver.child import ServerChild
from loadtest.rest import RestClient

_STATS = Endpoint("server.stats", "GET", "/loadtest/stats", "public")
_PERIOD_S = 2.0


class _Stats(msgspec.Struct):
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
        while True:
            if not self._child.is_alive:
                self._on_death(f"the embedded server ended during the run: {self._child.tail() or 'no output'}")
                return
            reply = self._rest.send(call)
            if reply.status == 200:
                stats = msgspec.json.decode(reply.body, type=_Stats)
                self._keeper.gauge("target.backlog_bytes", float(stats.backlog_bytes))
            gevent.sleep(_PERIOD_S)
