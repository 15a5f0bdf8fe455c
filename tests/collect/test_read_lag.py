"""Lags of reads: binned by window, and windows marked that they spoil."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.clock import NS_PER_MS, NS_PER_S, VirtualClock
from loadtest.collect.read_lag import READ_LAG_LIMIT_MS, ReadLagLog
from loadtest.metrics import Batch, Histogram

DEADLINE_S = 3.0
OVER_MS = READ_LAG_LIMIT_MS + 1


class Log:
    """A log, its clock, and the windows it has marked: number since the first, lag and limit in milliseconds."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.clock.advance(0.9)  # into the first window, so that what is read at once had arrived in it
        self.reads = 0
        self.marked: list[tuple[int, float, float]] = []
        self.backlogs: list[bool] = []
        self.log = ReadLagLog(self.clock, window_ns=NS_PER_S, deadline_s=DEADLINE_S, judge=self.judge)
        self.first = self.window

    @property
    def window(self) -> int:
        return self.clock.wall_ns(self.clock.now_ns()) // NS_PER_S

    def judge(self, window: int, batch: Batch, p99_ms: float, limit_ms: float, *, backlog: bool) -> None:
        self.marked.append((window - self.first, round(p99_ms, 1), round(limit_ms, 1)))
        self.backlogs.append(backlog)

    def delivered(self, window: int | None = None, frames: int = 1) -> int:
        """Deliveries of a window, by default the present one; no two reads are at one time. Returns when."""
        self.reads += 1
        read_ns = self.clock.now_ns() + self.reads
        self.log.delivered(self.window if window is None else window, np.full(frames, read_ns))
        return read_ns

    def read_together(self, frames: int, lag_ms: float, gap_ms: float = 0.0, backlog_ms: float = 0.0) -> None:
        lag_ns, gap_ns, backlog_ns = (round(ms * NS_PER_MS) for ms in (lag_ms, gap_ms, backlog_ms))
        self.log.at_least(frames, self.delivered(frames=frames), lag_ns, gap_ns, backlog_ns)

    def read(self, lag_ms: float, times: int = 1, window: int | None = None) -> None:
        for _ in range(times):
            self.log.exact(self.delivered(window), round(lag_ms * NS_PER_MS))

    def flush(self, latencies_ms: tuple[float, ...] = (), *, final: bool = False) -> Batch:
        """A tick, in which such latencies of the first window were settled."""
        batch = Batch()
        for latency_ms in latencies_ms:
            batch.hist(self.first, "fanout_arrival", "message.created", "agent").record(round(latency_ms * 1000))
        self.log.flush(self.window, batch, final=final)
        return batch


def test_lags_are_binned_where_their_messages_arrived():
    """Exact lags and lower bounds are in one histogram of their window, and the bounds are counted."""
    log = Log()
    log.read(1.0)
    log.read_together(3, 2.0)
    log.clock.advance(1)
    log.read(4.0)
    batch = log.flush()
    found = {(key[0] - log.first, key[1]): (key[2:], h.n, h.max_us) for key, h in batch.hists.items()}

    assert found == {(0, of): (("", ""), 4, 2000) for of in ("read_lag", "read_lag_most")} | {
        (1, of): (("", ""), 1, 4000) for of in ("read_lag", "read_lag_most")
    }
    assert batch.counts == {(log.first, "generator.read_bounds", "", ""): 3}


def test_a_ping_is_no_delivery():
    """A thousand sockets are pinged at once, so the last are read late: that marks nothing and is in no figure."""
    log = Log()
    log.read(1.0, times=200)
    for _ in range(1000):
        log.clock.advance(1e-5)
        log.log.exact(log.clock.now_ns(), round(OVER_MS * NS_PER_MS))
        log.log.pinged(log.clock.now_ns())
    log.clock.advance(1)
    batch = log.flush(final=True)
    found = {(hist.n, hist.max_us) for hist in batch.hists.values()}

    assert [] == log.marked
    assert {(200, 1000)} == found


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


@pytest.mark.parametrize(
    ("latency_ms", "marked"),
    [(50.0, [(0, 6.0, 5.0)]), (55.0, [(0, 6.0, 5.5)]), (59.5, [(0, 6.0, 6.0)]), (60.5, []), (90.0, [])],
)
def test_a_tenth_of_the_latency_up_to_the_arrival_is_allowed(latency_ms, marked):
    """What the reading adds to slow deliveries is small beside them."""
    log = Log()
    log.read(OVER_MS, 100)
    log.flush((latency_ms,) * 100)
    log.clock.advance(1)
    log.flush(final=True)

    assert log.marked == marked


