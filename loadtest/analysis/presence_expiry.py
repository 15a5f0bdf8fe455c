"""A target's presence expiry, from what observers were told and when.

Somebody shown whose last beat is a seconds old says that the expiry is at least a; somebody missing, that it is less
than the age of the last beat that was answered. Without faults and rounding one number separates all ages of shown from
all ages of missing. A server that keeps whole seconds blurs it by one second, and lost or late beats contradict it here
and there. So the estimate is the age with the fewest contradictions (the threshold of least empirical error), and its
bounds hold every age whose contradictions are not clearly more: at most :data:`SLACK` standard deviations of that
fewest count, taken as Poisson's, and one for the gap between two samples. Where only shown, or only missing, were seen
their largest, or smallest, age is the one bound there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadtest.analysis.quantiles import S_PER_US
from loadtest.metrics.histogram import Histogram

SLACK = 3.0
"""Standard deviations by which contradictions may exceed the fewest within the bounds."""
FEWEST = 20
"""Fewer ages than this on either side bound nothing."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """An estimated expiry.

    Attributes:
        seconds: the estimate; None where the ages of only one side are known.
        low: it is at least this; None where nobody was shown.
        high: it is less than this; None where nobody was missing.
        n: ages behind it.
        contradictions: share of them that the estimate contradicts.
    """

    seconds: float | None
    low: float | None
    high: float | None
    n: int
    contradictions: float | None


def estimate(shown: Histogram, missing: Histogram) -> Expiry:
    """Find the expiry.

    Args:
        shown: ages of the last beat of those who were shown, in microseconds.
        missing: ages of the last answered beat of those who were not.
    """
    n = shown.n + missing.n
    (young, many), (old, few) = shown.buckets("lowest"), missing.buckets("lowest")
    if shown.n < FEWEST or missing.n < FEWEST:
        low = float(young[-1]) if shown.n >= FEWEST else None
        high = float(old[0]) if missing.n >= FEWEST else None
        return Expiry(None, _s(low), _s(high), n, None)
    edges = np.concatenate(([0], np.union1d(young, old), [max(young[-1], old[-1]) + 1]))
    # an expiry between one edge and the next contradicts who is shown above it, and who is missing below
    above = shown.n - np.concatenate(([0], np.cumsum(many)))[np.searchsorted(young, edges[:-1], side="right")]
    below = np.concatenate(([0], np.cumsum(few)))[np.searchsorted(old, edges[:-1], side="right")]
    wrong = above + below
    fewest = int(wrong.min())
    best = np.flatnonzero(wrong == fewest)
    near = np.flatnonzero(wrong <= fewest + 1 + SLACK * np.sqrt(fewest))
    seconds = _s((float(edges[best[0]]) + float(edges[best[-1] + 1])) / 2)
    return Expiry(seconds, _s(float(edges[near[0]])), _s(float(edges[near[-1] + 1])), n, fewest / n)


def _s(us: float | None) -> float | None:
    return None if us is None else round(us * S_PER_US, 3)
