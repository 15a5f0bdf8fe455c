"""A mergeable latency histogram: microseconds, three significant digits, nothing lost.

Its buckets are HdrHistogram's (:mod:`loadtest.metrics.buckets`), and so are its percentiles: the rank of percentile q
among n values is ``max(floor(q * n / 100 + 0.5), 1)`` and the answer is the highest value of the bucket that holds the
rank (the lowest for q = 0). PyPI's ``hdrhistogram`` is the oracle in the tests.
Unlike it, values out of range are counted (``overflow``, ``underflow``), sum, minimum and maximum are exact, and no
percentile is above the maximum or below the minimum, where a bucket's edge would be.

Only buckets that hold something take memory: 10 bytes each, in room for the next power of two of them, beside about
400 bytes a histogram; one that was read back keeps its counts as narrow as they are, mostly 3 bytes a bucket, until
something is added to it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from loadtest.metrics import buckets, encoding
from loadtest.metrics.buckets import MAX_US, Edge
from loadtest.metrics.encoding import Parts

_FOLD_AT: Final = 256
_NO_INDEX: Final = np.empty(0, dtype=np.uint16)
_NO_COUNT: Final = np.empty(0, dtype=np.int64)
_EXACT: Final = (1 << 63) - 1
_NARROW: Final = (np.uint8, np.uint16, np.uint32)
_Number = TypeVar("_Number", bound=np.generic)


class Histogram:
    """Counts of values in microseconds, 0 to one hour.

    Two histograms merge exactly, in any order and grouping.
    Single values wait in a short buffer and are sorted into buckets together; every reading sees them.

    Attributes:
        overflow: how many values were above one hour.
        underflow: how many values were negative.
    """

    __slots__ = ("_count", "_index", "_max", "_min", "_n", "_sum", "_waiting", "overflow", "underflow")
    __hash__ = None  # type: ignore[assignment]  # it changes

    def __init__(self) -> None:
        self._index: NDArray[np.uint16] = _NO_INDEX
        self._count: NDArray[np.integer[Any]] = _NO_COUNT
        self._waiting: array[int] = array("q")
        self._n = 0
        self._sum = 0
        self._min = 0
        self._max = 0
        self.overflow = 0
        self.underflow = 0

    def record(self, us: int) -> None:
        """Count one value in microseconds."""
        if 0 <= us <= MAX_US:
            self._waiting.append(us)
            if len(self._waiting) >= _FOLD_AT:
                self._fold()
        elif us < 0:
            self.underflow += 1
        else:
            self.overflow += 1

    def record_many(self, us: NDArray[np.integer]) -> None:
        """Count many values at once.

        Args:
            us: whole microseconds, any shape.

        Raises:
            TypeError: the values are not whole numbers.
        """
        values = np.asarray(us).reshape(-1)
        if values.size == 0:
            return
        if values.dtype.kind not in "iu":
            raise TypeError(f"a histogram counts whole microseconds, got an array of {values.dtype}")
        if values.dtype == np.uint64:
            values = np.minimum(values, np.uint64(MAX_US + 1))
        values = values.astype(np.int64, copy=False)
        if values.min() < 0 or values.max() > MAX_US:
            self.underflow += int(np.count_nonzero(values < 0))
            self.overflow += int(np.count_nonzero(values > MAX_US))
            values = values[(values >= 0) & (values <= MAX_US)]
        if values.size < _FOLD_AT:
            self._waiting.frombytes(values.tobytes())
            if len(self._waiting) >= _FOLD_AT:
                self._fold()
        else:
            self._sort_in(values)

    def merge(self, other: Histogram) -> None:
        """Add all of another histogram's counts; the other stays as it is."""
        theirs = other.parts()
        self._fold()
        self._add(theirs.index, theirs.count, theirs.sum_us, theirs.min_us, theirs.max_us)
        self.overflow += theirs.overflow
        self.underflow += theirs.underflow

    def copy(self) -> Histogram:
        """An independent histogram of the same counts."""
        twin = Histogram()
        twin.merge(self)
        return twin

    @property
    def n(self) -> int:
        """How many values are in range and counted."""
        return self._n + len(self._waiting)

    @property
    def sum_us(self) -> int:
        """Exact sum of the values in range."""
        self._fold()
        return self._sum

    @property
    def min_us(self) -> int | None:
        """Exact smallest value in range; None when there is none."""
        self._fold()
        return self._min if self._n else None

    @property
    def max_us(self) -> int | None:
        """Exact largest value in range; None when there is none."""
        self._fold()
        return self._max if self._n else None

    @property
    def mean_us(self) -> float | None:
        """Exact mean of the values in range; None when there is none."""
        self._fold()
        return self._sum / self._n if self._n else None

    def percentile(self, q: float) -> float | None:
        """The value at a percentile, as HdrHistogram's ``getValueAtPercentile``.

        Args:
            q: 0 to 100.

        Returns:
            Microseconds, at most 1/1024 above the true order statistic; None when nothing was counted.

        Raises:
            ValueError: q is not in 0..100.
        """
        return self.percentile_incl_lost(q, 0, overflow_is_lost=False)

    def percentile_incl_lost(self, q: float, lost: int, *, overflow_is_lost: bool = True) -> float | None:
        """The value at a percentile when what never came counts as infinitely late.

        Infinite exactly when more than 100 - q per cent is lost; without loss it equals :meth:`percentile`.

        Args:
            q: 0 to 100.
            lost: how many values never came, 0 or more.
            overflow_is_lost: whether values above one hour count as infinitely late too.

        Returns:
            Microseconds, ``inf``, or None when there is nothing at all.

        Raises:
            ValueError: q is not in 0..100, or lost is negative.
        """
        if not 0 <= q <= 100:
            raise ValueError(f"a percentile lies in 0..100, got {q}")
        if lost < 0:
            raise ValueError(f"lost must be 0 or more, got {lost}")
        self._fold()
        infinite = lost + (self.overflow if overflow_is_lost else 0)
        total = self._n + infinite
        if total == 0:
            return None
        # exact in q's decimal digits: 99.9 % of 1000 is 999, not a hair above
        if self._n == 0 or (infinite and Fraction(repr(float(q))) * total > 100 * self._n):
            return float("inf")
        rank = min(max(int(q * total / 100 + 0.5), 1), self._n)
        at = self._index[np.searchsorted(np.cumsum(self._count), rank)]
        edge = int(buckets.value_of(at, "highest" if q else "lowest"))
        return float(min(edge, self._max) if q else max(edge, self._min))

    def buckets(self, edge: Edge = "highest") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The buckets that hold something.

        Args:
            edge: which value stands for a bucket: its ``lowest``, ``middle`` or ``highest``.

        Returns:
            Values in microseconds, rising, and their counts, both of shape (buckets,).
        """
        self._fold()
        return buckets.value_of(self._index, edge), self._count.astype(np.int64)

    def to_sparse(self) -> tuple[list[int], list[int]]:
        """Indices (rising) and counts of the buckets that hold something."""
        self._fold()
        return self._index.tolist(), self._count.tolist()

    @classmethod
    def from_sparse(
        cls,
        index: Sequence[int] | NDArray[np.integer[Any]],
        count: Sequence[int] | NDArray[np.integer[Any]],
        extremes_us: tuple[int, int] | None = None,
    ) -> Histogram:
        """A histogram of bucket counts.

        The buckets tell no exact values, so the sum is that of their middles, and minimum and maximum, unless given,
        are the lowest and the highest value they may hold: estimates, within 1/1024. :meth:`to_bytes` keeps all exact.

        Args:
            index: bucket indices, strictly rising.
            count: how many values each bucket holds, at least 1.
            extremes_us: the exact smallest and largest value, where they are known; percentiles then stay between
                them, as those of the histogram that the counts are from. Ignored where there are no counts.

        Raises:
            ValueError: they do not describe a histogram.
        """
        indices, counts = np.asarray(index, dtype=np.int64), np.asarray(count, dtype=np.int64)
        if indices.shape != counts.shape or indices.ndim != 1:
            raise ValueError(f"indices and counts differ in shape: {indices.shape} and {counts.shape}")
        if (counts < 1).any():
            raise ValueError(f"a bucket holds at least 1 value, got {counts.min()}")
        if (np.diff(indices) <= 0).any():
            raise ValueError("bucket indices must rise strictly")
        middles = buckets.value_of(indices, "middle")
        made = cls()
        if indices.size:
            outer = indices[[0, -1]]
            if extremes_us is None:
                edges = buckets.value_of(outer, "lowest")[0], buckets.value_of(outer, "highest")[1]
                extremes_us = int(edges[0]), min(int(edges[1]), MAX_US)
            elif not np.array_equal(buckets.index_of(np.array(extremes_us, dtype=np.int64)), outer):
                raise ValueError(f"extremes must lie in the outer buckets, got {extremes_us} us")
            n = sum(counts.tolist())
            if n <= _EXACT // MAX_US:
                sum_us = int(middles @ counts)
            else:
                sum_us = sum(value * held for value, held in zip(middles.tolist(), counts.tolist(), strict=True))
            made._add(indices.astype(np.uint16), counts, sum_us, *extremes_us)
        return made

    def to_bytes(self) -> bytes:
        """The whole histogram, compact: 20 bytes, and 3 for each bucket whose count stays below 256."""
        return encoding.encode(self.parts())

    @classmethod
    def from_bytes(cls, blob: bytes) -> Histogram:
        """The histogram that :meth:`to_bytes` wrote.

        Raises:
            ValueError: the bytes are not a histogram's; the text says why.
        """
        chunk = encoding.decode([blob])
        exact = (chunk.sum_us, chunk.min_us, chunk.max_us, chunk.overflow, chunk.underflow)
        return cls.of(chunk.index, narrowed(chunk.count), int(chunk.count.sum()), *(int(column[0]) for column in exact))

    @classmethod
    def of(
        cls,
        index: NDArray[np.uint16],
        count: NDArray[np.integer[Any]],
        n: int,
        sum_us: int,
        min_us: int,
        max_us: int,
        overflow: int,
        underflow: int,
    ) -> Histogram:
        """A histogram of what is known to be one: nothing is checked, and the arrays become its own.

        Args:
            index: buckets that hold something, strictly rising, shape (size,).
            count: how many values each of them holds, of any width, shape (size,).
            n: the counts' sum.
            sum_us: exact sum of the values.
            min_us: exact smallest value; 0 when there is none.
            max_us: exact largest value; 0 when there is none.
            overflow: values above the range.
            underflow: values below 0.
        """
        made = cls.__new__(cls)  # a long run's report makes hundreds of thousands
        made._index, made._count, made._waiting = index, count, array("q")
        made._n, made._sum, made._min, made._max = n, sum_us, min_us, max_us
        made.overflow, made.underflow = overflow, underflow
        return made

    @staticmethod
    def index_of(us: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bucket of each value in microseconds; see :func:`loadtest.metrics.buckets.index_of`."""
        return buckets.index_of(us)

    @staticmethod
    def value_of(index: NDArray[np.integer], edge: Edge = "highest") -> NDArray[np.int64]:
        """The value that stands for each bucket; see :func:`loadtest.metrics.buckets.value_of`."""
        return buckets.value_of(index, edge)

    def parts(self) -> Parts:
        """All that the histogram consists of; the arrays are its own and must not be changed."""
        self._fold()
        count = self._count.astype(np.int64, copy=False)
        return Parts(self._index, count, self._sum, self._min, self._max, self.overflow, self.underflow)

    @staticmethod
    def columns(
        hists: Sequence[Histogram],
    ) -> tuple[list[NDArray[np.uint16]], list[NDArray[np.integer[Any]]], list[int], list[int], list[int]]:
        """What many histograms consist of, without a call for each.

        Returns:
            Of each its buckets (rising) and their counts as narrow as they are kept, both its own and not to be
            changed, its overflow, and its smallest and largest value in range (0 when there is none).
        """
        for hist in hists:
            if hist._waiting:
                hist._fold()
        return (
            [hist._index for hist in hists],
            [hist._count for hist in hists],
            [hist.overflow for hist in hists],
            [hist._min for hist in hists],
            [hist._max for hist in hists],
        )

    def narrow(self) -> None:
        """Keep the counts in the narrowest type that holds all of them, until something is added."""
        self._fold()
        self._count = narrowed(self._count)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        ours, theirs = self.parts(), other.parts()
        return (
            (ours.sum_us, ours.min_us, ours.max_us) == (theirs.sum_us, theirs.min_us, theirs.max_us)
            and (ours.overflow, ours.underflow) == (theirs.overflow, theirs.underflow)
            and np.array_equal(ours.index, theirs.index)
            and np.array_equal(ours.count, theirs.count)
        )

    def __repr__(self) -> str:
        out_of_range = f", overflow={self.overflow}, underflow={self.underflow}"
        return f"Histogram(n={self.n}, min_us={self.min_us}, max_us={self.max_us}{out_of_range})"

    def _fold(self) -> None:
        """Sort the waiting values into their buckets."""
        if self._waiting:
            values = np.frombuffer(self._waiting, dtype=np.int64)
            self._waiting = array("q")
            self._sort_in(values)

    def _sort_in(self, values: NDArray[np.int64]) -> None:
        """Count values that are known to lie in range; there is at least one."""
        index = buckets.index_of_unchecked(values)
        lowest = int(index.min())
        spread = np.bincount(index - lowest)
        taken = np.flatnonzero(spread)
        self._add(
            (taken + lowest).astype(np.uint16),
            spread[taken].astype(np.int64, copy=False),
            int(values.sum()),
            int(values.min()),
            int(values.max()),
        )

    def _add(self, index: NDArray[np.uint16], count: NDArray[np.int64], sum_us: int, min_us: int, max_us: int) -> None:
        """Add bucket counts, indices strictly rising; what is passed in stays untouched and is never shared."""
        if index.size == 0:
            return
        if self._n == 0:
            self._index, self._count = _kept(index), _kept(count)
            self._min, self._max = min_us, max_us
        else:
            if self._count.dtype != np.int64:
                self._count = self._count.astype(np.int64)
            at = np.searchsorted(self._index, index)
            known = self._index[np.minimum(at, self._index.size - 1)] == index
            self._count[at[known]] += count[known]
            if not known.all():
                new = ~known
                # insertion keeps both rising: np.insert places equal positions in the order given
                self._index = _kept(np.insert(self._index, at[new], index[new]))
                self._count = _kept(np.insert(self._count, at[new], count[new]))
            self._min, self._max = min(self._min, min_us), max(self._max, max_us)
        self._n += int(count.sum())
        self._sum += sum_us


def _kept(values: NDArray[_Number]) -> NDArray[_Number]:
    """A copy in room for a power of two of them.

    Histograms are kept for half a minute and made anew each second, a little larger. In rooms of few sizes one takes
    the place of another; where each has its own size the heap is soon full of holes in which nothing fits.
    """
    room = np.empty(1 << (values.size - 1).bit_length(), dtype=values.dtype)[: values.size]
    room[:] = values
    return room


def narrowed(count: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Counts in the narrowest type that holds all of them."""
    most = int(count.max()) if count.size else 0
    narrow = next((dtype for dtype in _NARROW if most <= np.iinfo(dtype).max), np.int64)
    return count.astype(narrow, copy=False)
