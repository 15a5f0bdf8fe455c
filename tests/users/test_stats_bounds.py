"""Locust's own statistics stay bounded, and show what they showed."""

from types import SimpleNamespace

import pytest
from locust.stats import RequestStats

from loadtest.metrics import Batch
from loadtest.users.stats_bounds import KEEP_S, MOST_ERRORS, MOST_HISTORY, bound
from loadtest.users.stats_feed import feed

WEEK_S = 7 * 86_400


def environment(stats):
    """As much of Locust's environment as is looked at."""
    return SimpleNamespace(stats=stats, runner=SimpleNamespace(exceptions={}))


def test_rates_of_a_week_are_those_of_its_end():
    """After a week the newest seconds are left in each entry, and every request is counted."""
    stats = RequestStats()
    one = Batch()
    one.hist(1, "rest", "agent.send_message").record(1000)
    feed(stats, one)
    entries = [stats.total, *stats.entries.values()]
    for entry in entries:
        entry.num_reqs_per_sec = dict.fromkeys(range(WEEK_S), 1)
        entry.num_fail_per_sec = dict.fromkeys(range(WEEK_S), 0)

    bound(environment(stats), now_s=WEEK_S)

    assert {len(entry.num_reqs_per_sec) for entry in entries} == {KEEP_S}
    assert {len(entry.num_fail_per_sec) for entry in entries} == {KEEP_S}
    assert min(stats.total.num_reqs_per_sec) == WEEK_S - KEEP_S
    assert stats.total.num_requests == 1


def test_response_times_are_copied_for_the_total_only(monkeypatch):
    """Locust reads the latest percentiles of its total alone: no entry keeps copies of its table."""
    stats = RequestStats()
    environ = environment(stats)
    now_s = 1_700_000_000
    monkeypatch.setattr("loadtest.users.stats_feed.time.time", lambda: now_s)
    for value in range(1, 200):
        one = Batch()
        one.hist(1, "rest", "agent.send_message").record(1000 * value)
        feed(stats, one)
        bound(environ)
        now_s += 1
    (entry,) = stats.entries.values()

    assert entry.response_times_cache is None
    assert len(entry.response_times) > 100
    assert 0 < len(stats.total.response_times_cache) <= 20
    assert stats.total.get_current_response_time_percentile(0.5) > 100
    assert entry.get_response_time_percentile(0.5) == pytest.approx(100, rel=0.06)


def test_few_copies_of_the_totals_response_times_are_kept(monkeypatch):
    """One every five seconds does for the latest percentiles: they are those of about ten seconds, at any moment."""
    stats = RequestStats()
    now_s = 1_700_000_000
    monkeypatch.setattr("time.time", lambda: now_s)
    for second in range(120):
        one = Batch()
        one.hist(1, "rest", "agent.send_message").record(1000 * (1 + second // 20))
        feed(stats, one)
        if second > 40:
            newest_ms = stats.total.get_current_response_time_percentile(1.0)
            least_ms = stats.total.get_current_response_time_percentile(0.01)

            assert newest_ms == 1 + second // 20
            assert least_ms == newest_ms - (second % 20 < 7) or 7 <= second % 20 <= 13
            assert len(stats.total.response_times_cache) <= 7
        now_s += 1


def test_history_is_thinned_evenly():
    """A week of rows is thinned whenever it has grown too long; the first and the newest stay."""
    stats = RequestStats()
    for at in range(WEEK_S // 5):
        stats.history.append({"time": at})
        bound(environment(stats), now_s=at)

    times = [row["time"] for row in stats.history]

    assert len(times) <= MOST_HISTORY + 1
    assert (times[0], times[-1]) == (0, WEEK_S // 5 - 1)
    assert times == sorted(times)


def test_rare_errors_go_first():
    """Of errors that never repeat, a bounded number is kept, and those that repeat all stay."""
    stats = RequestStats()
    for n in range(10 * MOST_ERRORS):
        stats.log_error("GET", "x", f"error {n}")
    for _ in range(3):
        stats.log_error("GET", "x", "again and again")
    env = environment(stats)
    env.runner.exceptions.update({n: {"count": n} for n in range(2 * MOST_ERRORS)})

    bound(env)

    assert len(stats.errors) == MOST_ERRORS
    assert max(error.occurrences for error in stats.errors.values()) == 3
    assert sorted(env.runner.exceptions) == list(range(MOST_ERRORS, 2 * MOST_ERRORS))
