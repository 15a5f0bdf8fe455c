"""Many histograms at once: read from their bytes, merged, laid end to end.

A long run has hundreds of thousands of histograms with hundreds of buckets each. Whatever touches all of them works on
flat arrays over many, never on one after the other: a thousand blobs are decoded together
(:mod:`loadtest.metrics.encoding`), and :func:`add_up` adds a stretch of buckets into one array of all buckets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadtest.metrics import buckets, encoding
from loadtest.metrics.buckets import MAX_US
from loadtest.metrics.histogram import Histogram, narrowed

_CHUNK: Final = 512
_ENTRIES: Final = 1 << 15
"""So many are added up at once: their wide copies stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Many histograms laid end to end; those without a sample have no entries.

    Attributes:
        size: entries of each histogram, shape (histograms,).
        index: buckets of all histograms, rising within each, shape (entries,).
        count: how many values each entry holds, in the narrowest type of all histograms', shape (entries,).
        overflow: values above the range of each histogram, shape (histograms,).
        extremes_us: the smallest and the largest value of all, exactly; None when there is none.
    """

    size: NDArray[np.int64]
    index: NDArray[np.uint16]
    count: NDArray[np.integer[Any]]
    overflow: NDArray[np.int64]
    extremes_us: tuple[int, int] | None


def gather(hists: Sequence[Histogram]) -> Gathered:
    """Lay histograms end to end, in their order."""
    indices, counts, overflow, smallest, largest = Histogram.columns(hists)
    index = np.concatenate(indices) if hists else np.zeros(0, np.uint16)
    filled = [at for at, held in enumerate(indices) if held.size]
    return Gathered(
        np.array([*map(len, indices)], dtype=np.int64),
        index,
        # one without entries has counts of 64 bits, and would widen all others'
        np.concatenate([count for count in counts if count.size]) if index.size else np.zeros(0, np.int64),
        np.array(overflow, dtype=np.int64),
        (min(smallest[at] for at in filled), max(largest)) if filled else None,
    )


def add_up(index: NDArray[np.uint16], count: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The sum of all counts of each bucket, exactly.

    Args:
        index: buckets in any order, shape (entries,).
        count: how many values each entry holds, shape (entries,).

    Returns:
        Shape (highest bucket + 1,); empty when there are no entries.
    """
    dense = np.zeros(int(index.max(initial=0)) + 1 if index.size else 0, dtype=np.int64)
    _add_into(dense, index, count)
    return dense


def _add_into(dense: NDArray[np.int64], index: NDArray[np.uint16], count: NDArray[np.integer[Any]]) -> None:
    for begin in range(0, index.size, _ENTRIES):
        end = begin + _ENTRIES
        # an unbuffered addition is thirty times as fast where neither side has to be cast on the way
        np.add.at(dense, index[begin:end].astype(np.intp), count[begin:end].astype(np.int64, copy=False))


def decode_many(blobs: Iterable[bytes]) -> list[Histogram]:
    """Many histograms from their bytes, about 20 times faster than one by one.

    Args:
        blobs: :meth:`Histogram.to_bytes` results; an iterator is read in chunks.

    Raises:
        ValueError: some bytes are not a histogram's; the text says why.
    """
    return [hist for chunk in _chunks(blobs) for hist in _each(chunk)]


def _each(chunk: encoding.Chunk) -> Iterator[Histogram]:
    starts = chunk.start.tolist()
    totals = np.concatenate(([0], np.cumsum(chunk.count)))[chunk.start]
    exact = (np.diff(totals), chunk.sum_us, chunk.min_us, chunk.max_us, chunk.overflow, chunk.underflow)
    index, count = chunk.index, narrowed(chunk.count)
    for i, numbers in enumerate(zip(*(column.tolist() for column in exact), strict=True)):
        begin, end = starts[i], starts[i + 1]
        yield Histogram.of(index[begin:end], count[begin:end], *numbers)


