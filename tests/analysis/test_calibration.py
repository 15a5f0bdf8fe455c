"""Comparing injected faults with what was found: sets, sums of delays and floors, one connection, pings."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis import calibration
from loadtest.analysis.calibration import Comparison, HeldApart
from loadtest.metrics.histogram import Histogram

CELL = ("0000000a", "message.created", "agent")
OTHER = ("0000000b", "message.created", "agent")


def histogram(us: object) -> Histogram:
    """A histogram of microseconds."""
    made = Histogram()
    made.record_many(np.asarray(us, dtype=np.int64))
    return made


def apart(floor: np.ndarray, hold: np.ndarray, other: np.ndarray, windows: int = 10) -> HeldApart:
    """Ten windows of deliveries that were held, and ten of others."""
    held = zip(np.array_split(floor + hold, windows), np.array_split(hold, windows), strict=True)
    return HeldApart(
        tuple((histogram(latency), holds) for latency, holds in held),
        tuple(histogram(part) for part in np.array_split(other, windows)),
    )


# -- counts ------------------------------------------------------------------------------------------------------------


def test_equal_cells_agree() -> None:
    """Every one found and none invented."""
    found = calibration.counted("lost", Counter({CELL: 2, OTHER: 1}), Counter({CELL: 2, OTHER: 1}))

    assert (3, 3, True, "") == (found.injected, found.recovered, found.ok, found.note)


def test_equal_totals_of_different_cells_do_not_agree() -> None:
    """One that was missed does not cancel one that was invented; both are named."""
    found = calibration.counted("lost", Counter({CELL: 1}), Counter({OTHER: 1}))

    assert found.ok is False
    assert found.note == ("missed 1 (0000000a message.created agent); invented 1 (0000000b message.created agent)")


def test_many_missed_cells_are_named_in_part() -> None:
    """A note stays a line however much went wrong."""
    injected = Counter({(f"{n:08d}", "message.created", "agent"): 1 for n in range(50)})
    found = calibration.counted("lost", injected, Counter())

    assert "missed 50" in found.note
    assert found.note.endswith(", ...)")
    assert len(found.note) < 200


@pytest.mark.parametrize(
    ("recovered", "ok"), [(99.0, True), (101.0, True), (98.9, False), (101.1, False), (None, False)]
)
def test_a_tolerance_is_kept_on_both_sides(recovered: float | None, ok: bool) -> None:
    """Figures agree within the tolerance, its bounds included; what was not found agrees with nothing."""
    assert ok == calibration.within("p99", 100.0, recovered, 1.0, "ms").ok


@pytest.mark.parametrize(("value", "ok"), [(5.0, True), (5.1, False), (None, False)])
def test_a_limit_is_kept_from_above(value: float | None, ok: bool) -> None:
    """A figure with a limit may be anything up to it."""
    assert ok == calibration.at_most("p99 from send", value, 5.0, "ms").ok


# -- verdicts ----------------------------------------------------------------------------------------------------------


def judged(*oks: bool | None) -> list[Comparison]:
    """Comparisons that came out so."""
    return [Comparison("x", 1, 1, 0, "", ok) for ok in oks]


@pytest.mark.parametrize(
    ("oks", "is_valid", "expected"),
    [
        ((True, True, None), True, "ok"),
        ((True, False), True, "WRONG"),
        ((True, False), False, "INCONCLUSIVE"),
        ((True, True), False, "INCONCLUSIVE"),
        ((None,), True, "INCONCLUSIVE"),
        ((), True, "INCONCLUSIVE"),
    ],
)
def test_a_row_is_judged_only_with_a_fit_generator(oks: tuple[bool | None, ...], is_valid: bool, expected: str) -> None:
    """A difference is red only where the generator was fit to measure; figures that are only shown judge nothing."""
    assert expected == calibration.combined(judged(*oks), is_valid=is_valid)


def test_a_row_with_an_undecided_figure_is_inconclusive() -> None:
    """What cannot be told is neither right nor wrong; a wrong one beside it still is."""
    undecided = Comparison("p99", 1.0, 3.0, 1.0, "ms", None, decided=False)

    assert "INCONCLUSIVE" == calibration.combined([*judged(True), undecided], is_valid=True)
    assert "WRONG" == calibration.combined([*judged(False), undecided], is_valid=True)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (("ok", "ok"), "ok"),
        (("ok", "INCONCLUSIVE"), "INCONCLUSIVE"),
        (("INCONCLUSIVE", "WRONG", "ok"), "WRONG"),
        ((), "INCONCLUSIVE"),
    ],
)
def test_the_worst_row_decides(outcomes: tuple[calibration.Outcome, ...], expected: str) -> None:
    """Wrong before inconclusive before ok; no row at all shows nothing."""
    assert expected == calibration.overall(outcomes)


# -- delays ------------------------------------------------------------------------------------------------------------


def test_a_constant_delay_is_recovered_to_the_resolution_of_the_histogram() -> None:
    """With a floor at hand a constant hold comes back at p50 and p99 within a thousandth."""
    rng = np.random.default_rng(7)
    floor = rng.lognormal(7.3, 0.5, 20_000).astype(np.int64)
    held = np.full(20_000, 100_000)
    found = calibration.delays(apart(rng.permutation(floor), held, floor), "from due")

    assert ["p50 from due", "p99 from due"] == [one.what for one in found]
    assert [100.0, 100.0] == pytest.approx([one.recovered for one in found], abs=0.15)
    assert all(one.ok for one in found)


@pytest.mark.parametrize(
    "hold_us",
    [
        np.random.default_rng(1).normal(100_000, 20_000, 20_000).clip(0),
        (10_000 * (1 + np.random.default_rng(2).pareto(1.5, 20_000))).clip(0, 1_000_000),
    ],
    ids=["normal", "pareto"],
)
def test_wide_delays_are_recovered_within_the_tolerance(hold_us: np.ndarray) -> None:
    """Seeded: independent floor and holds of 20,000 deliveries stay within 1 ms or 1 % at both percentiles."""
    rng = np.random.default_rng(3)
    floor = rng.lognormal(7.5, 0.6, 20_000).astype(np.int64)
    hold = hold_us.astype(np.int64)
    other = rng.lognormal(7.5, 0.6, 20_000).astype(np.int64)
    found = calibration.delays(apart(floor, hold, other), "from send")

    assert [True, True] == [one.ok for one in found], found


@pytest.mark.parametrize("error_us", [1_500, -1_500])
def test_a_delay_that_is_off_by_more_than_the_tolerance_is_wrong(error_us: int) -> None:
    """An instrument that adds or hides a millisecond and a half of 100 is found out."""
    rng = np.random.default_rng(4)
    floor = rng.lognormal(7.3, 0.5, 20_000).astype(np.int64)
    held = np.full(20_000, 100_000)
    found = calibration.delays(apart(floor + error_us, held, floor), "from due")

    assert [False, False] == [one.ok for one in found]


def test_a_floor_that_moves_more_than_the_tolerance_leaves_it_undecided() -> None:
    """Where a few windows of 30 ms decide p99, drawing windows anew shows that the run cannot tell."""
    rng = np.random.default_rng(6)
    quiet, busy = (rng.lognormal(7.3, 0.5, 20_000).astype(np.int64) for _ in range(2))
    busy[:4_000] += 30_000  # two of ten windows
    held = np.full(20_000, 100_000)
    found = calibration.delays(apart(quiet, held, busy), "from due")

    assert [True, None] == [one.ok for one in found]
    assert [True, False] == [one.decided for one in found]
    assert "not steady enough" in found[1].note


def test_a_steady_floor_gives_no_excuse() -> None:
    """Seeded, ten runs of an instrument that is 2 ms off: wrong in each; ten of a right one: wrong in none."""
    rng = np.random.default_rng(8)
    held = np.full(1_200, 100_000)
    wrong = {0: 0, 2_000: 0}
    for _ in range(10):
        for error_us in wrong:
            floor, other = (rng.lognormal(7.0, 0.3, 1_200).astype(np.int64) for _ in range(2))
            found = calibration.delays(apart(floor + error_us, held, other, windows=6), "from send")
            wrong[error_us] += any(one.ok is False for one in found)

    assert {0: 0, 2_000: 10} == wrong


def test_nothing_held_is_nothing_recovered() -> None:
    """A row whose fault never happened is wrong, not silently right."""
    found = calibration.delays(HeldApart((), (histogram([5]),)), "from due")

    assert [False] == [one.ok for one in found]


@given(
    st.lists(st.integers(0, 1_000_000), min_size=1, max_size=30),
    st.lists(st.integers(0, 50_000), min_size=1, max_size=30),
    st.floats(1, 99),
)
def test_the_percentile_of_a_sum_is_that_of_all_pairs(holds: list[int], floors: list[int], q: float) -> None:
    """Against brute force over all pairs of hold and floor, within the histogram's resolution."""
    floor = histogram(floors)
    values, counts = floor.buckets("middle")
    pairs = np.sort(np.add.outer(holds, np.repeat(values, counts)).ravel())
    rank = int(np.ceil(q / 100 * pairs.size - 1e-9))
    near = pairs[max(rank - 2, 0)], pairs[min(rank, pairs.size - 1)]

    found = calibration.sum_percentile_us(np.array(holds), floor, q)

    assert near[0] - 1 <= found <= near[1] + 1


