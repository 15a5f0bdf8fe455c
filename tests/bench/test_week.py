"""A day's worth of a week's windows: what is in memory does not grow with them, and the report tells all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.week import WINDOWS, Week, play, report

MOST_CLOSINGS = 2_000
BOUNDS = {
    "epochs": 1_400,  # numbers are given back once 1,024 and half of all can be
    "entries": 100,
    "retired subjects": 0,
    "conversations": 20_000,
    "emissions in order": 10,
    "lateness windows": 1,
    "open histograms": 500,
    "series": 40,
    "levels": 40,
    "last receivers": 0,
    "gauges": 40,
    "breached windows": 64,
}
"""Elements at most, after however many windows."""


def check(week: Week, growth_bytes: int) -> None:
    """Everything is within its bound, and Python's objects take no more than these bytes more than at a seventh."""
    assert {name: n for name, n in week.late.counts.items() if n > BOUNDS[name]} == {}
    assert week.late.python_bytes - week.early.python_bytes < growth_bytes
    assert week.closings <= MOST_CLOSINGS or week.windows == WINDOWS
    assert week.reported == pytest.approx(week.emissions, rel=0.15)


def test_memory_and_file_do_not_grow_with_windows(tmp_path: Path) -> None:
    """Over 210 windows: elements, bytes, records in the file; a sample tells how many emissions there were."""
    week = play(tmp_path / "week", windows=210, sessions=8, most_closings=MOST_CLOSINGS)

    check(week, growth_bytes=700_000)
    assert week.file_bytes < 5_000_000


@pytest.mark.slow
def test_a_whole_week(tmp_path: Path) -> None:
    """The same for all 5,040 windows of a week."""
    week = play(tmp_path / "week")
    lines: list[str] = []
    report(lines.append, week)

    check(week, growth_bytes=3_000_000)
    assert week.file_bytes < 60_000_000
    assert len(lines) == 3 + len(BOUNDS) + 1
