"""Little's law as a check of the harness on itself."""

from __future__ import annotations

from loadtest.analysis.littles_law import littles_law
from tests.analysis.builders import FIRST, RunBuilder

EVENT = "message.created"


def queue(latency_s: int, *, told_s: float | None = None, lost: int = 0, rate: int = 50) -> RunBuilder:
    """Deliveries that take whole seconds, and what the histograms tell of them."""
    run = RunBuilder(hold=60)
    for window in run.held:
        run.count(window, "delivery.delivered", rate, EVENT, "agent")
        if window + latency_s in run.held:
            run.count(window + latency_s, "delivery.received", rate, EVENT, "agent")
        told = latency_s if told_s is None else told_s
        run.times(window, "fanout", [round(1e6 * told)] * rate, EVENT, "agent")
    if lost:
        run.count(30, "delivery.lost", lost, EVENT, "agent")
    return run


def test_counts_and_latencies_that_agree():
    """Three seconds at 50 a second are 150 under way, by both ways."""
    law = littles_law(queue(3).build(), FIRST + 20, FIRST + 50)

    assert law.holds
    assert law.counted == 150
    assert round(law.expected) == 150


def test_a_latency_that_is_not_true_is_seen():
    """Histograms that tell a third of the time contradict the counts."""
    assert not littles_law(queue(3, told_s=1.0).build(), FIRST + 20, FIRST + 50).holds


def test_latencies_that_are_too_long_are_seen():
    """And so do histograms that tell twice the time."""
    assert not littles_law(queue(3, told_s=6.0).build(), FIRST + 20, FIRST + 50).holds


def test_what_came_since_the_last_count_is_allowed_for():
    """A second's worth of arrivals may look as if it were under way."""
    law = littles_law(queue(1, told_s=0.01).build(), FIRST + 20, FIRST + 50)

    assert law.hidden == 50
    assert law.holds


def test_losses_leave_no_law():
    """What was lost before is under way for ever."""
    assert littles_law(queue(3, lost=2).build(), FIRST + 40, FIRST + 50) is None


def test_a_run_that_was_broken_off_is_counted_anew():
    """What was under way when it was broken off never arrives, and is no error of what came later."""
    run = queue(3)
    run.count(2, "delivery.received", 5_000, EVENT, "agent")  # of an earlier part, and never closed

    assert not littles_law(run.build(), FIRST + 30, FIRST + 50).holds
    assert littles_law(run.build(), FIRST + 30, FIRST + 50, since=FIRST + 4).holds


def test_nothing_delivered_leaves_no_law():
    """A run without messages has nothing to check."""
    assert littles_law(RunBuilder(hold=30).build(), FIRST + 10, FIRST + 20) is None
