"""Growth against a budget: how often the rule cries wolf and how often it sees one, and single series.

The noise is that of the project's method notes: a level of 1 with a standard deviation of 3 %, 2,000 series each, and a
budget of 5 % over what is left after the warm-up.
"""

import numpy as np
import pytest

from loadtest.analysis.growth import BLOCKS, Growth, block_medians, decide, measure, measure_phases, reaches, rule
from loadtest.analysis.theil_sen import slopes
from tests.analysis.test_theil_sen import remembering

SERIES = 2_000
NOISE = 0.03
BUDGET = 0.05


def verdicts(values, budget=BUDGET):
    """Shares of series that FAIL and PASS, by the rule as :func:`measure` applies it, for all series at once."""
    kept = values[:, values.shape[1] // 4 :]
    per = kept.shape[1] // BLOCKS
    medians = np.median(kept[:, : per * BLOCKS].reshape(len(kept), BLOCKS, per), axis=2)
    at = np.arange(float(BLOCKS))
    half = BLOCKS // 2
    fails, passes = decide(slopes(at, medians), slopes(at[half:], medians[:, half:]), budget / BLOCKS)
    return fails.mean(), passes.mean()


def flat(rho, points, seed=1):
    """Levels that do not grow."""
    return 1 + NOISE * remembering(np.random.default_rng(seed), rho, SERIES, points)


def growing(rho, points, by):
    """Levels that grow by a share of themselves over the whole run."""
    return flat(rho, points, seed=2) + by * np.arange(points) / points


@pytest.mark.parametrize("points", [240, 960])
@pytest.mark.parametrize(("rho", "most"), [(0.0, 0.005), (0.8, 0.005), (0.95, 0.02), (0.99, 0.05)])
def test_false_alarms_on_flat_levels(rho, points, most):
    """Flat levels FAIL in 0, 0, 1 and 3 % of the runs at lag-1 correlations of 0, .8, .95 and .99, as in the notes."""
    alarms, passed = verdicts(flat(rho, points))

    print(f"flat, correlation {rho}, {points} readings: FAIL {alarms:.1%}, PASS {passed:.1%}")
    assert alarms <= most


@pytest.mark.parametrize(
    ("rho", "points", "by", "least", "most"),
    [
        (0.0, 240, 0.2, 0.98, 1.0),
        (0.8, 240, 0.2, 0.88, 1.0),
        (0.95, 240, 0.2, 0.74, 1.0),
        (0.8, 960, 0.2, 0.98, 1.0),
        (0.95, 960, 0.2, 0.86, 1.0),
        (0.8, 240, 0.1, 0.12, 0.35),
        (0.8, 960, 0.1, 0.25, 0.55),
    ],
)
def test_power_on_leaks(rho, points, by, least, most):
    """A leak of 20 % over the run is found in 93 and 79 % at .8 and .95 (notes: .92, .77); one of 10 % in a quarter."""
    found, passed = verdicts(growing(rho, points, by))

    print(f"leak of {by:.0%}, correlation {rho}, {points} readings: FAIL {found:.1%}, PASS {passed:.1%}")
    assert least <= found <= most


@pytest.mark.parametrize(("rho", "most"), [(0.0, 0.001), (0.8, 0.01), (0.95, 0.08)])
def test_leaks_rarely_pass(rho, most):
    """A leak of 20 % over the run, three times its budget, never passes on readings that forget, 5 % at .95."""
    _, passed = verdicts(growing(rho, 240, 0.2))

    print(f"leak of 20 %, correlation {rho}: PASS {passed:.1%}")
    assert passed <= most


@pytest.mark.parametrize(("slow", "most"), [(15, 0.005), (30, 0.03)])
def test_a_warm_up_is_no_leak(slow, most):
    """A level that climbs by half of itself and settles fails in 0.1 % of the runs; where 7 % of that are left after
    the warm-up, in 1 %. Plain trend tests flag them all."""
    warming = 0.5 * (1 - np.exp(-np.arange(240) / slow))

    alarms, passed = verdicts(flat(0.8, 240) + warming)

    print(f"warm-up then flat, {slow} of 240: FAIL {alarms:.1%}, PASS {passed:.1%}")
    assert alarms <= most


def test_a_sawtooth_is_no_leak():
    """Garbage that grows by a tenth and is collected every 17 readings fails in none of the runs."""
    teeth = 0.1 * (np.arange(240) % 17) / 17

    alarms, passed = verdicts(flat(0.8, 240) + teeth)

    print(f"sawtooth: FAIL {alarms:.1%}, PASS {passed:.1%}")
    assert alarms == 0


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_the_hours_it_asks_for_decide(rho):
    """Flat runs that were undecided are decided at the length asked for, four times in five at least (120 runs)."""
    decided = asked = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)

        def run(hours, rng=rng):
            readings = int(hours * 60)
            values = 100 + 10 * remembering(rng, rho, 1, readings)[0]
            return rule(measure(np.arange(readings) * 60.0, values, 0.0, hours * 3600.0), 0.5)

        first = run(6)
        if first.result != "INCONCLUSIVE":
            continue
        asked += 1
        decided += run(min(first.needed_hours, 400)).result == "PASS"

    print(f"correlation {rho}: {decided} of {asked} undecided runs are decided at the length asked for")
    assert asked >= 30
    assert decided >= 0.8 * asked


