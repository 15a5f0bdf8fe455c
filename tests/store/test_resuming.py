"""A run that is gone on with: gaps, their bounds, and what counts."""

import pytest

from loadtest.analysis.windows import timeline
from loadtest.errors import UsageError
from loadtest.metrics import Batch
from loadtest.report.writing import run_data
from loadtest.store import RunWriter, open_run
from loadtest.store.resuming import GAPS, closed, gaps_of, in_gap, opened
from tests.store.runs import START_S, phase, write


def test_a_gap_begins_after_the_newest_window():
    """And stays open until the new part holds."""
    assert opened({}, 17, 30) == [[18, None]]
    assert closed({GAPS: [[18, None]]}, 35) == [[18, 34]]


def test_a_part_that_never_held_is_in_the_gap():
    """Two restarts in a row make one gap."""
    assert opened({GAPS: [[3, 5], [18, None]]}, 25, 30) == [[3, 5], [18, None]]
    assert closed({}, 35) == []


def test_windows_in_a_gap():
    """Both ends are in it; an open one has no end."""
    gaps = gaps_of({GAPS: [[3, 5], [9, None]]})

    assert [window for window in range(12) if in_gap(window, gaps)] == [3, 4, 5, 9, 10, 11]


def resumed(tmp_path, *, ended):
    """Ten windows, a gap of five with the ramp of the second part in it, ten more windows."""
    first = Batch(notes=[phase("ramp", 0), phase("hold", 1)])
    if ended:
        first.notes += [phase("drain", 9.5), phase("end", 9.9)]
    second = Batch(notes=[phase("ramp", 13), phase("hold", 15), phase("drain", 24.5)])
    for n in (*range(10), 14, *range(15, 25)):
        (first if n < 10 else second).add(START_S + n, "rest.n", "x")
    folder = write(tmp_path / "run", first)
    with RunWriter.open(folder) as writer:
        meta = writer.read_meta()
        meta[GAPS] = opened(meta, writer.last_window, START_S + 13)
        writer.set_meta(**{GAPS: closed(meta, START_S + 15)})
        writer.write(second)
    return open_run(folder)


@pytest.mark.parametrize("ended", [False, True])
def test_the_hold_goes_on_after_the_gap(tmp_path, ended):
    """Whether the first part was killed or ended: hold before and after, nothing of the gap, its length left out."""
    run = resumed(tmp_path, ended=ended)
    data = run_data(run)
    line = timeline(data)
    phases = dict(zip(data.counts["window"] - START_S, data.counts["phase"], strict=True))

    assert [n for n, name in phases.items() if name == "gap"] == [14]
    assert {phases[n] for n in (*range(1, 10), *range(15, 25))} == {"hold"}
    assert (line.hold - START_S).tolist() == [*range(1, 10), *range(15, 25)]
    assert line.hold_s == pytest.approx(24.5 - 1 - 5)


def test_what_is_no_run_is_not_gone_on_with(tmp_path):
    """It says so, and makes nothing."""
    with pytest.raises(UsageError):
        RunWriter.open(tmp_path / "nothing")

    assert not list(tmp_path.iterdir())
