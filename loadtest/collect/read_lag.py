"""How late this process reads what the kernel has received, and which windows that spoils.

The transport tells the lag of each read whose socket has kernel receive stamps (:mod:`loadtest.transport.stamped`).
Latencies are taken at the read, so the lag is in them, and it is this process's.

Least and most. Where a read held one message its lag is exact. Where it held several the stamp is the newest one's, and
a lower bound of the others'. From above they are bounded by the time since the socket's read before, which emptied it.
That is much for a socket that was silent, so they are taken to have waited no longer than others did that came alone in
the same second (their tail of one in a hundred, of three at least: sockets are read in the order in which they became
ready), or than the event loop was held up right before. A socket that no read empties has a *backlog*: its messages
wait here and, as a full receive buffer stops the sender, at the sender, where no stamp is. They are taken to be as late
as the backlog is old, which grows by a second a second for as long as more comes than can be read. So there are two
histograms, ``read_lag`` of what is known at least and ``read_lag_most`` of what may be, and windows are judged by the
second.

Marked windows. A window whose 99th percentile of the lag is above 5 ms and above a tenth of the 99th percentile of its
latencies up to the arrival is marked as untrusted. (Not of its latencies at the read: the lag is in them, and would
raise its own limit.) Where fewer than a hundred latencies up to the arrival are known, 5 ms are all that is allowed. Up
to 5 ms is no breach: on a server that answers in 3 ms a tenth is 0.3 ms, which a burst to fifty sockets takes to read,
and every such run would be INVALID. Where the lag is above a tenth and not above 5 ms the window is counted as *rough*
instead: its latencies at the read are more than 10 % too long, those up to the arrival are not, and the report says so.

Fewer than a hundred reads have no 99th percentile, and fewer than three late ones are a hiccup: they mark nothing
(lateness and loop lag watch over small loads).

A ping is no delivery: a server sends one to every socket at once, so the last of a thousand is read some 6 ms after
it came however idle this process is. A message among them is late by its own lag, which counts; theirs does not.

Latencies of a window keep coming until its deliveries' deadline is over, so a window waits for them before it is
judged.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loadtest.clock import NS_PER_MS, NS_PER_S, NS_PER_US, Clock
from loadtest.metrics import Batch, Histogram

READ_LAG_LIMIT_MS = 5.0
READ_LAG_LIMIT_SHARE = 0.1
"""Of the p99 of latencies up to the arrival: what the reading adds must be small beside what is measured."""
AT_LEAST = 3
READS_AT_LEAST = 100
BACKLOG_SHARE = 0.01
"""Of a window's messages: so many of sockets with a backlog are in its p99."""

_P99 = 99.0
_HELD_UP_NS = 5 * NS_PER_MS
_US_PER_MS = NS_PER_MS // NS_PER_US

_Numbers: TypeAlias = NDArray[np.int64]


class Judge(Protocol):
    """Marks a window that the lag has spoiled."""

    def __call__(self, window: int, batch: Batch, p99_ms: float, limit_ms: float, *, backlog: bool) -> None:
        """Mark it.

        Args:
            window: its number.
            batch: takes the note.
            p99_ms: the lag's 99th percentile, in milliseconds.
            limit_ms: what it may be.
            backlog: whether sockets that no read emptied are in it.
        """


class _Together:
    """Reads of several messages, in plain buffers: when, and of what the transport tells one each."""

    __slots__ = ("backlog_ns", "frames", "gap_ns", "lag_ns", "read_ns")

    def __init__(self) -> None:
        self.read_ns, self.frames, self.lag_ns, self.gap_ns, self.backlog_ns = (array("q") for _ in range(5))


