"""Block lengths and intervals of the moving-block bootstrap, with their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from loadtest.analysis.bootstrap import (
    MAX_WINDOWS,
    MIN_WINDOWS,
    REPLICATES,
    block_length,
    chosen_length,
    draw_counts,
    margin,
    ratio_interval,
    required_n,
)


def autoregressive(rng: np.random.Generator, windows: int, correlation: float) -> NDArray[np.float64]:
    """A stationary series of unit variance whose neighbours are correlated."""
    noise = rng.normal(size=windows + 100)
    series = np.zeros(windows + 100)
    for i in range(1, series.size):
        series[i] = correlation * series[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return series[100:]


@pytest.mark.parametrize(("q", "n"), [(0.5, 5), (0.9, 29), (0.99, 299), (0.999, 2995)])
def test_fewest_samples_of_a_percentile(q: float, n: int):
    """The rule ln(0.05) / ln(q) gives the published minima."""
    assert n == required_n(q)


@pytest.mark.parametrize(("correlation", "expected"), [(0.3, 7.0), (0.5, 11.7), (0.8, 26.2)])
def test_block_length_meets_the_theory_of_an_autoregressive_series(correlation: float, expected: float):
    """On average the rule finds (1.5 (2 r / (1 - r^2))^2)^(1/3) n^(1/3), Politis & White's optimum for AR(1)."""
    rng = np.random.default_rng(5)
    lengths = [block_length(autoregressive(rng, 600, correlation)) for _ in range(60)]

    assert expected == pytest.approx(float(np.mean(lengths)), rel=0.25)


def test_a_constant_series_needs_no_blocks():
    """Without variance there is no memory to keep."""
    assert block_length(np.ones(100)) == 1


def test_blocks_never_exceed_a_sixth_of_the_windows():
    """At least six blocks are left, however long the memory."""
    assert chosen_length(np.linspace(0, 1, 60)) == 10


@given(windows=st.integers(1, 200), data=st.data())
def test_each_replicate_draws_as_many_windows_as_there_are(windows: int, data: st.DataObject):
    """Whatever the block length, a replicate has the size of the run."""
    block = data.draw(st.integers(1, windows))

    drawn = draw_counts(windows, block)

    assert (REPLICATES, windows) == drawn.shape
    assert drawn.min() >= 0
    assert {windows} == set(drawn.sum(axis=1).tolist())


def test_draws_come_in_whole_blocks():
    """With one block as long as the run every replicate is the run itself."""
    assert np.ones((REPLICATES, 12)).tolist() == draw_counts(12, 12).tolist()


def test_the_same_run_gives_the_same_interval():
    """The bootstrap is seeded, so a report made twice is the same."""
    rng = np.random.default_rng(1)
    right, alive = rng.random(60), np.ones(60)
    first = ratio_interval(right, alive)
    draw_counts.cache_clear()

    assert first == ratio_interval(right, alive)


def test_too_few_windows_have_no_interval():
    """Nine windows do not show their own correlation."""
    assert ratio_interval(np.arange(MIN_WINDOWS - 1.0), np.ones(MIN_WINDOWS - 1)) is None


def test_nothing_to_divide_by_has_no_interval():
    """A share of nothing is unknown."""
    assert ratio_interval(np.zeros(60), np.zeros(60)) is None


def test_a_share_without_variation_has_no_interval():
    """A share of exactly one tells nothing of its own uncertainty."""
    assert ratio_interval(np.full(60, 7.0), np.full(60, 7.0)) is None


def test_windows_without_weight_are_no_evidence():
    """Empty windows between busy ones do not break a ratio."""
    busy = np.tile([0.0, 10.0], 30)
    interval = ratio_interval(busy * np.linspace(0.4, 0.6, 60), busy)

    assert interval is not None
    assert interval[0] < 0.5 < interval[1]


def test_a_soak_is_resampled_in_groups():
    """A run of a day costs no more memory than one of twenty minutes."""
    rng = np.random.default_rng(2)
    windows = 50 * MAX_WINDOWS
    half = margin(rng.normal(size=windows), np.ones(windows))

    assert 1.96 / np.sqrt(windows) == pytest.approx(half, rel=0.2)


@pytest.mark.parametrize(
    ("windows", "correlation", "least", "most"),
    [
        (60, 0.0, 0.91, 0.98),
        (60, 0.5, 0.87, 0.96),
        (120, 0.5, 0.90, 0.98),
        (120, 0.8, 0.84, 0.95),
        (600, 0.8, 0.90, 0.99),
    ],
)
def test_coverage_of_a_95_percent_interval(windows: int, correlation: float, least: float, most: float):
    """Calibration: how often the interval of a mean over correlated windows holds the truth, 300 runs each."""
    rng = np.random.default_rng(31)
    covered = 0
    for _ in range(300):
        interval = ratio_interval(autoregressive(rng, windows, correlation), np.ones(windows))
        assert interval is not None
        covered += interval[0] <= 0.0 <= interval[1]

    assert least <= covered / 300 <= most
