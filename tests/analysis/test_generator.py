"""The generator's own fitness and what makes a run INVALID."""

from __future__ import annotations

from typing import Any

from loadtest.analysis.generator import generator, invalid_reasons, warnings
from loadtest.analysis.sections import Emissions, fanout
from loadtest.analysis.series import Series
from loadtest.analysis.windows import timeline
from tests.analysis.builders import RunBuilder, typical


def judged(run: RunBuilder) -> tuple[dict[str, Any], list[str], list[str]]:
    """Section, reasons and warnings of a run."""
    data = run.build()
    series, line = Series(data), timeline(data)
    section = generator(data, series, line, line.full())
    rows = fanout(series, Emissions.of(data), line.full())
    return section, invalid_reasons(data, series, line, section, rows), warnings(section, rows, 600)


def test_a_sound_generator_has_no_reasons():
    """Nothing to complain of, nothing to warn of."""
    section, reasons, found = judged(typical())

    assert (reasons, found, section["cpu_share_max"], section["loop_lag_max_ms"]) == ([], [], 0.2, 1.5)


def test_more_than_five_percent_marked_windows_are_a_reason():
    """Four of sixty windows: the reason names the cause, the worst value and the remedy."""
    run = typical()
    for window in range(10, 14):
        run.breach(window)

    assert judged(run)[1] == [
        "The generator was the limit in 4 of 60 windows of the hold, more than 5%: loop_lag 4 "
        "(worst: loop_lag 340 against 100). Use more workers."
    ]


def test_five_percent_marked_windows_are_a_warning():
    """Three of sixty windows leave the run valid."""
    run = typical()
    for window in range(10, 13):
        run.breach(window)
    _, reasons, found = judged(run)

    assert (reasons, found[0].startswith("3 of 60 windows")) == ([], True)


def test_a_lost_worker_is_a_reason():
    """Its windows are missing, so nothing can be said."""
    reasons = judged(typical().note(30.0, "worker_lost", "worker-2"))[1]

    assert reasons[0].startswith("Worker lost: worker-2.")


def test_an_error_of_the_generator_is_a_reason():
    """An unhandled exception is a defect, not a measurement."""
    reasons = judged(typical().note(30.0, "generator_error", "KeyError in AgentUser"))[1]

    assert reasons[0].startswith("Generator error: KeyError in AgentUser.")


def test_dropped_actions_are_a_warning_with_their_share():
    """The load was lower than asked for, and the reader is told."""
    section, _, found = judged(typical().count(20, "generator.dropped", 200))

    assert (section["dropped"], "(25.0% of the plan)" in found[0]) == (200, True)


def test_a_few_samples_out_of_range_are_a_warning():
    """One negative latency among thousands moves no percentile."""
    _, reasons, found = judged(typical().times(20, "fanout", [-5], "message.created", "agent"))

    assert (reasons, found[0].startswith("1 samples are in no percentile")) == ([], True)


def test_many_samples_out_of_range_are_a_reason():
    """When one in a hundred is out of range, high percentiles are not true."""
    _, reasons, _ = judged(typical().times(20, "fanout", [-5] * 300, "message.created", "agent"))

    assert len(reasons) == 1


def test_clocks_looser_than_the_median_are_a_reason():
    """A latency below the clocks' bound was not measured."""
    _, reasons, _ = judged(typical(workers=2).gauge(20.0, "generator.clock_bound_us", 90_000))

    assert "agree only to 90 ms" in reasons[0]


def test_clocks_looser_than_a_tenth_of_the_median_are_a_warning():
    """The number stands, with its doubt."""
    _, reasons, found = judged(typical(workers=2).gauge(20.0, "generator.clock_bound_us", 9_000))

    assert (reasons, "bound of 9 ms" in found[0]) == ([], True)


def test_one_process_has_one_clock():
    """Inside one process the bound is zero, between workers without probes it is unknown."""
    assert (judged(typical())[0]["clock_bound_ms"], judged(typical(workers=2))[0]["clock_bound_ms"]) == (0.0, None)


def test_what_the_ledger_had_no_room_for_is_overflow():
    """Ticks that were dropped for want of memory are counted with the samples out of range."""
    assert judged(typical().count(20, "generator.overflow", 4))[0]["overflow"] == 4
