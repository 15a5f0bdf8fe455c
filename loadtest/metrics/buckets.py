"""The bucket layout of a histogram: which microsecond value falls into which bucket, and back.

Log-linear, as HdrHistogram (Tene, https://hdrhistogram.org) lays out ``Histogram(1, 3_600_000_000, 3)``: values below
2048 have a bucket each; above, every power of two is cut into 1024 equal buckets, so that a bucket is never wider than
1/1024 of its values.
With ``b = max(bit_length(value) - 11, 0)`` the bucket's index is ``1024 * b + (value >> b)``.
Equal layouts make histograms add exactly, bucket by bucket.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

MAX_US: Final = 3_600_000_000
"""The largest value that has a bucket: one hour in microseconds."""

_HALF_BITS: Final = 10
_HALF: Final = 1 << _HALF_BITS
_MANTISSA_BITS: Final = 52
_OFFSET: Final = (1023 + _HALF_BITS - 1) << _HALF_BITS

Edge = Literal["lowest", "middle", "highest"]


def index_of(us: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket of each value.

    Args:
        us: values in microseconds, any shape, each in 0..:data:`MAX_US`.

    Returns:
        Bucket indices in the same shape, each in 0..:data:`SIZE` - 1.

    Raises:
        ValueError: a value lies outside the range.
    """
    values = np.asarray(us, dtype=np.int64)
    if values.size and (values.min() < 0 or values.max() > MAX_US):
        raise ValueError(f"values must lie in 0..{MAX_US} us, got {values.min()}..{values.max()}")
    return index_of_unchecked(values)


def index_of_unchecked(us: NDArray[np.int64]) -> NDArray[np.int64]:
    """As :func:`index_of`, for values already known to lie in range."""
    # a float64 is log-linear itself: its exponent and ten leading digits are the index, but for an offset; exact, as
    # every value in range is a whole float64
    logarithmic = (us.astype(np.float64).view(np.int64) >> (_MANTISSA_BITS - _HALF_BITS)) - _OFFSET
    return np.where(us < _HALF, us, logarithmic)


SIZE: Final = int(index_of_unchecked(np.array([MAX_US], dtype=np.int64))[0]) + 1
"""How many buckets there are."""


def value_of(index: NDArray[np.integer], edge: Edge = "highest") -> NDArray[np.int64]:
    """The value that stands for each bucket.

    Args:
        index: bucket indices, any shape, each in 0..:data:`SIZE` - 1.
        edge: the ``lowest`` or ``highest`` value of the bucket, or its ``middle`` (rounded down).

    Returns:
        Values in microseconds in the same shape.

    Raises:
        ValueError: an index lies outside the layout.
    """
    indices = np.asarray(index, dtype=np.int64)
    if indices.size and (indices.min() < 0 or indices.max() >= SIZE):
        raise ValueError(f"bucket indices must lie in 0..{SIZE - 1}, got {indices.min()}..{indices.max()}")
    shift = np.maximum((indices >> _HALF_BITS) - 1, 0)
    lowest: NDArray[np.int64] = (indices - (shift << _HALF_BITS)) << shift
    if edge == "lowest":
        return lowest
    width: NDArray[np.int64] = np.left_shift(1, shift, dtype=np.int64)
    return lowest + (width - 1 if edge == "highest" else width >> 1)
