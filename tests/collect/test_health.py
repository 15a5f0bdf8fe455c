"""The generator's health: breaches are noted with their cause and what to do."""

import gc
import time
from collections import namedtuple

import pytest

from loadtest.clock import VirtualClock
from loadtest.collect.health import GC_PAUSE_LIMIT_MS, LATENESS_LIMIT_MS, LOOP_LAG_MAX_LIMIT_MS, Health
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


Times = namedtuple("Times", "user idle steal")


@pytest.mark.parametrize(
    ("passed", "cause"),
    [
        (Times(0.2, 1.7, 0.1), "steal"),
        (Times(0.2, 1.76, 0.04), "lateness"),
        (Times(1.98, 0.02, 0.0), "machine"),
        (Times(1.0, 1.0, 0.0), "lateness"),
    ],
    ids=["stolen", "hardly stolen", "crowded", "neither"],
)
def test_what_kept_the_process_from_running_is_named(passed, cause):
    """Half of the missing time stolen by the hypervisor, or all cores busy, is the cause; else it is the process."""
    clock = VirtualClock()
    readings = iter([Times(5.0, 5.0, 5.0), Times(*(5.0 + value for value in passed))])
    health = Health(clock, window_ns=10**9, cpu_times=lambda: next(readings))
    window = clock.wall_ns(clock.now_ns()) // 10**9
    health.look_at_machine(clock.advance(1.0), Batch())
    batch = Batch()
    health.judge_lateness(window, batch, [120.0] * 5)
    (note,) = batch.notes

    assert (cause, "lateness") == (note.data["cause"], note.data["measure"])


def test_the_machine_is_on_the_record():
    """Shares of all cores' time, as gauges."""
    clock = VirtualClock()
    readings = iter([Times(0.0, 0.0, 0.0), Times(0.5, 1.0, 0.5)])
    health = Health(clock, window_ns=10**9, worker="w", cpu_times=lambda: next(readings))
    batch = Batch()
    health.look_at_machine(clock.advance(1.0), batch)

    assert {"generator.steal_share": 0.25, "generator.machine_cpu_share": 0.5} == {
        gauge.name: gauge.value for gauge in batch.gauges
    }


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


@pytest.mark.parametrize("window_s", [1, 10, 60])
@pytest.mark.parametrize(("used", "breach"), [(0.89, False), (0.95, True)])
def test_a_full_core_marks_windows_of_any_length(monkeypatch, window_s, used, breach):
    """Samples come each second however long a window is; it is judged once over, by all of them."""
    clock = VirtualClock()
    cpu_s = [0.0]
    monkeypatch.setattr("loadtest.collect.health.time.process_time", lambda: cpu_s[0])
    health = Health(clock, window_ns=window_s * 10**9)
    clock.advance(window_s - clock.wall_ns(clock.now_ns()) / 1e9 % window_s)
    health.sample(clock.now_ns(), Batch())
    first = clock.wall_ns(clock.now_ns() + 10**8) // (window_s * 10**9)
    notes = []
    for second in range(2 * window_s):
        cpu_s[0] += used if second < window_s else 0.1
        batch = Batch()
        health.sample(clock.advance(1.0), batch)
        notes += _causes(batch)

    assert ([("breach", first, "cpu", True)] if breach else []) == notes


def test_the_last_window_is_judged_with_the_last_sample(monkeypatch):
    """A run that ends within a window leaves none unjudged, unless too little of it was seen."""
    clock = VirtualClock()
    cpu_s = [0.0]
    monkeypatch.setattr("loadtest.collect.health.time.process_time", lambda: cpu_s[0])
    health = Health(clock, window_ns=10 * 10**9)
    clock.advance(10 - clock.wall_ns(clock.now_ns()) / 1e9 % 10)
    health.sample(clock.now_ns(), Batch())
    batch = Batch()
    cpu_s[0] += 6.0
    health.sample(clock.advance(6.0), batch, final=True)

    assert ["cpu"] == [cause for _, _, cause, _ in _causes(batch)]


