"""The measured sections of a summary."""

from __future__ import annotations

import math
from typing import Any

import pytest

from loadtest.analysis import sections
from loadtest.analysis.sections import Emissions
from loadtest.analysis.series import Series
from loadtest.analysis.windows import timeline
from tests.analysis.builders import RunBuilder, typical


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


def lost_to_contacts(run: RunBuilder, *, presence: bool = False) -> RunBuilder:
    """Let contacts lose all of six emissions a window: no histogram tells of what never came."""
    event = "presence.update" if presence else "message.created"
    for window in run.held:
        run.count(window, "delivery.expected", 6, event, "contact").count(window, "delivery.lost", 6, event, "contact")
        for i in range(6):
            run.closing(window, f"c{window}-{i}", event, "contact", emitted=1, expected=1, lost=1)
    return run


def test_a_role_that_lost_everything_has_a_row():
    """Without one, a limit on each role would pass it over."""
    row = measured(lost_to_contacts(messages([30_000])), "fanout")["message.created"]["contact"]

    assert (0, 360, None) == (row["n"], row["emissions"], row["p99_ms"])
    assert (math.inf, math.inf) == (row["p99_incl_lost_ms"], row["last_p99_incl_lost_ms"])


def test_lost_answers_to_beats_are_no_fan_out():
    """A beat has no due time."""
    assert "presence.update" not in measured(lost_to_contacts(messages([30_000]), presence=True), "fanout")


def test_an_event_without_latencies_has_no_row_for_a_loss():
    """What is counted per conversation has no latency of its own: that all of it is late cannot be said."""
    run = messages([30_000]).count(20, "delivery.lost", 2, "conversation.updated", "agent")

    assert "conversation.updated" not in measured(
        run.count(20, "delivery.delivered", 8, "conversation.updated", "agent"), "fanout"
    )


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


def test_connections_of_the_ramp_count():
    """Users connect in the ramp, so connects cover it; disconnects cover the hold."""
    run = RunBuilder().count(1, "cable.connects", 5, role="agent").count(1, "cable.disconnects", 1, "1006", "agent")
    row = measured(run.count(5, "cable.disconnects", 2, "by_us", "agent"), "cable")

    assert (row["connects"], row["disconnects"]) == (5, {"by_us": 2})


def test_ping_gaps_are_in_seconds():
    """A ping every three seconds is a gap of three seconds."""
    row = measured(typical(), "cable")

    assert (pytest.approx(row["ping_gap_p99_s"], rel=1e-3), row["ping_gap_max_s"]) == (3.0, 3.0)


def test_the_age_of_the_last_proof_is_in_seconds():
    """As it was sampled over the hold, with the longest beside it."""
    run = RunBuilder(hold=60).users()
    for window in run.held:
        run.times(window, "proof_age", [2_000_000] * 10, role="agent")
    run.times(run.held[3], "proof_age", [12_500_000], role="contact").count(20, "emission.canary", 4)
    data = run.build()
    row = sections.cable(Series(data), timeline(data).full())

    assert (2.0, 12.5, 4) == (round(row["proof_age_p99_s"], 1), row["proof_age_max_s"], row["canaries"])