def test_p99_from_send_may_differ_from_p99_from_due_by_the_tolerance() -> None:
    """A stall of deliveries shows alike in both, whatever the milliseconds of lateness between them."""
    assert calibration.alike(histogram([5_000_000]), histogram([4_990_000]), 50.0).ok
    assert not calibration.alike(histogram([5_000_000]), histogram([1_000]), 50.0).ok


def test_a_curve_ends_at_the_rarest_measured() -> None:
    """A thousand values reach to p99.9, and the expected ones stand beside them."""
    us = np.arange(1, 1001)
    drawn = calibration.curve(histogram(us), np.zeros(1000, dtype=np.int64), histogram(us))

    assert 99.9 == pytest.approx(drawn.percentiles[-1])
    assert 1.0 == pytest.approx(drawn.measured_ms[-1], rel=0.002)
    assert drawn.expected_ms == pytest.approx(drawn.measured_ms, abs=0.003)


def test_a_curve_of_nothing_is_empty() -> None:
    """A run without deliveries has no distribution."""
    assert ((), (), ()) == dataclasses.astuple(calibration.curve(Histogram()))


# -- one connection ----------------------------------------------------------------------------------------------------


def test_a_stall_holds_up_all_that_is_due_in_it() -> None:
    """The wait is what is left of the stall, and then the queue drains one service time after the other."""
    due = np.array([0.0, 1.5, 2.0, 7.0])
    waits = calibration.stalled_waits_s(due, 1.0, 6.0, 0.1)

    assert [0.0, 4.5, 4.1, 0.0] == pytest.approx(waits.tolist())


def test_a_queue_without_a_stall_waits_only_for_the_one_before() -> None:
    """Lindley's recursion: a call waits for what is left of the service of those before it."""
    waits = calibration.stalled_waits_s(np.array([0.0, 0.05, 0.06, 1.0]), 50.0, 55.0, 0.1)

    assert [0.0, 0.05, 0.14, 0.0] == pytest.approx(waits.tolist())


def test_the_classic_stall_has_the_classic_p99() -> None:
    """5 s of stall in 60 s at 100/s: p99 from the due time is about 4.4 s, which coordinated omission hides."""
    due = np.arange(0, 60, 0.01)
    waits = calibration.stalled_waits_s(due, 20.0, 25.0, 0.001)

    assert 4.4 == pytest.approx(float(np.quantile(waits, 0.99)), rel=0.03)


# -- pings -------------------------------------------------------------------------------------------------------------


def test_missing_pings_are_the_beats_that_fit_into_the_gaps() -> None:
    """A gap of two beats lacks one ping, one of three lacks two; jitter around the beat lacks none."""
    gaps = histogram([3_000_000, 3_400_000, 2_700_000, 6_010_000, 9_050_000])

    assert 3 == calibration.missing_pings(gaps, 3.0)
