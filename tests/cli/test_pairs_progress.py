"""Progress of pairs: what is said, when."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.cli.pairs_progress import PairsProgress, duration
from loadtest.drive.ab import Folder
from loadtest.drive.runner import RunOutcome
from tests.drive.pairs import experiment


class Terminal(io.StringIO):
    """Where lines are written over."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def outcome(folder: Path) -> RunOutcome:
    """A run that passed."""
    return RunOutcome(folder, 0, "PASS", folder / "out", folder / "err", 40.0)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (40, "40 s"), (300, "5 min"), (7200, "2.0 h")])
def test_durations_read_well(seconds: float, text: str) -> None:
    """In the unit that fits."""
    assert text == duration(seconds)


def test_the_expected_time_comes_first(tmp_path: Path) -> None:
    """With what is there already."""
    plan = experiment(6, 12)
    folder = Folder(tmp_path / "ab", plan)
    folder.add(next(iter(plan.slots())))
    out = io.StringIO()
    PairsProgress(plan, folder, out, io.StringIO()).begin()

    assert f"up to 12 pairs, 24 runs (1 of them is there), about 19 min, into {tmp_path / 'ab'}\n" == out.getvalue()


def test_a_run_that_counts_for_nothing_names_its_report(tmp_path: Path) -> None:
    """Whoever waits for hours wants to know why the first run is INVALID before the last one is made."""
    plan = experiment(1)
    out = io.StringIO()
    progress = PairsProgress(plan, Folder(tmp_path / "ab", plan), out, io.StringIO(), iter([0.0, 40.0]).__next__)
    slot = next(iter(plan.slots()))
    progress.start(slot)
    progress.end(slot, replace(outcome(tmp_path / "one"), verdict="INVALID"))

    assert f"INVALID (why: {tmp_path / 'one' / 'report.html'}); about 40 s left" in out.getvalue()


def test_each_run_is_told_with_the_time_that_is_left(tmp_path: Path) -> None:
    """By how long the runs took so far; the last one leaves nothing."""
    plan = experiment(1)
    folder = Folder(tmp_path / "ab", plan)
    out, line, now = io.StringIO(), Terminal(), iter([0.0, 40.0, 40.0, 80.0])
    progress = PairsProgress(plan, folder, out, line, lambda: next(now))
    for slot in plan.slots():
        progress.start(slot)
        progress.tick(slot, 10.0)
        progress.end(slot, outcome(tmp_path))

    assert [
        "pair  1 of 1  baseline   PASS; about 40 s left",
        "pair  1 of 1  candidate  PASS",
    ] == out.getvalue().splitlines()
    assert "pair 1 of 1, baseline: 10 s of about 50 s" in line.getvalue()


def test_a_file_gets_no_line_that_is_written_over(tmp_path: Path) -> None:
    """Logs stay readable."""
    plan = experiment(1)
    line = io.StringIO()
    progress = PairsProgress(plan, Folder(tmp_path / "ab", plan), io.StringIO(), line)
    progress.tick(next(iter(plan.slots())), 3.0)

    assert "" == line.getvalue()