@pytest.mark.parametrize(("leak", "expected"), [(0.0, "PASS"), (1.0, "FAIL")])
def test_days_are_compared_phase_by_phase(leak, expected):
    """Three days with a day's shape of half the level: flat ones pass a budget of 0.3/h, a leak of 1/h fails it."""
    rng = np.random.default_rng(3)
    at_s = np.arange(0, 3 * 86400, 300.0)
    shape = 50 * np.sin(at_s / 86400 * 2 * np.pi)
    values = 100 + shape + leak * at_s / 3600 + 2 * remembering(rng, 0.8, 1, at_s.size)[0]

    found = measure_phases(at_s, values, 0.0, 3 * 86400.0, 86400.0)

    assert expected == rule(found, 0.3).result


def test_a_day_and_a_half_compare_no_phase():
    """Less than two periods after the warm-up are undecided, with the hold that two of them take."""
    at_s = np.arange(0, 1.5 * 86400, 300.0)

    found = measure_phases(at_s, np.ones(at_s.size), 0.0, 1.5 * 86400, 86400.0, warm_up_s=3600.0)

    assert found.per_hour is None
    assert found.needs_hours == pytest.approx(49)


def test_growth_is_told_in_hours():
    """A level that gains 5 a hour without noise is told so, with level and length."""
    at_s = np.arange(0, 4 * 3600, 60.0)

    found = measure(at_s, 100 + 5 * at_s / 3600, 0.0, 4 * 3600.0)

    assert [found.per_hour, *found.interval] == pytest.approx([5.0, 5.0, 5.0])
    assert (found.hours, found.warm_up_hours) == (3.0, 1.0)
    assert found.level == pytest.approx(119.6, abs=0.3)


def test_too_few_readings_are_no_estimate():
    """Readings in eleven of the twenty stretches are too few, and said to be."""
    at_s = np.linspace(1000, 2000, 11)

    found = measure(at_s, at_s, 0.0, 2000.0, warm_up_s=0.0)

    assert found.per_hour is None
    assert "stretches" in found.note
    assert rule(found, 1.0).result == "INCONCLUSIVE"


def test_a_gap_is_left_out():
    """A run that was away for a quarter of its time keeps its slope."""
    at_s = np.arange(0, 4 * 3600, 60.0)
    at_s = at_s[(at_s < 7200) | (at_s > 9000)]

    found = measure(at_s, at_s / 3600, 0.0, 4 * 3600.0)

    assert found.per_hour == pytest.approx(1.0)


def test_a_limit_is_reached_in_time():
    """The time to a limit is the room over the growth, with the growth's interval turned round."""
    growth = Growth(per_hour=2.0, interval=(-1.0, 4.0), level=100.0)

    assert (10.0, (5.0, float("inf"))) == reaches(growth, 120.0)
    assert (0.0, (0.0, 0.0)) == reaches(growth, 99.0)
    assert reaches(Growth(), 99.0) is None


def test_empty_stretches_have_no_median():
    """A stretch without a reading is left out of the medians."""
    at, medians = block_medians(np.array([0.1, 0.2, 2.5]), np.array([1.0, 3.0, 7.0]), 0.0, 4.0, 4)

    assert [0.5, 2.5] == at.tolist()
    assert [2.0, 7.0] == medians.tolist()
