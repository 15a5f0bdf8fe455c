"""The histogram, against PyPI's hdrhistogram and plain lists."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.metrics.buckets import MAX_US
from loadtest.metrics.histogram import Histogram
from tests.metrics.strategies import histogram_of, histograms, outliers, value_lists, values

PERCENTILES = st.one_of(st.sampled_from([0.0, 50.0, 90.0, 99.0, 99.9, 100.0]), st.floats(0, 100))


def _oracle_of(counted: list[int]) -> HdrHistogram:
    oracle = HdrHistogram(1, MAX_US, 3)
    for us in counted:
        assert oracle.record_value(us)
    return oracle


@settings(max_examples=40, deadline=None)
@given(value_lists, PERCENTILES)
def test_percentiles_are_hdrhistograms(counted: list[int], q: float) -> None:
    """Any percentile is PyPI's hdrhistogram's, within the exact extremes; None where it says 0 for nothing."""
    actual = histogram_of(counted).percentile(q)
    theirs = _oracle_of(counted).get_value_at_percentile(q)

    assert (min(max(theirs, min(counted)), max(counted)) if counted else None) == actual


def test_no_percentile_is_above_the_maximum() -> None:
    """Whose bucket ends at 79,423: p99 is the maximum, as p100 is; p0 is the minimum, whose bucket begins at 79,360."""
    hist = histogram_of([79_365, 79_400])

    assert (79_365.0, 79_400.0, 79_400.0) == tuple(hist.percentile(q) for q in (0, 99, 100))


@given(value_lists, value_lists, PERCENTILES)
def test_merged_percentiles_are_those_of_all_values(left: list[int], right: list[int], q: float) -> None:
    """Several processes answer as one would: the exact extremes travel with the counts."""
    merged = Histogram.from_bytes(histogram_of(left).to_bytes())
    merged.merge(Histogram.from_bytes(histogram_of(right).to_bytes()))

    assert histogram_of(left + right).percentile(q) == merged.percentile(q)


@settings(max_examples=40, deadline=None)
@given(value_lists)
def test_counts_are_hdrhistograms(counted: list[int]) -> None:
    """Each bucket holds as many values as in PyPI's hdrhistogram."""
    oracle = _oracle_of(counted)
    index, count = histogram_of(counted).to_sparse()
    expected = {i: n for i, n in enumerate(oracle.counts) if n}

    assert expected == dict(zip(index, count, strict=True))


@settings(max_examples=20, deadline=None)
@given(value_lists, value_lists)
def test_merges_are_hdrhistograms(left: list[int], right: list[int]) -> None:
    """A merge holds the counts that PyPI's hdrhistogram's does."""
    oracle = _oracle_of(left)
    oracle.add(_oracle_of(right))
    merged = histogram_of(left)
    merged.merge(histogram_of(right))
    expected = {i: n for i, n in enumerate(oracle.counts) if n}

    assert expected == dict(zip(*merged.to_sparse(), strict=True))


@given(st.lists(st.one_of(values, outliers), max_size=600), st.integers(0, 600))
def test_one_by_one_is_all_at_once(counted: list[int], split: int) -> None:
    """Single and vectorised recording, in any mixture, give the same histogram."""
    mixed = Histogram()
    for us in counted[:split]:
        mixed.record(us)
    mixed.record_many(np.array(counted[split:], dtype=np.int64))

    assert histogram_of(counted) == mixed


@given(st.lists(st.one_of(values, outliers), max_size=300))
def test_nothing_is_dropped(counted: list[int]) -> None:
    """Every value is counted: in range, above or below it."""
    hist = histogram_of(counted)

    assert sum(us < 0 for us in counted) == hist.underflow
    assert sum(us > MAX_US for us in counted) == hist.overflow
    assert len(counted) == hist.n + hist.underflow + hist.overflow


@given(st.lists(values, min_size=1, max_size=600))
def test_sum_and_extremes_are_exact(counted: list[int]) -> None:
    """Sum, mean, minimum and maximum are those of the values, not of the buckets."""
    hist = histogram_of(counted)
    expected = (sum(counted), min(counted), max(counted), sum(counted) / len(counted))

    assert expected == (hist.sum_us, hist.min_us, hist.max_us, hist.mean_us)


