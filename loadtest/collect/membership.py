"""Which of some numbers are among others: asked several times of every emission, most of which few people see.

``numpy.isin`` chooses between two methods first, which for a handful of numbers takes longer than either. Epochs and
identities are numbered from 0, so that of many of them a table tells which are there, in a tenth of its time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 256
_TABLE_AT_MOST = 8  # bytes of a table, for each number that is asked about or looked in


def among(values: NDArray[np.signedinteger[Any]], pool: NDArray[np.signedinteger[Any]]) -> NDArray[np.bool_]:
    """As ``numpy.isin``.

    Args:
        values: asked about, shape (n,).
        pool: in any order, shape (m,).

    Returns:
        Whether each value is in the pool, shape (n,).
    """
    if len(values) > _FEW or len(pool) > _FEW:
        return _many_among(values, pool)
    if not len(pool):
        return np.zeros(len(values), dtype=np.bool_)
    rising = np.sort(pool)
    place = rising.searchsorted(values)
    place[place == len(rising)] = 0
    found: NDArray[np.bool_] = rising[place] == values
    return found


def _many_among(values: NDArray[np.signedinteger[Any]], pool: NDArray[np.signedinteger[Any]]) -> NDArray[np.bool_]:
    top = int(pool.max(initial=-1))
    if top >= _TABLE_AT_MOST * (len(values) + len(pool)) or pool.min(initial=0) < 0:
        return np.isin(values, pool)
    there = np.zeros(top + 2, dtype=np.bool_)
    there[pool] = True
    found: NDArray[np.bool_] = there[np.maximum(np.minimum(values, top + 1), -1)]  # both ends are the last: not there
    return found
