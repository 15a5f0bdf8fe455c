"""Many histograms at once, against one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.metrics import bulk
from loadtest.metrics.histogram import Histogram
from tests.metrics.strategies import histogram_of, histograms


@given(st.lists(histograms, max_size=8))
def test_merging_bytes_is_merging(hists: list[Histogram]) -> None:
    """The merge of encoded histograms equals the merge of the histograms."""
    expected = Histogram()
    for hist in hists:
        expected.merge(hist)

    assert expected == bulk.merge_encoded(hist.to_bytes() for hist in hists)


def test_many_are_decoded_across_chunks() -> None:
    """More histograms than a chunk holds come back each at its place, and can be changed apart."""
    hists = [histogram_of([i, i + 1]) for i in range(2_500)]
    decoded = bulk.decode_many(hist.to_bytes() for hist in hists)
    decoded[7].record(7)

    assert hists[:7] == decoded[:7]
    assert histogram_of([7, 7, 8]) == decoded[7]
    assert hists[8:] == decoded[8:]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), histograms), max_size=25), st.integers(1, 7))
def test_groups_merge_as_one_by_one(labelled: list[tuple[int, Histogram]], chunk: int) -> None:
    """Neighbours of one label are added up exactly, wherever the chunks end in which they are read."""
    expected: list[tuple[int, Histogram]] = []
    for label, hist in labelled:
        if not expected or expected[-1][0] != label:
            expected.append((label, Histogram()))
        expected[-1][1].merge(hist)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loadtest.metrics.bulk._CHUNK", chunk)
        labels, merges = bulk.merge_groups((label, hist.to_bytes()) for label, hist in labelled)

    assert [label for label, _ in expected] == labels
    assert [hist for _, hist in expected] == merges
    assert [hist.n for _, hist in expected] == [hist.n for hist in merges]


def test_groups_of_bytes_that_are_no_histograms_are_refused() -> None:
    """As when they are read one by one."""
    with pytest.raises(ValueError, match="number 1"):
        bulk.merge_groups([(1, histogram_of([1]).to_bytes()), (1, b"x")])


@pytest.mark.parametrize("most", [0xFF, 0xFFFF, 0xFFFFFFFF])
def test_counts_read_back_grow_beyond_their_width(most: int) -> None:
    """They are kept as narrow as they are; what is added, read or written knows nothing of it."""
    blob = Histogram.from_sparse([5, 9], [most, 1]).to_bytes()
    for read in (Histogram.from_bytes(blob), bulk.merge_groups([(0, blob)])[1][0]):
        read.merge(Histogram.from_bytes(blob))
        read.record(9)

        assert ([5, 9], [2 * most, 3]) == read.to_sparse()
        assert (2 * most + 3, 2 * most + 3) == (read.n, int(read.buckets()[1].sum()))
        assert read == Histogram.from_bytes(read.to_bytes())


def test_a_histogram_read_back_takes_little_memory() -> None:
    """Two bytes for a bucket's index and one for its count, where no count is larger than 255."""
    blob = histogram_of(list(range(2_000))).to_bytes()
    (read,) = bulk.merge_groups([(0, blob)])[1]

    assert 3 * 2_000 == read._index.nbytes + read._count.nbytes
    assert all(part.dtype == np.int64 for part in (read.parts().count, read.buckets()[1]))


@given(st.lists(histograms, max_size=8))
def test_gathered_histograms_lie_end_to_end(hists: list[Histogram]) -> None:
    """Each histogram's buckets and counts are found at its place, and what lies beyond is not lost."""
    found = bulk.gather(hists)
    ends = np.cumsum(found.size).tolist()
    stretches = [slice(end - size, end) for size, end in zip(found.size.tolist(), ends, strict=True)]

    assert [hist.to_sparse() for hist in hists] == [
        (found.index[stretch].tolist(), found.count[stretch].tolist()) for stretch in stretches
    ]
    assert [hist.overflow for hist in hists] == found.overflow.tolist()
    merged = Histogram()
    for hist in hists:
        merged.merge(hist)
    assert (None if merged.n == 0 else (merged.min_us, merged.max_us)) == found.extremes_us


def test_gathered_counts_stay_narrow() -> None:
    """A histogram without samples among those that were read back does not widen their counts."""
    blobs = [histogram_of([5, 6]).to_bytes(), Histogram().to_bytes()]
    found = bulk.gather([*bulk.decode_many(blobs), Histogram()])

    assert (np.uint8, np.uint16) == (found.count.dtype, found.index.dtype)


@settings(max_examples=40, deadline=None)
@given(st.lists(histograms, max_size=8), st.integers(1, 9))
def test_adding_up_is_merging(hists: list[Histogram], at_once: int) -> None:
    """Buckets of many histograms add up to those of their merge, wherever the stretches end."""
    merged = Histogram()
    for hist in hists:
        merged.merge(hist)
    found = bulk.gather(hists)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loadtest.metrics.bulk._ENTRIES", at_once)
        dense = bulk.add_up(found.index, found.count)
    index = np.flatnonzero(dense)

    assert merged.to_sparse() == (index.tolist(), dense[index].tolist())
    assert dense.size == (index[-1] + 1 if index.size else 0)


def test_counts_add_up_beyond_their_width() -> None:
    """Narrow counts are added as whole numbers of 64 bits."""
    assert [0, 510] == bulk.add_up(np.array([1, 1], np.uint16), np.array([255, 255], np.uint8)).tolist()
