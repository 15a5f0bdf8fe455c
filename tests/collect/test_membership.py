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


@pytest.mark.parametrize(("values", "pool"), [(300, 3), (3, 300), (300, 300)])
def test_many_are_answered_alike(values: int, pool: int) -> None:
    """Beyond a few it is numpy's own work; seed 7."""
    random = np.random.default_rng(7)
    asked, there = random.integers(0, 1000, values), random.integers(0, 1000, pool)

    assert np.isin(asked, there).tolist() == among(asked, there).tolist()
