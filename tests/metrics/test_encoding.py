"""Histograms as bytes."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.metrics import encoding
from loadtest.metrics.buckets import MAX_US, SIZE
from loadtest.metrics.encoding import Parts
from loadtest.metrics.histogram import Histogram
from tests.metrics.strategies import histogram_of, histograms


@given(st.lists(histograms, max_size=12))
def test_many_blobs_decode_in_order(hists: list[Histogram]) -> None:
    """A chunk holds each histogram's contents at its own place."""
    chunk = encoding.decode([encoding.encode(hist.parts()) for hist in hists])
    decoded = [
        (chunk.index[a:b].tolist(), chunk.count[a:b].tolist())
        for a, b in zip(chunk.start, chunk.start[1:], strict=False)
    ]

    assert [hist.to_sparse() for hist in hists] == decoded
    assert [hist.overflow for hist in hists] == chunk.overflow.tolist()
    assert [hist.parts().sum_us for hist in hists] == chunk.sum_us.tolist()


@pytest.mark.parametrize("count", [1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**40])
def test_every_width_of_count_survives(count: int) -> None:
    """Counts come back exactly, however large they are."""
    parts = Parts(np.array([5, 7], dtype=np.uint16), np.array([1, count]), 5 + 7 * count, 5, 7, 0, 0)
    chunk = encoding.decode([encoding.encode(parts)])

    assert [1, count] == chunk.count.tolist()


@given(histograms, st.data())
def test_a_cut_off_blob_is_refused(hist: Histogram, data: st.DataObject) -> None:
    """Bytes that end early are never taken for a histogram."""
    blob = hist.to_bytes()
    cut = data.draw(st.integers(0, len(blob) - 1))
    with pytest.raises(ValueError, match="not a histogram's bytes: number 0"):
        encoding.decode([blob[:cut]])


@given(st.binary(max_size=80))
def test_any_bytes_decode_or_are_refused(blob: bytes) -> None:
    """Arbitrary bytes raise ValueError or decode to something that encodes to the same histogram."""
    try:
        hist = Histogram.from_bytes(blob)
    except ValueError:
        return

    assert hist == Histogram.from_bytes(hist.to_bytes())


@given(histograms, st.data())
def test_a_flipped_byte_is_never_a_crash(hist: Histogram, data: st.DataObject) -> None:
    """A damaged blob raises ValueError or is still a consistent histogram."""
    blob = bytearray(hist.to_bytes())
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        damaged = Histogram.from_bytes(bytes(blob))
    except ValueError:
        return

    assert sum(damaged.to_sparse()[1]) == damaged.n


def _blob(
    kind: int = 1, width: int = 1, low: int = 5, high: int = 7, total: int = 12, index: tuple[int, ...] = (5, 7)
) -> bytes:
    head = struct.pack("<BBHIIQ", kind, width, len(index), low, high, total)
    return head + struct.pack(f"<{len(index)}H", *index) + b"\1" * len(index)


@pytest.mark.parametrize(
    ("blob", "problem"),
    [
        (_blob(kind=9), "unknown kind"),
        (_blob(width=3), "width"),
        (_blob() + b"x", "bytes too many"),
        (_blob(index=(7, 5)), "out of order"),
        (_blob(index=(5, 5)), "out of order"),
        (_blob(index=(5, SIZE)), "bucket that does not exist"),
        (_blob()[:-1] + b"\0", "bucket without values"),
        (_blob(low=6), "outer buckets"),
        (_blob(high=8), "outer buckets"),
        (_blob(low=8, high=7), "extremes out of range"),
        (_blob(high=MAX_US + 1), "extremes out of range"),
        (_blob(total=11), "sum that its buckets cannot have"),
        (_blob(total=2**64 - 1), "too large"),
        (_blob(index=(), low=0, high=0, total=3), "empty but has a sum"),
    ],
)
def test_what_no_histogram_can_hold_is_refused(blob: bytes, problem: str) -> None:
    """Well-formed bytes with impossible contents are an error that says what is impossible."""
    with pytest.raises(ValueError, match=problem):
        encoding.decode([blob])


def test_the_error_names_the_blob() -> None:
    """Of many blobs, the error gives the number of the one at fault."""
    with pytest.raises(ValueError, match="number 2 has buckets out of order"):
        encoding.decode([_blob(), histogram_of([]).to_bytes(), _blob(index=(7, 5)), _blob()])


def test_small_histograms_stay_small() -> None:
    """Three values take 29 bytes."""
    assert len(histogram_of([900, 1_500, 200_000]).to_bytes()) == 29