def test_an_empty_histogram_has_no_numbers() -> None:
    """Without values, sums are 0 and everything else is None."""
    hist = Histogram()

    assert (0, 0, None, None, None, None) == (
        hist.n,
        hist.sum_us,
        hist.min_us,
        hist.max_us,
        hist.mean_us,
        hist.percentile(50),
    )


@given(histograms, histograms)
def test_merging_commutes(left: Histogram, right: Histogram) -> None:
    """a + b equals b + a."""
    one, other = left.copy(), right.copy()
    one.merge(right)
    other.merge(left)

    assert one == other


@given(histograms, histograms, histograms)
def test_merging_associates(a: Histogram, b: Histogram, c: Histogram) -> None:
    """(a + b) + c equals a + (b + c)."""
    left, tail, right = a.copy(), b.copy(), a.copy()
    left.merge(b)
    left.merge(c)
    tail.merge(c)
    right.merge(tail)

    assert left == right


@given(value_lists, value_lists)
def test_a_merge_is_the_histogram_of_all_values(left: list[int], right: list[int]) -> None:
    """Merging loses nothing: it equals recording everything in one place."""
    merged = histogram_of(left)
    merged.merge(histogram_of(right))

    assert histogram_of(left + right) == merged


def test_merging_with_itself_doubles() -> None:
    """A histogram may be merged into itself."""
    hist = histogram_of([1, 2, 3_000_000])
    hist.merge(hist)

    assert histogram_of([1, 2, 3_000_000] * 2) == hist


def test_a_merge_shares_nothing() -> None:
    """Recording after a merge or a copy changes one histogram only."""
    source = histogram_of([10, 20])
    into = Histogram()
    into.merge(source)
    into.record(10)
    twin = source.copy()
    twin.record_many(np.full(300, 20))

    assert histogram_of([10, 20]) == source


@given(histograms)
def test_bytes_keep_everything(hist: Histogram) -> None:
    """A histogram comes back from its bytes as it was, out-of-range counts included."""
    assert hist == Histogram.from_bytes(hist.to_bytes())


@given(value_lists)
def test_sparse_counts_come_back(counted: list[int]) -> None:
    """Bucket counts survive the sparse form; the exact values are estimated within 1/1024."""
    hist = histogram_of(counted)
    back = Histogram.from_sparse(*hist.to_sparse())

    assert hist.to_sparse() == back.to_sparse()
    assert abs(hist.sum_us - back.sum_us) <= hist.sum_us / 1024
    for ours, theirs in ((hist.percentile(99), back.percentile(99)), (hist.max_us, back.max_us)):
        assert (ours is None) == (theirs is None)
        assert (ours or 0) <= (theirs or 0) <= (ours or 0) * (1 + 1 / 1024)


@given(value_lists.filter(bool), PERCENTILES)
def test_sparse_counts_with_their_extremes_have_exact_percentiles(counted: list[int], q: float) -> None:
    """Where the extremes are known beside the counts, nothing is estimated but the sum."""
    hist = histogram_of(counted)
    back = Histogram.from_sparse(*hist.to_sparse(), (min(counted), max(counted)))

    assert (hist.min_us, hist.max_us, hist.percentile(q)) == (back.min_us, back.max_us, back.percentile(q))


@pytest.mark.parametrize("extremes_us", [(2_999, 5_000), (3_000, 5_004), (3_000, 4_000)])
def test_extremes_of_other_buckets_are_refused(extremes_us: tuple[int, int]) -> None:
    """They must lie in the first and the last bucket that hold something."""
    with pytest.raises(ValueError, match="outer buckets"):
        Histogram.from_sparse(*histogram_of([3_000, 5_000]).to_sparse(), extremes_us)


@pytest.mark.parametrize(
    ("index", "count", "problem"),
    [([1, 2], [1], "shape"), ([2, 1], [1, 1], "rise"), ([1], [0], "at least 1"), ([-1], [1], "0..")],
)
def test_sparse_nonsense_is_refused(index: list[int], count: list[int], problem: str) -> None:
    """Indices and counts that describe no histogram are an error that says why."""
    with pytest.raises(ValueError, match=problem):
        Histogram.from_sparse(index, count)


@given(value_lists, PERCENTILES, st.integers(0, 50))
def test_losses_count_as_infinite(counted: list[int], q: float, lost: int) -> None:
    """A percentile including losses is infinite exactly when more than 100 - q per cent is lost."""
    total = len(counted) + lost
    actual = histogram_of(counted).percentile_incl_lost(q, lost)
    infinite = bool(lost) and (Fraction(repr(q)) * total > 100 * len(counted) or not counted)

    assert (infinite if total else None) == (None if actual is None else math.isinf(actual))


