"""The slope of memory, on levels that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.bench.soak import BOUND_MB_H, slope


def levels(mb_per_h: float, seed: int = 1) -> pd.DataFrame:
    """Half an hour of readings each second around 100 MB, which follow one another (lag-1 correlation 0.9)."""
    noise = np.random.default_rng(seed).normal(0.0, 0.02, 1800)
    for n in range(1, 1800):
        noise[n] += 0.9 * noise[n - 1]
    at_s = np.arange(1800.0)
    value = (100.0 + mb_per_h * at_s / 3600 + noise) * 1e6
    return pd.DataFrame({"at_s": at_s, "name": "generator.rss_bytes", "worker": "w", "value": value})


def test_growth_is_found() -> None:
    """Ten megabytes an hour are, within a tenth, and beyond the bound."""
    found = slope(levels(10.0), "generator.rss_bytes", 300.0, 1800.0)

    assert found.mb_per_h == pytest.approx(10.0, abs=1.0)
    assert found.upper_mb_per_h > BOUND_MB_H


def test_none_is_below_the_bound() -> None:
    """Flat memory keeps it, for nineteen of twenty seeds at least."""
    kept = [
        slope(levels(0.0, seed), "generator.rss_bytes", 300.0, 1800.0).upper_mb_per_h < BOUND_MB_H for seed in range(20)
    ]

    assert sum(kept) >= 19


def test_a_warm_up_is_left_out() -> None:
    """What fills up in the first five minutes is no slope of those after it."""
    filling = levels(0.0)
    filling["value"] += np.minimum(filling["at_s"], 290.0) * 1e6
    found = slope(filling, "generator.rss_bytes", 300.0, 1800.0)

    assert found.upper_mb_per_h < BOUND_MB_H


def test_blocks_tell_where_it_grew() -> None:
    """The level of each of the twenty blocks, in their order."""
    found = slope(levels(10.0), "generator.rss_bytes", 300.0, 1800.0)

    assert len(found.medians_mb) == found.blocks == 20
    assert found.medians_mb[-1] - found.medians_mb[0] == pytest.approx(10.0 * 1425 / 3600, abs=0.4)
