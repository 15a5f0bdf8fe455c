"""The HdrHistogram log: PyPI's reader reads what is written, bucket for bucket."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.metrics.buckets import MAX_US
from loadtest.metrics.histogram import Histogram
from loadtest.metrics.hlog import encode, lines

START_S = 1_795_392_000.25


def of(*values):
    """A histogram of values in microseconds."""
    hist = Histogram()
    hist.record_many(np.array(values, dtype=np.int64))
    return hist


def same(ours, theirs):
    """Whether two histograms hold the same counts in the same buckets."""
    values, counts = ours.buckets()
    return theirs.total_count == ours.n and all(
        theirs.get_count_at_value(int(value)) == count for value, count in zip(values, counts, strict=True)
    )


@given(st.lists(st.integers(0, MAX_US), max_size=60))
@settings(max_examples=60, deadline=None)
def test_their_decoder_reads_ours(values):
    """Every bucket of any histogram survives."""
    hist = of(*values)

    decoded = HdrHistogram.decode(encode(hist))

    assert same(hist, decoded)


def test_large_counts_are_read():
    """Counts that take several bytes, up to a billion in one bucket."""
    hist = Histogram.from_sparse([0, 1500, 9000], [1, 70_000, 1_000_000_000])

    decoded = HdrHistogram.decode(encode(hist))

    assert decoded.total_count == 1_000_070_001


def test_their_reader_reads_a_whole_log(tmp_path):
    """Intervals come back with their tags, times and values."""
    first, second = of(1000, 2000, 3000), of(250)
    path = tmp_path / "run.hlog"
    given_lines = lines(START_S, [("fanout:message.created:agent", 0.0, 1.0, first), ("rest:x", 1.5, 1.0, second)])
    path.write_text("".join(f"{line}\n" for line in given_lines), encoding="ascii")

    reader = HistogramLogReader(str(path), HdrHistogram(1, MAX_US, 3))
    found = [reader.get_next_interval_histogram() for _ in range(3)]
    reader.input_file.close()

    assert reader.get_start_time_sec() == pytest.approx(START_S)
    assert [hist.get_tag() for hist in found[:2]] == ["fanout:message.created:agent", "rest:x"]
    assert [hist.get_start_time_stamp() for hist in found[:2]] == [START_S * 1000, START_S * 1000 + 1500]
    assert same(first, found[0])
    assert same(second, found[1])
    assert found[2] is None
