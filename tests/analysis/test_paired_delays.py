"""Delays recovered delivery by delivery: what cancels, what is found out, what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analysis import paired_delays
from loadtest.analysis.paired_delays import Paired

N = 1_200
"""Messages of a row, about."""


def busy_floor(seed: int) -> np.ndarray:
    """The floor of two busy cores: two milliseconds, every twentieth message up to 30, in bursts of windows."""
    rng = np.random.default_rng(seed)
    burst = np.repeat(rng.random(N // 50) < 0.1, 50)
    return (rng.lognormal(7.6, 0.5, N) + burst * rng.uniform(0, 30_000, N)).astype(np.int64)


def paired(
    seed: int = 1, law: str = "constant", *, stretch: float = 1.0, shift_us: int = 0, lied_us: int = 0
) -> Paired:
    """A row of an instrument that is off so much, and of a server that logs so much more than it held.

    The floor is known to some tens of microseconds: the way of one copy to the kernel is not quite that of another.
    """
    rng = np.random.default_rng(seed + 100)
    floor = busy_floor(seed)
    hold = {
        "constant": 100_000 + rng.exponential(800, N),
        "normal": rng.normal(100_000, 20_000, N).clip(0),
        "pareto": (10_000 * (1 + rng.pareto(1.5, N))).clip(0, 1_000_000),
    }[law].astype(np.int64)
    latency = ((floor + hold + rng.exponential(50, N)) * stretch + shift_us).astype(np.int64)
    return Paired(latency, hold + lied_us, floor, np.arange(N) // 50)


@pytest.mark.parametrize("law", ["constant", "normal", "pareto"])
def test_delays_come_back_whatever_the_floor(law: str) -> None:
    """Seeded, twenty floors whose p99 moves by tens of milliseconds: every figure is recovered in each."""
    found = [one for seed in range(20) for one in paired_delays.recovered(paired(seed, law), "from due")]

    assert ["p50 from due", "p99 from due"] == [one.what for one in found[:2]]
    assert [] == [one for one in found if not one.ok]


WRONG = {
    "stretched by 2 %": {"stretch": 1.02},
    "1.5 ms too long": {"shift_us": 1_500},
    "1.5 ms too short": {"shift_us": -1_500},
    "the server held less than it logs": {"lied_us": 1_500},
}


@pytest.mark.parametrize("off", WRONG.values(), ids=WRONG)
def test_what_is_off_by_more_than_the_tolerance_is_wrong(off: dict[str, float]) -> None:
    """Seeded, on the same twenty floors: both percentiles are wrong in each, and none is called undecided."""
    found = [one.ok for seed in range(20) for one in paired_delays.recovered(paired(seed, **off), "from due")]

    assert [False] * 40 == found


def test_half_of_the_tolerance_is_right() -> None:
    """An error within what is asked is none."""
    assert all(one.ok for one in paired_delays.recovered(paired(shift_us=500), "from due"))


def test_where_a_few_windows_decide_it_cannot_be_told() -> None:
    """An instrument that is 20 ms off in two windows of 24: other windows might have been right."""
    row = paired()
    off = np.where(np.isin(row.window, (3, 7)), 20_000, 0)
    p99 = paired_delays.recovered(Paired(row.latency_us + off, row.hold_us, row.floor_us, row.window), "from due")[1]

    assert (None, False) == (p99.ok, p99.decided)
    assert "its error is" in p99.note


def test_the_judged_percentile_is_that_of_the_latencies() -> None:
    """What is recovered and what the floor added make the percentile that a report shows."""
    row = paired()
    p99 = paired_delays.recovered(row, "from due")[1]
    added_ms = float(p99.note.removeprefix("less ").split()[0])

    assert p99.recovered is not None
    assert (row.measured.percentile(99.0) or 0) / 1_000 == pytest.approx(p99.recovered + added_ms, rel=0.001)


def test_nothing_held_is_nothing_recovered() -> None:
    """A row whose fault never happened is wrong, not silently right."""
    none = np.zeros(0, dtype=np.int64)

    assert [False] == [one.ok for one in paired_delays.recovered(Paired(none, none, none, none), "from due")]


def test_a_curve_has_what_was_measured_beside_what_must_be() -> None:
    """At the same percentiles; without a delivery it is empty."""
    none = np.zeros(0, dtype=np.int64)
    drawn = paired_delays.curve(paired())

    assert drawn.expected_ms == pytest.approx(drawn.measured_ms, rel=0.01)
    assert () == paired_delays.curve(Paired(none, none, none, none)).percentiles
