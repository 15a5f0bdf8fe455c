"""Which of some numbers are among others: asked several times of every emission, most of which few people see.

``numpy.isin`` chooses between two methods first, which for a handful of numbers takes longer than either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 256


def among(values: NDArray[np.signedinteger[Any]], pool: NDArray[np.signedinteger[Any]]) -> NDArray[np.bool_]:
    """As ``numpy.isin``.

    Args:
        values: asked about, shape (n,).
        pool: in any order, shape (m,).

    Returns:
        Whether each value is in the pool, shape (n,).
    """
    if len(values) > _FEW or len(pool) > _FEW:
        return np.isin(values, pool)
    if not len(pool):
        return np.zeros(len(values), dtype=np.bool_)
    rising = np.sort(pool)
    place = rising.searchsorted(values)
    place[place == len(rising)] = 0
    found: NDArray[np.bool_] = rising[place] == values
    return found
