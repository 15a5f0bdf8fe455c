"""Quantiles of times that were not all seen to their end."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.survival import quantile
from loadtest.metrics import Histogram


def of(*us):
    """A histogram of so many microseconds."""
    hist = Histogram()
    for value in us:
        hist.record(value)
    return hist


def test_the_textbook_example():
    """Freireich's 21 remissions under 6-MP (Cox 1972): half of them have ended after 23 weeks."""
    ended = (6, 6, 6, 7, 10, 13, 16, 22, 23)
    censored = (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)

    assert quantile(0.5, of(*ended), of(*censored)) == 23


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_without_censoring_it_is_the_plain_quantile(times, q):
    """The product limit of complete times is one less the empirical distribution."""
    rank = math.ceil(q * len(times) - 1e-9)

    assert quantile(q, of(*times), of()) == sorted(times)[max(rank, 1) - 1]


def test_what_was_never_reached_is_infinite():
    """When three of four times were cut off, nobody knows the median."""
    assert quantile(0.5, of(5), of(10, 10, 10)) == math.inf


def test_no_quantile_is_above_the_longest_time_seen():
    """Its bucket ends later; one that was censored in the same bucket was still watched."""
    assert quantile(0.5, of(79_400), of(79_370)) == 79_400


def test_nothing_gives_nothing():
    """No times, no quantile."""
    assert quantile(0.5, of(), of()) is None


@pytest.mark.parametrize("q", [0.25, 0.5, 0.75])
def test_censored_times_make_it_no_faster(q):
    """Taking censored times for detections would bound the estimate from below."""
    seen, cut = (3, 5, 8, 13, 21, 34), (4, 9, 30)

    assert quantile(q, of(*seen), of(*cut)) >= quantile(q, of(*seen, *cut), of())
