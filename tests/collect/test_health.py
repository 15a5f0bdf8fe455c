"""The generator's health: breaches are noted with their cause and what to do."""

import gc

import pytest

from loadtest.clock import VirtualClock
from loadtest.collect.health import LATENESS_LIMIT_MS, LOOP_LAG_MAX_LIMIT_MS, Health
from loadtest.metrics import Batch


def _health():
    clock = VirtualClock()
    return Health(clock, window_ns=10**9, worker="w"), clock


def _causes(batch):
    return [(n.kind, n.data["window"], n.data["cause"], bool(n.data["remedy"])) for n in batch.notes]


@pytest.mark.parametrize(
    ("late", "on_time", "breach"), [(0, 100, False), (2, 0, False), (3, 100, False), (3, 20, True), (10, 0, True)]
)
def test_a_window_is_late_when_a_share_of_its_actions_was(late, on_time, breach):
    """One hiccup marks nothing; three late actions that are more than 5 % mark the window, with cause and remedy."""
    health, _ = _health()
    batch = Batch()
    health.judge_lateness(77, batch, [LATENESS_LIMIT_MS + 1] * late + [1.0] * on_time)

    assert ([("breach", 77, "lateness", True)] if breach else []) == _causes(batch)


@pytest.mark.parametrize(("lag_ms", "breach"), [(LOOP_LAG_MAX_LIMIT_MS, False), (LOOP_LAG_MAX_LIMIT_MS + 1, True)])
def test_a_loop_that_was_held_up_marks_its_window(lag_ms, breach):
    """The largest lag of a window decides."""
    health, _ = _health()
    batch = Batch()
    health.judge_lag(78, batch, lag_ms)

    assert ([("breach", 78, "loop_lag", True)] if breach else []) == _causes(batch)


def test_lags_are_binned_into_their_windows():
    """A lag counts in the window in which the sleeper woke."""
    health, clock = _health()
    first = clock.now_ns()
    health.lag(first, 5_000_000)
    health.lag(first + 10**9, 7_000_000)
    batch = Batch()
    health.sample(clock.advance(2), batch)
    found = {key[0] - clock.wall_ns(first) // 10**9: (h.n, h.max_us) for key, h in batch.hists.items()}

    assert found == {0: (1, 5000), 1: (1, 7000)}


def test_garbage_collections_are_timed():
    """A collection while watched shows as time spent in the collector."""
    health, clock = _health()
    health.watch_gc()
    try:
        gc.collect()
    finally:
        health.unwatch_gc()
    batch = Batch()
    health.sample(clock.advance(1), batch)

    assert sum(v for k, v in batch.counts.items() if k[1] == "generator.gc_us") > 0
