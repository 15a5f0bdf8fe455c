"""Intervals inside a run: a moving-block bootstrap over windows.

The unit of replication is the emission, not the delivery: a hundred receivers of one slow broadcast are one piece of
evidence. A window holds whole emissions (all their receivers count in the window of their due time), so resampling
windows resamples emissions; resampling *blocks* of windows keeps the correlation between neighbours.

Method
    *Moving blocks*: Künsch 1989, "The jackknife and the bootstrap for general stationary observations".
    *Block length*: Politis & White 2004, "Automatic block-length selection for the dependent bootstrap", with the
    correction of Patton, Politis & White 2009. Their length is best for a variance; for coverage longer blocks with a
    t quantile do better (Lazarus, Lewis, Stock & Watson 2018, "HAR inference: recommendations for practice"). So the
    length used is twice theirs, at least ``W ** (1/3)`` (Hall, Horowitz & Jing 1995) and at most a sixth of the
    ``W`` windows, and the t quantile has ``W / length - 1`` degrees of freedom.
    *Percentiles*: the share of samples above the estimate is resampled and its interval is carried back through the
    pooled distribution (Woodruff 1952, "Confidence intervals for medians and other position measures"). This is
    linear in the counts, so that a key costs one matrix-vector product, and infinite samples need no special case.
    *Small-sample factor*: overlapping blocks understate the variance by about ``1 - length / W``; it is divided out.

How well the intervals cover is measured in ``tests/analysis/test_bootstrap.py``: about 95 % for independent windows,
about 90 % for windows correlated by .5, less where fewer than 60 windows are correlated by .8.
They say nothing about the next run: only runs replicate runs.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.model import Interval

REPLICATES = 400
MIN_WINDOWS = 10
"""Fewer windows than this give no interval: their correlation cannot be seen."""

MAX_WINDOWS = 1200
"""Longer runs are resampled in groups of neighbouring windows."""

_CONFIDENCE = 0.95
_SEED = 20_040_117


def required_n(q: float) -> int:
    """Fewest samples from which a percentile has any one-sided 95 % bound.

    The largest of n samples lies above the quantile ``q`` with probability ``1 - q ** n``; that is at least 95 % from
    ``n >= ln(0.05) / ln(q)`` on: 5 for p50, 29 for p90, 299 for p99, 2,995 for p99.9.

    Args:
        q: the quantile, between 0 and 1 (exclusive).
    """
    return math.ceil(math.log(1 - _CONFIDENCE) / math.log(q))


def block_length(series: NDArray[np.float64]) -> int:
    """Block length for a series by Politis & White 2004 (corrected 2009), for overlapping blocks.

    Args:
        series: the statistic's contribution of each window, shape (windows,).

    Returns:
        A length in windows, at least 1.
    """
    n = series.size
    centred = series - series.mean()
    variance = float(centred @ centred) / n
    if n < 4 or variance <= 0:
        return 1
    quiet_run = max(5, math.ceil(math.sqrt(math.log10(n))))
    lags = min(math.ceil(math.sqrt(n)) + quiet_run, n - 1)
    covariance = np.array([float(centred[: n - lag] @ centred[lag:]) / n for lag in range(lags + 1)])
    bandwidth = min(2 * _last_correlated_lag(covariance[1:] / variance, n, quiet_run), lags)
    lag = np.arange(1, bandwidth + 1)
    taper = np.minimum(1.0, 2.0 * (1.0 - lag / bandwidth)) if bandwidth > 1 else np.ones(1)
    slope = 2.0 * float(np.sum(taper * lag * covariance[1 : bandwidth + 1]))
    spectrum = variance + 2.0 * float(np.sum(taper * covariance[1 : bandwidth + 1]))
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))
    if spectrum <= 0:
        return 1
    best = (1.5 * (slope / spectrum) ** 2) ** (1 / 3) * n ** (1 / 3)
    return int(min(max(1, math.ceil(best)), longest))


def _last_correlated_lag(correlation: NDArray[np.float64], n: int, quiet_run: int) -> int:
    """The lag after which ``quiet_run`` correlations in a row are insignificant (Politis & White 2004, footnote c)."""
    loud = np.abs(correlation) >= 2.0 * math.sqrt(math.log10(n) / n)
    for lag in range(max(loud.size - quiet_run, 0) + 1):
        if not loud[lag : lag + quiet_run].any():
            return max(lag, 1)
    return int(np.flatnonzero(loud)[-1]) + 1


def chosen_length(*series: NDArray[np.float64]) -> int:
    """The block length used: the rule of the module docstring over the longest-remembering of several series."""
    windows = series[0].size
    longest_memory = max(block_length(one) for one in series)
    wanted = max(2 * longest_memory, math.ceil(windows ** (1 / 3)))
    return int(max(1, min(wanted, windows // 6)))


@lru_cache(maxsize=32)
def draw_counts(windows: int, block: int) -> NDArray[np.float64]:
    """How often each window is drawn in each replicate; seeded, so that a report made twice is the same report.

    Args:
        windows: number of windows resampled.
        block: block length in windows, at most ``windows``.

    Returns:
        Shape (REPLICATES, windows); each row sums to ``windows``. Shared between callers: read only.
    """
    rng = np.random.default_rng((_SEED, windows, block))
    blocks = -(-windows // block)
    starts = rng.integers(0, windows - block + 1, size=(REPLICATES, blocks))
    lengths = np.full(blocks, block)
    lengths[-1] = windows - (blocks - 1) * block
    steps = np.zeros((REPLICATES, windows + 1))
    rows = np.arange(REPLICATES)[:, None]
    np.add.at(steps, (rows, starts), 1.0)
    np.add.at(steps, (rows, starts + lengths), -1.0)
    drawn: NDArray[np.float64] = steps.cumsum(axis=1)[:, :-1]
    drawn.flags.writeable = False
    return drawn


@lru_cache(maxsize=256)
def _t_quantile(freedom: float) -> float:
    from scipy.special import stdtrit  # late: importing it costs a third of a second

    return float(stdtrit(freedom, 0.5 + _CONFIDENCE / 2))


def margin(linear: NDArray[np.float64], size: NDArray[np.float64], *memory: NDArray[np.float64]) -> float:
    """Half the width of the 95 % interval of ``sum(linear) / sum(size)``.

    Args:
        linear: each window's contribution, centred so that it sums to about 0, shape (windows,).
        size: each window's weight (samples, or time), shape (windows,).
        memory: further series of the same windows that the block length is to respect.

    Returns:
        The half width; 0 where the windows do not differ.
    """
    linear, size = _condensed(linear), _condensed(size)
    windows = linear.size
    block = chosen_length(linear, *(_condensed(series) for series in memory))
    drawn = draw_counts(windows, block)
    weight = drawn @ size
    usable = weight > 0
    deviation = float(np.std((drawn @ linear)[usable] / weight[usable])) if usable.any() else 0.0
    factor = math.sqrt(windows / max(windows - block, 1))
    return deviation * factor * _t_quantile(max(windows / block - 1.0, 2.0))


def _condensed(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum neighbours until at most :data:`MAX_WINDOWS` are left, so that a soak costs what an hour costs."""
    group = -(-series.size // MAX_WINDOWS)
    if group == 1:
        return series
    return np.add.reduceat(series, np.arange(0, series.size, group))


def ratio_interval(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> Interval | None:
    """95 % interval of ``sum(numerator) / sum(denominator)``.

    Args:
        numerator: per window, shape (windows,).
        denominator: per window, shape (windows,).

    Returns:
        The interval, or None where there are fewer than :data:`MIN_WINDOWS` windows, nothing to divide by, or no
        difference between windows (a share of exactly 0 or 1 has no interval from within one run).
    """
    total = float(denominator.sum())
    if numerator.size < MIN_WINDOWS or total <= 0:
        return None
    ratio = float(numerator.sum()) / total
    half = margin(numerator - ratio * denominator, denominator)
    if half <= 1e-12 * max(1.0, abs(ratio)):
        return None
    return ratio - half, ratio + half
