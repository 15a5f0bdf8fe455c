"""The table of where the time goes."""

from __future__ import annotations

from loadtest.report.tables_service import service

STAGES = ("lateness", "wait", "answer", "first", "spread", "sent_first")


def test_each_stage_shows_its_median_and_its_p99() -> None:
    """One row an event; a stage without enough samples says how many there were."""
    row = {f"{stage}_p50_ms": 1.0 + n for n, stage in enumerate(STAGES)}
    row |= {f"{stage}_p99_ms": 100.0 + n for n, stage in enumerate(STAGES)}
    row |= {"n": 1_000, "spread_n": 12, "before_answer_share": 0.25, "spread_p50_ms": None, "spread_p99_ms": None}
    (cells,) = service({"service": {"message.created": row}}).rows

    assert [
        ("message.created", ""),
        ("1,000", ""),
        ("1.00 ms", "p99 100 ms"),
        ("2.00 ms", "p99 101 ms"),
        ("3.00 ms", "p99 102 ms"),
        ("4.00 ms", "p99 103 ms"),
        ("n/a (n=12)", ""),
        ("6.00 ms", "p99 105 ms"),
        ("25.0 %", ""),
    ] == [(cell.text, cell.detail) for cell in cells]


def test_a_summary_without_stages_has_no_rows() -> None:
    """Older summaries have no such section."""
    assert [] == list(service({}).rows)