@given(value_lists, PERCENTILES)
def test_without_loss_the_percentile_stays(counted: list[int], q: float) -> None:
    """Including no losses changes nothing."""
    hist = histogram_of(counted)

    assert hist.percentile(q) == hist.percentile_incl_lost(q, 0)


@pytest.mark.parametrize(("lost", "infinite"), [(10, False), (11, True)])
def test_one_per_cent_lost_is_the_limit_of_p99(lost: int, infinite: bool) -> None:
    """p99 including losses is finite at 1 % lost and infinite above."""
    value = histogram_of([1_000] * (1_000 - lost)).percentile_incl_lost(99, lost)

    assert infinite == (value == math.inf)


def test_values_above_the_range_are_infinitely_late() -> None:
    """What took longer than an hour counts with the losses, unless told otherwise."""
    hist = histogram_of([1_000] * 9 + [MAX_US + 1])

    assert math.inf == hist.percentile_incl_lost(99, 0)
    assert hist.percentile_incl_lost(99, 0, overflow_is_lost=False) == 1_000


@pytest.mark.parametrize("q", [-0.1, 100.1, math.nan])
def test_a_percentile_out_of_range_is_refused(q: float) -> None:
    """Percentiles below 0 or above 100 are an error."""
    with pytest.raises(ValueError, match=r"0\.\.100"):
        histogram_of([1]).percentile(q)


def test_a_negative_loss_is_refused() -> None:
    """A negative number of losses is an error."""
    with pytest.raises(ValueError, match="0 or more"):
        histogram_of([1]).percentile_incl_lost(50, -1)


def test_fractions_are_refused() -> None:
    """Only whole microseconds are counted."""
    with pytest.raises(TypeError, match="whole microseconds"):
        Histogram().record_many(np.array([1.5]))  # type: ignore[arg-type]


def test_unsigned_values_above_int64_overflow() -> None:
    """Unsigned numbers too large for a signed one are counted as overflow, not wrapped."""
    hist = Histogram()
    hist.record_many(np.array([2**64 - 1, 5], dtype=np.uint64))

    assert (1, 1, 0) == (hist.n, hist.overflow, hist.underflow)


def test_buckets_give_values_and_counts() -> None:
    """The buckets that hold something are given with the value that stands for each."""
    us, count = histogram_of([3, 3, 2_049]).buckets()

    assert ([3, 2_049], [2, 1]) == (us.tolist(), count.tolist())


def test_a_histogram_differs_from_other_things() -> None:
    """Comparing with something else is False, not an error."""
    assert Histogram() != 3


def test_the_text_shows_what_matters() -> None:
    """The representation gives n, extremes and out-of-range counts."""
    assert repr(histogram_of([5, 9, -1])) == "Histogram(n=2, min_us=5, max_us=9, overflow=0, underflow=1)"


def test_a_few_values_take_little_memory() -> None:
    """A histogram's arrays hold 10 bytes for each bucket in use, and a small constant."""
    hist = histogram_of([900, 1_500, 200_000])
    parts = hist.parts()
    own = sys.getsizeof(hist) + sys.getsizeof(parts.index) + sys.getsizeof(parts.count)

    assert parts.index.nbytes + parts.count.nbytes == 30
    assert own < 600


def test_bucket_counts_too_many_for_a_sum_of_64_bits_are_summed_exactly() -> None:
    """Where counts times values could wrap, whole numbers of any size do it."""
    last = int(Histogram.index_of(np.array([MAX_US]))[0])
    hist = Histogram.from_sparse([0, last], [1, 1 << 40])

    assert int(Histogram.value_of(np.array([last]), "middle")[0]) << 40 == hist.sum_us


def test_buckets_lie_in_rooms_of_few_sizes():
    """However a histogram grows, its arrays are powers of two long: ten sizes up to a thousand buckets."""
    hist = Histogram()
    rooms = set()
    for us in range(1000):
        one = Histogram()
        one.record(us)
        hist.merge(one)
        rooms.add(hist._count.base.size)
        assert hist._index.base.size == hist._count.base.size < 2 * (us + 1) + 1

    assert rooms == {2**n for n in range(11)}
    assert hist.to_sparse() == (list(range(1000)), [1] * 1000)
