"""The long proofs of capacity judge rightly; they are not run here."""

from __future__ import annotations

import pytest

from loadtest.refserver.faults import parse_faults
from tests.bench import capacity, capacity_rails


def answer(low, high, *, fanout=11.0):
    """A search's interval."""
    ends = [(low, "pass"), (high, "fail")]
    steps = [
        {
            "span": {"level": level, "kind": "up"},
            "outcome": outcome,
            "figures": {"messages_per_s": level, "expected_per_s": fanout * level, "seconds": 30.0},
        }
        for level, outcome in ends
        if level is not None
    ]
    return {"axis": "emit-rate", "ending": "found", "last_pass": low, "first_fail": high, "steps": steps}


@pytest.mark.parametrize(
    ("low", "high", "near"),
    [(34.0, 38.0, True), (30.0, 38.0, False), (34.0, 45.0, False), (None, 10.0, False), (36.0, None, False)],
)
def test_a_known_limit_is_found_within_a_tenth(low, high, near):
    """Both ends of the interval, in deliveries a second."""
    assert near == capacity.judged(answer(low, high))[0]


def test_the_limit_is_what_the_fault_makes_it(tmp_path):
    """Workers and time of the fault are those that the bench counts with."""
    ((term,),) = [parse_faults(str(capacity.options(1, 1, tmp_path)["faults"]))]
    service = term.value

    assert service.workers / service.each_s == capacity.KNEE


@pytest.mark.parametrize(
    ("intervals", "near"),
    [
        ([(40, 44), (45, 50), (42, 46)], True),
        ([(40, 44), (55, 60), (42, 46)], False),
        ([(40, 44), (None, 9)], False),
        ([(40, 80), (40, 80)], False),
    ],
)
def test_repeats_lie_within_a_quarter(intervals, near):
    """By the geometric middles of the intervals; a search without one is no repeat."""
    assert near == capacity_rails.repeatable([answer(low, high) for low, high in intervals])[0]


def test_each_search_is_told():
    """Its interval and how wide that is, or how it ended."""
    assert capacity_rails.told(answer(40.0, 44.0)) == "40 to 44 messages/s, 10% wide (found)"
    assert capacity_rails.told(answer(None, 9.0)) == "no interval (found)"
