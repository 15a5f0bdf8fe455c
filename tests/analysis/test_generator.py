"""The generator's own fitness and what makes a run INVALID."""

from __future__ import annotations

from typing import Any

from loadtest.analysis.generator import generator, invalid_reasons, server_warnings, warnings
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
    return section, invalid_reasons(data, series, line, section, rows), warnings(line, section, rows, 600)


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
        "(worst: loop lag 340 ms, limit 100 ms). Use more workers."
    ]


def test_what_is_a_reason_is_not_a_warning_too():
    """The causes and the remedy are said once."""
    run = typical()
    for window in range(10, 14):
        run.breach(window)

    assert judged(run)[2] == []


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

    assert (reasons, found[0].startswith("1 sample is in no percentile")) == ([], True)


def test_many_samples_out_of_range_are_a_reason():
    """When one in a hundred is out of range, high percentiles are not true."""
    _, reasons, _ = judged(typical().times(20, "fanout", [-5] * 300, "message.created", "agent"))

    assert len(reasons) == 1


def test_clocks_looser_than_the_median_are_a_reason():
    """A latency below the clocks' bound was not measured."""
    _, reasons, _ = judged(typical(workers=2).gauge(20.0, "generator.clock_bound_us", 90_000))

    assert "agree only to 90 ms" in reasons[0]


def test_two_workers_clocks_may_err_in_opposite_directions():
    """What counts is the sum of the two loosest bounds over the hold, each worker's own at its worst."""
    run = typical(workers=3)
    for worker, bound_us in (("a", 100), ("a", 300), ("b", 200), ("c", 50)):
        run.gauge(20.0, "generator.clock_bound_us", bound_us, worker)

    assert 0.5 == judged(run)[0]["clock_bound_ms"]


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


def test_read_lag_and_the_share_that_is_exact():
    """Lower bounds are in the percentiles; how many of the values are exact stands beside them."""
    run = typical()
    for window in run.held:
        run.times(window, "read_lag", [100] * 9 + [3_000]).count(window, "generator.read_bounds", 1)
    section = judged(run)[0]

    assert (section["read_lag_n"], section["read_lag_exact_share"]) == (600, 0.9)
    assert (round(section["read_lag_p50_ms"], 3), round(section["read_lag_p99_ms"])) == (0.1, 3)


def test_what_the_lag_may_be_stands_beside_what_it_is_at_least():
    """The two percentiles, and the share of messages on sockets that no read emptied."""
    run = typical()
    for window in run.held:
        run.times(window, "read_lag", [1_000] * 10).times(window, "read_lag_most", [1_000] * 5 + [9_000] * 5)
        run.count(window, "generator.read_backlog", 2)
    section = judged(run)[0]

    assert (round(section["read_lag_p99_ms"]), round(section["read_lag_most_p99_ms"])) == (1, 9)
    assert section["read_backlog_share"] == 0.2


def test_rough_windows_are_a_warning_and_no_more():
    """What reading adds to short latencies is told; the run stays valid."""
    run = typical().count(20, "generator.read_rough", 2).count(21, "generator.read_rough", 1)
    section, reasons, warnings = judged(run)

    assert (section["windows_rough"], reasons) == (2, [])
    assert any(
        "In 2 of 60 windows of the hold our own reading made the latencies more than 10 %" in w for w in warnings
    )


def test_a_backlog_says_how_it_grew():
    """From the first of its windows to the last, beside the workers that it takes."""
    run = typical()
    for position, window in enumerate(run.held):
        run.times(window, "read_lag_most", [1_000_000 * (1 + position)] * 300)
        run.count(window, "generator.cpu_us", 900_000).breach(window, "backlog", 1000.0 * (1 + position), 5.0)
    reason = judged(run)[1][0]

    assert "Messages were read up to 1 s late in the first of these windows, up to 60 s in the last." in reason
    assert "(--processes 2)" in reason


def test_no_stamps_no_read_lag():
    """A run without kernel stamps says nothing about the lag of its reads."""
    section = judged(typical())[0]

    assert (section["read_lag_n"], section["read_lag_exact_share"], section["read_lag_p99_ms"]) == (0, None, None)


def test_an_overloaded_generator_is_told_how_many_workers_it_needs():
    """Half of what arrived for the hold's emissions was read after it, with the core full: 2 cores at 60 % each."""
    run = typical()
    for window in run.held:
        run.count(window, "generator.cpu_us", 1_000_000).count(
            window, "delivery.undetermined", 100, "message.created", "agent"
        )
        run.breach(window, "read_lag", 80.0, 5.0)
    section, reasons, _ = judged(run)

    assert section["workers_needed"] == 4
    assert reasons[0].endswith("This load needs about 4 workers of a core each (--processes 4); it had 1.")


def test_workers_do_not_cure_a_busy_machine():
    """Where the machine was the limit no number of workers is given."""
    run = typical()
    for window in run.held:
        run.count(window, "generator.cpu_us", 900_000).breach(window, "steal", 80.0, 5.0)

    assert "--processes" not in judged(run)[1][0]


def test_a_full_embedded_server_is_told():
    """Its limit is not to be taken for an installation's; what a busy one leaves is no warning."""
    full, busy = typical(), typical()
    for run, share in ((full, 0.97), (busy, 0.7)):
        for window in run.held:
            run.gauge(window + 0.5, "target.cpu_share", share).gauge(window + 0.5, "target.backlog_bytes", 3e6)
    told = [server_warnings(data, timeline(data)) for data in (full.build(), busy.build(), typical().build())]

    assert [len(one) for one in told] == [1, 0, 0]
    assert "97%" in told[0][0]
    assert "3.0 MB" in told[0][0]
