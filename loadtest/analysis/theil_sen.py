"""Theil-Sen slopes with intervals, of one series or of many at once.

The slope is the median of the slopes between all pairs of points; its interval is cut from the same sorted slopes by
the variance of Kendall's score (Sen 1968, "Estimates of the regression coefficient based on Kendall's tau";
``scipy.stats.theilslopes`` is the oracle in the tests).
For series with a season only pairs of the same phase are taken, and the variances of the phases add up (Hirsch, Slack &
Smith 1982, "Techniques of trend analysis for monthly water quality data").

The interval holds for points that do not remember each other. Medians of long blocks come near to that; how near is
measured in ``tests/analysis/test_growth.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST_CHANGES = 8
_MOST_LAG = 0.95


@dataclass(frozen=True, slots=True)
class Slopes:
    """Slopes of one or more series.

    Attributes:
        slope: the estimates, shape (series,).
        low: lower ends of their intervals, shape (series,).
        high: upper ends, shape (series,).
    """

    slope: Floats
    low: Floats
    high: Floats


def slopes(at: Floats, values: Floats, confidence: float = 0.95) -> Slopes:
    """Theil-Sen slopes over all pairs of points.

    Args:
        at: where the points are, rising, shape (points,), at least 2.
        values: the series, shape (series, points).
        confidence: of the two-sided interval.
    """
    n = at.size
    first, second = np.triu_indices(n, 1)
    found = (values[:, second] - values[:, first]) / (at[second] - at[first])
    return _cut(found, kendall_variance(n), confidence)


def seasonal_slopes(at: Floats, values: Floats, phase: NDArray[np.int64], confidence: float = 0.95) -> Slopes:
    """Theil-Sen slopes over pairs of points of the same phase.

    The phases of one and the same day are not independent of each other: what the day's difference has in common with
    its neighbour's is estimated and widens the interval.

    Args:
        at: where the points are, shape (points,).
        values: the series, shape (series, points).
        phase: which phase each point has, shape (points,); points of a phase that is there once are left out.
        confidence: of the two-sided interval.

    Raises:
        ValueError: no phase is there twice.
    """
    pairs: list[tuple[int, int]] = []
    variance = 0.0
    changes = []
    for one in np.unique(phase):
        members = np.flatnonzero(phase == one)
        if members.size < 2:
            continue
        first, second = np.triu_indices(members.size, 1)
        pairs += zip(members[first].tolist(), members[second].tolist(), strict=True)
        variance += kendall_variance(members.size)
        changes.append(np.median(np.diff(values[:, members], axis=1), axis=1))
    if not pairs:
        raise ValueError("no phase is there twice")
    first, second = np.array(pairs).T
    found = (values[:, second] - values[:, first]) / (at[second] - at[first])
    return _cut(found, variance, confidence, _shared(np.array(changes).T))


def kendall_variance(n: int) -> float:
    """Variance of Kendall's score of ``n`` independent points without ties."""
    return n * (n - 1) * (2 * n + 5) / 18


def _shared(changes: Floats) -> Floats:
    """How many times larger the variance is because neighbouring phases change together, shape (series,); at least 1.

    By their correlation at lag 1, as for a process of order one; a short series shows less of it than there is, which
    is made good by Kendall's correction (1954, "Note on bias in the estimation of autocorrelation").
    """
    count = changes.shape[1]
    if count < _LEAST_CHANGES:
        return np.ones(changes.shape[0])
    centred = changes - np.median(changes, axis=1, keepdims=True)
    power = (centred**2).sum(axis=1)
    told = power > 0
    lag = np.where(told, (centred[:, 1:] * centred[:, :-1]).sum(axis=1) / np.where(told, power, 1.0), 0.0)
    lag = np.clip((count * lag + 1) / (count - 4), 0.0, _MOST_LAG)
    inflation: Floats = (1 + lag) / (1 - lag)
    return inflation


def _cut(found: Floats, variance: float, confidence: float, inflation: Floats | float = 1.0) -> Slopes:
    """The median of sorted slopes and the ranks that bound it."""
    pairs = found.shape[1]
    ordered = np.sort(found, axis=1)
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * np.sqrt(variance * np.asarray(inflation, dtype=np.float64))
    below = np.round((pairs - reach) / 2).astype(np.int64)
    above = np.round((pairs + reach) / 2).astype(np.int64)
    rows = np.arange(found.shape[0])
    low = np.where(below >= 1, ordered[rows, np.clip(below - 1, 0, pairs - 1)], -math.inf)
    high = np.where(above < pairs, ordered[rows, np.clip(above, 0, pairs - 1)], math.inf)
    return Slopes(np.median(ordered, axis=1), low, high)
