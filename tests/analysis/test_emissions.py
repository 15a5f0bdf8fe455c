"""Emissions as samples: how many, and when their last receiver had them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from loadtest.analysis.emissions import Emissions, pool_of
from loadtest.analysis.series import Series
from loadtest.analysis.windows import timeline
from tests.analysis.builders import FIRST, US, RunBuilder

EVENT = "conversation.typing_on"
SUBJECT = "conversation.typing_on|1|100|contact:1"


def _read(run: RunBuilder) -> tuple[Emissions, Series, np.ndarray]:
    data = run.build()
    return Emissions.of(data), Series(data), timeline(data).hold


def test_a_subject_that_recurs_is_several_emissions() -> None:
    """What has no mark of its own is told apart by its due time."""
    run = RunBuilder(hold=20).users()
    for window in run.held:
        run.closing(window, SUBJECT, EVENT, "agent", emitted=1, expected=1, delivered=1)
    emissions, series, hold = _read(run)

    assert 20 == emissions.count(EVENT, "agent", hold, series)


def test_workers_and_corrections_of_one_emission_are_one() -> None:
    """Whoever tells of it, and however often."""
    run = RunBuilder(hold=20).users()
    for worker, last_us in (("w1", 5_000), ("w2", 9_000)):
        values = {"worker": worker, "expected": 1, "delivered": 1, "first_us": 1_000, "last_us": last_us}
        run.closing(run.held[0], "m1", EVENT, "agent", **values)
    emissions, series, hold = _read(run)
    last = emissions.last(EVENT, "agent", hold)
    assert last is not None

    assert (1, 1, 9_000) == (emissions.count(EVENT, "agent", hold, series), last.n, last.max_us)


def test_an_emission_that_somebody_lost_has_no_last_receiver() -> None:
    """It counts as infinitely slow; one whose receivers were cut is left out."""
    run = RunBuilder(hold=400).users()
    outcomes = {
        "delivered": {"delivered": 2},
        "lost": {"delivered": 1, "lost": 1},
        "cut": {"delivered": 1, "cut_by_peer": 1},
    }
    for number, window in enumerate(run.held):
        outcome = outcomes["lost" if number < 10 else "cut" if number < 20 else "delivered"]
        run.closing(window, f"m{number}", EVENT, "agent", expected=2, first_us=1_000, last_us=2_000, **outcome)
    emissions, _, hold = _read(run)
    last = emissions.last(EVENT, "agent", hold)
    assert last is not None

    assert (380, math.inf) == (last.n, last.percentile_incl_lost(0.99).value)


def test_without_receivers_there_is_no_last_one() -> None:
    """Records that tell of nobody who heard, or should have, tell of no latency."""
    run = RunBuilder(hold=20).users().closing(6, "m1", EVENT, "agent", expected=1, undetermined=1)
    emissions, _, hold = _read(run)

    assert emissions.last(EVENT, "agent", hold) is None


def test_what_all_lost_is_infinitely_slow() -> None:
    """Nobody ever heard any of it: no latency, and a percentile with its losses in."""
    run = RunBuilder(hold=300).users()
    for number, window in enumerate(run.held):
        run.closing(window, f"m{number}", EVENT, "agent", expected=2, lost=2)
    emissions, _, hold = _read(run)
    last = emissions.last(EVENT, "agent", hold)
    assert last is not None

    assert (0, None, math.inf) == (last.n, last.percentile(0.99).value, last.percentile_incl_lost(0.99).value)


def test_a_run_without_records_counts_what_was_emitted() -> None:
    """Presence beats leave no closing records."""
    run = RunBuilder(hold=20).users()
    for window in run.held:
        run.count(window, "delivery.emitted", 3, "presence.update")
    emissions, series, hold = _read(run)

    assert 60 == emissions.count("presence.update", "agent", hold, series)


def test_a_pool_holds_what_lies_in_its_windows() -> None:
    """Values of other windows, and losses there, do not count."""
    windows = np.arange(FIRST, FIRST + 20)
    places = pd.Series([FIRST - 1, FIRST, FIRST + 3, FIRST + 20])
    pool = pool_of(pd.Series([9 * US, 10, 30, 9 * US]), places, windows, pd.Series([FIRST - 1, FIRST + 2]))

    assert (2, 30) == (pool.n, pool.max_us)


def test_a_pool_of_nothing_is_empty() -> None:
    """No emission, no number."""
    pool = pool_of(pd.Series([], dtype=float), pd.Series([], dtype=float), np.arange(3))

    assert (0, None) == (pool.n, pool.percentile(0.5).value)
