"""The measured sections of a summary."""

from __future__ import annotations

import math
from typing import Any

import pytest

from loadtest.analysis import sections
from loadtest.analysis.sections import Emissions
from loadtest.analysis.series import Series
from loadtest.analysis.windows import timeline
from tests.analysis.builders import US, RunBuilder, typical


def measured(run: RunBuilder, section: str) -> dict[str, Any]:
    """One section over the whole hold."""
    data = run.build()
    series, scope = Series(data), timeline(data).full()
    if section == "fanout":
        return sections.fanout(series, Emissions.of(data), scope)
    result: dict[str, Any] = getattr(sections, section)(series, scope)
    return result


def messages(latencies_us: list[int], *, lost: int = 0, each: int = 10, windows: int = 60) -> RunBuilder:
    """A run of messages to agents."""
    run = RunBuilder(hold=windows)
    for window in run.held:
        for i in range(each):
            run.message(window, f"{window}-{i}", latencies_us, lost=lost)
    return run


def test_fanout_counts_receipts_and_emissions():
    """Ten receivers of 600 messages are 6,000 samples of 600 emissions."""
    row = measured(messages([30_000] * 10), "fanout")["message.created"]["agent"]

    assert (row["n"], row["emissions"], row["last_n"]) == (6_000, 600, 600)


def test_fanout_has_the_keys_of_the_design():
    """The fixed keys are there, whatever else is."""
    row = measured(typical(), "fanout")["message.created"]["agent"]
    fixed = "n p50_ms p90_ms p99_ms p999_ms max_ms p99_incl_lost_ms last_p50_ms last_p99_ms"

    assert set(fixed.split()) <= set(row)


def test_latency_from_the_actual_send_stands_beside_it():
    """The histogram from the written request is kept apart from the one from the due moment."""
    row = measured(messages([30_000]), "fanout")["message.created"]["agent"]

    assert (pytest.approx(row["p50_ms"], rel=1e-3), pytest.approx(row["sent_p50_ms"], rel=1e-3)) == (30.0, 29.5)


def test_losses_make_the_p99_infinite_and_leave_what_came():
    """Ten percent lost: p99 of what came is finite, p99 including losses is not."""
    row = measured(messages([30_000] * 9, lost=1), "fanout")["message.created"]["agent"]

    assert (True, math.inf) == (row["p99_ms"] < 31, row["p99_incl_lost_ms"])


def test_workers_do_not_multiply_emissions():
    """Each worker closes its part of an emission; it stays one emission."""
    run = RunBuilder().times(5, "fanout", [1], "e", "agent").times(64, "fanout", [1], "e", "agent")
    for worker in ("a", "b"):
        run.closing(6, "m1", "e", "agent", worker=worker, delivered=3)

    assert measured(run, "fanout")["e"]["agent"]["emissions"] == 1


def test_an_event_without_closing_records_counts_its_emissions():
    """Beats have no closing record each; what was emitted counts."""
    run = RunBuilder().times(5, "fanout", [1], "presence.update", "agent")
    run.count(5, "delivery.emitted", 40, "presence.update")

    assert measured(run, "fanout")["presence.update"]["agent"]["emissions"] == 40


def test_delivery_sums_over_roles_and_keeps_them():
    """An event's row is the sum of its receiver roles."""
    run = RunBuilder().count(5, "delivery.expected", 4, "e", "agent").count(5, "delivery.expected", 1, "e", "contact")
    row = measured(run.count(5, "delivery.emitted", 2, "e"), "delivery")["e"]

    assert (row["emitted"], row["expected"], row["by_role"]["agent"]["expected"], row["lost"]) == (2, 5, 4, 0)


def test_an_event_merely_received_has_no_balance():
    """Without an expectation nothing can be missing, and nothing is claimed."""
    row = measured(RunBuilder().count(5, "delivery.received", 3, "e", "agent"), "delivery")["e"]

    assert (row["received"], row["expected"], row["lost"], row["delivered_share"]) == (3, None, None, None)


