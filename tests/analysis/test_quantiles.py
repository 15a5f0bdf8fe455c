"""Percentiles over windows and their intervals."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from loadtest.analysis.quantiles import Pool
from loadtest.metrics.histogram import Histogram


def hist_of(values: object) -> Histogram:
    """A histogram of microseconds."""
    hist = Histogram()
    hist.record_many(np.asarray(values, np.int64))
    return hist


def pool_of(*windows: object, lost: list[float] | None = None) -> Pool:
    """A pool with one histogram in each window."""
    hists = [hist_of(values) for values in windows]
    losses = None if lost is None else np.array(lost)
    return Pool(np.arange(len(hists)), hists, len(hists), losses)


def test_percentiles_are_those_of_the_merged_histogram():
    """Pooling windows loses nothing."""
    rng = np.random.default_rng(1)
    windows = [rng.integers(1_000, 90_000, 200) for _ in range(20)]
    merged = hist_of(np.concatenate(windows))
    pool = pool_of(*windows)

    assert [merged.percentile(q) for q in (50, 90, 99, 99.9)] == [
        pool.percentile(q).value for q in (0.5, 0.9, 0.99, 0.999)
    ]


def test_the_maximum_is_exact():
    """The largest sample is not rounded to its bucket."""
    assert pool_of([5_000_001], [77]).max_us == 5_000_001


def test_no_percentile_and_no_bound_is_above_the_maximum():
    """Of equal latencies every percentile is the latency itself, and so is its interval."""
    estimate = pool_of(*([79_400] * 30 for _ in range(20))).percentile(0.99)

    assert (79_400.0, (79_400.0, 79_400.0)) == (estimate.value, estimate.interval)


@pytest.mark.parametrize(("n", "known"), [(298, False), (299, True)])
def test_a_p99_takes_299_samples(n: int, known: bool):
    """Below the minimum there is no number at all."""
    assert known == (pool_of(range(n)).percentile(0.99).value is not None)


def test_an_empty_pool_knows_nothing():
    """No histogram, no sample, no maximum, no percentile."""
    pool = Pool(np.zeros(0, np.int64), [], 60)

    assert [pool.n, pool.max_us, pool.percentile(0.5).value] == [0, None, None]


def test_more_than_one_percent_lost_makes_the_p99_infinite():
    """What never came is slower than everything that came."""
    windows = [[1_000] * 98 for _ in range(20)]

    assert math.inf == pool_of(*windows, lost=[2.0] * 20).percentile_incl_lost(0.99).value


def test_a_few_lost_raise_the_p99_only():
    """Half a percent lost moves the p99 up but leaves it finite."""
    windows = [list(range(1_000, 1_199)) for _ in range(20)]
    pool = pool_of(*windows, lost=[1.0] * 20)
    came, with_lost = pool.percentile(0.99).value, pool.percentile_incl_lost(0.99).value

    assert came is not None
    assert with_lost is not None
    assert came < with_lost < math.inf


def test_everything_lost_is_infinite():
    """A target that delivers nothing has no finite percentile."""
    pool = Pool(np.zeros(0, np.int64), [], 20, np.full(20, 20.0))

    assert (math.inf, (math.inf, math.inf)) == (
        pool.percentile_incl_lost(0.99).value,
        pool.percentile_incl_lost(0.99).interval,
    )


def test_losses_near_the_limit_open_the_interval_upwards():
    """When about one percent is lost, nobody can say that the p99 is finite."""
    rng = np.random.default_rng(3)
    windows = [rng.integers(10_000, 20_000, 99) for _ in range(60)]
    estimate = pool_of(*windows, lost=rng.poisson(0.9, 60).astype(float).tolist()).percentile_incl_lost(0.99)

    assert estimate.interval is not None
    assert estimate.interval[0] < 20_000
    assert math.inf == estimate.interval[1]


def test_an_interval_holds_its_estimate():
    """Rounding to buckets never puts an estimate outside its own interval."""
    rng = np.random.default_rng(4)
    estimate = pool_of(*(rng.lognormal(10, 1, 30) for _ in range(30))).percentile(0.99)

    assert estimate.interval is not None
    assert estimate.value is not None
    assert estimate.interval[0] <= estimate.value <= estimate.interval[1]


def test_a_quantile_in_the_last_bucket_is_not_certain():
    """When the slowest samples share a bucket, the interval still reaches below it."""
    rng = np.random.default_rng(6)
    estimate = pool_of(*(np.where(rng.random(10) < 0.012, 50_000, 1_000) for _ in range(60))).percentile(0.99)

    assert estimate.interval is not None
    assert estimate.interval[0] < 2_000


def test_few_windows_have_no_interval():
    """Nine windows give an estimate without an interval."""
    estimate = pool_of(*([1_000] * 50 for _ in range(9))).percentile(0.99)

    assert (estimate.value, estimate.interval) == (1_000.0, None)


def test_receivers_of_one_emission_are_not_independent():
    """A hundred receivers of the same emissions leave the interval as wide as one receiver each does."""
    rng = np.random.default_rng(8)
    emissions = rng.lognormal(10, 0.5, (60, 10))
    single = pool_of(*emissions).percentile(0.5).interval
    crowd = pool_of(*np.repeat(emissions, 100, axis=1)).percentile(0.5).interval

    assert single is not None
    assert crowd is not None
    assert single == pytest.approx(crowd, rel=0.02)


def test_coverage_of_percentile_intervals():
    """Calibration: 95 % intervals over 120 windows correlated by .5 hold the true percentile in 84 to 99 % of runs."""
    rng = np.random.default_rng(21)
    runs, windows = 80, 120
    covered = np.zeros(3)
    for _ in range(runs):
        drift = np.zeros(windows + 50)
        for i, step in enumerate(rng.normal(size=windows + 49), 1):
            drift[i] = 0.5 * drift[i - 1] + math.sqrt(0.75) * step
        emissions = 0.25 * drift[50:, None, None] + 0.3 * rng.normal(size=(windows, 10, 1))
        values = np.exp(math.log(30_000) + emissions + 0.3 * rng.normal(size=(windows, 10, 10)))
        pool = pool_of(*values.reshape(windows, -1))
        for i, q in enumerate((0.5, 0.9, 0.99)):
            truth = 30_000 * math.exp(NormalDist().inv_cdf(q) * math.sqrt(0.25**2 + 0.3**2 + 0.3**2))
            interval = pool.percentile(q).interval
            assert interval is not None
            covered[i] += interval[0] <= truth <= interval[1]

    assert all(0.84 <= share <= 0.99 for share in covered / runs)
