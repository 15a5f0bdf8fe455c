"""Whether a stretch of windows has come to rest: a slope, its interval, and what it adds up to.

A step of a search counts only at rest, else a queue that is still growing looks like one that is short. The question is
not whether a slope differs from zero (over enough windows every slope does) but whether it matters: a series is at rest
when the 95 % interval of its drift over the stretch includes zero, or when the whole interval is smaller than what
would matter.

The slope is the least-squares one; its error takes the residuals' correlation at lag one into account by an effective
number of windows, ``n (1 - r) / (1 + r)`` (Bayley & Hammersley 1946), since neighbouring windows share their queue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.model import Interval

MIN_WINDOWS = 5
"""Fewer windows have no slope worth the name."""

_MOST_CORRELATED = 0.95


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a series moved over a stretch.

    Attributes:
        share: of its mean, from the stretch's begin to its end.
        interval: 95 % interval of the share; None below :data:`MIN_WINDOWS`.
        matters: the share from which on it would matter.
    """

    share: float
    interval: Interval | None
    matters: float

    @property
    def at_rest(self) -> bool | None:
        """Whether the series stood still; None where there were too few windows to say."""
        if self.interval is None:
            return None
        low, high = self.interval
        return low <= 0 <= high or max(abs(low), abs(high)) <= self.matters

    @property
    def rises(self) -> bool:
        """Whether it grew, and by more than would matter."""
        return self.interval is not None and self.interval[0] > 0 and self.share > self.matters

    @property
    def falls(self) -> bool:
        """Whether it shrank, and by more than would matter."""
        return self.interval is not None and self.interval[1] < 0 and -self.share > self.matters


def drift(values: NDArray[np.float64], matters: float) -> Drift:
    """How far a series moved.

    Args:
        values: one a window, NaN where there is none, shape (windows,).
        matters: the share of its mean from which on a drift would matter.
    """
    there = ~np.isnan(values)
    series, at = values[there], np.flatnonzero(there).astype(float)
    if series.size < MIN_WINDOWS or not series.any():
        return Drift(0.0, None if series.size < MIN_WINDOWS else (0.0, 0.0), matters)
    mean = float(series.mean())
    centred = at - at.mean()
    spread = float(centred @ centred)
    slope = float(centred @ series) / spread
    residual = series - mean - slope * centred
    freedom = series.size - 2
    noise = float(residual @ residual) / freedom
    effective = _effective(residual)
    error = math.sqrt(noise / spread * series.size / effective)
    from scipy.special import stdtrit  # late: importing it costs a third of a second

    half = error * float(stdtrit(max(effective - 2.0, 1.0), 0.975))
    whole = float(values.size) / abs(mean)
    return Drift(slope * whole, ((slope - half) * whole, (slope + half) * whole), matters)


def _effective(residual: NDArray[np.float64]) -> float:
    """How many independent windows the residuals are worth."""
    power = float(residual @ residual)
    if power <= 0:
        return float(residual.size)
    correlation = float(residual[1:] @ residual[:-1]) / power
    bounded = min(max(correlation, 0.0), _MOST_CORRELATED)
    return max(3.0, residual.size * (1 - bounded) / (1 + bounded))
