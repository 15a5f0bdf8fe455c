"""Locust's own statistics, fed from batches: the same numbers as the batch's, within Locust's rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.stats import RequestStats

from loadtest.metrics import Batch
from loadtest.users.stats_feed import feed

latencies_us = st.lists(st.integers(0, 3_000_000), min_size=1, max_size=60)


def fed(*batches):
    """Statistics that were fed with these."""
    stats = RequestStats()
    for batch in batches:
        feed(stats, batch)
    return stats


def recorded(metric, name="", role="", values_us=(), windows=1):
    """A batch with values of one metric, spread over windows."""
    batch = Batch()
    for number, value in enumerate(values_us):
        batch.hist(number % windows, metric, name, role).record(value)
    return batch


@pytest.mark.parametrize(
    ("metric", "name", "role", "kind", "shown"),
    [
        ("fanout", "message.created", "agent", "FANOUT", "message.created → agent"),
        ("rest", "agent.send_message", "", "REST", "agent.send_message"),
        ("connect", "", "contact", "CABLE", "connect contact"),
        ("confirm", "", "agent", "CABLE", "subscribe agent"),
        ("beat_reply", "", "agent", "CABLE", "update_presence agent"),
        ("ping_gap", "", "agent", "PING", "gap agent"),
    ],
)
def test_metrics_have_their_rows(metric, name, role, kind, shown):
    """Each shown metric is a row under its own type and a name of low cardinality."""
    stats = fed(recorded(metric, name, role, [1000]))

    assert [(shown, kind)] == list(stats.entries)


def test_other_metrics_are_not_shown():
    """The generator's own figures and the finer histograms stay out of Locust's table."""
    stats = fed(recorded("lateness", values_us=[5]), recorded("fanout_sent", "message.created", "agent", [5]))

    assert not stats.entries


@given(latencies_us, latencies_us)
def test_totals_are_the_batches(first, second):
    """Over batches and windows, count, sum, minimum and maximum are exact."""
    stats = fed(
        recorded("rest", "agent.send_message", values_us=first, windows=3),
        recorded("rest", "agent.send_message", values_us=second),
    )
    entry = stats.get("agent.send_message", "REST")
    values = first + second

    assert (len(values), 0) == (entry.num_requests, entry.num_failures)
    assert sum(values) / 1000 == pytest.approx(entry.total_response_time)
    assert (min(values) / 1000, max(values) / 1000) == (entry.min_response_time, entry.max_response_time)
    assert len(values) == sum(entry.response_times.values())


@given(latencies_us, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_percentiles_are_right_within_locusts_rounding(values, quantile):
    """Locust keeps two significant digits, and fractions of a millisecond: its percentile is that near."""
    entry = fed(recorded("rest", "agent.send_message", values_us=values)).get("agent.send_message", "REST")
    exact_ms = sorted(values)[max(0, min(len(values) - 1, int(len(values) * quantile)))] / 1000
    below_ms = sorted(values)[max(0, min(len(values) - 1, int(len(values) * quantile) - 1))] / 1000

    shown = entry.get_response_time_percentile(quantile)

    assert below_ms * 0.94 - 1 <= shown <= exact_ms * 1.06 + 1


def test_fanout_stays_out_of_the_total():
    """Locust's "Aggregated" row counts requests, not deliveries."""
    stats = fed(
        recorded("fanout", "message.created", "agent", [1000] * 50),
        recorded("ping_gap", "", "agent", [3_000_000]),
        recorded("rest", "agent.send_message", "", [2000] * 7),
        recorded("connect", "", "agent", [2000] * 2),
    )

    assert (9, 2.0) == (stats.total.num_requests, stats.total.max_response_time)


def test_losses_are_failures_of_every_window():
    """Lost deliveries of several windows in one batch all count, beside those that came."""
    batch = recorded("fanout", "message.created", "agent", [1000] * 8)
    batch.add(1, "delivery.lost", "message.created", "agent", 2)
    batch.add(2, "delivery.lost", "message.created", "agent", 3)
    entry = fed(batch).get("message.created → agent", "FANOUT")

    assert (13, 5) == (entry.num_requests, entry.num_failures)


def test_a_loss_taken_back_is_no_failure():
    """A delivery that came late after all takes its loss back in the ledger; Locust's row does not go negative."""
    batch = recorded("fanout", "message.created", "agent", [1000])
    batch.add(1, "delivery.lost", "message.created", "agent", -1)
    entry = fed(batch).get("message.created → agent", "FANOUT")

    assert (1, 0) == (entry.num_requests, entry.num_failures)


def test_answered_failures_count_once_and_unanswered_ones_too():
    """An error status has a response time and is in the histogram; a timeout has none and is added."""
    batch = recorded("rest", "agent.send_message", "", [1000] * 10)
    batch.add(1, "rest.error", "agent.send_message", "503", 3)
    batch.add(1, "rest.error", "agent.send_message", "timeout", 4)
    stats = fed(batch)
    entry = stats.get("agent.send_message", "REST")

    assert (14, 7, 4) == (entry.num_requests, entry.num_failures, entry.num_none_requests)
    assert (14, 7) == (stats.total.num_requests, stats.total.num_failures)


@pytest.mark.parametrize(
    ("metric", "name", "row"),
    [
        ("cable.connect_failed", "refused", "connect agent"),
        ("cable.connect_failed", "http_404", "connect agent"),
        ("cable.unconfirmed", "", "subscribe agent"),
        ("cable.rejected", "", "subscribe agent"),
    ],
)
def test_cable_failures_without_a_success_are_shown(metric, name, row):
    """A target where nothing works shows failures, with no latency made up for them."""
    batch = Batch()
    batch.add(1, metric, name, "agent", 6)
    stats = fed(batch)
    entry = stats.get(row, "CABLE")

    assert (6, 6, {}) == (entry.num_requests, entry.num_failures, entry.response_times)
    assert None is entry.min_response_time
    assert 6 == stats.total.num_failures


def test_an_empty_batch_changes_nothing():
    """A quiet second makes no row."""
    stats = fed(Batch())

    assert (0, {}) == (stats.total.num_requests, stats.entries)


def test_rates_come_from_the_same_counts():
    """Locust's requests and failures a second add up to the totals."""
    batch = recorded("rest", "agent.send_message", "", [1000] * 10)
    batch.add(1, "rest.error", "agent.send_message", "reset", 4)
    entry = fed(batch).get("agent.send_message", "REST")

    assert (14, 4) == (sum(entry.num_reqs_per_sec.values()), sum(entry.num_fail_per_sec.values()))
