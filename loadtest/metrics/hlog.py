"""Histograms as a HdrHistogram interval log, which its own tools plot and merge.

The log's lines are text (HistogramLogWriter, format 1.3): a tag, the start of the interval in seconds since the base
time, its length in seconds, its largest value, and the histogram as base64 of its V2 compressed encoding. That is a
zlib stream of a header and of counts as ZigZag LEB128 numbers, in which a negative number stands for that many empty
buckets (https://github.com/HdrHistogram/HdrHistogram, AbstractHistogram.encodeIntoCompressedByteBuffer).
Buckets are the same as ours, so nothing is rounded. PyPI's ``hdrhistogram`` reads it in the tests.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from loadtest.metrics.buckets import MAX_US
from loadtest.metrics.histogram import Histogram

_V2: Final = 0x1C849313
_V2_COMPRESSED: Final = 0x1C849314
_HEADER: Final = struct.Struct(">iiiiqqd")
_DIGITS: Final = 3
_US_PER_MS: Final = 1000.0

Interval = tuple[str, float, float, Histogram]
"""Tag, start in seconds since the run's start, length in seconds, and what fell into it, in microseconds."""


def encode(hist: Histogram) -> str:
    """A histogram in HdrHistogram's compressed V2 encoding, as base64."""
    payload = bytearray()
    expected = 0
    for index, count in zip(*hist.to_sparse(), strict=True):
        if index > expected:
            _put(payload, expected - index)
        _put(payload, count)
        expected = index + 1
    header = _HEADER.pack(_V2, len(payload), 0, _DIGITS, 1, MAX_US, 1.0)
    squeezed = zlib.compress(header + bytes(payload))
    return base64.b64encode(struct.pack(">ii", _V2_COMPRESSED, len(squeezed)) + squeezed).decode("ascii")


def lines(started_s: float, intervals: Iterable[Interval]) -> Iterator[str]:
    """The lines of a log.

    Args:
        started_s: when the run started, Unix seconds.
        intervals: what it holds; a tag has neither comma nor blank.
    """
    stamp = datetime.fromtimestamp(started_s, UTC).isoformat(timespec="milliseconds")
    yield "#[Histogram log format version 1.3]"
    yield "#[Values are microseconds; Interval_Max is in milliseconds]"
    yield f"#[StartTime: {started_s:.3f} (seconds since epoch), {stamp}]"
    yield f"#[BaseTime: {started_s:.3f} (seconds since epoch)]"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
    for tag, start_s, length_s, hist in intervals:
        most_ms = (hist.max_us or 0) / _US_PER_MS
        yield f"Tag={tag},{start_s:.3f},{length_s:.3f},{most_ms:.3f},{encode(hist)}"


def _put(payload: bytearray, value: int) -> None:
    """Append a number as ZigZag LEB128 of at most nine bytes, the ninth with all its eight bits."""
    rest = (value << 1) ^ (value >> 63)
    for _ in range(8):
        if rest < 0x80:
            payload.append(rest)
            return
        payload.append(rest & 0x7F | 0x80)
        rest >>= 7
    payload.append(rest & 0xFF)
