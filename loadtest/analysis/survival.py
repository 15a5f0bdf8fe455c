"""Quantiles of times that were not all seen to their end (Kaplan and Meier, JASA 53, 1958).

An absence that ended before anybody noticed it says only that noticing would have taken longer. Left out, such times
make detection look faster than it is; counted as detected, slower than it may be. The product-limit estimate uses them
for as long as they were watched. Ties: who is censored at a time was still watched when another was detected at it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loadtest.metrics.histogram import Histogram


def quantile(q: float, seen: Histogram, censored: Histogram) -> float | None:
    """The time within which a share of ``q`` ends.

    Args:
        q: between 0 and 1.
        seen: times that ended, in microseconds.
        censored: times that were followed no further.

    Returns:
        Microseconds, at most the longest time that ended; infinite where so many ends were not seen that the estimate
        never reaches ``q``; None where no time was followed at all.
    """
    times, died, left = _merged(seen, censored)
    if not times.size:
        return None
    at_risk = (died + left)[::-1].cumsum()[::-1]
    surviving = np.cumprod(1.0 - died / at_risk)
    reached = np.flatnonzero(surviving <= 1.0 - q + 1e-12)
    if not reached.size or seen.max_us is None:
        return float("inf")
    return float(min(int(times[reached[0]]), seen.max_us))


def _merged(seen: Histogram, censored: Histogram) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Times in ascending order, with how many ended and how many were censored at each."""
    (when, ended), (until, lost) = seen.buckets(), censored.buckets()
    times = np.union1d(when, until).astype(np.int64)
    died, left = np.zeros(times.size), np.zeros(times.size)
    died[np.searchsorted(times, when)] = ended
    left[np.searchsorted(times, until)] = lost
    return times, died, left
