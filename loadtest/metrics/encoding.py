"""Histograms as bytes, one by one to write and thousands at a time to read.

A blob is a header, the indices of the buckets that hold something, their counts, and, only where there are any, the
numbers of values out of range; everything little-endian:

    u8   kind       1, or 3 when the two trailing numbers are there
    u8   width      bytes of a count: 1, 2, 4 or 8
    u16  size       how many buckets hold something
    u32  min, max   exact smallest and largest value in microseconds; 0 when empty
    u64  sum        exact sum in microseconds
    u16  index[size]        strictly rising
    u8.. count[size]        at least 1 each, ``width`` bytes wide
    u64  overflow, underflow   only with kind 3

A week of one-second windows is millions of blobs, so reading is done on arrays over a whole chunk of them: about a
microsecond a blob, its checks included.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadtest.metrics.buckets import MAX_US, SIZE, index_of_unchecked, value_of

_PLAIN: Final = 1
_WITH_OUTLIERS: Final = 3
_HEAD: Final = struct.Struct("<BBHIIQ")
_TAIL: Final = struct.Struct("<QQ")
_HEAD_DTYPE: Final = np.dtype(
    [("kind", "u1"), ("width", "u1"), ("size", "<u2"), ("min", "<u4"), ("max", "<u4"), ("sum", "<u8")]
)
_WIDTHS: Final = (1, 2, 4, 8)
_LOWEST: Final = value_of(np.arange(SIZE, dtype=np.int64), "lowest").astype(np.float64)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a histogram consists of.

    Attributes:
        index: buckets that hold something, strictly rising, shape (size,).
        count: how many values each of them holds, at least 1, shape (size,).
        sum_us: exact sum of the values.
        min_us: exact smallest value; 0 when there is none.
        max_us: exact largest value; 0 when there is none.
        overflow: values above the range.
        underflow: values below 0.
    """

    index: NDArray[np.uint16]
    count: NDArray[np.int64]
    sum_us: int
    min_us: int
    max_us: int
    overflow: int
    underflow: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Many histograms in flat arrays: number ``i`` has the entries ``start[i]`` to ``start[i + 1]``.

    Attributes:
        start: shape (blobs + 1,).
        index: buckets of all histograms, one after the other, shape (entries,).
        count: their counts, shape (entries,), writable.
        sum_us, min_us, max_us, overflow, underflow: shape (blobs,).
    """

    start: NDArray[np.int64]
    index: NDArray[np.uint16]
    count: NDArray[np.int64]
    sum_us: NDArray[np.int64]
    min_us: NDArray[np.int64]
    max_us: NDArray[np.int64]
    overflow: NDArray[np.int64]
    underflow: NDArray[np.int64]


def encode(parts: Parts) -> bytes:
    """Turn a histogram's parts into bytes."""
    peak = int(parts.count.max()) if parts.count.size else 0
    width = 1 if peak < 1 << 8 else 2 if peak < 1 << 16 else 4 if peak < 1 << 32 else 8
    outliers = parts.overflow or parts.underflow
    head = _HEAD.pack(
        _WITH_OUTLIERS if outliers else _PLAIN,
        width,
        parts.index.size,
        parts.min_us,
        parts.max_us,
        parts.sum_us,
    )
    tail = _TAIL.pack(parts.overflow, parts.underflow) if outliers else b""
    return head + parts.index.astype("<u2").tobytes() + parts.count.astype(f"<u{width}").tobytes() + tail


def decode(blobs: Sequence[bytes]) -> Chunk:
    """Read many histograms at once.

    Args:
        blobs: each as :func:`encode` made it.

    Returns:
        Their contents in flat arrays, in the order given.

    Raises:
        ValueError: a blob is not a histogram; the text names the first such blob and what is wrong with it.
    """
    short = next((i for i, blob in enumerate(blobs) if len(blob) < _HEAD.size), None)
    if short is not None:
        raise _refusal(short, f"{len(blobs[short])} bytes are too few for a header of {_HEAD.size}")
    head = np.frombuffer(b"".join([blob[: _HEAD.size] for blob in blobs]), dtype=_HEAD_DTYPE)
    kind, width, size = head["kind"], head["width"].astype(np.int64), head["size"].astype(np.int64)
    _check((kind == _PLAIN) | (kind == _WITH_OUTLIERS), "is of an unknown kind")
    _check(np.isin(width, _WIDTHS), "has counts of a width that does not exist")
    length = np.fromiter((len(blob) for blob in blobs), np.int64, len(blobs))
    tailed = kind == _WITH_OUTLIERS
    _check(length == _HEAD.size + size * (2 + width) + tailed * _TAIL.size, "is cut off or has bytes too many")

    index_end = _HEAD.size + 2 * size
    count_end = index_end + size * width
    index = np.frombuffer(
        b"".join([blob[_HEAD.size : end] for blob, end in zip(blobs, index_end.tolist(), strict=True)]), dtype="<u2"
    ).astype(np.uint16, copy=False)
    start = np.zeros(len(blobs) + 1, dtype=np.int64)
    np.cumsum(size, out=start[1:])
    chunk = Chunk(
        start,
        index,
        _counts(blobs, index_end, count_end, width, size),
        _signed(head["sum"], "sum"),
        head["min"].astype(np.int64),
        head["max"].astype(np.int64),
        *_outliers(blobs, tailed),
    )
    _check_contents(chunk)
    return chunk


