"""How late this process reads what the kernel has received, and which windows that spoils.

The transport tells the lag of each read whose socket has kernel receive stamps (:mod:`loadtest.transport.stamped`):
exactly where a read held one message, as a lower bound where it held several. Latencies are taken at the read, so the
lag is in them, and it is this process's. A window whose 99th percentile of the lag is above 5 ms and above a tenth of
the 99th percentile of its latencies is marked as untrusted. Fewer than a hundred reads have no 99th percentile, and
fewer than three late ones are a hiccup: they mark nothing (lateness and loop lag watch over small loads).

A ping is no delivery: a server sends one to every socket at once, so the last of a thousand is read some 6 ms after
it came however idle this process is. A message among them is late by its own lag, which counts; theirs does not.

Latencies of a window keep coming until its deliveries' deadline is over, so a window with lags above 5 ms waits for
them before it is judged.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_MS, NS_PER_S, NS_PER_US, Clock
from loadtest.metrics import Batch, Histogram

READ_LAG_LIMIT_MS = 5.0
READ_LAG_LIMIT_SHARE = 0.1
"""Of the latency's p99: what the reading adds must be small beside what is measured."""
AT_LEAST = 3
READS_AT_LEAST = 100

_P99 = 99.0
_US_PER_MS = NS_PER_MS // NS_PER_US

Judge = Callable[[int, Batch, float, float], None]
"""Marks a window: its number, the batch for the note, the lag's p99 and its limit in milliseconds."""


class ReadLagLog:
    """The lags of one process's reads: what a transport tells them to, and who judges them.

    Args:
        clock: what measures.
        window_ns: length of a window.
        deadline_s: how long a window's latencies keep coming.
        judge: marks a window that the lag has spoiled.
    """

    def __init__(self, clock: Clock, *, window_ns: int, deadline_s: float, judge: Judge) -> None:
        self._clock = clock
        self._window_ns = window_ns
        self._patience = -(-round(deadline_s * NS_PER_S) // window_ns) + 2
        self._judge = judge
        # plain buffers, emptied once a tick: (read at, lag), and for reads of several messages how many there were
        self._exact = (array("q"), array("q"))
        self._least = (array("q"), array("q"), array("q"))
        self._pings = array("q")  # when they were read
        self._lags: dict[int, Histogram] = {}
        self._latencies: dict[int, Histogram] = {}

    def exact(self, read_ns: int, lag_ns: int) -> None:
        """A read held one message, which the kernel had held for ``lag_ns`` at the monotonic time ``read_ns``."""
        at, lags = self._exact
        at.append(read_ns)
        lags.append(lag_ns)

    def pinged(self, read_ns: int) -> None:
        """The message that is read at this monotonic time is a ping."""
        self._pings.append(read_ns)

    def at_least(self, frames: int, read_ns: int, lag_ns: int) -> None:
        """A read held so many messages, the newest of which the kernel had held for ``lag_ns``; the others longer."""
        at, lags, counts = self._least
        at.append(read_ns)
        lags.append(lag_ns)
        counts.append(frames)

    def flush(self, now_window: int, batch: Batch, *, final: bool = False) -> None:
        """Bin what was told since the last call, and judge the windows that are ripe.

        Args:
            now_window: number of the present window.
            batch: takes the histogram ``read_lag``, the count ``generator.read_bounds`` of those values in it that
                are lower bounds, and breaches; its latencies are those that this tick has settled.
            final: nothing follows, so judge all.
        """
        (read_ns, lags_ns), least, pings = self._exact, self._least, self._pings
        self._exact = (array("q"), array("q"))
        self._least = (array("q"), array("q"), array("q"))
        self._pings = array("q")
        told = ~np.isin(_numbers(read_ns), _numbers(pings))
        self._bin(_numbers(read_ns)[told], _numbers(lags_ns)[told], None, batch)
        self._bin(_numbers(least[0]), _numbers(least[1]), _numbers(least[2]), batch)
        for (window, metric, _, _), hist in batch.hists.items():
            if metric == "fanout" and now_window - window <= self._patience:
                self._latencies.setdefault(window, Histogram()).merge(hist)
        for window in sorted(self._lags):
            if final or now_window > window:
                self._look_at(window, batch, ripe=final or now_window - window > self._patience)
        for window in [w for w in self._latencies if final or (w < now_window and w not in self._lags)]:
            del self._latencies[window]

    def _bin(
        self, at: NDArray[np.int64], lags: NDArray[np.int64], counts: NDArray[np.int64] | None, batch: Batch
    ) -> None:
        if not len(at):
            return
        windows = (at + self._clock.wall_ns(0)) // self._window_ns
        lags_us = lags // NS_PER_US
        if counts is not None:
            windows, lags_us = (np.repeat(values, counts) for values in (windows, lags_us))
        for window in np.unique(windows).tolist():
            values = lags_us[windows == window]
            batch.hist(window, "read_lag").record_many(values)
            if counts is not None:
                batch.add(window, "generator.read_bounds", value=len(values))
            self._lags.setdefault(window, Histogram()).record_many(values)

    def _look_at(self, window: int, batch: Batch, *, ripe: bool) -> None:
        lags = self._lags[window]
        p99_ms = (lags.percentile(_P99) or 0.0) / _US_PER_MS
        if not _is_above(lags, p99_ms, READ_LAG_LIMIT_MS):
            del self._lags[window]
        elif ripe:
            latencies = self._latencies.pop(window, Histogram())
            limit_ms = max(READ_LAG_LIMIT_MS, READ_LAG_LIMIT_SHARE * (latencies.percentile(_P99) or 0.0) / _US_PER_MS)
            del self._lags[window]
            if _is_above(lags, p99_ms, limit_ms):
                self._judge(window, batch, p99_ms, limit_ms)


def _is_above(lags: Histogram, p99_ms: float, limit_ms: float) -> bool:
    values_us, counts = lags.buckets()
    if lags.n < READS_AT_LEAST:
        return False
    return p99_ms > limit_ms and int(counts[values_us > limit_ms * _US_PER_MS].sum()) >= AT_LEAST


def _numbers(values: array[int]) -> NDArray[np.int64]:
    return np.frombuffer(values, dtype=np.int64)
