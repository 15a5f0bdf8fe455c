"""Limits against sections."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.analysis import summarise
from loadtest.analysis.judging import against, slo_checks, slo_warnings
from loadtest.analysis.model import Bound, Check, Interval, Result
from loadtest.analysis.slo import parse_slo
from tests.analysis.builders import RunBuilder, typical


def check_of(run: RunBuilder, text: str) -> Check:
    """The only check that a limit gives on a run."""
    sections = summarise(run.build()).sections
    (check,) = slo_checks(parse_slo(text), sections)
    return check


@pytest.mark.parametrize(
    ("value", "interval", "limit", "bound", "result"),
    [
        (5, None, 5, "max", "PASS"),
        (5.1, None, 5, "max", "FAIL"),
        (5, (4, 5), 5, "max", "PASS"),
        (5, (4, 6), 5, "max", "INCONCLUSIVE"),
        (4, (3, float("inf")), 5, "max", "INCONCLUSIVE"),
        (6, (5.1, 7), 5, "max", "FAIL"),
        (float("inf"), (9, float("inf")), 5, "max", "FAIL"),
        (0.9, (0.85, 0.95), 0.8, "min", "PASS"),
        (0.9, (0.85, 0.95), 0.9, "min", "INCONCLUSIVE"),
        (0.9, (0.85, 0.89), 0.9, "min", "FAIL"),
        (0.9, None, 0.9, "min", "PASS"),
    ],
)
def test_the_interval_decides(value: float, interval: Interval | None, limit: float, bound: Bound, result: Result):
    """All within is PASS, all beyond is FAIL, anything between is INCONCLUSIVE."""
    assert result == against(value, interval, limit, bound)


def test_a_percentile_well_within_its_limit_passes():
    """Value, interval and limit are shown together."""
    check = check_of(typical(), 'fanout."message.created".agent.p99_ms = 500')

    assert (check.result, check.limit, check.unit, check.interval is not None) == ("PASS", 500, "ms", True)


def test_a_percentile_well_beyond_its_limit_fails():
    """The whole interval lies above."""
    assert check_of(typical(), 'fanout."message.created".agent.p99_ms = 50').result == "FAIL"


def test_a_limit_inside_the_interval_tells_how_much_longer():
    """INCONCLUSIVE says what it would take."""
    run = typical()
    row = summarise(run.build()).sections["fanout"]["message.created"]["agent"]
    limit = (row["p50_ms"] + row["p50_ms_interval"][1]) / 2
    check = check_of(run, f'fanout."message.created".agent.p50_ms = {limit}')

    assert (check.result, "times as long a hold would decide it" in check.note) == ("INCONCLUSIVE", True)


def test_few_emissions_give_no_p99_verdict():
    """299 emissions to ten receivers each are not enough, however many samples they make."""
    run = RunBuilder(hold=299).users()
    for window in run.held:
        run.message(window, f"m{window}", [30_000] * 10)
    check = check_of(run, 'fanout."message.created".agent.p99_ms = 500')

    assert check.result == "INCONCLUSIVE"
    assert check.note.startswith("299 emissions stand behind it and a verdict takes 300: hold 1.1 times as long")


@pytest.mark.parametrize("key", ["p99_incl_lost_ms", "last_p99_incl_lost_ms"])
def test_a_role_that_lost_everything_fails_a_limit_on_each_role(key: str):
    """Agents hear all, contacts nothing: the second cannot hide behind the first."""
    run = typical()
    for window in run.held:
        run.count(window, "delivery.lost", 6, "message.created", "contact")
        for i in range(6):
            run.closing(window, f"c{window}-{i}", "message.created", "contact", emitted=1, expected=1, lost=1)
    limits = parse_slo(f'fanout."message.created"."*".{key} = 500')
    results = {check.name: check.result for check in slo_checks(limits, summarise(run.build()).sections)}

    assert results[f'fanout."message.created".contact.{key} max'] == "FAIL"


def test_few_windows_give_no_percentile_verdict():
    """A percentile without an interval is not judged by its bare value."""
    run = RunBuilder(hold=8).users()
    for window in run.held:
        for i in range(50):
            run.message(window, f"{window}-{i}", [30_000])
    check = check_of(run, 'fanout."message.created".agent.p99_ms = 500')

    assert (check.result, "takes 10 windows" in check.note) == ("INCONCLUSIVE", True)


def test_what_was_not_measured_tells_what_was():
    """A limit on an event that the run never saw names what it saw."""
    check = check_of(typical(), 'fanout."team.changed".agent.p99_ms = 500')

    assert (check.result, check.value) == ("INCONCLUSIVE", None)
    assert check.note == 'The run has no fanout."team.changed"; it has: message.created.'


def test_too_few_samples_tell_how_many_it_takes():
    """The minimum of the percentile and what was there."""
    check = check_of(typical(), 'fanout."message.created".agent.last_p99_ms = 1')
    few = check_of(RunBuilder().users().message(5, "m", [1]), 'fanout."message.created".agent.p99_ms = 1')

    assert check.result == "FAIL"
    assert few.note == "p99_ms takes at least 299 samples and has 1: hold longer or raise the rate."


def test_a_wildcard_gives_one_check_for_each_name():
    """Every event and role is judged by itself."""
    run = typical().message(20, "c1", [5_000], role="contact")
    checks = slo_checks(parse_slo('delivery."*".by_role."*".lost = 0'), summarise(run.build()).sections)

    assert [check.name for check in checks] == [
        'delivery."message.created".by_role.agent.lost max',
        'delivery."message.created".by_role.contact.lost max',
    ]


def test_a_wildcard_over_nothing_counted_is_zero():
    """No violation of any kind keeps a limit of none."""
    check = check_of(typical(), 'contract.violations."*" = 0')

    assert (check.value, check.result) == (0.0, "PASS")


def test_a_reason_never_seen_is_zero():
    """An open name that did not occur occurred zero times."""
    check = check_of(typical(), "cable.disconnects.server_restart = 0")

    assert (check.value, check.result) == (0.0, "PASS")


def test_a_latency_limit_that_overlooks_losses_is_warned_of():
    """p99 without its losses says less than it seems."""
    sections: dict[str, Any] = dict(summarise(typical().message(20, "x", [1_000], lost=3).build()).sections)
    blind = slo_warnings(parse_slo('fanout."*".agent.p99_ms = 500'), sections)
    sighted = slo_warnings(parse_slo('fanout."*".agent = { p99_ms = 500, p99_incl_lost_ms = 500 }'), sections)

    assert (len(blind), sighted) == (1, [])