def test_few_latencies_up_to_the_arrival_allow_no_tenth():
    """Where nearly everything was read with others, what the server took is not known."""
    log = Log()
    log.read(OVER_MS, 100)
    log.flush((500.0,) * 99)
    log.flush(final=True)

    assert log.marked == [(0, 6.0, 5.0)]


def test_a_suspect_window_waits_for_its_latencies():
    """It is judged when no delivery of it can be expected any more, by all that came until then."""
    log = Log()
    log.read(OVER_MS, 100)
    log.flush((1.0,) * 10)
    early = []
    for second in range(4):
        log.clock.advance(1)
        log.flush((900.0,) * 100 if second == 3 else ())
        early.append(list(log.marked))
    log.clock.advance(3)
    log.flush()

    assert (early, log.marked) == ([[]] * 4, [])


def test_lower_bounds_count_as_lags():
    """A generator that reads several messages at a time is late, although it cannot say by how much."""
    log = Log()
    log.read_together(100, OVER_MS)
    log.flush(final=True)

    assert (log.marked, log.backlogs) == ([(0, 6.0, 5.0)], [False])


@pytest.mark.parametrize(
    ("exact_ms", "gap_ms", "most_ms"),
    [
        ([9.0] * 5, 7.0, 7.0),  # the socket was empty 7 ms ago
        ([9.0] * 5, 60_000.0, 9.0),  # a silent socket: as late as others that came alone
        ([0.1, 9.0, 9.0], 60_000.0, 1.0),  # two late ones are a hiccup
        ([9.0] * 2, 60_000.0, 1.0),  # nobody else to go by
        ([9.0] * 5, 0.5, 1.0),  # at least what is known
    ],
)
def test_messages_that_came_before_the_newest_waited_longer(exact_ms, gap_ms, most_ms):
    """Of four that were read together one is as late as the stamp says, three are later, within what bounds them."""
    log = Log()
    for lag_ms in exact_ms:
        log.read(lag_ms)
    log.read_together(4, 1.0, gap_ms)
    batch = log.flush()
    least, most = (batch.hists[log.first, of, "", ""] for of in ("read_lag", "read_lag_most"))

    expected = Histogram()
    expected.record_many(np.array([round(1000 * ms) for ms in [*exact_ms, 1.0, *[most_ms] * 3]]))
    assert expected == most
    assert (len(exact_ms) + 4, 4) == (least.n, batch.counts[log.first, "generator.read_bounds", "", ""])


def test_messages_that_came_while_the_loop_was_held_up_waited_for_it():
    """Nobody came alone, and the sockets' newest messages are fresh: the loop was late, and so were the others.

    What was read long before or after is not touched by it.
    """
    log = Log()
    log.read_together(2, 0.1, 60_000.0)
    log.clock.advance(10)
    woke_ns = log.clock.now_ns()
    log.read_together(101, 0.1, 900.0)
    batch = Batch()
    log.log.flush(log.window, batch, held_up=[(woke_ns, 300 * NS_PER_MS), (woke_ns, NS_PER_MS)], final=True)
    longest = {window - log.first: hist.max_us for (window, of, _, _), hist in batch.hists.items() if "most" in of}

    assert longest == {0: 100, 10: 300_000}
    assert log.marked == [(10, pytest.approx(300.0, rel=0.01), 5.0)]


def test_messages_that_came_while_the_poller_was_behind_waited_for_it():
    """Every turn had left sockets over for 80 ms, so that a silent one may have been ready as long, and no longer.

    What was read before, or after whatever was ready had been read, is not touched by it.
    """
    log = Log()
    log.read_together(2, 0.1, 60_000.0)
    log.clock.advance(10)
    since_ns = log.clock.now_ns()
    for ms in (30, 80):
        log.clock.advance((since_ns + ms * NS_PER_MS - log.clock.now_ns()) / NS_PER_S)
        log.read_together(2, 0.1, 60_000.0)
        log.log.behind(since_ns, log.clock.now_ns() + 10)
    log.clock.advance(10)
    log.read_together(2, 0.1, 60_000.0)
    batch = log.flush(final=True)
    most = {window - log.first: hist for (window, of, _, _), hist in batch.hists.items() if "most" in of}

    assert {0: (2, 100), 10: (4, 80_000), 20: (2, 100)} == {n: (hist.n, hist.max_us) for n, hist in most.items()}
    assert most[10].sum_us == 30_000 + 80_000 + 2 * 100  # a few reads earlier or later by nanoseconds


