"""Lags of reads: binned by window, and windows marked that they spoil."""

from __future__ import annotations

import pytest

from loadtest.clock import NS_PER_MS, NS_PER_S, VirtualClock
from loadtest.collect.read_lag import READ_LAG_LIMIT_MS, ReadLagLog
from loadtest.metrics import Batch

DEADLINE_S = 3.0
OVER_MS = READ_LAG_LIMIT_MS + 1


class Log:
    """A log, its clock, and the windows it has marked: number since the first, lag and limit in milliseconds."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.marked: list[tuple[int, float, float]] = []
        self.log = ReadLagLog(self.clock, window_ns=NS_PER_S, deadline_s=DEADLINE_S, judge=self.judge)
        self.first = self.window

    @property
    def window(self) -> int:
        return self.clock.wall_ns(self.clock.now_ns()) // NS_PER_S

    def judge(self, window: int, batch: Batch, p99_ms: float, limit_ms: float) -> None:
        self.marked.append((window - self.first, round(p99_ms, 1), round(limit_ms, 1)))

    def read(self, lag_ms: float, times: int = 1) -> None:
        for _ in range(times):
            self.log.exact(self.clock.now_ns(), round(lag_ms * NS_PER_MS))

    def flush(self, latencies_ms: tuple[float, ...] = (), *, final: bool = False) -> Batch:
        """A tick, in which such latencies of the first window were settled."""
        batch = Batch()
        for latency_ms in latencies_ms:
            batch.hist(self.first, "fanout", "message.created", "agent").record(round(latency_ms * 1000))
        self.log.flush(self.window, batch, final=final)
        return batch


def test_lags_are_binned_where_they_were_read():
    """Exact lags and lower bounds are in one histogram of their window, and the bounds are counted."""
    log = Log()
    log.read(1.0)
    log.log.at_least(3, log.clock.now_ns(), 2 * NS_PER_MS)
    log.clock.advance(1)
    log.read(4.0)
    batch = log.flush()
    found = {key[0] - log.first: (key[1:], h.n, h.max_us) for key, h in batch.hists.items()}

    assert found == {0: (("read_lag", "", ""), 4, 2000), 1: (("read_lag", "", ""), 1, 4000)}
    assert batch.counts == {(log.first, "generator.read_bounds", "", ""): 3}


def test_a_ping_is_no_delivery():
    """A thousand sockets are pinged at once, so the last are read late: that marks nothing and is in no figure."""
    log = Log()
    log.read(1.0, times=200)
    for _ in range(1000):
        log.clock.advance(1e-5)
        log.read(OVER_MS)
        log.log.pinged(log.clock.now_ns())
    log.clock.advance(1)
    batch = log.flush(final=True)
    (hist,) = batch.hists.values()

    assert [] == log.marked
    assert (200, 1000) == (hist.n, hist.max_us)


@pytest.mark.parametrize(
    ("late", "others", "marks"), [(2, 98, False), (3, 97, True), (3, 96, False), (50, 49, False), (3, 500, False)]
)
def test_a_percentile_of_lags_marks_its_window(late, others, marks):
    """One hiccup marks nothing, nor do three late reads that are less than one in a hundred, nor fewer reads at all."""
    log = Log()
    log.read(OVER_MS, late)
    log.read(0.1, others)
    log.flush(final=True)

    assert bool(log.marked) == marks


@pytest.mark.parametrize(("latency_ms", "marked"), [(50.0, [(0, 6.0, 5.0)]), (55.0, [(0, 6.0, 5.5)]), (70.0, [])])
def test_a_tenth_of_the_latency_is_allowed(latency_ms, marked):
    """What the reading adds to slow deliveries is small beside them."""
    log = Log()
    log.read(OVER_MS, 100)
    log.flush((latency_ms,) * 20)
    log.clock.advance(1)
    log.flush(final=True)

    assert log.marked == marked


def test_a_suspect_window_waits_for_its_latencies():
    """It is judged when no delivery of it can be expected any more, by all that came until then."""
    log = Log()
    log.read(OVER_MS, 100)
    log.flush((1.0,) * 10)
    early = []
    for second in range(4):
        log.clock.advance(1)
        log.flush((900.0,) * 10 if second == 3 else ())
        early.append(list(log.marked))
    log.clock.advance(3)
    log.flush()

    assert (early, log.marked) == ([[]] * 4, [])


def test_lower_bounds_count_as_lags():
    """A generator that reads several messages at a time is late, although it cannot say by how much."""
    log = Log()
    log.log.at_least(100, log.clock.now_ns(), round(OVER_MS * NS_PER_MS))
    log.flush(final=True)

    assert log.marked == [(0, 6.0, 5.0)]


def test_each_window_is_judged_once():
    """What follows the judgement of a window is another's."""
    log = Log()
    log.read(OVER_MS, 100)
    for _ in range(12):
        log.clock.advance(1)
        log.flush()

    assert log.marked == [(0, 6.0, 5.0)]
