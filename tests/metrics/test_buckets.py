"""The bucket layout, against HdrHistogram's."""

from __future__ import annotations

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given

from loadtest.metrics import buckets
from tests.metrics.strategies import values

ORACLE = HdrHistogram(1, buckets.MAX_US, 3)


@given(values)
def test_index_is_hdrhistograms(us: int) -> None:
    """Every value falls into the bucket that PyPI's hdrhistogram puts it in."""
    actual = int(buckets.index_of(np.array([us]))[0])

    assert ORACLE.get_counts_array_index(us) == actual


@given(values)
def test_edges_are_hdrhistograms(us: int) -> None:
    """A bucket's lowest and highest value are those of PyPI's hdrhistogram."""
    index = buckets.index_of(np.array([us]))
    actual = int(buckets.value_of(index, "lowest")[0]), int(buckets.value_of(index, "highest")[0])

    assert (ORACLE.get_lowest_equivalent_value(us), ORACLE.get_highest_equivalent_value(us)) == actual


def test_buckets_tile_the_range() -> None:
    """Each bucket begins right after the one before it, and the last one holds the largest value."""
    index = np.arange(buckets.SIZE)
    lowest, highest = buckets.value_of(index, "lowest"), buckets.value_of(index, "highest")

    assert np.array_equal(lowest[1:], highest[:-1] + 1)
    assert lowest[0] == 0
    assert lowest[-1] <= buckets.MAX_US <= highest[-1]


def test_width_is_within_three_digits() -> None:
    """No bucket is wider than 1/1024 of its values."""
    index = np.arange(buckets.SIZE)
    lowest, highest = buckets.value_of(index, "lowest"), buckets.value_of(index, "highest")

    assert ((highest - lowest) * 1024 <= lowest).all()


def test_middle_lies_inside() -> None:
    """A bucket's middle is one of its values."""
    index = np.arange(buckets.SIZE)

    assert np.array_equal(index, buckets.index_of(np.minimum(buckets.value_of(index, "middle"), buckets.MAX_US)))


def test_shape_is_kept() -> None:
    """Indices come in the shape of the values."""
    assert buckets.index_of(np.zeros((2, 3), dtype=np.int64)).shape == (2, 3)


@pytest.mark.parametrize("us", [-1, buckets.MAX_US + 1])
def test_index_of_refuses_what_has_no_bucket(us: int) -> None:
    """A value out of range is an error that names the range."""
    with pytest.raises(ValueError, match=r"0\.\.3600000000 us"):
        buckets.index_of(np.array([us]))


@pytest.mark.parametrize("index", [-1, buckets.SIZE])
def test_value_of_refuses_what_is_no_bucket(index: int) -> None:
    """An index out of the layout is an error that names the layout."""
    with pytest.raises(ValueError, match=f"0..{buckets.SIZE - 1}"):
        buckets.value_of(np.array([index]))
