"""Canaries: silent inboxes have one each period, whoever's turn it is, and never more than a brake allows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.clock import NS_PER_S
from loadtest.plan.canary import STANDING_IN_NS, Canary, canary_period_s, next_in_turn


@given(st.integers(0, 10_000), st.floats(0.1, 100))
def test_the_first_canary_comes_within_a_period(index: int, period_s: float) -> None:
    """Inboxes have their first one at phases of their own, none later than a period after the start."""
    plan = Canary(period_s)

    assert 0 <= plan.first_ns(index, 5) - 5 <= plan.period_ns


def test_the_next_one_is_due_a_period_after_the_newest_message() -> None:
    """Whoever wrote that message."""
    assert 12 * NS_PER_S == Canary(10.0).due_ns(2 * NS_PER_S)


@given(st.integers(1, 8), st.integers(0, 1_000), st.integers(0, 2**61))
def test_workers_take_turns(shares: int, index: int, wall_ns: int) -> None:
    """In each period one worker is first for an inbox, and each of the others stands in at a moment of its own."""
    waits = sorted(Canary(10.0, share, shares).patience_ns(index, wall_ns) for share in range(shares))

    def first(at_ns: int) -> int:
        return min(range(shares), key=lambda share: Canary(10.0, share, shares).patience_ns(index, at_ns))

    turns = {first(wall_ns + n * 10 * NS_PER_S) for n in range(shares)}

    assert [n * STANDING_IN_NS for n in range(shares)] == waits
    assert set(range(shares)) == turns


@given(st.lists(st.integers(0, 50), min_size=1, unique=True).map(sorted))
def test_contacts_take_turns(numbers: list[int]) -> None:
    """One after the other, each once, then from the beginning."""
    last, seen = -1, []
    for _ in range(2 * len(numbers)):
        last = next_in_turn(numbers, last)
        seen.append(last)

    assert 2 * numbers == seen


@pytest.mark.parametrize(
    ("wanted_s", "inboxes", "spare_per_s", "expected"),
    [
        (10.0, 100, None, 10.0),
        (10.0, 100, 20.0, 10.0),
        (10.0, 100, 5.0, 20.0),
        (10.0, 100, 0.0, 0.0),
        (10.0, 100, -1.0, 0.0),
        (10.0, 0, 0.0, 10.0),
        (0.0, 100, 5.0, 0.0),
    ],
)
def test_a_brake_stretches_the_period(
    wanted_s: float, inboxes: int, spare_per_s: float | None, expected: float
) -> None:
    """Canaries never exceed what the brake on the rate leaves; where it leaves nothing, there are none."""
    assert math.isclose(expected, canary_period_s(wanted_s, inboxes, spare_per_s))
