"""The expiry from the ages of those who were shown and those who were not; errors stated and seeded."""

import random

import pytest

from loadtest.analysis.presence_expiry import estimate
from loadtest.metrics import Histogram

SECOND = 1_000_000


def ages(seed, expiry_s, *, heartbeat_s=30.0, n=4000, lost=0.0, whole_seconds=False):
    """Ages as a run of so many looks sees them: of shown and of missing.

    Args:
        lost: share of beats that the server answers and forgets.
        whole_seconds: the server keeps whole seconds, as upstream does.
    """
    chance = random.Random(seed)
    shown, missing = Histogram(), Histogram()
    for _ in range(n):
        moment = chance.uniform(0, 1e6)
        age = chance.uniform(0, heartbeat_s)
        known_age = age + heartbeat_s * (chance.random() < lost)
        is_shown = int(moment - known_age) >= int(moment) - expiry_s if whole_seconds else known_age <= expiry_s
        (shown if is_shown else missing).record(round(age * SECOND))
    return shown, missing


@pytest.mark.parametrize("expiry_s", [12.0, 20.0, 27.5])
def test_a_clean_server_is_found_to_a_tenth_of_a_second(expiry_s):
    """4,000 ages over a beat of 30 s are 7.5 ms apart; bounds hold the truth."""
    found = estimate(*ages(1, expiry_s))

    assert found.seconds == pytest.approx(expiry_s, abs=0.1)
    assert found.low - 0.1 <= expiry_s <= found.high + 0.1


def test_whole_seconds_are_within_the_bounds():
    """Upstream's rounding blurs 20 s to 20..21 s: the estimate is its middle."""
    found = estimate(*ages(2, 20, whole_seconds=True))

    assert found.seconds == pytest.approx(20.5, abs=0.3)
    assert 20.0 <= found.low <= found.seconds <= found.high <= 21.0


def test_a_few_lost_beats_do_not_move_the_estimate():
    """One beat in a hundred forgotten contradicts some ages, and is told as such."""
    found = estimate(*ages(3, 20.0, lost=0.01))

    assert found.seconds == pytest.approx(20.0, abs=0.2)
    assert 0 < found.contradictions < 0.02


def test_calibration_of_the_bounds():
    """Over 100 seeded runs with 1 % of beats lost the bounds hold the true expiry each time, within a second."""
    held = 0
    for seed in range(100):
        found = estimate(*ages(seed, 20.0, lost=0.01, n=1500))
        held += found.low <= 20.0 <= found.high and found.high - found.low < 1.0

    assert held == 100


def test_a_server_that_forgets_nobody_has_a_lower_bound_alone():
    """With E above the heartbeat nobody who beats is ever missing: the oldest age shown bounds it from below."""
    found = estimate(*ages(4, 60.0))

    assert (found.seconds, found.high) == (None, None)
    assert found.low == pytest.approx(30.0, abs=0.2)


def test_no_ages_bound_nothing():
    """A run without presence says nothing."""
    found = estimate(Histogram(), Histogram())

    assert (found.seconds, found.low, found.high, found.contradictions) == (None, None, None, None)