def test_a_standstill_spoils_the_windows_that_it_lasted():
    """Messages came all the while, and all were read at its end: each window has its own, as late as they were."""
    log = Log()
    log.clock.advance(2.6)
    for ms in range(2700):
        log.read(float(ms), window=(log.clock.wall_ns(log.clock.now_ns()) - ms * NS_PER_MS) // NS_PER_S)
    batch = log.flush(final=True)
    longest = {window - log.first: hist.max_us for (window, of, _, _), hist in batch.hists.items() if of == "read_lag"}

    assert {0: 2_699_000, 1: 2_500_000, 2: 1_500_000, 3: 500_000} == longest
    assert [(0, 2699), (1, 2491), (2, 1491), (3, 496)] == [(n, pytest.approx(ms, abs=3)) for n, ms, _ in log.marked]


def test_several_messages_of_one_read_came_one_after_the_other():
    """Between the oldest that may be and the newest, so that a socket's silence is no window's."""
    log = Log()
    log.clock.advance(2)
    for _ in range(3):
        log.read(2000.0)
    log.read_together(3, 0.0, 60_000.0)
    batch = log.flush()

    counts = {key[0] - log.first: n for key, n in batch.counts.items() if key[1] == "generator.read_bounds"}
    assert counts == {1: 1, 2: 2}


def test_a_window_is_judged_by_its_own_deliveries():
    """Wherever they were read: what was due in the first window came late in the second, whose own came in time."""
    log = Log()
    log.clock.advance(0.5)
    for _ in range(100):
        log.read(0.1)
        log.read(OVER_MS, window=log.first)
    log.flush(final=True)

    assert [0] == [window for window, _, _ in log.marked]


def test_deliveries_on_sockets_without_stamps_say_nothing():
    """Nor does what was no delivery: nobody knows their lags, or wants to."""
    log = Log()
    for _ in range(1000):
        log.delivered()
        log.clock.advance(1e-6)
        log.log.exact(log.clock.now_ns(), round(OVER_MS * NS_PER_MS))
    log.read(0.1, 99)
    log.flush(final=True)
    unjudged = list(log.marked)
    log.read(OVER_MS, 100)
    log.flush(final=True)

    assert (unjudged, len(log.marked)) == ([], 1)


@pytest.mark.parametrize(("later_s", "known"), [(DEADLINE_S + 1.9, True), (DEADLINE_S + 2.1, False)])
def test_reads_are_known_until_no_delivery_can_be_told_any_more(later_s, known):
    """A deadline later, and what a tick may take; then they are forgotten, and nothing is kept that grows."""
    log = Log()
    at_ns = log.clock.now_ns() + np.arange(100)
    for moment in at_ns.tolist():
        log.log.exact(moment, round(OVER_MS * NS_PER_MS))
    log.flush()
    log.clock.advance(later_s)
    log.flush()
    log.log.delivered(log.first, at_ns)
    log.flush(final=True)

    assert bool(log.marked) == known


def test_a_backlog_makes_everything_as_late_as_it_is_old():
    """Sockets that no read empties: the stamp stays at what the receive buffer holds, the lag goes on to grow."""
    log = Log()
    for second in range(1, 5):
        log.clock.advance(1)
        for _ in range(20):
            log.read_together(16, 600.0, 50.0, 1000.0 * second)
        log.flush()
    log.flush(final=True)

    assert [1000.0, 2000.0, 3000.0, 4000.0] == pytest.approx([p99_ms for _, p99_ms, _ in log.marked], rel=0.01)
    assert [True] * 4 == log.backlogs


def test_one_socket_with_a_backlog_is_not_the_process():
    """A huge message fills reads as well: fewer than one message in a hundred says nothing of the others."""
    log = Log()
    log.read(1.0, times=300)
    log.read_together(2, 1.0, 1.0, 400.0)
    batch = log.flush(final=True)

    assert (log.marked, batch.counts[log.first, "generator.read_backlog", "", ""]) == ([], 2)


@pytest.mark.parametrize(
    ("lag_ms", "latency_ms", "rough"),
    [(0.9, 10.0, 0), (1.1, 10.0, 1), (4.9, 20.0, 1), (4.9, 60.0, 0), (6.0, 20.0, 0)],
)
def test_what_reading_adds_to_short_latencies_is_told(lag_ms, latency_ms, rough):
    """Above a tenth of what they would be without it and not above 5 ms: rough, not marked; above 5 ms: marked."""
    log = Log()
    log.read(lag_ms, 200)
    log.flush((latency_ms,) * 100)
    log.clock.advance(1)
    batch = log.flush(final=True)

    assert batch.counts.get((log.first, "generator.read_rough", "", ""), 0) == rough
    assert bool(log.marked) == (lag_ms > READ_LAG_LIMIT_MS)


def test_each_window_is_judged_once():
    """What follows the judgement of a window is another's."""
    log = Log()
    log.read(OVER_MS, 100)
    for _ in range(12):
        log.clock.advance(1)
        log.flush()

    assert log.marked == [(0, 6.0, 5.0)]
