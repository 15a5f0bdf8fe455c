"""Which numbers are among others, compared with numpy's own answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.collect.membership import among

NUMBERS = st.lists(st.integers(-5, 40), max_size=30)


@given(values=NUMBERS, pool=NUMBERS)
def test_equals_numpy(values: list[int], pool: list[int]) -> None:
    """Any values and any pool, with repetitions and in any order."""
    asked, there = np.array(values, dtype=np.int64), np.array(pool, dtype=np.int32)

    assert np.isin(asked, there).tolist() == among(asked, there).tolist()


@pytest.mark.parametrize(("low", "high"), [(0, 1000), (-40, 1000), (0, 10**12), (-(10**12), 10**12)])
@pytest.mark.parametrize(("values", "pool"), [(300, 3), (3, 300), (300, 300), (0, 300), (300, 0)])
def test_many_are_answered_alike(values: int, pool: int, low: int, high: int) -> None:
    """Beyond a few too, whether a table can hold them or not; seed 7."""
    random = np.random.default_rng(7)
    asked, there = random.integers(low, high, values), random.integers(low, high, pool)
    beyond = np.concatenate([asked, there[: values // 2], [low - 1, high, -1]]) if values else asked

    assert np.isin(beyond, there).tolist() == among(beyond, there).tolist()
    assert np.isin(beyond, there[there >= 0]).tolist() == among(beyond, there[there >= 0]).tolist()
