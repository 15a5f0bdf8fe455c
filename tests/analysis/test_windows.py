"""Phases of a run and marked windows."""

from __future__ import annotations

from loadtest.analysis.windows import held_gauges, notes_of, timeline
from tests.analysis.builders import FIRST, RunBuilder


def test_the_hold_reaches_from_its_first_to_its_last_window():
    """Windows without a row in between belong to the hold too."""
    line = timeline(RunBuilder(hold=4).count(5, "x").count(8, "x").build())

    assert line.hold.tolist() == [FIRST + 5, FIRST + 6, FIRST + 7, FIRST + 8]


def test_users_connect_in_ramp_and_hold():
    """The windows of connecting end with the hold."""
    line = timeline(RunBuilder(ramp=2, hold=2).count(0, "x").count(2, "x").count(3, "x").count(4, "x").build())

    assert line.connecting.tolist() == [FIRST, FIRST + 1, FIRST + 2, FIRST + 3]


def test_the_length_of_the_hold_comes_from_the_phase_notes():
    """From the start of the hold to the start of the drain."""
    line = timeline(RunBuilder(hold=60).count(5, "x").count(64, "x").build())

    assert (line.hold_s, line.duration_s, line.ended) == (60.0, 75.0, True)


def test_a_run_still_holding_counts_up_to_its_newest_window():
    """Without a drain the hold ends with the newest window."""
    line = timeline(RunBuilder(hold=60, drain=None, ended_at=None).count(5, "x").count(24, "x").build())

    assert (line.hold.size, line.hold_s, line.ended) == (20, 20.0, False)


def test_a_run_that_goes_on_has_not_ended():
    """Resumed and killed before it held again, it has the end of its first part in its notes."""
    line = timeline(RunBuilder(ended_at=None, gaps=[[FIRST + 75, None]]).count(5, "x").count(64, "x").build())

    assert not line.ended


def test_a_run_without_hold_has_no_windows():
    """A run that ended in its ramp holds nothing."""
    line = timeline(RunBuilder(hold=0).count(0, "x").build())

    assert (line.hold.size, line.hold_s, line.marked_share) == (0, 0.0, 0.0)


def test_breaches_mark_windows_of_the_hold_once():
    """Two breaches in one window mark one window, a breach in the ramp none."""
    run = RunBuilder(hold=10).count(5, "x").count(14, "x").breach(6).breach(6, "cpu").breach(2)
    line = timeline(run.build())

    assert (line.marked.tolist(), line.marked_share, line.causes()) == ([FIRST + 6], 0.1, {"cpu": 1, "loop_lag": 1})


def test_trusted_windows_leave_the_marked_ones_out():
    """A breach in the ramp is left out of connecting alone."""
    run = RunBuilder(ramp=2, hold=3).count(0, "x").count(2, "x").count(4, "x").breach(1).breach(3)
    scope = timeline(run.build()).trusted()

    assert (
        scope.hold.tolist(),
        scope.connecting.tolist(),
        scope.complete,
    ) == ([FIRST + 2, FIRST + 4], [FIRST, FIRST + 2, FIRST + 4], False)


def test_nothing_marked_leaves_everything():
    """Without a breach the trusted scope is complete."""
    assert timeline(RunBuilder().count(5, "x").build()).trusted().complete


def test_gauges_of_ramp_and_drain_are_not_the_holds():
    """Only readings within the hold count."""
    run = RunBuilder(ramp=5, hold=10).count(5, "x").count(14, "x")
    run.gauge(4.9, "g", 1).gauge(5.1, "g", 2).gauge(15.2, "g", 3)
    data = run.build()

    assert held_gauges(data, timeline(data))["value"].tolist() == [2.0]


def test_notes_are_found_by_kind():
    """A note keeps its time, text and data."""
    data = RunBuilder().note(3.0, "annotation", "deploy", by="me").build()

    assert notes_of(data, "annotation") == [(3.0, "deploy", {"by": "me"})]
