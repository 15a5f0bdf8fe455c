"""The table of storms, from a summary alone."""

from loadtest.report.tables_storms import storms

ROW = {
    "name": "1 abrupt", "manner": "abrupt", "share": 0.5, "at_s": 65.0, "dropped": 20, "back": 19, "back_p50_s": 10.0,
    "back_p95_s": 15.5, "back_all_s": "inf", "attempts": 22, "bin_s": 0.1, "herd": [3, 1], "herd_peak": 3,
    "herd_peak_s": 6.1, "connect_p50_ms": 2.0, "connect_p99_ms": 9.0, "confirm_p50_ms": None, "confirm_p99_ms": None,
    "missed": 1234, "missed_events": {},
}  # fmt: skip


def test_a_storm_is_a_row():
    """Somebody who never came back is said to be, and what is not known is not made up."""
    (row,) = storms({"storms": [ROW]}).rows

    assert [cell.text for cell in row] == [
        "1 abrupt", "20", "19", "10 s", "15.5 s", "never", "3 at 6.1 s", "2 ms / 9 ms", "n/a / n/a", "1,234",
    ]  # fmt: skip
    assert row[2].tone == "bad"


def test_without_storms_there_is_no_row():
    """Also in a summary of an older version."""
    assert not storms({}).rows
