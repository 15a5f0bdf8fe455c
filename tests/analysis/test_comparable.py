"""What of two builds' runs is compared, and what they must have alike."""

from __future__ import annotations

from copy import deepcopy

import pytest

from loadtest.analysis.comparable import LIKE, Margins, metrics_of, unlike
from tests.analysis.runs import summary


def test_every_primary_of_a_run_is_found():
    """Fan-out, presence and connected time by role, losses, connects and errors decide; the rest is shown."""
    metrics = metrics_of([summary()], Margins())

    assert [m.name for m in metrics if m.primary] == [
        'fanout."message.created".agent.p99_incl_lost_ms',
        'fanout."message.created".contact.p99_incl_lost_ms',
        "delivery.lost",
        "presence.agent.p_a",
        "presence.contact.p_a",
        "users.agent.connected_time_share",
        "users.contact.connected_time_share",
        "cable.connect_p99_ms",
        "rest.errors",
    ]
    assert {'fanout."message.created".agent.p50_ms', 'rest."contact.send_message".p99_ms'} <= {
        m.name for m in metrics if not m.primary
    }


def test_values_are_read_as_less_is_better():
    """Shares carry the trials behind them; presence is the share of time shown wrongly; infinite stays infinite."""
    run = summary(lost=3, p99="inf")
    found = {m.name: m.of(run) for m in metrics_of([run], Margins())}

    assert (3 / 20_000, 20_000) == found["delivery.lost"]
    assert (float("inf"), 0) == found['fanout."message.created".agent.p99_incl_lost_ms']
    assert pytest.approx(0.02) == (found["presence.agent.p_a"] or (0,))[0]


def test_time_without_a_connection_decides_where_it_was_measured():
    """Who was never there lost nothing; it is a share by role, and less of it is better."""
    run = summary()
    run["users"] = {"agent": {"connected_time_share": 0.96}, "contact": {"connected_time_share": None}}
    (metric,) = [m for m in metrics_of([run], Margins(connected=0.02)) if m.name.startswith("users.")]

    assert ("users.agent.connected_time_share", "share", 0.02, True) == (
        metric.name, metric.kind, metric.margin, metric.primary,
    )  # fmt: skip
    assert (pytest.approx(0.04), 0) == metric.of(run)


def test_a_named_margin_goes_before_its_kind():
    """What a machine's own noise says of one metric overrides the default."""
    margins = Margins(named={"cable.connect_p99_ms": 0.3})
    found = {m.name: m.margin for m in metrics_of([summary()], margins)}

    assert (0.3, 0.05) == (found["cable.connect_p99_ms"], found['fanout."message.created".agent.p50_ms'])


def test_runs_of_one_plan_are_alike():
    """Names, times and numbers of a run may differ."""
    assert [] == unlike([summary(run_id="a"), summary(run_id="b", p99=500.0)])


@pytest.mark.parametrize("what", sorted(LIKE))
def test_what_differs_is_named(what):
    """Each thing that must be alike is told with both values and both runs."""
    other = deepcopy(summary(run_id="b"))
    place = other
    *path, last = LIKE[what]
    for key in path:
        place = place[key]
    place[last] = {**place[last], "agents": 77} if isinstance(place[last], dict) else "different"
    found = unlike([summary(run_id="a"), other])

    assert 1 == len(found)
    assert found[0].startswith(f"{what}: ")
    assert found[0].endswith("(a against b)")
