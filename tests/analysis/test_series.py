"""Finding and cutting a run's histograms and counts."""

from __future__ import annotations

import numpy as np

from loadtest.analysis.series import Series, key_stretches
from tests.analysis.builders import FIRST, RunBuilder

HOLD = np.arange(FIRST + 5, FIRST + 8)


def test_a_pool_holds_the_windows_asked_for():
    """Histograms outside the windows are left out."""
    series = Series(RunBuilder().times(4, "rest", [1], "a").times(5, "rest", [2, 3], "a").build())

    assert series.pool("rest", HOLD, name="a").n == 2


def test_a_pool_without_role_takes_all_roles():
    """Leaving a name or role open pools over it."""
    series = Series(
        RunBuilder().times(5, "connect", [1], role="agent").times(6, "connect", [2], role="contact").build()
    )

    assert series.pool("connect", HOLD).n == 2


def test_counts_per_window_are_zero_where_there_is_no_row():
    """A quiet window is zero, not absent."""
    series = Series(RunBuilder().count(5, "c", 2).count(7, "c", 3, role="agent").count(9, "c", 9).build())

    assert series.per_window("c", HOLD).tolist() == [2.0, 0.0, 3.0]


def test_a_count_never_recorded_is_none():
    """Nothing counted and counted as nothing differ."""
    series = Series(RunBuilder().count(1, "c").build())

    assert (series.total("d", HOLD), series.total("c", HOLD), series.total("c", None)) == (None, 0.0, 1.0)


def test_sums_by_name_leave_zeros_out():
    """What did not happen in the windows is not listed."""
    series = Series(RunBuilder().count(5, "c", 2, "a", "agent").count(6, "c", 1, "a").count(1, "c", 5, "b").build())

    assert series.by_name("c", HOLD) == {"a": 3}


def test_sums_by_role_are_of_one_name():
    """Errors of a call are listed by status."""
    series = Series(RunBuilder().count(5, "e", 2, "a", "404").count(5, "e", 1, "b", "500").build())

    assert series.by_role("e", HOLD, name="a") == {"404": 2}


def test_samples_out_of_range_are_counted_over_all_metrics():
    """Negative and huge values are found wherever they were recorded."""
    series = Series(RunBuilder().times(5, "fanout", [-1, 10]).times(6, "rest", [4_000_000_000]).build())

    assert series.out_of_range(HOLD) == (2, 3)


def test_keys_are_listed_sorted():
    """Names and roles of a metric come in a stable order."""
    series = Series(
        RunBuilder().times(5, "m", [1], "b").times(5, "m", [1], "a", "agent").count(5, "d.x", 1, "e").build()
    )

    assert (series.hist_keys("m"), series.count_keys("d.")) == ([("a", "agent"), ("b", "")], [("d.x", "e", "")])


def test_stretches_are_neighbours_of_one_key():
    """A key that comes back has a stretch for each time, and is one series; an empty frame has none."""
    data = RunBuilder().count(5, "c", 2, "a").count(6, "c", 1, "a").count(1, "c", 5, "b").count(7, "c", 1, "a").build()
    frame = data.counts
    found = [(key, frame["value"].tolist()[rows]) for key, rows in key_stretches(frame)]

    assert [(("c", "a", ""), [2.0, 1.0]), (("c", "b", ""), [5.0]), (("c", "a", ""), [1.0])] == found
    assert [] == list(key_stretches(frame.iloc[:0]))
    assert 4.0 == Series(data).total("c", None, name="a")