def test_a_long_collection_marks_its_window():
    """A garbage collection of more than the limit is a breach of its own; shorter ones are not."""
    health, clock = _health()
    window = clock.wall_ns(time.monotonic_ns()) // 10**9
    health._on_gc("start", {})
    health._gc_began_ns -= round((GC_PAUSE_LIMIT_MS + 1) * 1e6)
    health._on_gc("stop", {})
    health._on_gc("start", {})
    health._on_gc("stop", {})
    batch = Batch()
    health.sample(clock.advance(1), batch)
    ((kind, found, cause, has_remedy),) = _causes(batch)

    assert (kind, cause, has_remedy) == ("breach", "gc", True)
    assert found - window in (0, 1)


def test_a_lag_that_a_collection_made_is_laid_to_it():
    """The largest lag of a window in which collections took half of it is theirs."""
    health, clock = _health()
    window = clock.wall_ns(clock.now_ns()) // 10**9
    health._pauses.append((clock.mono_ns(window * 10**9) + 300_000_000, 150_000_000))
    batch = Batch()
    health.judge_lag(window, batch, LOOP_LAG_MAX_LIMIT_MS + 50)

    assert [("breach", window, "gc", True)] == _causes(batch)


@pytest.mark.parametrize(("dropped", "taken_up", "breach"), [(2, 0, False), (3, 100, False), (3, 40, True)])
def test_a_window_whose_actions_were_given_up_is_marked(dropped, taken_up, breach):
    """Three at least and more than 5 %: the load was not the plan's, and that was this process's doing."""
    health, _ = _health()
    for _ in range(dropped):
        health.dropped(77)
    batch = Batch()
    health.judge_dropped(77, batch, taken_up)

    assert ([("breach", 77, "dropped", True)] if breach else []) == _causes(batch)


@pytest.mark.parametrize(("outside", "inside", "breach"), [(2, 10, False), (3, 10_000, False), (3, 100, True)])
def test_samples_out_of_range_mark_their_window(outside, inside, breach):
    """More than one in a thousand outside the histograms would move a p99.9."""
    health, clock = _health()
    batch = Batch()
    for us in [-1] * outside + [5] * inside:
        batch.hist(88, "fanout").record(us)
    health.sample(clock.advance(1), batch)

    assert ([("breach", 88, "overflow", True)] if breach else []) == _causes(batch)


def test_copies_without_room_mark_their_window():
    """What was crowded out is in no percentile either."""
    health, clock = _health()
    batch = Batch()
    batch.add(88, "generator.overflow", value=5)
    health.sample(clock.advance(1), batch)

    assert [("breach", 88, "overflow", True)] == _causes(batch)


@pytest.mark.parametrize(("step_ms", "breach"), [(9, False), (-9, False), (11, True), (-11, True)])
def test_a_stepped_wall_clock_marks_its_window(step_ms, breach):
    """Windows and other workers' emissions are placed by it."""
    health, clock = _health()
    at_ns = clock.advance(1)
    health.clock_stepped(at_ns, step_ms * 1_000_000)
    batch = Batch()
    health.sample(clock.advance(1), batch)

    assert ([("breach", clock.wall_ns(at_ns) // 10**9, "clock", True)] if breach else []) == _causes(batch)


def test_a_process_that_used_its_core_was_not_kept_from_running():
    """On a machine whose cores are all busy, who computes most of the time is late by its own doing."""
    clock = VirtualClock()
    readings = iter([Times(0.0, 0.0, 0.0), Times(2.0, 0.0, 0.0)])
    health = Health(clock, window_ns=10**9, cpu_times=lambda: next(readings))
    window = clock.wall_ns(clock.now_ns()) // 10**9
    health._own_s -= 0.6
    health.look_at_machine(clock.advance(1.0), Batch())
    batch = Batch()
    health.judge_lag(window, batch, LOOP_LAG_MAX_LIMIT_MS + 1)

    assert [("breach", window, "loop_lag", True)] == _causes(batch)
