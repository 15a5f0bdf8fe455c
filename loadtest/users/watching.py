"""Reads what is watched beside a run, and keeps it as gauges ``target.<what>`` under the source's name.

Each source has a greenlet; what only computes, or asks the kernel, runs in one thread, so that thousands of descriptors
to count or a long page of metrics never hold up the load. A source that fails is told of and tried again: a run is not
ended by what looks on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gevent
from gevent.threadpool import ThreadPool

from loadtest.clock import NS_PER_S, SystemClock
from loadtest.distributed.conductor import warn
from loadtest.distributed.keeper import RunKeeper
from loadtest.errors import TransportError
from loadtest.target.watch_source import Look, Source

LEAST_PERIOD_S = 2.0
_PATIENCE_S = 15.0
_MOST_TOLD = 20


class Watching:
    """The watch over a run's sources.

    Args:
        sources: what to read.
        keeper: takes the readings.
        window_s: length of the run's windows; a source is read once in each, but not more often than every 2 s.
    """

    def __init__(self, sources: Sequence[Source], keeper: RunKeeper, window_s: float) -> None:
        self._sources = list(sources)
        self._keeper = keeper
        self._period_s = max(LEAST_PERIOD_S, window_s)
        self._clock = SystemClock()
        self._greenlets: list[gevent.Greenlet] = []
        self._pool: ThreadPool | None = None
        self._failing: dict[int, str] = {}
        self._told = 0

    def start(self) -> None:
        """Begin to read."""
        if self._sources:
            self._pool = ThreadPool(1)
            self._greenlets = [gevent.spawn(self._watch, number) for number in range(len(self._sources))]

    def stop(self, after_s: float = 0.0) -> None:
        """Read no more.

        Args:
            after_s: go on reading for so long first.
        """
        if not self._greenlets:
            return
        if after_s > 0:
            warn(f"all have left; watching for {after_s:g} s more")
            gevent.sleep(after_s)
        gevent.killall(self._greenlets)
        self._greenlets = []
        for source in self._sources:
            source.close()
        if self._pool is not None:
            self._pool.kill()
            self._pool = None

    def _watch(self, number: int) -> None:
        while True:
            since_ns = self._clock.now_ns()
            self._look(number)
            took_s = (self._clock.now_ns() - since_ns) / NS_PER_S
            gevent.sleep(max(self._period_s - took_s, self._period_s / 10))

    def _look(self, number: int) -> None:
        source = self._sources[number]
        try:
            with gevent.Timeout(_PATIENCE_S):
                look = self._digest(source, source.fetch())
        except gevent.Timeout:
            self._fail(number, f"{source.name}: it took more than {_PATIENCE_S:g} s")
            return
        except TransportError as error:
            self._fail(number, f"{source.name}: {error.detail}")
            return
        except Exception as error:  # whatever a source does, the load goes on
            self._fail(number, f"{source.name}: {type(error).__name__}: {error}")
            return
        if self._failing.pop(number, None) is not None:
            self._keeper.note("watch_recovered", f"{source.name} can be read again")
        for what, value in look.values.items():
            self._keeper.gauge(f"target.{what}", value, source.name)
        for kind, text in look.events:
            warn(text)
            self._keeper.note(kind, text, {"source": source.name})

    def _digest(self, source: Source, raw: Any) -> Look:
        """Digest in the thread; what it raises travels as a value, since gevent prints what a thread raises."""
        assert self._pool is not None

        def carry() -> tuple[Look | None, Exception | None]:
            try:
                return source.digest(raw), None
            except Exception as error:
                return None, error

        look: Look | None
        look, error = self._pool.spawn(carry).get()
        if error is not None:
            raise error
        assert look is not None
        return look

    def _fail(self, number: int, why: str) -> None:
        """Tell of a failure once, until it changes or is over."""
        if self._failing.get(number) == why:
            return
        self._failing[number] = why
        self._told += 1
        if self._told <= _MOST_TOLD:
            warn(f"not watched: {why}")
        self._keeper.note("watch_failed", why)