def _counts(
    blobs: Sequence[bytes],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    width: NDArray[np.int64],
    size: NDArray[np.int64],
) -> NDArray[np.int64]:
    """All blobs' counts one after the other, whatever their widths, shape (entries,)."""
    begins, ends = begin.tolist(), end.tolist()
    raws = {
        wide: b"".join([blobs[row][begins[row] : ends[row]] for row in np.flatnonzero(width == wide).tolist()])
        for wide in _WIDTHS
    }
    parts = {wide: _signed(np.frombuffer(raw, dtype=f"<u{wide}"), "count") for wide, raw in raws.items() if raw}
    if len(parts) == 1:
        return next(iter(parts.values()))
    count = np.empty(int(size.sum()), dtype=np.int64)
    entry_width = np.repeat(width, size)
    for wide, part in parts.items():
        count[entry_width == wide] = part
    return count


def _outliers(blobs: Sequence[bytes], tailed: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Overflow and underflow of each blob, 0 where a blob does not carry them."""
    overflow = np.zeros(len(blobs), dtype=np.int64)
    underflow = np.zeros(len(blobs), dtype=np.int64)
    for row in np.flatnonzero(tailed).tolist():
        above, below = _TAIL.unpack(blobs[row][-_TAIL.size :])
        if max(above, below) >= 1 << 63:
            raise _refusal(row, "has more values out of range than can be")
        overflow[row], underflow[row] = above, below
    return overflow, underflow


def _check_contents(chunk: Chunk) -> None:
    """Refuse what no histogram can hold, however well-formed its bytes are."""
    start, index, count = chunk.start, chunk.index, chunk.count
    _check(index < SIZE, "names a bucket that does not exist", start)
    _check(count >= 1, "has a bucket without values", start)
    rising = np.empty(index.size, dtype=np.bool_)
    np.greater(index[1:], index[:-1], out=rising[1:])
    filled = start[1:] > start[:-1]
    begin = start[:-1][filled]
    rising[begin] = True
    _check(rising, "has buckets out of order", start)
    _check((chunk.min_us <= chunk.max_us) & (chunk.max_us <= MAX_US), "has extremes out of range")
    _check(filled | ((chunk.max_us == 0) & (chunk.sum_us == 0)), "is empty but has a sum or extremes")
    if not begin.size:
        return
    fits = np.ones(filled.size, dtype=np.bool_)
    fits[filled] = (index_of_unchecked(chunk.min_us[filled]) == index[begin]) & (
        index_of_unchecked(chunk.max_us[filled]) == index[start[1:][filled] - 1]
    )
    _check(fits, "has extremes that are not in its outer buckets")
    # in floats, as a product that wraps must not pass for a sum; a bucket is at most 1/1024 of its values wide
    least = np.zeros(filled.size, dtype=np.float64)
    least[filled] = np.add.reduceat(_LOWEST[index] * count, begin)
    slack = least * 1e-9
    possible = (chunk.sum_us >= least - slack) & (chunk.sum_us <= least * (1 + 1 / 1024) + slack)
    _check(possible, "has a sum that its buckets cannot have")


def _signed(values: NDArray[np.unsignedinteger], what: str) -> NDArray[np.int64]:
    if values.size and int(values.max()) >= 1 << 63:
        raise ValueError(f"a histogram's bytes hold a {what} that is too large to be one")
    return values.astype(np.int64)


def _check(ok: NDArray[np.bool_], problem: str, start: NDArray[np.int64] | None = None) -> None:
    """Refuse the first histogram that is not ok; ``ok`` speaks of entries when ``start`` is given, else of blobs."""
    if not ok.all():
        at = int(np.argmin(ok))
        raise _refusal(at if start is None else int(np.searchsorted(start, at, side="right")) - 1, problem)


def _refusal(row: int, problem: str) -> ValueError:
    return ValueError(f"not a histogram's bytes: number {row} {problem}")
