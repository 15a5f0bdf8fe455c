"""How late this process reads what the kernel has received, and which windows that spoils.

The transport tells the lag of each read whose socket has kernel receive stamps (:mod:`loadtest.transport.stamped`).
Latencies are taken at the read, so the lag is in them, and it is this process's.

Least and most. Where a read held one message its lag is exact. Where it held several the stamp is the newest one's, and
a lower bound of the others'. From above they are bounded by the time since the socket's read before, which emptied it.
That is much for a socket that was silent, so they are taken to have waited no longer than any of these: than others did
that came alone in the same second (their tail of one in a hundred, of three at least: sockets are read in the order in
which they became ready); than the event loop was held up right before; and than the poller had been *behind*, which is
when every turn finds more sockets ready than it serves (when it was not, whatever had come was read). A socket that no
read empties has a *backlog*: its messages wait here and, as a full receive buffer stops the sender, at the sender,
where no stamp is. They are taken to be as late as the backlog is old, which grows by a second a second for as long as
more comes than can be read. So there are two histograms, ``read_lag`` of what is known at least and ``read_lag_most``
of what may be, and windows are judged by the second.

Marked windows. A window whose 99th percentile of the lag is above 5 ms and above a tenth of the 99th percentile of its
latencies up to the arrival is marked as untrusted. (Not of its latencies at the read: the lag is in them, and would
raise its own limit.) Where fewer than a hundred latencies up to the arrival are known, 5 ms are all that is allowed. Up
to 5 ms is no breach: on a server that answers in 3 ms a tenth is 0.3 ms, which a burst to fifty sockets takes to read,
and every such run would be INVALID. Where the lag is above a tenth and not above 5 ms the window is counted as *rough*
instead: its latencies at the read are more than 10 % too long, those up to the arrival are not, and the report says so.

Whose lag. Latencies belong to the window in which their emission was due, wherever they were read, and so do the lags
that a window is judged by: those of the deliveries whose latencies it holds, told apart by the time of their read. The
histograms are of the windows in which messages arrived, so that a standstill of seconds is where it was; they hold what
was no delivery as well.

Fewer than a hundred deliveries have no 99th percentile, and fewer than three late ones are a hiccup: they mark nothing
(lateness and loop lag watch over small loads).

A ping is no delivery: a server sends one to every socket at once, so the last of a thousand is read some 6 ms after
it came however idle this process is. A message among them is late by its own lag, which counts; theirs is in no figure.

Latencies of a window keep coming until its deliveries' deadline is over, so a window waits for them before it is
judged.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
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
_Flags: TypeAlias = NDArray[np.bool_]
_NONE: _Numbers = np.empty(0, np.int64)
_KEPT_S = 2.0  # longer than a tick


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


class _Reads:
    """Lags by the time of the read, for as long as somebody may ask for one.

    Args:
        kept_ns: how long that is.
    """

    def __init__(self, kept_ns: int) -> None:
        self._kept_ns = kept_ns
        self._told: deque[tuple[_Numbers, _Numbers, _Flags]] = deque()  # read at, rising; lag in us; of a backlog

    def add(self, read_ns: _Numbers, lags_us: _Numbers, backlogged: _Flags) -> None:
        """There were reads at these times, with the longest lag of their messages."""
        if (np.diff(read_ns) < 0).any():  # seldom: two ways of reading in one turn
            order = np.argsort(read_ns)
            read_ns, lags_us, backlogged = read_ns[order], lags_us[order], backlogged[order]
        if len(read_ns):
            self._told.append((read_ns, lags_us, backlogged))

    def find(self, read_ns: _Numbers) -> tuple[_Numbers, _Flags]:
        """What is known of deliveries that were read at these times, in no order: their lags, and whether of a backlog.

        Those on sockets without stamps are not among them.
        """
        sought = np.sort(read_ns)
        lags, backlogged = [_NONE], [_NONE.astype(bool)]
        for at, of_us, waited in self._told:
            here = sought[slice(*np.searchsorted(sought, (at[0], at[-1] + 1)))]
            place = np.searchsorted(at, here)
            known = place[at[place] == here]
            lags.append(of_us[known])
            backlogged.append(waited[known])
        return np.concatenate(lags), np.concatenate(backlogged)

    def forget(self, now_ns: int) -> None:
        """Drop what is too old to be asked for."""
        while self._told and self._told[0][0][-1] < now_ns - self._kept_ns:
            self._told.popleft()


class _Window:
    """The lags of a window's deliveries."""

    __slots__ = ("backlogged", "lags")

    def __init__(self) -> None:
        self.lags = Histogram()
        self.backlogged = 0


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
        self._behind: list[tuple[int, int]] = []
        self._reads = _Reads(round((deadline_s + _KEPT_S) * NS_PER_S))
        self._delivered: dict[int, list[_Numbers]] = {}  # by window: when deliveries were read
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

    def behind(self, since_ns: int, until_ns: int) -> None:
        """More was ready than was read: see :class:`loadtest.transport.interface.ReadLags`."""
        if self._behind and self._behind[-1][0] == since_ns:
            self._behind.pop()
        self._behind.append((since_ns, until_ns))

    def delivered(self, window: int, read_ns: NDArray[np.int64]) -> None:
        """Latencies of a window were recorded, of deliveries that were read at these monotonic times, shape (n,)."""
        self._delivered.setdefault(window, []).append(read_ns)

    def flush(
        self, now_window: int, batch: Batch, *, held_up: Sequence[tuple[int, int]] = (), final: bool = False
    ) -> None:
        """Bin what was told since the last call, and judge the windows that are ripe.

        Args:
            now_window: number of the present window.
            batch: takes the histograms ``read_lag`` and ``read_lag_most`` of the windows in which messages arrived,
                the count ``generator.read_bounds`` of the messages that are not exact in them,
                ``generator.read_backlog`` of those of sockets that no read emptied, ``generator.read_rough`` for a
                window that is rough, and breaches; its latencies are those that this tick has settled.
            held_up: when a sleeper woke since the last call, and by how much too late, in monotonic nanoseconds.
            final: nothing follows, so judge all.
        """
        (read_ns, lags_ns), pings = self._exact, self._pings
        together, self._together = self._together, _Together()
        behind, self._behind = self._behind, []
        self._exact = (array("q"), array("q"))
        self._pings = array("q")
        told = ~np.isin(_numbers(read_ns), _numbers(pings))
        tails_us = self._bin_exact(_numbers(read_ns)[told], _numbers(lags_ns)[told], batch)
        if together.frames:
            self._bin_together(together, self._others_ns(together, tails_us, held_up, behind), batch)
        for (window, metric, _, _), hist in batch.hists.items():
            if metric == "fanout_arrival" and now_window - window <= self._patience:
                self._latencies.setdefault(window, Histogram()).merge(hist)
        for window, read_at in self._delivered.items():
            lags_us, backlogged = self._reads.find(np.concatenate(read_at))
            found = self._windows.setdefault(window, _Window())
            found.lags.record_many(lags_us)
            found.backlogged += int(backlogged.sum())
        self._delivered.clear()
        self._reads.forget(self._clock.now_ns())
        known = self._windows.keys() | self._latencies.keys()
        for window in sorted(w for w in known if final or now_window - w > self._patience):
            self._look_at(window, batch)

    def _bin_exact(self, read_ns: _Numbers, lags_ns: _Numbers, batch: Batch) -> dict[int, int]:
        """Returns the tail of the lags read in each window, in microseconds."""
        values = lags_ns // NS_PER_US
        self._record(read_ns - lags_ns, values, values, batch)
        self._reads.add(read_ns, values, np.zeros(len(values), bool))
        windows = self._windows_of(read_ns)
        return {window: _tail(values[windows == window]) for window in _distinct(windows)}

    def _others_ns(
        self,
        told: _Together,
        tails_us: Mapping[int, int],
        held_up: Sequence[tuple[int, int]],
        behind: Sequence[tuple[int, int]],
    ) -> _Numbers:
        """Of reads of several messages: how long others' waited that were read at that time."""
        read_ns = _numbers(told.read_ns)  # in their order
        windows = self._windows_of(read_ns)
        others = np.zeros(len(windows), np.int64)
        for window, tail_us in tails_us.items():
            others[windows == window] = tail_us * NS_PER_US
        for woke_ns, late_ns in held_up:
            if late_ns > _HELD_UP_NS:
                near = slice(*np.searchsorted(read_ns, (woke_ns - late_ns, woke_ns + late_ns)))
                others[near] = np.maximum(others[near], late_ns)
        for since_ns, until_ns in behind:
            near = slice(*np.searchsorted(read_ns, (since_ns, until_ns)))
            others[near] = np.maximum(others[near], read_ns[near] - since_ns)
        return others

    def _bin_together(self, told: _Together, others_ns: _Numbers, batch: Batch) -> None:
        frames, read_ns, lag_ns = (_numbers(of) for of in (told.frames, told.read_ns, told.lag_ns))
        waited_ns = _numbers(told.backlog_ns)
        oldest_ns = np.maximum(lag_ns, np.minimum(_numbers(told.gap_ns), others_ns))
        most_ns = np.where(waited_ns > 0, np.maximum(waited_ns, lag_ns), oldest_ns)
        self._reads.add(read_ns, most_ns // NS_PER_US, waited_ns > 0)
        of_each = (np.repeat(of, frames) for of in (frames, read_ns, lag_ns, oldest_ns, most_ns, waited_ns > 0))
        n, reads, lags, oldest, most, backlogged = of_each
        nth = np.arange(1, len(n) + 1) - np.repeat(np.cumsum(frames) - frames, frames)  # the newest is the n-th
        most = np.where(~backlogged & (nth == n), lags, most)
        # they came as may be between the oldest and the newest; what waited at the sender came when it was let in
        arrived_ns = reads - np.where(backlogged, lags, oldest + (lags - oldest) * nth // n)
        self._record(arrived_ns, lags // NS_PER_US, most // NS_PER_US, batch)
        windows = self._windows_of(arrived_ns)
        for window in _distinct(windows):
            here = windows == window
            batch.add(window, "generator.read_bounds", value=int(here.sum()))
            if waited := int(backlogged[here].sum()):
                batch.add(window, "generator.read_backlog", value=waited)

    def _record(self, arrived_ns: _Numbers, least: _Numbers, most: _Numbers, batch: Batch) -> None:
        windows = self._windows_of(arrived_ns)
        for window in _distinct(windows):
            here = windows == window
            batch.hist(window, "read_lag").record_many(least[here])
            batch.hist(window, "read_lag_most").record_many(most[here])

    def _windows_of(self, at: _Numbers) -> _Numbers:
        found: _Numbers = (at + self._clock.wall_ns(0)) // self._window_ns
        return found

    def _look_at(self, window: int, batch: Batch) -> None:
        found, latencies = self._windows.pop(window, _Window()), self._latencies.pop(window, Histogram())
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


def _distinct(values: _Numbers) -> list[int]:
    """Which there are, rising; quick where most are the same as the one before."""
    found: list[int] = np.unique(values[np.flatnonzero(np.diff(values, prepend=values[:1] - 1))]).tolist()
    return found


def _numbers(values: array[int]) -> NDArray[np.int64]:
    return np.frombuffer(values, dtype=np.int64)
