"""Percentiles of windowed histograms, with their intervals.

A :class:`Pool` is one metric over a set of windows: the merged histogram for estimates (HdrHistogram's definition of a
percentile) and the windows' bucket counts for intervals. Samples that never came can be added as infinite, so that a
target cannot improve a percentile by dropping its slow deliveries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.bootstrap import MIN_WINDOWS, margin, required_n
from loadtest.analysis.model import Estimate, Interval
from loadtest.metrics import bulk
from loadtest.metrics.histogram import Histogram

MS_PER_US = 1e-3
S_PER_US = 1e-6


class Pool:
    """One metric over a set of windows.

    Args:
        positions: for each histogram, the place of its window among the windows, shape (histograms,).
        hists: the histograms, microseconds.
        windows: how many windows there are, those without a histogram included.
        lost: samples per window that never came, shape (windows,); they count as infinite.

    Attributes:
        n: samples that came.
        max_us: the largest sample, exactly; None when there is none.
    """

    def __init__(
        self,
        positions: NDArray[np.int64],
        hists: Sequence[Histogram],
        windows: int,
        lost: NDArray[np.float64] | None = None,
    ) -> None:
        gathered = bulk.gather(hists)
        self._windows = windows
        self._lost = np.zeros(windows) if lost is None else lost
        self._overflow = np.bincount(positions, gathered.overflow, windows) if hists else self._lost * 0
        self._bucket, self._count = gathered.index, gathered.count
        self._positions = positions
        self._end = np.cumsum(gathered.size)
        self._begin = self._end - gathered.size
        self._sizes_by_bucket: dict[int, NDArray[np.float64]] = {}
        self.n = int(self._count.sum(dtype=np.int64))
        self._extremes_us = gathered.extremes_us
        self.max_us = None if gathered.extremes_us is None else gathered.extremes_us[1]

    def percentile(self, q: float) -> Estimate:
        """A percentile of what came, in microseconds.

        Args:
            q: the quantile, between 0 and 1 (exclusive).

        Returns:
            The estimate; its value is None below :func:`~loadtest.analysis.bootstrap.required_n` samples.
        """
        if self.n < required_n(q):
            return Estimate(None, None, self.n)
        value = self.merged.percentile(_percent(q))
        assert value is not None
        return Estimate(value, self._interval(q, value, np.zeros(self._windows)), self.n)

    def percentile_incl_lost(self, q: float) -> Estimate:
        """A percentile over what came and what was lost, in microseconds.

        The lost count as infinite, and so does what came later than the histogram's range.
        """
        infinite = self._lost + self._overflow
        n = self.n + int(infinite.sum())
        if n < required_n(q):
            return Estimate(None, None, n)
        value = self.merged.percentile_incl_lost(_percent(q), int(self._lost.sum()))
        assert value is not None
        return Estimate(value, self._interval(q, value, infinite), n)

    @cached_property
    def merged(self) -> Histogram:
        """The sum of the histograms, exactly but for the sum of its values, which is that of buckets' middles."""
        buckets = np.flatnonzero(self._pooled)
        merged = Histogram.from_sparse(buckets, self._pooled[buckets], self._extremes_us)
        merged.overflow = int(self._overflow.sum())
        return merged

    def _interval(self, q: float, estimate: float, infinite: NDArray[np.float64]) -> Interval | None:
        """Woodruff's interval of the quantile ``q``; see :mod:`loadtest.analysis.bootstrap`."""
        if self._windows < MIN_WINDOWS:
            return None
        size = self._sizes + infinite
        cumulative = np.cumsum(self._pooled)
        total = float(size.sum())

        def value_at(level: float) -> float:
            bucket = self._bucket_at(level * total, cumulative)
            if bucket is None or self.max_us is None:
                return math.inf
            return float(min(int(Histogram.value_of(np.array([bucket]))[0]), self.max_us))

        def above(level: float) -> NDArray[np.float64]:
            """Each window's samples above a quantile, less its share of them.

            The quantile's own bucket is split so that the pooled share above is exactly ``1 - level``: else a quantile
            in the last bucket would have nothing above it, and seem certain.
            """
            rank = level * total
            bucket = self._bucket_at(rank, cumulative)
            before = self._sizes if bucket is None else self._sizes_to(bucket - 1)
            inside = (size if bucket is None else self._sizes_to(bucket)) - before
            split = (rank - float(before.sum())) / float(inside.sum())
            return size * level - before - inside * split

        half = margin(above(q), size, *(above(level) for level in _BULK if level < q))
        return min(value_at(q - half), estimate), max(value_at(q + half), estimate)

    @staticmethod
    def _bucket_at(rank: float, cumulative: NDArray[np.int64]) -> int | None:
        """The bucket that holds a rank; None beyond what came."""
        bucket = int(np.searchsorted(cumulative, max(rank, 1.0) - 1e-6))
        return bucket if bucket < cumulative.size else None

    def _sizes_to(self, bucket: int) -> NDArray[np.float64]:
        """Samples per window up to and including a bucket."""
        if bucket not in self._sizes_by_bucket:
            self._sizes_by_bucket[bucket] = self._by_window(self._ends_of(bucket))
        return self._sizes_by_bucket[bucket]

    @cached_property
    def _sizes(self) -> NDArray[np.float64]:
        """Samples that came, per window."""
        return self._by_window(self._end)

    def _by_window(self, end: NDArray[np.int64]) -> NDArray[np.float64]:
        """Samples per window, those of each histogram's entries before ``end``."""
        if not self._positions.size:
            return np.zeros(self._windows)
        samples = self._samples_before[end] - self._samples_before[self._begin]
        return np.bincount(self._positions, samples, self._windows).astype(np.float64)

    @cached_property
    def _samples_before(self) -> NDArray[np.signedinteger[Any]]:
        """Samples in all entries before each, shape (entries + 1,)."""
        dtype = np.int32 if self.n <= np.iinfo(np.int32).max else np.int64  # a week's has millions of entries
        before: NDArray[np.signedinteger[Any]] = np.zeros(self._count.size + 1, dtype=dtype)
        np.cumsum(self._count, dtype=dtype, out=before[1:])
        return before

    def _ends_of(self, bucket: int) -> NDArray[np.int64]:
        """For each histogram its first entry beyond a bucket, found in all of them at once by halving."""
        low, high = self._begin, self._end
        while (open_ := low < high).any():
            middle = (low + high) >> 1
            within = open_ & (self._bucket[np.minimum(middle, self._bucket.size - 1)] <= bucket)
            low, high = np.where(within, middle + 1, low), np.where(open_ & ~within, middle, high)
        return low

    @cached_property
    def _pooled(self) -> NDArray[np.int64]:
        """Samples in each bucket over all windows, shape (buckets,)."""
        return bulk.add_up(self._bucket, self._count)


_BULK = (0.5, 0.9)
"""Quantiles whose memory the block length respects too: a tail alone holds too few samples to show its own."""


def _percent(q: float) -> float:
    """A quantile as a percentage in its own decimals: 0.999 is 99.9, not a hair above."""
    return float(f"{100 * q:.10g}")
