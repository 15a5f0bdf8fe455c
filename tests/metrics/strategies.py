"""Hypothesis strategies for histograms and batches."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from loadtest.metrics.batch import Batch, Closing, Gauge, Note
from loadtest.metrics.buckets import MAX_US
from loadtest.metrics.histogram import Histogram

# powers of two are where buckets change their width
edges = st.builds(lambda bit, off: min(max((1 << bit) + off, 0), MAX_US), st.integers(0, 31), st.integers(-2, 2))
values = st.one_of(st.integers(0, 5_000), edges, st.integers(0, MAX_US))
value_lists = st.lists(values, max_size=200)
outliers = st.one_of(st.integers(-(10**12), -1), st.integers(MAX_US + 1, 10**15))


def histogram_of(counted: list[int]) -> Histogram:
    """A histogram of these values."""
    made = Histogram()
    made.record_many(np.array(counted, dtype=np.int64))
    return made


histograms = st.lists(st.one_of(values, outliers), max_size=60).map(histogram_of)

short = st.text(max_size=8)
whole = st.integers(0, 2**40)
keys = st.tuples(
    st.integers(0, 3), st.sampled_from(["fanout", "rest"]), st.sampled_from(["", "a"]), st.sampled_from(["", "agent"])
)
plain_data = st.dictionaries(
    short,
    st.one_of(st.none(), st.booleans(), whole, st.floats(allow_nan=False), short, st.lists(whole, max_size=3)),
    max_size=3,
)
maybe = st.one_of(st.none(), whole)
closings = st.builds(
    Closing, *[short] * 4, *[whole] * 3, short, *[whole] * 4, maybe, short, *[whole] * 12, maybe, maybe
)
batches = st.builds(
    Batch,
    hists=st.dictionaries(keys, histograms, max_size=4),
    counts=st.dictionaries(keys, st.integers(-(2**40), 2**40), max_size=4),
    closings=st.lists(closings, max_size=3),
    notes=st.lists(st.builds(Note, whole, short, short, plain_data), max_size=3),
    gauges=st.lists(st.builds(Gauge, whole, short, short, st.floats(allow_nan=False)), max_size=3),
)