def merge_encoded(blobs: Iterable[bytes]) -> Histogram:
    """The merge of many histograms straight from their bytes, without making one of each.

    Args:
        blobs: any number of :meth:`Histogram.to_bytes` results; an iterator is read in chunks, so memory stays small.

    Raises:
        ValueError: some bytes are not a histogram's; the text says why.
    """
    dense = np.zeros(buckets.SIZE, dtype=np.int64)
    extremes: list[int] = []
    sum_us = overflow = underflow = 0
    for chunk in _chunks(blobs):
        _add_into(dense, chunk.index, chunk.count)
        filled = np.diff(chunk.start) > 0
        if filled.any():
            extremes += (int(chunk.min_us[filled].min()), int(chunk.max_us[filled].max()))
        sum_us += int(chunk.sum_us.sum())
        overflow += int(chunk.overflow.sum())
        underflow += int(chunk.underflow.sum())
    index = np.flatnonzero(dense)
    count = dense[index]
    least, most = (min(extremes), max(extremes)) if extremes else (0, 0)
    return Histogram.of(index.astype(np.uint16), count, int(count.sum()), sum_us, least, most, overflow, underflow)


def merge_groups(labelled: Iterable[tuple[int, bytes]]) -> tuple[list[int], list[Histogram]]:
    """The merge of each group of neighbours straight from their bytes, without making a histogram of each.

    Args:
        labelled: a label and a :meth:`Histogram.to_bytes` result each; neighbours of one label are a group. An
            iterator is read in chunks, so that beside the results memory stays small, however large a group is.

    Returns:
        The groups' labels and merges, in their order.

    Raises:
        ValueError: some bytes are not a histogram's; the text says why.
    """
    labels: list[int] = []
    merges: list[Histogram] = []
    dense = np.zeros(buckets.SIZE, dtype=np.int64)
    rest = iter(labelled)
    while piece := [*islice(rest, _CHUNK)]:
        chunk = encoding.decode([blob for _, blob in piece])
        names = np.array([label for label, _ in piece], dtype=np.int64)
        begins = np.concatenate(([0], np.flatnonzero(names[1:] != names[:-1]) + 1))
        for label, part in zip(names[begins].tolist(), _of_stretches(chunk, begins, dense), strict=True):
            if labels and labels[-1] == label:
                merges[-1].merge(part)
                merges[-1].narrow()
            else:
                labels.append(label)
                merges.append(part)
    return labels, merges


def _of_stretches(chunk: encoding.Chunk, begins: NDArray[np.int64], dense: NDArray[np.int64]) -> Iterator[Histogram]:
    """The merge of each stretch of a chunk's histograms.

    Args:
        chunk: the histograms.
        begins: where each stretch begins, strictly rising from 0, shape (stretches,).
        dense: room for all buckets, zero before and after each stretch.
    """
    filled = chunk.start[1:] > chunk.start[:-1]
    least = np.minimum.reduceat(np.where(filled, chunk.min_us, MAX_US), begins)
    most = np.maximum.reduceat(chunk.max_us, begins)  # 0 where there is nothing
    low, high = buckets.index_of_unchecked(least).tolist(), buckets.index_of_unchecked(most).tolist()
    sums = [np.add.reduceat(part, begins).tolist() for part in (chunk.sum_us, chunk.overflow, chunk.underflow)]
    entries = chunk.start[[*begins.tolist(), filled.size]].tolist()
    index = chunk.index.astype(np.intp)
    exact = zip(*sums, least.tolist(), most.tolist(), strict=True)
    for i, (sum_us, overflow, underflow, min_us, max_us) in enumerate(exact):
        begin, end = entries[i], entries[i + 1]
        if begin == end:
            yield Histogram.of(chunk.index[:0], chunk.count[:0], 0, 0, 0, 0, overflow, underflow)
            continue
        np.add.at(dense, index[begin:end], chunk.count[begin:end])
        here = dense[low[i] : high[i] + 1]
        taken = np.flatnonzero(here != 0)  # of truth values it is several times as fast
        count = here[taken]
        here[taken] = 0
        yield Histogram.of(
            (taken + low[i]).astype(np.uint16),
            narrowed(count),
            int(count.sum()),
            sum_us,
            min_us,
            max_us,
            overflow,
            underflow,
        )


def _chunks(blobs: Iterable[bytes]) -> Iterator[encoding.Chunk]:
    rest = iter(blobs)
    while piece := [*islice(rest, _CHUNK)]:
        yield encoding.decode(piece)
