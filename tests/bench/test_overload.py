"""What the overload bench makes of a run, and a small overload."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from loadtest.store import open_run
from tests.bench.overload import Second, grew, judge, run, seconds, table

REASON = "97 % of the windows are marked. This load needs about 3 workers of a core each (--processes 3); it had 1."
GROWING = tuple(range(100, 1000, 100))


def summary(*, valid: bool = False, reason: str = REASON, **balance: int) -> dict[str, Any]:
    """A run of 1,000 deliveries; the rest of the balance as given."""
    columns = ("late", "lost", "duplicated", "reordered", "leaked", "unmatched", "undetermined")
    message = {"expected": 1000, "delivered": 900, **dict.fromkeys(columns, 0), "late": 100} | balance
    generator = {"valid": valid, "reasons": [reason], "read_lag_p99_ms": 800.0, "read_lag_most_p99_ms": 900.0}
    generator |= {"windows_marked": 8, "windows": 8}
    return {"run": {"hold_s": 8.0}, "delivery": {"message.created": message}, "generator": generator}


def hold(lags_ms: Sequence[float | None]) -> list[Second]:
    """A hold with such lags."""
    return [Second(at_s, lag_ms, lag_ms, 1.0) for at_s, lag_ms in enumerate(lags_ms)]


@pytest.mark.parametrize(
    ("changes", "lags_ms", "over", "held"),
    [
        ({}, GROWING, True, True),
        ({}, [15.0] * 9, True, False),
        ({"valid": True}, GROWING, False, False),
        ({"reason": "the machine was busy"}, GROWING, True, False),
        ({"delivered": 899, "lost": 1}, GROWING, True, False),
        ({"duplicated": 1}, GROWING, True, False),
        ({"delivered": 899}, GROWING, True, False),
    ],
)
def test_what_has_to_hold(changes: dict[str, Any], lags_ms: Sequence[float], over: bool, held: bool) -> None:
    """Too much, all accounted for, the lag growing, INVALID and the workers named: each is needed."""
    assert judge(summary(**changes), hold(lags_ms))[1:] == (over, held)


def test_a_lag_that_does_not_grow_is_asked_for_where_it_need_not() -> None:
    """A process that cannot read in time yet keeps up has a lag that stays."""
    assert judge(summary(), hold([15.0] * 9), grows=False)[1:] == (True, True)


@pytest.mark.parametrize(
    ("lags_ms", "expected"),
    [([1, 2, 3], True), ([1, None, 2, 3], True), ([1, 3, 2], False), ([1, 2], False), ([], False), ([5] * 9, False)],
)
def test_growth_is_from_third_to_third(lags_ms: Sequence[float | None], expected: bool) -> None:
    """One second that is quicker than the one before is no end of it; fewer than three tell nothing."""
    assert grew(hold(lags_ms)) == expected


def test_a_small_overload_loses_nothing_and_is_invalid(tmp_path: Path) -> None:
    """Each delivery takes 2 ms, and 1,200 come a second: all are accounted for, and reading late marks the windows."""
    ran = run(30, 40.0, 2000.0, tmp_path, emissions=120, deadline_s=15)
    made = ran.summary
    course = seconds(ran.folder)
    _, over, _ = judge(made, course, grows=False)
    balance = made["delivery"]["message.created"]
    notes = open_run(ran.folder).note_frame()
    measures = [data.get("measure") for data in notes.loc[notes["kind"] == "breach", "data"]]

    assert balance["delivered"] + balance["late"] == balance["expected"] >= 30 * balance["emitted"] > 0
    assert [0] * 5 == [balance[of] for of in ("lost", "duplicated", "reordered", "leaked", "unmatched")]
    assert (over, made["run"]["interrupted"], ran.code) == (True, False, 4)
    assert "read_lag" in measures
    assert made["generator"]["workers_needed"] >= 1
    assert len(course) == table(course).count("\n") - 1
