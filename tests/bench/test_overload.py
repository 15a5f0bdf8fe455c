"""What the overload bench makes of a run's summary."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.overload import judge

REASON = "97 % of the windows are marked. This load needs about 3 workers of a core each (--processes 3); it had 1."


def summary(*, valid: bool = False, reason: str = REASON, **balance: int) -> dict[str, Any]:
    """A run of 1,000 deliveries; the rest of the balance as given."""
    columns = ("late", "lost", "duplicated", "reordered", "leaked", "unmatched", "undetermined")
    message = {"expected": 1000, "delivered": 900, **dict.fromkeys(columns, 0), "late": 100} | balance
    generator = {"valid": valid, "reasons": [reason], "read_lag_p99_ms": 800.0, "windows_marked": 8, "windows": 8}
    return {"run": {"hold_s": 8.0}, "delivery": {"message.created": message}, "generator": generator}


@pytest.mark.parametrize(
    ("changes", "over", "held"),
    [
        ({}, True, True),
        ({"valid": True}, False, False),
        ({"reason": "the machine was busy"}, True, False),
        ({"delivered": 899, "lost": 1}, True, False),
        ({"duplicated": 1}, True, False),
        ({"delivered": 899}, True, False),
    ],
)
def test_what_has_to_hold(changes: dict[str, Any], over: bool, held: bool) -> None:
    """Too much, all accounted for, INVALID and the workers named: each is needed."""
    assert judge(summary(**changes))[1:] == (over, held)