def test_a_leak_outside_the_hold_counts():
    """What leaked is counted over the whole run."""
    run = RunBuilder().count(5, "delivery.emitted", 1, "e").count(1, "delivery.leaked", 1, "e", "contact")

    assert measured(run, "delivery")["e"]["leaked"] == 1


def test_losses_outside_the_hold_do_not_count():
    """The balance covers the hold."""
    run = RunBuilder().count(5, "delivery.emitted", 1, "e").count(1, "delivery.lost", 1, "e", "contact")

    assert measured(run, "delivery")["e"]["lost"] == 0


def test_shares_are_of_settled_deliveries():
    """What we cut ourselves, and what cannot be told, is in no share."""
    run = RunBuilder()
    for column, value in {"expected": 20, "delivered": 8, "lost": 2, "away": 6, "undetermined": 4}.items():
        run.count(5, f"delivery.{column}", value, "e", "agent")
    row = measured(run, "delivery")["e"]

    assert (row["delivered_share"], row["lost_share"]) == (0.8, 0.2)


def test_rest_errors_are_listed_by_status():
    """Each status of a call has its count."""
    run = RunBuilder().count(5, "rest.n", 10, "c").count(5, "rest.error", 2, "c", "timeout")
    row = measured(run.count(6, "rest.error", 1, "c", "500"), "rest")["c"]

    assert (row["errors"], row["n"], row["error_share"]) == ({"500": 1, "timeout": 2}, 10, 0.3)


def test_presence_is_a_share_of_pair_time():
    """Accuracy, ceiling and loss come from integrals over pairs."""
    row = measured(RunBuilder().presence(right=0.6, ideal=0.7), "presence")["agent"]

    assert pytest.approx(
        [
            row["p_a"],
            row["p_a_ceiling"],
            row["p_a_loss"],
            row["mistake_rate_per_hour"],
            row["mistake_duration_s"],
            row["false_online_share"],
        ]
    ) == [0.6, 0.7, 0.1, 36.0, 2.0, 0.1]


def test_an_unknown_expiry_leaves_the_ceiling_open():
    """Without ideal counts there is no ceiling and no loss."""
    row = measured(RunBuilder().presence(ideal=None), "presence")["agent"]

    assert (row["p_a_ceiling"], row["p_a_loss"]) == (None, None)


def test_presence_keeps_observers_apart():
    """Agents seen by contacts are a row of their own."""
    run = RunBuilder().presence()
    run.count(5, "presence.alive_us", US, "agent", "contact").count(5, "presence.right_us", US / 2, "agent", "contact")

    assert measured(run, "presence")["agent"]["by_observer"]["contact"]["p_a"] == 0.5


def test_a_role_that_only_beats_has_no_accuracy():
    """Contacts that nobody observes are listed with their beats alone."""
    run = RunBuilder().count(5, "presence.beats", 3, "contact", "contact")
    row = measured(run.count(5, "presence.unanswered", 1, "contact", "contact"), "presence")["contact"]

    assert (row["p_a"], row["beats"], row["beats_answered"], row["beats_unanswered"]) == (None, 3, 0, 1)


def test_connections_of_the_ramp_count():
    """Users connect in the ramp, so connects cover it; disconnects cover the hold."""
    run = RunBuilder().count(1, "cable.connects", 5, role="agent").count(1, "cable.disconnects", 1, "1006", "agent")
    row = measured(run.count(5, "cable.disconnects", 2, "by_us", "agent"), "cable")

    assert (row["connects"], row["disconnects"]) == (5, {"by_us": 2})


def test_ping_gaps_are_in_seconds():
    """A ping every three seconds is a gap of three seconds."""
    row = measured(typical(), "cable")

    assert (pytest.approx(row["ping_gap_p99_s"], rel=1e-3), row["ping_gap_max_s"]) == (3.0, 3.0)
