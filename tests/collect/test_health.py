"""The generator's health: breaches are noted with their cause and what to do."""

import gc

import pytest

from loadtest.clock import VirtualClock
from loadtest.collect.health import LATENESS_P99_LIMIT_MS, LOOP_LAG_MAX_LIMIT_MS, Health
from loadtest.metrics import Batch


def _health():
    clock = VirtualClock()
    return Health(clock, window_ns=10**9, worker="w"), clock


@pytest.mark.parametrize(
    ("lateness_ms", "lag_ms", "causes"),
    [
        (1.0, 1.0, []),
        (LATENESS_P99_LIMIT_MS + 1, None, ["lateness"]),
        (None, LOOP_LAG_MAX_LIMIT_MS + 1, ["loop_lag"]),
        (LATENESS_P99_LIMIT_MS + 1, LOOP_LAG_MAX_LIMIT_MS + 1, ["lateness", "loop_lag"]),
        (None, None, []),
    ],
)
def test_a_window_over_a_limit_is_noted_with_cause_and_remedy(lateness_ms, lag_ms, causes):
    """Each limit that a window breaks makes one note that names the window, the cause and the remedy."""
    health, _ = _health()
    batch = Batch()
    health.judge_window(77, batch, lateness_ms, lag_ms)

    assert [(n.kind, n.data["window"], n.data["cause"], bool(n.data["remedy"])) for n in batch.notes] == [
        ("breach", 77, cause, True) for cause in causes
    ]


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
