"""Stays are exponential, pauses are bounded, and both depend only on who and when."""

import math

from loadtest.plan import Visits


def test_nobody_leaves_without_a_mean_stay():
    """A mean stay of 0 means for ever."""
    assert Visits(0.0).stay(1, 0) == math.inf


def test_stays_have_their_mean():
    """The mean of 20,000 stays is within four standard errors of what was asked for."""
    stays = [Visits(60.0, seed=5).stay(user, 0) for user in range(20_000)]
    mean = sum(stays) / len(stays)

    assert abs(mean - 60.0) < 4 * 60.0 / math.sqrt(len(stays))


def test_pauses_are_within_half_and_one_and_a_half():
    """Pauses are drawn uniformly around their mean."""
    pauses = [Visits(1.0, 8.0).away(user, 3) for user in range(1000)]

    assert min(pauses) >= 4.0
    assert max(pauses) <= 12.0
