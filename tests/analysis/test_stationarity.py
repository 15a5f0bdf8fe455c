"""Whether a stretch of windows has come to rest, and how often that is said wrongly."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analysis.stationarity import MIN_WINDOWS, drift


def series(windows: int, *, rise: float = 0.0, noise: float = 0.1, memory: float = 0.0, seed: int = 0) -> np.ndarray:
    """A rate around 100 that rises by a share over its length, with noise that remembers."""
    random = np.random.default_rng(seed)
    error = np.zeros(windows)
    for n in range(windows):
        error[n] = memory * error[n - 1] + random.normal(0.0, noise * np.sqrt(1 - memory**2))
    return 100.0 * (1 + rise * (np.arange(windows) / windows - 0.5) + error)


@pytest.mark.parametrize(("memory", "most"), [(0.0, 16), (0.5, 24)])
def test_a_level_series_is_at_rest(memory, most):
    """Of 200 level series 8 % at most are taken for moving, 12 % of correlated ones (60 windows, seeds 0 to 199)."""
    moving = sum(drift(series(60, memory=memory, seed=s), 0.05).at_rest is False for s in range(200))

    assert moving <= most


def test_a_queue_that_grows_is_seen():
    """A series that doubles over its hold is never at rest (30 windows, noise 20 %, seeds 0 to 49)."""
    found = [drift(series(30, rise=0.67, noise=0.2, seed=s), 0.5) for s in range(50)]

    assert sum(one.rises for one in found) >= 45
    assert not any(one.falls for one in found)


def test_a_slope_that_does_not_matter_is_rest():
    """A drift of 1 % is no matter where 5 % would be, however sure it is."""
    found = drift(series(500, rise=0.01, noise=0.001), 0.05)

    assert found.interval[0] > 0
    assert found.at_rest


def test_the_share_is_that_of_the_whole_stretch():
    """A rise by a fifth over the stretch is told as a fifth, also with windows missing."""
    values = series(100, rise=0.2, noise=0.0)
    values[10:20] = np.nan

    assert drift(values, 0.05).share == pytest.approx(0.2, rel=0.01)


def test_too_few_windows_say_nothing():
    """Below five windows there is no interval and no verdict."""
    assert drift(np.full(MIN_WINDOWS - 1, 7.0), 0.05).at_rest is None


def test_nothing_at_all_is_at_rest():
    """A series of zeros does not move."""
    assert drift(np.zeros(20), 0.05).at_rest
