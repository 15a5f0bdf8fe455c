"""Phases and untrusted stretches of a run."""

import pandas as pd

from loadtest.report.timeline import Timeline, timeline
from tests.report.synthetic import Story, frames


def _line(story: Story) -> Timeline:
    hists, counts, _, notes = frames(story)
    return timeline(hists, counts, notes, 1.0)


def test_phases_follow_each_other_without_a_gap() -> None:
    """Each phase ends where the next one begins."""
    actual = _line(Story(ramp=8, hold=60, drain=10)).phases

    assert [("ramp", 0.0, 8.0), ("hold", 8.0, 68.0), ("drain", 68.0, 78.0)] == actual


def test_a_run_without_a_window_has_no_phase() -> None:
    """Empty frames give an empty line that can still be drawn on."""
    hists, counts, _, notes = frames(Story())
    line = timeline(hists.iloc[:0], counts.iloc[:0], notes.iloc[:0], 1.0)

    actual = (line.phases, line.begin_s, line.end_s)

    assert ([], 0.0, 1.0) == actual


def test_neighbouring_breached_windows_are_one_stretch() -> None:
    """Windows 20 and 21 of the hold are joined, 40 stands alone."""
    actual = _line(Story(ramp=8, breached=(20, 21, 40))).breached

    assert [(28.0, 30.0), (48.0, 49.0)] == actual


def test_a_breach_tells_its_limit() -> None:
    """The limit that was crossed is kept by cause, so that it can be drawn."""
    actual = _line(Story(breached=(3,))).limits

    assert {"lateness": 50.0} == actual


def test_a_run_that_was_gone_on_with_has_a_gap() -> None:
    """From the last window of the part before to the moment the new one began, told by its note."""
    hists, counts, _, notes = frames(Story(ramp=8, hold=60))
    note = {"at_s": 40.0, "kind": "resumed", "text": "", "data": {"gap_from_us": 7_000_000, "resumed_us": 17_500_000}}
    actual = timeline(hists, counts, pd.concat([notes, pd.DataFrame([note])]), 1.0).phases

    assert ("gap", 29.5, 40.0) == actual[-1]


def test_a_run_begins_at_0() -> None:
    """The first window had begun before the run did, as windows lie on whole multiples of their length."""
    hists, counts, _, notes = frames(Story(ramp=8, hold=60, drain=10))
    hists["start_s"] -= 0.9
    counts["start_s"] -= 0.9
    line = timeline(hists, counts, notes, 1.0)

    assert 0.0 == line.begin_s
    assert [0.0, 7.1, 67.1] == [round(begin, 6) for _, begin, _ in line.phases]
