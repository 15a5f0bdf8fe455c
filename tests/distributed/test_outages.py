"""What happened to a target and when, out of the batches of all workers."""

from __future__ import annotations

import pytest

from loadtest.clock import NS_PER_S
from loadtest.distributed.outages import Outages
from loadtest.metrics import Batch, Gauge


def batch(due: int, here: int, *counted: tuple[str, str, str, int], worker: str = "w") -> Batch:
    """A batch of a worker that should have so many subscribed and has so many, with counts."""
    made = Batch()
    for metric, name, role, n in counted:
        made.add(1, metric, name, role, n)
    made.gauges.append(Gauge(0, "users.due", worker, float(due)))
    made.gauges.append(Gauge(0, "users.connected.agent", worker, float(here)))
    return made


def told(*batches: Batch) -> list[tuple[int, str, str]]:
    """Second, kind and text of what is told when a batch comes each second."""
    outages = Outages()
    return [
        (second, moment.kind, moment.text)
        for second, one in enumerate(batches)
        for moment in outages.take(one, second * NS_PER_S)
    ]


def test_a_loss_and_its_end_are_told_once() -> None:
    """With numbers, reasons and the time between."""
    lost = batch(10, 2, ("cable.disconnects", "1006", "agent", 8), ("cable.disconnects", "by_us", "agent", 1))

    assert told(batch(10, 10), lost, batch(10, 0), batch(10, 4), batch(10, 10), batch(10, 10)) == [
        (1, "disconnect", "8 of 10 users have lost their subscription (1006 8)"),
        (4, "reconnect", "all 10 users are subscribed again, 3 s later"),
    ]


def test_who_never_was_there_is_not_lost() -> None:
    """A ramp is no outage, nor is a run of which some never subscribe."""
    assert [] == told(batch(10, 0), batch(10, 5), batch(10, 8))


def test_a_few_are_no_outage() -> None:
    """One in ten may come and go."""
    assert [] == told(batch(10, 10), batch(10, 9), batch(10, 10))


def test_people_who_leave_are_not_lost() -> None:
    """Who is away by plan is not due."""
    assert [] == told(batch(10, 10), batch(3, 3), batch(10, 10))


def test_workers_are_added_up() -> None:
    """One of two workers loses all of its own."""
    seen = told(
        batch(5, 5, worker="a"),
        batch(5, 5, worker="b"),
        batch(5, 0, ("cable.disconnects", "stale", "agent", 5), worker="b"),
    )

    assert [(2, "disconnect", "5 of 10 users have lost their subscription (stale 5)")] == seen


@pytest.mark.parametrize(("calls", "failed", "begins"), [(4, 3, True), (4, 2, False), (7, 3, False), (3, 3, True)])
def test_rest_that_fails_is_told(calls: int, failed: int, begins: bool) -> None:
    """Most calls of a second, and three at least."""
    counts = (("rest.n", "x", "", calls), ("rest.error", "x", "refused", failed))
    seen = told(batch(1, 1), batch(1, 1, *counts), batch(1, 1), batch(1, 1, ("rest.n", "x", "", 2)))

    assert (["error", "recovered"] if begins else []) == [kind for _, kind, _ in seen]
    if begins:
        assert seen[0][2] == f"REST fails: {failed} of {calls} calls of the last second (refused {failed})"
        assert seen[1][2] == "REST answers again, 2 s later"
