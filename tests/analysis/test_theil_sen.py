"""Theil-Sen slopes: against scipy, and the coverage of the seasonal ones."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import theilslopes

from loadtest.analysis.theil_sen import seasonal_slopes, slopes


def remembering(rng, rho, series, points):
    """Gaussian series of variance 1 with lag-1 correlation ``rho``, started long before."""
    shocks = rng.standard_normal((series, points + 300)) * np.sqrt(1 - rho**2)
    return lfilter([1], [1, -rho], shocks, axis=1)[:, 300:]


@pytest.mark.parametrize("points", [5, 12, 20])
def test_slopes_and_intervals_are_scipys(points):
    """Estimate and interval are those of ``scipy.stats.theilslopes`` for each of many series."""
    rng = np.random.default_rng(points)
    at = np.sort(rng.random(points)) * 7
    values = rng.standard_normal((6, points)) + 0.3 * at

    found = slopes(at, values, 0.95)

    expected = [theilslopes(row, at, 0.95) for row in values]
    actual = np.array([found.slope, found.low, found.high]).T
    assert np.array([(row.slope, row.low_slope, row.high_slope) for row in expected]) == pytest.approx(actual)


def test_a_season_is_no_growth():
    """Phases that differ by a hundred times the noise, and do not grow, have no slope."""
    rng = np.random.default_rng(1)
    at = np.arange(72.0)
    values = 100 * np.sin(at / 24 * 2 * np.pi)[None, :] + 0.1 * rng.standard_normal((200, 72))

    found = seasonal_slopes(at, values, at.astype(int) % 24)

    assert np.abs(found.slope).max() < 0.01


@pytest.mark.parametrize(("days", "rho", "least"), [(2, 0.0, 0.92), (2, 0.8, 0.80), (3, 0.8, 0.80), (5, 0.8, 0.80)])
def test_seasonal_intervals_hold_the_truth(days, rho, least):
    """Of nominal 95 %: at least 92 % where phases are independent, 80 % where neighbours share 0.8 (600 series)."""
    rng = np.random.default_rng(days)
    at = np.arange(24.0 * days)
    values = 0.05 * at + 10 * np.cos(at / 24 * 2 * np.pi) + remembering(rng, rho, 600, at.size)

    found = seasonal_slopes(at, values, at.astype(int) % 24)

    held = np.mean((found.low <= 0.05) & (found.high >= 0.05))
    print(f"{days} days, correlation {rho}: {held:.1%} of the intervals hold the truth")
    assert held >= least


def test_a_phase_seen_once_tells_nothing():
    """Without a phase that is there twice there is no slope."""
    with pytest.raises(ValueError, match="no phase"):
        seasonal_slopes(np.arange(3.0), np.zeros((1, 3)), np.arange(3))