class _Window:
    """What is known of a window's reads."""

    __slots__ = ("backlogged", "lags")

    def __init__(self) -> None:
        self.lags = Histogram()  # at most
        self.backlogged = 0  # messages of sockets with a backlog


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
        # plain buffers, emptied once a tick: (read at, lag)
        self._exact = (array("q"), array("q"))
        self._together = _Together()
        self._pings = array("q")  # when they were read
        self._windows: dict[int, _Window] = {}
        self._latencies: dict[int, Histogram] = {}

    def exact(self, read_ns: int, lag_ns: int) -> None:
        """A read held one message, which the kernel had held for ``lag_ns`` at the monotonic time ``read_ns``."""
        at, lags = self._exact
        at.append(read_ns)
        lags.append(lag_ns)

    def pinged(self, read_ns: int) -> None:
        """The message that is read at this monotonic time is a ping."""
        self._pings.append(read_ns)

    def at_least(self, frames: int, read_ns: int, lag_ns: int, gap_ns: int, backlog_ns: int) -> None:
        """A read held several messages: see :class:`loadtest.transport.interface.ReadLags`."""
        told = self._together
        told.read_ns.append(read_ns)
        told.frames.append(frames)
        told.lag_ns.append(lag_ns)
        told.gap_ns.append(gap_ns)
        told.backlog_ns.append(backlog_ns)

    def flush(
        self, now_window: int, batch: Batch, *, held_up: Sequence[tuple[int, int]] = (), final: bool = False
    ) -> None:
        """Bin what was told since the last call, and judge the windows that are ripe.

        Args:
            now_window: number of the present window.
            batch: takes the histograms ``read_lag`` and ``read_lag_most``, the count ``generator.read_bounds`` of the
                messages that are not exact in them, ``generator.read_backlog`` of those of sockets that no read
                emptied, ``generator.read_rough`` for a window that is rough, and breaches; its latencies are those that
                this tick has settled.
            held_up: when a sleeper woke since the last call, and by how much too late, in monotonic nanoseconds.
            final: nothing follows, so judge all.
        """
        (read_ns, lags_ns), pings = self._exact, self._pings
        together, self._together = self._together, _Together()
        self._exact = (array("q"), array("q"))
        self._pings = array("q")
        told = ~np.isin(_numbers(read_ns), _numbers(pings))
        tails_us = self._bin_exact(_numbers(read_ns)[told], _numbers(lags_ns)[told], batch)
        self._bin_together(together, tails_us, [(at, late) for at, late in held_up if late > _HELD_UP_NS], batch)
        for (window, metric, _, _), hist in batch.hists.items():
            if metric == "fanout_arrival" and now_window - window <= self._patience:
                self._latencies.setdefault(window, Histogram()).merge(hist)
        for window in sorted(w for w in self._windows if final or now_window - w > self._patience):
            self._look_at(window, batch)
        for window in [w for w in self._latencies if final or (w < now_window and w not in self._windows)]:
            del self._latencies[window]

    def _bin_exact(self, at: _Numbers, lags_ns: _Numbers, batch: Batch) -> dict[int, int]:
        """Returns the tail of each window's lags, in microseconds."""
        windows = self._windows_of(at)
        tails_us = {}
        for window in np.unique(windows).tolist():
            values = lags_ns[windows == window] // NS_PER_US
            self._record(window, values, values, batch)
            tails_us[window] = _tail(values)
        return tails_us

    def _bin_together(
        self, told: _Together, tails_us: Mapping[int, int], held_up: Sequence[tuple[int, int]], batch: Batch
    ) -> None:
        frames, backlog = _numbers(told.frames), _numbers(told.backlog_ns) // NS_PER_US
        least, gap = _numbers(told.lag_ns) // NS_PER_US, _numbers(told.gap_ns) // NS_PER_US
        read_ns = _numbers(told.read_ns)
        windows = self._windows_of(read_ns)
        others = np.zeros(len(windows), np.int64)
        for window, tail_us in tails_us.items():
            others[windows == window] = tail_us
        for woke_ns, late_ns in held_up:
            near = slice(*np.searchsorted(read_ns, (woke_ns - late_ns, woke_ns + late_ns)))  # reads are in their order
            others[near] = np.maximum(others[near], late_ns // NS_PER_US)
        for window in np.unique(windows).tolist():
            here = windows == window
            n, lag = frames[here], least[here]
            older = np.where(backlog[here] > 0, backlog[here], np.minimum(gap[here], others[here]))
            newest = np.maximum(lag, backlog[here])
            most = np.concatenate([newest, np.repeat(np.maximum(lag, older), n - 1)])
            self._record(window, np.repeat(lag, n), most, batch)
            batch.add(window, "generator.read_bounds", value=int(n.sum()))
            if behind := int(n[backlog[here] > 0].sum()):
                self._windows[window].backlogged += behind
                batch.add(window, "generator.read_backlog", value=behind)

    def _record(self, window: int, least: _Numbers, most: _Numbers, batch: Batch) -> None:
        batch.hist(window, "read_lag").record_many(least)
        batch.hist(window, "read_lag_most").record_many(most)
        self._windows.setdefault(window, _Window()).lags.record_many(most)

    def _windows_of(self, at: _Numbers) -> _Numbers:
        found: _Numbers = (at + self._clock.wall_ns(0)) // self._window_ns
        return found

    def _look_at(self, window: int, batch: Batch) -> None:
        found, latencies = self._windows.pop(window), self._latencies.pop(window, Histogram())
        p99_ms = (found.lags.percentile(_P99) or 0.0) / _US_PER_MS
        arrival_ms = (latencies.percentile(_P99) or 0.0) / _US_PER_MS if latencies.n >= READS_AT_LEAST else 0.0
        share_ms = READ_LAG_LIMIT_SHARE * arrival_ms
        limit_ms = max(READ_LAG_LIMIT_MS, share_ms)
        if _is_above(found.lags, p99_ms, limit_ms):
            backlog = found.backlogged > BACKLOG_SHARE * found.lags.n
            self._judge(window, batch, p99_ms, limit_ms, backlog=backlog)
        elif arrival_ms and _is_above(found.lags, p99_ms, share_ms):
            batch.add(window, "generator.read_rough")


def _tail(values: _Numbers) -> int:
    """The value that one in a hundred reaches, and three at least; 0 where there are fewer."""
    reach = max(AT_LEAST, math.ceil(len(values) / 100))
    return int(np.partition(values, -reach)[-reach]) if len(values) >= reach else 0


def _is_above(lags: Histogram, p99_ms: float, limit_ms: float) -> bool:
    values_us, counts = lags.buckets()
    if lags.n < READS_AT_LEAST:
        return False
    return p99_ms > limit_ms and int(counts[values_us > limit_ms * _US_PER_MS].sum()) >= AT_LEAST


def _numbers(values: array[int]) -> NDArray[np.int64]:
    return np.frombuffer(values, dtype=np.int64)
