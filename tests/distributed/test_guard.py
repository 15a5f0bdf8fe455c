"""The abort guard: what it takes for a target that must be let go, and what it does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import NS_PER_S
from loadtest.distributed.guard import AT_LEAST, SHARE, SPAN_S, AbortGuard
from loadtest.metrics import Batch, Gauge

Counted = Sequence[tuple[str, str, str, int]]


def batch(*counted: tuple[str, str, str, int], connected: int | None = None, gaps_s: Sequence[float] = ()) -> Batch:
    """A batch of these counts (metric, name, role, number), so many users connected, and ping gaps."""
    made = Batch()
    for metric, name, role, n in counted:
        made.add(1, metric, name, role, n)
    if connected is not None:
        made.gauges.append(Gauge(0, "users.connected.agent", "w", float(connected)))
    for gap_s in gaps_s:
        made.hist(1, "ping_gap", "", "agent").record(round(gap_s * 1e6))
    return made


def calls(n: int, status: str = "", failed: int = 0) -> Counted:
    """So many calls of which some were answered so."""
    return [("rest.n", "x", "", n), *([("rest.error", "x", status, failed)] if failed else [])]


@pytest.mark.parametrize(
    ("counted", "says"),
    [
        (calls(40, "429", 6), "rate limit refuses: 6 of 40 calls"),
        (calls(40, "503", 6), "6 were answered HTTP 5xx and 0 not at all"),
        (calls(40, "timeout", 6), "0 were answered HTTP 5xx and 6 not at all"),
        (calls(5, "refused", 5), "5 not at all"),
        ([("cable.connect_failed", "refused", "agent", 5)], "refuses connections: 5 of 5 attempts"),
        (
            [("cable.connect_failed", "http_429", "agent", 6), ("cable.connects", "", "agent", 30)],
            "6 of 36 attempts of the last 5 s failed, 6 of them with HTTP 429",
        ),
        ([("cable.connect_failed", "http_502", "agent", 9)], "refuses connections"),
        ([("cable.stale", "", "agent", 3)], "pings stay out: 3 sockets"),
    ],
)
def test_what_hurts_a_target_stops_a_run(counted: Counted, says: str) -> None:
    """Errors, refusals and rate limits in bulk, and silence; the reason has the numbers."""
    reason = AbortGuard().take(batch(*counted), 0)

    assert reason is not None
    assert says in reason


@pytest.mark.parametrize(
    "counted",
    [
        [],
        calls(1000),
        calls(40, "429", 4),  # fewer than a bulk
        calls(100, "500", 10),  # no more than the share
        calls(10, "422", 10),  # the plan's fault, or a limit of one conversation
        calls(10, "404", 10),
        calls(10, "no_files", 10),  # this machine's limit
        [("cable.connect_failed", "no_ports", "agent", 50)],
        [("cable.connect_failed", "tls", "agent", 50)],
        [("cable.connect_failed", "http_404", "agent", 50)],
        [("cable.connect_failed", "refused", "agent", 5), ("cable.connects", "", "agent", 45)],
    ],
)
def test_what_is_not_the_targets_pain_does_not(counted: Counted) -> None:
    """A few failures, wrong addresses and identities, and limits of this machine are the verdict's business."""
    assert AbortGuard().take(batch(*counted), 0) is None


@pytest.mark.parametrize(("connected", "stale", "stops"), [(100, 10, False), (100, 12, True), (0, 1, True)])
def test_silence_counts_by_the_sockets_there_are(connected: int, stale: int, stops: bool) -> None:
    """One socket in a hundred may lose its way; a tenth of them is the server."""
    reason = AbortGuard().take(batch(("cable.stale", "", "agent", stale), connected=connected), 0)

    assert stops == (reason is not None)


def test_a_gap_between_pings_is_silence_too() -> None:
    """A beat that comes late, after more than six seconds, counts without a socket having gone stale."""
    assert AbortGuard().take(batch(connected=3, gaps_s=[3.0, 5.9, 6.1]), 0) is not None
    assert AbortGuard().take(batch(connected=3, gaps_s=[3.0, 5.9, 5.9]), 0) is None


def test_a_bulk_may_come_in_parts() -> None:
    """What several workers and seconds tell is added up."""
    guard = AbortGuard()
    told = [guard.take(batch(*calls(3, "500", 2)), second * NS_PER_S) for second in range(3)]

    assert [True, True, False] == [reason is None for reason in told]


def test_what_is_long_over_is_forgotten() -> None:
    """Failures further apart than the span are no bulk."""
    guard = AbortGuard()
    apart_ns = round((SPAN_S + 1) * NS_PER_S)

    assert [None] * 6 == [guard.take(batch(*calls(4, "500", 4)), n * apart_ns) for n in range(6)]


def test_it_speaks_once() -> None:
    """The run is stopping by then."""
    guard = AbortGuard()
    first, second = (guard.take(batch(*calls(10, "500", 10)), n) for n in range(2))

    assert (True, None) == (first is not None, second)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=20))
def test_it_stops_by_share_and_number_alone(parts: list[tuple[int, int, int]]) -> None:
    """Whatever comes in whichever parts: it stops at the first moment at which the span holds a bulk of failures."""
    guard, now_ns, history = AbortGuard(), 0, []
    for fine, failed, wait_s in parts:
        now_ns += wait_s * NS_PER_S
        history.append((now_ns, fine + failed, failed))
        recent = [row for row in history if row[0] >= now_ns - SPAN_S * NS_PER_S]
        n, bad = sum(row[1] for row in recent), sum(row[2] for row in recent)
        reason = guard.take(batch(*calls(fine + failed, "500", failed)), now_ns)
        assert (reason is not None) == (bad >= AT_LEAST and bad > SHARE * n)
        if reason is not None:
            return
